//===- ConvertTest.cpp - Vector conversions against the reference ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bit for bit against numerics/Elements.h, on every vector target of the
// machine: every code, every bf16 and f16 number, every f32 near a rounding
// boundary, at every position in a vector.
//
//===----------------------------------------------------------------------===//
#include "numerics/Convert.h"
#include "SimdTargets.h"
#include "numerics/Elements.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

using namespace qmmrt;

namespace {

uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}
float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

constexpr qmm_dtype kElements[] = {
    QMM_DTYPE_F32,  QMM_DTYPE_BF16, QMM_DTYPE_F16,  QMM_DTYPE_E4M3,
    QMM_DTYPE_E5M2, QMM_DTYPE_E2M1, QMM_DTYPE_E8M0, QMM_DTYPE_I8};
constexpr qmm_nibble_order kOrders[] = {QMM_NIBBLES_HI_FIRST,
                                        QMM_NIBBLES_LO_FIRST};

/// Reads code i of a packed row.
uint32_t getCode(qmm_dtype dtype, qmm_nibble_order order, const uint8_t *row,
                 int64_t i) {
  switch (getBitWidth(dtype)) {
  case 4: {
    bool high = (i % 2 == 0) == (order == QMM_NIBBLES_HI_FIRST);
    return high ? row[i / 2] >> 4 : row[i / 2] & 15;
  }
  case 8:
    return row[i];
  case 16:
    return row[2 * i] | row[2 * i + 1] << 8;
  default: {
    uint32_t bits;
    std::memcpy(&bits, row + 4 * i, 4);
    return bits;
  }
  }
}

void checkDecode(qmm_dtype dtype, qmm_nibble_order order,
                 const std::vector<uint8_t> &row, int64_t first,
                 int64_t count) {
  std::vector<float> got(count + 1, 12345.0f);
  decodeRow(dtype, order, row.data(), first, count, got.data());
  for (int64_t i = 0; i < count; ++i) {
    uint32_t code = getCode(dtype, order, row.data(), first + i);
    ASSERT_EQ(toBits(got[i]), toBits(decodeElement(dtype, code)))
        << getDTypeName(dtype) << " code " << code << " at " << i;
  }
  EXPECT_EQ(got[count], 12345.0f);
}

void checkEncode(qmm_dtype dtype, qmm_nibble_order order,
                 const std::vector<float> &values) {
  int64_t count = values.size();
  std::vector<uint8_t> row(4 * count + 8, 0xAB);
  encodeRow(dtype, order, values.data(), 0, count, row.data());
  for (int64_t i = 0; i < count; ++i)
    ASSERT_EQ(getCode(dtype, order, row.data(), i),
              encodeElement(dtype, values[i]))
        << getDTypeName(dtype) << " of " << values[i] << " = 0x" << std::hex
        << toBits(values[i]);
  EXPECT_EQ(row[(count * getBitWidth(dtype) + 7) / 8], 0xAB);
}

class Convert : public test::SimdTargetTest {};

TEST_P(Convert, DecodesEveryCode) {
  for (qmm_dtype dtype : kElements)
    for (qmm_nibble_order order : kOrders) {
      std::vector<uint8_t> row;
      if (getBitWidth(dtype) >= 16)
        for (uint32_t code = 0; code < 65536; ++code) {
          if (dtype == QMM_DTYPE_F32) {
            row.push_back(0x5A);
            row.push_back(0x01);
          }
          row.push_back(code & 0xFF);
          row.push_back(code >> 8);
        }
      else
        for (uint32_t code = 0; code < 256; ++code)
          row.push_back(uint8_t(code * 7 + code / 16));
      int64_t count = row.size() * 8 / getBitWidth(dtype);
      checkDecode(dtype, order, row, 0, count);
    }
}

TEST_P(Convert, DecodesAnyRange) {
  for (qmm_dtype dtype : kElements)
    for (qmm_nibble_order order : kOrders) {
      std::vector<uint8_t> row(1024);
      for (size_t i = 0; i < row.size(); ++i)
        row[i] = uint8_t(i * 167 + i / 7);
      for (int64_t first = 0; first < 5; ++first)
        for (int64_t count = 0; count < 140; ++count)
          checkDecode(dtype, order, row, first, count);
    }
}

TEST_P(Convert, EncodesEveryHalf) {
  for (qmm_dtype source : {QMM_DTYPE_BF16, QMM_DTYPE_F16}) {
    std::vector<float> values;
    for (uint32_t code = 0; code < 65536; ++code)
      values.push_back(decodeElement(source, code));
    for (qmm_dtype dtype : kElements)
      for (qmm_nibble_order order : kOrders)
        checkEncode(dtype, order, values);
  }
}

TEST_P(Convert, EncodesAroundEveryBoundary) {
  for (qmm_dtype dtype : kElements) {
    unsigned width = getBitWidth(dtype);
    if (width == 32)
      continue;
    std::vector<float> values;
    auto addAround = [&](float value) {
      for (int32_t step = -2; step <= 2; ++step)
        for (uint32_t sign : {0u, 0x80000000u})
          values.push_back(fromBits((toBits(value) + step) ^ sign));
    };
    float last = 0;
    for (uint32_t code = 0; code < (1u << (width - 1)); ++code) {
      float value = decodeElement(dtype, code);
      if (!std::isfinite(value))
        continue;
      addAround(value);
      addAround(float((double(last) + value) / 2));
      last = value;
    }
    // Beyond the largest number, and the special ones.
    for (float value : {1.01f, 1.04f, 1.1f, 1.5f, 2.0f, 1e6f})
      addAround(getMaxFinite(dtype) * value);
    for (uint32_t bits :
         {0u, 1u, 2u, 0x400000u, 0x7FFFFFu, 0x800000u, 0x7F7FFFFFu, 0x7F800000u,
          0x7F800001u, 0x7FC00000u, 0x7FC12345u, 0x7FFFFFFFu}) {
      values.push_back(fromBits(bits));
      values.push_back(fromBits(bits | 0x80000000u));
    }
    for (qmm_nibble_order order : kOrders)
      checkEncode(dtype, order, values);
  }
}

TEST_P(Convert, EncodesAnyCount) {
  std::vector<float> values;
  for (int i = 0; i < 150; ++i)
    values.push_back(std::sin(float(i)) * 10);
  for (int64_t count = 0; count < 150; ++count)
    for (qmm_dtype dtype : kElements)
      for (qmm_nibble_order order : kOrders)
        checkEncode(dtype, order, {values.begin(), values.begin() + count});
}

TEST_P(Convert, EncodesEvery1021stFloat) {
  std::vector<float> values;
  auto flush = [&] {
    for (qmm_dtype dtype : kElements)
      checkEncode(dtype, QMM_NIBBLES_LO_FIRST, values);
    values.clear();
  };
  for (uint64_t bits = 0; bits < (1ull << 32); bits += 1021) {
    values.push_back(fromBits(uint32_t(bits)));
    if (values.size() == 65536)
      flush();
  }
  flush();
}

TEST_P(Convert, Amax) {
  std::vector<float> values(70, -0.0f);
  EXPECT_EQ(toBits(amaxRow(values.data(), 0)), 0u);
  EXPECT_EQ(toBits(amaxRow(values.data(), 70)), 0u);
  for (size_t place = 0; place < values.size(); ++place) {
    values[place] = -3.5f;
    EXPECT_EQ(amaxRow(values.data(), 70), 3.5f);
    EXPECT_EQ(amaxRow(values.data(), place), 0.0f);
    values[place] = -INFINITY;
    EXPECT_EQ(amaxRow(values.data(), 70), INFINITY);
    values[(place + 3) % 70] = fromBits(0xFFC00001u);
    EXPECT_EQ(toBits(amaxRow(values.data(), 70)), 0x7FC00000u);
    values[place] = values[(place + 3) % 70] = 0.0f;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Convert, test::getSimdTargets(),
                         test::getSimdTestName);

} // namespace
