//===- LegalizeMatmuls.cpp - Products as their route takes them -----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A route multiplies some operands and has some epilogue; whatever else a
// product is becomes ops around it, so that lowering knows one kind of matmul.
//
//===----------------------------------------------------------------------===//

#include "MatmulEpilogue.h"
#include "qmm/Plan/Targets.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_LEGALIZEMATMULS
#include "qmm/Transforms/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;
using ::qmmrt::Route;

// cublasLtMatmulMatrixScale_t: what the operands' scales look like.
enum ScaleMode {
  kCodes = -1, // no scales
  kScalar = 0,
  kVec16 = 1,
  kVec32 = 2,
  kOuter = 3,
  kVec128 = 4,
  kBlock128 = 5
};

namespace {

class Legalizer {
public:
  Legalizer(ScaledMatmulOp op, const Route &route)
      : op(op), route(route), builder(op), loc(op.getLoc()),
        resultType(cast<ShapedType>(op.getResult().getType())) {}

  void run();

private:
  /// An operand of the product as it will be.
  struct Factor {
    Value value;
    Value outerScale; // f32 [batch..., outer], applied after the sum
  };

  Factor prepare(Value operand, int mode, std::optional<Type> precision);
  Factor takeCodes(Value operand);
  Factor widen(Value operand, Type element);
  Value layOut(Value operand, int mode);
  Type getWideElement();
  bool takesEpilogue(Type element);
  Value quantizeResult(Value wide, QuantizedTensorType type);

  /// The scale of each row, [batch..., outer], of a scheme without K blocks.
  Value getOuterScale(Value scales);

  ScaledMatmulOp op;
  const Route &route;
  OpBuilder builder;
  Location loc;
  ShapedType resultType;
  SmallVector<Value> scalars; // factors of the whole product, tensor<f32>
};

} // namespace

static QuantizedTensorType getQuantized(Value value) {
  return dyn_cast<QuantizedTensorType>(value.getType());
}

/// Does each element times its scales round to less than f32?
static bool isRounded(std::optional<Type> precision) {
  return precision && !precision->isF32();
}

static Type getElement(Value value) {
  return getElementTypeOrSelf(value.getType());
}

/// The value in `layout`: by the op that makes it, where nothing else wants it
/// otherwise.
static Value relayout(OpBuilder &builder, Location loc, Value operand,
                      LayoutAttr layout) {
  auto type = getQuantized(operand);
  if (type.getLayout() == layout)
    return operand;
  if (auto quantize = operand.getDefiningOp<QuantizeOp>();
      quantize && operand.hasOneUse() &&
      (!quantize.getScale() || type.getScheme().hasWholeBlocks())) {
    operand.setType(type.withLayout(layout));
    return operand;
  }
  return RelayoutOp::create(builder, loc, operand, layout);
}

Value Legalizer::getOuterScale(Value scales) {
  auto type = cast<RankedTensorType>(scales.getType());
  // [batch..., outer, 1]
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i + 1 < type.getRank(); ++i)
    groups.push_back({i});
  groups.back().push_back(type.getRank() - 1);
  return tensor::CollapseShapeOp::create(builder, loc, scales, groups);
}

Legalizer::Factor Legalizer::takeCodes(Value operand) {
  QuantizedTensorType type = getQuantized(operand);
  operand =
      relayout(builder, loc, operand, LayoutAttr::getPlain(type.getContext()));
  auto parts = DisassembleOp::create(builder, loc, operand);
  Factor factor{parts.getResult(0), {}};
  if (type.getScheme().hasWholeBlocks())
    scalars.push_back(parts.getResult(1));
  else
    factor.outerScale = getOuterScale(parts.getResult(1));
  return factor;
}

/// What is exact in `element` is the operand; the scales that would round it
/// follow the product.
Legalizer::Factor Legalizer::widen(Value operand, Type element) {
  QuantizedTensorType type = getQuantized(operand);
  if (!type)
    return {castElements(builder, loc, operand, element), {}};
  SchemeAttr scheme = type.getScheme();
  MLIRContext *context = type.getContext();
  auto wide = RankedTensorType::get(type.getShape(), element);
  // E8M0's range is bf16's and f32's, not f16's.
  bool blocksFit =
      !scheme.getScale().isF32() &&
      !(element.isF16() && isa<Float8E8M0FNUType>(scheme.getScale()));
  bool hasOuterScale = scheme.getScale().isF32() && scheme.getBlockK() == 0 &&
                       scheme.getBlockOuter() <= 1;
  if (element.isF32() || (!blocksFit && !hasOuterScale))
    return {DequantizeOp::create(builder, loc, wide, operand), {}};

  Factor factor;
  auto parts = DisassembleOp::create(builder, loc, operand);
  SmallVector<Value> components{parts.getResult(0)};
  LayoutAttr layout = type.getLayout();
  if (blocksFit) {
    scheme = SchemeAttr::get(context, scheme.getElement(),
                             scheme.getBlockOuter(), scheme.getBlockK(),
                             scheme.getScale(), /*tensorScale=*/false);
    components.push_back(parts.getResult(1));
  } else {
    if (scheme.hasWholeBlocks())
      scalars.push_back(parts.getResult(1));
    else
      factor.outerScale = getOuterScale(parts.getResult(1));
    scheme = SchemeAttr::get(context, scheme.getElement(), /*blockOuter=*/0,
                             /*blockK=*/0, builder.getF32Type(),
                             /*tensorScale=*/false);
    layout = LayoutAttr::get(context, ScaleLayout::Linear, layout.getNibbles(),
                             layout.getPadOuter(), layout.getPadK(),
                             /*scalePad=*/1);
    components.push_back(arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()),
                               1.0f)));
  }
  if (parts.getNumResults() == 3)
    scalars.push_back(parts.getResult(2));
  Value codes = AssembleOp::create(builder, loc,
                                   QuantizedTensorType::get(type.getShape(),
                                                            type.getExpressed(),
                                                            scheme, layout),
                                   components);
  factor.value = DequantizeOp::create(builder, loc, wide, codes);
  return factor;
}

/// Scales where the mode wants them.
Value Legalizer::layOut(Value operand, int mode) {
  auto type = getQuantized(operand);
  LayoutAttr old = type.getLayout();
  auto scales = old.getScales();
  NibbleOrder nibbles = old.getNibbles();
  switch (mode) {
  case kVec16:
    nibbles = NibbleOrder::LoFirst;
    [[fallthrough]];
  case kVec32:
    scales = ScaleLayout::Tiled128x4;
    break;
  case kVec128:
    scales = ScaleLayout::OuterMajor;
    break;
  case kBlock128:
    scales = ScaleLayout::Blocks128x128;
    break;
  default:
    scales = ScaleLayout::Linear;
    break;
  }
  return relayout(builder, loc, operand,
                  LayoutAttr::get(type.getContext(), scales, nibbles,
                                  old.getPadOuter(), old.getPadK(),
                                  /*scalePad=*/1));
}

Legalizer::Factor Legalizer::prepare(Value operand, int mode,
                                     std::optional<Type> precision) {
  if (route.kind == ::qmmrt::RouteKind::Widen) {
    Type element = getWideElement();
    if (!isRounded(precision))
      return widen(operand, element);
    auto rounded = RankedTensorType::get(
        cast<ShapedType>(operand.getType()).getShape(), *precision);
    return {castElements(builder, loc,
                         DequantizeOp::create(builder, loc, rounded, operand),
                         element),
            {}};
  }
  if (!getQuantized(operand))
    return {operand, {}};
  if (mode == kCodes)
    return takeCodes(operand);
  if (getQuantized(operand).getScheme().getTensorScale()) {
    // The library's modes have block scales alone.
    QuantizedTensorType type = getQuantized(operand);
    SchemeAttr scheme = type.getScheme();
    operand = layOut(operand, mode);
    type = getQuantized(operand);
    auto parts = DisassembleOp::create(builder, loc, operand);
    scalars.push_back(parts.getResult(2));
    scheme = SchemeAttr::get(type.getContext(), scheme.getElement(),
                             scheme.getBlockOuter(), scheme.getBlockK(),
                             scheme.getScale(), /*tensorScale=*/false);
    return {AssembleOp::create(
                builder, loc,
                QuantizedTensorType::get(type.getShape(), type.getExpressed(),
                                         scheme, type.getLayout()),
                ValueRange{parts.getResult(0), parts.getResult(1)}),
            {}};
  }
  return {layOut(operand, mode), {}};
}

/// What both operands are widened to: the type that the program computes in.
Type Legalizer::getWideElement() {
  Type a = getElement(op.getA()), b = getElement(op.getB());
  bool aWide = !getQuantized(op.getA()), bWide = !getQuantized(op.getB());
  if (a == b || (aWide && !bWide))
    return a;
  return bWide && !aWide ? b : Type(builder.getF32Type());
}

/// Does the library's own epilogue do what the product has, for a result of
/// `element`?
bool Legalizer::takesEpilogue(Type element) {
  if (!isa<RankedTensorType>(resultType) || op.getAmax())
    return false;
  bool fromCodes = route.kind == ::qmmrt::RouteKind::Library &&
                   getQuantized(op.getA()) && getQuantized(op.getB());
  if (op.getBias()) {
    Type bias = getElement(op.getBias());
    if (fromCodes ? bias.isF32() || bias.isF16() != element.isF16()
                  : bias != element)
      return false;
  }
  if (op.getResidual() && getElement(op.getResidual()) != element)
    return false;
  switch (op.getActivation()) {
  case Activation::None:
    return true;
  case Activation::ReLU:
  case Activation::GELUTanh:
    return !element.isF32() && route.modeA <= kScalar;
  case Activation::GELUErf:
  case Activation::SiLU:
    return false;
  }
  llvm_unreachable("covered switch");
}

/// As `type`, from numbers in f32.
Value Legalizer::quantizeResult(Value wide, QuantizedTensorType type) {
  SchemeAttr scheme = type.getScheme();
  auto computed = QuantizedTensorType::get(
      type.getShape(), builder.getF32Type(), scheme, type.getLayout());
  bool isScale = scheme.isPerTensor();
  Value quantized = QuantizeOp::create(
      builder, loc, computed, wide, isScale ? op.getOutScale() : Value(),
      isScale ? Value() : op.getOutScale(), /*precision=*/TypeAttr(),
      E8M0Rounding::Ceil, /*scale_precision_input=*/false);
  auto parts = DisassembleOp::create(builder, loc, quantized);
  return AssembleOp::create(builder, loc, type, parts.getResults());
}

void Legalizer::run() {
  if (op.getAlpha())
    scalars.push_back(op.getAlpha());
  Factor a = prepare(op.getA(), route.modeA, op.getAPrecision());
  Factor b = prepare(op.getB(), route.modeB, op.getBPrecision());
  bool isExact = getElement(a.value).isInteger();
  bool fused = !a.outerScale && !b.outerScale && !isExact &&
               takesEpilogue(resultType.getElementType());

  Type element = fused     ? resultType.getElementType()
                 : isExact ? Type(builder.getI32Type())
                           : Type(builder.getF32Type());
  Value alpha;
  if (!isExact && !scalars.empty()) {
    alpha = multiplyScalars(builder, loc, scalars);
    scalars.clear();
  }
  auto product = ScaledMatmulOp::create(
      builder, loc,
      TypeRange{ScaledMatmulOp::inferResultType(
          cast<ShapedType>(a.value.getType()),
          cast<ShapedType>(b.value.getType()), element)},
      a.value, b.value, fused ? op.getBias() : Value(),
      fused ? op.getResidual() : Value(), /*out_scale=*/Value(), alpha,
      fused ? op.getActivation() : Activation::None,
      /*a_precision=*/TypeAttr(), /*b_precision=*/TypeAttr());
  product->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  SmallVector<Attribute> routes;
  for (auto old : op->getAttrOfType<ArrayAttr>(QMMDialect::kRoutesAttr)
                      .getAsRange<RouteAttr>())
    if (routes.empty() || llvm::none_of(routes, [&](Attribute seen) {
          return cast<RouteAttr>(seen).getChip() == old.getChip();
        }))
      routes.push_back(RouteAttr::get(op.getContext(), RouteKind::Library,
                                      old.getChip(), old.getMinM(),
                                      old.getMaxM(), old.getReason()));
  product->setAttr(QMMDialect::kRoutesAttr, builder.getArrayAttr(routes));

  SmallVector<Value> results{product.getResult()};
  if (!fused) {
    MatmulEpilogue epilogue;
    epilogue.scalars = scalars;
    epilogue.rowScale = a.outerScale;
    epilogue.columnScale = b.outerScale;
    epilogue.bias = op.getBias();
    epilogue.residual = op.getResidual();
    epilogue.activation = op.getActivation();
    auto quantized = dyn_cast<QuantizedTensorType>(resultType);
    bool needsF32 = quantized || op.getAmax();
    Value value = epilogue.create(builder, loc, product.getResult(),
                                  needsF32 ? builder.getF32Type()
                                           : resultType.getElementType());
    results[0] = quantized ? quantizeResult(value, quantized)
                           : castElements(builder, loc, value,
                                          resultType.getElementType());
    if (op.getAmax())
      results.push_back(AmaxOp::create(
          builder, loc, RankedTensorType::get({}, builder.getF32Type()),
          value));
  }
  // Extents that the operands know and the result didn't.
  if (results[0].getType() != op.getResult().getType())
    results[0] = tensor::CastOp::create(builder, loc, op.getResult().getType(),
                                        results[0]);
  op->replaceAllUsesWith(results);
  op.erase();
}

LogicalResult mlir::qmm::legalizeMatmul(ScaledMatmulOp matmul) {
  std::optional<Route> chosen;
  StringRef first;
  for (StringRef chip : getTargetChips(matmul)) {
    std::string refusal;
    std::vector<Route> routes = queryRoutes(matmul, chip, refusal);
    if (routes.empty())
      return matmul.emitOpError("has no route on '")
             << chip << "': " << refusal;
    const Route &route = routes.front();
    if (!chosen) {
      chosen = route;
      first = chip;
      continue;
    }
    if (route.kind != chosen->kind || route.modeA != chosen->modeA ||
        route.modeB != chosen->modeB)
      return matmul.emitOpError("takes another route on '")
             << first << "' (" << chosen->reason << ") than on '" << chip
             << "' (" << route.reason
             << "): one program can't do both, compile one for each";
  }
  for (std::optional<Type> precision :
       {matmul.getAPrecision(), matmul.getBPrecision()})
    if (precision && precision->isF16() &&
        chosen->kind != ::qmmrt::RouteKind::Host)
      return matmul.emitOpError(
          "rounds an operand to f16, where a product that is too large is "
          "infinite: only the CPU keeps that, compile with --roundings=relax");
  bool isExactSum = getElement(matmul.getResult()).isInteger();
  if (chosen->kind != ::qmmrt::RouteKind::Host && !isExactSum)
    Legalizer(matmul, *chosen).run();
  return success();
}

namespace {
struct LegalizeMatmuls : qmm::impl::LegalizeMatmulsBase<LegalizeMatmuls> {
  void runOnOperation() override {
    SmallVector<ScaledMatmulOp> matmuls;
    getOperation()->walk([&](ScaledMatmulOp op) {
      if (op->hasAttr(QMMDialect::kRoutesAttr))
        matmuls.push_back(op);
    });
    for (ScaledMatmulOp matmul : matmuls)
      if (failed(legalizeMatmul(matmul)))
        return signalPassFailure();
  }
};
} // namespace
