//===- QMMCanonicalization.cpp - Folders and canonicalizers ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only what changes no value: dequantize of quantize rounds, so it stays.
//
//===----------------------------------------------------------------------===//
#include "Verify.h"
#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qmm;

//===----------------------------------------------------------------------===//
// assemble and disassemble
//===----------------------------------------------------------------------===//

OpFoldResult AssembleOp::fold(FoldAdaptor) {
  auto source = getComponents().front().getDefiningOp<DisassembleOp>();
  if (!source || source.getInput().getType() != getResult().getType() ||
      !llvm::equal(getComponents(), source.getComponents()))
    return {};
  return source.getInput();
}

namespace {
/// Constant codes become the bytes that they stand for.
struct PackConstantCodes : OpRewritePattern<AssembleOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AssembleOp op,
                                PatternRewriter &rewriter) const override {
    Value data = op.getComponents().front();
    DenseElementsAttr codes;
    if (!isFloat4Tensor(data.getType()) ||
        !matchPattern(data, m_Constant(&codes)))
      return rewriter.notifyMatchFailure(op, "the data isn't constant codes");
    RankedTensorType type =
        getPackedFloat4Type(cast<RankedTensorType>(data.getType()));
    SmallVector<int8_t> bytes(type.getNumElements());
    for (auto [i, code] : llvm::enumerate(codes.getValues<APFloat>()))
      bytes[i / 2] |= static_cast<int8_t>(code.bitcastToAPInt().getZExtValue()
                                          << (i % 2 * 4));
    Value packed = arith::ConstantOp::create(
        rewriter, data.getLoc(),
        DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes)));
    rewriter.modifyOpInPlace(
        op, [&] { op.getComponentsMutable()[0].assign(packed); });
    return success();
  }
};
} // namespace

void AssembleOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *context) {
  patterns.add<PackConstantCodes>(context);
}

LogicalResult DisassembleOp::fold(FoldAdaptor,
                                  SmallVectorImpl<OpFoldResult> &results) {
  auto source = getInput().getDefiningOp<AssembleOp>();
  if (!source || source.getOperandTypes() != getResultTypes())
    return failure();
  results.append(source.getComponents().begin(), source.getComponents().end());
  return success();
}

//===----------------------------------------------------------------------===//
// Two of the same kind are one
//===----------------------------------------------------------------------===//

namespace {
/// op(op(x)) is op(x), for ops that the result's type says everything about.
template <typename OpTy> struct SkipInner : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().template getDefiningOp<OpTy>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "the input isn't the same op's");
    rewriter.replaceOpWithNewOp<OpTy>(op, op.getResult().getType(),
                                      inner.getInput());
    return success();
  }
};

struct ComposeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "the input isn't transposed");
    SmallVector<int64_t> permutation =
        llvm::map_to_vector(op.getPermutation(), [&](int64_t index) {
          return inner.getPermutation()[index];
        });
    rewriter.replaceOpWithNewOp<TransposeOp>(op, inner.getInput(), permutation);
    return success();
  }
};
} // namespace

OpFoldResult RelayoutOp::fold(FoldAdaptor) {
  return getInput().getType() == getResult().getType() ? getInput() : Value();
}

void RelayoutOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *context) {
  patterns.add<SkipInner<RelayoutOp>>(context);
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  return getInput().getType() == getResult().getType() ? getInput() : Value();
}

void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *context) {
  patterns.add<SkipInner<ReshapeOp>>(context);
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  return isIdentityPermutation(getPermutation()) ? getInput() : Value();
}

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<ComposeTransposes>(context);
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  // Ranges are inside the input, so the same shape is the whole of it.
  return getInput().getType() == getResult().getType() ? getInput() : Value();
}

OpFoldResult PadOp::fold(FoldAdaptor) {
  return getInput().getType() == getResult().getType() ? getInput() : Value();
}

//===----------------------------------------------------------------------===//
// dim
//===----------------------------------------------------------------------===//

/// Where dynamic extent `index` of `op`'s result comes from: an extent of the
/// op's own operand, or {} when it isn't one.
static std::optional<std::pair<Value, int64_t>> getSourceDim(Operation *op,
                                                             int64_t index) {
  using Source = std::optional<std::pair<Value, int64_t>>;
  return llvm::TypeSwitch<Operation *, Source>(op)
      // Dynamic dimensions are sliced whole and never padded.
      .Case<RelayoutOp, SliceOp, PadOp>([&](auto source) -> Source {
        return std::pair(source.getInput(), index);
      })
      .Case([&](TransposeOp source) -> Source {
        return std::pair(source.getInput(), source.getPermutation()[index]);
      })
      .Case([&](ReshapeOp source) -> Source {
        // One dynamic extent on each side: equal when the static ones are.
        ShapedType input = source.getInput().getType();
        if (getStaticCount(input.getShape()) !=
            getStaticCount(source.getResult().getType().getShape()))
          return std::nullopt;
        for (int64_t i = 0; i < input.getRank(); ++i)
          if (input.isDynamicDim(i))
            return std::pair(source.getInput(), i);
        return std::nullopt;
      })
      .Default([](Operation *) -> Source { return std::nullopt; });
}

OpFoldResult DimOp::fold(FoldAdaptor) {
  QuantizedTensorType type = getInput().getType();
  int64_t index = getIndex();
  if (!type.isDynamicDim(index))
    return IntegerAttr::get(getType(), type.getDimSize(index));
  Operation *producer = getInput().getDefiningOp();
  if (!producer)
    return {};
  auto source = getSourceDim(producer, index);
  if (!source)
    return {};
  getInputMutable().assign(source->first);
  setIndex(source->second);
  return getResult();
}

namespace {
/// dim of an op that can say its result's extents.
struct ReifyDim : OpRewritePattern<DimOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DimOp op,
                                PatternRewriter &rewriter) const override {
    auto producer =
        op.getInput().getDefiningOp<ReifyRankedShapedTypeOpInterface>();
    if (!producer)
      return rewriter.notifyMatchFailure(op, "the input's extents are its own");
    unsigned number = cast<OpResult>(op.getInput()).getResultNumber();
    auto extents = producer.reifyShapeOfResult(rewriter, number);
    if (failed(extents))
      return rewriter.notifyMatchFailure(op, "the producer can't reify them");
    rewriter.replaceOp(
        op, getValueOrCreateConstantIndexOp(rewriter, op.getLoc(),
                                            (*extents)[op.getIndex()]));
    return success();
  }
};

/// dim of assembled parts: the extent of the data, which isn't padded or packed
/// along a dynamic dimension.
struct DimOfAssemble : OpRewritePattern<DimOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DimOp op,
                                PatternRewriter &rewriter) const override {
    auto producer = op.getInput().getDefiningOp<AssembleOp>();
    if (!producer)
      return rewriter.notifyMatchFailure(op, "the input isn't assembled");
    rewriter.replaceOpWithNewOp<tensor::DimOp>(
        op, producer.getComponents().front(), op.getIndex());
    return success();
  }
};
} // namespace

void DimOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                        MLIRContext *context) {
  patterns.add<ReifyDim, DimOfAssemble>(context);
}
