//===- test/device/DeviceFixture.cpp - Tensors on the GPU -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See DeviceFixture.h.
//
//===----------------------------------------------------------------------===//
#include "DeviceFixture.h"

#include "numerics/MatmulArguments.h"

#include <cmath>

namespace qmmrt {
namespace test {

std::shared_ptr<cuda::Device> DeviceTest::device;
std::string DeviceTest::missing;

void DeviceTest::SetUpTestSuite() {
  Result<cuda::CudaLibraries> libraries = cuda::CudaLibraries::load();
  if (!libraries.ok()) {
    missing = libraries.getStatus().getMessage();
    return;
  }
  Result<std::shared_ptr<cuda::Device>> opened =
      cuda::Device::open(*libraries, 0);
  if (opened.ok())
    device = *opened;
  else
    missing = opened.getStatus().getMessage();
}

void DeviceTest::SetUp() {
  if (!device)
    GTEST_SKIP() << missing;
  Result<cuda::CUstream> created = device->createStream();
  ASSERT_TRUE(created.ok()) << created.getStatus().getMessage();
  stream = *created;
}

void DeviceTest::TearDown() {
  if (!device)
    return;
  EXPECT_TRUE(device->destroyStream(stream).ok());
  for (void *allocated : memory)
    EXPECT_TRUE(device->free(allocated).ok());
  memory.clear();
}

void *DeviceTest::upload(const void *bytes, size_t count) {
  Result<void *> allocated = device->allocate(std::max<size_t>(count, 1));
  EXPECT_TRUE(allocated.ok()) << allocated.getStatus().getMessage();
  if (!allocated.ok())
    return nullptr;
  memory.push_back(*allocated);
  Status s = device->copyToDevice(*allocated, bytes, count, stream);
  EXPECT_TRUE(s.ok()) << s.getMessage();
  return *allocated;
}

void DeviceTest::download(void *bytes, const void *from, size_t count) {
  Status s = device->copyToHost(bytes, from, count, stream);
  EXPECT_TRUE(s.ok()) << s.getMessage();
  s = device->synchronize(stream);
  EXPECT_TRUE(s.ok()) << s.getMessage();
}

DeviceTest::OnDevice DeviceTest::upload(const TestTensor &tensor) {
  OnDevice result;
  result.desc = tensor.desc;
  result.desc.data = upload(tensor.data.data(), tensor.data.size());
  if (!tensor.scale.empty())
    result.desc.scale = upload(tensor.scale.data(), tensor.scale.size());
  if (tensor.desc.scheme.has_tensor_scale)
    result.desc.tensor_scale =
        static_cast<float *>(upload(&tensor.tensorScale, sizeof(float)));
  result.buffers = {result.desc.data, result.desc.scale,
                    result.desc.tensor_scale};
  return result;
}

Status DeviceTest::run(const Call &call, TestTensor &d) {
  qmm_scaled_matmul_args args = {};
  args.struct_size = sizeof(args);
  args.activation = call.activation;
  args.a = &call.a->desc;
  args.b = &call.b->desc;
  args.bias = call.bias ? &call.bias->desc : nullptr;
  args.residual = call.residual ? &call.residual->desc : nullptr;
  args.d = &d.desc;
  args.alpha = call.alpha;
  args.amax = call.amax;
  cuda::PlanOptions options = call.options;
  options.workspaceBytes = device->getWorkspaceBytes();
  const cuda::DeviceProperties &properties = device->getProperties();
  Result<cuda::MatmulProblem> problem = cuda::describeMatmul(
      args, properties.chip, properties.cublasLtVersion, options);
  if (!problem.ok())
    return problem.getStatus();
  if (call.change)
    call.change(*problem);
  Result<std::shared_ptr<const cuda::MatmulPlan>> plan =
      cuda::planMatmul(*device, *problem, options, nullptr);
  if (!plan.ok())
    return plan.getStatus();
  choice = (*plan)->getChoice();

  std::fill(d.data.begin(), d.data.end(), 0xEE);
  cuda::MatmulBuffers buffers;
  buffers.a = upload(*call.a).buffers;
  buffers.b = upload(*call.b).buffers;
  buffers.d = upload(d.data.data(), d.data.size());
  if (call.bias)
    buffers.bias = upload(*call.bias).desc.data;
  if (call.residual)
    buffers.residual = upload(*call.residual).desc.data;
  if (call.alpha)
    buffers.alpha =
        static_cast<float *>(upload(call.alpha, sizeof(*call.alpha)));
  if (call.outputScale)
    buffers.outputScale = static_cast<float *>(
        upload(call.outputScale, sizeof(*call.outputScale)));
  if (call.amax) {
    *call.amax = 1e30f;
    buffers.amax = static_cast<float *>(upload(call.amax, sizeof(*call.amax)));
  }
  Result<void *> workspace = device->getWorkspace(stream);
  if (!workspace.ok())
    return workspace.getStatus();
  if (Status s = cuda::runMatmul(*device, **plan, buffers, *workspace, stream);
      !s.ok())
    return s;
  download(d.data.data(), buffers.d, d.data.size());
  if (call.amax)
    download(call.amax, buffers.amax, sizeof(*call.amax));
  return Status();
}

Product multiplyNaively(const TestTensor &a, const TestTensor &b, float alpha,
                        const TestTensor *bias, const TestTensor *residual,
                        qmm_activation activation) {
  Product product =
      multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE);
  size_t i = 0;
  for (int64_t matrix = 0; matrix < a.extents.batch; ++matrix)
    for (int64_t m = 0; m < a.extents.outer; ++m)
      for (int64_t n = 0; n < b.extents.outer; ++n, ++i) {
        double value = product.values[i] * alpha;
        double magnitude = product.magnitudes[i] * std::fabs(alpha);
        for (double term : {bias ? bias->get(0, 0, n) : 0.0,
                            residual ? residual->get(matrix, m, n) : 0.0}) {
          value += term;
          magnitude += std::fabs(term);
        }
        product.values[i] = activateNaively(activation, value);
        product.magnitudes[i] = magnitude;
      }
  return product;
}

double getError(const TestTensor &d, const Product &expected) {
  const uint32_t element = d.desc.scheme.element;
  const double unit = element == QMM_DTYPE_F32    ? 6e-8
                      : element == QMM_DTYPE_BF16 ? 3.92e-3
                      : element == QMM_DTYPE_F16  ? 4.9e-4
                      : element == QMM_DTYPE_E4M3 ? 6.3e-2
                                                  : 0.126;
  const double tiny = element == QMM_DTYPE_F16    ? 3e-8
                      : element == QMM_DTYPE_E4M3 ? 9.8e-4
                      : element == QMM_DTYPE_E5M2 ? 7.7e-6
                                                  : 1e-30;
  double worst = 0;
  size_t i = 0;
  for (int64_t matrix = 0; matrix < d.extents.batch; ++matrix)
    for (int64_t m = 0; m < d.extents.outer; ++m)
      for (int64_t n = 0; n < d.extents.k; ++n, ++i) {
        const double got = d.get(matrix, m, n), want = expected.values[i];
        if (!std::isfinite(got))
          return INFINITY;
        const double beyond =
            std::fabs(got - want) - unit * std::fabs(want) - tiny;
        if (beyond > 0)
          worst = std::max(worst, beyond / (expected.magnitudes[i] + 1e-30));
      }
  return worst;
}

} // namespace test
} // namespace qmmrt
