//===- test/numerics/RelayoutTest.cpp - Same values, other places ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For every pair of layouts: there and back gives the same bytes, and the bytes
// in between are those that quantizing straight into that layout gives.  Then
// the refusals of all whole-tensor operations.
//
//===----------------------------------------------------------------------===//
#include "ReferenceTables.h"
#include "TestTensor.h"

#include <memory>

using namespace qmmrt;
using namespace qmmrt_test;

namespace {

std::vector<qmm_layout> getLayouts(const qmm_scheme &scheme,
                                   const std::vector<int64_t> &shape) {
  std::vector<qmm_layout> layouts;
  for (uint32_t scales = 0; scales < 4; ++scales)
    for (uint32_t nibbles = 0; nibbles < 3; ++nibbles)
      for (int64_t pad : {1, 32, 48})
        for (int64_t scalePad : {0, 4}) {
          qmm_layout layout = {scales, nibbles, pad, pad, scalePad};
          qmm_tensor tensor = getDescriptor(shape, scheme, layout);
          if (qmm_tensor_sizes(&tensor, nullptr, nullptr, nullptr) ==
              QMM_STATUS_OK)
            layouts.push_back(layout);
        }
  return layouts;
}

void expectEqual(const OwnedTensor &found, const OwnedTensor &expected) {
  ASSERT_EQ(found.data, expected.data);
  ASSERT_EQ(found.scale, expected.scale);
  ASSERT_EQ(found.tensorScale, expected.tensorScale);
}

void expectOk(const Status &status) {
  ASSERT_TRUE(status.ok()) << status.getMessage();
}

class Relayout : public testing::TestWithParam<const char *> {};

TEST_P(Relayout, ThereAndBack) {
  qmm_scheme scheme = getScheme(GetParam());
  size_t pairs = 0;
  for (const std::vector<int64_t> &shape :
       {std::vector<int64_t>{130, 96}, {2, 5, 160}, {3, 7}, {0, 32}, {4, 0}}) {
    std::vector<qmm_layout> layouts = getLayouts(scheme, shape);
    int64_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    OwnedTensor wide(shape, getWideScheme(QMM_DTYPE_F32));
    fillWide(wide, getRandomValues(count, 5, 21));
    std::vector<std::unique_ptr<OwnedTensor>> direct;
    for (const qmm_layout &layout : layouts) {
      direct.push_back(std::make_unique<OwnedTensor>(shape, scheme, layout));
      if (isWide(scheme)) {
        expectOk(dequantize(getSerialExecutor(), wide.tensor,
                            direct.back()->tensor));
        continue;
      }
      expectOk(quantize(getSerialExecutor(), wide.tensor, getParams(),
                        direct.back()->tensor));
    }
    for (size_t i = 0; i < layouts.size(); ++i)
      for (size_t j = 0; j < layouts.size(); ++j) {
        OwnedTensor there(shape, scheme, layouts[j]);
        OwnedTensor back(shape, scheme, layouts[i]);
        expectOk(
            relayout(getSerialExecutor(), direct[i]->tensor, there.tensor));
        expectEqual(there, *direct[j]);
        expectOk(relayout(getSerialExecutor(), there.tensor, back.tensor));
        expectEqual(back, *direct[i]);
        ++pairs;
      }
  }
  EXPECT_GE(pairs, 9u);
}

INSTANTIATE_TEST_SUITE_P(Schemes, Relayout,
                         testing::Values("f32", "bf16", "fp8", "fp8_row",
                                         "fp8_1x128", "fp8_128x128", "mxfp8",
                                         "mxfp4", "nvfp4", "int8",
                                         "int8_128x128"),
                         [](const testing::TestParamInfo<const char *> &info) {
                           return info.param;
                         });

// Codes that decode alike or not at all survive: nothing is decoded.
TEST(RelayoutBytes, EveryCodeSurvives) {
  qmm_scheme scheme = getScheme("mxfp8");
  qmm_layout tiled = {QMM_SCALES_TILED_128X4, 0, 0, 0, 0};
  OwnedTensor src({8, 32}, scheme), there({8, 32}, scheme, tiled),
      back({8, 32}, scheme);
  for (size_t i = 0; i < src.data.size(); ++i)
    src.data[i] = static_cast<uint8_t>(i);
  for (size_t i = 0; i < src.scale.size(); ++i)
    src.scale[i] = static_cast<uint8_t>(0xFF - i);
  expectOk(relayout(getSerialExecutor(), src.tensor, there.tensor));
  expectOk(relayout(getSerialExecutor(), there.tensor, back.tensor));
  expectEqual(back, src);
}

// A row of E2M1 that ends in the middle of a byte: whatever the other nibble
// held, the result holds zero there.
TEST(RelayoutBytes, OddPackedRow) {
  qmm_scheme scheme = getWideScheme(QMM_DTYPE_E2M1);
  qmm_layout high = {0, QMM_NIBBLES_HI_FIRST, 0, 0, 0};
  qmm_layout low = {0, QMM_NIBBLES_LO_FIRST, 0, 0, 0};
  OwnedTensor src({2, 3}, scheme, high), dst({2, 3}, scheme, low);
  src.data = {0x12, 0x3F, 0x45, 0x6E};
  src.tensor.data = src.data.data();
  expectOk(relayout(getSerialExecutor(), src.tensor, dst.tensor));
  EXPECT_EQ(dst.data, (std::vector<uint8_t>{0x21, 0x03, 0x54, 0x06}));
}

std::string getMessage(const Status &status) {
  EXPECT_EQ(status.getCode(), QMM_STATUS_INVALID_ARGUMENT);
  return status.getMessage();
}

TEST(Refusals, Quantize) {
  Executor &serial = getSerialExecutor();
  qmm_quantize_params params = getParams();
  OwnedTensor wide({4, 32}, getWideScheme(QMM_DTYPE_BF16));
  OwnedTensor raw({4, 32}, getWideScheme(QMM_DTYPE_I32));
  OwnedTensor fp8({4, 32}, getScheme("fp8"));
  OwnedTensor other({2, 2, 32}, getScheme("fp8"));
  EXPECT_EQ(getMessage(quantize(serial, fp8.tensor, params, fp8.tensor)),
            "src: scheme is fp8, expected f32, bf16 or f16");
  EXPECT_EQ(getMessage(quantize(serial, raw.tensor, params, fp8.tensor)),
            "src: scheme is i32, expected f32, bf16 or f16");
  EXPECT_EQ(getMessage(quantize(serial, wide.tensor, params, wide.tensor)),
            "dst: scheme is bf16, expected a quantized one");
  EXPECT_EQ(getMessage(quantize(serial, wide.tensor, params, other.tensor)),
            "dst: shape is 2 x 2 x 32, expected the source's, 4 x 32");
  qmm_tensor overlapping = fp8.tensor;
  overlapping.data = wide.data.data() + 100;
  EXPECT_EQ(getMessage(quantize(serial, wide.tensor, params, overlapping)),
            "dst: data overlaps the source's data, expected separate buffers");
  overlapping = fp8.tensor;
  overlapping.scale = wide.data.data() + 255;
  EXPECT_EQ(getMessage(quantize(serial, wide.tensor, params, overlapping)),
            "dst: scale overlaps the source's data, expected separate buffers");
  qmm_tensor broken = fp8.tensor;
  broken.data = nullptr;
  EXPECT_EQ(getMessage(quantize(serial, wide.tensor, params, broken)),
            "dst: data is NULL, expected 128 bytes for fp8 of shape 4 x 32");
  broken = wide.tensor;
  broken.rank = 10;
  EXPECT_EQ(getMessage(quantize(serial, broken, params, fp8.tensor)),
            "src: rank is 10, expected at most 8");

  params.scale_source = 3;
  EXPECT_EQ(getMessage(quantize(serial, wide.tensor, params, fp8.tensor)),
            "quantize: scale_source is 3, expected 0 to 2");
  params = getParams();
  params.e8m0_rounding = 3;
  EXPECT_EQ(getMessage(quantize(serial, wide.tensor, params, fp8.tensor)),
            "quantize: e8m0_rounding is 3, expected 0 to 2");
  params = getParams();
  params.divide_precision = QMM_DTYPE_E4M3;
  EXPECT_EQ(getMessage(quantize(serial, wide.tensor, params, fp8.tensor)),
            "quantize: divide_precision is 4, expected 0, f32 (1), bf16 (2) or "
            "f16 (3)");
  params = getParams();
  params.scale_precision_input = 2;
  EXPECT_EQ(getMessage(quantize(serial, wide.tensor, params, fp8.tensor)),
            "quantize: scale_precision_input is 2, expected 0 or 1");
}

TEST(Refusals, Dequantize) {
  Executor &serial = getSerialExecutor();
  OwnedTensor wide({4, 32}, getWideScheme(QMM_DTYPE_F32));
  OwnedTensor raw({4, 32}, getWideScheme(QMM_DTYPE_I8));
  OwnedTensor fp8({4, 32}, getScheme("fp8"));
  OwnedTensor longer({5, 32}, getWideScheme(QMM_DTYPE_F32));
  EXPECT_EQ(getMessage(dequantize(serial, fp8.tensor, fp8.tensor)),
            "dst: scheme is fp8, expected f32, bf16 or f16");
  EXPECT_EQ(getMessage(dequantize(serial, raw.tensor, wide.tensor)),
            "src: scheme is i8, expected a quantized one, f32, bf16 or f16");
  EXPECT_EQ(getMessage(dequantize(serial, fp8.tensor, longer.tensor)),
            "dst: shape is 5 x 32, expected the source's, 4 x 32");
  qmm_tensor overlapping = wide.tensor;
  overlapping.data = fp8.scale.data();
  EXPECT_EQ(getMessage(dequantize(serial, fp8.tensor, overlapping)),
            "dst: data overlaps the source's scale, expected separate buffers");
}

TEST(Refusals, RelayoutAndAmax) {
  Executor &serial = getSerialExecutor();
  OwnedTensor fp8({4, 32}, getScheme("fp8"));
  OwnedTensor row({4, 32}, getScheme("fp8_row"));
  OwnedTensor shorter({3, 32}, getScheme("fp8"));
  EXPECT_EQ(getMessage(relayout(serial, fp8.tensor, row.tensor)),
            "dst: scheme is fp8_row, expected the source's, fp8");
  EXPECT_EQ(getMessage(relayout(serial, fp8.tensor, shorter.tensor)),
            "dst: shape is 3 x 32, expected the source's, 4 x 32");
  EXPECT_EQ(getMessage(relayout(serial, fp8.tensor, fp8.tensor)),
            "dst: data overlaps the source's data, expected separate buffers");
  OwnedTensor nvfp4({4, 32}, getScheme("nvfp4")),
      shared({4, 32}, getScheme("nvfp4"));
  qmm_tensor overlapping = shared.tensor;
  overlapping.tensor_scale = nvfp4.tensor.tensor_scale;
  EXPECT_EQ(getMessage(relayout(serial, nvfp4.tensor, overlapping)),
            "dst: tensor_scale overlaps the source's tensor_scale, expected "
            "separate buffers");
  float result = -1;
  EXPECT_EQ(getMessage(amax(serial, fp8.tensor, result)),
            "src: scheme is fp8, expected f32, bf16 or f16");
  EXPECT_EQ(result, -1);
}

} // namespace
