//===- cuda/MatmulRun.cpp - A plan on its buffers -------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The hot path: no allocation, no query, no string unless it fails.
//
//===----------------------------------------------------------------------===//
#include "cuda/PlanAccess.h"

namespace qmmrt::cuda {
namespace {

const float kOne = 1.0f, kZero = 0.0f;
const int32_t kOneInteger = 1, kZeroInteger = 0;

Status fail(const Device &device, cublasStatus status, const MatmulPlan &plan) {
  return fromCublasLt(device.cublasLt(), status,
                      "cublasLtMatmul of " + describe(plan.getProblem()));
}

Status misaligned(const char *what, const void *pointer, uint32_t alignment) {
  return Status(QMM_STATUS_INVALID_ARGUMENT,
                std::string("scaled_matmul: ") + what + " is " +
                    (pointer ? "aligned to " +
                                   std::to_string(uintptr_t(pointer) &
                                                  -uintptr_t(pointer)) +
                                   " bytes"
                             : "NULL") +
                    ", expected alignment to " + std::to_string(alignment));
}

Status runZero(const Device &device, const MatmulPlan &plan,
               const MatmulBuffers &buffers, CUstream stream) {
  const MatmulProblem &problem = plan.getProblem();
  if (problem.work == MatmulWork::Zero)
    if (Status s =
            device.fill(buffers.d, 0, size_t(problem.resultBytes), stream);
        !s.ok())
      return s;
  if (!problem.wantsAmax)
    return Status();
  return device.fill(buffers.amax, 0, sizeof(float), stream);
}

} // namespace

Status runMatmul(const Device &device, const MatmulPlan &plan,
                 const MatmulBuffers &buffers, void *workspace,
                 CUstream stream) {
  const MatmulProblem &problem = plan.getProblem();
  if (problem.work != MatmulWork::Multiply)
    return runZero(device, plan, buffers, stream);

  const void *a = buffers.a.data, *b = buffers.b.data;
  if (problem.hasZeroOperands)
    a = b = PlanAccess::zeros(plan);
  // Without a residual d stands in, but for an FP8 one, whose type isn't C's.
  const void *c = problem.hasResidual ? buffers.residual
                  : problem.isNarrow  ? nullptr
                                      : buffers.d;
  const void *bias = problem.biasType != -1 ? buffers.bias : a;
  const struct {
    const void *pointer;
    const char *what;
  } aligned[] = {{a, "a"},
                 {b, "b"},
                 {buffers.d, "d"},
                 {problem.hasResidual ? c : a, "residual"},
                 {bias, "bias"}};
  for (const auto &item : aligned)
    if (!item.pointer ||
        (uintptr_t(item.pointer) & (problem.alignment - 1)) != 0)
      return misaligned(item.what, item.pointer, problem.alignment);

  const CublasLtFunctions &lt = device.cublasLt();
  MatmulDescriptor d = PlanAccess::descriptor(plan);
  cublasStatus status = CUBLAS_STATUS_SUCCESS;
  auto set = [&](cublasLtMatmulDescAttribute attribute, const void *pointer) {
    if (status == CUBLAS_STATUS_SUCCESS)
      status = lt.cublasLtMatmulDescSetAttribute(&d.operation, attribute,
                                                 &pointer, sizeof(pointer));
  };
  if (problem.hasScaleB)
    set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, buffers.b.scale);
  if (problem.hasScaleA)
    set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, buffers.a.scale);
  if (problem.isNarrow)
    set(CUBLASLT_MATMUL_DESC_D_SCALE_POINTER,
        problem.hasOutputScale ? buffers.outputScale : device.getOne());
  if (problem.wantsAmax)
    set(CUBLASLT_MATMUL_DESC_AMAX_D_POINTER, buffers.amax);
  if (problem.biasType != -1)
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  if (status != CUBLAS_STATUS_SUCCESS)
    return fail(device, status, plan);

  const void *alpha = &kOne, *beta = problem.hasResidual ? &kOne : &kZero;
  switch (problem.alpha) {
  case AlphaSource::One:
    if (problem.scaleType == CUDA_R_32I) {
      alpha = &kOneInteger;
      beta = &kZeroInteger;
    }
    break;
  case AlphaSource::Argument:
    alpha = buffers.alpha;
    break;
  case AlphaSource::TensorScaleA:
    alpha = buffers.a.tensorScale;
    break;
  case AlphaSource::TensorScaleB:
    alpha = buffers.b.tensorScale;
    break;
  }
  if (problem.alpha != AlphaSource::One)
    beta = problem.hasResidual ? device.getOne() : device.getZero();

  CurrentContext current(device);
  if (current.getResult() != CUDA_SUCCESS)
    return device.check(current.getResult(), "cuCtxPushCurrent");
  status = lt.cublasLtMatmul(device.getHandle(), &d.operation, alpha, b, &d.a,
                             a, &d.b, beta, c, &d.c, buffers.d, &d.d,
                             &PlanAccess::algorithm(plan), workspace,
                             plan.getWorkspaceBytes(), stream);
  return status == CUBLAS_STATUS_SUCCESS ? Status()
                                         : fail(device, status, plan);
}

} // namespace qmmrt::cuda
