//===- MatmulArgumentsTest.cpp - What qmm/ops.h refuses -------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TestTensor.h"
#include "qmm/ops.h"

#include <gtest/gtest.h>
#include <random>
#include <string>

using namespace qmmrt;
using namespace qmmrt::test;

namespace {

class MatmulArguments : public ::testing::Test {
protected:
  MatmulArguments() {
    EXPECT_EQ(qmm_context_create(nullptr, &context), QMM_STATUS_OK);
    args.struct_size = sizeof(args);
    args.a = &a.desc;
    args.b = &b.desc;
    args.bias = &bias.desc;
    args.residual = &residual.desc;
    args.d = &d.desc;
    args.amax = &amax;
  }
  ~MatmulArguments() override { qmm_context_destroy(context); }

  void expectRefused(const std::string &part,
                     qmm_status status = QMM_STATUS_INVALID_ARGUMENT) {
    EXPECT_EQ(qmm_scaled_matmul(context, &args), status);
    EXPECT_NE(std::string(qmm_last_error()).find(part), std::string::npos)
        << qmm_last_error();
  }
  /// Shapes and schemes are refused by the workspace query, too.
  void expectPlanRefused(const std::string &part) {
    expectRefused(part);
    size_t bytes = 0;
    EXPECT_EQ(qmm_scaled_matmul_workspace(context, &args, &bytes),
              QMM_STATUS_INVALID_ARGUMENT);
  }

  qmm_context *context = nullptr;
  qmm_scheme nvfp4 = getScheme("nvfp4"), f32 = getScheme("f32");
  TestTensor a{{2, 3, 32}, getScheme("bf16")};
  TestTensor b{{5, 32}, nvfp4, getPlainLayout(nvfp4)};
  TestTensor bias{{5}, f32}, residual{{2, 3, 5}, f32}, d{{2, 3, 5}, f32};
  float amax = 0;
  qmm_scaled_matmul_args args = {};
};

TEST_F(MatmulArguments, AreAcceptedAsTheyAre) {
  EXPECT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_OK)
      << qmm_last_error();
}

TEST_F(MatmulArguments, Null) {
  EXPECT_EQ(qmm_scaled_matmul(nullptr, &args), QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_scaled_matmul(context, nullptr), QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_scaled_matmul_workspace(context, &args, nullptr),
            QMM_STATUS_INVALID_ARGUMENT);
  args.a = nullptr;
  expectPlanRefused("a is NULL");
  args.a = &a.desc;
  args.b = nullptr;
  expectPlanRefused("b is NULL");
  args.b = &b.desc;
  args.d = nullptr;
  expectPlanRefused("d is NULL");
}

TEST_F(MatmulArguments, StructSizes) {
  args.struct_size = 8;
  expectPlanRefused("args: struct_size is 8");
  args.struct_size = sizeof(args);
  b.desc.struct_size = 1;
  expectPlanRefused("b: struct_size is 1");
}

TEST_F(MatmulArguments, Activation) {
  args.activation = 9;
  expectPlanRefused("activation is 9");
}

TEST_F(MatmulArguments, Precision) {
  args.b_precision = QMM_DTYPE_E4M3;
  expectPlanRefused("args: b_precision is " + std::to_string(QMM_DTYPE_E4M3) +
                    ", expected 0, f32, bf16 or f16");
  args.b_precision = QMM_DTYPE_F16;
  EXPECT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_OK);
  args.a_precision = QMM_DTYPE_F32;
  EXPECT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_OK);
  args.a_precision = QMM_DTYPE_BF16;
  expectPlanRefused("args: a_precision is given, expected 0: a is wide, bf16");
}

TEST_F(MatmulArguments, Shapes) {
  b.desc.shape[1] = 48;
  expectPlanRefused("b: K is 48, expected a's, 32");
  b.desc.shape[1] = 32;
  b.desc.rank = 4;
  b.desc.shape[2] = b.desc.shape[3] = 32;
  expectPlanRefused("b: rank is 4, expected 2 or a's, 3");
  b = TestTensor({3, 5, 32}, nvfp4, getPlainLayout(nvfp4));
  expectPlanRefused("b: batch dimension 0 is 3, expected a's, 2");
  b = TestTensor({5, 32}, nvfp4, getPlainLayout(nvfp4));
  d.desc.shape[1] = 4;
  expectPlanRefused(
      "d: shape is [2, 4, 5], expected [batch, M, N] = [2, 3, 5]");
  d.desc.shape[1] = 3;
  bias.desc.shape[0] = 6;
  expectPlanRefused("bias: shape is [6]");
  bias.desc.shape[0] = 5;
  residual.desc.rank = 2;
  expectPlanRefused("residual: shape is [2, 3]");
  residual.desc.rank = 3;
  a.desc.rank = 1;
  expectPlanRefused("a: rank is 1");
}

TEST_F(MatmulArguments, Types) {
  bias.desc.scheme.element = QMM_DTYPE_I32;
  expectPlanRefused("bias:");
  bias.desc.scheme.element = QMM_DTYPE_F32;
  a.desc.scheme.element = QMM_DTYPE_I16;
  expectPlanRefused("a: scheme is");
  a.desc.scheme.element = QMM_DTYPE_BF16;
  b.desc.layout.nibbles = QMM_NIBBLES_NONE;
  expectPlanRefused("b: layout: nibble order");
  b.desc.layout.nibbles = QMM_NIBBLES_HI_FIRST;
  TestTensor quantized({2, 3, 5}, getScheme("fp8"));
  args.residual = &quantized.desc;
  expectPlanRefused("residual: scheme is fp8");
}

TEST_F(MatmulArguments, IntegerResults) {
  d.desc.scheme.element = QMM_DTYPE_I32;
  expectPlanRefused("a: scheme is bf16, expected raw i8 for an i32 result");
  a.desc.scheme.element = QMM_DTYPE_I8;
  b.desc.scheme = a.desc.scheme;
  b.desc.layout = {};
  expectPlanRefused("bias is given, expected none for an i32 result");
  args.bias = nullptr;
  args.alpha = &amax;
  expectPlanRefused("alpha is given");
  d.desc.scheme.element = QMM_DTYPE_I8;
  expectPlanRefused("d: scheme is i8, expected a scheme, f32, bf16, f16 or raw "
                    "e4m3, e5m2 or i32");
}

TEST_F(MatmulArguments, AStreamIsAGpus) {
  args.stream = this;
  expectPlanRefused("stream is given, expected NULL on the CPU");
}

TEST_F(MatmulArguments, Pointers) {
  b.desc.scale = nullptr;
  expectRefused("b: scale is NULL");
  b.desc.scale = b.scale.data();
  b.desc.tensor_scale = nullptr;
  expectRefused("b: tensor_scale is NULL");
  b.desc.tensor_scale = &b.tensorScale;
  d.desc.data = nullptr;
  expectRefused("d: data is NULL");
}

TEST_F(MatmulArguments, Overlaps) {
  d.desc.data = residual.data.data();
  expectRefused("d: data overlaps residual: data");
  d.desc.data = a.data.data();
  expectRefused("d: data overlaps a: data");
  d.desc.data = d.data.data();
  args.amax = reinterpret_cast<float *>(d.data.data() + 4);
  expectRefused("amax overlaps d: data");
  args.amax = &b.tensorScale;
  expectRefused("amax overlaps b: tensor_scale");
  args.alpha = args.amax = &amax;
  expectRefused("amax overlaps alpha");
  args.alpha = nullptr;
  args.amax = &amax;
  args.workspace = d.data.data();
  args.workspace_bytes = 1;
  expectRefused("workspace overlaps d: data");

  // Computed scales are an output, given ones an input.
  args.workspace = nullptr;
  TestTensor quantized({2, 3, 5}, getScheme("fp8_row"));
  quantized.desc.scale = bias.data.data();
  args.d = &quantized.desc;
  expectRefused("d: scale overlaps bias: data");
}

TEST_F(MatmulArguments, Workspace) {
  size_t bytes = 0;
  ASSERT_EQ(qmm_scaled_matmul_workspace(context, &args, &bytes), QMM_STATUS_OK);
  Workspace workspace(bytes + 64);
  args.workspace = workspace.get();
  args.workspace_bytes = bytes - 1;
  expectRefused("workspace_bytes is");
  args.workspace = static_cast<uint8_t *>(workspace.get()) + 4;
  args.workspace_bytes = bytes;
  expectRefused("workspace isn't aligned");
}

TEST_F(MatmulArguments, Huge) {
  a.desc.shape[1] = d.desc.shape[1] = residual.desc.shape[1] = int64_t(1) << 52;
  size_t bytes = 0;
  EXPECT_EQ(qmm_scaled_matmul_workspace(context, &args, &bytes),
            QMM_STATUS_UNSUPPORTED);
}

TEST_F(MatmulArguments, OtherOperationsWantTheirTensors) {
  EXPECT_EQ(qmm_quantize(nullptr, &a.desc, nullptr, &d.desc),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_quantize(context, nullptr, nullptr, &d.desc),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_dequantize(context, &a.desc, nullptr),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_relayout(nullptr, &a.desc, &d.desc),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_amax(context, &a.desc, nullptr), QMM_STATUS_INVALID_ARGUMENT);
  qmm_quantize_params params = {};
  EXPECT_EQ(qmm_quantize(context, &d.desc, &params, &b.desc),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(qmm_last_error()).find("params: struct_size is 0"),
            std::string::npos);
}

TEST_F(MatmulArguments, QuantizeAndBack) {
  std::mt19937 random(1);
  TestTensor wide({4, 32}, f32), back({4, 32}, f32);
  TestTensor packed({4, 32}, nvfp4, getPlainLayout(nvfp4));
  wide.fill(random);
  ASSERT_EQ(qmm_quantize(context, &wide.desc, nullptr, &packed.desc),
            QMM_STATUS_OK)
      << qmm_last_error();
  ASSERT_EQ(qmm_dequantize(context, &packed.desc, &back.desc), QMM_STATUS_OK);
  for (int64_t r = 0; r < 4; ++r)
    for (int64_t c = 0; c < 32; ++c)
      EXPECT_EQ(float(back.get(0, r, c)), float(packed.get(0, r, c)));
  qmm_layout tiled = packed.desc.layout;
  tiled.scales = QMM_SCALES_TILED_128X4;
  tiled.nibbles = QMM_NIBBLES_LO_FIRST;
  TestTensor other({4, 32}, nvfp4, tiled);
  ASSERT_EQ(qmm_relayout(context, &packed.desc, &other.desc), QMM_STATUS_OK);
  other.tensorScale = packed.tensorScale;
  for (int64_t r = 0; r < 4; ++r)
    for (int64_t c = 0; c < 32; ++c)
      EXPECT_EQ(other.get(0, r, c), packed.get(0, r, c));
  ASSERT_EQ(qmm_amax(context, &wide.desc, &amax), QMM_STATUS_OK);
  EXPECT_GT(amax, 1.0f);
}

} // namespace
