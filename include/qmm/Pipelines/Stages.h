//===- Stages.h - The named stages of compilation --------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A one-way flow: each stage is a pipeline, and ends with a check of its
// contract.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_PIPELINES_STAGES_H
#define QMM_PIPELINES_STAGES_H

#include "qmm/Recognize/Roundings.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::qmm {

enum class Stage {
  Input,      // constants above a size are parameters; only registered ops
  Recognized, // every contraction is a qmm op or carries its refusal
  Quantized,  // schemes are chosen: no qmm.linear
  Planned,    // every matmul has routes
  LaidOut,    // no matmul sees a layout that its route can't take
  Bufferized, // no tensor left
  Lowered     // commands and kernels only, in one arena
};
inline constexpr unsigned kNumStages = 7;

/// "input", "recognized", "quantized", "planned", "laid_out", "bufferized",
/// "lowered".
StringRef getStageName(Stage stage);
std::optional<Stage> getStage(StringRef name);
/// What getStage knows, for messages: "input, recognized, ...".
std::string getStageNames();

/// The stages' names and contracts, for options of pipelines and tools.
inline llvm::cl::ValuesClass getStageValues() {
  return llvm::cl::values(
      clEnumValN(Stage::Input, "input",
                 "only registered ops; big constants are parameters"),
      clEnumValN(Stage::Recognized, "recognized",
                 "every contraction is a qmm op or carries its refusal"),
      clEnumValN(Stage::Quantized, "quantized",
                 "schemes are chosen: no qmm.linear"),
      clEnumValN(Stage::Planned, "planned", "every matmul has routes"),
      clEnumValN(Stage::LaidOut, "laid_out",
                 "every layout is one that its route takes"),
      clEnumValN(Stage::Bufferized, "bufferized", "memrefs only"),
      clEnumValN(Stage::Lowered, "lowered",
                 "commands and kernels only, in one arena"));
}

struct PipelineOptions {
  LayerPolicy layers;
  bool observe = false; // inputs of layers are results, too
  ActivationPolicy activations = ActivationPolicy::Auto;
  int64_t constantThreshold = 1024;
  Roundings roundings = Roundings::Relax;
  bool forGPU = false; // what the module's targets are
  /// What depends on parameters only runs when a program is loaded: not for
  /// LLVM IR, which nobody loads.
  bool hoistConstants = true;
};

/// Appends the passes of one stage, its contract's check last.
void buildStagePipeline(OpPassManager &pm, Stage stage,
                        const PipelineOptions &options);

/// Appends the stages after `from` (all of them without it) up to `to`.
void buildPipeline(OpPassManager &pm, std::optional<Stage> from, Stage to,
                   const PipelineOptions &options);

/// Checks the contract of `stage`, reporting every op that breaks it.
LogicalResult verifyStage(ModuleOp module, Stage stage);

/// Registers the pipelines `qmm-stage-NAME` and `qmm-pipeline{to=NAME}`.
void registerPipelines();

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qmm/Pipelines/Passes.h.inc"

} // namespace mlir::qmm

#endif // QMM_PIPELINES_STAGES_H
