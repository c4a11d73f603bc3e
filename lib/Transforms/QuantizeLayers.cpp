//===- QuantizeLayers.cpp - Wide weights to a scheme ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only says what becomes of a weight: the bytes are made when the program is
// loaded (HoistConstants.cpp).
//
//===----------------------------------------------------------------------===//

#include "convert/Calibration.h"
#include "convert/Policy.h"
#include "numerics/Layouts.h"
#include "qmm/Plan/Layers.h"
#include "qmm/Plan/Targets.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_QUANTIZELAYERS
#include "qmm/Transforms/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

static void addNote(Operation *op, const Twine &note) {
  Builder builder(op->getContext());
  SmallVector<Attribute> notes;
  if (auto old = op->getAttrOfType<ArrayAttr>(QMMDialect::kNotesAttr))
    llvm::append_range(notes, old);
  notes.push_back(builder.getStringAttr(note));
  op->setAttr(QMMDialect::kNotesAttr, builder.getArrayAttr(notes));
}

/// Why the weight of `layer` can't have `scheme`; "" when it can.
static std::string refuse(const Layer &layer) {
  auto type = dyn_cast<RankedTensorType>(layer.getWeight().get().getType());
  if (!type)
    return "it is quantized";
  if (!type.getElementType().isF32() && !type.getElementType().isF16() &&
      !type.getElementType().isBF16())
    return "it isn't of f32, bf16 or f16";
  if (!type.hasStaticShape())
    return "its shape is dynamic";
  return "";
}

/// The policy as the selection that quant-convert makes, too.
static ::qmmrt::Result<::qmmrt::Selection>
getSelection(const LayerPolicy &policy) {
  ::qmmrt::Selection selection;
  auto parse =
      [](const std::string &text,
         std::optional<::qmmrt::NamePattern> &pattern) -> ::qmmrt::Status {
    if (text.empty())
      return ::qmmrt::Status();
    auto parsed = ::qmmrt::NamePattern::fromRegex(text);
    if (parsed.ok())
      pattern = std::move(*parsed);
    return parsed.getStatus();
  };
  if (::qmmrt::Status status = parse(policy.include, selection.include);
      !status.ok())
    return status;
  if (::qmmrt::Status status = parse(policy.exclude, selection.exclude);
      !status.ok())
    return status;
  if (!policy.policyFile.empty()) {
    auto rules = ::qmmrt::readPolicy(policy.policyFile);
    if (!rules.ok())
      return rules.getStatus();
    selection.rules = std::move(*rules);
  }
  if (!policy.scheme.empty()) {
    auto target = ::qmmrt::parseTarget(policy.scheme, /*groupSize=*/0);
    if (!target.ok())
      return target.getStatus();
    selection.target = std::move(*target);
  }
  selection.firstAndLast = policy.firstAndLast;
  return selection;
}

/// The weight as `target` says; a note on what became of it.
static void quantizeWeight(OpBuilder &builder, const Layer &layer,
                           const ::qmmrt::Target &target) {
  if (::qmmrt::isWide(target.scheme)) {
    addNote(layer.op, "weight: not quantized: " + target.name +
                          " isn't a "
                          "quantized type");
    return;
  }
  std::string reason = refuse(layer);
  if (!reason.empty()) {
    addNote(layer.op, "weight: not quantized: " + reason);
    return;
  }
  Value weight = layer.getWeight().get();
  Value quantized = QuantizeOp::create(
      builder, layer.op->getLoc(),
      getPlainType(cast<RankedTensorType>(weight.getType()),
                   SchemeAttr::get(builder.getContext(), target.scheme),
                   NibbleOrder::LoFirst),
      weight, /*scale=*/Value(), /*tensor_scale=*/Value(),
      /*precision=*/TypeAttr(), E8M0Rounding::Ceil,
      /*scale_precision_input=*/false);
  layer.getWeight().set(quantized);
  addNote(layer.op, "weight: quantized to " + target.name + " when loaded");
}

/// The scale under which `amax` is the largest number of `scheme`; null where
/// it has none for the whole tensor.
static Value createInputScale(OpBuilder &builder, Location loc,
                              SchemeAttr scheme, float amax) {
  if (!scheme || !(scheme.isPerTensor() || scheme.getTensorScale()))
    return Value();
  auto getLargest = [](Type type) {
    return llvm::APFloat::getLargest(cast<FloatType>(type).getFloatSemantics())
        .convertToFloat();
  };
  float limit = getLargest(scheme.getElement());
  if (scheme.getTensorScale())
    limit *= getLargest(scheme.getScale());
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()),
                             amax / limit));
}

LogicalResult mlir::qmm::quantizeLayers(ModuleOp module,
                                        const LayerPolicy &policy,
                                        ActivationPolicy activations) {
  SmallVector<Layer> layers = getLayers(module);
  if (layers.empty())
    return module.emitError(
        "has no product with a constant weight to quantize: "
        "weights that are arguments stay as they are");
  auto selection = getSelection(policy);
  if (!selection.ok())
    return module.emitError() << selection.getStatus().getMessage();
  std::vector<std::string> names;
  for (const Layer &layer : layers)
    names.push_back(layer.name);
  std::map<std::string, float> amax;
  if (!policy.calibrationFile.empty()) {
    auto read =
        ::qmmrt::readCalibration(policy.calibrationFile, policy.percentile);
    if (!read.ok())
      return module.emitError() << read.getStatus().getMessage();
    amax = std::move(*read);
    for (const auto &[name, value] : amax)
      if (!llvm::is_contained(names, name))
        return module.emitError()
               << policy.calibrationFile << ": no layer is named '" << name
               << "'; --report=- of quant-compile lists them";
  }
  std::vector<::qmmrt::Decision> decisions(layers.size());
  bool choosesWeights = selection->target || !selection->rules.empty();
  if (choosesWeights) {
    auto selected = ::qmmrt::select(names, *selection);
    if (!selected.ok())
      return module.emitError() << selected.getStatus().getMessage();
    decisions = std::move(*selected);
  }

  SmallVector<StringRef> chips = getTargetChips(module);
  for (const auto &[layer, decision] : llvm::zip(layers, decisions)) {
    OpBuilder builder(layer.op);
    Location loc = layer.op->getLoc();
    bool wasQuantized =
        isa<QuantizedTensorType>(layer.getWeight().get().getType());
    if (decision.target)
      quantizeWeight(builder, layer, *decision.target);
    else if (choosesWeights)
      addNote(layer.op, "weight: kept: " + decision.reason);
    auto weight =
        dyn_cast<QuantizedTensorType>(layer.getWeight().get().getType());
    if (!weight)
      continue;
    auto measured = amax.find(layer.name);
    Value scale =
        measured == amax.end()
            ? Value()
            : createInputScale(builder, loc, getInputScheme(weight.getScheme()),
                               measured->second);
    if (auto linear = dyn_cast<LinearOp>(layer.op)) {
      // --qmm-quantize-activations decides on the rest.
      if (scale)
        linear.getInputScaleMutable().assign(scale);
      continue;
    }
    // The activation beside a weight that came quantized is the program's own.
    if (wasQuantized)
      continue;
    std::string note;
    layer.getInput().set(quantizeInput(builder, loc, layer.getInput().get(),
                                       weight, scale, activations, chips,
                                       note));
    addNote(layer.op, note);
  }
  return success();
}

namespace {
struct QuantizeLayers : qmm::impl::QuantizeLayersBase<QuantizeLayers> {
  using QuantizeLayersBase::QuantizeLayersBase;
  void runOnOperation() override {
    LayerPolicy layers;
    layers.scheme = scheme;
    layers.include = include;
    layers.exclude = exclude;
    layers.policyFile = policy;
    layers.calibrationFile = calibration;
    layers.percentile = percentile;
    layers.firstAndLast = firstAndLast;
    if (failed(quantizeLayers(getOperation(), layers, activations)))
      signalPassFailure();
  }
};
} // namespace
