//===- checkpoint/RealCheckpointsTest.cpp - Examples -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files that convert_to_quant wrote from one small model.
//
//===----------------------------------------------------------------------===//
#include "FileBuilder.h"

using namespace qmmrt;

namespace {
struct ExpectedLayer {
  const char *name, *format;
  int64_t n, k;
  qmm_scheme scheme;
  qmm_layout layout;
  bool hasInputScale;
};

constexpr qmm_scheme kFp8 = {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 0, 0, 0, 0};
constexpr qmm_scheme kFp8Row = {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 1, 0, 0, 0};
constexpr qmm_scheme kFp8Block = {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 64, 64, 0, 0};
constexpr qmm_scheme kInt8 = {QMM_DTYPE_I8, QMM_DTYPE_F32, 0, 0, 0, 0};
constexpr qmm_scheme kNvfp4 = {QMM_DTYPE_E2M1, QMM_DTYPE_E4M3, 1, 16, 1, 0};
constexpr qmm_scheme kMxfp8 = {QMM_DTYPE_E4M3, QMM_DTYPE_E8M0, 1, 32, 0, 0};
constexpr qmm_scheme kBf16 = {QMM_DTYPE_BF16, QMM_DTYPE_NONE, 0, 0, 0, 0};
constexpr qmm_layout kLinear = {QMM_SCALES_LINEAR, QMM_NIBBLES_NONE, 0, 0, 0};
constexpr qmm_layout kNvfp4Tiles = {QMM_SCALES_TILED_128X4,
                                    QMM_NIBBLES_HI_FIRST, 16, 16, 0};
constexpr qmm_layout kMxfp8Tiles = {QMM_SCALES_TILED_128X4, QMM_NIBBLES_NONE,
                                    32, 32, 0};

struct Shape {
  const char *name;
  int64_t n, k;
};
constexpr Shape kModel[] = {{"blocks.0.attn.qkv", 768, 256},
                            {"blocks.0.mlp.fc1", 1024, 256},
                            {"blocks.0.mlp.fc2", 256, 1024},
                            {"proj_out", 130, 96}};
} // namespace

static std::vector<ExpectedLayer> uniform(const char *format,
                                          const qmm_scheme &scheme,
                                          const qmm_layout &layout,
                                          bool hasInputScale = false) {
  std::vector<ExpectedLayer> layers;
  for (const Shape &s : kModel)
    layers.push_back({s.name, format, s.n, s.k, scheme, layout, hasInputScale});
  return layers;
}

static void expectCheckpoint(const char *file,
                             const std::vector<ExpectedLayer> &expected) {
  SCOPED_TRACE(file);
  auto checkpoint =
      Checkpoint::open(std::string(QMM_TEST_CHECKPOINTS) + "/" + file);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.getStatus().getMessage();
  std::vector<SkippedWeight> skipped;
  auto layers = readLinearLayers(*checkpoint, &skipped);
  ASSERT_TRUE(layers.ok()) << layers.getStatus().getMessage();
  ASSERT_EQ(layers->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const LinearLayer &layer = (*layers)[i];
    const ExpectedLayer &want = expected[i];
    SCOPED_TRACE(want.name);
    EXPECT_EQ(layer.name, want.name);
    EXPECT_EQ(layer.format, want.format);
    EXPECT_EQ(layer.n, want.n);
    EXPECT_EQ(layer.k, want.k);
    EXPECT_EQ(std::memcmp(&layer.scheme, &want.scheme, sizeof(qmm_scheme)), 0);
    EXPECT_EQ(std::memcmp(&layer.layout, &want.layout, sizeof(qmm_layout)), 0);
    EXPECT_EQ(layer.expressed, QMM_DTYPE_BF16);
    std::string name = want.name;
    EXPECT_EQ(layer.weight, name + ".weight");
    EXPECT_EQ(layer.weightScale,
              want.scheme.scale ? name + ".weight_scale" : "");
    EXPECT_EQ(layer.tensorScale,
              want.scheme.has_tensor_scale ? name + ".weight_scale_2" : "");
    EXPECT_EQ(layer.bias, name + ".bias");
    EXPECT_EQ(layer.inputScale,
              want.hasInputScale ? name + ".input_scale" : "");
    EXPECT_EQ(layer.preQuantScale, "");
    EXPECT_FALSE(layer.fullPrecision);
  }
  ASSERT_EQ(skipped.size(), 1u);
  EXPECT_EQ(skipped[0].key, "blocks.0.norm.weight");
}

TEST(RealCheckpoints, Fp8Tensor) {
  expectCheckpoint("ctq_fp8_tensor.safetensors",
                   uniform("float8_e4m3fn", kFp8, kLinear, true));
}

TEST(RealCheckpoints, Fp8Row) {
  expectCheckpoint("ctq_fp8_row.safetensors",
                   uniform("float8_e4m3fn_rowwise", kFp8Row, kLinear));
}

TEST(RealCheckpoints, Fp8Block64) {
  auto expected = uniform("float8_e4m3fn_blockwise", kFp8Block, kLinear);
  expected[3].scheme = kFp8Row; // 130 x 96: labelled blockwise, scaled by row
  expectCheckpoint("ctq_fp8_block64.safetensors", expected);
}

TEST(RealCheckpoints, Int8Tensor) {
  expectCheckpoint("ctq_int8_tensor.safetensors",
                   uniform("int8_tensorwise", kInt8, kLinear));
}

TEST(RealCheckpoints, Nvfp4) {
  expectCheckpoint("ctq_nvfp4.safetensors",
                   uniform("nvfp4", kNvfp4, kNvfp4Tiles));
}

TEST(RealCheckpoints, Mxfp8) {
  expectCheckpoint("ctq_mxfp8.safetensors",
                   uniform("mxfp8", kMxfp8, kMxfp8Tiles));
}

TEST(RealCheckpoints, MixedNvfp4Fp8) {
  auto fp8 = uniform("float8_e4m3fn", kFp8, kLinear);
  auto nvfp4 = uniform("nvfp4", kNvfp4, kNvfp4Tiles);
  expectCheckpoint("ctq_mixed_nvfp4_fp8.safetensors",
                   {fp8[0], fp8[3], nvfp4[1], nvfp4[2]});
}

TEST(RealCheckpoints, Unquantized) {
  expectCheckpoint("model_bf16.safetensors", uniform("", kBf16, {}));
}
