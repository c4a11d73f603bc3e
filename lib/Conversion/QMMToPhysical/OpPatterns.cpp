//===- OpPatterns.cpp - Conversions and products --------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Logical ops that a physical op stands for.  A scale that an op is given is
// never copied: the same value is the result's scale.
//
//===----------------------------------------------------------------------===//

#include "PhysicalShapes.h"

#include "qmm/Conversion/QMMToPhysical.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::qmm;

/// What an op carries besides its semantics goes to its physical form.
static NamedAttrList getDiscardable(Operation *op) {
  return NamedAttrList(op->getDiscardableAttrDictionary());
}

static void setFlag(NamedAttrList &attributes, OpBuilder &builder,
                    StringRef name, bool value) {
  if (value)
    attributes.set(name, builder.getUnitAttr());
}

/// The remapped value of an operand that isn't split; null for an absent one.
static Value getOnly(ValueRange values) {
  return values.empty() ? Value() : values.front();
}

static void replaceWithParts(ConversionPatternRewriter &rewriter, Operation *op,
                             ArrayRef<Value> parts) {
  rewriter.replaceOpWithMultiple(
      op, SmallVector<SmallVector<Value>>{{SmallVector<Value>(parts)}});
}

namespace {

struct ConvertAssemble : OpConversionPattern<AssembleOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(AssembleOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> parts;
    for (auto [component, type] : llvm::zip_equal(
             adaptor.getComponents(), getBufferTypes(op.getResult().getType())))
      parts.push_back(castTo(rewriter, op.getLoc(), getOnly(component), type));
    replaceWithParts(rewriter, op, parts);
    return success();
  }
};

struct ConvertDisassemble : OpConversionPattern<DisassembleOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DisassembleOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> components;
    for (auto [part, type] :
         llvm::zip_equal(adaptor.getInput(), op.getResultTypes()))
      components.push_back(castTo(rewriter, op.getLoc(), part, type));
    rewriter.replaceOp(op, components);
    return success();
  }
};

struct ConvertQuantize : OpConversionPattern<QuantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(QuantizeOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value input = getOnly(adaptor.getInput());
    auto type = cast<QuantizedTensorType>(op.getResult().getType());
    SmallVector<RankedTensorType, 3> partTypes = type.getPhysicalTypes();
    SmallVector<OpFoldResult> sizes =
        getLogicalSizes(rewriter, loc, input.getType(), input);

    // The parts that are given, by their number; the others are outputs.
    Value given[] = {Value(), getOnly(adaptor.getScale()),
                     getOnly(adaptor.getTensorScale())};
    SmallVector<Value> inputs{input}, outputs, parts;
    for (auto [i, partType] : llvm::enumerate(partTypes)) {
      if (given[i]) {
        parts.push_back(castTo(rewriter, loc, given[i], partType));
        inputs.push_back(parts.back());
        continue;
      }
      parts.push_back(Value());
      outputs.push_back(createEmptyPart(rewriter, loc, type, i, sizes));
    }

    NamedAttrList attributes = getDiscardable(op);
    if (TypeAttr precision = op.getPrecisionAttr())
      attributes.set("precision", precision);
    attributes.set("e8m0_rounding", op.getE8m0RoundingAttr());
    setFlag(attributes, rewriter, "scale_precision_input",
            op.getScalePrecisionInput());
    setFlag(attributes, rewriter, "scale_given", bool(op.getScale()));
    setFlag(attributes, rewriter, "tensor_scale_given",
            bool(op.getTensorScale()));
    auto physical = PhysQuantizeOp::create(
        rewriter, loc, inputs, outputs, TypeRange(input.getType()),
        TypeRange(type), attributes.getAttrs());
    auto result = physical.getResults().begin();
    for (Value &part : parts)
      if (!part)
        part = *result++;
    replaceWithParts(rewriter, op, parts);
    return success();
  }
};

struct ConvertDequantize : OpConversionPattern<DequantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DequantizeOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type inputType = op.getInput().getType();
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Value empty = createEmpty(
        rewriter, loc, type,
        getLogicalSizes(rewriter, loc, inputType, adaptor.getInput()));
    auto physical = PhysDequantizeOp::create(
        rewriter, loc, adaptor.getInput(), empty, TypeRange(inputType),
        TypeRange(type), getDiscardable(op).getAttrs());
    rewriter.replaceOp(op, physical.getResults());
    return success();
  }
};

struct ConvertRelayout : OpConversionPattern<RelayoutOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(RelayoutOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    ValueRange input = adaptor.getInput();
    Type inputType = op.getInput().getType();
    auto type = cast<QuantizedTensorType>(op.getResult().getType());
    SmallVector<OpFoldResult> sizes =
        getLogicalSizes(rewriter, loc, inputType, input);
    Value outputs[] = {createEmptyPart(rewriter, loc, type, 0, sizes),
                       createEmptyPart(rewriter, loc, type, 1, sizes)};
    auto physical = PhysRelayoutOp::create(
        rewriter, loc, input, outputs, TypeRange(inputType), TypeRange(type),
        getDiscardable(op).getAttrs());
    SmallVector<Value> parts = llvm::to_vector_of<Value>(physical.getResults());
    llvm::append_range(parts, input.drop_front(2)); // the tensor scale
    replaceWithParts(rewriter, op, parts);
    return success();
  }
};

struct ConvertAmax : OpConversionPattern<AmaxOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(AmaxOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value input = getOnly(adaptor.getInput());
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Value empty = createEmpty(rewriter, op.getLoc(), type, {});
    auto physical = PhysAmaxOp::create(
        rewriter, op.getLoc(), input, empty, TypeRange(input.getType()),
        TypeRange(type), getDiscardable(op).getAttrs());
    rewriter.replaceOp(op, physical.getResults());
    return success();
  }
};

struct ConvertScaledMatmul : OpConversionPattern<ScaledMatmulOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(ScaledMatmulOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    SmallVector<Value> inputs;
    SmallVector<Type> inputTypes;
    auto addInput = [&](Value logical, ValueRange parts) {
      llvm::append_range(inputs, parts);
      inputTypes.push_back(logical.getType());
    };
    addInput(op.getA(), adaptor.getA());
    addInput(op.getB(), adaptor.getB());
    if (op.getBias())
      addInput(op.getBias(), adaptor.getBias());
    if (op.getResidual())
      addInput(op.getResidual(), adaptor.getResidual());
    if (op.getAlpha())
      addInput(op.getAlpha(), adaptor.getAlpha());

    // [batch..., M] are a's and N is b's.
    SmallVector<OpFoldResult> sizes =
        getLogicalSizes(rewriter, loc, op.getA().getType(), adaptor.getA());
    sizes.back() = *std::prev(
        getLogicalSizes(rewriter, loc, op.getB().getType(), adaptor.getB())
            .end(),
        2);

    Type type = op.getResult().getType();
    Value outScale = getOnly(adaptor.getOutScale());
    SmallVector<Type> outputTypes{type};
    SmallVector<Value> outputs;
    if (auto quantized = dyn_cast<QuantizedTensorType>(type)) {
      unsigned numParts = quantized.getPhysicalTypes().size();
      // The last part is out_scale, where that is given.
      unsigned numOutputs = numParts - (outScale ? 1 : 0);
      for (unsigned i = 0; i < numOutputs; ++i)
        outputs.push_back(createEmptyPart(rewriter, loc, quantized, i, sizes));
    } else {
      outputs.push_back(
          createEmpty(rewriter, loc, cast<RankedTensorType>(type), sizes));
    }
    size_t numResultParts = outputs.size();
    if (outScale)
      inputs.push_back(outScale);
    if (op.getAmax()) {
      outputTypes.push_back(op.getAmax().getType());
      outputs.push_back(createEmpty(
          rewriter, loc, cast<RankedTensorType>(op.getAmax().getType()), {}));
    }

    NamedAttrList attributes = getDiscardable(op);
    attributes.set("activation", op.getActivationAttr());
    if (TypeAttr precision = op.getAPrecisionAttr())
      attributes.set("a_precision", precision);
    if (TypeAttr precision = op.getBPrecisionAttr())
      attributes.set("b_precision", precision);
    setFlag(attributes, rewriter, "has_bias", bool(op.getBias()));
    setFlag(attributes, rewriter, "has_residual", bool(op.getResidual()));
    setFlag(attributes, rewriter, "has_alpha", bool(op.getAlpha()));
    setFlag(attributes, rewriter, "has_amax", bool(op.getAmax()));
    auto physical =
        PhysScaledMatmulOp::create(rewriter, loc, inputs, outputs, inputTypes,
                                   outputTypes, attributes.getAttrs());

    ValueRange results = physical.getResults();
    SmallVector<SmallVector<Value>> replacements(
        1, llvm::to_vector(results.take_front(numResultParts)));
    if (outScale)
      replacements[0].push_back(outScale);
    if (op.getAmax())
      replacements.push_back({results.back()});
    rewriter.replaceOpWithMultiple(op, std::move(replacements));
    return success();
  }
};

} // namespace

void mlir::qmm::populateQMMToPhysicalPatterns(const TypeConverter &converter,
                                              RewritePatternSet &patterns) {
  patterns.add<ConvertAssemble, ConvertDisassemble, ConvertQuantize,
               ConvertDequantize, ConvertRelayout, ConvertAmax,
               ConvertScaledMatmul>(converter, patterns.getContext());
  populateShapePatterns(converter, patterns);
}
