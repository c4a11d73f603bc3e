//===- cuda/CudaLibraries.cpp - CUDA, if this machine has it -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See CudaLibraries.h.
//
//===----------------------------------------------------------------------===//
#include "cuda/CudaLibraries.h"

#include <dlfcn.h>

namespace qmmrt::cuda {

static Status unsupported(std::string message) {
  return Status(QMM_STATUS_UNSUPPORTED, std::move(message));
}

static Status open(const char *library, const char *purpose, void *&handle) {
  handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle)
    return Status();
  const char *error = ::dlerror();
  return unsupported(std::string("cannot load ") + purpose + ": " +
                     (error ? error : library));
}

template <typename Function>
static Status resolve(void *handle, const char *library, const char *name,
                      Function *&function) {
  function = reinterpret_cast<Function *>(::dlsym(handle, name));
  if (function)
    return Status();
  return unsupported(std::string(library) + " lacks the function " + name +
                     ": it is too old, or not NVIDIA's");
}

Result<CudaLibraries> CudaLibraries::load(const char *driverName,
                                          const char *cublasLtName) {
  CudaLibraries libraries;
  void *handle;
  if (Status status = open(driverName, "the CUDA driver", handle); !status.ok())
    return status;
#define QMM_CUDA_RESOLVE(name, result, parameters)                             \
  if (Status status =                                                          \
          resolve(handle, driverName, #name, libraries.driver.name);           \
      !status.ok())                                                            \
    return status;
  QMM_CUDA_DRIVER_FUNCTIONS(QMM_CUDA_RESOLVE)
#undef QMM_CUDA_RESOLVE
  if (Status status = open(cublasLtName, "cuBLASLt", handle); !status.ok())
    return status;
#define QMM_CUDA_RESOLVE(name, result, parameters)                             \
  if (Status status =                                                          \
          resolve(handle, cublasLtName, #name, libraries.cublasLt.name);       \
      !status.ok())                                                            \
    return status;
  QMM_CUBLASLT_FUNCTIONS(QMM_CUDA_RESOLVE)
#undef QMM_CUDA_RESOLVE
  return libraries;
}

} // namespace qmmrt::cuda
