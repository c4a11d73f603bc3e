//===- cuda/CudaStatus.cpp - Statuses of the driver and cuBLASLt ----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See CudaStatus.h.
//
//===----------------------------------------------------------------------===//
#include "cuda/CudaStatus.h"

namespace qmmrt::cuda {

static qmm_status getCode(CUresult result) {
  switch (result) {
  case CUDA_ERROR_OUT_OF_MEMORY:
    return QMM_STATUS_OUT_OF_MEMORY;
  case CUDA_ERROR_NO_DEVICE:
  case CUDA_ERROR_INVALID_DEVICE:
  case CUDA_ERROR_STUB_LIBRARY:
  case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
  case CUDA_ERROR_NO_BINARY_FOR_GPU:
  case CUDA_ERROR_JIT_COMPILER_NOT_FOUND:
  case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
  case CUDA_ERROR_NOT_SUPPORTED:
    return QMM_STATUS_UNSUPPORTED;
  case CUDA_ERROR_INVALID_PTX:
  case CUDA_ERROR_INVALID_IMAGE:
    return QMM_STATUS_MALFORMED;
  case CUDA_ERROR_NOT_FOUND:
    return QMM_STATUS_NOT_FOUND;
  case CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED:
    return QMM_STATUS_UNPREPARED;
  default:
    return QMM_STATUS_DEVICE;
  }
}

static std::string spell(const char *name, const char *sentence, int code) {
  std::string text = name ? name : "status " + std::to_string(code);
  if (sentence)
    text += " (" + std::string(sentence) + ")";
  return text;
}

Status fromDriver(const DriverFunctions &driver, CUresult result,
                  const std::string &what) {
  if (result == CUDA_SUCCESS)
    return Status();
  const char *name = nullptr, *sentence = nullptr;
  driver.cuGetErrorName(result, &name);
  driver.cuGetErrorString(result, &sentence);
  return Status(getCode(result), what + ": " + spell(name, sentence, result));
}

Status fromCublasLt(const CublasLtFunctions &library, cublasStatus status,
                    const std::string &what) {
  if (status == CUBLAS_STATUS_SUCCESS)
    return Status();
  const bool isUnsupported = status == CUBLAS_STATUS_NOT_SUPPORTED ||
                             status == CUBLAS_STATUS_ARCH_MISMATCH;
  return Status(isUnsupported ? QMM_STATUS_UNSUPPORTED
                : status == CUBLAS_STATUS_ALLOC_FAILED
                    ? QMM_STATUS_OUT_OF_MEMORY
                    : QMM_STATUS_DEVICE,
                what + ": " +
                    spell(library.cublasLtGetStatusName(status),
                          library.cublasLtGetStatusString(status), status));
}

} // namespace qmmrt::cuda
