//===- HostISA.h - The instruction sets of host kernels --------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one table of names that artefacts use for instruction sets, and what LLVM
// and lld call them.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_HOST_HOSTISA_H
#define QMM_LIB_KERNELS_HOST_HOSTISA_H

#include "LowerKernels.h"
#include "mlir/IR/Location.h"

namespace mlir::qmm {

struct HostISA {
  llvm::StringLiteral name, triple, cpu, emulation;
  HostFeatures features;
};

/// Null, with an error at `loc`, for an unknown name.
const HostISA *lookupHostISA(StringRef name, Location loc);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_HOST_HOSTISA_H
