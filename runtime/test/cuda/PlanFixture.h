//===- test/cuda/PlanFixture.h - Plans over the fake libraries --*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One FP8 linear with a bias, to be varied.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_CUDA_PLANFIXTURE_H
#define QMMRT_TEST_CUDA_PLANFIXTURE_H

#include "../cpu/TestTensor.h"
#include "FakeCuda.h"
#include "cuda/MatmulCache.h"

#include <gtest/gtest.h>

namespace qmmrt {
namespace test {

class PlanTest : public ::testing::Test {
protected:
  PlanTest() {
    open();
    args.struct_size = sizeof(args);
    args.a = &a.desc;
    args.b = &b.desc;
    args.d = &d.desc;
    args.bias = &bias.desc;
  }

  void open() {
    Result<std::shared_ptr<cuda::Device>> opened =
        cuda::Device::open(FakeCuda::install(), 0);
    EXPECT_TRUE(opened.ok()) << opened.getStatus().getMessage();
    device = *opened;
  }

  std::shared_ptr<const cuda::MatmulPlan>
  plan(cuda::AlgorithmCache *cache = nullptr) {
    auto made = cuda::planMatmul(*device, args, options, cache);
    EXPECT_TRUE(made.ok()) << made.getStatus().getMessage();
    return made.ok() ? *made : nullptr;
  }

  cuda::MatmulBuffers getBuffers() {
    cuda::MatmulBuffers buffers;
    buffers.a = {aligned(1), aligned(2), nullptr};
    buffers.b = {aligned(3), aligned(4), nullptr};
    buffers.bias = aligned(5);
    buffers.residual = aligned(6);
    buffers.alpha = static_cast<float *>(aligned(7));
    buffers.amax = static_cast<float *>(aligned(8));
    buffers.outputScale = static_cast<float *>(aligned(9));
    buffers.d = aligned(16);
    return buffers;
  }
  /// Distinct addresses; d's, the last, has room for what the fake writes.
  void *aligned(size_t index) { return memory + index * 256; }
  static uint64_t address(const void *pointer) {
    return reinterpret_cast<uint64_t>(pointer);
  }

  std::shared_ptr<cuda::Device> device;
  TestTensor a{{64, 256}, getScheme("fp8")}, b{{128, 256}, getScheme("fp8")};
  TestTensor d{{64, 128}, getScheme("bf16")}, bias{{128}, getScheme("bf16")};
  qmm_scaled_matmul_args args = {};
  cuda::PlanOptions options;
  alignas(256) char memory[32 * 256] = {};
};

} // namespace test
} // namespace qmmrt

#endif // QMMRT_TEST_CUDA_PLANFIXTURE_H
