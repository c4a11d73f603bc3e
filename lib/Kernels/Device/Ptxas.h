//===- Ptxas.h - The assembler of CUDA, where there is one -----*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX to images, by a program of the user's CUDA toolkit.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_DEVICE_PTXAS_H
#define QMM_LIB_KERNELS_DEVICE_PTXAS_H

#include "qmm/Kernels/Device/Codegen.h"

namespace mlir::qmm {

/// Replaces the PTX of `code` by the image that the program `ptxas` makes of
/// it.
LogicalResult assemble(DeviceCode &code, StringRef ptxas, Location loc);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_DEVICE_PTXAS_H
