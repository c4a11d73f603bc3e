//===- QuantizeActivations.cpp - What a linear layer's input becomes -----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The right answer depends on the target, so it is given here and not when a
// checkpoint is imported.
//
//===----------------------------------------------------------------------===//

#include "qmm/IR/QMM.h"
#include "qmm/Plan/Targets.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONS
#include "qmm/Transforms/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

SchemeAttr mlir::qmm::getInputScheme(SchemeAttr weight) {
  MLIRContext *context = weight.getContext();
  std::string name = weight.getName();
  if (name == "fp8" || name == "fp8_e5m2")
    return SchemeAttr::getPreset(context, "fp8");
  if (name == "mxfp8" || name == "mxfp8_e5m2")
    return SchemeAttr::getPreset(context, "mxfp8");
  if (name == "fp8_row" || name == "fp8_1x128" || name == "nvfp4")
    return weight;
  if (weight.getElement().isInteger(8))
    return SchemeAttr::getPreset(context, "int8_row");
  return {};
}

QuantizedTensorType mlir::qmm::getPlainType(RankedTensorType wide,
                                            SchemeAttr scheme,
                                            NibbleOrder nibbles) {
  int64_t block = std::max<int64_t>(scheme.getBlockK(), 1);
  int64_t padK =
      scheme.getScale().isF32() || wide.getShape().back() % block == 0 ? 1
                                                                       : block;
  auto layout = LayoutAttr::get(wide.getContext(), ScaleLayout::Linear,
                                scheme.isFloat4() ? nibbles : NibbleOrder::None,
                                /*padOuter=*/1, padK, /*scalePad=*/1);
  return QuantizedTensorType::get(wide.getShape(), wide.getElementType(),
                                  scheme, layout);
}

/// input * scale, one scale a column, rounded to the input's type.
static Value scaleColumns(OpBuilder &builder, Location loc, Value input,
                          Value scale) {
  auto type = cast<RankedTensorType>(input.getType());
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  AffineMap column = identity.getSubMap({unsigned(type.getRank() - 1)});
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, input),
      type.getElementType());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, type, ValueRange{input, scale}, empty,
      ArrayRef<AffineMap>{identity, column, identity}, loops,
      [&](OpBuilder &b, Location l, ValueRange arguments) {
        auto toF32 = [&](Value value) -> Value {
          return value.getType().isF32()
                     ? value
                     : arith::ExtFOp::create(b, l, b.getF32Type(), value);
        };
        Value product = arith::MulFOp::create(b, l, toF32(arguments[0]),
                                              toF32(arguments[1]));
        if (!type.getElementType().isF32())
          product =
              arith::TruncFOp::create(b, l, type.getElementType(), product);
        linalg::YieldOp::create(b, l, product);
      });
  return generic.getResult(0);
}

Value mlir::qmm::quantizeInput(OpBuilder &builder, Location loc, Value input,
                               QuantizedTensorType weight, Value inputScale,
                               ActivationPolicy policy,
                               ArrayRef<StringRef> chips, std::string &note) {
  SchemeAttr scheme = policy == ActivationPolicy::Wide ||
                              !isa<RankedTensorType>(input.getType())
                          ? SchemeAttr()
                          : getInputScheme(weight.getScheme());
  if (scheme && policy == ActivationPolicy::Auto &&
      !llvm::all_of(chips, [&](StringRef chip) {
        return multipliesNatively(chip, scheme, weight);
      }))
    scheme = {};
  if (!scheme) {
    note = "activation: wide";
    return input;
  }
  Value scale, tensorScale;
  bool perTensor = scheme.isPerTensor();
  StringRef how = ", dynamic";
  bool useGiven = policy == ActivationPolicy::Auto ||
                  policy == ActivationPolicy::Checkpoint ||
                  (policy == ActivationPolicy::Comfy && perTensor);
  if (useGiven && inputScale && (perTensor || scheme.getTensorScale())) {
    (perTensor ? scale : tensorScale) = inputScale;
    how = ", static";
  } else if (policy == ActivationPolicy::Comfy && perTensor) {
    scale = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()),
                               1.0f));
    how = ", scale 1.0";
  }
  note = "activation: " + scheme.getName() + how.str();
  return QuantizeOp::create(
      builder, loc,
      getPlainType(cast<RankedTensorType>(input.getType()), scheme,
                   weight.getLayout().getNibbles()),
      input, scale, tensorScale, /*precision=*/TypeAttr(), E8M0Rounding::Ceil,
      /*scale_precision_input=*/false);
}

void mlir::qmm::scaleInput(LinearOp linear) {
  Value scale = linear.getPreQuantScale();
  if (!scale)
    return;
  OpBuilder builder(linear);
  linear.getInputMutable().assign(
      scaleColumns(builder, linear.getLoc(), linear.getInput(), scale));
  linear.getPreQuantScaleMutable().clear();
}

void mlir::qmm::lowerLinear(LinearOp linear, ActivationPolicy policy,
                            ArrayRef<StringRef> chips) {
  scaleInput(linear);
  OpBuilder builder(linear);
  Location loc = linear.getLoc();
  Value input = linear.getInput();
  std::string note = "activation: wide";
  if (auto weight = dyn_cast<QuantizedTensorType>(linear.getWeight().getType());
      weight && !linear.getFullPrecision())
    input = quantizeInput(builder, loc, input, weight, linear.getInputScale(),
                          policy, chips, note);

  auto matmul = ScaledMatmulOp::create(
      builder, loc, TypeRange{linear.getResult().getType()}, input,
      linear.getWeight(), linear.getBias(), /*residual=*/Value(),
      /*out_scale=*/Value(), /*alpha=*/Value(), linear.getActivation(),
      /*a_precision=*/TypeAttr(), /*b_precision=*/TypeAttr());
  matmul->setDiscardableAttrs(linear->getDiscardableAttrDictionary());
  SmallVector<Attribute> notes;
  if (auto old = linear->getAttrOfType<ArrayAttr>(QMMDialect::kNotesAttr))
    llvm::append_range(notes, old);
  notes.push_back(builder.getStringAttr(note));
  matmul->setAttr(QMMDialect::kNotesAttr, builder.getArrayAttr(notes));
  linear.getResult().replaceAllUsesWith(matmul.getResult());
  linear.erase();
}

namespace {
struct QuantizeActivations
    : qmm::impl::QuantizeActivationsBase<QuantizeActivations> {
  using QuantizeActivationsBase::QuantizeActivationsBase;
  void runOnOperation() override {
    SmallVector<StringRef> chips = getTargetChips(getOperation());
    SmallVector<LinearOp> linears;
    getOperation()->walk([&](LinearOp op) { linears.push_back(op); });
    for (LinearOp linear : linears)
      lowerLinear(linear, activations, chips);
  }
};
} // namespace
