//===- test/numerics/ElementsTest.cpp - Every code, every rounding --------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scalar reference against tables that were made another way: all codes
// both ways, all 16-bit inputs, f32 around every boundary.
//
//===----------------------------------------------------------------------===//
#include "numerics/Elements.h"

#include "ReferenceTables.h"

#include "qmm/ops.h"

#include <gtest/gtest.h>

using namespace qmmrt;
using namespace qmmrt_test;

namespace {

/// The encoder's answer must be the table's; NaN codes of wide types may differ
/// in payload, which a test of its own fixes.
testing::AssertionResult encodesAs(const ReferenceFormat &format, float value) {
  uint32_t expected = format.encode(value);
  uint32_t found = encodeElement(format.dtype, value);
  if (found == expected)
    return testing::AssertionSuccess();
  if (std::isnan(value) && !format.saturates && format.isNaNCode(found) &&
      ((found ^ expected) & format.signBit()) == 0)
    return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << getDTypeName(format.dtype) << " of " << value << " (bits "
         << floatToBits(value) << ") is " << found << ", expected " << expected;
}

bool sameValue(float found, double expected) {
  if (std::isnan(expected))
    return std::isnan(found);
  return static_cast<double>(found) == expected &&
         std::signbit(found) == std::signbit(expected);
}

/// All inputs of a 16-bit wide type, exactly, as f32.
std::vector<float> getAllValues(qmm_dtype dtype) {
  std::vector<float> values;
  for (const ReferenceFormat &format : getReferenceFormats())
    if (format.dtype == dtype)
      for (uint32_t code = 0; code < 65536; ++code)
        values.push_back(static_cast<float>(format.decode(code)));
  return values;
}

TEST(Elements, LadderEndsWhereTheFormatsSay) {
  double largest[] = {6, 448, 57344, 65504, 3.3895313892515355e38};
  size_t i = 0;
  for (const ReferenceFormat &format : getReferenceFormats()) {
    EXPECT_EQ(format.rungs.back(), largest[i]) << getDTypeName(format.dtype);
    EXPECT_EQ(getMaxFinite(format.dtype), static_cast<float>(largest[i]));
    EXPECT_EQ(getBitWidth(format.dtype), format.bits);
    ++i;
  }
  EXPECT_EQ(i, 5u);
}

TEST(Elements, DecodesEveryCode) {
  for (const ReferenceFormat &format : getReferenceFormats())
    for (uint32_t code = 0; code < 1u << format.bits; ++code)
      ASSERT_TRUE(
          sameValue(decodeElement(format.dtype, code), format.decode(code)))
          << getDTypeName(format.dtype) << " code " << code;
}

TEST(Elements, EveryCodeEncodesToItself) {
  for (const ReferenceFormat &format : getReferenceFormats())
    for (uint32_t code = 0; code < 1u << format.bits; ++code) {
      float value = decodeElement(format.dtype, code);
      if (std::isinf(value) && format.saturates)
        continue;
      uint32_t found = encodeElement(format.dtype, value);
      if (!std::isnan(value)) {
        ASSERT_EQ(found, code) << getDTypeName(format.dtype);
      } else {
        ASSERT_TRUE(format.isNaNCode(found)) << getDTypeName(format.dtype);
      }
    }
}

TEST(Elements, SpecialCodes) {
  EXPECT_TRUE(std::isnan(decodeElement(QMM_DTYPE_E4M3, 0x7F)));
  EXPECT_TRUE(std::isnan(decodeElement(QMM_DTYPE_E4M3, 0xFF)));
  EXPECT_EQ(decodeElement(QMM_DTYPE_E4M3, 0x7E), 448.0f);
  EXPECT_EQ(decodeElement(QMM_DTYPE_E5M2, 0x7C),
            std::numeric_limits<float>::infinity());
  for (uint32_t code : {0x7Du, 0x7Eu, 0x7Fu, 0xFDu})
    EXPECT_TRUE(std::isnan(decodeElement(QMM_DTYPE_E5M2, code)));
  float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(encodeElement(QMM_DTYPE_E4M3, infinity), 0x7Eu);
  EXPECT_EQ(encodeElement(QMM_DTYPE_E5M2, -infinity), 0xFBu);
  EXPECT_EQ(encodeElement(QMM_DTYPE_E2M1, -infinity), 0xFu);
  EXPECT_EQ(encodeElement(QMM_DTYPE_F16, infinity), 0x7C00u);
  EXPECT_EQ(encodeElement(QMM_DTYPE_F16, 65519.9f), 0x7BFFu);
  EXPECT_EQ(encodeElement(QMM_DTYPE_F16, 65520.0f), 0x7C00u);
  EXPECT_EQ(encodeElement(QMM_DTYPE_BF16, 3.4e38f), 0x7F80u);
  // Codes above the width are ignored, not read out of bounds.
  EXPECT_EQ(decodeElement(QMM_DTYPE_E2M1, 0xF7), 6.0f);
}

TEST(Elements, NaN) {
  for (bool negative : {false, true}) {
    float nan = bitsToFloat(negative ? 0xFFC00000u : 0x7FC00000u);
    uint32_t sign = negative ? 0x80 : 0;
    EXPECT_EQ(encodeElement(QMM_DTYPE_E4M3, nan), sign | 0x7F);
    EXPECT_EQ(encodeElement(QMM_DTYPE_E5M2, nan), sign | 0x7F);
    EXPECT_EQ(encodeElement(QMM_DTYPE_E2M1, nan), 0u);
    EXPECT_EQ(encodeElement(QMM_DTYPE_I8, nan), 0u);
    EXPECT_EQ(encodeElement(QMM_DTYPE_E8M0, nan), 0xFFu);
  }
  // Wide types quiet a NaN and keep the top of its payload.
  EXPECT_EQ(encodeElement(QMM_DTYPE_F16, bitsToFloat(0xFF802000u)), 0xFE01u);
  EXPECT_EQ(encodeElement(QMM_DTYPE_BF16, bitsToFloat(0x7F810000u)), 0x7FC1u);
  EXPECT_EQ(floatToBits(decodeElement(QMM_DTYPE_F16, 0x7C01)), 0x7FC02000u);
}

TEST(Elements, TiesOfE2M1) {
  const std::pair<float, float> ties[] = {{0.25f, 0}, {0.75f, 1}, {1.25f, 1},
                                          {1.75f, 2}, {2.5f, 2},  {3.5f, 4},
                                          {5, 4}};
  for (auto [value, expected] : ties) {
    EXPECT_EQ(roundTo(QMM_DTYPE_E2M1, value), expected) << value;
    EXPECT_EQ(roundTo(QMM_DTYPE_E2M1, -value), -expected) << value;
  }
  EXPECT_EQ(encodeElement(QMM_DTYPE_E2M1, -0.0f), 8u);
}

TEST(Elements, EncodesEveryBF16AndF16) {
  for (qmm_dtype input : {QMM_DTYPE_BF16, QMM_DTYPE_F16}) {
    std::vector<float> values = getAllValues(input);
    ASSERT_EQ(values.size(), 65536u);
    for (const ReferenceFormat &format : getReferenceFormats())
      for (float value : values)
        ASSERT_TRUE(encodesAs(format, value));
    for (float value : values)
      ASSERT_EQ(encodeElement(QMM_DTYPE_I8, value), encodeI8Reference(value))
          << value;
  }
}

TEST(Elements, EncodesF32AroundEveryBoundary) {
  for (const ReferenceFormat &format : getReferenceFormats()) {
    for (float value : getBoundaryValues(format))
      ASSERT_TRUE(encodesAs(format, value));
    for (float value : getRandomBits(200000, 1))
      ASSERT_TRUE(encodesAs(format, value));
    float limit = static_cast<float>(format.rungs.back());
    for (float value : getRandomValues(200000, limit, 2))
      ASSERT_TRUE(encodesAs(format, value));
  }
}

TEST(Elements, F32IsItself) {
  for (float value : getRandomBits(1000, 3)) {
    EXPECT_EQ(encodeElement(QMM_DTYPE_F32, value), floatToBits(value));
    EXPECT_EQ(floatToBits(decodeElement(QMM_DTYPE_F32, floatToBits(value))),
              floatToBits(value));
  }
}

TEST(Elements, I8) {
  for (int code = -128; code <= 127; ++code) {
    EXPECT_EQ(decodeElement(QMM_DTYPE_I8, static_cast<uint8_t>(code)), code);
    if (code == -128)
      continue;
    EXPECT_EQ(encodeElement(QMM_DTYPE_I8, static_cast<float>(code)),
              static_cast<uint8_t>(code));
  }
  std::vector<float> values = getSpecialValues();
  for (int twice = -260; twice <= 260; ++twice)
    addAround(values, twice / 2.0);
  for (float value : values)
    EXPECT_EQ(encodeElement(QMM_DTYPE_I8, value), encodeI8Reference(value))
        << value;
  EXPECT_EQ(encodeElement(QMM_DTYPE_I8, -1e30f), 0x81u); // -127, never -128
  EXPECT_EQ(encodeElement(QMM_DTYPE_I8, 2.5f), 2u);
  EXPECT_EQ(encodeElement(QMM_DTYPE_I8, -0.0f), 0u);
}

TEST(Elements, E8M0Codes) {
  const std::vector<double> &table = getE8M0Table();
  ASSERT_EQ(table.size(), 255u);
  EXPECT_EQ(table[127], 1.0);
  for (uint32_t code = 0; code < 255; ++code) {
    EXPECT_EQ(decodeElement(QMM_DTYPE_E8M0, code), table[code]) << code;
    EXPECT_EQ(encodeElement(QMM_DTYPE_E8M0, static_cast<float>(table[code])),
              code);
  }
  EXPECT_TRUE(std::isnan(decodeElement(QMM_DTYPE_E8M0, 0xFF)));
  EXPECT_EQ(getMaxFinite(QMM_DTYPE_E8M0), table[254]);
  EXPECT_EQ(encodeElement(QMM_DTYPE_E8M0, -1.0f), 0xFFu);
  EXPECT_EQ(encodeElement(QMM_DTYPE_E8M0, 0.0f), 0u);
  EXPECT_EQ(
      encodeElement(QMM_DTYPE_E8M0, std::numeric_limits<float>::infinity()),
      254u);
}

/// By search in the table, clamped to its ends.
uint8_t encodeE8M0Reference(float amax, float maxElement, uint32_t rounding) {
  const std::vector<double> &table = getE8M0Table();
  if (amax == 0)
    return 0;
  if (rounding == QMM_E8M0_FLOOR) {
    // The largest power of two in amax over the largest in maxElement.
    double amaxPower = powerOfTwo(-149), elementPower = 1;
    while (amaxPower * 2 <= amax)
      amaxPower *= 2;
    while (elementPower * 2 <= maxElement)
      elementPower *= 2;
    auto at =
        std::upper_bound(table.begin(), table.end(), amaxPower / elementPower);
    return at == table.begin() ? 0 : at - table.begin() - 1;
  }
  double quotient = amax / maxElement; // rounded to f32
  auto above = std::lower_bound(table.begin(), table.end(), quotient);
  if (above == table.end())
    return 254;
  size_t index = above - table.begin();
  if (rounding == QMM_E8M0_CEIL || index == 0)
    return index;
  double middle = (table[index] + table[index - 1]) / 2;
  if (quotient > middle || (quotient == middle && index % 2 == 0))
    return index;
  return index - 1;
}

TEST(Elements, E8M0ScalesByEveryRounding) {
  std::vector<float> values;
  for (qmm_dtype input : {QMM_DTYPE_BF16, QMM_DTYPE_F16})
    for (float value : getAllValues(input))
      if (value >= 0 && std::isfinite(value))
        values.push_back(value);
  for (qmm_dtype element :
       {QMM_DTYPE_E4M3, QMM_DTYPE_E5M2, QMM_DTYPE_E2M1, QMM_DTYPE_I8}) {
    std::vector<float> around;
    for (double scale : getE8M0Table())
      for (double factor : {0.5, 0.75, 1.0, 1.5})
        addAround(around, std::min(scale * factor * getMaxFinite(element),
                                   static_cast<double>(
                                       std::numeric_limits<float>::max())));
    around.insert(around.end(), values.begin(), values.end());
    for (uint32_t rounding : {QMM_E8M0_CEIL, QMM_E8M0_FLOOR, QMM_E8M0_EVEN})
      for (float amax : around) {
        if (!(amax >= 0) || std::isinf(amax))
          continue;
        ASSERT_EQ(encodeE8M0(amax, element, rounding),
                  encodeE8M0Reference(amax, getMaxFinite(element), rounding))
            << getDTypeName(element) << " amax " << amax << " rounding "
            << rounding;
      }
  }
}

TEST(Elements, E8M0ScalesOfZeroAndNonFinite) {
  for (uint32_t rounding : {QMM_E8M0_CEIL, QMM_E8M0_FLOOR, QMM_E8M0_EVEN}) {
    EXPECT_EQ(encodeE8M0(0, QMM_DTYPE_E4M3, rounding), 0);
    EXPECT_EQ(encodeE8M0(std::numeric_limits<float>::infinity(), QMM_DTYPE_E4M3,
                         rounding),
              0xFF);
    EXPECT_EQ(encodeE8M0(std::numeric_limits<float>::quiet_NaN(),
                         QMM_DTYPE_E4M3, rounding),
              0xFF);
  }
  // 448 * 2^k fits its scale 2^k exactly; anything above needs the next one.
  EXPECT_EQ(encodeE8M0(448, QMM_DTYPE_E4M3, QMM_E8M0_CEIL), 127);
  EXPECT_EQ(
      encodeE8M0(std::nextafter(448.0f, 1e9f), QMM_DTYPE_E4M3, QMM_E8M0_CEIL),
      128);
  EXPECT_EQ(encodeE8M0(511, QMM_DTYPE_E4M3, QMM_E8M0_FLOOR), 127);
  EXPECT_EQ(encodeE8M0(512, QMM_DTYPE_E4M3, QMM_E8M0_FLOOR), 128);
}

TEST(Elements, RoundToWide) {
  EXPECT_EQ(roundTo(QMM_DTYPE_BF16, 1.00390625f), 1.0f);      // tie to even
  EXPECT_EQ(roundTo(QMM_DTYPE_BF16, 1.01171875f), 1.015625f); // tie to even
  EXPECT_EQ(roundTo(QMM_DTYPE_F16, 1e-8f), 0.0f);
  EXPECT_EQ(roundTo(QMM_DTYPE_F32, 0.1f), 0.1f);
}

// What kernels without FP4 or block-scale units rely on: products of an element
// and its block scale that wide types hold exactly.
TEST(Elements, NVFP4ProductsAreExactInBF16AndF16) {
  for (uint32_t scale = 0; scale < 0x7F; ++scale)
    for (uint32_t code = 0; code < 16; ++code) {
      float product = decodeElement(QMM_DTYPE_E2M1, code) *
                      decodeElement(QMM_DTYPE_E4M3, scale);
      EXPECT_EQ(roundTo(QMM_DTYPE_BF16, product), product);
      EXPECT_EQ(roundTo(QMM_DTYPE_F16, product), product);
    }
}

TEST(Elements, MXFP8ProductsAreExactInRange) {
  const struct {
    qmm_dtype dtype;
    int first, last;
  } ranges[] = {{QMM_DTYPE_BF16, -124, 119}, {QMM_DTYPE_F16, -15, 7}};
  for (const auto &range : ranges)
    for (int exponent = -127; exponent <= 127; ++exponent) {
      bool exact = true;
      for (uint32_t code = 0; code < 256; ++code) {
        double product =
            static_cast<double>(decodeElement(QMM_DTYPE_E4M3, code)) *
            powerOfTwo(exponent);
        if (!std::isnan(product))
          exact &= roundTo(range.dtype, static_cast<float>(product)) == product;
      }
      EXPECT_EQ(exact, exponent >= range.first && exponent <= range.last)
          << getDTypeName(range.dtype) << " 2^" << exponent;
    }
}

TEST(Elements, NamesAndWidths) {
  const std::pair<const char *, unsigned> expected[] = {
      {"none", 0}, {"f32", 32}, {"bf16", 16}, {"f16", 16},   {"e4m3", 8},
      {"e5m2", 8}, {"e2m1", 4}, {"e8m0", 8},  {"i8", 8},     {"u8", 8},
      {"i16", 16}, {"u16", 16}, {"i32", 32},  {"u32", 32},   {"i64", 64},
      {"u64", 64}, {"f64", 64}, {"bool", 8},  {"unknown", 0}};
  for (int i = 0; i < 19; ++i) {
    auto dtype = static_cast<qmm_dtype>(i);
    EXPECT_STREQ(getDTypeName(dtype), expected[i].first);
    EXPECT_EQ(getBitWidth(dtype), expected[i].second);
    EXPECT_EQ(isWide(dtype), i >= 1 && i <= 3);
  }
}

} // namespace
