//===- Passes.h - Passes that make device kernels --------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each transformation as a function, and as a pass.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_KERNELS_DEVICE_PASSES_H
#define QMM_KERNELS_DEVICE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace mlir::qmm {

/// Replaces quantize, dequantize, relayout and amax on memrefs by kernels in
/// `@qmm.device` and their launches.
LogicalResult buildDeviceKernels(ModuleOp module);

/// What a chip has instructions for.
struct ConversionFeatures {
  bool convertsFP8 = false;
  bool convertsFP4 = false;
};

/// qmm.encode, qmm.decode and qmm.encode_scale as instructions or arithmetic,
/// which may leave arith.truncf to small floats.  For drivers that don't fold.
void populateLowerConversionsPatterns(RewritePatternSet &patterns,
                                      ConversionFeatures features);

/// Applies these under `root`, then expands what converts small floats.
void lowerConversions(Operation *root, ConversionFeatures features);

/// Moves the outlined kernels of `@qmm.kernels` to `@qmm.device`, a thread a
/// point.
LogicalResult moveKernelsToDevice(ModuleOp module);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qmm/Kernels/Device/Passes.h.inc"

} // namespace mlir::qmm

#endif // QMM_KERNELS_DEVICE_PASSES_H
