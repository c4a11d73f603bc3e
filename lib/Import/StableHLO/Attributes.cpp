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
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::qmm;

static std::string getText(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  attribute.print(stream);
  return text;
}

/// The attribute, or a diagnostic that it is missing.
static FailureOr<Attribute> getRequired(Operation *op, StringRef name) {
  Attribute attribute = op->getAttr(name);
  if (!attribute)
    return op->emitOpError("lacks attribute '") << name << "'";
  return attribute;
}

static InFlightDiagnostic emitMalformed(Operation *op, StringRef name,
                                        StringRef found, StringRef expected) {
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
    return emitMalformed(op, name, getText(*attribute), "a list of integers");
  return std::move(*integers);
}

FailureOr<SmallVector<int64_t>>
mlir::qmm::readIntegers(Operation *op, StringRef name, int64_t count) {
  FailureOr<SmallVector<int64_t>> integers = readIntegers(op, name);
  if (succeeded(integers) && int64_t(integers->size()) != count)
    return emitMalformed(op, name, getText(op->getAttr(name)),
                         std::to_string(count) + " integers");
  return integers;
}

FailureOr<int64_t> mlir::qmm::readInteger(Operation *op, StringRef name) {
  FailureOr<Attribute> attribute = getRequired(op, name);
  if (failed(attribute))
    return failure();
  auto integer = dyn_cast<IntegerAttr>(*attribute);
  if (!integer || integer.getValue().getSignificantBits() > 64)
    return emitMalformed(op, name, getText(*attribute), "an integer");
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
  std::string text = getText(*attribute);
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

static SmallVector<int64_t> *getList(DotDimensions &dims, StringRef name) {
  if (name == "lhs_batching_dimensions" || name == "lhs_batch_dimensions")
    return &dims.lhsBatch;
  if (name == "rhs_batching_dimensions" || name == "rhs_batch_dimensions")
    return &dims.rhsBatch;
  if (name == "lhs_contracting_dimensions")
    return &dims.lhsContracting;
  if (name == "rhs_contracting_dimensions")
    return &dims.rhsContracting;
  return nullptr;
}

FailureOr<DotDimensions> mlir::qmm::readDotDimensions(Operation *op,
                                                      StringRef name) {
  FailureOr<Attribute> attribute = getRequired(op, name);
  if (failed(attribute))
    return failure();
  std::string text = getText(*attribute);
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
      SmallVector<int64_t> *list = getList(dims, key);
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

//===----------------------------------------------------------------------===//
// Dimension numbers
//===----------------------------------------------------------------------===//

SmallVector<int64_t> DotDimensions::getFree(int64_t rank,
                                            ArrayRef<int64_t> batch,
                                            ArrayRef<int64_t> contracting) {
  SmallVector<int64_t> free;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(batch, dim) &&
        !llvm::is_contained(contracting, dim))
      free.push_back(dim);
  return free;
}

/// Are the numbers of one side distinct dimensions of `type`?
static LogicalResult verifySide(Operation *op, StringRef side,
                                RankedTensorType type, ArrayRef<int64_t> batch,
                                ArrayRef<int64_t> contracting) {
  llvm::SmallSet<int64_t, 8> seen;
  for (int64_t dim : llvm::concat<const int64_t>(batch, contracting)) {
    if (dim < 0 || dim >= type.getRank())
      return op->emitOpError("names dimension ")
             << dim << " of its " << side << ", " << type << ", expected 0 to "
             << type.getRank() - 1;
    if (!seen.insert(dim).second)
      return op->emitOpError("names dimension ")
             << dim << " of its " << side << " twice, expected once";
  }
  return success();
}

LogicalResult mlir::qmm::verifyDotDimensions(Operation *op,
                                             const DotDimensions &dims,
                                             RankedTensorType lhs,
                                             RankedTensorType rhs,
                                             RankedTensorType result) {
  if (failed(verifySide(op, "left operand", lhs, dims.lhsBatch,
                        dims.lhsContracting)) ||
      failed(verifySide(op, "right operand", rhs, dims.rhsBatch,
                        dims.rhsContracting)))
    return failure();
  auto verifyPairs = [&](StringRef kind, ArrayRef<int64_t> left,
                         ArrayRef<int64_t> right) -> LogicalResult {
    if (left.size() != right.size())
      return op->emitOpError("has ")
             << left.size() << " " << kind << " dimensions on the left and "
             << right.size() << " on the right, expected as many";
    for (auto [l, r] : llvm::zip_equal(left, right))
      if (failed(verifyCompatibleShape(lhs.getDimSize(l), rhs.getDimSize(r))))
        return op->emitOpError("has ")
               << kind << " dimensions of extents " << lhs.getDimSize(l)
               << " and " << rhs.getDimSize(r) << ", expected equal extents";
    return success();
  };
  if (failed(verifyPairs("batch", dims.lhsBatch, dims.rhsBatch)) ||
      failed(
          verifyPairs("contracting", dims.lhsContracting, dims.rhsContracting)))
    return failure();

  SmallVector<int64_t> shape;
  for (int64_t dim : dims.lhsBatch)
    shape.push_back(lhs.getDimSize(dim));
  for (int64_t dim : DotDimensions::getFree(lhs.getRank(), dims.lhsBatch,
                                            dims.lhsContracting))
    shape.push_back(lhs.getDimSize(dim));
  for (int64_t dim : DotDimensions::getFree(rhs.getRank(), dims.rhsBatch,
                                            dims.rhsContracting))
    shape.push_back(rhs.getDimSize(dim));
  return verifyShape(op, "the result", result.getShape(), shape);
}

//===----------------------------------------------------------------------===//
// backend_config
//===----------------------------------------------------------------------===//

FailureOr<ScaledDotConfig> mlir::qmm::readScaledDotConfig(Operation *op,
                                                          int64_t lhsRank,
                                                          int64_t rhsRank) {
  static constexpr StringLiteral kName = "backend_config";
  ScaledDotConfig config;
  DotDimensions &dims = config.dims;
  dims.lhsContracting = {lhsRank - 1};
  dims.rhsContracting = {rhsRank - 1};
  if (lhsRank == 3 && rhsRank == 3)
    dims.lhsBatch = dims.rhsBatch = {0};
  Attribute attribute = op->getAttr(kName);
  if (!attribute)
    return config;
  auto text = dyn_cast<StringAttr>(attribute);
  if (!text)
    return emitMalformed(op, kName, getText(attribute), "a string of JSON");
  if (text.getValue().trim().empty())
    return config;
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(text.getValue());
  if (!parsed)
    return emitMalformed(op, kName, text.getValue(),
                         "JSON: " + toString(parsed.takeError()));
  auto malformed = [&](const Twine &expected) {
    return emitMalformed(op, kName, text.getValue(), expected.str());
  };
  const llvm::json::Object *root = parsed->getAsObject();
  if (!root)
    return malformed("an object");
  for (const auto &section : *root) {
    StringRef sectionName = section.first;
    const llvm::json::Object *fields = section.second.getAsObject();
    if (sectionName == "block_scaled_dot_backend_config" && fields) {
      for (const auto &field : *fields) {
        std::optional<int64_t> value = field.second.getAsInteger();
        if (StringRef(field.first) != "block_size" || !value || *value <= 0)
          return malformed("'block_size', a positive integer, alone in '" +
                           sectionName + "'");
        config.blockSize = *value;
      }
      continue;
    }
    if (sectionName != "scaled_dot_backend_config" || !fields)
      return malformed("an object 'scaled_dot_backend_config' or "
                       "'block_scaled_dot_backend_config' in place of '" +
                       sectionName + "'");
    for (const auto &field : *fields) {
      StringRef name = field.first;
      // Element times scale is exact in each of these but F16, and the sum is
      // f32 here.
      if (name == "dequantize_type") {
        std::optional<StringRef> type = field.second.getAsString();
        if (!type || !llvm::is_contained({"BF16", "F16", "F32"}, *type))
          return malformed("a 'dequantize_type' of BF16, F16 or F32");
        continue;
      }
      SmallVector<int64_t> *list = getList(dims, name);
      const llvm::json::Array *array = field.second.getAsArray();
      if (!list || !array)
        return malformed("{lhs,rhs}_{batch,contracting}_dimensions or "
                         "dequantize_type in place of '" +
                         name + "'");
      list->clear();
      for (const llvm::json::Value &element : *array) {
        std::optional<int64_t> dim = element.getAsInteger();
        if (!dim)
          return malformed("integers in '" + name + "'");
        list->push_back(*dim);
      }
    }
  }
  return config;
}
