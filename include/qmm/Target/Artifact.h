//===- Artifact.h - From a lowered module to a program with its bytes -*- C++
//-*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What both emitters need beside the commands: kernels as native objects, and
// the weights.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_TARGET_ARTIFACT_H
#define QMM_TARGET_ARTIFACT_H

#include "program/Parameters.h"
#include "program/Program.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace mlir::qmm {

/// A program and what its pointers lead into.
struct CompiledProgram {
  ::qmmrt::program::Module module;
  std::optional<::qmmrt::program::ParameterSet> weights;
};

enum class WeightStorage {
  Embed,    // the artefact holds the bytes
  Reference // the artefact names the file and the bytes' digest
};

/// Translates a module of the stage `lowered` and binds its weights: every
/// parameter is found in its file with the type the program expects, or that is
/// a diagnostic.  `module` must outlive the result.
FailureOr<CompiledProgram> compileProgram(ModuleOp module,
                                          WeightStorage weights);

/// Compiles the kernels for `isas` (none named: all) and writes the artefact:
/// whole, or not at all.
LogicalResult emitArtifact(ModuleOp module, WeightStorage weights,
                           ArrayRef<StringRef> isas, StringRef path);

} // namespace mlir::qmm

#endif // QMM_TARGET_ARTIFACT_H
