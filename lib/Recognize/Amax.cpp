//===- Amax.cpp - Reductions to the largest magnitude --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// maximumf only: maxnumf drops NaN, and qmm.amax doesn't.
//
//===----------------------------------------------------------------------===//

#include "Amax.h"
#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::qmm;

/// What `op` takes the maximum of, over all elements and into something not
/// above 0: a value of its body.
static Value getMaximized(linalg::LinalgOp op, ElementTracer &tracer) {
  if (op->getNumResults() != 1 || op.getNumParallelLoops() != 0 ||
      op.getNumLoops() == 0 || !op.hasPureTensorSemantics())
    return {};
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Block *body = op.getBlock();
  auto max =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::MaximumFOp>();
  if (type.getRank() != 0 || !isWideElementType(type.getElementType()) ||
      !max || max->getBlock() != body)
    return {};
  OpOperand *init = op.getDpsInitOperand(0);
  const ElementExpr *start =
      tracer.trace({init->get(), op.getMatchingIndexingMap(init)});
  // No magnitude is below the start.
  if (start->kind != ElementExpr::Kind::Constant || !(start->constant <= 0))
    return {};
  Value accumulator = op.getMatchingBlockArgument(init);
  for (unsigned i : {0, 1})
    if (max->getOperand(i) == accumulator &&
        max->getOperand(1 - i) != accumulator)
      return max->getOperand(1 - i);
  return {};
}

//===----------------------------------------------------------------------===//
// Back from the reduction
//===----------------------------------------------------------------------===//

Value mlir::qmm::getAmaxInput(linalg::LinalgOp op, ElementTracer &tracer) {
  Value element = getMaximized(op, tracer);
  if (!element)
    return {};
  const ElementExpr *magnitude = stripExtensions(tracer.traceScalar(
      element, op,
      AffineMap::getMultiDimIdentityMap(op.getNumLoops(), op.getContext())));
  if (!magnitude->isOp("math.absf"))
    return {};
  const ElementExpr *value = stripExtensions(magnitude->operands[0]);
  if (!isWideElementType(value->type) || !value->stands() ||
      !getPermutation(value->origin, op.getStaticLoopRanges()))
    return {};
  return value->origin.tensor;
}

//===----------------------------------------------------------------------===//
// Forward from the tensor
//===----------------------------------------------------------------------===//

/// |x|, x or a wider x of `value`; `isAbsolute` is set for the first.
static Value stripAbsolute(Value value, bool &isAbsolute) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, math::AbsFOp>(op))
      break;
    isAbsolute |= isa<math::AbsFOp>(op);
    value = op->getOperand(0);
  }
  return value;
}

/// The input of a maximum as above.
static Value matchMaximum(linalg::LinalgOp op, ElementTracer &tracer,
                          bool &isAbsolute) {
  Value element = getMaximized(op, tracer);
  if (!element || op.getNumDpsInputs() != 1 ||
      !op.getMatchingIndexingMap(op.getDpsInputOperand(0)).isIdentity() ||
      stripAbsolute(element, isAbsolute) != op.getBlock()->getArgument(0))
    return {};
  return op.getDpsInputOperand(0)->get();
}

/// The operand of an elementwise |x| or widening x.
static Value matchAbsolute(Operation *definition, bool &isAbsolute) {
  auto op = dyn_cast_or_null<linalg::LinalgOp>(definition);
  if (!op || op.getNumDpsInputs() != 1 || op->getNumResults() != 1 ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return {};
  bool found = false;
  Value source =
      stripAbsolute(op.getBlock()->getTerminator()->getOperand(0), found);
  if (source != op.getBlock()->getArgument(0))
    return {};
  isAbsolute |= found;
  return op.getDpsInputOperand(0)->get();
}

std::optional<AmaxMatch>
mlir::qmm::matchAmax(Operation *user, Value base, ElementTracer &tracer,
                     llvm::function_ref<bool(Operation *)> isDead) {
  AmaxMatch match;
  Value value = base;
  for (int step = 0; step < 4; ++step) {
    match.ops.push_back(user);
    if (auto amax = dyn_cast<AmaxOp>(user)) {
      match.result = amax.getResult();
      return match;
    }
    bool isAbsolute = false;
    if (matchAbsolute(user, isAbsolute) == value) {
      match.isAbsolute |= isAbsolute;
      value = user->getResult(0);
      Operation *next = nullptr;
      for (Operation *follower : value.getUsers()) {
        if (isDead(follower))
          continue;
        if (next && next != follower)
          return std::nullopt;
        next = follower;
      }
      if (!next)
        return std::nullopt;
      user = next;
      continue;
    }
    auto op = dyn_cast<linalg::LinalgOp>(user);
    if (!op || matchMaximum(op, tracer, isAbsolute) != value)
      return std::nullopt;
    match.isAbsolute |= isAbsolute;
    if (!match.isAbsolute)
      return std::nullopt;
    match.result = op->getResult(0);
    return match;
  }
  return std::nullopt;
}

Value mlir::qmm::convertAmax(OpBuilder &builder, Location loc, Value amax,
                             Type type) {
  if (amax.getType() == type)
    return amax;
  AffineMap none = AffineMap::get(builder.getContext());
  Type element = getElementTypeOrSelf(type);
  Value empty =
      tensor::EmptyOp::create(builder, loc, ArrayRef<int64_t>{}, element);
  return linalg::GenericOp::create(
             builder, loc, type, amax, empty, ArrayRef<AffineMap>{none, none},
             ArrayRef<utils::IteratorType>{},
             [&](OpBuilder &body, Location l, ValueRange arguments) {
               Value narrow =
                   arith::TruncFOp::create(body, l, element, arguments[0]);
               linalg::YieldOp::create(body, l, narrow);
             })
      .getResult(0);
}
