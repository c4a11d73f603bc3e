//===- Passes.h - Conversion passes ----------------------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ways out of the logical dialect, as passes and as pipelines.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_CONVERSION_PASSES_H
#define QMM_CONVERSION_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::qmm {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qmm/Conversion/Passes.h.inc"

/// From laid-out logical ops to buffers: --qmm-to-physical, then One-Shot
/// Bufferize through functions with identity layouts, and clean-up.  On a
/// module without `qmm.linear`; afterwards no value is a tensor.  Inputs of
/// public functions are never written.  Needs the external models of
/// registerBufferizableOpInterfaceExternalModels and upstream's.
void buildBufferizePipeline(OpPassManager &pm);

/// Makes that pipeline known to command lines as `qmm-bufferize`.
void registerConversionPipelines();

} // namespace mlir::qmm

#endif // QMM_CONVERSION_PASSES_H
