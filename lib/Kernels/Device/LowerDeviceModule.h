//===- LowerDeviceModule.h - Device kernels to the LLVM dialect -*- C++ -*-===//
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

#ifndef QMM_LIB_KERNELS_DEVICE_LOWERDEVICEMODULE_H
#define QMM_LIB_KERNELS_DEVICE_LOWERDEVICEMODULE_H

#include "mlir/IR/OwningOpRef.h"
#include "qmm/Kernels/Device/Codegen.h"

namespace mlir::qmm {

/// Math without a library: polynomials, f64 where f32 is too short, and the
/// chip's own instructions.  A diagnostic at an op that has none of these.
LogicalResult expandDeviceMath(Operation *module);

/// A lowered clone of `kernels` for `chip`, in a module of its own and in the
/// LLVM and NVVM dialects, with the signatures of Codegen.h.
FailureOr<OwningOpRef<ModuleOp>> lowerDeviceModule(gpu::GPUModuleOp kernels,
                                                   const DeviceChip &chip);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_DEVICE_LOWERDEVICEMODULE_H
