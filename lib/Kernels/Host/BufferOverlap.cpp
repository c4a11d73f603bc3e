//===- BufferOverlap.cpp - May two buffers overlap? -----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See BufferOverlap.h.
//
//===----------------------------------------------------------------------===//

#include "BufferOverlap.h"

#include "mlir/Analysis/AliasAnalysis/LocalAliasAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::qmm;

bool mlir::qmm::isRepeatedView(Operation *op) {
  return isa<ViewLikeOpInterface>(op) &&
         !isa<memref::ViewOp, memref::ReshapeOp>(op) &&
         op->getNumResults() == 1 &&
         isa<BaseMemRefType>(op->getResult(0).getType()) &&
         isa<BaseMemRefType>(op->getOperand(0).getType());
}

/// The buffer that `value` is a view of.
static Value getRoot(Value value) {
  Operation *producer = value.getDefiningOp();
  while (producer && isRepeatedView(producer)) {
    value = producer->getOperand(0);
    producer = value.getDefiningOp();
  }
  return value;
}

/// Does `left` end, in the pool they are both parts of, before `right` begins?
static bool isBefore(memref::ViewOp left, memref::ViewOp right) {
  MemRefType type = left.getType();
  if (left.getSource() != right.getSource() || !type.hasStaticShape() ||
      !type.getElementType().isIntOrFloat())
    return false;
  std::optional<int64_t> begin = getConstantIntValue(left.getByteShift());
  std::optional<int64_t> next = getConstantIntValue(right.getByteShift());
  int64_t bytes = type.getNumElements() *
                  llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  return begin && next && *begin + bytes <= *next;
}

/// The argument of a function that `root` is, or is a part of.
static BlockArgument getArgument(Value root) {
  if (auto view = root.getDefiningOp<memref::ViewOp>())
    root = getRoot(view.getSource());
  auto argument = dyn_cast<BlockArgument>(root);
  if (argument && argument.getOwner()->isEntryBlock() &&
      isa<FunctionOpInterface>(argument.getOwner()->getParentOp()))
    return argument;
  return {};
}

bool mlir::qmm::mayOverlap(Value lhs, Value rhs) {
  Value left = getRoot(lhs), right = getRoot(rhs);
  auto leftView = left.getDefiningOp<memref::ViewOp>();
  auto rightView = right.getDefiningOp<memref::ViewOp>();
  if (leftView && rightView &&
      (isBefore(leftView, rightView) || isBefore(rightView, leftView)))
    return false;
  // The runtime refuses arguments that overlap.
  BlockArgument leftArgument = getArgument(left);
  BlockArgument rightArgument = getArgument(right);
  if (leftArgument && rightArgument && leftArgument != rightArgument)
    return false;
  return !LocalAliasAnalysis().alias(lhs, rhs).isNo();
}

bool mlir::qmm::mayWrite(Operation *op, Value location) {
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects =
      getEffectsRecursively(op);
  return !effects ||
         llvm::any_of(
             *effects, [&](const MemoryEffects::EffectInstance &effect) {
               return !isa<MemoryEffects::Read, MemoryEffects::Allocate>(
                          effect.getEffect()) &&
                      (!effect.getValue() ||
                       mayOverlap(effect.getValue(), location));
             });
}
