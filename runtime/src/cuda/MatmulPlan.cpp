//===- cuda/MatmulPlan.cpp - An algorithm for each problem ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From arguments to a plan: the gate, the descriptor, then an algorithm from
// the cache, by timing, or the library's first.
//
//===----------------------------------------------------------------------===//
#include "cuda/AlgorithmCache.h"
#include "cuda/Autotune.h"
#include "cuda/PlanAccess.h"

#include <algorithm>

namespace qmmrt::cuda {

MatmulPlan::~MatmulPlan() {
  if (zeros)
    (void)device->free(zeros);
}

static Status makeZeros(Device &device, MatmulPlan &plan) {
  const MatmulProblem &problem = plan.getProblem();
  // 16 elements of at most four bytes a row.
  const size_t bytes = size_t(std::max(problem.m, problem.n)) * 64;
  Result<void *> memory = device.allocate(bytes);
  if (!memory.ok())
    return memory.getStatus();
  PlanAccess::zeros(plan) = *memory;
  if (Status s = device.fill(*memory, 0, bytes, nullptr); !s.ok())
    return s;
  return device.synchronize(nullptr);
}

static Status chooseAlgorithm(Device &device, MatmulPlan &plan,
                              const PlanOptions &options,
                              AlgorithmCache *cache) {
  const MatmulProblem &problem = plan.getProblem();
  const MatmulDescriptor &descriptor = PlanAccess::descriptor(plan);
  MatmulPlan::Choice &choice = PlanAccess::choice(plan);
  if (cache) {
    if (std::optional<cublasLtMatmulAlgo> stored = cache->find(problem)) {
      Result<cublasLtMatmulHeuristicResult> checked =
          checkAlgorithm(device, problem, descriptor, *stored);
      if (checked.ok()) {
        PlanAccess::setAlgorithm(plan, *checked);
        choice.isFromCache = true;
        return Status();
      }
    }
  }
  Result<std::vector<cublasLtMatmulHeuristicResult>> found = findAlgorithms(
      device, problem, descriptor, std::max(1u, options.numCandidates));
  if (!found.ok())
    return found.getStatus();
  choice.candidates = unsigned(found->size());
  PlanAccess::setAlgorithm(plan, found->front());
  if (!options.autotune)
    return Status();
  if (found->size() > 1)
    if (Status s = autotune(device, plan, *found, options); !s.ok())
      return s;
  // One that there was no room to time is not worth keeping.
  if (cache && (choice.isTimed || found->size() == 1))
    cache->insert(problem, PlanAccess::algorithm(plan));
  return Status();
}

Result<std::shared_ptr<const MatmulPlan>>
planMatmul(Device &device, const MatmulProblem &problem,
           const PlanOptions &options, AlgorithmCache *cache) {
  std::shared_ptr<MatmulPlan> plan = PlanAccess::create(device, problem);
  if (problem.work == MatmulWork::Multiply) {
    CurrentContext current(device);
    if (Status s = device.check(current.getResult(), "cuCtxPushCurrent");
        !s.ok())
      return s;
    Result<MatmulDescriptor> descriptor = makeDescriptor(device, problem);
    if (!descriptor.ok())
      return descriptor.getStatus();
    PlanAccess::descriptor(*plan) = *descriptor;
    if (problem.hasZeroOperands)
      if (Status s = makeZeros(device, *plan); !s.ok())
        return s;
    if (Status s = chooseAlgorithm(device, *plan, options, cache); !s.ok())
      return s;
  }
  return std::shared_ptr<const MatmulPlan>(std::move(plan));
}

Result<std::shared_ptr<const MatmulPlan>>
planMatmul(Device &device, const qmm_scaled_matmul_args &args,
           const PlanOptions &options, AlgorithmCache *cache) {
  PlanOptions own = options;
  own.workspaceBytes = std::min(own.workspaceBytes, device.getWorkspaceBytes());
  const DeviceProperties &properties = device.getProperties();
  Result<MatmulProblem> problem =
      describeMatmul(args, properties.chip, properties.cublasLtVersion, own);
  if (!problem.ok())
    return problem.getStatus();
  return planMatmul(device, *problem, own, cache);
}

} // namespace qmmrt::cuda
