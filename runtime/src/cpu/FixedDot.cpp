//===- cpu/FixedDot.cpp - Dot of E2M1 rows in integers --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The machines multiply unsigned bytes by signed ones: weights are twice their
// value plus 12 (0 to 24), and the elements of A have signed digits.  What the
// 12 adds depends on A alone and is subtracted from a block's sum.  Everything
// is exact until that sum becomes f32.
//
//===----------------------------------------------------------------------===//
#include "cpu/FixedDot.h"
#include "cpu/Gemv.h"
#include "numerics/SimdTargets.h"

#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/FixedDot.cpp"
#include "hwy/foreach_target.h" // IWYU pragma: keep

#include "hwy/highway.h"
#include "numerics/Decode-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qmmrt {
namespace HWY_NAMESPACE {
namespace {
#if HWY_TARGET == HWY_SCALAR

void prepareFixed(qmm_nibble_order, const float *, int64_t, void *) {}
float dotFixed(const uint8_t *, int64_t, int64_t, const float *,
               const cpu::FixedRow &) {
  return NAN; // The caller decodes by the reference.
}
float dotFixedE4M3(const uint8_t *, int64_t, const uint8_t *, const uint8_t *,
                   int64_t, const cpu::FixedRow &) {
  return NAN;
}

#else

using cpu::FixedRow;
using cpu::kFixedBlock;
using DI16 = hn::RebindToSigned<D16>;
using VI16 = hn::Vec<DI16>;
using VI = hn::Vec<DI>;

constexpr int64_t kN = kLanes;
constexpr int64_t kStep = 2 * kStepBytes; // elements of a vector of codes
constexpr int64_t kPair = 2 * kStep;      // of an iteration: kN blocks
constexpr int64_t kPairBytes = kPair / 2; // of codes
constexpr int64_t kNumPlanes = 3;
constexpr int32_t kOffset = 12; // of weights
/// Decoding fills the window of instructions in flight: codes are asked for
/// this far ahead.  Beyond the end it reads nothing.
constexpr int64_t kPrefetchBytes = 2048;
static_assert(kPair == kN * kFixedBlock, "a block is a lane of a pair's sums");
static_assert(cpu::kDotPad % kPair == 0, "rows are whole pairs");

/// Sums of two neighbours' products.
HWY_INLINE VI16 multiplyPairs(VB weights, VB digits) {
#if HWY_TARGET <= HWY_AVX2
  return VI16{_mm256_maddubs_epi16(weights.raw, digits.raw)};
#elif HWY_TARGET <= HWY_SSE4
  return VI16{_mm_maddubs_epi16(weights.raw, digits.raw)};
#else
  const DI16 d;
  const VI16 w = hn::BitCast(d, weights), x = hn::BitCast(d, digits);
  const VI16 wEven = hn::And(w, hn::Set(d, 0xFF));
  const VI16 wOdd = hn::ShiftRight<8>(w); // below 128
  const VI16 xEven = hn::ShiftRight<8>(hn::ShiftLeft<8>(x));
  return hn::Add(hn::Mul(wEven, xEven), hn::Mul(wOdd, hn::ShiftRight<8>(x)));
#endif
}
/// Sums of two neighbours times 2^Shift.
template <int Shift> HWY_INLINE VI addPairs(VI16 values) {
#if HWY_TARGET <= HWY_AVX2
  return VI{_mm256_madd_epi16(values.raw, _mm256_set1_epi16(1 << Shift))};
#elif HWY_TARGET <= HWY_SSE4
  return VI{_mm_madd_epi16(values.raw, _mm_set1_epi16(1 << Shift))};
#else
  const VI pairs = hn::BitCast(DI(), values);
  return hn::ShiftLeft<Shift>(hn::Add(
      hn::ShiftRight<16>(hn::ShiftLeft<16>(pairs)), hn::ShiftRight<16>(pairs)));
#endif
}
/// Sums of two neighbours of `a` and of `b`; getBlock(i) is the one in lane i.
HWY_INLINE VI addHorizontally(VI a, VI b) {
#if HWY_TARGET <= HWY_AVX2
  // Within 128 bits: crossing them costs two more operations.
  const __m256 fa = _mm256_castsi256_ps(a.raw), fb = _mm256_castsi256_ps(b.raw);
  const VI even{_mm256_castps_si256(_mm256_shuffle_ps(fa, fb, 0x88))};
  const VI odd{_mm256_castps_si256(_mm256_shuffle_ps(fa, fb, 0xDD))};
  return hn::Add(even, odd);
#else
  return hn::Add(hn::ConcatEven(DI(), b, a), hn::ConcatOdd(DI(), b, a));
#endif
}
constexpr int getBlock(int lane) {
  return kN == 8 ? (lane & 1) + (lane & 2) * 2 + (lane & 4) / 2 : lane;
}

/// A pair's scales in the order of its sums.
template <int Block> HWY_INLINE VF getLanes(VF scales) {
  const DF df;
  HWY_ALIGN int32_t lanes[kN];
  for (int i = 0; i < kN; ++i)
    lanes[i] = getBlock(i) * int(kFixedBlock) / Block;
  return hn::TableLookupLanes(scales, hn::SetTableIndices(df, lanes));
}

/// Scales of B: `multiply` takes those of the next pair.
struct NoScales {
  static constexpr float kUnscale = 1.0f;
  HWY_INLINE VF multiply(VF factors) { return factors; }
  HWY_INLINE void startRest(int64_t, uint8_t *) {}
  HWY_INLINE bool isClean() const { return true; }
};

template <int Block> struct FloatScales : NoScales {
  const float *next;
  HWY_INLINE VF multiply(VF factors) {
    const VF scales = hn::LoadU(DF(), next);
    next += kPair / Block;
    if (kN == 4 && Block == 16)
      return hn::Mul(scales, factors);
    return hn::Mul(getLanes<Block>(scales), factors);
  }
};

/// E4M3, one for 16 elements.
struct CodeScales {
  static constexpr float kUnscale = kE4M3Unscale;
  static constexpr uint64_t kOnes = 0x0101010101010101;
  const uint8_t *next;
  const uint8_t *soon;
  int64_t soonStep;
  uint64_t nans = 0;

  HWY_INLINE VF multiply(VF factors) {
    __builtin_prefetch(soon);
    soon += soonStep * kN / 8;
    uint64_t word = 0;
    std::memcpy(&word, next, kN);
    next += kN;
    // 0x7F + 1 is the only sum here with the upper bit.
    nans |= (word & kOnes * 0x7F) + kOnes;
    return hn::Mul(promoteHalf(e4m3ToScaledF16(widen(word))), factors);
  }
  /// Codes in the high bytes of 16-bit lanes, in the order of a pair's sums.
  static HWY_INLINE VHalf widen(uint64_t word) {
    const DHalf dh;
    const hn::Repartition<uint8_t, DHalf> d8;
    HWY_ALIGN uint8_t lanes[2 * kN];
    for (int i = 0; i < kN; ++i) {
      lanes[2 * i] = 0x80; // gives 0
      lanes[2 * i + 1] = uint8_t(getBlock(i));
    }
    const hn::Repartition<uint64_t, DHalf> dWord; // DHalf has 8 bytes or 16
    const auto bytes = hn::BitCast(d8, hn::Set(dWord, word));
    return hn::BitCast(dh, hn::TableLookupBytesOr0(bytes, hn::Load(d8, lanes)));
  }
  /// The last pair isn't whole: its scales move to `rest`.
  HWY_INLINE void startRest(int64_t blocks, uint8_t *rest) {
    std::memcpy(rest, next, size_t(blocks));
    next = rest;
  }
  HWY_INLINE bool isClean() const { return (nans & kOnes * 0x80) == 0; }
};

HWY_INLINE VB getWeights(VB nibbles) {
  alignas(16) static constexpr uint8_t kTable[16] = {
      12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
  return hn::TableLookupBytes(hn::LoadDup128(DB(), kTable), nibbles);
}

/// Plane by plane: low nibbles, high nibbles.
HWY_INLINE VI16 multiplyPlane(VB low, VB high, const int8_t *plane) {
  const DB db;
  const uint8_t *digits = reinterpret_cast<const uint8_t *>(plane);
  return hn::Add(multiplyPairs(low, hn::Load(db, digits)),
                 multiplyPairs(high, hn::Load(db, digits + kStepBytes)));
}

HWY_INLINE VI dotStep(const uint8_t *codes, const int8_t *planes) {
  const DB db;
  const VB bytes = hn::LoadU(db, codes);
  const VB mask = hn::Set(db, 0x0F);
  const VB low = getWeights(hn::And(bytes, mask));
  const VB high = getWeights(hn::And(
      hn::BitCast(db, hn::ShiftRight<4>(hn::BitCast(D16(), bytes))), mask));
  const VI a = addPairs<14>(multiplyPlane(low, high, planes));
  const VI b = addPairs<7>(multiplyPlane(low, high, planes + kStep));
  const VI c = addPairs<0>(multiplyPlane(low, high, planes + 2 * kStep));
  return hn::Add(hn::Add(a, b), c);
}

template <class Scales>
HWY_INLINE VF addPair(const uint8_t *codes, Scales &scales, const FixedRow &x,
                      int64_t pair, VF sum) {
  const DF df;
  const DI di;
  const int8_t *planes = x.planes + pair * kNumPlanes * kPair;
  const VI blocks =
      addHorizontally(dotStep(codes, planes),
                      dotStep(codes + kStepBytes, planes + kNumPlanes * kStep));
  const VF value =
      hn::ConvertTo(df, hn::Sub(blocks, hn::Load(di, x.offsets + pair * kN)));
  return hn::MulAdd(value, scales.multiply(hn::Load(df, x.factors + pair * kN)),
                    sum);
}

template <class Scales>
float dotScaled(const uint8_t *codes, int64_t count, Scales scales,
                const FixedRow &x) {
  const int64_t pairs = count / kPair, rest = count - pairs * kPair;
  VF sum = hn::Zero(DF());
  for (int64_t pair = 0; pair < pairs; ++pair) {
    __builtin_prefetch(codes + kPrefetchBytes);
    sum = addPair(codes, scales, x, pair, sum);
    codes += kPairBytes;
  }
  if (rest > 0) {
    HWY_ALIGN uint8_t padded[kPairBytes] = {};
    std::memcpy(padded, codes, size_t(rest + 1) / 2);
    uint8_t restScales[kN] = {};
    scales.startRest((rest + kFixedBlock - 1) / kFixedBlock, restScales);
    sum = addPair(padded, scales, x, pairs, sum);
  }
  if (!scales.isClean())
    return NAN;
  return Scales::kUnscale * x.unscale * hn::GetLane(hn::SumOfLanes(DF(), sum));
}

float dotFixed(const uint8_t *codes, int64_t count, int64_t block,
               const float *scales, const FixedRow &x) {
  if (block == 16)
    return dotScaled(codes, count, FloatScales<16>{{}, scales}, x);
  if (block == 32)
    return dotScaled(codes, count, FloatScales<32>{{}, scales}, x);
  return dotScaled(codes, count, NoScales(), x);
}

float dotFixedE4M3(const uint8_t *codes, int64_t count, const uint8_t *scales,
                   const uint8_t *soon, int64_t soonStep, const FixedRow &x) {
  return dotScaled(codes, count, CodeScales{scales, soon, soonStep}, x);
}

//===----------------------------------------------------------------------===//
// Preparation
//===----------------------------------------------------------------------===//

/// 2^exponent, in f32's range, subnormals included.
float powerOfTwo(int exponent) {
  auto normal = [](int e) {
    const uint32_t bits = uint32_t(e + 127) << 23;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  };
  return normal(exponent / 2) * normal(exponent - exponent / 2);
}

constexpr int kBits = 21; // and a sign
/// Digits of 7 bits, the uppermost of 8, end at 2^21 - 2^13 - 2^6 - 1: added to
/// the bits of a larger f32, this carries into the exponent.
constexpr int32_t kHeadroom = 0x10400;
/// Rows of tiny numbers are lifted, so that factor times scale stays normal.
constexpr int kTinyExponent = 0, kLift = 64;

/// The lowest digit, -64 to 63.
HWY_INLINE VI getDigit(VI value) {
  return hn::ShiftRight<25>(hn::ShiftLeft<25>(value));
}

/// A block is the integers times 2^(the returned exponent - kBits).
HWY_INLINE int fixBlock(const float *src, int32_t *dst, bool &isFinite) {
  const DF df;
  const DI di;
  VI largest = hn::Zero(di);
  for (int64_t i = 0; i < kFixedBlock; i += kN)
    largest = hn::Max(largest, hn::And(hn::BitCast(di, hn::LoadU(df, src + i)),
                                       hn::Set(di, 0x7FFFFFFF)));
  int32_t bits = hn::GetLane(hn::MaxOfLanes(di, largest));
  if (bits >= 0x7F800000) {
    isFinite = false;
    return 0;
  }
  int exponent = -126;
  if (bits < kLift << 23) {
    // Subnormals have their exponent in the leading zeros.
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    value *= powerOfTwo(kLift);
    std::memcpy(&bits, &value, sizeof(bits));
    exponent -= kLift;
  }
  exponent += (bits + kHeadroom) >> 23;
  // One factor may be out of range.
  const int shift = kBits - exponent;
  const VF first = hn::Set(df, powerOfTwo(shift / 2));
  const VF second = hn::Set(df, powerOfTwo(shift - shift / 2));
  for (int64_t i = 0; i < kFixedBlock; i += kN)
    hn::StoreU(
        hn::NearestInt(hn::Mul(hn::Mul(hn::LoadU(df, src + i), first), second)),
        di, dst + i);
  return exponent;
}

HWY_INLINE void storeDigits(VI value, int8_t *plane) {
  const hn::Rebind<int8_t, DI> d8;
  const VI low = getDigit(value);
  const VI upper = hn::ShiftRight<7>(hn::Sub(value, low));
  const VI middle = getDigit(upper);
  const VI high = hn::ShiftRight<7>(hn::Sub(upper, middle));
  hn::StoreU(hn::DemoteTo(d8, high), d8, plane);
  hn::StoreU(hn::DemoteTo(d8, middle), d8, plane + kStep);
  hn::StoreU(hn::DemoteTo(d8, low), d8, plane + 2 * kStep);
}

/// lowParity: of the elements in low nibbles.
HWY_INLINE void storeStep(const int32_t *values, int lowParity,
                          int8_t *planes) {
  const DI di;
  for (int64_t i = 0; i < int64_t(kStepBytes); i += kN) {
    const VI a = hn::LoadU(di, values + 2 * i);
    const VI b = hn::LoadU(di, values + 2 * i + kN);
    const VI even = hn::ConcatEven(di, b, a), odd = hn::ConcatOdd(di, b, a);
    storeDigits(lowParity ? odd : even, planes + i);
    storeDigits(lowParity ? even : odd, planes + kStepBytes + i);
  }
}

void prepareFixed(qmm_nibble_order order, const float *src, int64_t count,
                  void *buffer) {
  FixedRow &row = *FixedRow::at(buffer);
  const int64_t blocks = count / kFixedBlock;
  row.planes = static_cast<int8_t *>(buffer) + FixedRow::kHeader;
  row.offsets = reinterpret_cast<int32_t *>(row.planes + kNumPlanes * count);
  row.factors = reinterpret_cast<float *>(row.offsets + blocks);
  row.isFinite = true;

  const int lowParity = order == QMM_NIBBLES_HI_FIRST ? 1 : 0;
  int largest = -126 - kLift;
  for (int64_t pair = 0; pair < count / kPair; ++pair) {
    HWY_ALIGN int32_t values[kPair];
    int exponents[kN];
    for (int i = 0; i < kN; ++i) {
      exponents[i] = fixBlock(src + pair * kPair + i * kFixedBlock,
                              values + i * kFixedBlock, row.isFinite);
      largest = exponents[i] > largest ? exponents[i] : largest;
    }
    if (!row.isFinite)
      return;
    int8_t *planes = row.planes + pair * kNumPlanes * kPair;
    storeStep(values, lowParity, planes);
    storeStep(values + kStep, lowParity, planes + kNumPlanes * kStep);
    for (int i = 0; i < kN; ++i) {
      const int32_t *block = values + getBlock(i) * kFixedBlock;
      int32_t sum = 0;
      for (int64_t k = 0; k < kFixedBlock; ++k)
        sum += block[k];
      row.offsets[pair * kN + i] = sum * kOffset;
      // The exponent: the factor depends on the lift, which takes the whole
      // row.
      row.factors[pair * kN + i] = float(exponents[getBlock(i)] - kBits);
    }
  }
  const int lift = largest < kTinyExponent ? kLift : 0;
  for (int64_t i = 0; i < blocks; ++i)
    row.factors[i] = powerOfTwo(int(row.factors[i]) + lift);
  // Weights are twice their value.
  row.unscale = powerOfTwo(-1 - lift);
}

#endif

const cpu::FixedDotTable kFixedDots = {prepareFixed, dotFixed, dotFixedE4M3};

} // namespace
} // namespace HWY_NAMESPACE
} // namespace qmmrt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qmmrt {
static const cpu::FixedDotTable *const kFixedDotTables[] =
    QMM_SIMD_TABLES(kFixedDots);

namespace cpu {

const FixedDotTable &getFixedDots() {
  return *kFixedDotTables[int(getSimdTarget())];
}

} // namespace cpu
} // namespace qmmrt
#endif // HWY_ONCE
