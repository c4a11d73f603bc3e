//===- numerics/Convert.cpp - Vectorized element conversions --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whole steps go through the vector code of the chosen target, what remains
// through the scalar reference; both give the same bits.
//
//===----------------------------------------------------------------------===//
#include "numerics/SimdTargets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/Convert.cpp"
#include "hwy/foreach_target.h" // IWYU pragma: keep

#include "hwy/highway.h"
#include "numerics/Decode-inl.h"

#ifndef QMMRT_NUMERICS_CONVERT_TABLE
#define QMMRT_NUMERICS_CONVERT_TABLE
namespace qmmrt {
namespace {
/// Each converts whole steps and returns how many elements that was; a row of
/// E2M1 starts at a byte.
struct ConvertTable {
  int64_t (*decode)(qmm_dtype, qmm_nibble_order, const uint8_t *, int64_t,
                    float *);
  int64_t (*encode)(qmm_dtype, qmm_nibble_order, const float *, int64_t,
                    uint8_t *);
  /// Raises the bits of a magnitude.
  int64_t (*amax)(const float *, int64_t, uint32_t &);
  /// The same of bf16 or f16 bits.
  int64_t (*amaxHalves)(const uint8_t *, int64_t, uint16_t &);
  /// Whole blocks: their magnitudes' bits raised; their values divided.
  int64_t (*amaxBlocks)(const float *, int64_t, int64_t, uint32_t *);
  int64_t (*divideBlocks)(float *, int64_t, int64_t, const float *);
};
} // namespace
} // namespace qmmrt
#endif

HWY_BEFORE_NAMESPACE();
namespace qmmrt {
namespace HWY_NAMESPACE {
namespace {
#if HWY_TARGET == HWY_SCALAR

int64_t decodeSteps(qmm_dtype, qmm_nibble_order, const uint8_t *, int64_t,
                    float *) {
  return 0;
}
int64_t encodeSteps(qmm_dtype, qmm_nibble_order, const float *, int64_t,
                    uint8_t *) {
  return 0;
}
int64_t amaxSteps(const float *, int64_t, uint32_t &) { return 0; }
int64_t amaxHalfSteps(const uint8_t *, int64_t, uint16_t &) { return 0; }
int64_t amaxBlockSteps(const float *, int64_t, int64_t, uint32_t *) {
  return 0;
}
int64_t divideBlockSteps(float *, int64_t, int64_t, const float *) { return 0; }

#else

constexpr int64_t kN = kLanes;

HWY_INLINE void storeQuad(const Quad &quad, float *dst) {
  for (int i = 0; i < 4; ++i)
    hn::StoreU(quad.v[i], DF(), dst + i * kN);
}

int64_t decodeSteps(qmm_dtype dtype, qmm_nibble_order order, const uint8_t *src,
                    int64_t count, float *dst) {
  const DB db;
  int64_t i = 0;
  switch (dtype) {
  case QMM_DTYPE_E4M3:
    for (; i + 4 * kN <= count; i += 4 * kN)
      storeQuad(decodeE4M3(hn::LoadU(db, src + i)), dst + i);
    break;
  case QMM_DTYPE_E5M2:
    for (; i + 4 * kN <= count; i += 4 * kN)
      storeQuad(decodeE5M2(hn::LoadU(db, src + i)), dst + i);
    break;
  case QMM_DTYPE_E2M1:
    for (; i + 8 * kN <= count; i += 8 * kN) {
      const VB bytes = hn::LoadU(db, src + i / 2);
      const VB high = e2m1HighNibbles(bytes), low = e2m1LowNibbles(bytes);
      Quad lower, upper;
      if (order == QMM_NIBBLES_HI_FIRST)
        decodeE2M1(high, low, lower, upper);
      else
        decodeE2M1(low, high, lower, upper);
      storeQuad(lower, dst + i);
      storeQuad(upper, dst + i + 4 * kN);
    }
    break;
  case QMM_DTYPE_I8:
    for (; i + kN <= count; i += kN)
      hn::StoreU(decodeI8(reinterpret_cast<const int8_t *>(src) + i), DF(),
                 dst + i);
    break;
  case QMM_DTYPE_E8M0:
    for (; i + kN <= count; i += kN)
      hn::StoreU(decodeE8M0(src + i), DF(), dst + i);
    break;
  case QMM_DTYPE_BF16:
    for (; i + kN <= count; i += kN)
      hn::StoreU(
          quietNaN(decodeBF16(reinterpret_cast<const uint16_t *>(src) + i)),
          DF(), dst + i);
    break;
  case QMM_DTYPE_F16:
    for (; i + kN <= count; i += kN)
      hn::StoreU(decodeF16(reinterpret_cast<const uint16_t *>(src) + i), DF(),
                 dst + i);
    break;
  default:
    break;
  }
  return i;
}

int64_t encodeSteps(qmm_dtype dtype, qmm_nibble_order order, const float *src,
                    int64_t count, uint8_t *dst) {
  const DF df;
  int64_t i = 0;
  switch (dtype) {
  case QMM_DTYPE_E4M3:
    for (; i + kN <= count; i += kN)
      storeBytes(encodeE4M3(hn::LoadU(df, src + i)), dst + i);
    break;
  case QMM_DTYPE_E5M2:
    for (; i + kN <= count; i += kN)
      storeBytes(encodeE5M2(hn::LoadU(df, src + i)), dst + i);
    break;
  case QMM_DTYPE_E2M1: {
    // Codes as bytes, then pairs of them as one byte.
    const hn::Rebind<uint8_t, DHalf> dPacked;
    const hn::Rebind<int16_t, DHalf> dPair;
    HWY_ALIGN uint8_t codes[2 * kN];
    for (; i + 2 * kN <= count; i += 2 * kN) {
      storeBytes(encodeE2M1(hn::LoadU(df, src + i)), codes);
      storeBytes(encodeE2M1(hn::LoadU(df, src + i + kN)), codes + kN);
      const VHalf pair =
          hn::LoadU(DHalf(), reinterpret_cast<const uint16_t *>(codes));
      const VHalf bytes =
          order == QMM_NIBBLES_HI_FIRST
              ? hn::Or(hn::ShiftLeft<4>(pair), hn::ShiftRight<8>(pair))
              : hn::Or(pair, hn::ShiftRight<4>(pair));
      const VHalf packed = hn::And(bytes, hn::Set(DHalf(), 0xFF));
      hn::StoreU(hn::DemoteTo(dPacked, hn::BitCast(dPair, packed)), dPacked,
                 dst + i / 2);
    }
    break;
  }
  case QMM_DTYPE_I8: {
    const hn::Rebind<int8_t, DF> d8;
    for (; i + kN <= count; i += kN)
      hn::StoreU(hn::DemoteTo(d8, encodeI8(hn::LoadU(df, src + i))), d8,
                 reinterpret_cast<int8_t *>(dst) + i);
    break;
  }
  case QMM_DTYPE_BF16:
    for (; i + kN <= count; i += kN)
      storeHalves(encodeBF16(hn::LoadU(df, src + i)),
                  reinterpret_cast<uint16_t *>(dst) + i);
    break;
  case QMM_DTYPE_F16:
    for (; i + kN <= count; i += kN)
      storeHalves(encodeF16(hn::LoadU(df, src + i)),
                  reinterpret_cast<uint16_t *>(dst) + i);
    break;
  default:
    break;
  }
  return i;
}

int64_t amaxSteps(const float *src, int64_t count, uint32_t &bits) {
  const DI di;
  const auto mask = hn::Set(di, 0x7FFFFFFF);
  auto max0 = hn::Set(di, int32_t(bits)), max1 = max0;
  int64_t i = 0;
  const int32_t *words = reinterpret_cast<const int32_t *>(src);
  for (; i + 2 * kN <= count; i += 2 * kN) {
    max0 = hn::Max(max0, hn::And(hn::LoadU(di, words + i), mask));
    max1 = hn::Max(max1, hn::And(hn::LoadU(di, words + i + kN), mask));
  }
  bits = uint32_t(hn::GetLane(hn::MaxOfLanes(di, hn::Max(max0, max1))));
  return i;
}

int64_t amaxHalfSteps(const uint8_t *src, int64_t count, uint16_t &bits) {
  const hn::RebindToSigned<D16> d;
  constexpr int64_t kHalves = 2 * kN;
  const auto mask = hn::Set(d, 0x7FFF);
  auto max0 = hn::Set(d, int16_t(bits)), max1 = max0;
  int64_t i = 0;
  const int16_t *halves = reinterpret_cast<const int16_t *>(src);
  for (; i + 2 * kHalves <= count; i += 2 * kHalves) {
    max0 = hn::Max(max0, hn::And(hn::LoadU(d, halves + i), mask));
    max1 = hn::Max(max1, hn::And(hn::LoadU(d, halves + i + kHalves), mask));
  }
  int16_t lanes[kHalves];
  hn::StoreU(hn::Max(max0, max1), d, lanes);
  for (int16_t lane : lanes)
    bits = uint16_t(lane) > bits ? uint16_t(lane) : bits;
  return i;
}

int64_t amaxBlockSteps(const float *src, int64_t count, int64_t block,
                       uint32_t *bits) {
  if (block % (2 * kN))
    return 0;
  int64_t blocks = count / block;
  for (int64_t b = 0; b < blocks; ++b)
    amaxSteps(src + b * block, block, bits[b]);
  return blocks * block;
}

int64_t divideBlockSteps(float *values, int64_t count, int64_t block,
                         const float *factors) {
  const DF df;
  if (block % (2 * kN))
    return 0;
  int64_t blocks = count / block;
  for (int64_t b = 0; b < blocks; ++b) {
    const VF factor = hn::Set(df, factors[b]);
    const auto isZero = hn::Eq(factor, hn::Zero(df));
    float *at = values + b * block;
    for (int64_t i = 0; i < block; i += kN)
      hn::StoreU(
          hn::IfThenZeroElse(isZero, hn::Div(hn::LoadU(df, at + i), factor)),
          df, at + i);
  }
  return blocks * block;
}

#endif

// Not static: named by the dispatch below through the target's namespace.
const ConvertTable kConvertTable = {decodeSteps,    encodeSteps,
                                    amaxSteps,      amaxHalfSteps,
                                    amaxBlockSteps, divideBlockSteps};

} // namespace
} // namespace HWY_NAMESPACE
} // namespace qmmrt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include "numerics/Elements.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace qmmrt {
namespace {

const ConvertTable *const kTables[] = QMM_SIMD_TABLES(kConvertTable);

constexpr const char *kTargetNames[] = {"scalar", "sse4", "avx2", "avx512",
                                        "neon"};

bool cpuHas(SimdTarget target) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  // What Highway lets the compiler use in each target.
  bool sse4 = __builtin_cpu_supports("ssse3") &&
              __builtin_cpu_supports("sse4.1") &&
              __builtin_cpu_supports("sse4.2") &&
              __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("aes");
  bool avx2 = sse4 && __builtin_cpu_supports("avx2") &&
              __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
              __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512bw");
  switch (target) {
  case SimdTarget::Scalar:
    return true;
  case SimdTarget::SSE4:
    return sse4;
  case SimdTarget::AVX2:
    return avx2;
  case SimdTarget::AVX512:
    return avx512;
  case SimdTarget::NEON:
    return false;
  }
  return false;
#else
  return target == SimdTarget::Scalar || target == SimdTarget::NEON;
#endif
}

/// The best target, not above the environment's wish.
SimdTarget chooseTarget() {
  int wish = int(SimdTarget::NEON);
  if (const char *name = std::getenv("QMM_SIMD"))
    for (int target = 0; target <= int(SimdTarget::NEON); ++target)
      if (std::strcmp(name, kTargetNames[target]) == 0)
        wish = target;
  for (int target = wish; target > 0; --target)
    if (isSimdTargetSupported(SimdTarget(target)))
      return SimdTarget(target);
  return SimdTarget::Scalar;
}

std::atomic<int> currentTarget{-1};

const ConvertTable &getTable() { return *kTables[int(getSimdTarget())]; }

/// One E2M1 element, wherever it is.
uint32_t getNibble(qmm_nibble_order order, const uint8_t *row, int64_t i) {
  bool high = (order == QMM_NIBBLES_HI_FIRST) == (i % 2 == 0);
  return high ? row[i / 2] >> 4 : row[i / 2] & 0xF;
}

float decodeAt(qmm_dtype dtype, qmm_nibble_order order, const uint8_t *row,
               int64_t i) {
  switch (getBitWidth(dtype)) {
  case 4:
    return decodeElement(dtype, getNibble(order, row, i));
  case 8:
    return decodeElement(dtype, row[i]);
  case 16: {
    uint16_t bits;
    std::memcpy(&bits, row + 2 * i, 2);
    return decodeElement(dtype, bits);
  }
  default: {
    uint32_t bits;
    std::memcpy(&bits, row + 4 * i, 4);
    return decodeElement(dtype, bits);
  }
  }
}

} // namespace

bool isSimdTargetSupported(SimdTarget target) {
  return kTables[int(target)] && cpuHas(target);
}

SimdTarget getSimdTarget() {
  int target = currentTarget.load(std::memory_order_relaxed);
  if (target < 0) {
    target = int(chooseTarget());
    currentTarget.store(target, std::memory_order_relaxed);
  }
  return SimdTarget(target);
}

const char *getSimdTargetName(SimdTarget target) {
  return kTargetNames[int(target)];
}

void setSimdTarget(SimdTarget target) {
  if (isSimdTargetSupported(target))
    currentTarget.store(int(target), std::memory_order_relaxed);
}

void decodeRow(qmm_dtype dtype, qmm_nibble_order order, const void *row,
               int64_t first, int64_t count, float *dst) {
  const uint8_t *bytes = static_cast<const uint8_t *>(row);
  if (count <= 0)
    return;
  if (dtype == QMM_DTYPE_F32) {
    std::memcpy(dst, bytes + 4 * first, size_t(count) * 4);
    return;
  }
  int64_t i = 0;
  if (dtype == QMM_DTYPE_E2M1 && first % 2 != 0)
    dst[i++] = decodeAt(dtype, order, bytes, first);
  const uint8_t *start = bytes + (first + i) * getBitWidth(dtype) / 8;
  const int64_t steps =
      getTable().decode(dtype, order, start, count - i, dst + i);
  start += steps * getBitWidth(dtype) / 8;
  i += steps;
  if (count - i >= 4) {
    // The rest as a padded step: short rows of scales are frequent.
    const int64_t padded = dtype == QMM_DTYPE_E2M1   ? 64
                           : getBitWidth(dtype) == 8 ? 32
                                                     : 8;
    uint8_t rest[32] = {};
    float decoded[64];
    if (count - i <= padded) {
      std::memcpy(rest, start,
                  size_t(((count - i) * getBitWidth(dtype) + 7) / 8));
      if (getTable().decode(dtype, order, rest, padded, decoded) == padded) {
        std::memcpy(dst + i, decoded, size_t(count - i) * sizeof(float));
        return;
      }
    }
  }
  for (; i < count; ++i)
    dst[i] = decodeAt(dtype, order, bytes, first + i);
}

void encodeRow(qmm_dtype dtype, qmm_nibble_order order, const float *src,
               int64_t first, int64_t count, void *row) {
  if (count <= 0)
    return;
  const unsigned width = getBitWidth(dtype);
  uint8_t *dst = static_cast<uint8_t *>(row) + first * width / 8;
  if (dtype == QMM_DTYPE_F32) {
    std::memcpy(dst, src, size_t(count) * 4);
    return;
  }
  int64_t i = getTable().encode(dtype, order, src, count, dst);
  if (width == 4) {
    for (; i < count; i += 2) {
      uint32_t even = encodeElement(dtype, src[i]);
      uint32_t odd = i + 1 < count ? encodeElement(dtype, src[i + 1]) : 0;
      dst[i / 2] = uint8_t(order == QMM_NIBBLES_HI_FIRST ? even << 4 | odd
                                                         : odd << 4 | even);
    }
    return;
  }
  for (; i < count; ++i) {
    uint32_t code = encodeElement(dtype, src[i]);
    if (width == 8) {
      dst[i] = uint8_t(code);
    } else {
      uint16_t half = uint16_t(code);
      std::memcpy(dst + 2 * i, &half, 2);
    }
  }
}

/// The value of a magnitude's bits, all NaNs as one.
static float fromMagnitude(uint32_t bits) {
  if (bits > 0x7F800000u)
    bits = 0x7FC00000u;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

float amaxRow(const float *src, int64_t count) {
  uint32_t bits = 0;
  for (int64_t i = getTable().amax(src, count, bits); i < count; ++i) {
    uint32_t word;
    std::memcpy(&word, src + i, 4);
    word &= 0x7FFFFFFFu;
    bits = word > bits ? word : bits;
  }
  return fromMagnitude(bits);
}

float amaxEncodedRow(qmm_dtype dtype, const void *row, int64_t first,
                     int64_t count) {
  const uint8_t *src = static_cast<const uint8_t *>(row) + 2 * first;
  uint16_t bits = 0;
  for (int64_t i = getTable().amaxHalves(src, count, bits); i < count; ++i) {
    uint16_t half;
    std::memcpy(&half, src + 2 * i, 2);
    half &= 0x7FFF;
    bits = half > bits ? half : bits;
  }
  float amax = decodeElement(dtype, bits);
  uint32_t word;
  std::memcpy(&word, &amax, 4);
  return fromMagnitude(word);
}

void amaxBlocks(const float *src, int64_t count, int64_t block, float *amax) {
  uint32_t bits[kMaxBlocks];
  int64_t blocks = count / block + (count % block != 0);
  std::memcpy(bits, amax, size_t(blocks) * 4);
  int64_t i = getTable().amaxBlocks(src, count, block, bits);
  for (int64_t b = i / block; b < blocks; ++b) {
    int64_t first = b * block;
    int64_t length = count - first < block ? count - first : block;
    float largest = amaxRow(src + first, length);
    uint32_t word;
    std::memcpy(&word, &largest, 4);
    bits[b] = word > bits[b] ? word : bits[b];
  }
  for (int64_t b = 0; b < blocks; ++b)
    amax[b] = fromMagnitude(bits[b]);
}

void divideBlocks(float *values, int64_t count, int64_t block,
                  const float *factors) {
  if (count <= 0)
    return;
  block = block < count ? block : count;
  int64_t i = getTable().divideBlocks(values, count, block, factors);
  while (i < count) {
    float factor = factors[i / block];
    int64_t stop = count - i < block ? count : i + block;
    if (factor == 0)
      std::memset(values + i, 0, size_t(stop - i) * 4);
    else
      for (int64_t j = i; j < stop; ++j)
        values[j] /= factor;
    i = stop;
  }
}

} // namespace qmmrt
#endif // HWY_ONCE
