//===- RecognizeDynamicQuantization.cpp - amax and scales from data ------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A reduction becomes qmm.amax, which planning can fuse with what produces or
// quantizes the tensor.  A scale that a program computes otherwise than the
// scheme's rule, if only for zeros or NaN, stays the program's.
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"
#include "qmm/IR/QMM.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_RECOGNIZEDYNAMICQUANTIZATION
#include "qmm/Recognize/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

/// The tensor whose largest magnitude `op` computes, if it does.
static Value matchAmax(linalg::LinalgOp op, ElementTracer &tracer) {
  if (op->getNumResults() != 1 || op.getNumParallelLoops() != 0 ||
      op.getNumLoops() == 0 || !op.hasPureTensorSemantics())
    return {};
  Block *body = op.getBlock();
  auto max =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::MaximumFOp>();
  if (!max || max->getBlock() != body)
    return {};
  Value accumulator = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  Value element = max.getLhs() == accumulator ? max.getRhs() : max.getLhs();
  if (element == accumulator ||
      (max.getLhs() != accumulator && max.getRhs() != accumulator))
    return {};
  MLIRContext *context = op.getContext();
  AffineMap loops =
      AffineMap::getMultiDimIdentityMap(op.getNumLoops(), context);
  const ElementExpr *magnitude =
      stripExtensions(tracer.traceScalar(element, op, loops));
  if (!magnitude->isOp("math.absf"))
    return {};
  const ElementExpr *value = stripExtensions(magnitude->operands[0]);
  const ElementExpr *init =
      tracer.trace({op.getDpsInitOperand(0)->get(),
                    op.getMatchingIndexingMap(op.getDpsInitOperand(0))});
  // Any start that no magnitude is below.
  if (init->kind != ElementExpr::Kind::Constant || !(init->constant <= 0) ||
      !isWideElementType(value->type) || !value->stands())
    return {};
  auto permutation = getPermutation(value->origin, op.getStaticLoopRanges());
  return permutation ? value->origin.tensor : Value();
}

/// `op` becomes qmm.amax, converted to its type, which loses nothing.
static void rewriteAmax(linalg::LinalgOp op, Value tensor) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  auto scalar = RankedTensorType::get({}, builder.getF32Type());
  Value amax = AmaxOp::create(builder, loc, scalar, tensor);
  if (resultType != scalar) {
    Value empty = tensor::EmptyOp::create(builder, loc, ArrayRef<int64_t>{},
                                          resultType.getElementType());
    SmallVector<AffineMap> maps(2, AffineMap::get(builder.getContext()));
    amax = linalg::GenericOp::create(
               builder, loc, TypeRange{resultType}, amax, empty, maps,
               ArrayRef<utils::IteratorType>{},
               [&](OpBuilder &body, Location l, ValueRange arguments) {
                 Value narrow = arith::TruncFOp::create(
                     body, l, resultType.getElementType(), arguments[0]);
                 linalg::YieldOp::create(body, l, narrow);
               })
               .getResult(0);
  }
  op->getResult(0).replaceAllUsesWith(amax);
}

/// An amax in f32, through conversions to the input's type and back.
static bool isAmaxOf(const ElementExpr *expr, Value input) {
  while (expr->isOp("arith.extf") || expr->isOp("arith.truncf")) {
    // A narrower type than the input's would round.
    if (expr->isOp("arith.truncf") &&
        expr->type != getElementTypeOrSelf(input.getType()))
      return false;
    expr = expr->operands[0];
  }
  if (!expr->origin.tensor)
    return false;
  auto amax = expr->origin.tensor.getDefiningOp<AmaxOp>();
  return amax && amax.getInput() == input;
}

/// amax / largest, and 1 where that is 0, as the scheme has it for every amax,
/// NaN too.
static bool isSchemeScale(const ElementExpr *scale, Value input, Type element) {
  if (!scale->isOp("arith.select") || !scale->type.isF32())
    return false;
  auto compare = dyn_cast_or_null<arith::CmpFOp>(scale->operands[0]->op);
  if (!compare || (compare.getPredicate() != arith::CmpFPredicate::OEQ &&
                   compare.getPredicate() != arith::CmpFPredicate::UNE))
    return false;
  bool zeroFirst = compare.getPredicate() == arith::CmpFPredicate::OEQ;
  const ElementExpr *one = scale->operands[zeroFirst ? 1 : 2];
  const ElementExpr *quotient = scale->operands[zeroFirst ? 2 : 1];
  // Whether the amax or the quotient is zero matters where the latter
  // underflows.
  return one->isConstant(1) && quotient->isOp("arith.divf") &&
         quotient->operands[1]->isConstant(getLargest(element)) &&
         isAmaxOf(quotient->operands[0], input) &&
         scale->operands[0]->operands[0]->op == quotient->op &&
         scale->operands[0]->operands[1]->isConstant(0);
}

void mlir::qmm::recognizeDynamicQuantization(Operation *root) {
  SmallVector<linalg::LinalgOp> reductions;
  SmallVector<QuantizeOp> quantizes;
  root->walk([&](Operation *op) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
        linalgOp && linalgOp.getNumReductionLoops() > 0)
      reductions.push_back(linalgOp);
    else if (auto quantize = dyn_cast<QuantizeOp>(op))
      quantizes.push_back(quantize);
  });
  SmallVector<Operation *> dead;
  {
    ElementTracer tracer;
    for (linalg::LinalgOp op : reductions)
      if (Value tensor = matchAmax(op, tracer)) {
        rewriteAmax(op, tensor);
        dead.push_back(op);
      }
  }
  for (Operation *op : dead)
    op->erase();

  ElementTracer tracer;
  for (QuantizeOp op : quantizes) {
    SchemeAttr scheme = op.getResult().getType().getScheme();
    if (!op.getScale() || op.getPrecision() || !scheme.isPerTensor() ||
        !isa<FloatType>(scheme.getElement()))
      continue;
    const ElementExpr *scale =
        tracer.trace({op.getScale(), AffineMap::get(op.getContext())});
    if (isSchemeScale(scale, op.getInput(), scheme.getElement()))
      op.getScaleMutable().clear();
  }
}

namespace {
struct RecognizeDynamicQuantization
    : qmm::impl::RecognizeDynamicQuantizationBase<
          RecognizeDynamicQuantization> {
  void runOnOperation() override {
    recognizeDynamicQuantization(getOperation());
  }
};
} // namespace
