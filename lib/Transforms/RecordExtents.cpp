//===- RecordExtents.cpp - Extents that must be equal --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shapes are the caller's at run time; what the ops assume about them has to
// be checked there.
//
//===----------------------------------------------------------------------===//

#include "qmm/IR/QMM.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_RECORDEXTENTS
#include "qmm/Transforms/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

namespace {

/// An extent by where it comes from: dimension `dim` of an argument, or (no
/// value) a constant.
using Extent = std::pair<void *, int64_t>;

/// Finds equal extents of one function.
class ExtentClasses {
public:
  /// Dimension `dim` of `value` as an extent of an argument or a constant;
  /// nullopt if it is neither.
  static std::optional<Extent> trace(Value value, int64_t dim);

  void unite(Value a, int64_t dimA, Value b, int64_t dimB);
  void visit(linalg::LinalgOp op);
  void visit(tensor::CastOp op);
  void visit(ScaledMatmulOp op);
  void visit(LinearOp op);

  llvm::EquivalenceClasses<Extent> classes;
};

} // namespace

std::optional<Extent> ExtentClasses::trace(Value value, int64_t dim) {
  while (true) {
    auto type = dyn_cast<ShapedType>(value.getType());
    if (!type || !type.hasRank())
      return std::nullopt;
    if (!type.isDynamicDim(dim))
      return Extent{nullptr, type.getDimSize(dim)};
    if (isa<BlockArgument>(value))
      return Extent{value.getAsOpaquePointer(), dim};
    Operation *op = value.getDefiningOp();
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
      // A result has its destination's shape.
      value = linalgOp.getDpsInits()[cast<OpResult>(value).getResultNumber()];
      continue;
    }
    if (auto cast = dyn_cast<tensor::CastOp>(op)) {
      value = cast.getSource();
      continue;
    }
    if (auto quantize = dyn_cast<QuantizeOp>(op)) {
      value = quantize.getInput();
      continue;
    }
    if (auto dequantize = dyn_cast<DequantizeOp>(op)) {
      value = dequantize.getInput();
      continue;
    }
    // Rows and batch dimensions of a product are its left operand's.
    if (auto matmul = dyn_cast<ScaledMatmulOp>(op)) {
      value = matmul.getA();
      continue;
    }
    if (auto linear = dyn_cast<LinearOp>(op)) {
      value = linear.getInput();
      continue;
    }
    auto empty = dyn_cast<tensor::EmptyOp>(op);
    if (!empty)
      return std::nullopt;
    auto source = empty.getDynamicSize(dim).getDefiningOp<tensor::DimOp>();
    if (!source || !source.getConstantIndex())
      return std::nullopt;
    dim = *source.getConstantIndex();
    value = source.getSource();
  }
}

void ExtentClasses::unite(Value a, int64_t dimA, Value b, int64_t dimB) {
  std::optional<Extent> first = trace(a, dimA), second = trace(b, dimB);
  if (first && second && (first->first || second->first))
    classes.unionSets(*first, *second);
}

void ExtentClasses::visit(linalg::LinalgOp op) {
  SmallVector<std::pair<Value, int64_t>> first(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop)
        continue;
      auto &[value, valueDim] = first[loop.getPosition()];
      if (value)
        unite(value, valueDim, operand.get(), dim);
      else
        first[loop.getPosition()] = {operand.get(), dim};
    }
  }
}

static int64_t getRank(Value value) {
  return cast<ShapedType>(value.getType()).getRank();
}

/// Canonicalization casts a dynamic extent that must be a static one.
void ExtentClasses::visit(tensor::CastOp op) {
  auto from = dyn_cast<RankedTensorType>(op.getSource().getType());
  if (!from || !isa<RankedTensorType>(op.getType()))
    return;
  for (int64_t dim = 0; dim < from.getRank(); ++dim)
    unite(op.getSource(), dim, op.getResult(), dim);
}

void ExtentClasses::visit(ScaledMatmulOp op) {
  int64_t rank = getRank(op.getA()), rankB = getRank(op.getB());
  unite(op.getA(), rank - 1, op.getB(), rankB - 1);
  for (int64_t dim = 0; dim < rank - 2 && rankB == rank; ++dim)
    unite(op.getA(), dim, op.getB(), dim);
  if (Value bias = op.getBias())
    unite(bias, 0, op.getB(), rankB - 2);
  if (Value residual = op.getResidual()) {
    for (int64_t dim = 0; dim < rank - 1; ++dim)
      unite(residual, dim, op.getA(), dim);
    unite(residual, rank - 1, op.getB(), rankB - 2);
  }
}

void ExtentClasses::visit(LinearOp op) {
  unite(op.getInput(), getRank(op.getInput()) - 1, op.getWeight(), 1);
  if (Value bias = op.getBias())
    unite(bias, 0, op.getWeight(), 0);
}

void mlir::qmm::recordExtents(FunctionOpInterface function) {
  if (function.isExternal())
    return;
  ExtentClasses extents;
  function.walk([&](Operation *op) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      extents.visit(linalgOp);
    else if (auto cast = dyn_cast<tensor::CastOp>(op))
      extents.visit(cast);
    else if (auto matmul = dyn_cast<ScaledMatmulOp>(op))
      extents.visit(matmul);
    else if (auto linear = dyn_cast<LinearOp>(op))
      extents.visit(linear);
  });

  // Classes are numbered in the order of the arguments.
  llvm::DenseMap<Extent, int64_t> numbers;
  for (const auto *entry : extents.classes)
    if (entry->isLeader())
      for (const Extent &member : extents.classes.members(*entry))
        if (!member.first)
          numbers[entry->getData()] = -2 - member.second;
  int64_t next = 0;
  for (BlockArgument argument : function.getFunctionBody().getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    SmallVector<int64_t> codes(type.getRank(), -1);
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      auto leader = extents.classes.findLeader(
          Extent{argument.getAsOpaquePointer(), dim});
      if (leader == extents.classes.member_end())
        continue;
      auto [it, isNew] = numbers.try_emplace(*leader, next);
      next += isNew;
      codes[dim] = it->second;
    }
    if (llvm::any_of(codes, [](int64_t code) { return code != -1; }))
      function.setArgAttr(
          argument.getArgNumber(), kExtentsAttr,
          Builder(function.getContext()).getDenseI64ArrayAttr(codes));
  }
}

namespace {
struct RecordExtents : qmm::impl::RecordExtentsBase<RecordExtents> {
  void runOnOperation() override { recordExtents(getOperation()); }
};
} // namespace
