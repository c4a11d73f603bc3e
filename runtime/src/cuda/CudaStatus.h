//===- cuda/CudaStatus.h - Statuses of the driver and cuBLASLt --*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Errors carry the library's own name for the status and what was being done.
// Building them is the failing path's cost only.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_CUDASTATUS_H
#define QMMRT_CUDA_CUDASTATUS_H

#include "cuda/CudaAbi.h"
#include "support/Status.h"

namespace qmmrt::cuda {

/// "WHAT: CUDA_ERROR_... (the driver's sentence)"; OK for success.
Status fromDriver(const DriverFunctions &driver, CUresult result,
                  const std::string &what);
/// "WHAT: CUBLAS_STATUS_... (the library's sentence)"; OK for success.
Status fromCublasLt(const CublasLtFunctions &library, cublasStatus status,
                    const std::string &what);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_CUDASTATUS_H
