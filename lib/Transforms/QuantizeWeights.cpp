//===- QuantizeWeights.cpp - Wide weights to a scheme --------------------===//
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

#include "qmm/Plan/Layers.h"
#include "qmm/Plan/Targets.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/Regex.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_QUANTIZEWEIGHTS
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

/// An anchored regular expression; failure, with a diagnostic, when it isn't.
static FailureOr<llvm::Regex> compile(ModuleOp module, StringRef option,
                                      StringRef pattern) {
  llvm::Regex regex(("^(" + pattern + ")$").str());
  std::string error;
  if (!regex.isValid(error)) {
    module.emitError() << option << ": '" << pattern
                       << "' isn't a regular expression: " << error;
    return failure();
  }
  return std::move(regex);
}

LogicalResult mlir::qmm::quantizeWeights(ModuleOp module,
                                         const WeightPolicy &policy,
                                         ActivationPolicy activations) {
  SchemeAttr scheme = SchemeAttr::getPreset(module.getContext(), policy.scheme);
  if (!scheme)
    return module.emitError()
           << "scheme '" << policy.scheme << "' is unknown, expected one of "
           << getPresetNames();
  FailureOr<llvm::Regex> which = compile(module, "layers", policy.layers);
  FailureOr<llvm::Regex> keep = compile(module, "keep", policy.keep);
  if (failed(which) || failed(keep))
    return failure();

  SmallVector<StringRef> chips = getTargetChips(module);
  SmallVector<Layer> layers = getLayers(module);
  if (layers.empty())
    return module.emitError(
        "has no product with a constant weight to quantize: "
        "weights that are arguments stay as they are");
  bool anyNamed = false, anyKept = policy.keep.empty();
  for (const Layer &layer : layers) {
    if (!which->match(layer.name))
      continue;
    anyNamed = true;
    if (!policy.keep.empty() && keep->match(layer.name)) {
      anyKept = true;
      addNote(layer.op, "weight: kept, as asked");
      continue;
    }
    std::string reason = refuse(layer);
    if (!reason.empty()) {
      addNote(layer.op, "weight: not quantized: " + reason);
      continue;
    }
    OpBuilder builder(layer.op);
    Location loc = layer.op->getLoc();
    Value weight = layer.getWeight().get();
    QuantizedTensorType type = getPlainType(
        cast<RankedTensorType>(weight.getType()), scheme, NibbleOrder::LoFirst);
    Value quantized = QuantizeOp::create(
        builder, loc, type, weight, /*scale=*/Value(),
        /*tensor_scale=*/Value(), /*precision=*/TypeAttr(), E8M0Rounding::Ceil,
        /*scale_precision_input=*/false);
    layer.getWeight().set(quantized);
    addNote(layer.op,
            "weight: quantized to " + scheme.getName() + " when loaded");
    if (layer.isLinear())
      continue; // --qmm-quantize-activations decides
    std::string note;
    layer.getInput().set(quantizeInput(builder, loc, layer.getInput().get(),
                                       type, /*scale=*/Value(), activations,
                                       chips, note));
    addNote(layer.op, note);
  }
  if (!anyNamed)
    return module.emitError()
           << "layers: no layer's name matches '" << policy.layers << "'";
  if (!anyKept)
    return module.emitError()
           << "keep: no layer's name matches '" << policy.keep << "'";
  return success();
}

namespace {
struct QuantizeWeights : qmm::impl::QuantizeWeightsBase<QuantizeWeights> {
  using QuantizeWeightsBase::QuantizeWeightsBase;
  void runOnOperation() override {
    if (failed(quantizeWeights(getOperation(), {scheme, layers, keep},
                               activations)))
      signalPassFailure();
  }
};
} // namespace
