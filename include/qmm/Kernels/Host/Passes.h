//===- Passes.h - Passes that make host kernels ----------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each transformation as a function or patterns, and as a pass.  Codegen.h
// turns the resulting `@qmm.kernels` module into native objects.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_KERNELS_HOST_PASSES_H
#define QMM_KERNELS_HOST_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace mlir::qmm {

/// What a kernel's range goes over.
enum class LoopSplit {
  First, // the first parallel loop: few threads with much work each
  Points // every point of all parallel loops: a GPU's threads
};

/// Outlines what isn't a command from every function of `module` to functions
/// of `@qmm.kernels`.  Fails with a diagnostic at the op that can't be
/// outlined.
LogicalResult outlineKernels(ModuleOp module, LoopSplit split);

/// Which wider types the target can't convert by itself.
struct SmallFloatOptions {
  bool expandF16 = false;
  bool expandBF16 = false;
};

/// extf, truncf and constants of f8E4M3FN, f8E5M2, f8E8M0FNU and f4E2M1FN (and
/// f16, bf16 by the options) in integer arithmetic.  For drivers that don't
/// fold: the folder of arith.bitcast would rebuild the constants.
void populateExpandSmallFloatsPatterns(RewritePatternSet &patterns,
                                       SmallFloatOptions options);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qmm/Kernels/Host/Passes.h.inc"

} // namespace mlir::qmm

#endif // QMM_KERNELS_HOST_PASSES_H
