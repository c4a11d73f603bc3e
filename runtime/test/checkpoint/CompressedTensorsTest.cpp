//===- checkpoint/CompressedTensorsTest.cpp - Its layers -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See CompressedTensors.cpp.
//
//===----------------------------------------------------------------------===//
#include "FamilyFolder.h"

using namespace qmmrt;
using namespace qmmrt::test;

static constexpr int64_t kN = 96, kK = 256;

/// One group of all linear layers.
static std::string config(const std::string &format, const std::string &weights,
                          const std::string &inputs = "null",
                          const std::string &more = "") {
  return R"({"quant_method": "compressed-tensors", "format": ")" + format +
         R"(", "quantization_status": "compressed", "ignore": ["lm_head"],)" +
         R"("kv_cache_scheme": null, "global_compression_ratio": null,)" +
         R"("sparsity_config": {}, "transform_config": {}, "version": "0.12",)" +
         more + R"("config_groups": {"group_0": {"targets": ["Linear"],)" +
         R"("output_activations": null, "input_activations": )" + inputs +
         R"(, "weights": )" + weights + "}}}";
}

static std::string weights(int bits, const std::string &type,
                           const std::string &more) {
  return R"({"num_bits": )" + std::to_string(bits) + R"(, "type": ")" + type +
         R"(", "symmetric": true, "dynamic": false, "actorder": null,)" +
         R"("observer": "minmax", "observer_kwargs": {}, )" + more + "}";
}

static std::string nvfp4Config(const std::string &more = "") {
  std::string group =
      R"("strategy": "tensor_group", "group_size": 16, "scale_dtype": "torch.float8_e4m3fn")";
  return config("nvfp4-pack-quantized", weights(4, "float", group),
                R"({"num_bits": 4, "type": "float", "strategy": "tensor_group",
                    "group_size": 16, "dynamic": "local", "symmetric": true})",
                more);
}

namespace {
class CompressedTensorsTest : public ::testing::Test {
protected:
  Matrix addNVFP4(const std::string &layer, float divisor = 1234.5f) {
    std::string codes = source.packed(kN * kK / 2),
                scales = source.scales(kN * kK / 16);
    folder.file.add(layer + ".weight_packed", "U8", {kN, kK / 2}, codes)
        .add(layer + ".weight_scale", "F8_E4M3", {kN, kK / 16}, scales)
        .add(layer + ".weight_global_scale", "F32", {1}, f32({divisor}))
        .add(layer + ".input_global_scale", "F32", {1}, f32({3.0f}));
    return decodePacked(codes, scales, decodeE4M3, kN, kK, 16,
                        1.0 / static_cast<double>(divisor));
  }
  /// E4M3 or i8 under one scale for each rows x columns of elements.
  Matrix addScaled(const std::string &layer, const char *dtype, int64_t rows,
                   int64_t columns, std::vector<int64_t> shape, bool isBF16) {
    bool isInt = dtype == std::string("I8");
    std::string codes = isInt ? source.i8(kN * kK) : source.e4m3(kN * kK);
    int64_t perRow = (kK + columns - 1) / columns;
    std::vector<float> scales =
        source.floats(size_t((kN + rows - 1) / rows * perRow));
    std::string bytes = isBF16 ? bf16(scales) : f32(scales);
    folder.file.add(layer + ".weight", dtype, {kN, kK}, codes)
        .add(layer + ".weight_scale", isBF16 ? "BF16" : "F32", std::move(shape),
             bytes);
    Matrix result(codes.size());
    for (int64_t n = 0; n < kN; ++n)
      for (int64_t k = 0; k < kK; ++k) {
        size_t i = size_t(n * kK + k);
        double element = isInt ? static_cast<signed char>(codes[i])
                               : at(codes, i, decodeE4M3);
        result[i] = element * scales[size_t(n / rows * perRow + k / columns)];
      }
    return result;
  }
  void expectFailure(qmm_status code,
                     std::initializer_list<const char *> parts) {
    expectError(folder.read().status, code, parts);
  }
  Source source;
  FamilyFolder folder;
};
} // namespace

TEST_F(CompressedTensorsTest, NVFP4) {
  Matrix expected = addNVFP4("a.b");
  folder.config(nvfp4Config()).read().expectWeight("a.b", expected);
  const LinearLayer &layer = folder.layer("a.b");
  EXPECT_EQ(layer.format, "nvfp4-pack-quantized");
  EXPECT_EQ(layer.layout.nibbles, unsigned(QMM_NIBBLES_LO_FIRST));
  EXPECT_EQ(layer.layout.scales, unsigned(QMM_SCALES_LINEAR));
  EXPECT_EQ(layer.tensorScale, "a.b.weight_global_scale@reciprocal");
  EXPECT_EQ(folder.value(layer.inputScale), 1.0f / 3.0f);
  EXPECT_FALSE(layer.fullPrecision);
}

TEST_F(CompressedTensorsTest, NVFP4WithWideActivations) {
  addNVFP4("l");
  folder.config(config(
      "nvfp4-pack-quantized",
      weights(4, "float", R"("strategy": "tensor_group", "group_size": 16)")));
  EXPECT_TRUE(folder.read().layer("l").fullPrecision);
}

TEST_F(CompressedTensorsTest, FP8) {
  Matrix tensor = addScaled("t", "F8_E4M3", kN, kK, {1}, true);
  folder.file.add("t.input_scale", "BF16", {1}, std::string("\x40\x3f", 2));
  folder.config(
      config("float-quantized", weights(8, "float", R"("strategy": "tensor")"),
             R"({"num_bits": 8, "type": "float", "dynamic": false})"));
  folder.read().expectWeight("t", tensor);
  EXPECT_EQ(folder.value(folder.layer("t").inputScale), 0.75);
  folder.file.remove("t.input_scale");
  expectFailure(QMM_STATUS_MALFORMED,
                {"'t.weight'", "'t.input_scale'", "declared static"});
}

TEST_F(CompressedTensorsTest, FP8ByChannel) {
  for (bool isBF16 : {false, true}) {
    Matrix channel = addScaled("c", "F8_E4M3", 1, kK, {kN, 1}, isBF16);
    folder.config(config("float-quantized",
                         weights(8, "float", R"("strategy": "channel")"),
                         R"({"num_bits": 8, "type": "float", "dynamic": true,
                             "strategy": "token"})"));
    folder.read().expectWeight("c", channel);
  }
}

TEST_F(CompressedTensorsTest, FP8ByBlock) {
  for (bool isBF16 : {false, true}) {
    Matrix block = addScaled("b", "F8_E4M3", 128, 128, {1, 2}, isBF16);
    folder.config(
        config("float-quantized",
               weights(8, "float",
                       R"("strategy": "block", "block_structure": [128, 128])"),
               R"({"num_bits": 8, "type": "float", "dynamic": true,
            "strategy": "group", "group_size": 128})"));
    folder.read().expectWeight("b", block);
  }
  // Rows instead of the declared blocks aren't trusted here.
  addScaled("b", "F8_E4M3", 1, kK, {kN, 1}, false);
  expectFailure(QMM_STATUS_MALFORMED,
                {"'b.weight_scale'", "F32 [96, 1]", "128 x 128"});
}

TEST_F(CompressedTensorsTest, INT8) {
  Matrix channel = addScaled("c", "I8", 1, kK, {kN, 1}, true);
  folder.config(config("int-quantized",
                       weights(8, "int", R"("strategy": "channel")"),
                       R"({"num_bits": 8, "type": "int", "dynamic": true,
                           "strategy": "token"})"));
  folder.read().expectWeight("c", channel);
}

TEST_F(CompressedTensorsTest, MXFP4) {
  std::string codes = source.packed(kN * kK / 2),
              scales = source.exponents(kN * kK / 32);
  folder.file.add("l.weight_packed", "U8", {kN, kK / 2}, codes)
      .add("l.weight_scale", "U8", {kN, kK / 32}, scales);
  folder.config(
      config("mxfp4-pack-quantized",
             weights(4, "float", R"("strategy": "group", "group_size": 32)")));
  folder.read().expectWeight(
      "l", decodePacked(codes, scales, decodeE8M0, kN, kK, 32, 1));
}

TEST_F(CompressedTensorsTest, MXFP8) {
  std::string codes = source.e4m3(kN * kK),
              scales = source.exponents(kN * kK / 32);
  folder.file.add("l.weight", "F8_E4M3", {kN, kK}, codes)
      .add("l.weight_scale", "U8", {kN, kK / 32}, scales);
  folder.config(config("mxfp8-quantized",
                       weights(8, "float",
                               R"("strategy": "group", "group_size": 32,
                        "scale_dtype": "torch.uint8")")));
  Matrix expected(kN * kK);
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] = at(codes, i, decodeE4M3) * at(scales, i / 32, decodeE8M0);
  folder.read().expectWeight("l", expected);
}

TEST_F(CompressedTensorsTest, TheMostSpecificTargetDecides) {
  Matrix a = addNVFP4("m.a"),
         q = addScaled("m.q", "F8_E4M3", kN, kK, {1}, false),
         r = addScaled("m.r", "F8_E4M3", 1, kK, {kN, 1}, false);
  std::string fp8 = R"("input_activations": null, "weights": {"num_bits": 8,
      "type": "float", "strategy": )";
  folder.config(
      R"({"quant_method": "compressed-tensors", "format": "mixed-precision",
      "ignore": null, "config_groups": {
      "a": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "float",
            "group_size": 16, "strategy": "tensor_group"},
            "format": "nvfp4-pack-quantized"},
      "b": {"targets": ["re:m\\.[qr]$"], )" +
      fp8 + R"("tensor"}}, "c": {"targets": ["m.r"], )" + fp8 +
      R"("channel"}}}})");
  folder.read().expectWeight("m.a", a);
  folder.expectWeight("m.q", q);
  folder.expectWeight("m.r", r);
}

TEST_F(CompressedTensorsTest, WideLayersAreRead) {
  addNVFP4("l");
  folder.file.addFilled("lm_head.weight", "BF16", {8, 8}, 128);
  EXPECT_EQ(folder.config(nvfp4Config()).read().layer("lm_head").format, "");
}

TEST_F(CompressedTensorsTest, LeftOutLayersWithScales) {
  addNVFP4("lm_head");
  folder.config(nvfp4Config());
  expectFailure(QMM_STATUS_MALFORMED, {"config.json", "'ignore'", "'lm_head'"});
  folder.config(
      R"({"quant_method": "compressed-tensors", "config_groups": {"g": {
          "targets": ["re:x"], "weights": {"num_bits": 4, "type": "float",
          "group_size": 16, "strategy": "tensor_group"}}}})");
  expectFailure(QMM_STATUS_MALFORMED, {"no group's target", "'lm_head'"});
}

TEST_F(CompressedTensorsTest, TensorsThatDisagree) {
  folder.config(nvfp4Config());
  addNVFP4("l");
  folder.file.add("l.weight_global_scale", "F32", {1}, f32({0}));
  expectFailure(QMM_STATUS_MALFORMED, {"'l.weight_global_scale'", "is 0"});
  addNVFP4("l", 1e-40f); // its reciprocal overflows
  expectFailure(QMM_STATUS_MALFORMED,
                {"'l.weight_global_scale@reciprocal'", "inf"});
  addNVFP4("l");
  folder.file.remove("l.weight_global_scale");
  expectFailure(QMM_STATUS_MALFORMED, {"no tensor 'l.weight_global_scale'"});
  addNVFP4("l");
  folder.file.addFilled("l.weight_zero_point", "U8", {1}, 1);
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'l.weight_zero_point'"});
  folder.file.remove("l.weight_zero_point")
      .addFilled("l.weight_scale", "F8_E4M3", {128, 16}, 128 * 16, 0x38);
  expectFailure(QMM_STATUS_MALFORMED,
                {"'l.weight_scale'", "F8_E4M3 [128, 16]", "[96, 16]"});
  folder.file.remove("l.weight_packed");
  expectFailure(QMM_STATUS_MALFORMED,
                {"has no tensor 'l.weight_packed' beside it"});
}

TEST_F(CompressedTensorsTest, WhatChangesMeaningIsRefusedByName) {
  addNVFP4("l");
  for (auto [more, part] :
       {std::pair(R"("future": 1,)", "the field 'future' is unknown")}) {
    folder.config(nvfp4Config(more));
    expectFailure(QMM_STATUS_UNSUPPORTED, {"config.json", part});
  }
  auto group = [&](const std::string &fields) {
    folder.config(
        R"({"quant_method": "compressed-tensors", "config_groups": {"g": {
        "targets": ["Linear"], )" +
        fields + "}}}");
  };
  group(R"("weights": {"num_bits": 4, "type": "int", "group_size": 128,
           "strategy": "group"})");
  expectFailure(QMM_STATUS_UNSUPPORTED,
                {"group 'g'", "4-bit int", "'group'", "groups of 128"});
  group(R"("weights": {"num_bits": 8, "symmetric": false})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'symmetric' is false"});
  group(R"("weights": {"num_bits": 8, "actorder": "group"})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'actorder' is 'group'"});
  group(R"("weights": {"num_bits": 8, "rounding": 1})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"the field 'rounding' is unknown"});
  group(R"("weights": {"num_bits": 8}, "output_activations": {"num_bits": 8})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'output_activations'"});
  group(R"("weights": {"num_bits": 8}, "input_activations": {"num_bits": 4})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"4-bit int", "expected the same"});
  group(R"("weights": {"num_bits": 8}, "format": "pack-quantized")");
  expectFailure(QMM_STATUS_UNSUPPORTED,
                {"'pack-quantized'", "'int-quantized'"});
  group(R"("weights": null)");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"has no 'weights'"});
  folder.config(R"({"quant_method": "compressed-tensors", "config_groups":
                    {"W4A16": ["Linear"]}})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'W4A16'", "preset"});
  folder.config(R"({"quant_method": "compressed-tensors", "config_groups": {},
                    "transform_config": {"config_groups": {"R1": {}}}})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'transform_config'"});
  folder.config(
      R"({"quant_method": "compressed-tensors", "config_groups": 3})");
  expectFailure(QMM_STATUS_MALFORMED, {"'config_groups' is an integer"});
  folder.config(R"x({"quant_method": "compressed-tensors", "config_groups": {
      "g": {"targets": ["re:(?=a)"], "weights": {"num_bits": 8}}}})x");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'(?=a)'", "uses (?="});
  folder.config(R"({"quant_method": "compressed-tensors", "config_groups": {
      "g": {"targets": "Linear", "weights": {"num_bits": 8}}}})");
  expectFailure(QMM_STATUS_MALFORMED, {"'targets' is a string"});
}
