//===- FuseEpilogue.cpp - A bias into the product ------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only sums whose other operand is one value a column, and only when nothing
// else uses the product.
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"
#include "qmm/IR/QMM.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_FUSEEPILOGUE
#include "qmm/Recognize/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

/// The product that `expr` is, element for element, if it is one.
static ScaledMatmulOp matchProduct(const ElementExpr *expr) {
  if (expr->kind != ElementExpr::Kind::Leaf || !expr->origin.index ||
      !expr->origin.index.isIdentity())
    return nullptr;
  return expr->origin.tensor.getDefiningOp<ScaledMatmulOp>();
}

/// A tensor of one value a column, `columns` long.
static Value matchBias(const ElementExpr *expr, unsigned rank,
                       int64_t columns) {
  expr = stripExtensions(expr);
  if (!expr->origin.tensor || !expr->origin.index ||
      expr->origin.index.getNumResults() != 1)
    return {};
  auto dim = dyn_cast<AffineDimExpr>(expr->origin.index.getResult(0));
  auto type = dyn_cast<RankedTensorType>(expr->origin.tensor.getType());
  if (!dim || dim.getPosition() != rank - 1 || !type ||
      type.getDimSize(0) != columns ||
      !isa<Float32Type, BFloat16Type, Float16Type>(type.getElementType()))
    return {};
  return expr->origin.tensor;
}

namespace {
struct FuseBias : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 ||
        op.getNumParallelLoops() != op.getNumLoops())
      return rewriter.notifyMatchFailure(op, "not elementwise");
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || type.getRank() < 2)
      return rewriter.notifyMatchFailure(op,
                                         "not on tensors of rank 2 or more");
    ElementTracer tracer;
    const ElementExpr *sum = tracer.trace(
        {op->getResult(0), rewriter.getMultiDimIdentityMap(type.getRank())});
    if (!sum->isOp("arith.addf"))
      return rewriter.notifyMatchFailure(op, "not a sum");
    for (unsigned i : {0, 1}) {
      // The product as it is: a conversion in between would round elsewhere.
      ScaledMatmulOp product = matchProduct(sum->operands[i]);
      if (!product)
        continue;
      if (product.getBias() || product.getResidual() || product.getAmax() ||
          product.getActivation() != Activation::None ||
          product.getResult().getType() != type)
        return rewriter.notifyMatchFailure(op, "the product has an epilogue");
      if (!product.getResult().hasOneUse())
        return rewriter.notifyMatchFailure(op, "the product has other uses");
      Value bias = matchBias(sum->operands[1 - i], type.getRank(),
                             type.getShape().back());
      if (!bias)
        return rewriter.notifyMatchFailure(op, "no bias");
      SmallVector<Attribute> notes;
      if (auto old = product->getAttrOfType<ArrayAttr>(QMMDialect::kNotesAttr))
        llvm::append_range(notes, old);
      Type element = type.getElementType();
      if (!element.isF32()) {
        std::string text;
        llvm::raw_string_ostream(text)
            << "product rounded to " << element << " before the bias";
        notes.push_back(rewriter.getStringAttr(text));
      }
      auto fused = ScaledMatmulOp::create(
          rewriter, product.getLoc(), TypeRange{type}, product.getA(),
          product.getB(), bias, /*residual=*/Value(), /*out_scale=*/Value(),
          Activation::None);
      fused->setDiscardableAttrs(product->getDiscardableAttrDictionary());
      if (!notes.empty())
        fused->setAttr(QMMDialect::kNotesAttr, rewriter.getArrayAttr(notes));
      rewriter.replaceOp(op, fused->getResult(0));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no product in the sum");
  }
};

struct FuseEpilogue : qmm::impl::FuseEpilogueBase<FuseEpilogue> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateFuseEpiloguePatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mlir::qmm::populateFuseEpiloguePatterns(RewritePatternSet &patterns) {
  patterns.add<FuseBias>(patterns.getContext());
}
