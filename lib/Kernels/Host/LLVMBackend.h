//===- LLVMBackend.h - LLVM as a code generator  ----------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The half of code generation that host and device kernels share.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_HOST_LLVMBACKEND_H
#define QMM_LIB_KERNELS_HOST_LLVMBACKEND_H

#include "mlir/IR/Location.h"
#include "llvm/Support/CodeGen.h"
#include <memory>
#include <optional>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace mlir::qmm {

/// What LLVM generates code for.
struct CodegenTarget {
  StringRef name; // for messages
  StringRef triple, cpu, features;
  std::optional<llvm::Reloc::Model> relocation = std::nullopt;
  std::optional<llvm::CodeModel::Model> codeModel = std::nullopt;
};

/// Null, with a diagnostic at `loc`, where this LLVM can't.
std::unique_ptr<llvm::TargetMachine>
createTargetMachine(const CodegenTarget &target, Location loc);

/// Gives the module the machine's triple and data layout.
void setTarget(llvm::Module &module, const llvm::TargetMachine &machine);

/// Runs LLVM's O3 pipeline.
void optimize(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_HOST_LLVMBACKEND_H
