//===- cuda/CudaLibraries.h - CUDA, if this machine has it ---- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place where CUDA symbols are looked up, so that one binary runs with
// and without a GPU.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_CUDALIBRARIES_H
#define QMMRT_CUDA_CUDALIBRARIES_H

#include "cuda/CudaAbi.h"
#include "support/Status.h"

namespace qmmrt::cuda {

/// Both symbol tables, complete.  The libraries stay loaded for the rest of the
/// process: neither can be unloaded safely.
struct CudaLibraries {
  DriverFunctions driver;
  CublasLtFunctions cublasLt;

  /// UNSUPPORTED names the library that isn't there or the function it lacks.
  /// `driverName` and `cublasLtName` are what dlopen gets.
  static Result<CudaLibraries>
  load(const char *driverName = "libcuda.so.1",
       const char *cublasLtName = "libcublasLt.so.13");
};

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_CUDALIBRARIES_H
