//===- test/cuda/FakeCuda.h - A driver and cuBLASLt that record --*- C++
//-*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Device memory is the host's, descriptors keep what they were told, and a
// matmul writes its algorithm's number: enough to test everything but products.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_CUDA_FAKECUDA_H
#define QMMRT_TEST_CUDA_FAKECUDA_H

#include "cuda/Device.h"

#include <map>
#include <string>
#include <vector>

namespace qmmrt {
namespace test {

/// What the libraries answer and what they were asked; one for the process.
struct FakeCuda {
  // Answers.
  int deviceCount = 1, major = 9, minor = 0, driverVersion = 13000;
  unsigned cublasLtVersion = 130100;
  size_t memoryLimit = size_t(1) << 32; // of one allocation
  bool isCapturing = false, isHostPointer = false;
  int numAlgorithms = 3;
  cuda::cublasStatus heuristic = cuda::CUBLAS_STATUS_SUCCESS;
  cuda::cublasStatus matmul = cuda::CUBLAS_STATUS_SUCCESS;
  cuda::cublasStatus check = cuda::CUBLAS_STATUS_SUCCESS;
  cuda::CUresult load = cuda::CUDA_SUCCESS, launch = cuda::CUDA_SUCCESS;
  std::vector<float> times = {10, 10, 10}; // of the algorithms, in us
  std::vector<int> outputs = {1, 1, 1};    // the byte that each writes

  // Questions.
  std::map<std::string, int> calls;
  struct Layout {
    int64_t type, rows, cols, ld, batch, stride;
  };
  struct Matmul {
    std::map<int, uint64_t> attributes;
    Layout a, b, c, d;
    const void *alpha, *beta, *aData, *bData, *cData, *dData;
    uint64_t algorithm;
  } last;
  cuda::CUlaunchConfig lastLaunch = {};
  std::map<std::string, uint64_t> preferences;
  uint64_t capturedAlgorithm = 0;
  int capturedRuns = 0;

  static FakeCuda &get();
  /// A fresh one, and its symbol tables.
  static cuda::CudaLibraries install();
};

} // namespace test
} // namespace qmmrt

#endif // QMMRT_TEST_CUDA_FAKECUDA_H
