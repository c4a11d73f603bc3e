//===- test/numerics/ConvertTest.cpp - Vectors against the reference ------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every vector target that this machine runs, bit for bit against the scalar
// reference: all codes, all boundaries, all short lengths and offsets.
//
//===----------------------------------------------------------------------===//
#include "numerics/Convert.h"

#include "numerics/Elements.h"

#include "ReferenceTables.h"

#include <gtest/gtest.h>

using namespace qmmrt;
using namespace qmmrt_test;

namespace {

constexpr qmm_dtype kDTypes[] = {QMM_DTYPE_F32,  QMM_DTYPE_BF16, QMM_DTYPE_F16,
                                 QMM_DTYPE_E4M3, QMM_DTYPE_E5M2, QMM_DTYPE_E2M1,
                                 QMM_DTYPE_I8};

constexpr SimdTarget kTargets[] = {SimdTarget::Scalar, SimdTarget::SSE4,
                                   SimdTarget::AVX2, SimdTarget::AVX512,
                                   SimdTarget::NEON};

std::vector<qmm_nibble_order> getOrders(qmm_dtype dtype) {
  if (dtype == QMM_DTYPE_E2M1)
    return {QMM_NIBBLES_HI_FIRST, QMM_NIBBLES_LO_FIRST};
  return {QMM_NIBBLES_NONE};
}

size_t getBytes(qmm_dtype dtype, int64_t count) {
  return (count * getBitWidth(dtype) + 7) / 8;
}

uint32_t loadCode(qmm_dtype dtype, qmm_nibble_order order, const uint8_t *row,
                  int64_t i) {
  if (dtype == QMM_DTYPE_E2M1) {
    bool high = (order == QMM_NIBBLES_HI_FIRST) == (i % 2 == 0);
    return high ? row[i / 2] >> 4 : row[i / 2] & 0xF;
  }
  uint32_t code = 0;
  size_t bytes = getBitWidth(dtype) / 8;
  std::memcpy(&code, row + i * bytes, bytes);
  return code;
}

/// Runs the suite's body once per supported target and restores the choice.
class Convert : public testing::TestWithParam<SimdTarget> {
protected:
  void SetUp() override {
    before = getSimdTarget();
    if (!isSimdTargetSupported(GetParam()))
      GTEST_SKIP() << getSimdTargetName(GetParam()) << " can't run here";
    setSimdTarget(GetParam());
    ASSERT_EQ(getSimdTarget(), GetParam());
  }
  void TearDown() override { setSimdTarget(before); }

  SimdTarget before = SimdTarget::Scalar;

  static void checkDecode(qmm_dtype dtype, qmm_nibble_order order,
                          const uint8_t *row, int64_t first, int64_t count) {
    constexpr float kGuard = 12345.0f;
    std::vector<float> decoded(count + 1, kGuard);
    decodeRow(dtype, order, row, first, count, decoded.data());
    for (int64_t i = 0; i < count; ++i) {
      uint32_t code = loadCode(dtype, order, row, first + i);
      ASSERT_EQ(floatToBits(decoded[i]),
                floatToBits(decodeElement(dtype, code)))
          << getDTypeName(dtype) << " code " << code << " at " << i << " of "
          << count << " from " << first;
    }
    ASSERT_EQ(decoded[count], kGuard);
  }

  /// Encodes src to elements from `first` on, in a buffer that ends with them.
  static void checkEncode(qmm_dtype dtype, qmm_nibble_order order,
                          const float *src, int64_t first, int64_t count) {
    constexpr uint8_t kGuard = 0x5A;
    std::vector<uint8_t> row(getBytes(dtype, first + count) + 8, kGuard);
    encodeRow(dtype, order, src, first, count, row.data());
    for (int64_t i = 0; i < count; ++i)
      ASSERT_EQ(loadCode(dtype, order, row.data(), first + i),
                encodeElement(dtype, src[i]))
          << getDTypeName(dtype) << " of " << src[i] << " (bits "
          << floatToBits(src[i]) << ") at " << i << " of " << count << " from "
          << first;
    if (dtype == QMM_DTYPE_E2M1 && count % 2) {
      ASSERT_EQ(loadCode(dtype, order, row.data(), first + count), 0u);
    }
    for (size_t i = 0; i < getBytes(dtype, first); ++i)
      ASSERT_EQ(row[i], kGuard);
    for (size_t i = getBytes(dtype, first + count); i < row.size(); ++i)
      ASSERT_EQ(row[i], kGuard) << getDTypeName(dtype) << " wrote after "
                                << count << " from " << first;
  }
};

TEST_P(Convert, DecodesEveryCode) {
  for (const ReferenceFormat &format : getReferenceFormats())
    for (qmm_nibble_order order : getOrders(format.dtype)) {
      std::vector<uint8_t> row;
      if (format.bits == 16)
        for (uint32_t code = 0; code < 65536; ++code) {
          row.push_back(code & 0xFF);
          row.push_back(code >> 8);
        }
      else
        for (uint32_t byte = 0; byte < 256; ++byte)
          row.push_back(byte);
      checkDecode(format.dtype, order, row.data(), 0,
                  row.size() * 8 / format.bits);
    }
  std::vector<uint8_t> bytes;
  for (uint32_t byte = 0; byte < 256; ++byte)
    bytes.push_back(byte);
  checkDecode(QMM_DTYPE_I8, QMM_NIBBLES_NONE, bytes.data(), 0, 256);
  checkDecode(QMM_DTYPE_E8M0, QMM_NIBBLES_NONE, bytes.data(), 0, 256);
}

TEST_P(Convert, DecodesEveryLengthAndOffset) {
  for (qmm_dtype dtype : kDTypes)
    for (qmm_nibble_order order : getOrders(dtype))
      for (int64_t count = 0; count <= 70; ++count)
        for (int64_t first : {0, 1, 2, 3, 7, 16, 33}) {
          // Exactly as many bytes as there are, at an odd address.
          size_t bytes = getBytes(dtype, first + count);
          std::vector<uint8_t> storage(bytes + 1);
          for (size_t i = 0; i < storage.size(); ++i)
            storage[i] = static_cast<uint8_t>(i * 167 + count * 31 + 13);
          checkDecode(dtype, order, storage.data() + 1, first, count);
        }
}

TEST_P(Convert, EncodesEveryBoundary) {
  for (const ReferenceFormat &format : getReferenceFormats()) {
    std::vector<float> values = getBoundaryValues(format);
    std::vector<float> random = getRandomBits(100000, 4);
    values.insert(values.end(), random.begin(), random.end());
    random =
        getRandomValues(100000, static_cast<float>(format.rungs.back()), 5);
    values.insert(values.end(), random.begin(), random.end());
    for (qmm_nibble_order order : getOrders(format.dtype))
      checkEncode(format.dtype, order, values.data(), 0, values.size());
  }
  std::vector<float> values = getRandomValues(100000, 140, 6);
  for (int twice = -260; twice <= 260; ++twice)
    addAround(values, twice / 2.0);
  std::vector<float> special = getSpecialValues();
  values.insert(values.end(), special.begin(), special.end());
  checkEncode(QMM_DTYPE_I8, QMM_NIBBLES_NONE, values.data(), 0, values.size());
}

TEST_P(Convert, EncodesEveryBF16AndF16) {
  std::vector<float> values;
  for (uint32_t code = 0; code < 65536; ++code) {
    values.push_back(decodeElement(QMM_DTYPE_BF16, code));
    values.push_back(decodeElement(QMM_DTYPE_F16, code));
  }
  for (qmm_dtype dtype : kDTypes)
    for (qmm_nibble_order order : getOrders(dtype))
      checkEncode(dtype, order, values.data(), 0, values.size());
}

TEST_P(Convert, EncodesEveryLengthAndOffset) {
  std::vector<float> values = getRandomValues(71, 500, 7);
  for (size_t i = 0; i < values.size(); i += 5)
    values[i] /= 4096;
  for (qmm_dtype dtype : kDTypes)
    for (qmm_nibble_order order : getOrders(dtype))
      for (int64_t count = 0; count <= 70; ++count)
        for (int64_t first : {0, 2, 4, 6, 34}) {
          // Exactly as many floats as there are.
          std::vector<float> src(values.begin(), values.begin() + count);
          checkEncode(dtype, order, src.data(), first, count);
        }
}

TEST_P(Convert, Amax) {
  EXPECT_EQ(amaxRow(nullptr, 0), 0.0f);
  std::vector<float> values = getRandomValues(70, 3, 8);
  for (int64_t count = 1; count <= 70; ++count) {
    std::vector<float> src(values.begin(), values.begin() + count);
    float expected = 0;
    for (float value : src)
      expected = std::max(expected, std::fabs(value));
    ASSERT_EQ(amaxRow(src.data(), count), expected) << count;
    for (int64_t i = 0; i < count; ++i) {
      float old = src[i];
      src[i] = -100;
      ASSERT_EQ(amaxRow(src.data(), count), 100.0f) << i << " of " << count;
      src[i] = bitsToFloat(0xFFC00000u);
      ASSERT_TRUE(std::isnan(amaxRow(src.data(), count)))
          << i << " of " << count;
      src[i] = -std::numeric_limits<float>::infinity();
      ASSERT_EQ(amaxRow(src.data(), count),
                std::numeric_limits<float>::infinity());
      src[i] = old;
    }
  }
  float subnormal[] = {-0.0f, bitsToFloat(0x80000001u)};
  EXPECT_EQ(floatToBits(amaxRow(subnormal, 2)), 1u);
  EXPECT_EQ(floatToBits(amaxRow(subnormal, 1)), 0u);
}

/// Of bf16 and f16 bits, wherever a row begins and ends.
TEST_P(Convert, AmaxEncoded) {
  for (qmm_dtype dtype : {QMM_DTYPE_BF16, QMM_DTYPE_F16})
    for (int64_t first : {0, 1, 7})
      for (int64_t count = 0; count <= 70; ++count) {
        std::vector<float> values = getRandomValues(80, 5, 8);
        std::vector<uint8_t> row(160);
        encodeRow(dtype, QMM_NIBBLES_NONE, values.data(), 0, 80, row.data());
        std::vector<float> decoded(80);
        decodeRow(dtype, QMM_NIBBLES_NONE, row.data(), 0, 80, decoded.data());
        ASSERT_EQ(amaxEncodedRow(dtype, row.data(), first, count),
                  amaxRow(decoded.data() + first, count));
        if (count == 0)
          continue;
        float nan = bitsToFloat(0xFFC00000u);
        encodeRow(dtype, QMM_NIBBLES_NONE, &nan, first + count - 1, 1,
                  row.data());
        ASSERT_TRUE(
            std::isnan(amaxEncodedRow(dtype, row.data(), first, count)));
      }
}

/// Blocks of vectors, of other lengths, and a short last one.
TEST_P(Convert, Blocks) {
  for (int64_t block : {1, 5, 8, 16, 32, 48, 100})
    for (int64_t count : {1, 16, 31, 32, 96, 100, 130}) {
      std::vector<float> values = getRandomValues(130, 7, 8);
      values[3] = bitsToFloat(0xFFC00000u);
      values[100] = -std::numeric_limits<float>::infinity();
      int64_t blocks = (count + block - 1) / block;
      std::vector<float> amax(blocks, 0.5f), factors(blocks);
      amaxBlocks(values.data(), count, block, amax.data());
      for (int64_t b = 0; b < blocks; ++b) {
        float expected =
            std::max(0.5f, amaxRow(values.data() + b * block,
                                   std::min(block, count - b * block)));
        bool hasNaN = b * block <= 3 && 3 < std::min(count, (b + 1) * block);
        if (hasNaN)
          ASSERT_TRUE(std::isnan(amax[b])) << block << " " << count;
        else
          ASSERT_EQ(amax[b], expected) << block << " " << count << " " << b;
        factors[b] = b % 3 == 2 ? 0.0f : 0.3f * float(b + 1);
      }
      std::vector<float> divided(values);
      divideBlocks(divided.data(), count, block, factors.data());
      for (int64_t i = 0; i < 130; ++i) {
        float factor = i < count ? factors[i / block] : 1.0f;
        float expected = factor == 0 ? 0.0f : values[i] / factor;
        if (std::isnan(expected))
          ASSERT_TRUE(std::isnan(divided[i]));
        else
          ASSERT_EQ(floatToBits(divided[i]), floatToBits(expected))
              << block << " " << count << " " << i;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Targets, Convert, testing::ValuesIn(kTargets),
                         [](const testing::TestParamInfo<SimdTarget> &info) {
                           switch (info.param) {
                           case SimdTarget::Scalar:
                             return "Scalar";
                           case SimdTarget::SSE4:
                             return "SSE4";
                           case SimdTarget::AVX2:
                             return "AVX2";
                           case SimdTarget::AVX512:
                             return "AVX512";
                           case SimdTarget::NEON:
                             return "NEON";
                           }
                           return "Unknown";
                         });

TEST(ConvertTargets, ScalarAlwaysRuns) {
  EXPECT_TRUE(isSimdTargetSupported(SimdTarget::Scalar));
  EXPECT_TRUE(isSimdTargetSupported(getSimdTarget()));
}

} // namespace
