//===- PhysicalToProgram.h - IR to a flat program --------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last step of the compiler: what the two emitters (the artefact and LLVM
// IR) read.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_CONVERSION_PHYSICALTOPROGRAM_H
#define QMM_CONVERSION_PHYSICALTOPROGRAM_H

#include "mlir/IR/BuiltinOps.h"
#include "program/Program.h"

namespace mlir::qmm {

/// Translates a module of the stage `lowered`: every public function becomes an
/// entry, every parameter it reads a Parameter (with the file that
/// `qmm.parameter_files` names, or pointing into the module's constants, so
/// that `module` must outlive the result).  Kernels are listed by name; their
/// objects, the report and the digests are the caller's to add.
FailureOr<::qmmrt::program::Module> translateToProgram(ModuleOp module);

/// Is `op` allowed in a function of the stage `lowered`?
bool isProgramOp(Operation *op);

} // namespace mlir::qmm

#endif // QMM_CONVERSION_PHYSICALTOPROGRAM_H
