//===- cuda/PlanAccess.h - The inside of a MatmulPlan -----------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What planning, timing and running share and callers don't see.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_PLANACCESS_H
#define QMMRT_CUDA_PLANACCESS_H

#include "cuda/Matmul.h"

namespace qmmrt::cuda {

struct PlanAccess {
  static std::shared_ptr<MatmulPlan> create(Device &device,
                                            const MatmulProblem &problem) {
    std::shared_ptr<MatmulPlan> plan(new MatmulPlan(device.shared_from_this()));
    plan->problem = problem;
    return plan;
  }
  static MatmulDescriptor &descriptor(MatmulPlan &plan) {
    return plan.descriptor;
  }
  static const MatmulDescriptor &descriptor(const MatmulPlan &plan) {
    return plan.descriptor;
  }
  static const cublasLtMatmulAlgo &algorithm(const MatmulPlan &plan) {
    return plan.algorithm;
  }
  static void setAlgorithm(MatmulPlan &plan,
                           const cublasLtMatmulHeuristicResult &result) {
    plan.algorithm = result.algo;
    plan.workspaceBytes = result.workspaceSize;
  }
  static void *&zeros(MatmulPlan &plan) { return plan.zeros; }
  static const void *zeros(const MatmulPlan &plan) { return plan.zeros; }
  static MatmulPlan::Choice &choice(MatmulPlan &plan) { return plan.choice; }
};

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_PLANACCESS_H
