//===- Movement.cpp - Parts of tensors, put together ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Static shapes; indices that are data are looked up one by one, since a
// program can't read data to decide where a buffer lies.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::qmm;

static Value createSlice(OpBuilder &builder, Location loc, Value value,
                         ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                         ArrayRef<int64_t> strides) {
  return tensor::ExtractSliceOp::create(
      builder, loc, value,
      getAsIndexOpFoldResult(builder.getContext(), offsets),
      getAsIndexOpFoldResult(builder.getContext(), sizes),
      getAsIndexOpFoldResult(builder.getContext(), strides));
}

static Imported importSlice(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 1)))
    return failure();
  RankedTensorType from = getOperandType(op, 0);
  int64_t rank = from.getRank();
  FailureOr<SmallVector<int64_t>> start =
      readIntegers(op, "start_indices", rank);
  FailureOr<SmallVector<int64_t>> limit =
      readIntegers(op, "limit_indices", rank);
  FailureOr<SmallVector<int64_t>> strides = readIntegers(op, "strides", rank);
  if (failed(start) || failed(limit) || failed(strides))
    return failure();
  SmallVector<int64_t> sizes;
  for (int64_t i = 0; i < rank; ++i) {
    int64_t first = (*start)[i], last = (*limit)[i], stride = (*strides)[i];
    if (from.isDynamicDim(i) || first < 0 || first > last ||
        last > from.getDimSize(i) || stride < 1)
      return op->emitOpError("takes [")
             << first << ", " << last << ") by " << stride << " of dimension "
             << i << " of " << from
             << ", expected a part of a static extent, and a stride of at "
                "least 1";
    sizes.push_back(last == first ? 0 : (last - first - 1) / stride + 1);
  }
  if (failed(
          verifyShape(op, "the result", getResultType(op).getShape(), sizes)))
    return failure();
  return SmallVector<Value>{createSlice(
      builder, op->getLoc(), op->getOperand(0), *start, sizes, *strides)};
}

/// A generic that reads `value` at indices that its body computes.
static Value createIndexed(
    OpBuilder &builder, Location loc, Value value, RankedTensorType type,
    ValueRange inputs,
    function_ref<Value(OpBuilder &, int64_t, Value, ValueRange)> getIndex) {
  int64_t rank = type.getRank();
  MLIRContext *context = builder.getContext();
  Value empty = createEmptyLike(builder, loc, type, value);
  SmallVector<AffineMap> maps(inputs.size(), AffineMap::get(rank, 0, context));
  maps.push_back(AffineMap::getMultiDimIdentityMap(rank, context));
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), inputs, empty, maps,
             SmallVector<utils::IteratorType>(rank,
                                              utils::IteratorType::parallel),
             [&](OpBuilder &body, Location, ValueRange arguments) {
               SmallVector<Value> indices;
               for (int64_t i = 0; i < rank; ++i)
                 indices.push_back(
                     getIndex(body, i, linalg::IndexOp::create(body, loc, i),
                              arguments));
               Value element =
                   tensor::ExtractOp::create(body, loc, value, indices);
               linalg::YieldOp::create(body, loc, element);
             })
      .getResult(0);
}

/// The start indices are data: elements are looked up one by one.
static Imported importDynamicSlice(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, -1)))
    return failure();
  if (op->getNumOperands() == 0)
    return op->emitOpError("has no operands, expected a tensor");
  RankedTensorType from = getOperandType(op, 0), to = getResultType(op);
  int64_t rank = from.getRank();
  if (int64_t(op->getNumOperands()) != rank + 1)
    return op->emitOpError("has ")
           << op->getNumOperands() - 1 << " start indices, expected " << rank;
  for (int64_t i = 1; i <= rank; ++i)
    if (RankedTensorType type = getOperandType(op, i);
        type.getRank() != 0 || !isa<IntegerType>(type.getElementType()) ||
        type.getElementTypeBitWidth() > 64)
      return op->emitOpError("has a start index of type ")
             << type << ", expected a scalar integer";
  FailureOr<SmallVector<int64_t>> sizes = readIntegers(op, "slice_sizes", rank);
  if (failed(sizes) ||
      failed(verifyShape(op, "the result", to.getShape(), *sizes)))
    return failure();
  for (int64_t i = 0; i < rank; ++i)
    if (from.isDynamicDim(i) || (*sizes)[i] < 0 ||
        (*sizes)[i] > from.getDimSize(i))
      return op->emitOpError("takes ")
             << (*sizes)[i] << " of dimension " << i << " of " << from
             << ", expected a part of a static extent";
  Location loc = op->getLoc();
  return SmallVector<Value>{createIndexed(
      builder, loc, op->getOperand(0), to, op->getOperands().drop_front(),
      [&](OpBuilder &body, int64_t i, Value index, ValueRange starts) -> Value {
        Value start = arith::IndexCastOp::create(body, loc, body.getIndexType(),
                                                 starts[i]);
        Value zero = arith::ConstantIndexOp::create(body, loc, 0);
        Value last = arith::ConstantIndexOp::create(
            body, loc, from.getDimSize(i) - (*sizes)[i]);
        start = arith::MaxSIOp::create(body, loc, start, zero);
        start = arith::MinSIOp::create(body, loc, start, last);
        return arith::AddIOp::create(body, loc, start, index);
      })};
}

static Imported importReverse(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 1)))
    return failure();
  RankedTensorType type = getOperandType(op, 0);
  FailureOr<SmallVector<int64_t>> dims = readIntegers(op, "dimensions");
  if (failed(dims) ||
      failed(verifyShape(op, "the result", getResultType(op).getShape(),
                         type.getShape())))
    return failure();
  for (int64_t dim : *dims)
    if (dim < 0 || dim >= type.getRank() || type.isDynamicDim(dim))
      return op->emitOpError("reverses dimension ")
             << dim << " of " << type << ", expected one of static extent";
  Location loc = op->getLoc();
  return SmallVector<Value>{createIndexed(
      builder, loc, op->getOperand(0), getResultType(op), {},
      [&](OpBuilder &body, int64_t i, Value index, ValueRange) -> Value {
        if (!llvm::is_contained(*dims, i))
          return index;
        Value last =
            arith::ConstantIndexOp::create(body, loc, type.getDimSize(i) - 1);
        return arith::SubIOp::create(body, loc, last, index);
      })};
}

/// Amounts may be negative: what they cut off is sliced away at the end.
static Imported importPad(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 2)))
    return failure();
  RankedTensorType from = getOperandType(op, 0), to = getResultType(op);
  RankedTensorType padding = getOperandType(op, 1);
  if (padding.getRank() != 0 ||
      padding.getElementType() != from.getElementType() ||
      to.getElementType() != from.getElementType() || !from.hasStaticShape())
    return op->emitOpError("pads ")
           << from << " with " << padding << " to " << to
           << ", expected a static shape and a scalar, all of one element type";
  int64_t rank = from.getRank();
  FailureOr<SmallVector<int64_t>> low =
      readIntegers(op, "edge_padding_low", rank);
  FailureOr<SmallVector<int64_t>> high =
      readIntegers(op, "edge_padding_high", rank);
  FailureOr<SmallVector<int64_t>> interior =
      readIntegers(op, "interior_padding", rank);
  if (failed(low) || failed(high) || failed(interior))
    return failure();
  SmallVector<int64_t> padded, offsets, strides, cut, sizes;
  for (int64_t i = 0; i < rank; ++i) {
    int64_t extent = from.getDimSize(i), inner = 0, stride = 0, all = 0;
    int64_t before = std::max<int64_t>((*low)[i], 0);
    int64_t after = std::max<int64_t>((*high)[i], 0);
    bool overflows =
        llvm::AddOverflow((*interior)[i], int64_t(1), stride) ||
        llvm::MulOverflow(std::max<int64_t>(extent - 1, 0), stride, inner) ||
        llvm::AddOverflow(inner, before, all) ||
        llvm::AddOverflow(all, after, all) ||
        llvm::AddOverflow(all, std::min<int64_t>(extent, 1), all);
    int64_t size = overflows ? -1
                             : all + std::min<int64_t>((*low)[i], 0) +
                                   std::min<int64_t>((*high)[i], 0);
    if ((*interior)[i] < 0 || size < 0)
      return op->emitOpError("pads dimension ")
             << i << " of " << from << " by " << (*low)[i] << ", " << (*high)[i]
             << " and " << (*interior)[i]
             << " between elements, expected an extent that is left, and at "
                "least 0 between elements";
    padded.push_back(all);
    offsets.push_back(before);
    strides.push_back(stride);
    cut.push_back(std::max<int64_t>(-(*low)[i], 0));
    sizes.push_back(size);
  }
  if (failed(verifyShape(op, "the result", to.getShape(), sizes)))
    return failure();

  Location loc = op->getLoc();
  MLIRContext *context = builder.getContext();
  Value value =
      createSplat(builder, loc, to.clone(padded), op->getOperand(1), Value());
  if (from.getNumElements() != 0)
    value = tensor::InsertSliceOp::create(
        builder, loc, op->getOperand(0), value,
        getAsIndexOpFoldResult(context, offsets),
        getAsIndexOpFoldResult(context, from.getShape()),
        getAsIndexOpFoldResult(context, strides));
  if (padded != sizes)
    value = createSlice(builder, loc, value, cut, sizes,
                        SmallVector<int64_t>(rank, 1));
  return SmallVector<Value>{value};
}

static Imported importConcatenate(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, -1)))
    return failure();
  RankedTensorType to = getResultType(op);
  FailureOr<int64_t> dim = readInteger(op, "dimension");
  if (failed(dim))
    return failure();
  if (*dim < 0 || *dim >= to.getRank() || !to.hasStaticShape())
    return op->emitOpError("concatenates along dimension ")
           << *dim << " to " << to << ", expected one of a static shape";
  int64_t extent = 0;
  for (Type type : op->getOperandTypes()) {
    auto part = cast<RankedTensorType>(type);
    SmallVector<int64_t> expected(to.getShape());
    if (part.getRank() == to.getRank()) {
      expected[*dim] = part.getDimSize(*dim);
      extent += expected[*dim];
    }
    if (part != to.clone(expected))
      return op->emitOpError("has an operand of type ")
             << part << ", expected " << to << " but for dimension " << *dim;
  }
  if (extent != to.getDimSize(*dim))
    return op->emitOpError("has operands of ")
           << extent << " along dimension " << *dim << " in all, expected "
           << to.getDimSize(*dim);
  Location loc = op->getLoc();
  MLIRContext *context = builder.getContext();
  Value value = createEmptyLike(builder, loc, to, Value());
  SmallVector<int64_t> offsets(to.getRank(), 0);
  SmallVector<OpFoldResult> ones(to.getRank(), builder.getIndexAttr(1));
  for (Value part : op->getOperands()) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(part.getType()).getShape();
    value = tensor::InsertSliceOp::create(
        builder, loc, part, value, getAsIndexOpFoldResult(context, offsets),
        getAsIndexOpFoldResult(context, shape), ones);
    offsets[*dim] += shape[*dim];
  }
  return SmallVector<Value>{value};
}

static Imported importIota(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, 0)))
    return failure();
  RankedTensorType type = getResultType(op);
  FailureOr<int64_t> dim = readInteger(op, "iota_dimension");
  if (failed(dim))
    return failure();
  if (*dim < 0 || *dim >= type.getRank() || !type.hasStaticShape() ||
      type.getElementType().isInteger(1))
    return op->emitOpError("counts along dimension ")
           << *dim << " of " << type
           << ", expected one of a static shape of numbers";
  Location loc = op->getLoc();
  Value empty = createEmptyLike(builder, loc, type, Value());
  AffineMap map =
      AffineMap::getMultiDimIdentityMap(type.getRank(), builder.getContext());
  auto generic = linalg::GenericOp::create(
      builder, loc, type, ValueRange(), empty, map,
      SmallVector<utils::IteratorType>(type.getRank(),
                                       utils::IteratorType::parallel),
      [&](OpBuilder &body, Location, ValueRange) {
        Value index = linalg::IndexOp::create(body, loc, *dim);
        Value number =
            arith::IndexCastOp::create(body, loc, body.getI64Type(), index);
        linalg::YieldOp::create(
            body, loc, convertScalar(body, loc, number, type.getElementType()));
      });
  return SmallVector<Value>{generic.getResult(0)};
}

void mlir::qmm::addMovementHandlers(ImportTable &table) {
  table["concatenate"] = importConcatenate;
  table["dynamic_slice"] = importDynamicSlice;
  table["iota"] = importIota;
  table["pad"] = importPad;
  table["reverse"] = importReverse;
  table["slice"] = importSlice;
}
