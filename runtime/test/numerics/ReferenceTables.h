//===- test/numerics/ReferenceTables.h - Codes by another way -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values of each format's codes as an ascending ladder in double precision,
// built by adding spacings, never by taking a code's fields apart; encoding is
// a search for the nearest rung.  Shares nothing with src/numerics.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_NUMERICS_REFERENCETABLES_H
#define QMMRT_TEST_NUMERICS_REFERENCETABLES_H

#include "qmm/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace qmmrt_test {

inline float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline uint32_t floatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

struct ReferenceFormat {
  qmm_dtype dtype;
  unsigned bits;
  /// rungs[code] for code 0 .. largest finite, positive half.
  std::vector<double> rungs;
  bool hasInfinity; // the code after the largest finite one
  bool saturates;
  uint32_t nan; // what NaN encodes to, without sign; 0: none

  uint32_t signBit() const { return 1u << (bits - 1); }
  uint32_t maxCode() const { return static_cast<uint32_t>(rungs.size() - 1); }

  /// NaN for a NaN code.
  double decode(uint32_t code) const {
    uint32_t magnitude = code & (signBit() - 1);
    double value = std::numeric_limits<double>::quiet_NaN();
    if (magnitude <= maxCode())
      value = rungs[magnitude];
    else if (hasInfinity && magnitude == maxCode() + 1)
      value = std::numeric_limits<double>::infinity();
    return code & signBit() ? -value : value;
  }

  uint32_t encode(float input) const {
    uint32_t sign = std::signbit(input) ? signBit() : 0;
    if (std::isnan(input)) // wide types keep a payload; see isNaNCode
      return nan ? sign | nan : 0;
    double value = std::fabs(static_cast<double>(input));
    // One rung more: where overflow begins to round up.
    double beyond = 2 * rungs[maxCode()] - rungs[maxCode() - 1];
    if (value >= beyond)
      return sign | (saturates ? maxCode() : maxCode() + 1);
    auto above = std::lower_bound(rungs.begin(), rungs.end(), value);
    auto index = static_cast<uint32_t>(above - rungs.begin());
    if (above != rungs.end() && *above == value)
      return sign | index;
    double low = rungs[index - 1];
    double high = above == rungs.end() ? beyond : *above;
    double down = value - low, up = high - value; // exact
    if (up < down || (up == down && index % 2 == 0))
      return sign | (saturates ? std::min(index, maxCode()) : index);
    return sign | (index - 1);
  }

  bool isNaNCode(uint32_t code) const { return std::isnan(decode(code)); }
};

/// Adds `perBinade` rungs of one spacing after the subnormals and first binade,
/// then doubles the spacing, up to `count` codes.
inline std::vector<double> makeLadder(double spacing, unsigned perBinade,
                                      unsigned count) {
  std::vector<double> rungs = {0};
  for (unsigned code = 1; code < count; ++code) {
    rungs.push_back(rungs.back() + spacing);
    if (code >= 2 * perBinade && code % perBinade == 0)
      spacing *= 2;
  }
  return rungs;
}

inline double powerOfTwo(int exponent) {
  double value = 1;
  for (int i = 0; i < std::abs(exponent); ++i)
    value *= exponent < 0 ? 0.5 : 2;
  return value;
}

inline const std::vector<ReferenceFormat> &getReferenceFormats() {
  static const std::vector<ReferenceFormat> formats = {
      {QMM_DTYPE_E2M1, 4, {0, 0.5, 1, 1.5, 2, 3, 4, 6}, false, true, 0},
      {QMM_DTYPE_E4M3, 8, makeLadder(powerOfTwo(-9), 8, 0x7F), false, true,
       0x7F},
      {QMM_DTYPE_E5M2, 8, makeLadder(powerOfTwo(-16), 4, 0x7C), true, true,
       0x7F},
      {QMM_DTYPE_F16, 16, makeLadder(powerOfTwo(-24), 1024, 0x7C00), true,
       false, 0x7E00},
      {QMM_DTYPE_BF16, 16, makeLadder(powerOfTwo(-133), 128, 0x7F80), true,
       false, 0x7FC0},
  };
  return formats;
}

/// The bytes' values of E8M0, 0 to 254.
inline const std::vector<double> &getE8M0Table() {
  static const std::vector<double> table = [] {
    std::vector<double> values = {powerOfTwo(-127)};
    while (values.size() < 255)
      values.push_back(values.back() * 2);
    return values;
  }();
  return table;
}

inline uint8_t encodeI8Reference(float value) {
  if (std::isnan(value))
    return 0;
  // So that distances are exact.
  double clamped =
      std::min(std::max(static_cast<double>(value), -128.0), 128.0);
  int best = 0;
  for (int candidate = -127; candidate <= 127; ++candidate) {
    double distance = std::fabs(clamped - candidate);
    double bestDistance = std::fabs(clamped - best);
    if (distance < bestDistance ||
        (distance == bestDistance && candidate % 2 == 0))
      best = candidate;
  }
  return static_cast<uint8_t>(best);
}

/// Appends `value` and its f32 neighbours, in both signs.
inline void addAround(std::vector<float> &values, double value) {
  float center = static_cast<float>(value);
  float infinity = std::numeric_limits<float>::infinity();
  for (float v : {std::nextafter(center, -infinity), center,
                  std::nextafter(center, infinity)}) {
    values.push_back(v);
    values.push_back(-v);
  }
}

/// Zeros, infinities, NaNs, f32's own extremes.
inline std::vector<float> getSpecialValues() {
  std::vector<float> values;
  for (uint32_t bits :
       {0x00000000u, 0x00000001u, 0x007FFFFFu, 0x00800000u, 0x00800001u,
        0x00400000u, 0x7F7FFFFFu, 0x7F800000u, 0x7F800001u, 0x7FBFFFFFu,
        0x7FC00000u, 0x7FC12345u, 0x7FFFFFFFu, 0x3F800000u}) {
    values.push_back(bitsToFloat(bits));
    values.push_back(bitsToFloat(bits | 0x80000000u));
  }
  return values;
}

/// Every code's value and every midpoint of two codes, with the f32 values next
/// to them, in both signs; overflow's boundaries included.
inline std::vector<float> getBoundaryValues(const ReferenceFormat &format) {
  std::vector<float> values = getSpecialValues();
  for (size_t i = 0; i < format.rungs.size(); ++i) {
    addAround(values, format.rungs[i]);
    if (i > 0)
      addAround(values, (format.rungs[i] + format.rungs[i - 1]) / 2);
  }
  double top = format.rungs.back();
  double spacing = top - format.rungs[format.rungs.size() - 2];
  addAround(values, top + spacing / 2);
  addAround(values, top + spacing);
  return values;
}

/// f32 values of random bits: every exponent, NaNs too.  Always the same.
inline std::vector<float> getRandomBits(size_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<float> values(count);
  for (float &value : values)
    value = bitsToFloat(static_cast<uint32_t>(engine()));
  return values;
}

/// Uniform in [-limit, limit].  Always the same on one platform's mt19937.
inline std::vector<float> getRandomValues(size_t count, float limit,
                                          uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<float> values(count);
  for (float &value : values)
    value = limit * (static_cast<float>(engine() >> 8) / 8388608.0f - 1.0f);
  return values;
}

} // namespace qmmrt_test

#endif // QMMRT_TEST_NUMERICS_REFERENCETABLES_H
