//===- RecognizeContractions.cpp - linalg contractions to scaled_matmul --===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A contraction becomes a product of what its operands are computed from:
// codes with a scale, or wide values.
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"
#include "qmm/IR/QMM.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_RECOGNIZECONTRACTIONS
#include "qmm/Recognize/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

namespace {

/// What an operand turned out to be.
struct OperandMatch {
  /// The codes, or the wide values.  The element's index says how its
  /// dimensions map to the contraction's loops.  No tensor: codes that stand
  /// inside a fused op, which a quantize of `input` computes anew.
  Element data;
  Type codeType;
  /// Null: wide.  Else the uniform dequantization scale, or none for scale 1.
  bool quantized = false;
  const ElementExpr *scale = nullptr;
  /// The codes are computed from wide values: quantize(input / quantizeScale),
  /// dividing in `precision`.
  bool quantizes = false;
  Element input;
  const ElementExpr *quantizeScale = nullptr;
  Type precision;
  SmallVector<std::string> notes;
};

/// A contraction of one M, one N and one K loop.
struct Contraction {
  linalg::LinalgOp op;
  int64_t m, n, k;
};

} // namespace

static std::string str(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static bool isFloat8(Type type) {
  return isa<Float8E4M3FNType, Float8E5M2Type>(type);
}

static double getLargest(Type type) {
  return APFloat::getLargest(cast<FloatType>(type).getFloatSemantics())
      .convertToDouble();
}

static bool isConstant(const ElementExpr *expr, double value) {
  return expr->kind == ElementExpr::Kind::Constant && expr->constant == value;
}

/// If expr is op(x, constant) in either order, x.
static const ElementExpr *matchBound(const ElementExpr *expr, StringRef op,
                                     double bound) {
  if (!expr->isOp(op))
    return nullptr;
  for (unsigned i : {0, 1})
    if (isConstant(expr->operands[i], bound))
      return expr->operands[1 - i];
  return nullptr;
}

/// clamp(x, -max, max) in either order of the bounds: x.
static const ElementExpr *matchClamp(const ElementExpr *expr, double max) {
  if (const ElementExpr *inner = matchBound(expr, "arith.minimumf", max))
    return matchBound(inner, "arith.maximumf", -max);
  if (const ElementExpr *inner = matchBound(expr, "arith.maximumf", -max))
    return matchBound(inner, "arith.minimumf", max);
  return nullptr;
}

/// codes = convert(clamp(x / scale)): fills in the quantizing half.
static void matchQuantize(const ElementExpr *codes, OperandMatch &match) {
  if (!codes->isOp("arith.truncf"))
    return;
  const ElementExpr *quotient =
      matchClamp(codes->operands[0], getLargest(codes->type));
  if (!quotient || !quotient->isOp("arith.divf"))
    return;
  const ElementExpr *input = stripExtensions(quotient->operands[0]);
  const ElementExpr *scale = quotient->operands[1];
  if (!scale->isUniform() || !input->origin.tensor || !input->origin.index ||
      !isa<RankedTensorType>(input->origin.tensor.getType()))
    return;
  match.quantizes = true;
  match.input = input->origin;
  match.quantizeScale = stripExtensions(scale);
  match.precision = quotient->type;
}

/// Classifies one operand of a contraction.
static FailureOr<OperandMatch> matchOperand(ElementTracer &tracer,
                                            Element element) {
  OperandMatch match;
  const ElementExpr *expr = stripExtensions(tracer.trace(element));
  const ElementExpr *codes = nullptr;
  if (isFloat8(expr->type)) {
    codes = expr;
  } else if (expr->isOp("arith.mulf")) {
    for (unsigned i : {0, 1}) {
      const ElementExpr *candidate = stripExtensions(expr->operands[i]);
      if (!isFloat8(candidate->type) || !expr->operands[1 - i]->isUniform())
        continue;
      codes = candidate;
      match.scale = expr->operands[1 - i];
      if (!expr->type.isF32())
        match.notes.push_back("element times scale rounded to " +
                              str(expr->type));
      break;
    }
  }
  if (codes) {
    match.quantized = true;
    match.codeType = codes->type;
    matchQuantize(codes, match);
    if (codes->origin.tensor && codes->origin.index) {
      match.data = codes->origin;
      return match;
    }
    if (match.quantizes) {
      match.data.index = match.input.index;
      return match;
    }
  }
  OperandMatch wide;
  wide.data = element;
  return wide;
}

/// The permutation that brings `index`'s tensor into the order of `loops`;
/// nullopt if the tensor isn't exactly those loops.
static std::optional<SmallVector<int64_t>>
getPermutation(AffineMap index, ArrayRef<int64_t> loops) {
  if (index.getNumResults() != loops.size())
    return std::nullopt;
  SmallVector<int64_t> permutation;
  for (int64_t loop : loops) {
    auto *it = llvm::find_if(index.getResults(), [&](AffineExpr e) {
      auto dim = dyn_cast<AffineDimExpr>(e);
      return dim && dim.getPosition() == loop;
    });
    if (it == index.getResults().end())
      return std::nullopt;
    permutation.push_back(it - index.getResults().begin());
  }
  return permutation;
}

static Value transposeWide(OpBuilder &builder, Location loc, Value value,
                           ArrayRef<int64_t> permutation) {
  if (isIdentityPermutation(permutation))
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> sizes =
      applyPermutation(tensor::getMixedSizes(builder, loc, value), permutation);
  Value empty =
      tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  return linalg::TransposeOp::create(builder, loc, value, empty, permutation)
      ->getResult(0);
}

static QuantizedTensorType
getPerTensorType(MLIRContext *context, RankedTensorType codes, Type expressed) {
  auto scheme = SchemeAttr::getPreset(
      context,
      isa<Float8E5M2Type>(codes.getElementType()) ? "fp8_e5m2" : "fp8");
  return QuantizedTensorType::get(codes.getShape(), expressed, scheme,
                                  LayoutAttr::getPlain(context));
}

/// Builds the operand of the scaled_matmul, in the order of `loops`.
static FailureOr<Value> buildOperand(OpBuilder &builder, Location loc,
                                     const OperandMatch &match, Type expressed,
                                     ArrayRef<int64_t> loops,
                                     std::string &reason) {
  std::optional<SmallVector<int64_t>> permutation =
      getPermutation(match.data.index, loops);
  if (!permutation) {
    reason = "an operand is broadcast or sliced between its values and the "
             "contraction";
    return failure();
  }
  if (!match.quantized) {
    Type element = getElementTypeOrSelf(match.data.tensor.getType());
    if (!isa<Float32Type, BFloat16Type, Float16Type>(element)) {
      reason = "an operand has element type " + str(element);
      return failure();
    }
    return transposeWide(builder, loc, match.data.tensor, *permutation);
  }

  Value scale;
  if (match.scale) {
    scale = materializeScalar(builder, loc, match.scale);
    if (!scale) {
      reason = "the scale isn't computed from scalar tensors";
      return failure();
    }
  } else {
    scale = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()),
                               1.0f));
  }

  Value codes = match.data.tensor;
  if (match.quantizes) {
    // In the order of the codes; the input may stand transposed to it.
    SmallVector<int64_t> codeLoops;
    for (AffineExpr e : match.data.index.getResults())
      codeLoops.push_back(cast<AffineDimExpr>(e).getPosition());
    std::optional<SmallVector<int64_t>> inputOrder =
        getPermutation(match.input.index, codeLoops);
    Value quantizeScale =
        inputOrder ? materializeScalar(builder, loc, match.quantizeScale)
                   : Value();
    if (quantizeScale) {
      Value input =
          transposeWide(builder, loc, match.input.tensor, *inputOrder);
      auto inputType = cast<RankedTensorType>(input.getType());
      QuantizedTensorType type = getPerTensorType(
          builder.getContext(),
          RankedTensorType::get(inputType.getShape(), match.codeType),
          inputType.getElementType());
      TypeAttr precision =
          match.precision.isF32() ? TypeAttr() : TypeAttr::get(match.precision);
      Value quantized = QuantizeOp::create(
          builder, loc, type, input, quantizeScale, /*tensor_scale=*/Value(),
          precision, E8M0Rounding::Ceil, /*scale_precision_input=*/false);
      codes = DisassembleOp::create(builder, loc, quantized).getResult(0);
    }
  }
  if (!codes) {
    reason = "an operand's codes stand inside a fused op, and what they are "
             "quantized from isn't in their order";
    return failure();
  }
  QuantizedTensorType type = getPerTensorType(
      builder.getContext(), cast<RankedTensorType>(codes.getType()), expressed);
  Value operand =
      AssembleOp::create(builder, loc, type, ValueRange{codes, scale});
  if (isIdentityPermutation(*permutation))
    return operand;
  auto transposed =
      QuantizedTensorType::get(applyPermutation(type.getShape(), *permutation),
                               expressed, type.getScheme(), type.getLayout());
  return TransposeOp::create(builder, loc, transposed, operand, *permutation)
      .getResult();
}

/// One M, one N, one K loop, over tensors, into zeros.
static FailureOr<Contraction> matchContraction(linalg::LinalgOp op,
                                               ElementTracer &tracer,
                                               std::string &reason) {
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || !op.hasPureTensorSemantics()) {
    reason = "it isn't a contraction on tensors";
    return failure();
  }
  if (!dims->batch.empty() || dims->m.size() != 1 || dims->n.size() != 1 ||
      dims->k.size() != 1) {
    reason = llvm::formatv("it has {0} batch, {1} row, {2} column and {3} "
                           "contracting dimensions, where 0, 1, 1, 1 are known",
                           dims->batch.size(), dims->m.size(), dims->n.size(),
                           dims->k.size());
    return failure();
  }
  Contraction contraction{op, dims->m[0], dims->n[0], dims->k[0]};
  OpOperand *init = op.getDpsInitOperand(0);
  if (!getPermutation(op.getMatchingIndexingMap(init),
                      {contraction.m, contraction.n}) ||
      !isIdentityPermutation(*getPermutation(op.getMatchingIndexingMap(init),
                                             {contraction.m, contraction.n}))) {
    reason = "its result is transposed";
    return failure();
  }
  Type element = getElementTypeOrSelf(init->get().getType());
  if (!isa<Float32Type, BFloat16Type, Float16Type>(element)) {
    reason = "its result has element type " + str(element);
    return failure();
  }
  const ElementExpr *start =
      tracer.trace({init->get(), op.getMatchingIndexingMap(init)});
  if (!isConstant(start, 0)) {
    reason = "it accumulates into something other than zeros";
    return failure();
  }
  return contraction;
}

static LogicalResult rewrite(linalg::LinalgOp op, ElementTracer &tracer,
                             std::string &reason) {
  FailureOr<Contraction> contraction = matchContraction(op, tracer, reason);
  if (failed(contraction))
    return failure();
  OpOperand *lhs = op.getDpsInputOperand(0), *rhs = op.getDpsInputOperand(1);
  // The contraction interface allows either operand to carry M.
  AffineMap lhsMap = op.getMatchingIndexingMap(lhs);
  if (!lhsMap.isFunctionOfDim(contraction->m))
    std::swap(lhs, rhs);
  FailureOr<OperandMatch> a =
      matchOperand(tracer, {lhs->get(), op.getMatchingIndexingMap(lhs)});
  FailureOr<OperandMatch> b =
      matchOperand(tracer, {rhs->get(), op.getMatchingIndexingMap(rhs)});
  if (failed(a) || failed(b))
    return failure();

  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  OpBuilder builder(op);
  Location loc = op.getLoc();
  FailureOr<Value> aValue =
      buildOperand(builder, loc, *a, resultType.getElementType(),
                   {contraction->m, contraction->k}, reason);
  if (failed(aValue))
    return failure();
  FailureOr<Value> bValue =
      buildOperand(builder, loc, *b, resultType.getElementType(),
                   {contraction->n, contraction->k}, reason);
  if (failed(bValue))
    return failure();

  auto matmul = ScaledMatmulOp::create(
      builder, loc, TypeRange{resultType}, *aValue, *bValue, /*bias=*/Value(),
      /*residual=*/Value(), /*out_scale=*/Value(), Activation::None);
  SmallVector<std::string> notes;
  for (std::string &note : a->notes)
    notes.push_back("a: " + note);
  for (std::string &note : b->notes)
    notes.push_back("b: " + note);
  if (!resultType.getElementType().isF32())
    notes.push_back("sum accumulated in f32, not " +
                    str(resultType.getElementType()));
  if (!notes.empty()) {
    SmallVector<StringRef> refs(notes.begin(), notes.end());
    matmul->setAttr(QMMDialect::kNotesAttr, builder.getStrArrayAttr(refs));
  }
  op->getResult(0).replaceAllUsesWith(matmul->getResult(0));
  op->erase();
  return success();
}

RecognitionCounts mlir::qmm::recognizeContractions(Operation *root) {
  RecognitionCounts counts;
  SmallVector<linalg::LinalgOp> candidates;
  root->walk([&](linalg::LinalgOp op) {
    if (op.getNumReductionLoops() > 0 && linalg::isaContractionOpInterface(op))
      candidates.push_back(op);
  });
  ElementTracer tracer;
  for (linalg::LinalgOp op : candidates) {
    std::string reason;
    if (succeeded(rewrite(op, tracer, reason))) {
      ++counts.rewritten;
      continue;
    }
    ++counts.refused;
    op->setAttr(QMMDialect::kReasonAttr,
                StringAttr::get(op->getContext(), reason));
    emitRemark(op.getLoc()) << "matmul not rewritten: " << reason;
  }
  return counts;
}

namespace {
struct RecognizeContractions
    : qmm::impl::RecognizeContractionsBase<RecognizeContractions> {
  void runOnOperation() override {
    RecognitionCounts counts = recognizeContractions(getOperation());
    numRewritten += counts.rewritten;
    numRefused += counts.refused;
    if (counts.rewritten == 0 && counts.refused == 0)
      markAllAnalysesPreserved();
  }
};
} // namespace
