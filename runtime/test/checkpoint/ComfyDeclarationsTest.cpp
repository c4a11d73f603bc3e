//===- checkpoint/ComfyDeclarationsTest.cpp - ComfyUI's JSON -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See ComfyDeclarations.cpp.
//
//===----------------------------------------------------------------------===//
#include "FileBuilder.h"

using namespace qmmrt;
using namespace qmmrt::test;

/// A float8_e4m3fn layer 'l' of 4 x 8 without its declaration.
static FileBuilder undeclared() {
  return FileBuilder()
      .addFilled("l.weight", "F8_E4M3", {4, 8}, 32, 0x38)
      .scalar("l.weight_scale", 0.5f);
}

static void expectRefused(const FileBuilder &file, qmm_status code,
                          std::initializer_list<const char *> parts) {
  Read read(file);
  expectError(read.status, code, parts);
}

static void
expectDeclarationRefused(const std::string &json, qmm_status code,
                         std::initializer_list<const char *> parts) {
  SCOPED_TRACE(json);
  Read read(undeclared().declare("l", json));
  expectError(read.status, code, {"mem: tensor 'l.comfy_quant'"});
  expectError(read.status, code, parts);
}

TEST(ComfyDeclarations, TensorAlone) {
  Read read(undeclared().declare("l", R"({"format": "float8_e4m3fn"})"));
  ASSERT_TRUE(read.status.ok()) << read.status.getMessage();
  ASSERT_EQ(read.layers.size(), 1u);
  EXPECT_EQ(read.layers[0].format, "float8_e4m3fn");
}

TEST(ComfyDeclarations, MetadataAlone) {
  Read read(undeclared().metadata(
      R"({"format_version": "1.0", "layers": {"l": {"format": "float8_e4m3fn",)"
      R"( "full_precision_matrix_mult": true}}})"));
  ASSERT_TRUE(read.status.ok()) << read.status.getMessage();
  ASSERT_EQ(read.layers.size(), 1u);
  EXPECT_TRUE(read.layers[0].fullPrecision);
}

TEST(ComfyDeclarations, BothAreMerged) {
  Read read(undeclared()
                .declare("l", R"({"format": "float8_e4m3fn",)"
                              R"( "orig_dtype": "torch.float16"})")
                .metadata(R"({"layers": {"l": {"orig_shape": [4, 8],)"
                          R"( "format": "float8_e4m3fn"}}})"));
  ASSERT_TRUE(read.status.ok()) << read.status.getMessage();
  EXPECT_EQ(read.layers[0].expressed, QMM_DTYPE_F16);
}

TEST(ComfyDeclarations, BothMustAgree) {
  expectRefused(undeclared()
                    .declare("l", R"({"format": "float8_e4m3fn"})")
                    .metadata(R"({"layers": {"l": {"format": "nvfp4"}}})"),
                QMM_STATUS_MALFORMED,
                {"'l.comfy_quant'", "'_quantization_metadata'", "'format'",
                 "'float8_e4m3fn' and 'nvfp4'"});
  expectRefused(
      undeclared()
          .declare("l", R"({"format": "float8_e4m3fn", "group_size": 64})")
          .metadata(R"({"layers": {"l": {"group_size": 32}}})"),
      QMM_STATUS_MALFORMED,
      {"'l.comfy_quant'", "'_quantization_metadata'", "'group_size'"});
}

TEST(ComfyDeclarations, NamesUnknownFormats) {
  expectDeclarationRefused(R"({"format": "fp7"})", QMM_STATUS_UNSUPPORTED,
                           {"'fp7' is unknown", "expected one of"});
  for (const char *format : {"convrot_w4a4", "asym_w4a8_int8", "awq_w4a16"})
    expectDeclarationRefused(std::string("{\"format\": \"") + format + "\"}",
                             QMM_STATUS_UNSUPPORTED,
                             {format, "not read by this version"});
}

TEST(ComfyDeclarations, NamesUnknownFields) {
  expectDeclarationRefused(R"({"format": "float8_e4m3fn", "zest": 1})",
                           QMM_STATUS_UNSUPPORTED, {"'zest' is unknown"});
  expectDeclarationRefused(R"({"format": "float8_e4m3fn", "convrot": true})",
                           QMM_STATUS_UNSUPPORTED,
                           {"'convrot'", "not read by this version"});
  expectDeclarationRefused(R"({"format": "float8_e4m3fn", "per_row": true})",
                           QMM_STATUS_UNSUPPORTED,
                           {"'per_row'", "'float8_e4m3fn'"});
}

TEST(ComfyDeclarations, AcceptsConvrotFalse) {
  Read read(undeclared().declare(
      "l", R"({"format": "float8_e4m3fn", "convrot": false})"));
  EXPECT_TRUE(read.status.ok()) << read.status.getMessage();
}

TEST(ComfyDeclarations, ChecksFieldKinds) {
  expectDeclarationRefused(R"({"format": 4})", QMM_STATUS_MALFORMED,
                           {"'format' is an integer", "a string"});
  expectDeclarationRefused(R"({"format": "nvfp4", "group_size": "16"})",
                           QMM_STATUS_MALFORMED,
                           {"'group_size' is a string", "integer above 0"});
  expectDeclarationRefused(R"({"format": "nvfp4", "group_size": 0})",
                           QMM_STATUS_MALFORMED, {"'group_size'"});
  expectDeclarationRefused(
      R"({"format": "nvfp4", "full_precision_matrix_mult": 1})",
      QMM_STATUS_MALFORMED, {"'full_precision_matrix_mult'", "true or false"});
  expectDeclarationRefused(R"({"format": "nvfp4", "orig_dtype": "int"})",
                           QMM_STATUS_UNSUPPORTED, {"'int'", "bfloat16"});
  for (const char *shape : {"[4]", "[4, 0]", "[4, 8.0]", "[4, 8, 1]", "4"})
    expectDeclarationRefused(
        std::string(R"({"format": "nvfp4", "orig_shape": )") + shape + "}",
        QMM_STATUS_MALFORMED, {"'orig_shape'"});
}

TEST(ComfyDeclarations, ChecksTheJson) {
  expectDeclarationRefused("", QMM_STATUS_MALFORMED, {"not valid JSON"});
  expectDeclarationRefused("{\"format\"", QMM_STATUS_MALFORMED,
                           {"not valid JSON"});
  expectDeclarationRefused(std::string(8, '\0'), QMM_STATUS_MALFORMED,
                           {"zero byte"});
  expectDeclarationRefused("[]", QMM_STATUS_MALFORMED,
                           {"an array", "expected an object"});
  expectDeclarationRefused("{}", QMM_STATUS_MALFORMED, {"no field 'format'"});
  expectDeclarationRefused(R"({"format": "nvfp4", "format": "nvfp4"})",
                           QMM_STATUS_MALFORMED, {"'format' occurs twice"});
  expectDeclarationRefused(std::string(1000, '['), QMM_STATUS_MALFORMED,
                           {"deeper than 8"});
  expectDeclarationRefused("{\"format\": \"\xff\"}", QMM_STATUS_MALFORMED,
                           {"UTF-8"});
  expectDeclarationRefused(R"({"group_size": 18446744073709551615})",
                           QMM_STATUS_MALFORMED, {"18446744073709551615"});
}

TEST(ComfyDeclarations, ChecksTheTensor) {
  expectRefused(undeclared().addFilled("l.comfy_quant", "I8", {4}, 4),
                QMM_STATUS_MALFORMED,
                {"'l.comfy_quant'", "I8 [4]", "expected U8"});
  expectRefused(undeclared().addFilled("l.comfy_quant", "U8", {2, 2}, 4),
                QMM_STATUS_MALFORMED, {"'l.comfy_quant'", "U8 [2, 2]"});
}

TEST(ComfyDeclarations, ChecksTheMetadata) {
  auto expect = [](const char *json, qmm_status code,
                   std::initializer_list<const char *> parts) {
    SCOPED_TRACE(json);
    expectRefused(undeclared().metadata(json), code,
                  {"mem: header metadata '_quantization_metadata'"});
    expectRefused(undeclared().metadata(json), code, parts);
  };
  expect("{", QMM_STATUS_MALFORMED, {"not valid JSON"});
  expect("3", QMM_STATUS_MALFORMED, {"is an integer"});
  expect(R"({"layers": []})", QMM_STATUS_MALFORMED, {"'layers' is an array"});
  expect(R"({"format_version": "2.0"})", QMM_STATUS_UNSUPPORTED,
         {"'2.0'", "expected '1.0'"});
  expect(R"({"extra": 1})", QMM_STATUS_UNSUPPORTED, {"'extra' is unknown"});
  expect(R"({"layers": {"l": 5}})", QMM_STATUS_MALFORMED,
         {"layer 'l'", "an integer"});
  expect(R"({"layers": {"l": {"format": "fp7"}}})", QMM_STATUS_UNSUPPORTED,
         {"layer 'l'", "'fp7'"});
}

TEST(ComfyDeclarations, MetadataBesideATensorIsCheckedToo) {
  expectRefused(undeclared()
                    .declare("l", R"({"format": "float8_e4m3fn"})")
                    .metadata(R"({"layers": {"l": 5}})"),
                QMM_STATUS_MALFORMED, {"layer 'l'", "an integer"});
}

TEST(ComfyDeclarations, BoundsTheFields) {
  std::string fields;
  for (int i = 0; i < 65; ++i)
    fields += (i ? ",\"f" : "\"f") + std::to_string(i) + "\": 0";
  expectDeclarationRefused("{" + fields + "}", QMM_STATUS_MALFORMED,
                           {"65 fields", "at most 64"});
}

TEST(ComfyDeclarations, NamesADeclaredLayerWithoutWeight) {
  expectRefused(undeclared()
                    .declare("l", R"({"format": "float8_e4m3fn"})")
                    .declare("m", R"({"format": "float8_e4m3fn"})"),
                QMM_STATUS_MALFORMED, {"'m.comfy_quant'", "'m.weight'"});
  expectRefused(
      undeclared().metadata(R"({"layers": {"m": {"format": "nvfp4"}}})"),
      QMM_STATUS_MALFORMED, {"layer 'm'", "'m.weight'"});
}
