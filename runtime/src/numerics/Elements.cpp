//===- numerics/Elements.cpp - Element types, one value at a time ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every small float is decoded and encoded from one description of its fields,
// in integer arithmetic, so that the result depends neither on the rounding
// mode nor on how the host treats subnormals.
//
//===----------------------------------------------------------------------===//
#include "numerics/Elements.h"

#include "qmm/ops.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace qmmrt {
namespace {

uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

constexpr uint32_t kF32Sign = 0x80000000u;
constexpr uint32_t kF32Inf = 0x7F800000u;
constexpr uint32_t kF32QuietNaN = 0x7FC00000u;

/// A binary float format with subnormals.
struct FloatFormat {
  unsigned bits;
  unsigned mantissaBits;
  int minExponent;    // of the smallest normal
  uint32_t maxFinite; // code
  uint32_t infinity;  // code, 0: none
  uint32_t nan;       // code that NaN encodes to, 0: none (NaN becomes +0)
  bool saturates;     // else overflow gives infinity
};

constexpr FloatFormat kBF16 = {16, 7, -126, 0x7F7F, 0x7F80, 0x7FC0, false};
constexpr FloatFormat kF16 = {16, 10, -14, 0x7BFF, 0x7C00, 0x7E00, false};
constexpr FloatFormat kE4M3 = {8, 3, -6, 0x7E, 0, 0x7F, true};
constexpr FloatFormat kE5M2 = {8, 2, -14, 0x7B, 0x7C, 0x7F, true};
constexpr FloatFormat kE2M1 = {4, 1, 0, 0x7, 0, 0, true};

const FloatFormat *getFormat(qmm_dtype dtype) {
  switch (dtype) {
  case QMM_DTYPE_BF16:
    return &kBF16;
  case QMM_DTYPE_F16:
    return &kF16;
  case QMM_DTYPE_E4M3:
    return &kE4M3;
  case QMM_DTYPE_E5M2:
    return &kE5M2;
  case QMM_DTYPE_E2M1:
    return &kE2M1;
  default:
    return nullptr;
  }
}

float decodeFloat(const FloatFormat &format, uint32_t code) {
  uint32_t sign = (code >> (format.bits - 1) & 1) << 31;
  uint32_t magnitude = code & ((1u << (format.bits - 1)) - 1);
  if (magnitude > format.maxFinite) {
    if (magnitude == format.infinity)
      return fromBits(sign | kF32Inf);
    // Wide types keep what the mantissa says, quieted, as hardware does.
    uint32_t payload = 0;
    if (!format.saturates)
      payload = (magnitude << (23 - format.mantissaBits)) & 0x3FFFFFu;
    return fromBits(sign | kF32QuietNaN | payload);
  }
  uint32_t field = magnitude >> format.mantissaBits;
  uint32_t mantissa = magnitude & ((1u << format.mantissaBits) - 1);
  int exponent = format.minExponent;
  if (field) {
    mantissa |= 1u << format.mantissaBits;
    exponent += static_cast<int>(field) - 1;
  }
  float value = std::ldexp(static_cast<float>(mantissa),
                           exponent - static_cast<int>(format.mantissaBits));
  return sign ? -value : value;
}

uint32_t encodeFloat(const FloatFormat &format, float value) {
  uint32_t bits = toBits(value);
  uint32_t sign = (bits >> 31) << (format.bits - 1);
  uint32_t magnitude = bits & ~kF32Sign;
  if (magnitude > kF32Inf) {
    if (!format.nan)
      return 0;
    uint32_t payload = 0;
    if (!format.saturates)
      payload = (magnitude & 0x7FFFFFu) >> (23 - format.mantissaBits);
    return sign | format.nan | payload;
  }
  uint32_t overflow = format.saturates ? format.maxFinite : format.infinity;
  if (magnitude == kF32Inf)
    return sign | overflow;

  // |value| = mantissa * 2^(exponent - 23), f32 subnormals included.
  uint32_t field = magnitude >> 23;
  uint32_t mantissa = magnitude & 0x7FFFFFu;
  int exponent = -126;
  if (field) {
    mantissa |= 0x800000u;
    exponent = static_cast<int>(field) - 127;
  }
  // In units of the format's spacing at this exponent, rounded half to even.
  int clamped = exponent < format.minExponent ? format.minExponent : exponent;
  int shift = clamped - exponent + 23 - static_cast<int>(format.mantissaBits);
  uint32_t rounded = 0;
  if (shift <= 24) {
    rounded = mantissa >> shift;
    uint32_t rest = mantissa & ((1u << shift) - 1);
    uint32_t half = 1u << (shift - 1);
    if (rest > half || (rest == half && (rounded & 1)))
      ++rounded;
  }
  // The carry out of the mantissa moves to the next exponent by itself.
  uint64_t code = (static_cast<uint64_t>(clamped - format.minExponent)
                   << format.mantissaBits) +
                  rounded;
  if (code > format.maxFinite)
    code = overflow;
  return sign | static_cast<uint32_t>(code);
}

uint32_t encodeI8(float value) {
  if (std::isnan(value))
    return 0;
  if (value >= 127.0f)
    return 127;
  if (value <= -127.0f)
    return static_cast<uint8_t>(-127);
  float magnitude = std::fabs(value);
  int whole = static_cast<int>(magnitude);
  float rest = magnitude - static_cast<float>(whole); // exact
  if (rest > 0.5f || (rest == 0.5f && (whole & 1)))
    ++whole;
  return static_cast<uint8_t>(static_cast<int8_t>(value < 0 ? -whole : whole));
}

/// The power of two at or above (`nearest`: next to, ties to the even byte) a
/// finite f32 that isn't negative, as an E8M0 byte.
uint8_t roundToE8M0(float value, bool nearest) {
  uint32_t bits = toBits(value);
  uint32_t field = bits >> 23, mantissa = bits & 0x7FFFFFu;
  constexpr uint32_t kHalf = 0x400000u; // 2^-127 when the field is 0
  if (!nearest)
    field += field ? mantissa != 0 : mantissa > kHalf;
  else if (field)
    field += mantissa > kHalf || (mantissa == kHalf && (field & 1));
  else
    field = mantissa > kHalf + kHalf / 2; // the middle is 1.5 * 2^-127
  return static_cast<uint8_t>(field > 254 ? 254 : field);
}

} // namespace

unsigned getBitWidth(qmm_dtype dtype) {
  switch (dtype) {
  case QMM_DTYPE_NONE:
    return 0;
  case QMM_DTYPE_E2M1:
    return 4;
  case QMM_DTYPE_E4M3:
  case QMM_DTYPE_E5M2:
  case QMM_DTYPE_E8M0:
  case QMM_DTYPE_I8:
  case QMM_DTYPE_U8:
  case QMM_DTYPE_BOOL:
    return 8;
  case QMM_DTYPE_BF16:
  case QMM_DTYPE_F16:
  case QMM_DTYPE_I16:
  case QMM_DTYPE_U16:
    return 16;
  case QMM_DTYPE_F32:
  case QMM_DTYPE_I32:
  case QMM_DTYPE_U32:
    return 32;
  case QMM_DTYPE_I64:
  case QMM_DTYPE_U64:
  case QMM_DTYPE_F64:
    return 64;
  }
  return 0;
}

const char *getDTypeName(qmm_dtype dtype) {
  switch (dtype) {
  case QMM_DTYPE_NONE:
    return "none";
  case QMM_DTYPE_F32:
    return "f32";
  case QMM_DTYPE_BF16:
    return "bf16";
  case QMM_DTYPE_F16:
    return "f16";
  case QMM_DTYPE_E4M3:
    return "e4m3";
  case QMM_DTYPE_E5M2:
    return "e5m2";
  case QMM_DTYPE_E2M1:
    return "e2m1";
  case QMM_DTYPE_E8M0:
    return "e8m0";
  case QMM_DTYPE_I8:
    return "i8";
  case QMM_DTYPE_U8:
    return "u8";
  case QMM_DTYPE_I16:
    return "i16";
  case QMM_DTYPE_U16:
    return "u16";
  case QMM_DTYPE_I32:
    return "i32";
  case QMM_DTYPE_U32:
    return "u32";
  case QMM_DTYPE_I64:
    return "i64";
  case QMM_DTYPE_U64:
    return "u64";
  case QMM_DTYPE_F64:
    return "f64";
  case QMM_DTYPE_BOOL:
    return "bool";
  }
  return "unknown";
}

bool isWide(qmm_dtype dtype) {
  return dtype == QMM_DTYPE_F32 || dtype == QMM_DTYPE_BF16 ||
         dtype == QMM_DTYPE_F16;
}

float getMaxFinite(qmm_dtype dtype) {
  if (const FloatFormat *format = getFormat(dtype))
    return decodeFloat(*format, format->maxFinite);
  switch (dtype) {
  case QMM_DTYPE_F32:
    return std::numeric_limits<float>::max();
  case QMM_DTYPE_E8M0:
    return std::ldexp(1.0f, 127);
  case QMM_DTYPE_I8:
    return 127.0f;
  default:
    return 0.0f;
  }
}

float decodeElement(qmm_dtype dtype, uint32_t bits) {
  if (const FloatFormat *format = getFormat(dtype))
    return decodeFloat(*format, bits & ((1u << format->bits) - 1));
  switch (dtype) {
  case QMM_DTYPE_F32:
    return fromBits(bits);
  case QMM_DTYPE_E8M0:
    bits &= 0xFF;
    if (bits == 0xFF)
      return fromBits(kF32QuietNaN);
    return std::ldexp(1.0f, static_cast<int>(bits) - 127);
  case QMM_DTYPE_I8:
    return static_cast<float>(static_cast<int8_t>(bits & 0xFF));
  default:
    return 0.0f;
  }
}

uint32_t encodeElement(qmm_dtype dtype, float value) {
  if (const FloatFormat *format = getFormat(dtype))
    return encodeFloat(*format, value);
  switch (dtype) {
  case QMM_DTYPE_F32:
    return toBits(value);
  case QMM_DTYPE_E8M0:
    if (!(value >= 0)) // NaN and negative numbers
      return 0xFF;
    return roundToE8M0(std::fabs(value), /*nearest=*/true);
  case QMM_DTYPE_I8:
    return encodeI8(value);
  default:
    return 0;
  }
}

uint8_t encodeE8M0(float amax, qmm_dtype element, uint32_t rounding) {
  amax = std::fabs(amax);
  if (!(amax <= std::numeric_limits<float>::max()))
    return 0xFF;
  if (amax == 0)
    return 0;
  float maxElement = getMaxFinite(element);
  if (rounding != QMM_E8M0_FLOOR)
    return roundToE8M0(amax / maxElement, rounding == QMM_E8M0_EVEN);
  int byte = std::ilogb(amax) - std::ilogb(maxElement) + 127;
  return static_cast<uint8_t>(byte < 0 ? 0 : byte);
}

float roundTo(qmm_dtype dtype, float value) {
  return decodeElement(dtype, encodeElement(dtype, value));
}

} // namespace qmmrt
