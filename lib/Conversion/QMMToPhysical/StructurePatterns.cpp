//===- StructurePatterns.cpp - Functions and control flow -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What carries a quantized tensor without looking at it.  Functions have a
// pattern of their own because upstream's drops the attributes of arguments.
//
//===----------------------------------------------------------------------===//

#include "qmm/Conversion/QMMToPhysical.h"

#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/ControlFlow/Transforms/StructuralTypeConversions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"

using namespace mlir;
using namespace mlir::qmm;

/// Appends the attributes of `count` parts of a value whose own are
/// `attributes` (or null): the same, with the name of the scales extended.
static void appendPartAttributes(MLIRContext *context,
                                 DictionaryAttr attributes, size_t count,
                                 SmallVectorImpl<DictionaryAttr> &result) {
  static constexpr StringLiteral kSuffixes[] = {"", ".scale", ".tensor_scale"};
  for (size_t part = 0; part < count; ++part) {
    NamedAttrList partAttributes(attributes);
    if (auto name = dyn_cast_or_null<StringAttr>(
            partAttributes.get(QMMDialect::kNameAttr)))
      partAttributes.set(
          QMMDialect::kNameAttr,
          StringAttr::get(context, name.getValue() + kSuffixes[part]));
    result.push_back(partAttributes.getDictionary(context));
  }
}

namespace {

struct ConvertFunction : OpConversionPattern<func::FuncOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(func::FuncOp function, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    MLIRContext *context = rewriter.getContext();
    FunctionType type = function.getFunctionType();
    TypeConverter::SignatureConversion signature(type.getNumInputs());
    SmallVector<Type> resultTypes;
    SmallVector<DictionaryAttr> argumentAttributes, resultAttributes;
    if (failed(
            typeConverter->convertSignatureArgs(type.getInputs(), signature)))
      return rewriter.notifyMatchFailure(function, "inconvertible argument");
    for (unsigned i = 0; i < type.getNumInputs(); ++i)
      appendPartAttributes(context, function.getArgAttrDict(i),
                           signature.getInputMapping(i)->size,
                           argumentAttributes);
    for (auto [i, resultType] : llvm::enumerate(type.getResults())) {
      size_t numBefore = resultTypes.size();
      if (failed(typeConverter->convertType(resultType, resultTypes)))
        return rewriter.notifyMatchFailure(function, "inconvertible result");
      appendPartAttributes(context, function.getResultAttrDict(i),
                           resultTypes.size() - numBefore, resultAttributes);
    }
    if (!function.isExternal() &&
        failed(rewriter.convertRegionTypes(&function.getBody(), *typeConverter,
                                           &signature)))
      return rewriter.notifyMatchFailure(function, "inconvertible block");

    auto newType =
        FunctionType::get(context, signature.getConvertedTypes(), resultTypes);
    rewriter.modifyOpInPlace(function, [&] {
      function.setFunctionType(newType);
      function.setAllArgAttrs(argumentAttributes);
      function.setAllResultAttrs(resultAttributes);
    });
    return success();
  }
};

/// One select of a scalar condition becomes one for each part.
struct ConvertSelect : OpConversionPattern<arith::SelectOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(arith::SelectOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value condition = adaptor.getCondition().front();
    SmallVector<SmallVector<Value>> replacements(1);
    for (auto [ifTrue, ifFalse] :
         llvm::zip_equal(adaptor.getTrueValue(), adaptor.getFalseValue()))
      replacements[0].push_back(arith::SelectOp::create(
          rewriter, op.getLoc(), condition, ifTrue, ifFalse));
    rewriter.replaceOpWithMultiple(op, std::move(replacements));
    return success();
  }
};

} // namespace

void mlir::qmm::populateQMMToPhysicalStructurePatterns(
    const TypeConverter &converter, RewritePatternSet &patterns,
    ConversionTarget &target) {
  patterns.add<ConvertFunction, ConvertSelect>(converter,
                                               patterns.getContext());
  populateCallOpTypeConversionPattern(patterns, converter);
  populateReturnOpTypeConversionPattern(patterns, converter);
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  cf::populateCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                     target);
  target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp function) {
    return converter.isSignatureLegal(function.getFunctionType()) &&
           converter.isLegal(&function.getBody());
  });
  target.addDynamicallyLegalOp<func::CallOp, func::ReturnOp, arith::SelectOp>(
      [&](Operation *op) { return converter.isLegal(op); });
}
