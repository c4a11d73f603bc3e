//===- QMMShapes.cpp - Ops on shapes, and shape inference -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// dim, slice, reshape, transpose and pad of the logical type, and the extents
// of results in terms of operands.
//
//===----------------------------------------------------------------------===//
#include "Verify.h"
#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::qmm;

static QuantizedTensorType withShape(QuantizedTensorType type,
                                     ArrayRef<int64_t> shape) {
  return QuantizedTensorType::get(shape, type.getExpressed(), type.getScheme(),
                                  type.getLayout());
}

/// `shape` as the type prints it.
static std::string spellShape(ArrayRef<int64_t> shape) {
  auto spell = [](int64_t extent) {
    return ShapedType::isDynamic(extent) ? "?" : std::to_string(extent);
  };
  return llvm::join(llvm::map_range(shape, spell), "x");
}

static LogicalResult verifyPlain(Operation *op, QuantizedTensorType type) {
  if (type.getLayout().isPlain())
    return success();
  return op->emitOpError() << "operates on " << type
                           << ", expected linear scales and no padding";
}

/// The result is the input with another shape, `shape`.
static LogicalResult verifyResult(Operation *op, QuantizedTensorType input,
                                  QuantizedTensorType result,
                                  ArrayRef<int64_t> shape) {
  if (result.getExpressed() == input.getExpressed() &&
      result.getScheme() == input.getScheme() &&
      result.getLayout() == input.getLayout() && result.getShape() == shape)
    return success();
  return op->emitOpError() << "the result is " << result << ", expected "
                           << input << " with the shape " << spellShape(shape);
}

/// One entry for each dimension of the input.
static LogicalResult verifyCount(Operation *op, StringRef what, size_t count,
                                 QuantizedTensorType input) {
  if (count == static_cast<size_t>(input.getRank()))
    return success();
  return op->emitOpError() << "has " << count << " " << what << ", expected "
                           << input.getRank() << ", one a dimension of "
                           << input;
}

namespace {
/// Dimension `index` of a type, and the multiple that cuts along it respect.
struct BlockedDim {
  BlockedDim(QuantizedTensorType type, int64_t index) {
    SchemeAttr scheme = type.getScheme();
    if (index == type.getRank() - 2) {
      block = std::max<int64_t>(scheme.getBlockOuter(), 1);
    } else if (index == type.getRank() - 1) {
      // Two 4-bit codes share a byte.  Their blocks are even.
      block = std::max<int64_t>(scheme.getBlockK(), scheme.isFloat4() ? 2 : 1);
    }
  }
  int64_t block = 1;
};
} // namespace

//===----------------------------------------------------------------------===//
// dim
//===----------------------------------------------------------------------===//

LogicalResult DimOp::verify() {
  int64_t index = getIndex(), rank = getInput().getType().getRank();
  if (index < 0 || index >= rank)
    return emitOpError() << "index is " << index << ", expected 0 to "
                         << rank - 1 << " for " << getInput().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// slice
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> getSliceShape(ArrayRef<int64_t> sizes) {
  return llvm::map_to_vector(sizes, [](int64_t size) {
    return size == -1 ? ShapedType::kDynamic : size;
  });
}

LogicalResult SliceOp::verify() {
  QuantizedTensorType input = getInput().getType();
  if (failed(verifyCount(*this, "offsets", getOffsets().size(), input)) ||
      failed(verifyCount(*this, "sizes", getSizes().size(), input)))
    return failure();
  for (int64_t i = 0, rank = input.getRank(); i < rank; ++i) {
    int64_t offset = getOffsets()[i], size = getSizes()[i];
    int64_t extent = input.getDimSize(i);
    if (ShapedType::isDynamic(extent)) {
      if (offset != 0 || size != -1)
        return emitOpError()
               << "takes " << size << " elements from " << offset
               << " of dimension " << i << " of " << input
               << ", expected all (0, -1): the dimension is dynamic";
      continue;
    }
    if (offset < 0 || size < 0 || offset > extent || size > extent - offset)
      return emitOpError() << "takes " << size << " elements from " << offset
                           << " of dimension " << i << " of " << input
                           << ", expected a range inside it";
    int64_t block = BlockedDim(input, i).block;
    if (offset % block != 0)
      return emitOpError() << "has offset " << offset << " in dimension " << i
                           << " of " << input << ", expected a multiple of "
                           << block;
    if (size % block != 0 && offset + size != extent)
      return emitOpError() << "has size " << size << " in dimension " << i
                           << " of " << input << ", expected a multiple of "
                           << block << ", or the rest";
  }
  if (failed(verifyPlain(*this, input)))
    return failure();
  return verifyResult(*this, input, getResult().getType(),
                      getSliceShape(getSizes()));
}

QuantizedTensorType SliceOp::inferResultType(QuantizedTensorType input,
                                             ArrayRef<int64_t> sizes) {
  return withShape(input, getSliceShape(sizes));
}

void SliceOp::build(OpBuilder &builder, OperationState &state, Value input,
                    ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes) {
  build(builder, state,
        inferResultType(cast<QuantizedTensorType>(input.getType()), sizes),
        input, offsets, sizes);
}

//===----------------------------------------------------------------------===//
// reshape
//===----------------------------------------------------------------------===//

uint64_t qmm::getStaticCount(ArrayRef<int64_t> shape) {
  uint64_t count = 1;
  for (int64_t extent : shape)
    if (!ShapedType::isDynamic(extent))
      count *= static_cast<uint64_t>(extent);
  return count;
}

LogicalResult ReshapeOp::verify() {
  QuantizedTensorType input = getInput().getType();
  QuantizedTensorType result = getResult().getType();
  if (failed(verifyPlain(*this, input)) || failed(verifyPlain(*this, result)))
    return failure();
  if (failed(verifyResult(*this, input, result, result.getShape())))
    return failure();
  if (input.getK() != result.getK())
    return emitOpError() << "the result is " << result
                         << ", expected the last extent, K, of " << input;
  if (input.getNumDynamicDims() > 1 || result.getNumDynamicDims() > 1)
    return emitOpError() << "reshapes " << input << " to " << result
                         << ", expected at most one dynamic dimension each";
  uint64_t inputCount = getStaticCount(input.getShape());
  uint64_t resultCount = getStaticCount(result.getShape());
  bool isStatic = input.hasStaticShape() && result.hasStaticShape();
  if (input.hasStaticShape() != result.hasStaticShape() ||
      (isStatic && inputCount != resultCount))
    return emitOpError()
           << "reshapes " << input << " to " << result
           << ", expected the same number of elements, and a dynamic "
              "dimension on both sides or none";

  // A multi-row block, or one per matrix, mustn't change the rows it covers.
  SchemeAttr scheme = input.getScheme();
  bool keepsMatrix = scheme.getBlockOuter() > 1 ||
                     (scheme.getBlockOuter() == 0 && !scheme.hasWholeBlocks());
  if (keepsMatrix &&
      (input.getOuter() != result.getOuter() || inputCount != resultCount))
    return emitOpError() << "the result is " << result
                         << ", expected the last two dimensions of " << input
                         << ": blocks of scheme " << scheme.getName()
                         << " cover several rows";
  return success();
}

//===----------------------------------------------------------------------===//
// transpose
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::verify() {
  QuantizedTensorType input = getInput().getType();
  ArrayRef<int64_t> permutation = getPermutation();
  if (failed(
          verifyCount(*this, "permutation entries", permutation.size(), input)))
    return failure();
  if (!isPermutationVector(permutation))
    return emitOpError() << "permutation is [" << permutation
                         << "], expected each of 0 to " << input.getRank() - 1
                         << " once";
  int64_t rank = input.getRank();
  bool keepsMatrix =
      permutation[rank - 1] == rank - 1 && permutation[rank - 2] == rank - 2;
  SchemeAttr scheme = input.getScheme();
  if (!keepsMatrix && (!scheme.hasWholeBlocks() || scheme.isFloat4()))
    return emitOpError() << "permutation [" << permutation
                         << "] moves the last two dimensions of " << input
                         << ", expected a scheme of one scale and 8-bit "
                            "elements";
  if (failed(verifyPlain(*this, input)))
    return failure();
  return verifyResult(*this, input, getResult().getType(),
                      applyPermutation(input.getShape(), permutation));
}

QuantizedTensorType
TransposeOp::inferResultType(QuantizedTensorType input,
                             ArrayRef<int64_t> permutation) {
  return withShape(input, applyPermutation(input.getShape(), permutation));
}

void TransposeOp::build(OpBuilder &builder, OperationState &state, Value input,
                        ArrayRef<int64_t> permutation) {
  build(
      builder, state,
      inferResultType(cast<QuantizedTensorType>(input.getType()), permutation),
      input, permutation);
}

//===----------------------------------------------------------------------===//
// pad
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> getPaddedShape(ArrayRef<int64_t> shape,
                                           ArrayRef<int64_t> high) {
  SmallVector<int64_t> padded(shape);
  for (auto [extent, amount] : llvm::zip_equal(padded, high))
    if (!ShapedType::isDynamic(extent))
      extent += amount;
  return padded;
}

LogicalResult PadOp::verify() {
  QuantizedTensorType input = getInput().getType();
  ArrayRef<int64_t> high = getHigh();
  if (failed(verifyCount(*this, "amounts", high.size(), input)))
    return failure();
  for (int64_t i = 0, rank = input.getRank(); i < rank; ++i) {
    int64_t extent = input.getDimSize(i), padded = 0;
    if (high[i] < 0)
      return emitOpError() << "pads dimension " << i << " by " << high[i]
                           << ", expected at least 0";
    if (high[i] == 0)
      continue;
    if (ShapedType::isDynamic(extent))
      return emitOpError() << "pads dimension " << i << " of " << input
                           << ", expected a static extent";
    if (llvm::AddOverflow(extent, high[i], padded))
      return emitOpError() << "pads dimension " << i << " by " << high[i]
                           << ", expected an extent that fits in 63 bits";
    int64_t block = BlockedDim(input, i).block;
    if (extent % block != 0 || padded % block != 0)
      return emitOpError() << "pads dimension " << i << " of " << input
                           << " to " << padded << ", expected multiples of "
                           << block << " before and after";
  }
  if (failed(verifyPlain(*this, input)))
    return failure();
  return verifyResult(*this, input, getResult().getType(),
                      getPaddedShape(input.getShape(), high));
}

QuantizedTensorType PadOp::inferResultType(QuantizedTensorType input,
                                           ArrayRef<int64_t> high) {
  return withShape(input, getPaddedShape(input.getShape(), high));
}

void PadOp::build(OpBuilder &builder, OperationState &state, Value input,
                  ArrayRef<int64_t> high) {
  build(builder, state,
        inferResultType(cast<QuantizedTensorType>(input.getType()), high),
        input, high);
}

//===----------------------------------------------------------------------===//
// ReifyRankedShapedTypeOpInterface
//===----------------------------------------------------------------------===//

/// Extent `index` of a builtin or quantized tensor: an attribute where static.
static OpFoldResult getExtent(OpBuilder &builder, Location loc, Value value,
                              int64_t index) {
  auto type = cast<ShapedType>(value.getType());
  if (!type.isDynamicDim(index))
    return builder.getIndexAttr(type.getDimSize(index));
  if (isa<QuantizedTensorType>(type))
    return DimOp::create(builder, loc, value, index).getResult();
  return tensor::DimOp::create(builder, loc, value, index).getResult();
}

/// The extents of `result`, which are those of `value` up to `count`; static
/// ones from the result's own type.
static SmallVector<OpFoldResult> getExtents(OpBuilder &builder, Location loc,
                                            ShapedType result, Value value,
                                            int64_t count) {
  SmallVector<OpFoldResult> extents;
  for (int64_t i = 0; i < count; ++i)
    extents.push_back(result.isDynamicDim(i)
                          ? getExtent(builder, loc, value, i)
                          : builder.getIndexAttr(result.getDimSize(i)));
  return extents;
}

/// [leading extents of `lhs`..., N], where N is extent `nIndex` of `rhs`.
static SmallVector<OpFoldResult> getProductExtents(OpBuilder &builder,
                                                   Location loc,
                                                   ShapedType result, Value lhs,
                                                   Value rhs, int64_t nIndex) {
  int64_t last = result.getRank() - 1;
  auto extents = getExtents(builder, loc, result, lhs, last);
  extents.push_back(result.isDynamicDim(last)
                        ? getExtent(builder, loc, rhs, nIndex)
                        : builder.getIndexAttr(result.getDimSize(last)));
  return extents;
}

LogicalResult QuantizeOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  ShapedType result = getResult().getType();
  reifiedReturnShapes.push_back(
      getExtents(builder, getLoc(), result, getInput(), result.getRank()));
  return success();
}

LogicalResult DequantizeOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  ShapedType result = getResult().getType();
  reifiedReturnShapes.push_back(
      getExtents(builder, getLoc(), result, getInput(), result.getRank()));
  return success();
}

LogicalResult ScaledMatmulOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  auto bType = cast<ShapedType>(getB().getType());
  reifiedReturnShapes.push_back(getProductExtents(
      builder, getLoc(), cast<ShapedType>(getResult().getType()), getA(),
      getB(), bType.getRank() - 2));
  if (getAmax())
    reifiedReturnShapes.emplace_back();
  return success();
}

LogicalResult
LinearOp::reifyResultShapes(OpBuilder &builder,
                            ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  reifiedReturnShapes.push_back(getProductExtents(
      builder, getLoc(), getResult().getType(), getInput(), getWeight(), 0));
  return success();
}
