//===- Attributes.cpp - Attributes of StableHLO ops ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// StableHLO's own attributes are read from their printed text: an opaque
// attribute of an unregistered dialect prints as the registered one does.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::qmm;

/// The attribute, or a diagnostic that it is missing.
static FailureOr<Attribute> getRequired(Operation *op, StringRef name) {
  Attribute attribute = op->getAttr(name);
  if (!attribute)
    return op->emitOpError("lacks attribute '") << name << "'";
  return attribute;
}

InFlightDiagnostic mlir::qmm::emitMalformed(Operation *op, StringRef name,
                                            StringRef found,
                                            StringRef expected) {
  return op->emitOpError("attribute '")
         << name << "' is '" << found << "', expected " << expected;
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

static std::optional<SmallVector<int64_t>> getIntegers(Attribute attribute) {
  if (auto array = dyn_cast<DenseI64ArrayAttr>(attribute))
    return llvm::to_vector(array.asArrayRef());
  SmallVector<int64_t> integers;
  if (auto elements = dyn_cast<DenseIntElementsAttr>(attribute)) {
    if (elements.getElementType().getIntOrFloatBitWidth() > 64)
      return std::nullopt;
    for (const APInt &value : elements.getValues<APInt>())
      integers.push_back(value.getSExtValue());
    return integers;
  }
  auto array = dyn_cast<ArrayAttr>(attribute);
  if (!array)
    return std::nullopt;
  for (Attribute element : array) {
    auto integer = dyn_cast<IntegerAttr>(element);
    if (!integer || integer.getValue().getSignificantBits() > 64)
      return std::nullopt;
    integers.push_back(integer.getValue().getSExtValue());
  }
  return integers;
}

FailureOr<SmallVector<int64_t>> mlir::qmm::readIntegers(Operation *op,
                                                        StringRef name) {
  FailureOr<Attribute> attribute = getRequired(op, name);
  if (failed(attribute))
    return failure();
  std::optional<SmallVector<int64_t>> integers = getIntegers(*attribute);
  if (!integers)
    return emitMalformed(op, name, debugString(*attribute),
                         "a list of integers");
  return std::move(*integers);
}

FailureOr<SmallVector<int64_t>>
mlir::qmm::readIntegers(Operation *op, StringRef name, int64_t count) {
  FailureOr<SmallVector<int64_t>> integers = readIntegers(op, name);
  if (succeeded(integers) && int64_t(integers->size()) != count)
    return emitMalformed(op, name, debugString(op->getAttr(name)),
                         std::to_string(count) + " integers");
  return integers;
}

FailureOr<int64_t> mlir::qmm::readInteger(Operation *op, StringRef name) {
  FailureOr<Attribute> attribute = getRequired(op, name);
  if (failed(attribute))
    return failure();
  auto integer = dyn_cast<IntegerAttr>(*attribute);
  if (!integer || integer.getValue().getSignificantBits() > 64)
    return emitMalformed(op, name, debugString(*attribute), "an integer");
  return integer.getValue().getSExtValue();
}

//===----------------------------------------------------------------------===//
// Printed text
//===----------------------------------------------------------------------===//

/// Words, integers and punctuation of an attribute's text.
namespace {
class TextReader {
public:
  explicit TextReader(StringRef text) : rest(text) {}

  bool consume(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }
  StringRef word() {
    rest = rest.ltrim();
    StringRef word =
        rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    rest = rest.drop_front(word.size());
    return word;
  }
  /// `[1, 2]`; nullopt if it isn't.
  std::optional<SmallVector<int64_t>> integers() {
    SmallVector<int64_t> values;
    if (!consume("["))
      return std::nullopt;
    if (consume("]"))
      return values;
    do {
      int64_t value;
      rest = rest.ltrim();
      if (rest.consumeInteger(10, value))
        return std::nullopt;
      values.push_back(value);
    } while (consume(","));
    if (!consume("]"))
      return std::nullopt;
    return values;
  }
  bool atEnd() { return rest.trim().empty(); }

private:
  StringRef rest;
};
} // namespace

FailureOr<std::string> mlir::qmm::readEnum(Operation *op, StringRef name,
                                           StringRef kind,
                                           ArrayRef<StringRef> expected) {
  FailureOr<Attribute> attribute = getRequired(op, name);
  if (failed(attribute))
    return failure();
  std::string text = debugString(*attribute);
  TextReader reader(text);
  if (reader.consume("#stablehlo<") && reader.word() == kind) {
    StringRef value = reader.word();
    if (reader.consume(">") && reader.atEnd() &&
        llvm::is_contained(expected, value))
      return value.str();
  }
  return emitMalformed(
      op, name, text,
      ("#stablehlo<" + kind + " X> with X one of " + llvm::join(expected, ", "))
          .str());
}

FailureOr<DotDimensions> mlir::qmm::readDotDimensions(Operation *op,
                                                      StringRef name) {
  FailureOr<Attribute> attribute = getRequired(op, name);
  if (failed(attribute))
    return failure();
  std::string text = debugString(*attribute);
  auto malformed = [&] {
    return emitMalformed(
        op, name, text,
        "#stablehlo.dot<lhs_batching_dimensions = [...], "
        "rhs_batching_dimensions = [...], lhs_contracting_dimensions = [...], "
        "rhs_contracting_dimensions = [...]>");
  };
  TextReader reader(text);
  DotDimensions dims;
  // The second is how a name in two parts is spelled that isn't an identifier.
  bool isPretty = reader.consume("#stablehlo.dot<");
  if (!isPretty && !reader.consume("#stablehlo<dot<"))
    return malformed();
  if (!reader.consume(">")) {
    llvm::SmallSet<StringRef, 4> seen;
    do {
      StringRef key = reader.word();
      SmallVector<int64_t> *list = dims.getList(key);
      if (!list || !seen.insert(key).second || !reader.consume("="))
        return malformed();
      std::optional<SmallVector<int64_t>> integers = reader.integers();
      if (!integers)
        return malformed();
      *list = std::move(*integers);
    } while (reader.consume(","));
    if (!reader.consume(">"))
      return malformed();
  }
  if ((!isPretty && !reader.consume(">")) || !reader.atEnd())
    return malformed();
  return dims;
}
