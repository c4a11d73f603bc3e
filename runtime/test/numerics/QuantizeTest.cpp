//===- test/numerics/QuantizeTest.cpp - Every scheme, every layout --------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whole tensors, byte for byte, against a quantizer that takes one element at a
// time and knows only the rules; and the corners that the rules single out.
//
//===----------------------------------------------------------------------===//
#include "NaiveQuantizer.h"
#include "ReferenceTables.h"
#include "TestTensor.h"

#include <cmath>
#include <memory>

using namespace qmmrt;
using namespace qmmrt_test;

namespace {

int64_t getCount(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

/// Values over several binades, with zero stretches and a few outliers.
std::vector<float> makeValues(const std::vector<int64_t> &shape,
                              uint32_t seed) {
  std::vector<float> values = getRandomValues(getCount(shape), 3.0f, seed);
  std::mt19937 engine(seed + 1);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t dice = static_cast<uint32_t>(engine()) % 200;
    if (dice == 0)
      values[i] *= 300;
    if (dice == 1)
      values[i] *= 1e-5f;
    if (dice == 2)
      values[i] = -0.0f;
    if (i / 97 % 5 == 3)
      values[i] = 0;
  }
  return values;
}

struct Case {
  std::string name;
  qmm_scheme scheme;
  qmm_layout layout;
};

std::vector<Case> getAllCases() {
  constexpr uint32_t kE4M3 = QMM_DTYPE_E4M3, kE5M2 = QMM_DTYPE_E5M2,
                     kE2M1 = QMM_DTYPE_E2M1, kI8 = QMM_DTYPE_I8,
                     kE8M0 = QMM_DTYPE_E8M0, kF32 = QMM_DTYPE_F32;
  std::vector<std::pair<std::string, qmm_scheme>> schemes;
  for (const char *name :
       {"fp8", "fp8_e5m2", "fp8_row", "fp8_1x128", "fp8_128x128", "mxfp8",
        "mxfp8_e5m2", "mxfp4", "nvfp4", "int8", "int8_row", "int8_128x128"})
    schemes.push_back({name, getScheme(name)});
  schemes.push_back({"fp8_64x64", {kE4M3, kF32, 64, 64, 0, 0}});
  schemes.push_back({"fp8_columns", {kE4M3, kF32, 0, 1, 0, 0}});
  schemes.push_back({"fp8_3x5", {kE4M3, kF32, 3, 5, 0, 0}});
  schemes.push_back({"fp8_whole_e8m0", {kE4M3, kE8M0, 0, 0, 0, 0}});
  schemes.push_back({"mxfp8_scaled", {kE4M3, kE8M0, 1, 32, 1, 0}});
  schemes.push_back({"fp8_row_scaled", {kE5M2, kF32, 1, 0, 1, 0}});
  schemes.push_back({"fp4_f32_2x2", {kE2M1, kF32, 2, 2, 0, 0}});
  schemes.push_back({"fp4_row", {kE2M1, kF32, 1, 0, 0, 0}});
  schemes.push_back({"fp4_tall", {kE2M1, kE4M3, 0, 16, 1, 0}});
  schemes.push_back({"i8_e8m0_1x32", {kI8, kE8M0, 1, 32, 0, 0}});
  schemes.push_back({"i8_e4m3_4x4", {kI8, kE4M3, 4, 4, 1, 0}});
  schemes.push_back({"fp8_e4m3_1x16", {kE4M3, kE4M3, 1, 16, 0, 0}});

  std::vector<Case> cases;
  for (const auto &[name, scheme] : schemes)
    for (uint32_t scales = 0; scales < 4; ++scales)
      for (uint32_t nibbles = 0; nibbles < 3; ++nibbles)
        for (int64_t pad : {0, 32, 96}) {
          qmm_layout layout = {scales, nibbles, pad, pad,
                               scales == QMM_SCALES_OUTER_MAJOR ? 4 : 0};
          if (verifySchemeAndLayout(scheme, layout).ok())
            cases.push_back({name + "_layout" + std::to_string(scales) +
                                 "_nibbles" + std::to_string(nibbles) + "_pad" +
                                 std::to_string(pad),
                             scheme, layout});
        }
  return cases;
}

bool fits(const std::vector<int64_t> &shape, const Case &test) {
  qmm_tensor tensor = getDescriptor(shape, test.scheme, test.layout);
  return qmm_tensor_sizes(&tensor, nullptr, nullptr, nullptr) == QMM_STATUS_OK;
}

/// Which NaN comes out of NaN * NaN or inf / inf is the processor's choice: one
/// stands for all.
void unifyNaNs(qmm_dtype dtype, std::vector<uint8_t> &codes) {
  size_t bytes = getBitWidth(dtype) / 8;
  for (size_t at = 0; bytes && at + bytes <= codes.size(); at += bytes) {
    uint32_t code = 0;
    std::memcpy(&code, codes.data() + at, bytes);
    if (std::isnan(decodeElement(dtype, code)))
      std::memset(codes.data() + at, 0xFF, bytes);
  }
}

void unifyNaNs(OwnedTensor &tensor) {
  const qmm_scheme &scheme = tensor.tensor.scheme;
  unifyNaNs(static_cast<qmm_dtype>(scheme.element), tensor.data);
  unifyNaNs(static_cast<qmm_dtype>(scheme.scale), tensor.scale);
}

bool sameFloat(float lhs, float rhs) {
  return std::isnan(lhs) ? std::isnan(rhs)
                         : floatToBits(lhs) == floatToBits(rhs);
}

void expectSameBytes(OwnedTensor &found, OwnedTensor &expected) {
  ASSERT_EQ(found.tensorScale.size(), expected.tensorScale.size());
  for (size_t i = 0; i < found.tensorScale.size(); ++i)
    ASSERT_TRUE(sameFloat(found.tensorScale[i], expected.tensorScale[i]));
  unifyNaNs(found);
  unifyNaNs(expected);
  ASSERT_EQ(found.scale, expected.scale);
  ASSERT_EQ(found.data, expected.data);
}

void expectOk(const Status &status) {
  ASSERT_TRUE(status.ok()) << status.getMessage();
}

class QuantizeAll : public testing::TestWithParam<Case> {
protected:
  /// Quantizes and compares with the naive quantizer, then the same for
  /// dequantize into each wide type.
  void check(const std::vector<int64_t> &shape,
             const std::vector<float> &values, qmm_dtype input,
             const qmm_quantize_params &params, Executor &executor) {
    SCOPED_TRACE(testing::Message()
                 << getDTypeName(input) << " source " << params.scale_source
                 << " e8m0 " << params.e8m0_rounding << " divide "
                 << params.divide_precision << " input "
                 << params.scale_precision_input);
    OwnedTensor src(shape, getWideScheme(input));
    fillWide(src, values);
    OwnedTensor found(shape, GetParam().scheme, GetParam().layout);
    OwnedTensor expected(shape, GetParam().scheme, GetParam().layout);
    giveScales(params, found);
    giveScales(params, expected);
    expectOk(quantize(executor, src.tensor, params, found.tensor));
    naiveQuantize(src, params, expected);
    expectSameBytes(found, expected);
    if (HasFatalFailure())
      return;
    for (qmm_dtype output : {QMM_DTYPE_F32, QMM_DTYPE_BF16, QMM_DTYPE_F16}) {
      OwnedTensor wide(shape, getWideScheme(output));
      OwnedTensor naive(shape, getWideScheme(output));
      expectOk(dequantize(executor, found.tensor, wide.tensor));
      naiveDequantize(found, naive);
      SCOPED_TRACE(getDTypeName(output));
      expectSameBytes(wide, naive);
    }
  }

  /// Something plausible where the caller gives scales; pads zero.
  static void giveScales(const qmm_quantize_params &params,
                         OwnedTensor &tensor) {
    if (params.scale_source == QMM_SCALES_COMPUTED)
      return;
    for (float &scale : tensor.tensorScale)
      scale = 0.0173f;
    if (params.scale_source != QMM_SCALES_GIVEN)
      return;
    bool isF32 = tensor.tensor.scheme.scale == QMM_DTYPE_F32;
    for (size_t i = 0; i * (isF32 ? 4 : 1) < tensor.scale.size(); ++i) {
      float value = 0.003f + static_cast<float>(i % 7) * 0.01f;
      if (isF32)
        std::memcpy(tensor.scale.data() + i * 4, &value, 4);
      else
        tensor.scale[i] = static_cast<uint8_t>(encodeElement(
            static_cast<qmm_dtype>(tensor.tensor.scheme.scale), value * 100));
    }
  }
};

/// What doesn't depend on how far a tensor is padded: one pad is enough.
class QuantizeOptions : public QuantizeAll {};

std::vector<Case> getCasesWithPad(int64_t pad) {
  std::vector<Case> cases;
  for (const Case &test : getAllCases())
    if (test.layout.pad_k == pad)
      cases.push_back(test);
  return cases;
}

TEST_P(QuantizeAll, ShapesAndTypes) {
  for (const std::vector<int64_t> &shape : {std::vector<int64_t>{130, 96},
                                            {1, 288},
                                            {2, 3, 5, 64},
                                            {3, 4128},
                                            {7, 33},
                                            {3, 1},
                                            {0, 96},
                                            {2, 0, 96},
                                            {0, 4, 96},
                                            {4, 0}}) {
    if (!fits(shape, GetParam()))
      continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    std::vector<float> values = makeValues(shape, 11);
    for (qmm_dtype input : {QMM_DTYPE_F32, QMM_DTYPE_BF16, QMM_DTYPE_F16})
      check(shape, values, input, getParams(), getSerialExecutor());
  }
}

TEST_P(QuantizeOptions, Params) {
  std::vector<int64_t> shape = {2, 5, 96};
  std::vector<float> values = makeValues(shape, 12);
  for (uint32_t source = 0; source < 3; ++source)
    for (uint32_t rounding = 0; rounding < 3; ++rounding)
      for (uint32_t precision :
           {QMM_DTYPE_NONE, QMM_DTYPE_F32, QMM_DTYPE_BF16, QMM_DTYPE_F16})
        for (uint32_t input = 0; input < 2; ++input) {
          qmm_quantize_params params = getParams();
          params.scale_source = source;
          params.e8m0_rounding = rounding;
          params.divide_precision = precision;
          params.scale_precision_input = input;
          for (qmm_dtype type : {QMM_DTYPE_BF16, QMM_DTYPE_F16})
            check(shape, values, type, params, getSerialExecutor());
        }
}

// Every input there is: NaN, infinities, subnormals, any exponent.  What comes
// out is what the rules say, and sanitizers see nothing.
TEST_P(QuantizeAll, AnyBits) {
  std::vector<int64_t> shape = {20, 96};
  std::vector<float> values = getRandomBits(getCount(shape), 13);
  check(shape, values, QMM_DTYPE_F32, getParams(), getSerialExecutor());
  std::vector<float> special = getSpecialValues();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = special[(i + i / 96 * 5) % special.size()];
  for (qmm_dtype input : {QMM_DTYPE_F32, QMM_DTYPE_BF16, QMM_DTYPE_F16})
    check(shape, values, input, getParams(), getSerialExecutor());
  for (float scale : {1e-38f, 1e-41f, 1e38f}) {
    values = getRandomValues(getCount(shape), scale, 14);
    check(shape, values, QMM_DTYPE_F32, getParams(), getSerialExecutor());
  }
}

TEST_P(QuantizeOptions, Threads) {
  std::unique_ptr<Executor> pool = createThreadPool(3);
  std::vector<int64_t> shape = {2, 33, 1056};
  check(shape, makeValues(shape, 15), QMM_DTYPE_BF16, getParams(), *pool);
}

std::string getCaseName(const testing::TestParamInfo<Case> &info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Schemes, QuantizeAll, testing::ValuesIn(getAllCases()),
                         getCaseName);
INSTANTIATE_TEST_SUITE_P(Schemes, QuantizeOptions,
                         testing::ValuesIn(getCasesWithPad(32)), getCaseName);

// 24 schemes have 69 legal pairs of scale layout and nibble order, 3 pads each:
// a rule that refused too much would shrink the suite above unseen.
TEST(Quantize, EveryLegalLayoutWasCovered) {
  EXPECT_EQ(getAllCases().size(), 207u);
}

/// Quantizes `values` of shape {1, n} and returns the tensor.
std::unique_ptr<OwnedTensor> quantizeRow(const char *scheme,
                                         const std::vector<float> &values) {
  std::vector<int64_t> shape = {1, static_cast<int64_t>(values.size())};
  OwnedTensor src(shape, getWideScheme(QMM_DTYPE_F32));
  fillWide(src, values);
  auto dst = std::make_unique<OwnedTensor>(shape, getScheme(scheme));
  EXPECT_TRUE(
      quantize(getSerialExecutor(), src.tensor, getParams(), dst->tensor).ok());
  return dst;
}

TEST(Quantize, ZerosAreZeroCodes) {
  // Negative zeros among them: a zero block has nothing but zero codes.
  std::vector<float> zeros(32, 0.0f);
  zeros[5] = -0.0f;
  for (const char *name : {"fp8", "fp8_row", "fp8_1x128", "fp8_128x128"}) {
    auto tensor = quantizeRow(name, zeros);
    EXPECT_EQ(tensor->f32Scales(), std::vector<float>{1.0f}) << name;
    EXPECT_EQ(tensor->data, std::vector<uint8_t>(32)) << name;
  }
  for (const char *name : {"int8", "int8_row"}) {
    auto tensor = quantizeRow(name, zeros);
    EXPECT_EQ(tensor->f32Scales(), std::vector<float>{1e-30f}) << name;
    EXPECT_EQ(tensor->data, std::vector<uint8_t>(32)) << name;
  }
  for (const char *name : {"mxfp8", "mxfp4"}) {
    auto tensor = quantizeRow(name, zeros);
    EXPECT_EQ(tensor->scale, std::vector<uint8_t>{0}) << name;
    EXPECT_EQ(tensor->data, std::vector<uint8_t>(tensor->data.size())) << name;
  }
  auto nvfp4 = quantizeRow("nvfp4", zeros);
  EXPECT_EQ(nvfp4->tensorScale, std::vector<float>{0.0f});
  EXPECT_EQ(nvfp4->scale, std::vector<uint8_t>(2));
  EXPECT_EQ(nvfp4->data, std::vector<uint8_t>(16));
}

TEST(Quantize, ScalesByHand) {
  std::vector<float> values(32, 0.0f);
  values[3] = -896;
  values[20] = 7;
  EXPECT_EQ(quantizeRow("fp8", values)->f32Scales().at(0), 2.0f);
  EXPECT_EQ(quantizeRow("fp8_e5m2", values)->f32Scales().at(0),
            896.0f / 57344.0f);
  EXPECT_EQ(quantizeRow("int8", values)->f32Scales().at(0), 896.0f / 127.0f);
  EXPECT_EQ(quantizeRow("mxfp8", values)->scale.at(0), 128);
  EXPECT_EQ(quantizeRow("mxfp4", values)->scale.at(0), 127 + 8); // 149.3 up
  auto nvfp4 = quantizeRow("nvfp4", values);
  EXPECT_EQ(nvfp4->tensorScale.at(0), 896.0f / 2688.0f);
  EXPECT_EQ(nvfp4->scale.at(0), 0x7E); // 448
  // (7 / 6) / (1 / 3) = 3.5 is an E4M3 value: 1.75 * 2.
  EXPECT_EQ(nvfp4->scale.at(1), 0x46);
  EXPECT_EQ(getCode(*nvfp4, 0, 3), 0xF);
  EXPECT_EQ(getCode(*nvfp4, 0, 20), 0x7);
}

// A block so far below the tensor's amax that its E4M3 scale rounds to 0.
TEST(Quantize, UnderflowedBlockIsZeroCodes) {
  std::vector<float> values(32, 1e-6f);
  values[16] = 1000;
  auto tensor = quantizeRow("nvfp4", values);
  EXPECT_EQ(tensor->scale.at(0), 0);
  for (int64_t i = 0; i < 16; ++i)
    EXPECT_EQ(getCode(*tensor, 0, i), 0);
}

TEST(Quantize, GivenZeroScaleIsZeroCodes) {
  OwnedTensor src({1, 4}, getWideScheme(QMM_DTYPE_F32));
  fillWide(src, {1, -2, 0, 4});
  OwnedTensor dst({1, 4}, getScheme("fp8"));
  float zero = 0;
  std::memcpy(dst.scale.data(), &zero, 4);
  qmm_quantize_params params = getParams();
  params.scale_source = QMM_SCALES_GIVEN;
  expectOk(quantize(getSerialExecutor(), src.tensor, params, dst.tensor));
  EXPECT_EQ(dst.data, std::vector<uint8_t>(4));
}

// A given scale is a static one: values beyond it saturate.
TEST(Quantize, GivenScaleSaturates) {
  OwnedTensor src({1, 4}, getWideScheme(QMM_DTYPE_BF16));
  fillWide(src, {1000, -1000, 448, 1});
  OwnedTensor dst({1, 4}, getScheme("fp8"));
  float one = 1;
  std::memcpy(dst.scale.data(), &one, 4);
  qmm_quantize_params params = getParams();
  params.scale_source = QMM_SCALES_GIVEN;
  expectOk(quantize(getSerialExecutor(), src.tensor, params, dst.tensor));
  EXPECT_EQ(dst.data, (std::vector<uint8_t>{0x7E, 0xFE, 0x7E, 0x38}));
}

// Quotients rounded to bf16 first give other codes than f32 quotients: what
// jax's and flax's quantizers need.
TEST(Quantize, DividePrecisionChangesCodes) {
  std::vector<float> values = getRandomValues(4096, 3, 16);
  OwnedTensor src({16, 256}, getWideScheme(QMM_DTYPE_BF16));
  fillWide(src, values);
  qmm_quantize_params params = getParams();
  params.scale_source = QMM_SCALES_GIVEN;
  float scale = 0.00667f;
  std::vector<uint8_t> codes[2];
  for (int i = 0; i < 2; ++i) {
    OwnedTensor dst({16, 256}, getScheme("fp8"));
    std::memcpy(dst.scale.data(), &scale, 4);
    params.divide_precision = i ? QMM_DTYPE_BF16 : QMM_DTYPE_F32;
    expectOk(quantize(getSerialExecutor(), src.tensor, params, dst.tensor));
    codes[i] = dst.data;
  }
  size_t different = 0;
  for (size_t i = 0; i < 4096; ++i)
    different += codes[0][i] != codes[1][i];
  EXPECT_GT(different, 40u); // 1 %
  EXPECT_LT(different, 400u);
}

TEST(Quantize, DequantizeOfWideConverts) {
  OwnedTensor src({2, 3}, getWideScheme(QMM_DTYPE_F32));
  fillWide(src, {1, 2.0009765625f, -3, 1e6f, 0, -0.0f});
  OwnedTensor dst({2, 3}, getWideScheme(QMM_DTYPE_F16));
  expectOk(dequantize(getSerialExecutor(), src.tensor, dst.tensor));
  EXPECT_EQ(readWide(dst), (std::vector<float>{1, 2, -3, INFINITY, 0, -0.0f}));
}

TEST(Quantize, Amax) {
  std::unique_ptr<Executor> pool = createThreadPool(2);
  std::vector<float> values = getRandomValues(3 * 5000, 4, 17);
  values[9876] = -77;
  for (qmm_dtype dtype : {QMM_DTYPE_F32, QMM_DTYPE_BF16, QMM_DTYPE_F16}) {
    OwnedTensor src({3, 5000}, getWideScheme(dtype));
    fillWide(src, values);
    float result = -1;
    expectOk(amax(*pool, src.tensor, result));
    EXPECT_EQ(result, 77);
  }
  values[14999] = NAN;
  values[3] = INFINITY;
  OwnedTensor src({3, 5000}, getWideScheme(QMM_DTYPE_F32));
  fillWide(src, values);
  float result = -1;
  expectOk(amax(*pool, src.tensor, result));
  EXPECT_TRUE(std::isnan(result));
  OwnedTensor empty({0, 5000}, getWideScheme(QMM_DTYPE_F32));
  expectOk(amax(*pool, empty.tensor, result));
  EXPECT_EQ(result, 0.0f);
  OwnedTensor scalar({}, getWideScheme(QMM_DTYPE_F32));
  fillWide(scalar, {-5});
  expectOk(amax(*pool, scalar.tensor, result));
  EXPECT_EQ(result, 5.0f);
}

} // namespace
