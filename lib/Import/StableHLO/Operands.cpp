//===- Operands.cpp - Operands, results and common values -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What handlers check of an op, and the values that several of them make.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::qmm;

static LogicalResult verifyType(Operation *op, Type type, bool takesFloat4) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return op->emitOpError("has a value of type ")
           << type << ", expected a ranked tensor";
  Type element = tensor.getElementType();
  if (isa<Float4E2M1FNType>(element) && !takesFloat4)
    return op->emitOpError("has a value of type ")
           << type
           << ": two codes share a byte, and only a block-scaled product takes "
              "them";
  if (!isa<FloatType>(element) && !element.isSignlessInteger())
    return op->emitOpError("has a value of type ")
           << type
           << ", expected elements that are floats, signed integers or "
              "booleans";
  return success();
}

LogicalResult mlir::qmm::verifySignature(Operation *op, int numOperands,
                                         int numResults, bool takesFloat4) {
  if (numOperands >= 0 && int(op->getNumOperands()) != numOperands)
    return op->emitOpError("has ")
           << op->getNumOperands() << " operands, expected " << numOperands;
  if (numResults >= 0 && int(op->getNumResults()) != numResults)
    return op->emitOpError("has ")
           << op->getNumResults() << " results, expected " << numResults;
  for (Type type :
       llvm::concat<const Type>(llvm::to_vector(op->getOperandTypes()),
                                llvm::to_vector(op->getResultTypes())))
    if (failed(verifyType(op, type, takesFloat4)))
      return failure();
  return success();
}

RankedTensorType mlir::qmm::getOperandType(Operation *op, unsigned index) {
  return cast<RankedTensorType>(op->getOperand(index).getType());
}

RankedTensorType mlir::qmm::getResultType(Operation *op, unsigned index) {
  return cast<RankedTensorType>(op->getResult(index).getType());
}

std::string mlir::qmm::getText(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "[";
  llvm::interleaveComma(shape, stream, [&](int64_t extent) {
    if (ShapedType::isDynamic(extent))
      stream << "?";
    else
      stream << extent;
  });
  stream << "]";
  return text;
}

LogicalResult mlir::qmm::verifyShape(Operation *op, StringRef what,
                                     ArrayRef<int64_t> found,
                                     ArrayRef<int64_t> expected) {
  if (succeeded(verifyCompatibleShape(found, expected)))
    return success();
  return op->emitOpError() << what << " has shape " << getText(found)
                           << ", expected " << getText(expected);
}

Value mlir::qmm::createEmptyLike(OpBuilder &builder, Location loc,
                                 RankedTensorType type, Value like) {
  SmallVector<OpFoldResult> sizes;
  for (auto [i, extent] : llvm::enumerate(type.getShape()))
    sizes.push_back(ShapedType::isDynamic(extent)
                        ? tensor::getMixedSize(builder, loc, like, i)
                        : OpFoldResult(builder.getIndexAttr(extent)));
  return tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
}

Value mlir::qmm::createGather(OpBuilder &builder, Location loc, Value value,
                              AffineMap map, Value empty) {
  unsigned rank = cast<RankedTensorType>(empty.getType()).getRank();
  AffineMap maps[] = {
      map, AffineMap::getMultiDimIdentityMap(rank, builder.getContext())};
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), value, empty, maps,
             SmallVector<utils::IteratorType>(rank,
                                              utils::IteratorType::parallel),
             [&](OpBuilder &body, Location, ValueRange arguments) {
               linalg::YieldOp::create(body, loc, arguments[0]);
             })
      .getResult(0);
}

Value mlir::qmm::createSplat(OpBuilder &builder, Location loc,
                             RankedTensorType type, Value scalar, Value like) {
  Value empty = createEmptyLike(builder, loc, type, like);
  DenseElementsAttr constant;
  if (matchPattern(scalar, m_Constant(&constant)) && constant.isSplat()) {
    Value value = arith::ConstantOp::create(
        builder, loc, constant.getSplatValue<TypedAttr>());
    return linalg::FillOp::create(builder, loc, value, empty).getResult(0);
  }
  return createGather(builder, loc, scalar,
                      AffineMap::get(type.getRank(), 0, builder.getContext()),
                      empty);
}

Value mlir::qmm::createTranspose(OpBuilder &builder, Location loc, Value value,
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

Value mlir::qmm::createReshape(OpBuilder &builder, Location loc, Value value,
                               RankedTensorType type) {
  auto from = cast<RankedTensorType>(value.getType());
  if (from == type)
    return value;
  if (from.getRank() != type.getRank())
    if (auto groups = getReassociationIndicesForReshape(from, type))
      return from.getRank() > type.getRank()
                 ? tensor::CollapseShapeOp::create(builder, loc, type, value,
                                                   *groups)
                       .getResult()
                 : tensor::ExpandShapeOp::create(builder, loc, type, value,
                                                 *groups)
                       .getResult();
  auto getAll = [](int64_t rank) {
    SmallVector<ReassociationIndices> groups(rank ? 1 : 0);
    for (int64_t i = 0; i < rank; ++i)
      groups[0].push_back(i);
    return groups;
  };
  auto flat =
      RankedTensorType::get({from.getNumElements()}, from.getElementType());
  if (from.getRank() == 0)
    value = tensor::ExpandShapeOp::create(builder, loc, flat, value,
                                          ArrayRef<ReassociationIndices>());
  else if (from.getRank() > 1)
    value = tensor::CollapseShapeOp::create(builder, loc, flat, value,
                                            getAll(from.getRank()));
  if (type.getRank() == 0)
    return tensor::CollapseShapeOp::create(builder, loc, type, value,
                                           ArrayRef<ReassociationIndices>());
  if (type.getRank() == 1)
    return value;
  return tensor::ExpandShapeOp::create(builder, loc, type, value,
                                       getAll(type.getRank()));
}
