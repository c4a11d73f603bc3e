//===- InitAllPasses.h - Registration of QMM's passes -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For tools and embedders: every pass and pipeline of this project, room by
// room.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_INITALLPASSES_H
#define QMM_INITALLPASSES_H

#include "qmm/Conversion/Passes.h"
#include "qmm/Import/Passes.h"
#include "qmm/Kernels/Device/Passes.h"
#include "qmm/Kernels/Host/Passes.h"
#include "qmm/Pipelines/Stages.h"
#include "qmm/Plan/Passes.h"
#include "qmm/Recognize/Passes.h"
#include "qmm/Transforms/Passes.h"

namespace mlir::qmm {

inline void registerAllQMMPasses() {
  registerQMMConversionPasses();
  registerQMMDeviceKernelsPasses();
  registerQMMHostKernelsPasses();
  registerQMMImportPasses();
  registerQMMPipelinesPasses();
  registerQMMPlanPasses();
  registerQMMRecognizePasses();
  registerQMMTransformsPasses();
}

inline void registerAllQMMPipelines() {
  registerConversionPipelines();
  registerPipelines();
}

} // namespace mlir::qmm

#endif // QMM_INITALLPASSES_H
