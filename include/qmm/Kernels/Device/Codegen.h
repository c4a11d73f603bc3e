//===- Codegen.h - Device kernels to PTX and cubins ------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernels of `@qmm.device` to code, one text or image a chip.  PTX is
// written in this process and needs nothing of CUDA; a cubin needs ptxas.
//
// A kernel `gpu.func @k(memrefs..., indices..., index extent)` becomes
//
//   .entry k(.u64 address of each memref...,
//            .u64 dynamic extents of each memref in order..., .u64 indices...,
//            .u64 extent)
//
// Memrefs have the identity layout.  The code needs no other function: emitting
// checks it.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_KERNELS_DEVICE_CODEGEN_H
#define QMM_KERNELS_DEVICE_CODEGEN_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Support/LLVM.h"
#include <string>

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::qmm {

/// What code generation has to know of a chip.
struct DeviceChip {
  std::string name;     // "sm_90a"
  std::string features; // of LLVM: the PTX version
  bool convertsFP8;     // E4M3 and E5M2 in hardware
  bool convertsFP4;     // E2M1 in hardware
};

/// The chip `name`: sm_ and the number of an architecture from 8.0 on, with `a`
/// or `f` where that exists.  A diagnostic at `loc` for any other.
FailureOr<DeviceChip> lookupDeviceChip(StringRef name, Location loc);

enum class DeviceCodeFormat {
  PTX,
  Cubin,
  All // PTX, and cubins where ptxas is
};

struct DeviceCode {
  std::string chip;
  bool isPTX;
  std::string bytes;
  /// What ptxas says of registers and spills; empty for PTX.
  std::string report;
};

struct DeviceCodegenOptions {
  DeviceCodeFormat format = DeviceCodeFormat::PTX;
  /// Where ptxas is; empty: on PATH, or in bin of CUDA_PATH or CUDA_HOME.
  std::string ptxas;
};

/// The dialects that lowering produces, with their translations to LLVM IR.  A
/// pass that calls the functions below depends on them.
void registerDeviceCodegenDialects(DialectRegistry &registry);

/// The path of ptxas, empty where there is none.
std::string findPtxas(StringRef option = {});

/// The PTX of all kernels for `chip`.  `kernels` isn't changed.  Fails with a
/// diagnostic at what can't be lowered.
FailureOr<std::string> emitPTX(gpu::GPUModuleOp kernels,
                               const DeviceChip &chip);

/// The kernels of a program; null where it has none.
gpu::GPUModuleOp getDeviceKernels(ModuleOp module);

/// Code of all kernels for each of `chips`, PTX before cubins; none where there
/// are no kernels.
FailureOr<SmallVector<DeviceCode>>
compileDeviceKernels(gpu::GPUModuleOp kernels, ArrayRef<StringRef> chips,
                     const DeviceCodegenOptions &options = {});

} // namespace mlir::qmm

#endif // QMM_KERNELS_DEVICE_CODEGEN_H
