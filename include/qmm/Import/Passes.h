//===- Passes.h - Import passes ---------------------------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The transformation as a function and as a pass.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_IMPORT_PASSES_H
#define QMM_IMPORT_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::qmm {

/// Replaces every StableHLO op of `module`; the number of ops that were, or
/// failure after a diagnostic at each op that can't be.
FailureOr<unsigned> importStableHLO(ModuleOp module);

/// Replaces every cast and type of the quant dialect in `module`; the number of
/// ops that had one, or failure after a diagnostic at each op that can't be
/// taken.
FailureOr<unsigned> importQuant(ModuleOp module);

/// Is `bytes` the start of a StableHLO portable artefact (versioned bytecode)?
/// Reading one needs StableHLO's own dialects.
bool isStableHLOPortableArtifact(StringRef bytes);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qmm/Import/Passes.h.inc"

} // namespace mlir::qmm

#endif // QMM_IMPORT_PASSES_H
