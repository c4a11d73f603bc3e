//===- AsmFormat.cpp - Text of schemes and layouts ------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The grammar is in AsmFormat.h.
//
//===----------------------------------------------------------------------===//
#include "AsmFormat.h"

#include "numerics/Layouts.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::qmm;

/// Every preset of formats with scales.
static constexpr StringLiteral kPresets[] = {
    "fp8",         "fp8_e5m2", "fp8_row",    "fp8_1x128",
    "fp8_128x128", "mxfp8",    "mxfp8_e5m2", "mxfp4",
    "nvfp4",       "int8",     "int8_row",   "int8_128x128"};

std::string qmm::getPresetNames() {
  return llvm::join(ArrayRef(kPresets), ", ");
}

//===----------------------------------------------------------------------===//
// Schemes
//===----------------------------------------------------------------------===//

static Type getElementType(MLIRContext *context, StringRef name) {
  return llvm::StringSwitch<Type>(name)
      .Case("f8E4M3FN", Float8E4M3FNType::get(context))
      .Case("f8E5M2", Float8E5M2Type::get(context))
      .Case("f4E2M1FN", Float4E2M1FNType::get(context))
      .Case("i8", IntegerType::get(context, 8))
      .Default(Type());
}

/// An extent, or `*` (0) for the whole dimension.
static ParseResult parseExtent(AsmParser &parser, int64_t &extent) {
  if (succeeded(parser.parseOptionalStar())) {
    extent = 0;
    return success();
  }
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseInteger(extent))
    return failure();
  if (extent < 1)
    return parser.emitError(loc, "block extent is ")
           << extent << ", expected at least 1, or * for a whole dimension";
  return success();
}

ParseResult qmm::parseScheme(AsmParser &parser, SchemeAttr &scheme) {
  MLIRContext *context = parser.getContext();
  SMLoc loc = parser.getCurrentLocation();
  StringRef name;
  if (failed(parser.parseOptionalKeyword(&name)))
    return parser.emitError(loc, "expected a scheme: one of ")
           << getPresetNames()
           << ", or ELEMENT block = [OUTER, K] scale = TYPE [tensor_scale]";
  scheme = SchemeAttr::getPreset(context, name);
  if (scheme)
    return success();
  Type element = getElementType(context, name);
  if (!element)
    return parser.emitError(loc, "scheme '")
           << name << "' is unknown, expected one of " << getPresetNames()
           << ", or one of the elements f8E4M3FN, f8E5M2, f4E2M1FN, i8 with "
              "its block and scale";

  int64_t outer = 0, k = 0;
  Type scale;
  if (parser.parseKeyword("block", " = [OUTER, K] after the element type") ||
      parser.parseEqual() || parser.parseLSquare() ||
      parseExtent(parser, outer) || parser.parseComma() ||
      parseExtent(parser, k) || parser.parseRSquare() ||
      parser.parseKeyword("scale", " = TYPE after the block") ||
      parser.parseEqual() || parser.parseType(scale))
    return failure();
  bool tensorScale = succeeded(parser.parseOptionalKeyword("tensor_scale"));
  scheme = parser.getChecked<SchemeAttr>(loc, context, element, outer, k, scale,
                                         tensorScale);
  return success(scheme != nullptr);
}

void qmm::printScheme(raw_ostream &os, SchemeAttr scheme) {
  if (const char *preset = qmmrt::getSchemeName(scheme.toRuntime())) {
    os << preset;
    return;
  }
  auto extent = [&os](int64_t value) {
    if (value == 0)
      os << '*';
    else
      os << value;
  };
  os << scheme.getElement() << " block = [";
  extent(scheme.getBlockOuter());
  os << ", ";
  extent(scheme.getBlockK());
  os << "] scale = " << scheme.getScale();
  if (scheme.getTensorScale())
    os << " tensor_scale";
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

namespace {
/// A layout while it is parsed: each field at most once, in any order.
struct LayoutFields {
  std::optional<ScaleLayout> scales;
  std::optional<NibbleOrder> nibbles;
  std::optional<std::pair<int64_t, int64_t>> pad;
  std::optional<int64_t> scalePad;
};
} // namespace

template <typename Enum>
static ParseResult parseEnumField(AsmParser &parser, std::optional<Enum> &field,
                                  std::optional<Enum> (*symbolize)(StringRef),
                                  StringRef what, StringRef names) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  field = symbolize(keyword);
  if (!field)
    return parser.emitError(loc)
           << what << " is '" << keyword << "', expected " << names;
  return success();
}

static ParseResult parseLayoutField(AsmParser &parser, LayoutFields &fields) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef name;
  if (failed(parser.parseOptionalKeyword(&name)))
    return parser.emitError(
        loc, "expected a layout field: scales, nibbles, pad or scale_pad");
  bool again = llvm::StringSwitch<bool>(name)
                   .Case("scales", fields.scales.has_value())
                   .Case("nibbles", fields.nibbles.has_value())
                   .Case("pad", fields.pad.has_value())
                   .Case("scale_pad", fields.scalePad.has_value())
                   .Default(false);
  if (again)
    return parser.emitError(loc, "layout field '")
           << name << "' is given twice, expected once";
  if (name == "scales")
    return failure(parser.parseEqual() ||
                   parseEnumField<ScaleLayout>(
                       parser, fields.scales, symbolizeScaleLayout,
                       "scale layout",
                       "linear, outer_major, blocks_128x128 or tiled_128x4"));
  if (name == "nibbles")
    return failure(parser.parseEqual() ||
                   parseEnumField<NibbleOrder>(
                       parser, fields.nibbles, symbolizeNibbleOrder,
                       "nibble order", "hi_first, lo_first or none"));
  if (name == "pad") {
    fields.pad.emplace();
    return failure(
        parser.parseEqual() || parser.parseLSquare() ||
        parser.parseInteger(fields.pad->first) || parser.parseComma() ||
        parser.parseInteger(fields.pad->second) || parser.parseRSquare());
  }
  if (name == "scale_pad") {
    fields.scalePad.emplace();
    return failure(parser.parseEqual() ||
                   parser.parseInteger(*fields.scalePad));
  }
  return parser.emitError(loc, "layout field '")
         << name << "' is unknown, expected scales, nibbles, pad or scale_pad";
}

ParseResult qmm::parseLayout(AsmParser &parser, LayoutAttr &layout) {
  SMLoc loc = parser.getCurrentLocation();
  LayoutFields fields;
  if (parser.parseCommaSeparatedList(
          [&] { return parseLayoutField(parser, fields); }))
    return failure();
  auto pad = fields.pad.value_or(std::pair<int64_t, int64_t>(1, 1));
  layout = parser.getChecked<LayoutAttr>(
      loc, parser.getContext(), fields.scales.value_or(ScaleLayout::Linear),
      fields.nibbles.value_or(NibbleOrder::None), pad.first, pad.second,
      fields.scalePad.value_or(1));
  return success(layout != nullptr);
}

void qmm::printLayout(raw_ostream &os, LayoutAttr layout, StringRef separator) {
  auto next = [&]() -> raw_ostream & {
    os << separator;
    separator = ", ";
    return os;
  };
  if (layout.getScales() != ScaleLayout::Linear)
    next() << "scales = " << stringifyScaleLayout(layout.getScales());
  if (layout.getNibbles() != NibbleOrder::None)
    next() << "nibbles = " << stringifyNibbleOrder(layout.getNibbles());
  if (layout.isPadded())
    next() << "pad = [" << layout.getPadOuter() << ", " << layout.getPadK()
           << "]";
  if (layout.getScalePad() != 1)
    next() << "scale_pad = " << layout.getScalePad();
}
