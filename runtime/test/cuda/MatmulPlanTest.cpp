//===- test/cuda/MatmulPlanTest.cpp - What cuBLASLt is told ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against the fake library.
//
//===----------------------------------------------------------------------===//
#include "PlanFixture.h"

using namespace qmmrt;
using namespace qmmrt::cuda;
using namespace qmmrt::test;

namespace {

TEST_F(PlanTest, OperandsAreSwappedAndReadAlongK) {
  auto made = plan();
  MatmulBuffers buffers = getBuffers();
  ASSERT_TRUE(runMatmul(*device, *made, buffers, nullptr, nullptr).ok());
  FakeCuda::Matmul &last = FakeCuda::get().last;
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_TRANSA],
            uint64_t(CUBLAS_OP_T));
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_TRANSB],
            uint64_t(CUBLAS_OP_N));
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_EPILOGUE],
            uint64_t(CUBLASLT_EPILOGUE_BIAS));
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_FAST_ACCUM], 1u);
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_A_SCALE_POINTER],
            address(buffers.b.scale));
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_B_SCALE_POINTER],
            address(buffers.a.scale));
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_BIAS_POINTER],
            address(buffers.bias));
  EXPECT_EQ(last.attributes.count(CUBLASLT_MATMUL_DESC_A_SCALE_MODE), 0u);
  EXPECT_EQ(last.attributes.count(CUBLASLT_MATMUL_DESC_POINTER_MODE), 0u);
  EXPECT_EQ(last.aData, buffers.b.data);
  EXPECT_EQ(last.bData, buffers.a.data);
  EXPECT_EQ(last.cData, buffers.d);
  EXPECT_EQ(last.dData, buffers.d);
  EXPECT_EQ(last.a.rows, 256);
  EXPECT_EQ(last.a.cols, 128);
  EXPECT_EQ(last.b.cols, 64);
  EXPECT_EQ(last.d.rows, 128);
  EXPECT_EQ(last.d.cols, 64);
  EXPECT_EQ(last.d.type, CUDA_R_16BF);
  EXPECT_EQ(*static_cast<const float *>(last.alpha), 1.0f);
  EXPECT_EQ(*static_cast<const float *>(last.beta), 0.0f);
  EXPECT_EQ(made->getWorkspaceBytes(), 1024u);
  auto &preferences = FakeCuda::get().preferences;
  EXPECT_EQ(
      preferences[std::to_string(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)],
      uint64_t(32) << 20);
  EXPECT_EQ(
      preferences[std::to_string(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES)],
      16u);
}

TEST_F(PlanTest, FactorOnTheDeviceTakesBetaThere) {
  const float factor = 2;
  args.alpha = &factor;
  TestTensor residual({64, 128}, getScheme("bf16"));
  MatmulBuffers buffers = getBuffers();
  ASSERT_TRUE(runMatmul(*device, *plan(), buffers, nullptr, nullptr).ok());
  FakeCuda::Matmul &last = FakeCuda::get().last;
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_POINTER_MODE],
            uint64_t(CUBLASLT_POINTER_MODE_DEVICE));
  EXPECT_EQ(last.alpha, buffers.alpha);
  EXPECT_EQ(last.beta, device->getZero());
  args.residual = &residual.desc;
  ASSERT_TRUE(runMatmul(*device, *plan(), buffers, nullptr, nullptr).ok());
  EXPECT_EQ(last.beta, device->getOne());
  EXPECT_EQ(last.cData, buffers.residual);
}

TEST_F(PlanTest, QuantizedResult) {
  d = TestTensor({64, 128}, getScheme("fp8"));
  float amax;
  args.amax = &amax;
  MatmulBuffers buffers = getBuffers();
  ASSERT_TRUE(runMatmul(*device, *plan(), buffers, nullptr, nullptr).ok());
  FakeCuda::Matmul &last = FakeCuda::get().last;
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_D_SCALE_POINTER],
            address(buffers.outputScale));
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_AMAX_D_POINTER],
            address(buffers.amax));
  EXPECT_EQ(last.c.type, CUDA_R_16BF);
  EXPECT_EQ(last.cData, nullptr);
  d.desc.scheme.scale = QMM_DTYPE_NONE; // raw
  ASSERT_TRUE(runMatmul(*device, *plan(), buffers, nullptr, nullptr).ok());
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_D_SCALE_POINTER],
            address(device->getOne()));
}

TEST_F(PlanTest, ScaleModesSwapToo) {
  args.bias = nullptr;
  qmm_layout outer = {}, blocks = {};
  outer.scales = QMM_SCALES_OUTER_MAJOR;
  blocks.scales = QMM_SCALES_BLOCKS_128X128;
  a = TestTensor({64, 256}, getScheme("fp8_1x128"), outer);
  b = TestTensor({128, 256}, getScheme("fp8_128x128"), blocks);
  ASSERT_TRUE(runMatmul(*device, *plan(), getBuffers(), nullptr, nullptr).ok());
  FakeCuda::Matmul &last = FakeCuda::get().last;
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_A_SCALE_MODE],
            uint64_t(CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F));
  EXPECT_EQ(last.attributes[CUBLASLT_MATMUL_DESC_B_SCALE_MODE],
            uint64_t(CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F));
  EXPECT_EQ(last.attributes.count(CUBLASLT_MATMUL_DESC_FAST_ACCUM), 0u);
}

TEST_F(PlanTest, Batches) {
  a = TestTensor({3, 64, 256}, getScheme("fp8"));
  b = TestTensor({3, 128, 256}, getScheme("fp8"));
  d = TestTensor({3, 64, 128}, getScheme("bf16"));
  ASSERT_TRUE(runMatmul(*device, *plan(), getBuffers(), nullptr, nullptr).ok());
  FakeCuda::Matmul &last = FakeCuda::get().last;
  EXPECT_EQ(last.a.batch, 3);
  EXPECT_EQ(last.a.stride, 128 * 256);
  EXPECT_EQ(last.b.stride, 64 * 256);
  EXPECT_EQ(last.d.stride, 64 * 128);
}

TEST_F(PlanTest, WithoutProducts) {
  a = TestTensor({64, 0}, getScheme("fp8"));
  b = TestTensor({128, 0}, getScheme("fp8"));
  MatmulBuffers buffers = getBuffers();
  ASSERT_TRUE(runMatmul(*device, *plan(), buffers, nullptr, nullptr).ok());
  FakeCuda::Matmul &last = FakeCuda::get().last;
  EXPECT_EQ(last.a.rows, 16);
  EXPECT_EQ(last.aData, last.bData);
  EXPECT_NE(last.aData, buffers.b.data);
  // Zero, without the library.
  args.bias = nullptr;
  const int calls = FakeCuda::get().calls["cublasLtMatmul"];
  std::vector<uint8_t> result(64 * 128 * 2, 0xEE);
  buffers.d = result.data();
  ASSERT_TRUE(runMatmul(*device, *plan(), buffers, nullptr, nullptr).ok());
  EXPECT_EQ(FakeCuda::get().calls["cublasLtMatmul"], calls);
  EXPECT_EQ(result, std::vector<uint8_t>(64 * 128 * 2, 0));
}

TEST_F(PlanTest, RefusalsAreTheLibrarysWords) {
  FakeCuda::get().heuristic = CUBLAS_STATUS_NOT_SUPPORTED;
  Status s = planMatmul(*device, args, options).getStatus();
  EXPECT_EQ(s.getCode(), QMM_STATUS_UNSUPPORTED);
  EXPECT_EQ(s.getMessage(),
            "scaled_matmul: cuBLASLt has no algorithm for 64 x 128 x 256 (M x "
            "N x K), e4m3 x e4m3 -> bf16, scales SCALAR_32F x SCALAR_32F, "
            "epilogue 4: CUBLAS_STATUS_NOT_SUPPORTED (the library's sentence)");
  FakeCuda::get().heuristic = CUBLAS_STATUS_SUCCESS;
  FakeCuda::get().numAlgorithms = 0;
  EXPECT_EQ(planMatmul(*device, args, options).getStatus().getCode(),
            QMM_STATUS_UNSUPPORTED);
  FakeCuda::get().numAlgorithms = 3;
  auto made = plan();
  FakeCuda::get().matmul = CUBLAS_STATUS_EXECUTION_FAILED;
  s = runMatmul(*device, *made, getBuffers(), nullptr, nullptr);
  EXPECT_EQ(s.getCode(), QMM_STATUS_DEVICE);
  EXPECT_EQ(s.getMessage().find("cublasLtMatmul of 64 x 128 x 256"), 0u)
      << s.getMessage();
  // What the gate refuses isn't asked.
  FakeCuda::get().calls.clear();
  args.activation = QMM_ACTIVATION_SILU;
  EXPECT_FALSE(planMatmul(*device, args, options).ok());
  EXPECT_EQ(FakeCuda::get().calls["heuristic"], 0);
}

TEST_F(PlanTest, RunsWantAlignedPointers) {
  auto made = plan();
  MatmulBuffers buffers = getBuffers();
  buffers.a.data = static_cast<const char *>(buffers.a.data) + 8;
  Status s = runMatmul(*device, *made, buffers, nullptr, nullptr);
  EXPECT_EQ(s.getCode(), QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(s.getMessage(), "scaled_matmul: a is aligned to 8 bytes, expected "
                            "alignment to 16");
  buffers.a.data = nullptr;
  EXPECT_EQ(runMatmul(*device, *made, buffers, nullptr, nullptr).getMessage(),
            "scaled_matmul: a is NULL, expected alignment to 16");
}

TEST_F(PlanTest, ContextsKeepPlans) {
  MatmulCache cache(device, options, "");
  auto first = cache.get(args, nullptr);
  ASSERT_TRUE(first.ok()) << first.getStatus().getMessage();
  FakeCuda::get().isCapturing = true;
  EXPECT_EQ(*cache.get(args, nullptr), *first);
  EXPECT_EQ(FakeCuda::get().calls["heuristic"], 1);
  args.bias = nullptr;
  Status s = cache.get(args, nullptr).getStatus();
  EXPECT_EQ(s.getCode(), QMM_STATUS_UNPREPARED);
  EXPECT_NE(s.getMessage().find("the stream is being captured"),
            std::string::npos);
  FakeCuda::get().isCapturing = false;
  EXPECT_NE(*cache.get(args, nullptr), *first);
}

TEST_F(PlanTest, CallsOnAContext) {
  MatmulCache cache(device, options, "");
  // The fake's device memory is the host's.
  EXPECT_TRUE(scaledMatmul(*device, cache, args).ok());
  EXPECT_EQ(FakeCuda::get().last.dData, d.data.data());
  FakeCuda::get().isHostPointer = true;
  // Another address: those of the call before are known to be good.
  const qmm_tensor *good = args.a;
  qmm_tensor onHost = *good;
  std::vector<uint64_t> elsewhere(1 << 16);
  onHost.data = elsewhere.data();
  args.a = &onHost;
  Status s = scaledMatmul(*device, cache, args);
  EXPECT_EQ(s.getCode(), QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(s.getMessage().find("a: data is a host pointer"),
            std::string::npos);
  args.a = good;
  FakeCuda::get().isHostPointer = false;
  args.workspace = memory;
  args.workspace_bytes = 1023;
  EXPECT_NE(scaledMatmul(*device, cache, args)
                .getMessage()
                .find("workspace_bytes is 1023, expected 1024 or more"),
            std::string::npos);
  args.workspace = memory + 64;
  EXPECT_EQ(scaledMatmul(*device, cache, args).getMessage(),
            "workspace isn't aligned to 256 bytes");
  args.workspace = nullptr;
  a.desc.scale = nullptr;
  EXPECT_EQ(scaledMatmul(*device, cache, args).getMessage(),
            "a: scale is NULL, expected a device pointer");
  a.desc.scale = a.scale.data();
  d = TestTensor({64, 128}, getScheme("fp8"));
  EXPECT_EQ(scaledMatmul(*device, cache, args).getCode(),
            QMM_STATUS_UNSUPPORTED);
}

} // namespace
