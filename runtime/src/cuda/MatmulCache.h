//===- cuda/MatmulCache.h - A context's matmul plans ------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plans are found by a problem's bytes: no string is built or hashed.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_MATMULCACHE_H
#define QMMRT_CUDA_MATMULCACHE_H

#include "cuda/AlgorithmCache.h"
#include "cuda/Matmul.h"

namespace qmmrt::cuda {

class MatmulCache {
public:
  MatmulCache(std::shared_ptr<Device> device, PlanOptions options,
              const std::string &folder);

  const PlanOptions &getOptions() const { return options; }
  AlgorithmCache &getAlgorithms() { return algorithms; }

  /// The problem's plan, made if it is new; thread-safe.  `stream`: where it
  /// will run; UNPREPARED if the plan is new and the stream being captured.
  Result<std::shared_ptr<const MatmulPlan>>
  get(const qmm_scaled_matmul_args &args, CUstream stream);

private:
  struct Slot {
    std::shared_ptr<const MatmulPlan> plan;
    uint64_t lastUse;
  };
  void evict();

  std::shared_ptr<Device> device;
  PlanOptions options;
  AlgorithmCache algorithms;
  std::mutex mutex;
  std::unordered_map<MatmulProblem, Slot, ProblemHash> plans;
  uint64_t uses = 0;
};

/// qmm_scaled_matmul on a GPU.
Status scaledMatmul(Device &device, MatmulCache &cache,
                    const qmm_scaled_matmul_args &args);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_MATMULCACHE_H
