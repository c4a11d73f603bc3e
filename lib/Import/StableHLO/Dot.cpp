//===- Dot.cpp - Products of tensors -------------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Any dimension numbers are one linalg.generic, whose loops are the batch
// dimensions, the left operand's own, the right one's own, and the contracting
// ones: the order of the result's dimensions.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::qmm;

/// The dimensions of one operand as loops, which `loops` names in the order
/// batch, free, contracting.
static AffineMap getOperandMap(MLIRContext *context, int64_t rank,
                               unsigned numLoops, ArrayRef<int64_t> order,
                               ArrayRef<unsigned> loops) {
  SmallVector<AffineExpr> exprs(rank);
  for (auto [dim, loop] : llvm::zip_equal(order, loops))
    exprs[dim] = getAffineDimExpr(loop, context);
  return AffineMap::get(numLoops, 0, exprs, context);
}

/// The type to multiply and add in: the widest of operands and result, or f32
/// where two of one width differ.
static Type getSumType(Type lhs, Type rhs, Type result) {
  Type sum = result;
  for (Type type : {lhs, rhs}) {
    if (type.getIntOrFloatBitWidth() > sum.getIntOrFloatBitWidth())
      sum = type;
    else if (type != sum &&
             type.getIntOrFloatBitWidth() == sum.getIntOrFloatBitWidth())
      sum = Float32Type::get(type.getContext());
  }
  return sum;
}

static Imported createDot(OpBuilder &builder, Operation *op,
                          const DotDimensions &dims) {
  RankedTensorType lhs = getOperandType(op, 0), rhs = getOperandType(op, 1);
  RankedTensorType result = getResultType(op);
  bool isFloat = isa<FloatType>(result.getElementType());
  for (RankedTensorType type : {lhs, rhs})
    if (isa<FloatType>(type.getElementType()) != isFloat)
      return op->emitOpError("multiplies ")
             << lhs << " and " << rhs << " to " << result
             << ", expected floats or integers throughout";
  if (failed(verifyDotDimensions(op, dims, lhs, rhs, result)))
    return failure();

  SmallVector<int64_t> lhsFree =
      DotDimensions::getFree(lhs.getRank(), dims.lhsBatch, dims.lhsContracting);
  SmallVector<int64_t> rhsFree =
      DotDimensions::getFree(rhs.getRank(), dims.rhsBatch, dims.rhsContracting);
  unsigned numBatch = dims.lhsBatch.size(), numRows = lhsFree.size();
  unsigned numParallel = numBatch + numRows + rhsFree.size();
  unsigned numLoops = numParallel + dims.lhsContracting.size();
  auto batchLoops = llvm::seq(0u, numBatch);
  auto rowLoops = llvm::seq(numBatch, numBatch + numRows);
  auto columnLoops = llvm::seq(numBatch + numRows, numParallel);
  auto sumLoops = llvm::seq(numParallel, numLoops);

  MLIRContext *context = builder.getContext();
  SmallVector<AffineMap> maps = {
      getOperandMap(context, lhs.getRank(), numLoops,
                    llvm::to_vector(llvm::concat<const int64_t>(
                        dims.lhsBatch, lhsFree, dims.lhsContracting)),
                    llvm::to_vector(llvm::concat<unsigned>(
                        llvm::to_vector(batchLoops), llvm::to_vector(rowLoops),
                        llvm::to_vector(sumLoops)))),
      getOperandMap(
          context, rhs.getRank(), numLoops,
          llvm::to_vector(llvm::concat<const int64_t>(dims.rhsBatch, rhsFree,
                                                      dims.rhsContracting)),
          llvm::to_vector(llvm::concat<unsigned>(llvm::to_vector(batchLoops),
                                                 llvm::to_vector(columnLoops),
                                                 llvm::to_vector(sumLoops)))),
      AffineMap::getMultiDimMapWithTargets(
          numLoops, llvm::to_vector(llvm::seq(0u, numParallel)), context)};
  SmallVector<utils::IteratorType> iterators(numParallel,
                                             utils::IteratorType::parallel);
  iterators.append(numLoops - numParallel, utils::IteratorType::reduction);

  Location loc = op->getLoc();
  Type sumType = getSumType(lhs.getElementType(), rhs.getElementType(),
                            result.getElementType());
  SmallVector<OpFoldResult> sizes;
  auto addSizes = [&](Value value, ArrayRef<int64_t> order) {
    for (int64_t dim : order)
      sizes.push_back(tensor::getMixedSize(builder, loc, value, dim));
  };
  addSizes(op->getOperand(0), dims.lhsBatch);
  addSizes(op->getOperand(0), lhsFree);
  addSizes(op->getOperand(1), rhsFree);
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, sumType);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(sumType));
  Value zeros = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  auto product = linalg::GenericOp::create(
      builder, loc, zeros.getType(), op->getOperands(), zeros, maps, iterators,
      [&](OpBuilder &body, Location, ValueRange arguments) {
        Value a = convertScalar(body, loc, arguments[0], sumType);
        Value b = convertScalar(body, loc, arguments[1], sumType);
        Value sum;
        if (isFloat) {
          Value ab = arith::MulFOp::create(body, loc, a, b);
          sum = arith::AddFOp::create(body, loc, arguments[2], ab);
        } else if (sumType.isInteger(1)) {
          Value ab = arith::AndIOp::create(body, loc, a, b);
          sum = arith::OrIOp::create(body, loc, arguments[2], ab);
        } else {
          Value ab = arith::MulIOp::create(body, loc, a, b);
          sum = arith::AddIOp::create(body, loc, arguments[2], ab);
        }
        linalg::YieldOp::create(body, loc, sum);
      });
  Value value = product.getResult(0);
  if (sumType == result.getElementType())
    return SmallVector<Value>{value};

  SmallVector<AffineMap> identity(
      2, AffineMap::getMultiDimIdentityMap(result.getRank(), context));
  Value target = createEmptyLike(builder, loc, result, value);
  auto converted = linalg::GenericOp::create(
      builder, loc, target.getType(), value, target, identity,
      SmallVector<utils::IteratorType>(result.getRank(),
                                       utils::IteratorType::parallel),
      [&](OpBuilder &body, Location, ValueRange arguments) {
        linalg::YieldOp::create(
            body, loc,
            convertScalar(body, loc, arguments[0], result.getElementType()));
      });
  return SmallVector<Value>{converted.getResult(0)};
}

static Imported importDotGeneral(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 2)))
    return failure();
  FailureOr<DotDimensions> dims =
      readDotDimensions(op, "dot_dimension_numbers");
  if (failed(dims))
    return failure();
  return createDot(builder, op, *dims);
}

/// The last dimension of the left operand by the first one of the right.
static Imported importDot(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 2)))
    return failure();
  int64_t lhsRank = getOperandType(op, 0).getRank();
  int64_t rhsRank = getOperandType(op, 1).getRank();
  if (lhsRank < 1 || lhsRank > 2 || rhsRank < 1 || rhsRank > 2)
    return op->emitOpError("multiplies tensors of ranks ")
           << lhsRank << " and " << rhsRank << ", expected 1 or 2";
  DotDimensions dims;
  dims.lhsContracting = {lhsRank - 1};
  dims.rhsContracting = {0};
  return createDot(builder, op, dims);
}

void mlir::qmm::addDotHandlers(ImportTable &table) {
  table["dot"] = importDot;
  table["dot_general"] = importDotGeneral;
}
