//===- ShapePatterns.cpp - Shapes of quantized tensors --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each part of a value is sliced, reshaped, transposed or padded by itself,
// with upstream's ops on builtin tensors: in plain layouts nothing else is
// needed.
//
//===----------------------------------------------------------------------===//

#include "PhysicalShapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/DialectConversion.h"

#include <numeric>

using namespace mlir;
using namespace mlir::qmm;

/// Does a slice of these extents at `offsets` lie in memory without gaps?
static bool isContiguousSlice(RankedTensorType source, RankedTensorType result,
                              ArrayRef<int64_t> offsets) {
  auto isWhole = [&](int64_t dim) {
    return offsets[dim] == 0 &&
           source.getDimSize(dim) == result.getDimSize(dim);
  };
  int64_t partial = source.getRank() - 1;
  while (partial >= 0 && isWhole(partial))
    --partial;
  for (int64_t dim = 0; dim < partial; ++dim)
    if (result.getDimSize(dim) != 1)
      return false;
  return true;
}

/// The part of `source` from `offsets` on; copied unless it is contiguous,
/// since physical ops take row-major buffers.
static Value slicePart(OpBuilder &builder, Location loc, Value source,
                       RankedTensorType resultType, ArrayRef<int64_t> offsets) {
  auto sourceType = cast<RankedTensorType>(source.getType());
  if (sourceType == resultType)
    return source;
  SmallVector<OpFoldResult> starts, sizes;
  for (auto [i, extent] : llvm::enumerate(resultType.getShape())) {
    starts.push_back(builder.getIndexAttr(offsets[i]));
    sizes.push_back(ShapedType::isStatic(extent)
                        ? OpFoldResult(builder.getIndexAttr(extent))
                        : tensor::getMixedSize(builder, loc, source, i));
  }
  SmallVector<OpFoldResult> strides(offsets.size(), builder.getIndexAttr(1));
  Value slice = tensor::ExtractSliceOp::create(builder, loc, resultType, source,
                                               starts, sizes, strides);
  if (isContiguousSlice(sourceType, resultType, offsets))
    return slice;
  return bufferization::AllocTensorOp::create(
      builder, loc, resultType, /*dynamicSizes=*/ValueRange(), /*copy=*/slice);
}

/// `source` in the shape of `resultType`; both have the same last dimension.
static Value reshapePart(OpBuilder &builder, Location loc, Value source,
                         RankedTensorType resultType) {
  auto type = cast<RankedTensorType>(source.getType());
  if (type == resultType)
    return source;
  auto getGrouping = [](int64_t rank) {
    SmallVector<ReassociationIndices> groups(2);
    groups[0].resize(rank - 1);
    std::iota(groups[0].begin(), groups[0].end(), 0);
    groups[1] = {rank - 1};
    return groups;
  };
  auto getStaticSize = [](ArrayRef<int64_t> extents) {
    int64_t size = 1;
    for (int64_t extent : extents)
      size *= ShapedType::isStatic(extent) ? extent : 1;
    return size;
  };
  auto getMatrixType = [&](RankedTensorType type) {
    ArrayRef<int64_t> rows = type.getShape().drop_back();
    int64_t numRows = ShapedType::isDynamicShape(rows) ? ShapedType::kDynamic
                                                       : getStaticSize(rows);
    return RankedTensorType::get({numRows, type.getShape().back()},
                                 type.getElementType());
  };

  // To a matrix, and from there to the result's shape.
  if (type.getRank() > 2)
    source = tensor::CollapseShapeOp::create(
        builder, loc, getMatrixType(type), source, getGrouping(type.getRank()));
  source = castTo(builder, loc, source, getMatrixType(resultType));
  if (resultType.getRank() == 2)
    return source;

  SmallVector<OpFoldResult> sizes;
  for (int64_t extent : resultType.getShape().drop_back()) {
    if (ShapedType::isStatic(extent)) {
      sizes.push_back(builder.getIndexAttr(extent));
      continue;
    }
    // The only dynamic extent has what the others leave, 0 if they are empty.
    int64_t others = getStaticSize(resultType.getShape().drop_back());
    if (others == 0) {
      sizes.push_back(
          arith::ConstantIndexOp::create(builder, loc, 0).getResult());
      continue;
    }
    Value rows = getValueOrCreateConstantIndexOp(
        builder, loc, tensor::getMixedSize(builder, loc, source, 0));
    Value divisor = arith::ConstantIndexOp::create(builder, loc, others);
    sizes.push_back(
        arith::DivUIOp::create(builder, loc, rows, divisor).getResult());
  }
  sizes.push_back(tensor::getMixedSize(builder, loc, source, 1));
  return tensor::ExpandShapeOp::create(builder, loc, resultType, source,
                                       getGrouping(resultType.getRank()),
                                       sizes);
}

static Value transposePart(OpBuilder &builder, Location loc, Value source,
                           RankedTensorType resultType,
                           ArrayRef<int64_t> permutation) {
  if (resultType.getRank() == 0)
    return source;
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim : permutation)
    sizes.push_back(tensor::getMixedSize(builder, loc, source, dim));
  Value empty = createEmpty(builder, loc, resultType, sizes);
  return linalg::TransposeOp::create(builder, loc, source, empty, permutation)
      ->getResult(0);
}

/// `source` followed by zero bytes in every dimension up to `resultType`'s.
static Value padPart(OpBuilder &builder, Location loc, Value source,
                     RankedTensorType resultType) {
  if (source.getType() == resultType)
    return source;
  // The value whose bits are all zero: +0, and 2^-127 of an E8M0 scale, which
  // has no zero.
  Type elementType = resultType.getElementType();
  TypedAttr zero = builder.getZeroAttr(elementType);
  if (auto floatType = dyn_cast<FloatType>(elementType))
    zero = FloatAttr::get(floatType,
                          APFloat(floatType.getFloatSemantics(),
                                  APInt::getZero(floatType.getWidth())));
  SmallVector<OpFoldResult> sourceSizes =
      tensor::getMixedSizes(builder, loc, source);
  Value empty = createEmpty(builder, loc, resultType, sourceSizes);
  Value constant = arith::ConstantOp::create(builder, loc, zero);
  Value zeros =
      linalg::FillOp::create(builder, loc, constant, empty).getResult(0);
  SmallVector<OpFoldResult> offsets(sourceSizes.size(),
                                    builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sourceSizes.size(),
                                    builder.getIndexAttr(1));
  return tensor::InsertSliceOp::create(builder, loc, source, zeros, offsets,
                                       sourceSizes, strides);
}

namespace {

struct ConvertDim : OpConversionPattern<DimOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DimOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<OpFoldResult> sizes = getLogicalSizes(
        rewriter, op.getLoc(), op.getInput().getType(), adaptor.getInput());
    rewriter.replaceOp(op, getValueOrCreateConstantIndexOp(
                               rewriter, op.getLoc(), sizes[op.getIndex()]));
    return success();
  }
};

/// Ops that map each part of their operand to the same part of their result:
/// `convertPart(rewriter, op, index, part, resultType)` gives that.
template <typename OpTy, typename ConcretePattern>
struct ConvertByParts : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(OpTy op,
                  typename OpConversionPattern<OpTy>::OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<QuantizedTensorType>(op.getResult().getType());
    SmallVector<SmallVector<Value>> replacements(1);
    for (auto [i, part, partType] :
         llvm::enumerate(adaptor.getInput(), type.getPhysicalTypes()))
      replacements[0].push_back(
          ConcretePattern::convertPart(rewriter, op, i, part, partType));
    rewriter.replaceOpWithMultiple(op, std::move(replacements));
    return success();
  }
};

struct ConvertSlice : ConvertByParts<SliceOp, ConvertSlice> {
  using ConvertByParts::ConvertByParts;

  static Value convertPart(OpBuilder &builder, SliceOp op, unsigned index,
                           Value part, RankedTensorType resultType) {
    if (resultType.getRank() == 0)
      return part;
    SchemeAttr scheme =
        cast<QuantizedTensorType>(op.getInput().getType()).getScheme();
    SmallVector<int64_t> offsets = llvm::to_vector(op.getOffsets());
    int64_t &outer = offsets[offsets.size() - 2], &k = offsets.back();
    if (index == 0) {
      k /= scheme.isFloat4() ? 2 : 1;
    } else {
      // A block that is a whole dimension is the only one.
      outer = scheme.getBlockOuter() ? outer / scheme.getBlockOuter() : 0;
      k = scheme.getBlockK() ? k / scheme.getBlockK() : 0;
    }
    return slicePart(builder, op.getLoc(), part, resultType, offsets);
  }
};

struct ConvertReshape : ConvertByParts<ReshapeOp, ConvertReshape> {
  using ConvertByParts::ConvertByParts;

  static Value convertPart(OpBuilder &builder, ReshapeOp op, unsigned,
                           Value part, RankedTensorType resultType) {
    return reshapePart(builder, op.getLoc(), part, resultType);
  }
};

struct ConvertTranspose : ConvertByParts<TransposeOp, ConvertTranspose> {
  using ConvertByParts::ConvertByParts;

  static Value convertPart(OpBuilder &builder, TransposeOp op, unsigned,
                           Value part, RankedTensorType resultType) {
    return transposePart(builder, op.getLoc(), part, resultType,
                         op.getPermutation());
  }
};

struct ConvertPad : ConvertByParts<PadOp, ConvertPad> {
  using ConvertByParts::ConvertByParts;

  static Value convertPart(OpBuilder &builder, PadOp op, unsigned, Value part,
                           RankedTensorType resultType) {
    return padPart(builder, op.getLoc(), part, resultType);
  }
};

/// Rows of packed codes are grouped as the rows of codes are.
struct ConvertPackedCollapse : OpConversionPattern<tensor::CollapseShapeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tensor::CollapseShapeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(
        op, getTypeConverter()->convertType(op.getType()), adaptor.getSrc(),
        op.getReassociationIndices());
    return success();
  }
};

struct ConvertPackedExpand : OpConversionPattern<tensor::ExpandShapeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tensor::ExpandShapeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = getTypeConverter()->convertType<RankedTensorType>(op.getType());
    SmallVector<OpFoldResult> shape = op.getMixedOutputShape();
    shape.back() = rewriter.getIndexAttr(type.getShape().back());
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(
        op, type, adaptor.getSrc(), op.getReassociationIndices(), shape);
    return success();
  }
};

} // namespace

void mlir::qmm::populateShapePatterns(const TypeConverter &converter,
                                      RewritePatternSet &patterns) {
  patterns.add<ConvertDim, ConvertSlice, ConvertReshape, ConvertTranspose,
               ConvertPad, ConvertPackedCollapse, ConvertPackedExpand>(
      converter, patterns.getContext());
}
