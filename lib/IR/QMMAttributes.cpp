//===- QMMAttributes.cpp - Scheme, layout, target, route ------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attribute storage, verification and conversion to the runtime's structs.
// Their text is AsmFormat.h's, which the type's spelling shares.
//
//===----------------------------------------------------------------------===//
#include "AsmFormat.h"
#include "qmm/IR/QMM.h"

#include "capability/Capability.h"
#include "mlir/IR/DialectImplementation.h"
#include "numerics/Layouts.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qmm;

#include "qmm/IR/QMMEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "qmm/IR/QMMAttributes.cpp.inc"

void QMMDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "qmm/IR/QMMAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// The enums are the runtime's
//===----------------------------------------------------------------------===//

#define QMM_SAME(compiler, runtime)                                            \
  static_assert(static_cast<uint32_t>(compiler) ==                             \
                    static_cast<uint32_t>(runtime),                            \
                "the dialect's enums have the runtime's values")
QMM_SAME(ScaleLayout::Linear, QMM_SCALES_LINEAR);
QMM_SAME(ScaleLayout::OuterMajor, QMM_SCALES_OUTER_MAJOR);
QMM_SAME(ScaleLayout::Blocks128x128, QMM_SCALES_BLOCKS_128X128);
QMM_SAME(ScaleLayout::Tiled128x4, QMM_SCALES_TILED_128X4);
QMM_SAME(NibbleOrder::None, QMM_NIBBLES_NONE);
QMM_SAME(NibbleOrder::HiFirst, QMM_NIBBLES_HI_FIRST);
QMM_SAME(NibbleOrder::LoFirst, QMM_NIBBLES_LO_FIRST);
QMM_SAME(E8M0Rounding::Ceil, QMM_E8M0_CEIL);
QMM_SAME(E8M0Rounding::Floor, QMM_E8M0_FLOOR);
QMM_SAME(E8M0Rounding::Even, QMM_E8M0_EVEN);
QMM_SAME(Activation::None, QMM_ACTIVATION_NONE);
QMM_SAME(Activation::ReLU, QMM_ACTIVATION_RELU);
QMM_SAME(Activation::GELUTanh, QMM_ACTIVATION_GELU_TANH);
QMM_SAME(Activation::GELUErf, QMM_ACTIVATION_GELU_ERF);
QMM_SAME(Activation::SiLU, QMM_ACTIVATION_SILU);
QMM_SAME(RouteKind::Library, qmmrt::RouteKind::Library);
QMM_SAME(RouteKind::Kernel, qmmrt::RouteKind::Kernel);
QMM_SAME(RouteKind::Widen, qmmrt::RouteKind::Widen);
QMM_SAME(RouteKind::Host, qmmrt::RouteKind::Host);
#undef QMM_SAME

//===----------------------------------------------------------------------===//
// #qmm.scheme
//===----------------------------------------------------------------------===//

SchemeAttr SchemeAttr::getPreset(MLIRContext *context, StringRef name) {
  qmm_scheme scheme;
  if (qmm_scheme_from_name(name.str().c_str(), &scheme) != QMM_STATUS_OK ||
      qmmrt::isWide(scheme))
    return SchemeAttr();
  return get(context, scheme);
}

SchemeAttr SchemeAttr::get(MLIRContext *context, const qmm_scheme &scheme) {
  auto type = [context](uint32_t dtype) {
    return getBuiltinType(context, static_cast<qmm_dtype>(dtype));
  };
  return get(context, type(scheme.element), scheme.block_outer, scheme.block_k,
             type(scheme.scale), scheme.has_tensor_scale != 0);
}

qmm_scheme SchemeAttr::toRuntime() const {
  qmm_scheme scheme = {};
  scheme.element = getRuntimeDType(getElement());
  scheme.scale = getRuntimeDType(getScale());
  scheme.block_outer = getBlockOuter();
  scheme.block_k = getBlockK();
  scheme.has_tensor_scale = getTensorScale();
  return scheme;
}

bool SchemeAttr::hasWholeBlocks() const {
  return getBlockOuter() == 0 && getBlockK() == 0;
}

bool SchemeAttr::isPerTensor() const {
  return hasWholeBlocks() && !getTensorScale();
}

bool SchemeAttr::isFloat4() const {
  return isa<Float4E2M1FNType>(getElement());
}

std::string SchemeAttr::getName() const {
  std::string name;
  llvm::raw_string_ostream stream(name);
  printScheme(stream, *this);
  return name;
}

LogicalResult SchemeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Type element, int64_t blockOuter,
                                 int64_t blockK, Type scale, bool tensorScale) {
  if (!element ||
      !(isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType>(element) ||
        element.isSignlessInteger(8)))
    return emitError() << "scheme has element type " << element
                       << ", expected f8E4M3FN, f8E5M2, f4E2M1FN or i8";
  if (!scale || !isa<Float32Type, Float8E4M3FNType, Float8E8M0FNUType>(scale))
    return emitError() << "scheme has scale type " << scale
                       << ", expected f32, f8E4M3FN or f8E8M0FNU";
  if (blockOuter < 0 || blockK < 0)
    return emitError() << "scheme has blocks of " << blockOuter << " x "
                       << blockK
                       << ", expected positive extents, or * for a whole "
                          "dimension";
  return success();
}

Attribute SchemeAttr::parse(AsmParser &parser, Type) {
  SchemeAttr scheme;
  if (parser.parseLess() || parseScheme(parser, scheme) ||
      parser.parseGreater())
    return Attribute();
  return scheme;
}

void SchemeAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printScheme(printer.getStream(), *this);
  printer << '>';
}

//===----------------------------------------------------------------------===//
// #qmm.layout
//===----------------------------------------------------------------------===//

LayoutAttr LayoutAttr::getPlain(MLIRContext *context, NibbleOrder nibbles) {
  return get(context, ScaleLayout::Linear, nibbles, 1, 1, 1);
}

LayoutAttr LayoutAttr::get(MLIRContext *context, const qmm_layout &layout) {
  // The runtime takes 0 and 1 for "exact", the attribute only 1, so that equal
  // layouts are one attribute.
  auto multiple = [](int64_t pad) { return pad == 0 ? 1 : pad; };
  return get(context, static_cast<ScaleLayout>(layout.scales),
             static_cast<NibbleOrder>(layout.nibbles),
             multiple(layout.pad_outer), multiple(layout.pad_k),
             multiple(layout.scale_pad));
}

qmm_layout LayoutAttr::toRuntime() const {
  qmm_layout layout = {};
  layout.scales = static_cast<uint32_t>(getScales());
  layout.nibbles = static_cast<uint32_t>(getNibbles());
  layout.pad_outer = getPadOuter();
  layout.pad_k = getPadK();
  layout.scale_pad = getScalePad();
  return layout;
}

bool LayoutAttr::isPadded() const { return getPadOuter() > 1 || getPadK() > 1; }

bool LayoutAttr::isPlain() const {
  return getScales() == ScaleLayout::Linear && !isPadded();
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ScaleLayout scales, NibbleOrder nibbles,
                                 int64_t padOuter, int64_t padK,
                                 int64_t scalePad) {
  for (int64_t pad : {padOuter, padK, scalePad})
    if (pad < 1 || pad > int64_t(1) << 31)
      return emitError() << "layout has a pad multiple of " << pad
                         << ", expected 1 to 2^31";
  return success();
}

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  LayoutAttr layout;
  if (parser.parseLess())
    return Attribute();
  if (succeeded(parser.parseOptionalGreater()))
    return getPlain(parser.getContext());
  if (parseLayout(parser, layout) || parser.parseGreater())
    return Attribute();
  return layout;
}

void LayoutAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printLayout(printer.getStream(), *this, /*separator=*/"");
  printer << '>';
}

//===----------------------------------------------------------------------===//
// #qmm.target and #qmm.route
//===----------------------------------------------------------------------===//

static LogicalResult verifyChip(function_ref<InFlightDiagnostic()> emitError,
                                StringRef what, StringRef chip) {
  if (qmmrt::isKnownChip(std::string_view(chip)))
    return success();
  InFlightDiagnostic diag = emitError() << what << " is \"" << chip
                                        << "\", expected one of ";
  llvm::interleaveComma(qmmrt::getKnownChips(), diag,
                        [&](std::string_view known) { diag << known; });
  return diag;
}

LogicalResult TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef chip) {
  return verifyChip(emitError, "target", chip);
}

LogicalResult RouteAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                RouteKind kind, StringRef chip, int64_t minM,
                                int64_t maxM, StringRef reason) {
  if (minM < 0 || (maxM != -1 && maxM < minM))
    return emitError() << "route has the range of M [" << minM << ", " << maxM
                       << "], expected 0 <= first <= last, or * as the last";
  return verifyChip(emitError, "the chip of a route", chip);
}

Attribute RouteAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseLess() || parser.parseKeyword(&keyword))
    return Attribute();
  std::optional<RouteKind> kind = symbolizeRouteKind(keyword);
  if (!kind) {
    parser.emitError(loc, "route kind is '")
        << keyword << "', expected library, kernel, widen or host";
    return Attribute();
  }
  std::string chip, reason;
  int64_t minM = 0, maxM = -1;
  if (parser.parseKeyword("on") || parser.parseString(&chip) ||
      parser.parseComma() || parser.parseKeyword("m") || parser.parseEqual() ||
      parser.parseLSquare() || parser.parseInteger(minM) || parser.parseComma())
    return Attribute();
  if (failed(parser.parseOptionalStar()) && parser.parseInteger(maxM))
    return Attribute();
  if (parser.parseRSquare() || parser.parseComma() ||
      parser.parseString(&reason) || parser.parseGreater())
    return Attribute();
  return parser.getChecked<RouteAttr>(loc, parser.getContext(), *kind, chip,
                                      minM, maxM, reason);
}

void RouteAttr::print(AsmPrinter &printer) const {
  printer << '<' << stringifyRouteKind(getKind()) << " on ";
  printer.printString(getChip());
  printer << ", m = [" << getMinM() << ", ";
  if (getMaxM() == -1)
    printer << '*';
  else
    printer << getMaxM();
  printer << "], ";
  printer.printString(getReason());
  printer << '>';
}
