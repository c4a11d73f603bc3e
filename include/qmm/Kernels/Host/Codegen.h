//===- Codegen.h - Host kernels to native objects --------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of `@qmm.kernels` to ELF objects, one an instruction set, in
// this process: no system compiler and no linker program.
//
// A kernel `func.func @k(memrefs..., indices..., index begin, index end)`
// becomes
//
//   void k(void *const *buffers, const int64_t *integers,
//          int64_t begin, int64_t end);
//
// buffers: one address a memref (identity layout); integers: the dynamic
// extents of each memref in order, then the indices.  Undefined symbols of an
// object are functions of libm and memcpy, memmove, memset: emitting checks it.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_KERNELS_HOST_CODEGEN_H
#define QMM_KERNELS_HOST_CODEGEN_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include <memory>
#include <string>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::qmm {

/// Native code for one instruction set.
struct HostObject {
  std::string isa;
  std::string bytes; // an ELF file
};

/// The names that the functions below take: "x86-64-v3", "x86-64-v4", "x86-64",
/// "aarch64".
ArrayRef<StringRef> getHostISAs();

/// The dialects that lowering produces, with their translations to LLVM IR.  A
/// pass that calls the functions below depends on them.
void registerHostCodegenDialects(DialectRegistry &registry);

/// The kernels as LLVM IR for `isa`, not optimized: each kernel as an external
/// function of the signature above, all else internal.  `kernels` isn't
/// changed. Fails with a diagnostic at what can't be lowered.
FailureOr<std::unique_ptr<llvm::Module>>
translateHostKernels(ModuleOp kernels, StringRef isa,
                     llvm::LLVMContext &context);

/// Runs LLVM's O3 pipeline for `isa`, whose triple and data layout the module
/// takes over.  `loc` is where failures are reported, here and below.
LogicalResult optimizeHostModule(llvm::Module &module, StringRef isa,
                                 Location loc);

/// A relocatable ELF object (position independent) of a module.
FailureOr<std::string> emitHostObject(llvm::Module &module, StringRef isa,
                                      Location loc);

/// A shared ELF object of a relocatable one.
FailureOr<std::string> linkHostObject(StringRef object, StringRef isa,
                                      Location loc);

/// The relocatable object of all kernels.
FailureOr<HostObject> compileHostObject(ModuleOp kernels, StringRef isa);

/// A shared object of all kernels for each of `isas` (none named: all).  Empty
/// when there are no kernels.
FailureOr<SmallVector<HostObject>>
compileHostKernels(ModuleOp kernels, ArrayRef<StringRef> isas = {});

} // namespace mlir::qmm

#endif // QMM_KERNELS_HOST_CODEGEN_H
