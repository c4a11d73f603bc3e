//===- checkpoint/ConfigFamilyTest.cpp - Other families -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See ConfigFamily.cpp, ModelOpt.cpp, FineGrainedFP8.cpp, Experts.cpp and
// InferredLayer.cpp.
//
//===----------------------------------------------------------------------===//
#include "FamilyFolder.h"

using namespace qmmrt;
using namespace qmmrt::test;

static constexpr int64_t kN = 96, kK = 256;

namespace {
class ConfigFamilyTest : public ::testing::Test {
protected:
  /// ModelOpt's: ComfyUI's keys, lo_first, rows of scales.
  Matrix addNVFP4(const std::string &layer) {
    std::string codes = source.packed(kN * kK / 2),
                scales = source.scales(kN * kK / 16);
    folder.file.add(layer + ".weight", "U8", {kN, kK / 2}, codes)
        .add(layer + ".weight_scale", "F8_E4M3", {kN, kK / 16}, scales)
        .scalar(layer + ".weight_scale_2", 0.0123f)
        .scalar(layer + ".input_scale", 0.5f);
    return decodePacked(codes, scales, decodeE4M3, kN, kK, 16, 0.0123f);
  }
  Matrix addFP8(const std::string &layer) {
    std::string codes = source.e4m3(kN * kK);
    folder.file.add(layer + ".weight", "F8_E4M3", {kN, kK}, codes)
        .scalar(layer + ".weight_scale", 0.0123f)
        .scalar(layer + ".input_scale", 0.5f);
    Matrix result(codes.size());
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = at(codes, i, decodeE4M3) * 0.0123f;
    return result;
  }
  void modelOpt(const std::string &quantization) {
    folder.write("hf_quant_config.json",
                 R"({"producer": {"name": "modelopt", "version": "0.40"},
                     "quantization": )" +
                     quantization + "}");
  }
  void expectFailure(qmm_status code,
                     std::initializer_list<const char *> parts) {
    expectError(folder.read().status, code, parts);
  }
  Source source;
  FamilyFolder folder;
};
using ModelOptTest = ConfigFamilyTest;
using FineGrainedFP8Test = ConfigFamilyTest;
using ExpertsTest = ConfigFamilyTest;
using LayoutTest = ConfigFamilyTest;
} // namespace

TEST_F(ModelOptTest, NVFP4) {
  Matrix expected = addNVFP4("l");
  std::vector<float> factors = source.floats(kK);
  folder.file.add("l.pre_quant_scale", "BF16", {kK}, bf16(factors))
      .scalar("l.k_scale", 1); // of the cache
  modelOpt(R"({"quant_algo": "NVFP4_AWQ", "kv_cache_quant_algo": "FP8",
               "group_size": 16, "exclude_modules": ["lm_head", "x.*"],
               "has_zero_point": false, "pre_quant_scale": true})");
  folder.read().expectWeight("l", expected);
  const LinearLayer &layer = folder.layer("l");
  EXPECT_EQ(layer.layout.nibbles, unsigned(QMM_NIBBLES_LO_FIRST));
  EXPECT_EQ(layer.layout.scales, unsigned(QMM_SCALES_LINEAR));
  EXPECT_EQ(layer.inputScale, "l.input_scale");
  EXPECT_EQ(layer.preQuantScale, "l.pre_quant_scale");
}

TEST_F(ModelOptTest, InConfigJson) {
  Matrix expected = addFP8("l");
  folder.config(R"({"quant_method": "modelopt", "quant_algo": "FP8",
      "ignore": ["lm_head"], "kv_cache_scheme": {"num_bits": 8},
      "config_groups": {"group_0": {"targets": ["Linear"]}},
      "producer": {"name": "modelopt"}})");
  folder.read().expectWeight("l", expected);
  EXPECT_EQ(folder.layer("l").inputScale, "l.input_scale");
}

TEST_F(ModelOptTest, MixedPrecisionByTheNearestModule) {
  Matrix a = addNVFP4("m.experts.0.up"), b = addFP8("m.q");
  modelOpt(R"({"quant_algo": "MIXED_PRECISION", "quantized_layers": {
      "m.experts": {"quant_algo": "W4A16_NVFP4", "group_size": 16},
      "m.q": {"quant_algo": "FP8"}}})");
  folder.read().expectWeight("m.experts.0.up", a);
  folder.expectWeight("m.q", b);
  EXPECT_TRUE(folder.layer("m.experts.0.up").fullPrecision);
  addFP8("m.other");
  expectFailure(QMM_STATUS_MALFORMED, {"'quantized_layers'", "'m.other'"});
}

TEST_F(ModelOptTest, Refusals) {
  addNVFP4("l");
  modelOpt(R"({"quant_algo": "W4A8_AWQ"})");
  expectFailure(QMM_STATUS_UNSUPPORTED,
                {"hf_quant_config.json", "'W4A8_AWQ'", "NVFP4"});
  modelOpt(R"({"quant_algo": "NVFP4", "group_size": 32})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'group_size' is 32", "16"});
  modelOpt(R"({"quant_algo": "NVFP4", "rotation": true})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'rotation' is unknown"});
  modelOpt(R"({"quant_algo": "NVFP4", "has_zero_point": true})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"zero points"});
  modelOpt(R"({"quant_algo": "NVFP4", "exclude_modules": ["l*"]})");
  expectFailure(QMM_STATUS_MALFORMED, {"'l*'", "the layer 'l'"});
  modelOpt(R"({"quant_algo": "MIXED_PRECISION"})");
  expectFailure(QMM_STATUS_MALFORMED, {"'quantized_layers' is missing"});
  modelOpt(R"({"quant_algo": "FP8"})");
  expectFailure(QMM_STATUS_MALFORMED, {"'l.weight'", "U8 [96, 128]"});
  folder.config(R"({"quant_method": "fp8"})");
  expectFailure(QMM_STATUS_MALFORMED, {"declares ModelOpt", "'fp8'"});
}

TEST_F(FineGrainedFP8Test, Blocks) {
  std::string codes = source.e4m3(160 * kK);
  std::vector<float> scales = source.floats(4);
  folder.file.add("l.weight", "F8_E4M3", {160, kK}, codes)
      .add("l.weight_scale_inv", "F32", {2, 2}, f32(scales))
      .addFilled("lm_head.weight", "BF16", {8, 8}, 128);
  Matrix expected(codes.size());
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] =
        at(codes, i, decodeE4M3) * scales[i / kK / 128 * 2 + i % kK / 128];
  std::string config = R"({"quant_method": "fp8", "fmt": "e4m3",
      "activation_scheme": "dynamic", "weight_block_size": [128, 128])";
  folder.config(config + "}").read().expectWeight("l", expected);
  EXPECT_EQ(folder.layer("l").weightScale, "l.weight_scale_inv");
  EXPECT_EQ(folder.layer("l").scheme.block_outer, 128);
  EXPECT_EQ(folder.layer("lm_head").format, "");
  folder.config(config + R"(, "modules_to_not_convert": ["l"]})");
  expectFailure(QMM_STATUS_MALFORMED, {"excluded module", "'l'"});
  folder.config(config + R"(, "extra": 1})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'extra' is unknown"});
  folder.config(R"({"quant_method": "fp8", "fmt": "e5m2"})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'fmt' is 'e5m2'"});
  folder.config(R"({"quant_method": "fp8", "weight_block_size": [1, 128]})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"'weight_block_size'"});
  folder.config(config + "}")
      .file.add("l.weight_scale_inv", "F32", {2, 1}, f32({1, 1}));
  expectFailure(QMM_STATUS_MALFORMED,
                {"'l.weight_scale_inv'", "F32 [2, 1]", "128 x 128"});
}

TEST_F(FineGrainedFP8Test, WholeTensors) {
  Matrix expected = addFP8("l");
  folder.config(R"({"quant_method": "fp8", "activation_scheme": "static",
                    "ignored_layers": ["lm_head"]})");
  folder.read().expectWeight("l", expected);
  EXPECT_EQ(folder.layer("l").inputScale, "l.input_scale");
}

TEST_F(ExpertsTest, EachIsALayer) {
  constexpr int64_t experts = 3, n = 40, k = 64;
  for (auto [stem, module, bias] :
       {std::tuple("m.experts.down_proj_", "m.experts.down_proj",
                   "m.experts.down_proj_bias"),
        std::tuple("block.0.mlp.mlp1_weight.", "block.0.mlp.mlp1_weight",
                   "block.0.mlp.mlp1_bias")}) {
    std::string codes = source.packed(experts * n * k / 2),
                scales = source.exponents(experts * n * k / 32);
    std::vector<float> biases = source.floats(experts * n);
    folder.file
        .add(std::string(stem) + "blocks", "U8", {experts, n, k / 32, 16},
             codes)
        .add(std::string(stem) + "scales", "U8", {experts, n, k / 32}, scales)
        .add(bias, "BF16", {experts, n}, bf16(biases));
    folder.config(R"({"quant_method": "mxfp4",
                      "modules_to_not_convert": ["lm_head"]})");
    folder.read();
    for (int64_t e = 0; e < experts; ++e) {
      std::string name = std::string(module) + "." + std::to_string(e);
      folder.expectWeight(name,
                          decodePacked(codes.substr(size_t(e * n * k / 2)),
                                       scales.substr(size_t(e * n * k / 32)),
                                       decodeE8M0, n, k, 32, 1));
      const SafetensorsTensor *own =
          folder.checkpoint->find(folder.layer(name).bias);
      ASSERT_NE(own, nullptr);
      EXPECT_EQ(own->shape, std::vector<int64_t>{n});
      EXPECT_EQ(own->data, folder.checkpoint->find(bias)->data + e * n * 2);
      EXPECT_TRUE(folder.layer(name).fullPrecision);
    }
  }
  EXPECT_EQ(folder.layers.size(), 6u);
}

TEST_F(ExpertsTest, ShapesMustAgree) {
  folder.file.addFilled("x_blocks", "U8", {2, 4, 3, 16}, 2 * 4 * 3 * 16)
      .addFilled("x_scales", "U8", {2, 4, 3}, 24, 127);
  EXPECT_EQ(folder.read().layers.size(), 2u);
  folder.file.addFilled("x_bias", "BF16", {2, 5}, 20);
  expectFailure(QMM_STATUS_MALFORMED, {"'x_bias'", "BF16 [2, 5]", "[2, 4]"});
  folder.file.remove("x_bias").addFilled("x_scales", "U8", {2, 4, 2}, 16);
  expectFailure(QMM_STATUS_MALFORMED, {"'x_scales'", "U8 [2, 4, 3]"});
  folder.file.addFilled("x_scales", "U8", {2, 4, 3}, 24, '\xff');
  expectFailure(QMM_STATUS_MALFORMED, {"'x_scales'", "NaN"});
  folder.file.addFilled("x_blocks", "U8", {2, 4, 48}, 2 * 4 * 48);
  expectFailure(QMM_STATUS_MALFORMED,
                {"'x_blocks'", "[experts, N, K / 32, 16]"});
}

TEST_F(LayoutTest, SettlesWhatNothingDeclares) {
  Matrix expected = addNVFP4("l");
  expectFailure(QMM_STATUS_UNSUPPORTED,
                {"nothing declares", "--layout=modelopt"});
  folder.read(FileLayout::ModelOpt).expectWeight("l", expected);
  // As ComfyUI's the same bytes would be tiles: here the shape tells.
  folder.read(FileLayout::Comfy);
  expectError(folder.status, QMM_STATUS_MALFORMED,
              {"'l.weight_scale'", "unpadded, so not in tiles"});
  folder.read(FileLayout::CompressedTensors);
  expectError(folder.status, QMM_STATUS_UNSUPPORTED,
              {"'l.weight'", "no format's weight"});
}

TEST_F(LayoutTest, Comfy) {
  folder.file.addFilled("l.weight", "U8", {128, 32}, 128 * 32, 0x22)
      .addFilled("l.weight_scale", "F8_E4M3", {128, 4}, 512, 0x38)
      .scalar("l.weight_scale_2", 0.25f);
  const LinearLayer &layer = folder.read(FileLayout::Comfy).layer("l");
  EXPECT_EQ(layer.layout.scales, unsigned(QMM_SCALES_TILED_128X4));
  EXPECT_EQ(layer.layout.nibbles, unsigned(QMM_NIBBLES_HI_FIRST));
  const LinearLayer &other = folder.read(FileLayout::ModelOpt).layer("l");
  EXPECT_EQ(other.layout.scales, unsigned(QMM_SCALES_LINEAR));
  EXPECT_EQ(other.layout.nibbles, unsigned(QMM_NIBBLES_LO_FIRST));
}

TEST_F(LayoutTest, OtherFormats) {
  Matrix fp8 = addFP8("a");
  std::string codes = source.packed(kN * kK / 2),
              scales = source.exponents(kN * kK / 32);
  folder.file.add("b.weight_packed", "U8", {kN, kK / 2}, codes)
      .add("b.weight_scale", "U8", {kN, kK / 32}, scales);
  folder.read(FileLayout::CompressedTensors).expectWeight("a", fp8);
  folder.expectWeight("b",
                      decodePacked(codes, scales, decodeE8M0, kN, kK, 32, 1));
  folder.file.addFilled("c.weight", "BF16", {2, 2}, 8)
      .scalar("c.weight_scale", 1);
  folder.read(FileLayout::CompressedTensors);
  expectError(folder.status, QMM_STATUS_UNSUPPORTED,
              {"'c.weight'", "BF16 [2, 2]"});
}

TEST_F(LayoutTest, IsForUndeclaredCheckpoints) {
  addFP8("l");
  folder.config(R"({"quant_method": "fp8"})");
  folder.read(FileLayout::ModelOpt);
  expectError(folder.status, QMM_STATUS_INVALID_ARGUMENT,
              {"--layout", "DeepSeek-style fp8, by config.json"});
  folder.config("{}").file.declare("l", R"({"format": "float8_e4m3fn"})");
  folder.read(FileLayout::ModelOpt);
  expectError(folder.status, QMM_STATUS_INVALID_ARGUMENT, {"l.comfy_quant"});
}

TEST_F(ConfigFamilyTest, TheModelsTypeIsExpressed) {
  addFP8("l");
  folder.config(R"({"quant_method": "fp8"})");
  EXPECT_EQ(folder.read().layer("l").expressed, QMM_DTYPE_BF16);
  folder.write("config.json", R"({"torch_dtype": "float16",
                                  "quantization_config": {"quant_method": "fp8"}})");
  EXPECT_EQ(folder.read().layer("l").expressed, QMM_DTYPE_F16);
}

TEST_F(ConfigFamilyTest, UnreadMethodsAreNamed) {
  addFP8("l");
  folder.config(R"({"quant_method": "awq"})");
  expectFailure(QMM_STATUS_UNSUPPORTED,
                {"'l'", "awq, by config.json", "doesn't read"});
}

TEST_F(ConfigFamilyTest, ComfysDeclarationIsNearer) {
  addFP8("l");
  folder.config(R"({"quant_method": "awq"})");
  folder.file.declare("l", R"({"format": "float8_e4m3fn"})");
  EXPECT_EQ(folder.read().layer("l").format, "float8_e4m3fn");
}

TEST_F(ConfigFamilyTest, BrokenConfigs) {
  addFP8("l");
  folder.write("config.json", "{");
  expectFailure(QMM_STATUS_MALFORMED, {"config.json: "});
  // Beside a file that was named itself it may be anything's.
  auto file = Checkpoint::open(folder.path + "/model.safetensors");
  ASSERT_TRUE(file.ok()) << file.getStatus().getMessage();
  expectError(readLinearLayers(*file).getStatus(), QMM_STATUS_UNSUPPORTED,
              {"nothing declares"});
  // A file's own folder declares it, too.
  folder.config(R"({"quant_method": "fp8"})");
  EXPECT_TRUE(readLinearLayers(*file).ok());
  folder.write("config.json", R"({"quantization_config": 3})");
  expectFailure(QMM_STATUS_UNSUPPORTED, {"nothing declares"});
}
