//===- test/cuda/MatmulProblemTest.cpp - What the gate admits and refuses -===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pure rules: no library is asked.
//
//===----------------------------------------------------------------------===//
#include "cuda/MatmulProblem.h"
#include "../cpu/TestTensor.h"

#include <gtest/gtest.h>

using namespace qmmrt;
using namespace qmmrt::cuda;
using namespace qmmrt::test;

namespace {

qmm_scheme raw(qmm_dtype element) {
  qmm_scheme scheme = {};
  scheme.element = element;
  return scheme;
}

qmm_layout layoutOf(uint32_t scales, int64_t pad = 0) {
  qmm_layout layout = {};
  layout.scales = scales;
  layout.scale_pad = pad;
  return layout;
}

/// A product to be varied.
struct Case {
  TestTensor a{{64, 256}, getScheme("fp8")}, b{{128, 256}, getScheme("fp8")};
  TestTensor d{{64, 128}, getScheme("bf16")};
  TestTensor bias{{128}, getScheme("bf16")};
  TestTensor residual{{64, 128}, getScheme("bf16")};
  bool hasBias = false, hasResidual = false, hasAlpha = false, hasAmax = false;
  qmm_activation activation = QMM_ACTIVATION_NONE;
  const char *chip = "sm_90";
  unsigned version = 130100;
  PlanOptions options;
  float factor = 1;

  void use(const char *schemeA, const char *schemeB, qmm_layout layoutA = {},
           qmm_layout layoutB = {}, int64_t m = 64) {
    a = TestTensor({m, 256}, getScheme(schemeA), layoutA);
    b = TestTensor({128, 256}, getScheme(schemeB), layoutB);
    d = TestTensor({m, 128}, getScheme("bf16"));
  }

  Result<MatmulProblem> describe() {
    qmm_scaled_matmul_args args = {};
    args.struct_size = sizeof(args);
    args.activation = activation;
    args.a = &a.desc;
    args.b = &b.desc;
    args.d = &d.desc;
    args.bias = hasBias ? &bias.desc : nullptr;
    args.residual = hasResidual ? &residual.desc : nullptr;
    args.alpha = hasAlpha ? &factor : nullptr;
    args.amax = hasAmax ? &factor : nullptr;
    return describeMatmul(args, chip, version, options);
  }
  void expectRefused(const std::string &part) {
    Result<MatmulProblem> problem = describe();
    ASSERT_FALSE(problem.ok()) << "expected: " << part;
    EXPECT_EQ(problem.getStatus().getCode(), QMM_STATUS_UNSUPPORTED);
    EXPECT_NE(problem.getStatus().getMessage().find(part), std::string::npos)
        << problem.getStatus().getMessage() << "\nexpected: " << part;
  }
  MatmulProblem expectAdmitted() {
    Result<MatmulProblem> problem = describe();
    EXPECT_TRUE(problem.ok()) << problem.getStatus().getMessage();
    return problem.ok() ? *problem : MatmulProblem();
  }
};

TEST(MatmulProblem, Tensorwise) {
  Case c;
  c.hasBias = c.hasResidual = true;
  c.activation = QMM_ACTIVATION_GELU_TANH;
  const MatmulProblem p = c.expectAdmitted();
  EXPECT_EQ(p.m, 64);
  EXPECT_EQ(p.n, 128);
  EXPECT_EQ(p.k, 256);
  EXPECT_EQ(p.lda, 256);
  EXPECT_EQ(p.ldd, 128);
  EXPECT_EQ(p.epilogue, CUBLASLT_EPILOGUE_GELU_BIAS);
  EXPECT_EQ(p.typeC, CUDA_R_16BF);
  EXPECT_EQ(p.modeA, CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F);
  EXPECT_TRUE(p.hasScaleA && p.hasScaleB && p.hasResidual);
  EXPECT_TRUE(p.fastAccumulation);
  EXPECT_EQ(describe(p), "64 x 128 x 256 (M x N x K), e4m3 x e4m3 -> bf16, "
                         "scales SCALAR_32F x SCALAR_32F, epilogue 36, "
                         "residual");
  c.options.fastAccumulation = false;
  EXPECT_FALSE(c.expectAdmitted() == p);
}

TEST(MatmulProblem, PairsOfTheTable) {
  const qmm_layout outer = layoutOf(QMM_SCALES_OUTER_MAJOR);
  const qmm_layout blocks = layoutOf(QMM_SCALES_BLOCKS_128X128);
  const qmm_layout tiled = layoutOf(QMM_SCALES_TILED_128X4);
  Case c;
  c.use("fp8_row", "fp8_row");
  EXPECT_EQ(c.expectAdmitted().modeB,
            CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F);
  c.chip = "sm_89";
  c.expectRefused("cuBLASLt doesn't multiply fp8_row by fp8_row on sm_89");
  c.chip = "sm_90";
  c.use("fp8_1x128", "fp8_128x128", outer, blocks);
  const MatmulProblem p = c.expectAdmitted();
  EXPECT_EQ(p.modeA, CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F);
  EXPECT_EQ(p.modeB, CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F);
  EXPECT_FALSE(p.fastAccumulation);
  c.version = 120803;
  c.expectRefused("needs cuBLAS 12.9, found 12.8");
  c.version = 130100;
  c.use("fp8_128x128", "fp8_1x128", blocks, outer);
  EXPECT_EQ(c.expectAdmitted().modeA,
            CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F);
  // Makes cuBLASLt abort the process.
  c.use("fp8_row", "fp8_128x128", {}, blocks);
  c.expectRefused("cuBLASLt has no mode for fp8_row by fp8_128x128");
  c.use("fp8_128x128", "fp8_128x128", blocks, blocks);
  c.expectRefused("cuBLASLt has no mode");
  c.use("fp8_e5m2", "fp8_e5m2");
  c.expectRefused("cuBLASLt has no mode");
  c.use("mxfp8", "mxfp8", tiled, tiled);
  c.expectRefused("cuBLASLt doesn't multiply mxfp8 by mxfp8 on sm_90");
  c.chip = "sm_100";
  EXPECT_EQ(c.expectAdmitted().modeA, CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0);
  c.chip = "sm_999";
  c.expectRefused("chip 'sm_999' isn't known");
}

TEST(MatmulProblem, NVFP4) {
  qmm_layout tiled = layoutOf(QMM_SCALES_TILED_128X4);
  tiled.nibbles = QMM_NIBBLES_LO_FIRST;
  Case c;
  c.chip = "sm_100";
  c.use("nvfp4", "nvfp4", tiled, tiled);
  c.expectRefused("found 2 factors");
  c.a.desc.scheme.has_tensor_scale = 0;
  EXPECT_EQ(c.expectAdmitted().alpha, AlphaSource::TensorScaleB);
  c.b.desc.scheme.has_tensor_scale = 0;
  c.hasAlpha = true;
  const MatmulProblem p = c.expectAdmitted();
  EXPECT_EQ(p.alpha, AlphaSource::Argument);
  EXPECT_EQ(p.typeA, CUDA_R_4F_E2M1);
  EXPECT_EQ(p.lda, 256);
  EXPECT_EQ(p.modeA, CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3);
  c.b.desc.layout.nibbles = QMM_NIBBLES_HI_FIRST;
  c.expectRefused("one nibble order, found a's 2 and b's 1");
  c.b.desc.layout.nibbles = QMM_NIBBLES_LO_FIRST;
  c.hasBias = true;
  c.expectAdmitted();
  c.d.desc.scheme = getScheme("f16");
  c.bias.desc.scheme = getScheme("f16");
  c.expectRefused("no bias with an f16 result");
  c.b.desc.layout.scales = QMM_SCALES_LINEAR;
  c.expectRefused("VEC16_UE4M3 scales are laid out tiled_128x4 (3), found b's "
                  "0");
}

TEST(MatmulProblem, RowsOfVec128InFours) {
  const qmm_layout outer = layoutOf(QMM_SCALES_OUTER_MAJOR);
  Case c;
  c.use("fp8_1x128", "fp8_1x128", outer, outer, 33);
  c.expectRefused("rows in fours");
  qmm_layout padded = layoutOf(QMM_SCALES_OUTER_MAJOR, 4);
  padded.pad_outer = 4;
  c.use("fp8_1x128", "fp8_1x128", padded, outer, 33);
  c.expectRefused("found M = 33"); // d isn't padded
  qmm_layout rows = {};
  rows.pad_outer = 4;
  c.d = TestTensor({33, 128}, getScheme("bf16"), rows);
  EXPECT_EQ(c.expectAdmitted().m, 36);
  c.use("fp8_1x128", "fp8_1x128", {}, outer);
  c.expectRefused("VEC128_32F scales are laid out outer_major (1), found a's");
}

TEST(MatmulProblem, ResultsAndEpilogues) {
  Case c;
  c.activation = QMM_ACTIVATION_SILU;
  c.expectRefused("the activation is none, relu or gelu_tanh, found silu");
  c.activation = QMM_ACTIVATION_GELU_ERF;
  c.expectRefused("found gelu_erf");
  c.activation = QMM_ACTIVATION_NONE;
  c.hasAmax = true;
  c.expectRefused("amax comes with an FP8 result, found bf16");
  c.d = TestTensor({64, 128}, getScheme("fp8"));
  MatmulProblem p = c.expectAdmitted();
  EXPECT_TRUE(p.isNarrow && p.hasOutputScale && p.wantsAmax);
  EXPECT_EQ(p.typeC, CUDA_R_16BF);
  c.d = TestTensor({64, 128}, raw(QMM_DTYPE_E4M3));
  p = c.expectAdmitted();
  EXPECT_TRUE(p.isNarrow && !p.hasOutputScale);
  c.hasAlpha = true;
  c.expectRefused("alpha with an FP8 result comes with a residual");
  c.hasResidual = true;
  c.expectAdmitted();
  c.hasAlpha = c.hasResidual = false;
  c.hasBias = c.hasResidual = true;
  c.bias = TestTensor({128}, getScheme("f16"));
  c.expectRefused("residual of a e4m3 result of e4m3 operands is of the bias' "
                  "type, found bf16");
  c.residual = TestTensor({64, 128}, getScheme("f16"));
  EXPECT_EQ(c.expectAdmitted().typeC, CUDA_R_16F);
  c.residual = TestTensor({64, 128}, getScheme("f32"));
  c.expectRefused("residual of a e4m3 result");
  c.hasResidual = c.hasAmax = false;
  c.d = TestTensor({64, 128}, getScheme("fp8_e5m2"));
  c.expectRefused("gives bf16, f16, f32 or e4m3, found e5m2");
  c.d = TestTensor({64, 128}, getScheme("fp8_row"));
  c.expectRefused("a quantized result has FP8 elements and one given scale, "
                  "found fp8_row");
  c.d = TestTensor({64, 128}, getScheme("f32"));
  c.expectRefused("bias of a f32 result of e4m3 operands is bf16, found f16");
  c.bias = TestTensor({128}, getScheme("bf16"));
  EXPECT_EQ(c.expectAdmitted().typeC, CUDA_R_32F);
  c.hasResidual = true;
  c.residual = TestTensor({64, 128}, getScheme("bf16"));
  c.expectRefused("residual of a f32 result of e4m3 operands is f32, found "
                  "bf16");
}

TEST(MatmulProblem, WideAndIntegers) {
  Case c;
  c.use("bf16", "bf16");
  c.hasBias = true;
  MatmulProblem p = c.expectAdmitted();
  EXPECT_FALSE(p.hasScaleA || p.hasScaleB || p.fastAccumulation);
  c.d = TestTensor({64, 128}, getScheme("f32"));
  c.expectRefused("bias of a f32 result of bf16 operands is f32, found bf16");
  c.d = TestTensor({64, 128}, getScheme("f16"));
  c.expectRefused("bf16 x bf16 with SCALAR_32F scales gives bf16 or f32");
  c.use("bf16", "f16");
  c.expectRefused("cuBLASLt doesn't multiply bf16 by f16");
  c.use("bf16", "fp8");
  c.expectRefused("cuBLASLt has no mode for bf16 by fp8");

  c.hasBias = false;
  c.a = TestTensor({64, 256}, raw(QMM_DTYPE_I8));
  c.b = TestTensor({128, 256}, raw(QMM_DTYPE_I8));
  c.d = TestTensor({64, 128}, getScheme("f32"));
  c.expectRefused("raw i8 operands give an i32 result, found f32");
  c.d = TestTensor({64, 128}, raw(QMM_DTYPE_I32));
  p = c.expectAdmitted();
  EXPECT_EQ(p.computeType, CUBLAS_COMPUTE_32I);
  EXPECT_EQ(p.scaleType, CUDA_R_32I);
  c.use("int8_row", "int8_row");
  c.expectRefused("i8 is multiplied raw by raw");
}

TEST(MatmulProblem, Alignment) {
  Case c;
  c.a = TestTensor({64, 250}, getScheme("fp8"));
  c.b = TestTensor({128, 250}, getScheme("fp8"));
  c.expectRefused("K is a multiple of 16 for e4m3 operands, found 250");
  // Pads are zeros: they are multiplied, too.
  qmm_layout padded = {};
  padded.pad_k = 16;
  c.a = TestTensor({64, 250}, getScheme("fp8"), padded);
  c.b = TestTensor({128, 250}, getScheme("fp8"), padded);
  EXPECT_EQ(c.expectAdmitted().k, 256);
  c.chip = "sm_89";
  c.b = TestTensor({130, 250}, getScheme("fp8"), padded);
  c.d = TestTensor({64, 130}, getScheme("bf16"));
  c.expectRefused("N is a multiple of 8 for e4m3 operands, found 130");
  c.chip = "sm_90";
  EXPECT_EQ(c.expectAdmitted().n, 130);
  c.d = TestTensor({64, 130}, getScheme("f32"));
  c.expectRefused("N is a multiple of 4 for e4m3 operands, found 130");
  c.d = TestTensor({64, 130}, raw(QMM_DTYPE_E4M3));
  c.expectRefused("N is a multiple of 16 for e4m3 operands, found 130");
  c.d = TestTensor({64, 130}, getScheme("bf16"));
  c.a = TestTensor({64, 250}, getScheme("bf16"));
  c.b = TestTensor({130, 250}, getScheme("bf16"));
  EXPECT_EQ(c.expectAdmitted().ldd, 130);
  c.a = TestTensor({64, 62}, raw(QMM_DTYPE_I8));
  c.b = TestTensor({130, 62}, raw(QMM_DTYPE_I8));
  c.d = TestTensor({64, 130}, raw(QMM_DTYPE_I32));
  c.expectRefused("K is a multiple of 4 for i8 operands, found 62");
}

TEST(MatmulProblem, Batches) {
  Case c;
  c.a = TestTensor({2, 3, 16, 256}, getScheme("fp8"));
  c.d = TestTensor({2, 3, 16, 128}, getScheme("bf16"));
  MatmulProblem p = c.expectAdmitted(); // rows of one matrix
  EXPECT_EQ(p.batch, 1);
  EXPECT_EQ(p.m, 96);
  c.b = TestTensor({2, 3, 128, 256}, getScheme("fp8"));
  p = c.expectAdmitted();
  EXPECT_EQ(p.batch, 6);
  EXPECT_EQ(p.strideA, 16 * 256);
  EXPECT_EQ(p.strideB, 128 * 256);
  EXPECT_EQ(p.strideD, 16 * 128);
  c.a = TestTensor({2, 3, 16, 256}, getScheme("fp8_row"));
  c.b = TestTensor({2, 3, 128, 256}, getScheme("fp8_row"));
  c.expectRefused("OUTER_VEC_32F scales take one matrix, found a batch of 6");
  c.b = TestTensor({128, 256}, getScheme("fp8_row"));
  p = c.expectAdmitted();
  EXPECT_EQ(p.m, 96);
}

TEST(MatmulProblem, Empty) {
  Case c;
  c.use("fp8", "fp8", {}, {}, 0);
  EXPECT_EQ(c.expectAdmitted().work, MatmulWork::None);
  c.a = TestTensor({64, 0}, getScheme("fp8"));
  c.b = TestTensor({128, 0}, getScheme("fp8"));
  c.d = TestTensor({64, 128}, getScheme("bf16"));
  EXPECT_EQ(c.expectAdmitted().work, MatmulWork::Zero);
  EXPECT_EQ(c.expectAdmitted().resultBytes, 64 * 128 * 2);
  c.hasBias = true;
  const MatmulProblem p = c.expectAdmitted();
  EXPECT_EQ(p.work, MatmulWork::Multiply);
  EXPECT_TRUE(p.hasZeroOperands);
  EXPECT_EQ(p.k, 16);
}

} // namespace
