//===- StructurePatterns.cpp - Functions and control flow -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What carries a quantized tensor without looking at it.  Functions and calls
// have patterns of their own because upstream's drop attributes.
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

/// The same for a value of `type`, which callers see as `qmm.element` where its
/// own element type goes away.
static void appendPartAttributes(MLIRContext *context, Type type,
                                 DictionaryAttr attributes, size_t count,
                                 SmallVectorImpl<DictionaryAttr> &result) {
  NamedAttrList list(attributes);
  if (isFloat4Tensor(type))
    list.set(QMMDialect::kElementAttr,
             TypeAttr::get(cast<RankedTensorType>(type).getElementType()));
  appendPartAttributes(context, list.getDictionary(context), count, result);
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
      appendPartAttributes(
          context, type.getInput(i), function.getArgAttrDict(i),
          signature.getInputMapping(i)->size, argumentAttributes);
    for (auto [i, resultType] : llvm::enumerate(type.getResults())) {
      size_t numBefore = resultTypes.size();
      if (failed(typeConverter->convertType(resultType, resultTypes)))
        return rewriter.notifyMatchFailure(function, "inconvertible result");
      appendPartAttributes(context, resultType, function.getResultAttrDict(i),
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

struct ConvertCall : OpConversionPattern<func::CallOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(func::CallOp call, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    MLIRContext *context = rewriter.getContext();
    SmallVector<Value> operands;
    SmallVector<DictionaryAttr> argumentAttributes, resultAttributes;
    for (auto [i, parts] : llvm::enumerate(adaptor.getOperands())) {
      llvm::append_range(operands, parts);
      appendPartAttributes(context, getEntry(call.getArgAttrsAttr(), i),
                           parts.size(), argumentAttributes);
    }
    SmallVector<Type> types;
    SmallVector<size_t> numParts;
    for (auto [i, type] : llvm::enumerate(call.getResultTypes())) {
      size_t numBefore = types.size();
      if (failed(typeConverter->convertType(type, types)))
        return rewriter.notifyMatchFailure(call, "inconvertible result");
      numParts.push_back(types.size() - numBefore);
      appendPartAttributes(context, getEntry(call.getResAttrsAttr(), i),
                           numParts.back(), resultAttributes);
    }

    func::CallOp::Properties properties = call.getProperties();
    if (call.getArgAttrsAttr())
      properties.setArgAttrs(toArray(context, argumentAttributes));
    if (call.getResAttrsAttr())
      properties.setResAttrs(toArray(context, resultAttributes));
    auto newCall = func::CallOp::create(
        rewriter, call.getLoc(), types, operands, properties,
        call->getDiscardableAttrDictionary().getValue());
    SmallVector<SmallVector<Value>> replacements;
    ValueRange results = newCall.getResults();
    for (size_t count : numParts) {
      replacements.push_back(llvm::to_vector(results.take_front(count)));
      results = results.drop_front(count);
    }
    rewriter.replaceOpWithMultiple(call, std::move(replacements));
    return success();
  }

private:
  static DictionaryAttr getEntry(ArrayAttr array, size_t index) {
    return array ? cast<DictionaryAttr>(array[index]) : DictionaryAttr();
  }
  static ArrayAttr toArray(MLIRContext *context,
                           ArrayRef<DictionaryAttr> attributes) {
    return ArrayAttr::get(context, llvm::to_vector_of<Attribute>(attributes));
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
  patterns.add<ConvertFunction, ConvertCall, ConvertSelect>(
      converter, patterns.getContext());
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
