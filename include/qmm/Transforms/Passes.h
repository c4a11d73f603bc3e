//===- Passes.h - Passes on logical and physical ops -----------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each transformation as a function or patterns, and as a pass.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_TRANSFORMS_PASSES_H
#define QMM_TRANSFORMS_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/CommandLine.h"

namespace mlir::qmm {
class LinearOp;
class QuantizedTensorType;
class ScaledMatmulOp;
class SchemeAttr;
enum class NibbleOrder : uint32_t;

/// What the input of a linear layer becomes: --qmm-quantize-activations.
enum class ActivationPolicy { Auto, Wide, Checkpoint, Dynamic, Comfy };

/// The policies' names and meanings, for options of passes and tools.
inline llvm::cl::ValuesClass getActivationPolicyValues() {
  return llvm::cl::values(
      clEnumValN(ActivationPolicy::Auto, "auto",
                 "quantized where the target multiplies natively, else wide"),
      clEnumValN(ActivationPolicy::Wide, "wide", "never quantized"),
      clEnumValN(ActivationPolicy::Checkpoint, "checkpoint",
                 "by the file's scale where it has one, else dynamic"),
      clEnumValN(ActivationPolicy::Dynamic, "dynamic",
                 "quantized by a computed scale"),
      clEnumValN(ActivationPolicy::Comfy, "comfy",
                 "as ComfyUI: the file's scale or 1.0 for FP8, else dynamic"));
}

/// Multiplies the input by the pre_quant_scale, which goes.
void scaleInput(LinearOp linear);

/// Makes the wide inputs of all layers results of their functions, named by the
/// layer and kObserverSuffix; warns of layers where that can't be done.
void insertObservers(ModuleOp module);

/// quant-run --calibrate knows results by it.
inline constexpr llvm::StringLiteral kObserverSuffix = ":input";

/// Rewrites `linear` to a scaled_matmul.  `chips`: what is compiled for.
void lowerLinear(LinearOp linear, ActivationPolicy policy,
                 ArrayRef<StringRef> chips);

/// `wide` under `scheme` in a plain layout, K padded to whole blocks; `nibbles`
/// for 4-bit elements.
QuantizedTensorType getPlainType(RankedTensorType wide, SchemeAttr scheme,
                                 NibbleOrder nibbles);

/// What an input beside a weight of a scheme is quantized to; null: nothing.
SchemeAttr getInputScheme(SchemeAttr weight);

/// `input` as the left operand beside `weight`: itself, or quantized as the
/// policy says, by `inputScale` (tensor<f32>; null: there is none) where it
/// takes one.  `note` says what became of it.
Value quantizeInput(OpBuilder &builder, Location loc, Value input,
                    QuantizedTensorType weight, Value inputScale,
                    ActivationPolicy policy, ArrayRef<StringRef> chips,
                    std::string &note);

/// Which layers become what: --qmm-quantize-layers.
struct LayerPolicy {
  std::string scheme;           // of layers that no rule is for; "": they stay
  std::string include, exclude; // regular expressions; "": none
  std::string policyFile, calibrationFile; // JSON; "": none
  std::string percentile; // of the calibration: "99.9"; "": the largest
  bool firstAndLast = false;

  bool isEmpty() const {
    return scheme.empty() && policyFile.empty() && calibrationFile.empty();
  }
};

/// Quantizes constant weights and gives inputs their calibrated scales; fails,
/// with a diagnostic, for a file that can't be read, an unknown scheme, and
/// patterns and names that match no layer.
LogicalResult quantizeLayers(ModuleOp module, const LayerPolicy &policy,
                             ActivationPolicy activations);

/// Rewrites a planned matmul so that its first route takes it as it is.  Fails,
/// with a diagnostic at the op, where the targets' routes differ.
LogicalResult legalizeMatmul(ScaledMatmulOp matmul);

/// Moves constants of more than `threshold` bytes to module parameters.
void spillConstants(ModuleOp module, int64_t threshold);

/// Gives the arguments of `function` their kExtentsAttr.
void recordExtents(FunctionOpInterface function);

/// On a tensor argument: classes of extents, as --qmm-record-extents says.
inline constexpr llvm::StringLiteral kExtentsAttr = "qmm.extents";

/// Results to output arguments and allocations to one arena; fails with a
/// diagnostic on a buffer that can't be placed.
LogicalResult placeBuffers(FunctionOpInterface function);

/// Number of output arguments, on a function whose buffers are placed.
inline constexpr llvm::StringLiteral kNumOutputsAttr = "qmm.num_outputs";

/// Moves what depends on parameters only to kInitFunction; fails, with a
/// diagnostic, where another symbol has that name.
LogicalResult hoistConstants(ModuleOp module);

/// The function that a program runs once, when it is loaded.  Its results are
/// the parameters of the scope kPackedScope, by index.
inline constexpr llvm::StringLiteral kInitFunction = "qmm.init";
inline constexpr llvm::StringLiteral kPackedScope = "packed";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qmm/Transforms/Passes.h.inc"

} // namespace mlir::qmm

#endif // QMM_TRANSFORMS_PASSES_H
