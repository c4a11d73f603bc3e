//===- cuda/Autotune.h - The fastest of several algorithms ------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The library's estimate is up to a quarter off at small M.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_AUTOTUNE_H
#define QMMRT_CUDA_AUTOTUNE_H

#include "cuda/Matmul.h"

namespace qmmrt::cuda {

/// Times `candidates` on random operands, b's out of more memory than the L2
/// cache holds, and gives `plan` (which has the first) another if it is at
/// least 3 % faster in both of two comparisons and its result agrees with the
/// first's.  A candidate that fails is passed over; a status is the device's.
Status autotune(Device &device, MatmulPlan &plan,
                const std::vector<cublasLtMatmulHeuristicResult> &candidates,
                const PlanOptions &options);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_AUTOTUNE_H
