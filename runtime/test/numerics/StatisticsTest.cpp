//===- test/numerics/StatisticsTest.cpp - Errors --------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against sums written out.
//
//===----------------------------------------------------------------------===//
#include "numerics/Statistics.h"
#include "TestTensor.h"

#include <cmath>
#include <limits>

using namespace qmmrt;
using namespace qmmrt_test;

namespace {

void fill(OwnedTensor &tensor, const std::vector<float> &values) {
  ASSERT_EQ(tensor.data.size(), values.size() * 4);
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
}

std::vector<float> ramp(int64_t count) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(0.01f * float((i * 37) % 501 - 250));
  return values;
}

TEST(Statistics, ErrorIsTheSumOfTheDifferences) {
  OwnedTensor wide({5, 96}, getWideScheme(QMM_DTYPE_F32));
  fill(wide, ramp(5 * 96));
  for (const char *name : {"fp8", "mxfp8", "nvfp4", "int8_row"}) {
    OwnedTensor quantized({5, 96}, getScheme(name));
    OwnedTensor back({5, 96}, getWideScheme(QMM_DTYPE_F32));
    ASSERT_TRUE(
        quantize(getSerialExecutor(), wide.tensor, {}, quantized.tensor).ok());
    ASSERT_TRUE(
        dequantize(getSerialExecutor(), quantized.tensor, back.tensor).ok());
    double signal = 0, noise = 0;
    for (size_t i = 0; i < 5 * 96; ++i) {
      float x, y;
      std::memcpy(&x, &wide.data[4 * i], 4);
      std::memcpy(&y, &back.data[4 * i], 4);
      signal += double(x) * x;
      noise += (double(x) - y) * (double(x) - y);
    }
    auto pool = createThreadPool(3);
    for (Executor *executor : {&getSerialExecutor(), pool.get()}) {
      Result<ErrorSums> sums =
          measureError(*executor, wide.tensor, quantized.tensor);
      ASSERT_TRUE(sums.ok()) << sums.getStatus().getMessage();
      EXPECT_NEAR(sums->signal, signal, signal * 1e-12);
      EXPECT_NEAR(sums->noise, noise, noise * 1e-12);
      EXPECT_NEAR(sums->getSqnr(), 10 * std::log10(signal / noise), 1e-9);
    }
  }
  Result<ErrorSums> none =
      measureError(getSerialExecutor(), wide.tensor, wide.tensor);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->getSqnr(), std::numeric_limits<double>::infinity());
}

TEST(Statistics, NonfiniteValuesAreCountedAndReplaced) {
  std::vector<float> values = ramp(3 * 50);
  values[7] = values[149] = std::numeric_limits<float>::quiet_NaN();
  values[60] = -std::numeric_limits<float>::infinity();
  OwnedTensor wide({3, 50}, getWideScheme(QMM_DTYPE_F32));
  fill(wide, values);
  Result<NonfiniteCount> count =
      countNonfinite(getSerialExecutor(), wide.tensor);
  ASSERT_TRUE(count.ok());
  EXPECT_EQ(count->nans, 2);
  EXPECT_EQ(count->infinities, 1);

  OwnedTensor finite({3, 50}, getWideScheme(QMM_DTYPE_F32));
  ASSERT_TRUE(
      replaceNonfinite(getSerialExecutor(), wide.tensor, finite.tensor).ok());
  float largest = 0;
  for (float value : values)
    if (std::isfinite(value))
      largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < values.size(); ++i) {
    float found;
    std::memcpy(&found, &finite.data[4 * i], 4);
    float expected = std::isnan(values[i])   ? 0.0f
                     : std::isinf(values[i]) ? -largest
                                             : values[i];
    EXPECT_EQ(found, expected) << i;
  }
}

TEST(Statistics, OtherTensorsAreRefused) {
  OwnedTensor wide({3, 32}, getWideScheme(QMM_DTYPE_F32));
  OwnedTensor other({3, 64}, getWideScheme(QMM_DTYPE_F32));
  OwnedTensor quantized({3, 32}, getScheme("fp8"));
  EXPECT_EQ(measureError(getSerialExecutor(), wide.tensor, other.tensor)
                .getStatus()
                .getCode(),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(countNonfinite(getSerialExecutor(), quantized.tensor)
                .getStatus()
                .getCode(),
            QMM_STATUS_INVALID_ARGUMENT);
  OwnedTensor half({3, 32}, getWideScheme(QMM_DTYPE_F16));
  EXPECT_EQ(
      replaceNonfinite(getSerialExecutor(), wide.tensor, half.tensor).getCode(),
      QMM_STATUS_INVALID_ARGUMENT);
}

} // namespace
