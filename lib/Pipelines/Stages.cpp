//===- Stages.cpp - The named stages of compilation ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of passes is written down once, here.
//
//===----------------------------------------------------------------------===//

#include "qmm/Pipelines/Stages.h"

#include "qmm/Conversion/Passes.h"
#include "qmm/Import/Passes.h"
#include "qmm/Kernels/Device/Passes.h"
#include "qmm/Kernels/Host/Passes.h"
#include "qmm/Plan/Passes.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::qmm;

static constexpr StringLiteral kStageNames[kNumStages] = {
    "input",    "recognized", "quantized", "planned",
    "laid_out", "bufferized", "lowered"};

StringRef mlir::qmm::getStageName(Stage stage) {
  return kStageNames[static_cast<unsigned>(stage)];
}

std::optional<Stage> mlir::qmm::getStage(StringRef name) {
  const auto *it = llvm::find(kStageNames, name);
  if (it == std::end(kStageNames))
    return std::nullopt;
  return static_cast<Stage>(it - std::begin(kStageNames));
}

std::string mlir::qmm::getStageNames() {
  return llvm::join(ArrayRef<StringLiteral>(kStageNames), ", ");
}

void mlir::qmm::buildStagePipeline(OpPassManager &pm, Stage stage,
                                   const PipelineOptions &options) {
  switch (stage) {
  case Stage::Input: {
    // First: upstream passes crash on ops that they don't know.
    pm.addPass(createImportStableHLO());
    // And upstream's folders drop quantizations.
    pm.addPass(createImportQuant());
    pm.addPass(createCheckInput());
    pm.addPass(createInlinerPass());
    pm.addPass(createSymbolDCEPass());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    SpillConstantsOptions spill;
    spill.threshold = options.constantThreshold;
    pm.addPass(createSpillConstants(spill));
    pm.nest<func::FuncOp>().addPass(createRecordExtents());
    break;
  }
  case Stage::Recognized: {
    RecognizeContractionsOptions recognize;
    recognize.roundings = options.roundings;
    FuseEpilogueOptions fuse;
    fuse.roundings = options.roundings;
    OpPassManager &functions = pm.nest<func::FuncOp>();
    functions.addPass(createRecognizeContractions(recognize));
    functions.addPass(createRecognizeDynamicQuantization());
    functions.addPass(createFuseEpilogue(fuse));
    functions.addPass(createCanonicalizerPass());
    functions.addPass(createCSEPass());
    break;
  }
  case Stage::Quantized: {
    if (options.observe)
      pm.addPass(createInsertObservers());
    if (!options.layers.isEmpty()) {
      QuantizeLayersOptions layers;
      layers.scheme = options.layers.scheme;
      layers.include = options.layers.include;
      layers.exclude = options.layers.exclude;
      layers.policy = options.layers.policyFile;
      layers.calibration = options.layers.calibrationFile;
      layers.percentile = options.layers.percentile;
      layers.firstAndLast = options.layers.firstAndLast;
      layers.activations = options.activations;
      pm.addPass(createQuantizeLayers(layers));
    }
    QuantizeActivationsOptions quantize;
    quantize.activations = options.activations;
    OpPassManager &functions = pm.nest<func::FuncOp>();
    functions.addPass(createQuantizeActivations(quantize));
    functions.addPass(createCanonicalizerPass());
    functions.addPass(createCSEPass());
    break;
  }
  case Stage::Planned:
    pm.addPass(createPlanRoutes());
    pm.addPass(createRecordReport());
    break;
  case Stage::LaidOut:
    pm.nest<func::FuncOp>().addPass(createLegalizeMatmuls());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    if (options.hoistConstants)
      pm.addPass(createHoistConstants());
    break;
  case Stage::Bufferized:
    pm.nest<func::FuncOp>().addPass(createLinalgElementwiseOpFusionPass());
    buildBufferizePipeline(pm);
    break;
  case Stage::Lowered:
    // Kernels first: only then is each buffer's last use a command.
    if (options.forGPU) {
      pm.addPass(createBuildDeviceKernels());
      OutlineKernelsOptions outline;
      outline.points = true;
      pm.addPass(createOutlineKernels(outline));
      pm.nest<ModuleOp>().nest<func::FuncOp>().addPass(
          createConvertLinalgToLoopsPass());
      pm.addPass(createKernelsToDevice());
    } else {
      pm.addPass(createOutlineKernels());
    }
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    pm.addPass(createPlaceBuffers());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    break;
  }
  VerifyStageOptions verify;
  verify.stage = getStageName(stage).str();
  pm.addPass(createVerifyStage(verify));
}

void mlir::qmm::buildPipeline(OpPassManager &pm, std::optional<Stage> from,
                              Stage to, const PipelineOptions &options) {
  unsigned first = from ? static_cast<unsigned>(*from) + 1 : 0;
  for (unsigned i = first; i <= static_cast<unsigned>(to); ++i)
    buildStagePipeline(pm, static_cast<Stage>(i), options);
}

namespace {
struct StagePipelineOptions : PassPipelineOptions<StagePipelineOptions> {
  Option<ActivationPolicy> activations{
      *this, "activations",
      llvm::cl::desc("What a linear layer's input becomes"),
      llvm::cl::init(ActivationPolicy::Auto), getActivationPolicyValues()};
  Option<int64_t> constantThreshold{
      *this, "constant-threshold",
      llvm::cl::desc("Largest constant, in bytes, that stays inline"),
      llvm::cl::init(1024)};
  Option<Roundings> roundings{
      *this, "roundings",
      llvm::cl::desc("What becomes of roundings to bf16 and f16"),
      llvm::cl::init(Roundings::Relax), getRoundingsValues()};
  Option<bool> forGPU{*this, "gpu",
                      llvm::cl::desc("The targets are GPUs, not the CPU"),
                      llvm::cl::init(false)};
  Option<bool> hoistConstants{
      *this, "hoist-constants",
      llvm::cl::desc("Compute what depends on parameters only once, when the "
                     "program is loaded"),
      llvm::cl::init(true)};
  PipelineOptions get() const {
    PipelineOptions options;
    options.activations = activations;
    options.constantThreshold = constantThreshold;
    options.roundings = roundings;
    options.forGPU = forGPU;
    options.hoistConstants = hoistConstants;
    return options;
  }
};

struct WholePipelineOptions : StagePipelineOptions {
  Option<Stage> to{*this, "to", llvm::cl::desc("The last stage to run"),
                   llvm::cl::init(Stage::Lowered), getStageValues()};
};
} // namespace

void mlir::qmm::registerPipelines() {
  for (unsigned i = 0; i < kNumStages; ++i) {
    auto stage = static_cast<Stage>(i);
    std::string name = "qmm-stage-" + kStageNames[i].str();
    std::replace(name.begin(), name.end(), '_', '-');
    PassPipelineRegistration<StagePipelineOptions>(
        name, "The passes of one stage and its contract's check",
        [stage](OpPassManager &pm, const StagePipelineOptions &options) {
          buildStagePipeline(pm, stage, options.get());
        });
  }
  PassPipelineRegistration<WholePipelineOptions>(
      "qmm-pipeline", "All stages up to `to`",
      [](OpPassManager &pm, const WholePipelineOptions &options) {
        buildPipeline(pm, std::nullopt, options.to, options.get());
      });
}
