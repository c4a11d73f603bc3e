//===- BufferizePipeline.cpp - From logical ops to buffers ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's One-Shot Bufferize, with the options that this project relies on.
//
//===----------------------------------------------------------------------===//

#include "qmm/Conversion/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void mlir::qmm::buildBufferizePipeline(OpPassManager &pm) {
  pm.addPass(createQMMToPhysical());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());

  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  // Not only there: what a loop or branch carries is contiguous where it can
  // be.
  options.unknownTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  // A loop may carry a buffer that its body makes.
  options.allowReturnAllocsFromLoops = true;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void mlir::qmm::registerConversionPipelines() {
  PassPipelineRegistration<>(
      "qmm-bufferize",
      "From laid-out logical ops to buffers: qmm-to-physical, One-Shot "
      "Bufferize with read-only inputs, clean-up",
      buildBufferizePipeline);
}
