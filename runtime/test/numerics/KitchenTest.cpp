//===- test/numerics/KitchenTest.cpp - Another implementation's bytes -----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every vector of data/numerics/kitchen_eager.safetensors (comfy-kitchen's
// eager CPU code: random values, outliers, ties, zero blocks, tiny and wide
// ranges, odd shapes; bf16, f16 and f32), byte for byte.
//
//===----------------------------------------------------------------------===//
#include "TestTensor.h"

#include "../TestSafetensors.h"

#include <cmath>

using namespace qmmrt;
using namespace qmmrt_test;

namespace {

using Vectors = std::map<std::string, TestTensor>;

const Vectors &getVectors() {
  static const Vectors vectors = readTestSafetensors(
      std::string(QMM_TEST_DATA) + "/numerics/kitchen_eager.safetensors");
  return vectors;
}

/// "CASE.DTYPE" of every input in the file.
std::vector<std::string> getCases() {
  std::vector<std::string> cases;
  for (const auto &entry : getVectors())
    if (entry.first.size() > 2 &&
        entry.first.compare(entry.first.size() - 2, 2, ".x") == 0)
      cases.push_back(entry.first.substr(0, entry.first.size() - 2));
  return cases;
}

class Kitchen : public testing::TestWithParam<std::string> {
protected:
  const TestTensor &get(const std::string &suffix) const {
    return getVectors().at(GetParam() + suffix);
  }
  float getScalar(const std::string &suffix) const {
    return get(suffix).as<float>().at(0);
  }
  qmm_dtype getDType() const {
    const std::string &dtype = get(".x").dtype;
    return dtype == "F32"    ? QMM_DTYPE_F32
           : dtype == "BF16" ? QMM_DTYPE_BF16
                             : QMM_DTYPE_F16;
  }
  /// The input as a wide tensor.
  void loadInput(OwnedTensor &src) const {
    src.data = get(".x").bytes;
    fix(src);
  }
  static void fix(OwnedTensor &tensor) {
    tensor.tensor.data = tensor.data.data();
    tensor.tensor.scale = tensor.scale.data();
  }
  /// Largest magnitude of the input.
  float getAmax() const {
    OwnedTensor src(get(".x").shape, getWideScheme(getDType()));
    loadInput(src);
    float largest = 0;
    for (float value : readWide(src))
      largest = std::fmax(largest, std::fabs(value));
    return largest;
  }
  qmm_layout getTiledLayout(const qmm_scheme &scheme, int64_t pad) const {
    qmm_layout layout = {};
    layout.scales = QMM_SCALES_TILED_128X4;
    layout.pad_outer = pad;
    layout.pad_k = pad;
    if (scheme.element == QMM_DTYPE_E2M1)
      layout.nibbles = QMM_NIBBLES_HI_FIRST;
    return layout;
  }
  /// Quantizes the input, its tensor-wide scale in the input's precision, as
  /// the vectors were made.
  void quantizeInput(OwnedTensor &dst) const {
    OwnedTensor src(get(".x").shape, getWideScheme(getDType()));
    loadInput(src);
    qmm_quantize_params params = getParams();
    params.scale_precision_input = 1;
    Status status =
        quantize(getSerialExecutor(), src.tensor, params, dst.tensor);
    ASSERT_TRUE(status.ok()) << status.getMessage();
  }
  /// The logical part of the vectors' padded f32 `.dq` must equal ours.
  void expectDequantized(const OwnedTensor &quantized,
                         const std::string &suffix) const {
    OwnedTensor wide(get(".x").shape, getWideScheme(QMM_DTYPE_F32),
                     {0, 0, quantized.tensor.layout.pad_outer,
                      quantized.tensor.layout.pad_k, 0});
    Status status =
        dequantize(getSerialExecutor(), quantized.tensor, wide.tensor);
    ASSERT_TRUE(status.ok()) << status.getMessage();
    EXPECT_EQ(wide.data, get(suffix).bytes);
  }
};

TEST_P(Kitchen, MXFP8) {
  qmm_scheme scheme = getScheme("mxfp8");
  OwnedTensor dst(get(".x").shape, scheme, getTiledLayout(scheme, 32));
  quantizeInput(dst);
  EXPECT_EQ(dst.scale, get(".mxfp8.bscale").bytes);
  EXPECT_EQ(dst.data, get(".mxfp8.q").bytes);
  expectDequantized(dst, ".mxfp8.dq");
}

/// Where a scale of tiny f16 inputs vanished in f16, the vectors hold a useless
/// tensor; ours keeps the f32 scale.  Checks that and says that it was so.
void checkVanishedScale(float scale, float amax, float divisor,
                        const OwnedTensor &quantized) {
  EXPECT_EQ(scale, amax / divisor);
  OwnedTensor wide({quantized.tensor.shape[0], quantized.tensor.shape[1]},
                   getWideScheme(QMM_DTYPE_F32));
  ASSERT_TRUE(
      dequantize(getSerialExecutor(), quantized.tensor, wide.tensor).ok());
  float largest = 0;
  for (float value : readWide(wide)) {
    ASSERT_TRUE(std::isfinite(value));
    largest = std::fmax(largest, std::fabs(value));
  }
  EXPECT_NEAR(largest, amax, amax * 1e-5f);
}

TEST_P(Kitchen, NVFP4) {
  qmm_scheme scheme = getScheme("nvfp4");
  OwnedTensor dst(get(".x").shape, scheme, getTiledLayout(scheme, 16));
  quantizeInput(dst);
  if (getScalar(".nvfp4.tscale") == 0) {
    EXPECT_EQ(GetParam(), "tiny.f16");
    checkVanishedScale(dst.tensorScale.at(0), getAmax(), 448.0f * 6.0f, dst);
    return;
  }
  EXPECT_EQ(dst.tensorScale.at(0), getScalar(".nvfp4.tscale"));
  EXPECT_EQ(dst.scale, get(".nvfp4.bscale").bytes);
  EXPECT_EQ(dst.data, get(".nvfp4.q").bytes);
  expectDequantized(dst, ".nvfp4.dq");
}

TEST_P(Kitchen, FP8Scale) {
  OwnedTensor dst(get(".x").shape, getScheme("fp8"));
  quantizeInput(dst);
  if (getScalar(".fp8.scale") == 0) {
    EXPECT_EQ(GetParam(), "tiny.f16");
    checkVanishedScale(dst.f32Scales().at(0), getAmax(), 448.0f, dst);
    return;
  }
  EXPECT_EQ(dst.f32Scales().at(0), getScalar(".fp8.scale"));
}

// comfy-kitchen doesn't divide: it multiplies by 1 / scale, rounded to the
// input's type, and rounds the product to that type too.  Done here with our
// element encoder that must give its codes; our codes are the quotient's, and
// the two differ nowhere for f32 inputs.
TEST_P(Kitchen, FP8Codes) {
  OwnedTensor src(get(".x").shape, getWideScheme(getDType()));
  loadInput(src);
  OwnedTensor dst(get(".x").shape, getScheme("fp8"));
  quantizeInput(dst);
  float scale = getScalar(".fp8.scale");
  float ourScale = dst.f32Scales().at(0);
  std::vector<float> values = readWide(src);
  const std::vector<uint8_t> &expected = get(".fp8.q").bytes;
  ASSERT_EQ(values.size(), expected.size());
  float reciprocal = roundTo(getDType(), 1.0f / scale);
  size_t different = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    float product = roundTo(getDType(), values[i] * reciprocal);
    EXPECT_EQ(encodeElement(QMM_DTYPE_E4M3, product), expected[i]) << i;
    EXPECT_EQ(encodeElement(QMM_DTYPE_E4M3, values[i] / ourScale), dst.data[i]);
    different += dst.data[i] != expected[i];
  }
  if (getDType() == QMM_DTYPE_F32) {
    EXPECT_EQ(different, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, Kitchen, testing::ValuesIn(getCases()),
                         [](const testing::TestParamInfo<std::string> &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             if (c == '.')
                               c = '_';
                           return name;
                         });

// The file is whole: 7 cases in 3 types.
TEST(KitchenFile, HasEveryCase) { EXPECT_EQ(getCases().size(), 21u); }

} // namespace
