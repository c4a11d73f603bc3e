//===- Structure.cpp - Constants and shapes -------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What has the same elements in another shape, and what stays as it is.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::qmm;

//===----------------------------------------------------------------------===//
// Constants and shapes
//===----------------------------------------------------------------------===//

static Imported importConstant(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 0, 1, /*takesFloat4=*/true)))
    return failure();
  auto value = dyn_cast_or_null<ElementsAttr>(op->getAttr("value"));
  if (!value || value.getType() != op->getResult(0).getType())
    return op->emitOpError("has no attribute 'value' of type ")
           << op->getResult(0).getType();
  return SmallVector<Value>{
      arith::ConstantOp::create(builder, op->getLoc(), value)};
}

static Imported importBroadcastInDim(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 1)))
    return failure();
  RankedTensorType from = getOperandType(op, 0), to = getResultType(op);
  FailureOr<SmallVector<int64_t>> dims =
      readIntegers(op, "broadcast_dimensions", from.getRank());
  if (failed(dims))
    return failure();
  if (!to.hasStaticShape())
    return op->emitOpError("yields ") << to << ", expected a static shape";
  SmallVector<AffineExpr> exprs;
  SmallVector<bool> seen(to.getRank());
  for (auto [i, dim] : llvm::enumerate(*dims)) {
    if (dim < 0 || dim >= to.getRank() || seen[dim])
      return op->emitOpError("maps dimension ")
             << i << " to " << dim << ", expected each of 0 to "
             << to.getRank() - 1 << " at most once";
    seen[dim] = true;
    int64_t extent = from.getDimSize(i), target = to.getDimSize(dim);
    if (ShapedType::isDynamic(extent) || (extent != 1 && extent != target))
      return op->emitOpError("broadcasts dimension ")
             << i << " of " << from << " to " << to
             << ", expected an extent of 1 or " << target;
    exprs.push_back(extent == 1 && target != 1
                        ? builder.getAffineConstantExpr(0)
                        : builder.getAffineDimExpr(dim));
  }
  Location loc = op->getLoc();
  Value empty = createEmptyLike(builder, loc, to, Value());
  return SmallVector<Value>{createGather(
      builder, loc, op->getOperand(0),
      AffineMap::get(to.getRank(), 0, exprs, builder.getContext()), empty)};
}

static Imported importReshape(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 1, 1, /*takesFloat4=*/true)))
    return failure();
  RankedTensorType from = getOperandType(op, 0), to = getResultType(op);
  if (!from.hasStaticShape() || !to.hasStaticShape() ||
      from.getNumElements() != to.getNumElements() ||
      from.getElementType() != to.getElementType())
    return op->emitOpError("reshapes ")
           << from << " to " << to
           << ", expected static shapes of as many elements of one type";
  return SmallVector<Value>{
      createReshape(builder, op->getLoc(), op->getOperand(0), to)};
}

static Imported importTranspose(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 1)))
    return failure();
  RankedTensorType from = getOperandType(op, 0);
  FailureOr<SmallVector<int64_t>> permutation =
      readIntegers(op, "permutation", from.getRank());
  if (failed(permutation))
    return failure();
  if (!isPermutationVector(*permutation))
    return op->emitOpError("permutation is ")
           << getText(*permutation) << ", expected each of 0 to "
           << from.getRank() - 1 << " once";
  if (failed(verifyShape(op, "the result", getResultType(op).getShape(),
                         applyPermutation(from.getShape(), *permutation))))
    return failure();
  return SmallVector<Value>{
      createTranspose(builder, op->getLoc(), op->getOperand(0), *permutation)};
}

//===----------------------------------------------------------------------===//
// What only says something to a compiler
//===----------------------------------------------------------------------===//

static Imported importPassThrough(OpBuilder &, Operation *op) {
  if (op->getOperandTypes() != op->getResultTypes())
    return op->emitOpError("has results of other types than its operands, "
                           "expected the same");
  return llvm::to_vector_of<Value>(op->getOperands());
}

void mlir::qmm::addStructureHandlers(ImportTable &table) {
  table["broadcast_in_dim"] = importBroadcastInDim;
  table["constant"] = importConstant;
  table["optimization_barrier"] = importPassThrough;
  table["reshape"] = importReshape;
  table["sharding_constraint"] = importPassThrough; // of sdy
  table["transpose"] = importTranspose;
}
