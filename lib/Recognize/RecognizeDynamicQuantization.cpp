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

#include "Amax.h"
#include "qmm/IR/QMM.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_RECOGNIZEDYNAMICQUANTIZATION
#include "qmm/Recognize/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

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

unsigned mlir::qmm::recognizeDynamicQuantization(Operation *root) {
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
      if (Value tensor = getAmaxInput(op, tracer)) {
        OpBuilder builder(op);
        Value amax = AmaxOp::create(
            builder, op.getLoc(),
            RankedTensorType::get({}, builder.getF32Type()), tensor);
        op->getResult(0).replaceAllUsesWith(convertAmax(
            builder, op.getLoc(), amax, op->getResult(0).getType()));
        dead.push_back(op);
      }
  }
  for (Operation *op : dead)
    op->erase();

  ElementTracer tracer;
  unsigned count = dead.size();
  for (QuantizeOp op : quantizes) {
    SchemeAttr scheme = op.getResult().getType().getScheme();
    if (!op.getScale() || op.getPrecision() || !scheme.isPerTensor() ||
        !isa<FloatType>(scheme.getElement()))
      continue;
    const ElementExpr *scale =
        tracer.trace({op.getScale(), AffineMap::get(op.getContext())});
    if (isSchemeScale(scale, op.getInput(), scheme.getElement())) {
      op.getScaleMutable().clear();
      ++count;
    }
  }
  return count;
}

namespace {
struct RecognizeDynamicQuantization
    : qmm::impl::RecognizeDynamicQuantizationBase<
          RecognizeDynamicQuantization> {
  void runOnOperation() override {
    if (recognizeDynamicQuantization(getOperation()) == 0)
      markAllAnalysesPreserved();
  }
};
} // namespace
