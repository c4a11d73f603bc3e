//===- checkpoint/ScaledLayerTest.cpp - Quantized layers -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See ScaledLayer.cpp and LegacyFamily.cpp.
//
//===----------------------------------------------------------------------===//
#include "FileBuilder.h"

#include <cmath>

using namespace qmmrt;
using namespace qmmrt::test;

static std::string format(const std::string &name,
                          const std::string &more = "") {
  return "{\"format\": \"" + name + "\"" + more + "}";
}

/// 'l', 128 x 128 of FP8, with `scales` of `shape`.
static FileBuilder fp8(const std::string &name, std::vector<int64_t> shape,
                       size_t scales) {
  return FileBuilder()
      .declare("l", format(name))
      .addFilled("l.weight", "F8_E4M3", {128, 128}, 128 * 128, 0x38)
      .add("l.weight_scale", "F32", std::move(shape),
           f32(std::vector<float>(scales, 0.5f)));
}

/// 'l', 130 x 90 padded to 144 x 96.
static FileBuilder
nvfp4(const std::string &more = ", \"orig_shape\": [130, 90]") {
  return FileBuilder()
      .declare("l", format("nvfp4", more))
      .addFilled("l.weight", "U8", {144, 48}, 144 * 48, 0x22)
      .addFilled("l.weight_scale", "F8_E4M3", {256, 8}, 256 * 8, 0x38)
      .scalar("l.weight_scale_2", 0.25f);
}

/// 'l', 130 x 90 padded to 160 x 96.
static FileBuilder mxfp8() {
  return FileBuilder()
      .declare("l", format("mxfp8", ", \"orig_shape\": [130, 90]"))
      .addFilled("l.weight", "F8_E4M3", {160, 96}, 160 * 96, 0x38)
      .addFilled("l.weight_scale", "U8", {256, 4}, 256 * 4, 0x7F);
}

static LinearLayer readOne(const FileBuilder &file) {
  Read read(file);
  EXPECT_TRUE(read.status.ok()) << read.status.getMessage();
  return read.layers.empty() ? LinearLayer() : read.layers[0];
}

static void expectMalformed(const FileBuilder &file,
                            std::initializer_list<const char *> parts) {
  Read read(file);
  expectError(read.status, QMM_STATUS_MALFORMED, {"mem: "});
  expectError(read.status, QMM_STATUS_MALFORMED, parts);
}

static void expectBlocks(const LinearLayer &layer, int64_t outer, int64_t k) {
  EXPECT_EQ(layer.scheme.block_outer, outer);
  EXPECT_EQ(layer.scheme.block_k, k);
}

TEST(ScaledLayer, TensorScaleShapes) {
  for (const std::vector<int64_t> &shape :
       {std::vector<int64_t>{}, {1}, {1, 1}})
    expectBlocks(readOne(fp8("float8_e4m3fn", shape, 1)), 0, 0);
  expectMalformed(fp8("float8_e4m3fn", {128}, 128),
                  {"'l.weight_scale'", "F32 [128]", "one value"});
}

TEST(ScaledLayer, E5M2) {
  LinearLayer layer = readOne(
      fp8("float8_e5m2", {}, 1)
          .addFilled("l.weight", "F8_E5M2", {128, 128}, 128 * 128, 0x38));
  EXPECT_EQ(layer.scheme.element, unsigned(QMM_DTYPE_E5M2));
}

TEST(ScaledLayer, RowScaleShapes) {
  expectBlocks(readOne(fp8("float8_e4m3fn_rowwise", {128}, 128)), 1, 0);
  expectBlocks(readOne(fp8("float8_e4m3fn_rowwise", {128, 1}, 128)), 1, 0);
  expectMalformed(fp8("float8_e4m3fn_rowwise", {127}, 127),
                  {"'l.weight_scale'", "F32 [127]", "[128]"});
  expectMalformed(fp8("float8_e4m3fn_rowwise", {}, 1),
                  {"'l.weight_scale'", "F32 []", "[128]"});
}

TEST(ScaledLayer, BlockScales) {
  LinearLayer layer = readOne(fp8("float8_e4m3fn_blockwise", {2, 2}, 4));
  expectBlocks(layer, 64, 64);
  EXPECT_TRUE(layer.notes.empty());
  expectBlocks(readOne(fp8("float8_e4m3fn_blockwise", {4, 4}, 16)
                           .declare("l", format("float8_e4m3fn_blockwise",
                                                ", \"group_size\": 32"))),
               32, 32);
  // The last block of rows may be short.
  expectBlocks(
      readOne(fp8("float8_e4m3fn_blockwise", {2, 2}, 4)
                  .addFilled("l.weight", "F8_E4M3", {100, 128}, 100 * 128)),
      64, 64);
  expectMalformed(fp8("float8_e4m3fn_blockwise", {2, 3}, 6),
                  {"'l.weight_scale'", "F32 [2, 3]", "64 x 64"});
}

TEST(ScaledLayer, BlockLabelOverOtherScalesTrustsTheShape) {
  LinearLayer layer = readOne(fp8("float8_e4m3fn_blockwise", {128}, 128));
  expectBlocks(layer, 1, 0);
  ASSERT_EQ(layer.notes.size(), 1u);
  EXPECT_NE(layer.notes[0].find("[128]"), std::string::npos);
  EXPECT_EQ(layer.format, "float8_e4m3fn_blockwise");
  expectBlocks(readOne(fp8("float8_e4m3fn_blockwise", {}, 1)), 0, 0);
}

TEST(ScaledLayer, BlocksMustDivideK) {
  expectMalformed(
      fp8("float8_e4m3fn_blockwise", {2, 2}, 4)
          .addFilled("l.weight", "F8_E4M3", {128, 100}, 128 * 100),
      {"'l.weight_scale'", "K = 100 isn't a multiple of the block", "64"});
}

TEST(ScaledLayer, Int8) {
  auto int8 = [](const std::string &name, std::vector<int64_t> shape,
                 size_t scales, const std::string &more = "") {
    return fp8(name, std::move(shape), scales)
        .declare("l", format(name, more))
        .addFilled("l.weight", "I8", {128, 128}, 128 * 128, 1);
  };
  EXPECT_EQ(readOne(int8("int8_tensorwise", {}, 1)).scheme.element,
            unsigned(QMM_DTYPE_I8));
  expectBlocks(readOne(int8("int8_tensorwise", {}, 1)), 0, 0);
  expectBlocks(readOne(int8("int8_tensorwise", {128}, 128)), 1, 0);
  expectBlocks(
      readOne(int8("int8_tensorwise", {128, 1}, 128, ", \"per_row\": true")), 1,
      0);
  expectMalformed(int8("int8_tensorwise", {}, 1, ", \"per_row\": true"),
                  {"'l.weight_scale'", "per_row is true"});
  expectMalformed(int8("int8_tensorwise", {128}, 128, ", \"per_row\": false"),
                  {"'l.weight_scale'", "per_row is false"});
  LinearLayer block =
      readOne(int8("int8_blockwise", {1, 1}, 1).scalar("l.input_scale", 1));
  expectBlocks(block, 128, 128);
  EXPECT_EQ(block.inputScale, "");
  ASSERT_EQ(block.notes.size(), 1u);
  EXPECT_NE(block.notes[0].find("input_scale"), std::string::npos);
}

TEST(ScaledLayer, Nvfp4) {
  LinearLayer layer = readOne(nvfp4());
  EXPECT_EQ(layer.n, 130);
  EXPECT_EQ(layer.k, 90);
  EXPECT_EQ(layer.scheme.element, unsigned(QMM_DTYPE_E2M1));
  EXPECT_EQ(layer.scheme.scale, unsigned(QMM_DTYPE_E4M3));
  EXPECT_EQ(layer.scheme.has_tensor_scale, 1u);
  expectBlocks(layer, 1, 16);
  EXPECT_EQ(layer.layout.scales, unsigned(QMM_SCALES_TILED_128X4));
  EXPECT_EQ(layer.layout.nibbles, unsigned(QMM_NIBBLES_HI_FIRST));
  EXPECT_EQ(layer.layout.pad_outer, 16);
  EXPECT_EQ(layer.layout.pad_k, 16);
  EXPECT_EQ(layer.tensorScale, "l.weight_scale_2");
  // Scales may be typed as the bytes they are.
  readOne(nvfp4().addFilled("l.weight_scale", "U8", {256, 8}, 256 * 8, 0x38));
}

TEST(ScaledLayer, Mxfp8) {
  LinearLayer layer = readOne(mxfp8());
  EXPECT_EQ(layer.n, 130);
  EXPECT_EQ(layer.k, 90);
  EXPECT_EQ(layer.scheme.scale, unsigned(QMM_DTYPE_E8M0));
  expectBlocks(layer, 1, 32);
  EXPECT_EQ(layer.layout.pad_outer, 32);
  EXPECT_EQ(layer.layout.pad_k, 32);
  readOne(mxfp8().addFilled("l.weight_scale", "F8_E8M0", {256, 4}, 1024, 0x7F));
}

TEST(ScaledLayer, UnpaddedExtentsComeFromTheBiasOrStorage) {
  LinearLayer stored = readOne(nvfp4(""));
  EXPECT_EQ(stored.n, 144);
  EXPECT_EQ(stored.k, 96);
  LinearLayer biased =
      readOne(nvfp4("").addFilled("l.bias", "F16", {130}, 260));
  EXPECT_EQ(biased.n, 130);
  EXPECT_EQ(biased.k, 96);
  EXPECT_EQ(biased.expressed, QMM_DTYPE_F16);
}

TEST(ScaledLayer, RowsMayLackTheirPadding) {
  LinearLayer layer =
      readOne(nvfp4("").addFilled("l.weight", "U8", {130, 48}, 130 * 48));
  EXPECT_EQ(layer.n, 130);
  // Storage of 130 rows is its own roundup only when nothing is rounded.
  EXPECT_EQ(layer.layout.pad_outer, 0);
}

TEST(ScaledLayer, PaddingMustFit) {
  for (const char *shape : {"[127, 90]", "[130, 80]", "[145, 90]", "[130, 97]",
                            "[130, 9223372036854775807]"})
    expectMalformed(nvfp4(std::string(", \"orig_shape\": ") + shape),
                    {"'l.weight'", "144 x 96", "rounded up to 16"});
  expectMalformed(nvfp4("").addFilled("l.bias", "F16", {100}, 200),
                  {"'l.weight'", "length of the bias, 100"});
  expectMalformed(fp8("float8_e4m3fn", {}, 1)
                      .declare("l", format("float8_e4m3fn",
                                           ", \"orig_shape\": [127, 128]")),
                  {"'l.weight'", "recorded shape [127, 128]"});
}

TEST(ScaledLayer, PaddedKMustHoldWholeBlocks) {
  expectMalformed(nvfp4("").addFilled("l.weight", "U8", {144, 49}, 144 * 49),
                  {"'l.weight'", "K is 98", "multiple of the block 16"});
  expectMalformed(mxfp8()
                      .declare("l", format("mxfp8"))
                      .addFilled("l.weight", "F8_E4M3", {160, 90}, 160 * 90),
                  {"'l.weight'", "K is 90", "multiple of the block 32"});
}

TEST(ScaledLayer, GroupSizeIsFixedWhereTheFormatFixesIt) {
  Read read(nvfp4(", \"group_size\": 32"));
  expectError(read.status, QMM_STATUS_UNSUPPORTED,
              {"'l.comfy_quant'", "group_size is 32", "expected 16"});
  LinearLayer layer = readOne(
      fp8("float8_e4m3fn", {}, 1)
          .declare("l", format("float8_e4m3fn", ", \"group_size\": 64")));
  EXPECT_EQ(layer.notes.size(), 1u);
}

TEST(ScaledLayer, Fp8BytesUnderAnNvfp4Label) {
  expectMalformed(
      nvfp4("").addFilled("l.weight", "F8_E4M3", {144, 48}, 144 * 48),
      {"'l.weight'", "F8_E4M3 [144, 48]", "'nvfp4'", "expected U8"});
}

TEST(ScaledLayer, WeightTypeAndRank) {
  expectMalformed(fp8("float8_e4m3fn", {}, 1)
                      .addFilled("l.weight", "I8", {128, 128}, 16384),
                  {"'l.weight'", "I8 [128, 128]", "expected F8_E4M3 [N, K]"});
  expectMalformed(fp8("float8_e4m3fn", {}, 1)
                      .addFilled("l.weight", "F8_E4M3", {4, 4, 4}, 64),
                  {"'l.weight'", "[4, 4, 4]"});
  expectMalformed(
      fp8("float8_e4m3fn", {}, 1).addFilled("l.weight", "F8_E4M3", {0, 4}, 0),
      {"'l.weight'", "empty"});
}

TEST(ScaledLayer, ScaleTypeAndShape) {
  expectMalformed(fp8("float8_e4m3fn", {}, 1).remove("l.weight_scale"),
                  {"'l.weight'", "no tensor 'l.weight_scale'"});
  expectMalformed(
      fp8("float8_e4m3fn", {}, 1).addFilled("l.weight_scale", "BF16", {}, 2, 1),
      {"'l.weight_scale'", "BF16 []", "expected F32"});
  expectMalformed(
      nvfp4().addFilled("l.weight_scale", "F8_E4M3", {144, 6}, 144 * 6),
      {"'l.weight_scale'", "[144, 6]", "not in tiles", "[256, 8]"});
  expectMalformed(
      nvfp4().addFilled("l.weight_scale", "F8_E8M0", {256, 8}, 256 * 8),
      {"'l.weight_scale'", "F8_E8M0", "expected F8_E4M3"});
  expectMalformed(mxfp8().addFilled("l.weight_scale", "U8", {128, 4}, 512),
                  {"'l.weight_scale'", "U8 [128, 4]", "[256, 4]"});
}

TEST(ScaledLayer, TensorScale) {
  expectMalformed(nvfp4().remove("l.weight_scale_2"),
                  {"'l.weight'", "no tensor 'l.weight_scale_2'"});
  expectMalformed(nvfp4().add("l.weight_scale_2", "F32", {2}, f32({1, 1})),
                  {"'l.weight_scale_2'", "F32 [2]", "one F32"});
  expectMalformed(nvfp4().scalar("l.weight_scale_2", -1),
                  {"'l.weight_scale_2'", "is -1"});
  expectMalformed(nvfp4().scalar("l.weight_scale_2", NAN),
                  {"'l.weight_scale_2'", "is NaN"});
}

TEST(ScaledLayer, ZeroTensorScaleOfAZeroWeight) {
  expectMalformed(nvfp4().scalar("l.weight_scale_2", 0),
                  {"'l.weight_scale_2'", "is 0 over a weight"});
  FileBuilder zero = nvfp4().add("l.weight_scale_2", "F32", {1}, f32({0}));
  LinearLayer codes = readOne(FileBuilder(zero).addFilled(
      "l.weight", "U8", {144, 48}, 144 * 48, static_cast<char>(0x80)));
  EXPECT_EQ(codes.notes.size(), 1u);
  readOne(FileBuilder(zero).addFilled("l.weight_scale", "F8_E4M3", {256, 8},
                                      256 * 8, 0));
}

TEST(ScaledLayer, ScaleValues) {
  struct Case {
    float value;
    const char *text;
  };
  for (const Case &bad : {Case{NAN, "is NaN"}, Case{INFINITY, "is inf"},
                          Case{-1e-30f, "is -1e-30"}}) {
    expectMalformed(
        fp8("float8_e4m3fn", {}, 1).scalar("l.weight_scale", bad.value),
        {"'l.weight_scale'", bad.text});
    std::vector<float> rows(128, 1.0f);
    rows[77] = bad.value;
    expectMalformed(fp8("float8_e4m3fn_rowwise", {128}, 128)
                        .add("l.weight_scale", "F32", {128}, f32(rows)),
                    {"'l.weight_scale'", "element 77", bad.text});
    expectMalformed(
        fp8("float8_e4m3fn", {}, 1).scalar("l.input_scale", bad.value),
        {"'l.input_scale'", bad.text});
  }
  expectMalformed(fp8("float8_e4m3fn", {}, 1).scalar("l.weight_scale", 0),
                  {"'l.weight_scale'", "is 0", "above 0"});
  expectMalformed(fp8("float8_e4m3fn", {}, 1).scalar("l.input_scale", 0),
                  {"'l.input_scale'", "is 0"});
  // A zero row is a row of zeros.
  readOne(fp8("float8_e4m3fn_rowwise", {128}, 128)
              .addFilled("l.weight_scale", "F32", {128}, 512, 0));
}

TEST(ScaledLayer, BlockScaleCodes) {
  // Every E4M3 and E8M0 code, at the last of the scales.
  for (int code = 0; code < 256; ++code) {
    std::string scales(256 * 8, 0x38);
    scales.back() = static_cast<char>(code);
    Read e4m3(nvfp4().add("l.weight_scale", "F8_E4M3", {256, 8}, scales));
    EXPECT_EQ(e4m3.status.ok(), code < 0x7F || code == 0x80) << code;
    scales.resize(256 * 4);
    scales.back() = static_cast<char>(code);
    Read e8m0(mxfp8().add("l.weight_scale", "U8", {256, 4}, scales));
    EXPECT_EQ(e8m0.status.ok(), code != 0xFF) << code;
  }
  expectMalformed(nvfp4().addFilled("l.weight_scale", "U8", {256, 8}, 2048,
                                    static_cast<char>(0x7F)),
                  {"'l.weight_scale'", "element 0", "NaN"});
  expectMalformed(nvfp4().addFilled("l.weight_scale", "U8", {256, 8}, 2048,
                                    static_cast<char>(0x81)),
                  {"'l.weight_scale'", "negative"});
}

TEST(ScaledLayer, InputScale) {
  EXPECT_EQ(readOne(fp8("float8_e4m3fn", {}, 1).scalar("l.input_scale", 1))
                .inputScale,
            "l.input_scale");
  EXPECT_EQ(readOne(nvfp4().scalar("l.input_scale", 2)).inputScale,
            "l.input_scale");
  LinearLayer row = readOne(fp8("float8_e4m3fn_rowwise", {128}, 128)
                                .add("l.input_scale", "F32", {128},
                                     f32(std::vector<float>(128, 3.0f))));
  EXPECT_EQ(row.inputScale, "");
  EXPECT_EQ(row.notes.size(), 1u);
  expectMalformed(
      fp8("float8_e4m3fn", {}, 1).add("l.input_scale", "F32", {2}, f32({1, 1})),
      {"'l.input_scale'", "F32 [2]", "one F32"});
  expectMalformed(
      fp8("float8_e4m3fn", {}, 1).addFilled("l.input_scale", "F16", {}, 2, 1),
      {"'l.input_scale'", "F16 []", "expected F32"});
}

TEST(ScaledLayer, PreQuantScale) {
  FileBuilder file = fp8("float8_e4m3fn", {}, 1);
  std::string ones(256, 0x3c);
  EXPECT_EQ(
      readOne(FileBuilder(file).add("l.pre_quant_scale", "BF16", {128}, ones))
          .preQuantScale,
      "l.pre_quant_scale");
  expectMalformed(
      FileBuilder(file).addFilled("l.pre_quant_scale", "BF16", {64}, 128),
      {"'l.pre_quant_scale'", "BF16 [64]", "[128]"});
  for (const char *bits : {"\x80\x7f", "\xc0\xff"}) {
    std::string bad = ones;
    bad.replace(10, 2, bits, 2);
    expectMalformed(
        FileBuilder(file).add("l.pre_quant_scale", "BF16", {128}, bad),
        {"'l.pre_quant_scale'", "element 5", "not finite"});
  }
  expectMalformed(FileBuilder(file).add("l.pre_quant_scale", "F32", {128},
                                        f32(std::vector<float>(128, NAN))),
                  {"'l.pre_quant_scale'", "element 0"});
  expectMalformed(
      FileBuilder(file).addFilled("l.pre_quant_scale", "F16", {128}, 256, 0x7c),
      {"'l.pre_quant_scale'", "element 0"});
}

TEST(ScaledLayer, Bias) {
  expectMalformed(
      fp8("float8_e4m3fn", {}, 1).addFilled("l.bias", "BF16", {127}, 254),
      {"'l.bias'", "BF16 [127]", "[128]"});
  expectMalformed(
      fp8("float8_e4m3fn", {}, 1).addFilled("l.bias", "I8", {128}, 128),
      {"'l.bias'", "I8 [128]", "expected F32, BF16 or F16"});
  EXPECT_EQ(
      readOne(
          fp8("float8_e4m3fn", {}, 1).addFilled("l.bias", "F32", {128}, 512))
          .expressed,
      QMM_DTYPE_F32);
  EXPECT_EQ(readOne(fp8("float8_e4m3fn", {}, 1)).expressed, QMM_DTYPE_BF16);
}

TEST(ScaledLayer, UnknownTensorOfTheLayer) {
  Read scale2(fp8("float8_e4m3fn", {}, 1).scalar("l.weight_scale_2", 1));
  expectError(scale2.status, QMM_STATUS_UNSUPPORTED,
              {"'l.weight_scale_2'", "'float8_e4m3fn'"});
  Read point(fp8("float8_e4m3fn", {}, 1).scalar("l.weight_zero_point", 1));
  expectError(point.status, QMM_STATUS_UNSUPPORTED, {"'l.weight_zero_point'"});
}

/// 'm.l', 128 x 128, marked by 'm.scaled_fp8'.
static FileBuilder legacy(int64_t mark, std::vector<int64_t> shape,
                          size_t scales) {
  return FileBuilder()
      .addFilled("m.scaled_fp8", "F8_E4M3", {mark}, static_cast<size_t>(mark))
      .addFilled("m.l.weight", "F8_E4M3", {128, 128}, 128 * 128, 0x38)
      .add("m.l.scale_weight", "F32", std::move(shape),
           f32(std::vector<float>(scales, 0.5f)));
}

TEST(LegacyLayer, ShapesDecide) {
  LinearLayer layer = readOne(legacy(0, {}, 1));
  EXPECT_EQ(layer.name, "m.l");
  EXPECT_EQ(layer.format, "float8_e4m3fn");
  EXPECT_EQ(layer.weightScale, "m.l.scale_weight");
  EXPECT_FALSE(layer.fullPrecision);
  expectBlocks(layer, 0, 0);
  expectBlocks(readOne(legacy(0, {1}, 1)), 0, 0);
  expectBlocks(readOne(legacy(0, {128}, 128)), 1, 0);
  expectBlocks(readOne(legacy(0, {2, 2}, 4)), 64, 64);
  expectMalformed(legacy(0, {2, 3}, 6), {"'m.l.scale_weight'", "F32 [2, 3]"});
  expectMalformed(legacy(0, {}, 1).remove("m.l.scale_weight"),
                  {"'m.l.weight'", "no tensor 'm.l.scale_weight'"});
}

TEST(LegacyLayer, TwoElementsMeanFullPrecision) {
  EXPECT_TRUE(readOne(legacy(2, {}, 1)).fullPrecision);
}

TEST(LegacyLayer, E5M2) {
  LinearLayer layer = readOne(legacy(0, {}, 1).addFilled(
      "m.l.weight", "F8_E5M2", {128, 128}, 128 * 128, 0x38));
  EXPECT_EQ(layer.format, "float8_e5m2");
  EXPECT_EQ(layer.scheme.element, unsigned(QMM_DTYPE_E5M2));
}

TEST(LegacyLayer, InputScaleOfOneIsAPlaceholder) {
  EXPECT_EQ(readOne(legacy(0, {}, 1).scalar("m.l.scale_input", 2)).inputScale,
            "m.l.scale_input");
  LinearLayer one = readOne(legacy(0, {}, 1).scalar("m.l.scale_input", 1));
  EXPECT_EQ(one.inputScale, "");
  EXPECT_NE(one.notes.back().find("placeholder"), std::string::npos);
}

TEST(LegacyLayer, TheMarkSpeaksBelowItsPrefixOnly) {
  Read read(legacy(0, {}, 1).addFilled("other.weight", "F8_E4M3", {4, 4}, 16));
  expectError(read.status, QMM_STATUS_UNSUPPORTED,
              {"'other.weight'", "nothing declares"});
}

TEST(LegacyLayer, BoundsTheMarks) {
  FileBuilder file;
  for (int i = 0; i < 65; ++i)
    file.addFilled("m" + std::to_string(i) + ".scaled_fp8", "F8_E4M3", {0}, 0);
  expectMalformed(file, {"'m64.scaled_fp8'", "more than 64 marks"});
}

TEST(ScaledLayer, HybridMXFP8IsMXFP8) {
  auto hybrid = [](const std::string &name) {
    return mxfp8()
        .declare("l", format(name, ", \"orig_shape\": [130, 90]"))
        .scalar("l.weight_scalar", 0.5f);
  };
  LinearLayer layer = readOne(hybrid("hybrid_mxfp8"));
  EXPECT_EQ(layer.scheme.scale, unsigned(QMM_DTYPE_E8M0));
  EXPECT_EQ(layer.weightScale, "l.weight_scale");
  ASSERT_EQ(layer.notes.size(), 1u);
  EXPECT_NE(layer.notes[0].find("weight_scalar"), std::string::npos);
  Read read(hybrid("mxfp8"));
  expectError(read.status, QMM_STATUS_UNSUPPORTED, {"'l.weight_scalar'"});
}
