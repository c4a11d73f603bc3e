//===- LowerKernels.h - Host kernels to the LLVM dialect -------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The MLIR half of code generation.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_HOST_LOWERKERNELS_H
#define QMM_LIB_KERNELS_HOST_LOWERKERNELS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::qmm {

/// What lowering has to know of an instruction set.
struct HostFeatures {
  bool convertsF16; // f16 to and from f32 in hardware
  bool hasFMA;      // math.fma in hardware
};

/// Inside `module`: linalg to loops, and arithmetic on floats narrower than f32
/// as conversions around arithmetic in f32.  For device kernels as well.
LogicalResult lowerLoopsAndFloats(Operation *module);

/// A lowered clone of `kernels`, in the LLVM dialect, with exported wrappers.
FailureOr<OwningOpRef<ModuleOp>> lowerHostKernels(ModuleOp kernels,
                                                  HostFeatures features);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_HOST_LOWERKERNELS_H
