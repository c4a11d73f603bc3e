//===- cuda/Matmul.h - Scaled matmul through cuBLASLt -----------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plan is made once per problem and holds every decision; running it sets
// pointers in a copy of its descriptor and makes one call of the library.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_MATMUL_H
#define QMMRT_CUDA_MATMUL_H

#include "cuda/MatmulDescriptor.h"

#include <memory>

namespace qmmrt::cuda {

class AlgorithmCache;

/// The buffers of a qmm_tensor, on the device.
struct Buffers {
  const void *data = nullptr;
  const void *scale = nullptr;
  const void *tensorScale = nullptr;
};

/// The buffers of one call, on the device.  Matrices and bias are aligned as
/// planned (16 bytes unless said otherwise).
struct MatmulBuffers {
  Buffers a, b;
  void *d = nullptr;
  /// 1 / d's scale, for a quantized d; raw FP8 needs none.
  const float *outputScale = nullptr;
  const void *bias = nullptr;
  const void *residual = nullptr;
  const float *alpha = nullptr;
  float *amax = nullptr;
};

class MatmulPlan {
public:
  ~MatmulPlan();
  MatmulPlan(const MatmulPlan &) = delete;
  MatmulPlan &operator=(const MatmulPlan &) = delete;

  const MatmulProblem &getProblem() const { return problem; }
  /// What runMatmul needs; 256-byte aligned.
  size_t getWorkspaceBytes() const { return workspaceBytes; }

  /// How the algorithm was found, for reports.
  struct Choice {
    unsigned candidates = 0; // that the library offered
    unsigned index = 0;      // of them
    bool isFromCache = false;
    bool isTimed = false;
    float firstMicroseconds = 0, bestMicroseconds = 0; // when timed
  };
  const Choice &getChoice() const { return choice; }

private:
  friend struct PlanAccess;
  explicit MatmulPlan(std::shared_ptr<const Device> device)
      : device(std::move(device)) {}

  std::shared_ptr<const Device> device;
  MatmulProblem problem;
  MatmulDescriptor descriptor;
  cublasLtMatmulAlgo algorithm = {};
  size_t workspaceBytes = 0;
  void *zeros = nullptr; // hasZeroOperands: both operands
  Choice choice;
};

/// Plans for `args`, of whose pointers only the presence of alpha and amax
/// counts.  UNSUPPORTED when a rule of ours or the library refuses.  `cache`
/// may be null.  Must not be called while the thread captures a stream.
Result<std::shared_ptr<const MatmulPlan>>
planMatmul(Device &device, const qmm_scaled_matmul_args &args,
           const PlanOptions &options = {}, AlgorithmCache *cache = nullptr);
/// The same for a problem that describeMatmul has admitted.
Result<std::shared_ptr<const MatmulPlan>>
planMatmul(Device &device, const MatmulProblem &problem,
           const PlanOptions &options, AlgorithmCache *cache);

/// Enqueues the plan's work.  Thread-safe; allocates nothing unless it fails.
Status runMatmul(const Device &device, const MatmulPlan &plan,
                 const MatmulBuffers &buffers, void *workspace,
                 CUstream stream);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_MATMUL_H
