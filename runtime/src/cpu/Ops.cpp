//===- cpu/Ops.cpp - qmm/ops.h --------------------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything a caller can get wrong is found here, before the first byte is
// written; the kernels trust what they are given.
//
//===----------------------------------------------------------------------===//
#include "qmm/ops.h"

#include "context/Context.h"
#include "cpu/Matmul.h"
#include "cpu/MatmulBlocking.h"
#include "numerics/Quantize.h"
#include "support/ThreadError.h"

#include <cstdlib>
#include <memory>
#include <string>

using namespace qmmrt;
using detail::invalid;

namespace {

/// Is this a context whose device has these operations on their own?
Status requireHost(const qmm_context *context) {
  if (!context)
    return invalid("context is NULL");
  if (context->device)
    return Status(QMM_STATUS_UNSUPPORTED,
                  "quantize, dequantize, relayout and amax run on a GPU as "
                  "kernels of compiled programs; expected a CPU context");
  return Status();
}

Status requireAll(const qmm_context *context, const qmm_tensor *src,
                  const qmm_tensor *dst) {
  if (Status s = requireHost(context); !s.ok())
    return s;
  if (!src)
    return invalid("src is NULL, expected a tensor");
  if (!dst)
    return invalid("dst is NULL, expected a tensor");
  return Status();
}

struct Range {
  const char *name;
  const void *begin;
  int64_t bytes;
};

bool overlap(const Range &lhs, const Range &rhs) {
  auto left = reinterpret_cast<uintptr_t>(lhs.begin);
  auto right = reinterpret_cast<uintptr_t>(rhs.begin);
  return lhs.begin && rhs.begin && lhs.bytes > 0 && rhs.bytes > 0 &&
         left < right + uintptr_t(rhs.bytes) &&
         right < left + uintptr_t(lhs.bytes);
}

/// Pointers present, outputs (and workspace) apart from inputs and each other.
Status verifyMatmulBuffers(const qmm_scaled_matmul_args &args,
                           const cpu::MatmulPlan &plan) {
  constexpr int kMaxRanges = 16;
  Range inputs[kMaxRanges], outputs[kMaxRanges];
  int numInputs = 0, numOutputs = 0;
  auto add = [&](const qmm_tensor *tensor, const char *what,
                 const char *dataName, const char *scaleName,
                 const char *tensorScaleName) -> Status {
    if (!tensor)
      return Status();
    if (Status s = verifyTensor(*tensor, what); !s.ok())
      return s;
    Result<TensorExtents> extents = getTensorExtents(*tensor, what);
    if (!extents.ok())
      return extents.getStatus();
    const bool isResult = tensor == args.d && dataName[0] == 'd';
    const bool givesScale =
        isResult && plan.output == cpu::MatmulPlan::Output::Computed;
    // Range is spelled out for g++ 13, which assigns no list to a conditional.
    (isResult ? outputs[numOutputs++] : inputs[numInputs++]) =
        Range{dataName, tensor->data, extents->dataBytes};
    if (!isWide(tensor->scheme))
      (givesScale ? outputs[numOutputs++] : inputs[numInputs++]) =
          Range{scaleName, tensor->scale, extents->scaleBytes};
    if (tensor->scheme.has_tensor_scale)
      inputs[numInputs++] = {tensorScaleName, tensor->tensor_scale,
                             extents->tensorScaleBytes};
    return Status();
  };
  if (Status s = add(args.a, "a", "a: data", "a: scale", "a: tensor_scale");
      !s.ok())
    return s;
  if (Status s = add(args.b, "b", "b: data", "b: scale", "b: tensor_scale");
      !s.ok())
    return s;
  if (Status s = add(args.bias, "bias", "bias: data", "", ""); !s.ok())
    return s;
  if (Status s = add(args.residual, "residual", "residual: data", "", "");
      !s.ok())
    return s;
  if (Status s = add(args.d, "d", "d: data", "d: scale", "d: tensor_scale");
      !s.ok())
    return s;
  if (args.alpha)
    inputs[numInputs++] = {"alpha", args.alpha, sizeof(float)};
  if (args.amax)
    outputs[numOutputs++] = {"amax", args.amax, sizeof(float)};
  if (args.workspace)
    outputs[numOutputs++] = {"workspace", args.workspace,
                             int64_t(args.workspace_bytes)};
  for (int out = 0; out < numOutputs; ++out) {
    for (int in = 0; in < numInputs; ++in)
      if (overlap(outputs[out], inputs[in]))
        return invalid(std::string(outputs[out].name) + " overlaps " +
                       inputs[in].name + ", expected separate buffers");
    for (int other = 0; other < out; ++other)
      if (overlap(outputs[out], outputs[other]))
        return invalid(std::string(outputs[out].name) + " overlaps " +
                       outputs[other].name + ", expected separate buffers");
  }
  return Status();
}

cpu::Buffers getBuffers(const qmm_tensor &tensor) {
  return {tensor.data, tensor.scale, tensor.tensor_scale};
}

Result<cpu::MatmulPlan> planFor(qmm_context *context,
                                const qmm_scaled_matmul_args *args) {
  if (!context)
    return invalid("context is NULL");
  if (!args)
    return invalid("args is NULL");
  return cpu::planMatmul(*args, context->executor->getNumWorkers());
}

Status scaledMatmul(qmm_context *context, const qmm_scaled_matmul_args *args) {
  if (context && context->device && args)
    return cuda::scaledMatmul(*context->device, *context->matmuls, *args);
  Result<cpu::MatmulPlan> plan = planFor(context, args);
  if (!plan.ok())
    return plan.getStatus();
  if (Status s = verifyMatmulBuffers(*args, *plan); !s.ok())
    return s;

  const size_t needed = size_t(plan->workspaceBytes);
  void *workspace = args->workspace;
  std::unique_ptr<void, decltype(&std::free)> owned(nullptr, &std::free);
  if (!workspace) {
    owned.reset(std::aligned_alloc(cpu::kAlignment, needed));
    if (!owned)
      return Status(QMM_STATUS_OUT_OF_MEMORY,
                    "workspace: " + std::to_string(needed) +
                        " bytes can't be allocated");
    workspace = owned.get();
  } else if (reinterpret_cast<uintptr_t>(workspace) % cpu::kAlignment != 0) {
    return invalid("workspace isn't aligned to 64 bytes");
  } else if (args->workspace_bytes < needed) {
    return invalid("workspace_bytes is " +
                   std::to_string(args->workspace_bytes) + ", expected " +
                   std::to_string(needed) + " or more");
  }

  cpu::MatmulBuffers buffers;
  buffers.a = getBuffers(*args->a);
  buffers.b = getBuffers(*args->b);
  buffers.d = getBuffers(*args->d);
  buffers.bias = args->bias ? args->bias->data : nullptr;
  buffers.residual = args->residual ? args->residual->data : nullptr;
  buffers.alpha = args->alpha;
  buffers.amax = args->amax;
  cpu::runMatmul(*context->executor, *plan, buffers, workspace);
  return Status();
}

} // namespace

qmm_status qmm_quantize(qmm_context *context, const qmm_tensor *src,
                        const qmm_quantize_params *params,
                        const qmm_tensor *dst) {
  return guardCall([&] {
    if (Status s = requireAll(context, src, dst); !s.ok())
      return s;
    if (params && params->struct_size != sizeof(*params))
      return invalid("params: struct_size is " +
                     std::to_string(params->struct_size) + ", expected " +
                     std::to_string(sizeof(*params)));
    const qmm_quantize_params defaults = {};
    return quantize(*context->executor, *src, params ? *params : defaults,
                    *dst);
  });
}

qmm_status qmm_dequantize(qmm_context *context, const qmm_tensor *src,
                          const qmm_tensor *dst) {
  return guardCall([&] {
    if (Status s = requireAll(context, src, dst); !s.ok())
      return s;
    return dequantize(*context->executor, *src, *dst);
  });
}

qmm_status qmm_relayout(qmm_context *context, const qmm_tensor *src,
                        const qmm_tensor *dst) {
  return guardCall([&] {
    if (Status s = requireAll(context, src, dst); !s.ok())
      return s;
    return relayout(*context->executor, *src, *dst);
  });
}

qmm_status qmm_amax(qmm_context *context, const qmm_tensor *src,
                    float *result) {
  return guardCall([&] {
    if (Status s = requireHost(context); !s.ok())
      return s;
    if (!src)
      return invalid("src is NULL, expected a tensor");
    if (!result)
      return invalid("amax is NULL, expected a place for the result");
    return amax(*context->executor, *src, *result);
  });
}

qmm_status qmm_scaled_matmul_workspace(qmm_context *context,
                                       const qmm_scaled_matmul_args *args,
                                       size_t *bytes) {
  return guardCall([&] {
    if (!bytes)
      return invalid("bytes is NULL, expected a place for the size");
    if (context && context->device && args) {
      auto found = context->matmuls->get(
          *args, static_cast<cuda::CUstream>(args->stream));
      if (found.ok())
        *bytes = (*found)->getWorkspaceBytes();
      return found.getStatus();
    }
    Result<cpu::MatmulPlan> plan = planFor(context, args);
    if (!plan.ok())
      return plan.getStatus();
    *bytes = size_t(plan->workspaceBytes);
    return Status();
  });
}

qmm_status qmm_scaled_matmul(qmm_context *context,
                             const qmm_scaled_matmul_args *args) {
  return guardCall([&] { return scaledMatmul(context, args); });
}
