//===- cuda/MatmulCache.cpp - A context's matmul plans --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See MatmulCache.h.
//
//===----------------------------------------------------------------------===//
#include "cuda/MatmulCache.h"

#include "program/Hash.h"

#include <algorithm>

namespace qmmrt::cuda {

static MatmulKey::Tensor makeKey(const qmm_tensor *tensor) {
  MatmulKey::Tensor key = {};
  if (!tensor)
    return key;
  key.structSize = tensor->struct_size;
  key.rank = tensor->rank;
  std::copy_n(tensor->shape, std::min<uint32_t>(tensor->rank, QMM_MAX_RANK),
              key.shape);
  key.scheme = tensor->scheme;
  key.layout = tensor->layout;
  return key;
}

MatmulKey::MatmulKey(const qmm_scaled_matmul_args &args)
    : a(makeKey(args.a)), b(makeKey(args.b)), d(makeKey(args.d)),
      bias(makeKey(args.bias)), residual(makeKey(args.residual)),
      structSize(args.struct_size), activation(args.activation),
      hasAlpha(args.alpha != nullptr), hasAmax(args.amax != nullptr) {}

size_t MatmulKeyHash::operator()(const MatmulKey &key) const {
  return size_t(hashBytes(&key, sizeof(key)));
}

MatmulCache::MatmulCache(std::shared_ptr<Device> device, PlanOptions options,
                         const std::string &folder)
    : device(device), options(options), algorithms(*device, folder) {
  this->options.workspaceBytes =
      std::min(options.workspaceBytes, device->getWorkspaceBytes());
}

Result<std::shared_ptr<const MatmulPlan>>
MatmulCache::get(const qmm_scaled_matmul_args &args, CUstream stream) {
  const MatmulKey key(args);
  // Planning under the lock: the same call isn't timed twice.
  std::lock_guard<std::mutex> lock(mutex);
  auto it = plans.find(key);
  if (it != plans.end()) {
    it->second.lastUse = ++uses;
    return it->second.plan;
  }
  const DeviceProperties &properties = device->getProperties();
  Result<MatmulProblem> problem = describeMatmul(
      args, properties.chip, properties.cublasLtVersion, options);
  if (!problem.ok())
    return problem.getStatus();
  Result<bool> capturing = device->isCapturing(stream);
  if (!capturing.ok())
    return capturing.getStatus();
  if (*capturing)
    return Status(QMM_STATUS_UNPREPARED,
                  "scaled_matmul of " + describe(*problem) +
                      " has no plan yet and the stream is being captured: call "
                      "qmm_scaled_matmul_workspace before");
  Result<std::shared_ptr<const MatmulPlan>> plan =
      planMatmul(*device, *problem, options, &algorithms);
  if (!plan.ok())
    return plan.getStatus();
  evict();
  plans.emplace(key, Slot{*plan, ++uses});
  return plan;
}

/// Makes room for a plan.
void MatmulCache::evict() {
  constexpr size_t kMaxPlans = 4096;
  if (plans.size() < kMaxPlans)
    return;
  auto oldest = std::min_element(
      plans.begin(), plans.end(), [](const auto &lhs, const auto &rhs) {
        return lhs.second.lastUse < rhs.second.lastUse;
      });
  plans.erase(oldest);
}

static Status verifyPointers(const Device &device,
                             const qmm_scaled_matmul_args &args,
                             const MatmulProblem &problem) {
  // Absent ones are refused where they are used.
  struct {
    const void *pointer;
    const char *what;
  } pointers[] = {
      {args.a->data, "a: data"},
      {problem.hasScaleA ? args.a->scale : nullptr, "a: scale"},
      {args.b->data, "b: data"},
      {problem.hasScaleB ? args.b->scale : nullptr, "b: scale"},
      {args.bias ? args.bias->data : nullptr, "bias: data"},
      {args.residual ? args.residual->data : nullptr, "residual: data"},
      {args.d->data, "d: data"},
      {args.alpha, "alpha"},
      {args.amax, "amax"},
      {args.workspace, "workspace"}};
  for (const auto &item : pointers)
    if (Status s = device.verifyPointer(item.pointer, item.what); !s.ok())
      return s;
  return Status();
}

Status scaledMatmul(Device &device, MatmulCache &cache,
                    const qmm_scaled_matmul_args &args) {
  auto invalid = [](std::string message) {
    return Status(QMM_STATUS_INVALID_ARGUMENT, std::move(message));
  };
  const CUstream stream = static_cast<CUstream>(args.stream);
  Result<std::shared_ptr<const MatmulPlan>> plan = cache.get(args, stream);
  if (!plan.ok())
    return plan.getStatus();
  const MatmulProblem &problem = (*plan)->getProblem();
  if (problem.hasOutputScale)
    return Status(QMM_STATUS_UNSUPPORTED,
                  "scaled_matmul on a GPU: a quantized result needs its "
                  "scale's reciprocal, which comes with compiled programs; "
                  "expected a wide or raw FP8 d");
  if (Status s = verifyPointers(device, args, problem); !s.ok())
    return s;
  if (problem.hasScaleA && !args.a->scale)
    return invalid("a: scale is NULL, expected a device pointer");
  if (problem.hasScaleB && !args.b->scale)
    return invalid("b: scale is NULL, expected a device pointer");
  if ((problem.alpha == AlphaSource::TensorScaleA && !args.a->tensor_scale) ||
      (problem.alpha == AlphaSource::TensorScaleB && !args.b->tensor_scale))
    return invalid("tensor_scale is NULL, expected a device pointer");

  void *workspace = args.workspace;
  const size_t needed = (*plan)->getWorkspaceBytes();
  if (workspace && uintptr_t(workspace) % 256 != 0)
    return invalid("workspace isn't aligned to 256 bytes");
  if (workspace && args.workspace_bytes < needed)
    return invalid("workspace_bytes is " +
                   std::to_string(args.workspace_bytes) + ", expected " +
                   std::to_string(needed) + " or more");
  if (!workspace && needed > 0) {
    Result<void *> own = device.getWorkspace(stream);
    if (!own.ok())
      return own.getStatus();
    workspace = *own;
  }

  MatmulBuffers buffers;
  buffers.a = {args.a->data, args.a->scale, args.a->tensor_scale};
  buffers.b = {args.b->data, args.b->scale, args.b->tensor_scale};
  buffers.d = args.d->data;
  buffers.bias = args.bias ? args.bias->data : nullptr;
  buffers.residual = args.residual ? args.residual->data : nullptr;
  buffers.alpha = args.alpha;
  buffers.amax = args.amax;
  return runMatmul(device, **plan, buffers, workspace, stream);
}

} // namespace qmmrt::cuda
