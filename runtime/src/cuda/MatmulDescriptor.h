//===- cuda/MatmulDescriptor.h - A problem in cuBLASLt's words --*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Row-major D = A * B^T is column-major D^T = B * A^T: cuBLASLt's A is our b,
// transposed, and its B our a, so that both are read along K (TN).
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_MATMULDESCRIPTOR_H
#define QMMRT_CUDA_MATMULDESCRIPTOR_H

#include "cuda/Device.h"
#include "cuda/MatmulProblem.h"

namespace qmmrt::cuda {

/// Complete but for pointers.
struct MatmulDescriptor {
  cublasLtMatmulDescOpaque operation = {};
  cublasLtMatrixLayoutOpaque a = {}, b = {}, c = {}, d = {};
};

Result<MatmulDescriptor> makeDescriptor(const Device &device,
                                        const MatmulProblem &problem);

/// The algorithms that the library offers, best first by its own estimate.
/// UNSUPPORTED when there is none.
Result<std::vector<cublasLtMatmulHeuristicResult>>
findAlgorithms(const Device &device, const MatmulProblem &problem,
               const MatmulDescriptor &descriptor, unsigned count);

/// What an algorithm from elsewhere needs; a status when the library doesn't
/// take it for this problem.
Result<cublasLtMatmulHeuristicResult>
checkAlgorithm(const Device &device, const MatmulProblem &problem,
               const MatmulDescriptor &descriptor,
               const cublasLtMatmulAlgo &algorithm);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_MATMULDESCRIPTOR_H
