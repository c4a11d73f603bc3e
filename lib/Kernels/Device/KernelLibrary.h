//===- KernelLibrary.h - The kernels of one program ------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel sees flat buffers and integers only, so that one kernel serves every
// rank and every number of rows, and equal ones are one.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_DEVICE_KERNELLIBRARY_H
#define QMM_LIB_KERNELS_DEVICE_KERNELLIBRARY_H

#include "Emitter.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::qmm {

/// How a kernel is launched: blocks of `threads`, one for each `itemsPerBlock`
/// of the extent.
struct LaunchShape {
  int64_t threads = 256;
  int64_t itemsPerBlock = 256;
};

/// The module's gpu.module of device kernels, made where there is none.
gpu::GPUModuleOp getOrCreateDeviceKernels(ModuleOp module);

/// A kernel, in no module yet, with an empty body: `arguments` are the buffers,
/// the integers and the extent.
gpu::GPUFuncOp createDeviceKernel(Location loc, StringRef name,
                                  TypeRange arguments, LaunchShape shape);

/// A kernel while its body is built.
class KernelBody : public Emitter {
public:
  KernelBody(gpu::GPUFuncOp function, size_t numBuffers, LaunchShape shape)
      : Emitter(function.getLoc(), function.getContext()), function(function),
        numBuffers(numBuffers), shape(shape) {
    setInsertionPointToStart(&function.getBody().front());
  }

  /// Arguments in the order of the launch.
  Value buffer(size_t i) { return function.getArgument(i); }
  Value integer(size_t i) { return function.getArgument(numBuffers + i); }
  Value extent() {
    return function.getArgument(function.getFunctionType().getNumInputs() - 1);
  }
  int64_t threads() const { return shape.threads; }
  Value thread();
  Value block();
  /// The item of this thread, where a block has one a thread.
  Value item() { return add(mul(block(), threads()), thread()); }
  /// Shared memory of this kernel's own.
  Value shared(int64_t count, Type element);

private:
  gpu::GPUFuncOp function;
  size_t numBuffers;
  LaunchShape shape;
};

class KernelLibrary {
public:
  explicit KernelLibrary(ModuleOp module) : module(module) {}

  /// Builds a kernel, or finds an equal one, and its launch at `caller`.
  /// Buffers are flat (see `flatten`).
  void launch(Emitter &caller, StringRef name, LaunchShape shape,
              ValueRange buffers, ValueRange integers, Value extent,
              llvm::function_ref<void(KernelBody &)> build);

private:
  ModuleOp module;
};

/// A buffer of identity layout as memref<?xT>.
Value flatten(Emitter &caller, Value buffer);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_DEVICE_KERNELLIBRARY_H
