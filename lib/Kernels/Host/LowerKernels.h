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
#include "mlir/Pass/PassManager.h"

namespace mlir::qmm {

/// What lowering has to know of an instruction set.
struct HostFeatures {
  bool convertsF16; // f16 to and from f32 in hardware
  bool hasFMA;      // math.fma in hardware
};

/// Inside `module`: linalg to loops, and arithmetic on floats narrower than f32
/// as conversions around arithmetic in f32.  For device kernels as well.
LogicalResult lowerLoopsAndFloats(Operation *module);

// What host and device kernels are lowered with.

/// Loads what `registerDialects` names, with its interfaces.
void loadDialects(MLIRContext *context,
                  void (*registerDialects)(DialectRegistry &));

LogicalResult runPasses(Operation *module, void (*addPasses)(OpPassManager &));

/// Strided memrefs, affine and scf to arithmetic and branches.
void addControlFlowPasses(OpPassManager &manager);

/// Is every op lowered?  Else the first that isn't is named: one of the
/// program's rather than a cast that its types needed.
LogicalResult verifyLowered(ModuleOp module, StringRef target,
                            llvm::function_ref<bool(Operation *)> isLowered);

/// A lowered clone of `kernels`, in the LLVM dialect, with exported wrappers.
FailureOr<OwningOpRef<ModuleOp>> lowerHostKernels(ModuleOp kernels,
                                                  HostFeatures features);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_HOST_LOWERKERNELS_H
