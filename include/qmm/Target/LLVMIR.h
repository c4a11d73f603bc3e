//===- LLVMIR.h - Programs as LLVM IR --------------------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For embedders who link a program into their own code instead of loading an
// artefact.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_TARGET_LLVMIR_H
#define QMM_TARGET_LLVMIR_H

#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir::qmm {

/// LLVM IR of a module of the stage `lowered`, with its kernels, for one of
/// getHostISAs().  Each entry NAME (characters that C names can't have become
/// _) is two functions and a table, in C:
///
///   qmm_status qmm_entry_NAME_query(
///       qmm_context *context, const qmm_tensor *inputs,
///       int64_t *output_extents, size_t *arena_bytes);
///   qmm_status qmm_entry_NAME(
///       qmm_context *context, const qmm_tensor *inputs,
///       const qmm_tensor *outputs, const void *const *parameters,
///       void *arena, size_t arena_bytes);
///   extern const char *const qmm_entry_NAME_parameters[];
///
/// `output_extents` receives the extents of all outputs, one after the other.
/// `parameters` are addresses in the order of the NULL-terminated table of keys
/// "scope::name"; the arena is 64-byte aligned.  Inputs whose dtype, rank or
/// extents aren't the entry's give QMM_STATUS_INVALID_ARGUMENT.  One call of
/// the runtime is made a command; kernels run on the calling thread.
FailureOr<std::unique_ptr<llvm::Module>>
translateToLLVMIR(ModuleOp module, StringRef isa, llvm::LLVMContext &context);

} // namespace mlir::qmm

#endif // QMM_TARGET_LLVMIR_H
