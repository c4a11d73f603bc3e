//===- cuda/CudaLibraries.h - CUDA, if this machine has it ------*- C++ -*-===//
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

#include <string>
#include <vector>

namespace qmmrt::cuda {

/// Both symbol tables, complete.  The libraries stay loaded for the rest of the
/// process: neither can be unloaded safely.
struct CudaLibraries {
  DriverFunctions driver;
  CublasLtFunctions cublasLt;
  std::string cublasLtFile; // as found
  uint64_t cublasLtBytes = 0;

  /// UNSUPPORTED names the library that isn't there or the function it lacks.
  /// `driver` is what dlopen gets; of `cublasLt` the first that loads is taken.
  static Result<CudaLibraries> load(const std::string &driver,
                                    const std::vector<std::string> &cublasLt);
  /// The system's driver; cuBLASLt by `path` (qmm_context_options::cublaslt),
  /// else by QMM_CUBLASLT_PATH, else where the loader and a toolkit have it.
  static Result<CudaLibraries> load(const std::string &path = "");
};

/// Files that may be cuBLASLt, newest version first in each folder: `path` as
/// qmm_context_options::cublaslt describes it.
std::vector<std::string> getCublasLtCandidates(const std::string &path);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_CUDALIBRARIES_H
