//===- test/numerics/ScaleSearchTest.cpp - Scales of least error ----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Never worse in any block, the same with any number of threads, and where the
// best scale is known that one.
//
//===----------------------------------------------------------------------===//
#include "numerics/ScaleSearch.h"
#include "TestTensor.h"
#include "numerics/Statistics.h"

#include <cmath>
#include <random>

using namespace qmmrt;
using namespace qmmrt_test;

namespace {

void fill(OwnedTensor &tensor, const std::vector<float> &values) {
  ASSERT_EQ(tensor.data.size(), values.size() * 4);
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
}

class ScaleSearch : public testing::TestWithParam<const char *> {};

TEST_P(ScaleSearch, IsNeverWorse) {
  constexpr int64_t kRows = 70, kK = 256;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(kRows * kK);
  for (float &value : values)
    value = normal(random);
  std::fill(values.begin() + 512, values.begin() + 768, 0.0f);
  OwnedTensor wide({kRows, kK}, getWideScheme(QMM_DTYPE_F32));
  fill(wide, values);
  qmm_scheme scheme = getScheme(GetParam());
  OwnedTensor plain({kRows, kK}, scheme), searched({kRows, kK}, scheme),
      threaded({kRows, kK}, scheme);
  Executor &serial = getSerialExecutor();
  auto pool = createThreadPool(3);
  ASSERT_TRUE(quantize(serial, wide.tensor, {}, plain.tensor).ok());
  ASSERT_TRUE(
      quantizeWithSearch(serial, wide.tensor, {}, searched.tensor).ok());
  ASSERT_TRUE(quantizeWithSearch(*pool, wide.tensor, {}, threaded.tensor).ok());
  EXPECT_EQ(searched.data, threaded.data);
  EXPECT_EQ(searched.scale, threaded.scale);
  EXPECT_EQ(searched.tensorScale, plain.tensorScale);
  double before = measureError(serial, wide.tensor, plain.tensor)->noise;
  double after = measureError(serial, wide.tensor, searched.tensor)->noise;
  EXPECT_LE(after, before);
  // Formats with few codes gain; E4M3 has nothing to gain by clipping.
  if (scheme.element == QMM_DTYPE_E2M1 && scheme.scale == QMM_DTYPE_E4M3) {
    EXPECT_LT(after, 0.9 * before);
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, ScaleSearch,
                         testing::Values("fp8", "fp8_row", "fp8_128x128",
                                         "mxfp8", "mxfp4", "nvfp4", "int8",
                                         "int8_row"));

/// 4 over 6: a block of ±1 and ±0.75 is exact with 1 as 4, and not with 1 as 6.
TEST(ScaleSearchKnown, FourOverSix) {
  std::vector<float> values(64, 6.0f * 448.0f);
  for (int i = 0; i < 16; ++i)
    values[16 + i] = (i % 2 ? -1.0f : 1.0f) * (i % 4 < 2 ? 64.0f : 48.0f);
  OwnedTensor wide({1, 64}, getWideScheme(QMM_DTYPE_F32));
  fill(wide, values);
  OwnedTensor searched({1, 64}, getScheme("nvfp4"));
  ASSERT_TRUE(
      quantizeWithSearch(getSerialExecutor(), wide.tensor, {}, searched.tensor)
          .ok());
  EXPECT_EQ(searched.tensorScale.at(0), 1.0f);
  EXPECT_EQ(decodeElement(QMM_DTYPE_E4M3, searched.scale.at(1)), 16.0f);
  EXPECT_EQ(
      measureError(getSerialExecutor(), wide.tensor, searched.tensor)->noise,
      0.0);
}

TEST(ScaleSearchKnown, GivenScalesAreRefused) {
  OwnedTensor wide({1, 64}, getWideScheme(QMM_DTYPE_F32));
  OwnedTensor dst({1, 64}, getScheme("fp8"));
  qmm_quantize_params params = {};
  params.scale_source = QMM_SCALES_GIVEN;
  EXPECT_EQ(
      quantizeWithSearch(getSerialExecutor(), wide.tensor, params, dst.tensor)
          .getCode(),
      QMM_STATUS_INVALID_ARGUMENT);
}

} // namespace
