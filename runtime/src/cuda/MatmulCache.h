//===- cuda/MatmulCache.h - A context's matmul plans ------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plans are found by the bytes of what was asked: no string is built or hashed,
// and a call whose plan is there isn't verified again.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_MATMULCACHE_H
#define QMMRT_CUDA_MATMULCACHE_H

#include "cuda/AlgorithmCache.h"
#include "cuda/Matmul.h"

namespace qmmrt::cuda {

/// All of a call's arguments that a plan depends on, without padding.
struct MatmulKey {
  struct Tensor {
    uint32_t structSize, rank; // 0, 0: absent
    int64_t shape[QMM_MAX_RANK];
    qmm_scheme scheme;
    qmm_layout layout;
  };
  Tensor a, b, d, bias, residual;
  uint32_t structSize, activation, hasAlpha, hasAmax;

  explicit MatmulKey(const qmm_scaled_matmul_args &args);
  bool operator==(const MatmulKey &other) const {
    return std::memcmp(this, &other, sizeof(*this)) == 0;
  }
};
static_assert(std::has_unique_object_representations_v<MatmulKey>,
              "padding would be compared");
struct MatmulKeyHash {
  size_t operator()(const MatmulKey &key) const;
};

class MatmulCache {
public:
  MatmulCache(std::shared_ptr<Device> device, PlanOptions options,
              const std::string &folder);

  const PlanOptions &getOptions() const { return options; }
  AlgorithmCache &getAlgorithms() { return algorithms; }

  /// The call's plan, made if it is new; thread-safe.  `stream`: where it will
  /// run; UNPREPARED if the plan is new and the stream being captured.
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
  std::unordered_map<MatmulKey, Slot, MatmulKeyHash> plans;
  uint64_t uses = 0;
};

/// qmm_scaled_matmul on a GPU.
Status scaledMatmul(Device &device, MatmulCache &cache,
                    const qmm_scaled_matmul_args &args);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_MATMULCACHE_H
