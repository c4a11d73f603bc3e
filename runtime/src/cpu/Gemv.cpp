//===- cpu/Gemv.cpp - Fused decode-and-dot of packed rows -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elements are decoded unscaled; a block's sum is scaled once when there is one
// row of A, its elements when there are more (E2M1: one row is FixedDot's).
// docs/cpu-backend.md counts the operations.
//
//===----------------------------------------------------------------------===//
#include "cpu/Gemv.h"
#include "numerics/SimdTargets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/Gemv.cpp"
#include "hwy/foreach_target.h" // IWYU pragma: keep

#include "hwy/highway.h"
#include "numerics/Decode-inl.h"

#ifndef QMMRT_CPU_GEMV_UNROLL
#ifdef __clang__
#define QMMRT_CPU_GEMV_UNROLL _Pragma("unroll")
#else
#define QMMRT_CPU_GEMV_UNROLL _Pragma("GCC unroll 8")
#endif
#endif

HWY_BEFORE_NAMESPACE();
namespace qmmrt {
namespace HWY_NAMESPACE {
namespace {
#if HWY_TARGET == HWY_SCALAR

bool dot(qmm_dtype, const uint8_t *, int64_t, int64_t, const float *,
         const float *, int64_t, int, float *) {
  return false; // The caller decodes by the reference.
}
int64_t loadTiledScales(const uint8_t *, int64_t, float *) { return 0; }
void permuteForNibbles(qmm_nibble_order, const float *src, int64_t count,
                       float *dst) {
  for (int64_t i = 0; i < count; ++i)
    dst[i] = src[i];
}

#else

constexpr int64_t kN = kLanes;

/// A codec decodes kStep elements to kVectors vectors, in order; values are off
/// by the factor kUnscale.
struct Step {
  VF v[4];
};

struct BytesCodec {
  static constexpr int kVectors = 4;
  static constexpr int64_t kStep = kVectors * kN, kBytes = kStep;
  static constexpr float kUnscale = 1.0f;
  HWY_INLINE void start() {}
  HWY_INLINE bool isClean() const { return true; }
};

struct E4M3Codec : BytesCodec {
  static constexpr float kUnscale = kE4M3Unscale;
  VB nans;
  HWY_INLINE void start() { nans = hn::Zero(DB()); }
  HWY_INLINE Step decode(const uint8_t *codes) {
    const VB bytes = hn::LoadU(DB(), codes);
    nans = hn::Or(nans, findE4M3NaN(bytes));
    const Quad q = promotePair(e4m3ToScaledF16(widenLower(bytes)),
                               e4m3ToScaledF16(widenUpper(bytes)));
    return {{q.v[0], q.v[1], q.v[2], q.v[3]}};
  }
  HWY_INLINE bool isClean() const {
    return hn::AllTrue(DB(), hn::Eq(nans, hn::Zero(DB())));
  }
};

struct E5M2Codec : BytesCodec {
  HWY_INLINE Step decode(const uint8_t *codes) {
    const VB bytes = hn::LoadU(DB(), codes);
    const Quad q = promotePair(widenLower(bytes), widenUpper(bytes));
    return {{q.v[0], q.v[1], q.v[2], q.v[3]}};
  }
};

struct I8Codec : BytesCodec {
  HWY_INLINE Step decode(const uint8_t *codes) {
    const int8_t *src = reinterpret_cast<const int8_t *>(codes);
    return {{decodeI8(src), decodeI8(src + kN), decodeI8(src + 2 * kN),
             decodeI8(src + 3 * kN)}};
  }
};

struct BF16Codec : BytesCodec {
  static constexpr int64_t kBytes = 2 * kStep;
  HWY_INLINE Step decode(const uint8_t *codes) {
    const uint16_t *src = reinterpret_cast<const uint16_t *>(codes);
    return {{decodeBF16(src), decodeBF16(src + kN), decodeBF16(src + 2 * kN),
             decodeBF16(src + 3 * kN)}};
  }
};

struct F16Codec : BytesCodec {
  static constexpr int64_t kBytes = 2 * kStep;
  HWY_INLINE Step decode(const uint8_t *codes) {
    const uint16_t *src = reinterpret_cast<const uint16_t *>(codes);
    return {{decodeF16(src), decodeF16(src + kN), decodeF16(src + 2 * kN),
             decodeF16(src + 3 * kN)}};
  }
};

struct F32Codec : BytesCodec {
  static constexpr int64_t kBytes = 4 * kStep;
  HWY_INLINE Step decode(const uint8_t *codes) {
    const float *src = reinterpret_cast<const float *>(codes);
    const DF df;
    return {{hn::LoadU(df, src), hn::LoadU(df, src + kN),
             hn::LoadU(df, src + 2 * kN), hn::LoadU(df, src + 3 * kN)}};
  }
};

/// Accumulators a row of A needs for the latency of an addition.
constexpr int getChains(int rows) { return rows == 1 ? 4 : 2; }

template <int Rows> struct Sums {
  static constexpr int kChains = getChains(Rows);
  VF v[Rows][kChains];
  HWY_INLINE void start() {
    for (int r = 0; r < Rows; ++r)
      for (int i = 0; i < kChains; ++i)
        v[r][i] = hn::Zero(DF());
  }
  HWY_INLINE void finish(float scale, float *result) const {
    const DF df;
    for (int r = 0; r < Rows; ++r) {
      VF sum = hn::Add(v[r][0], v[r][1]);
      if (kChains == 4)
        sum = hn::Add(sum, hn::Add(v[r][kChains - 2], v[r][kChains - 1]));
      result[r] = scale * hn::GetLane(hn::SumOfLanes(df, sum));
    }
  }
};

/// Decoding fills the window of instructions in flight, so that few loads wait
/// for memory at a time: codes are asked for this far ahead.  Beyond the end it
/// reads nothing.
constexpr int64_t kPrefetchBytes = 2048;

/// Elements of a byte or more.  With scales, a block is a whole number of
/// steps.
template <class Codec, bool HasScales, int Rows> struct BytesDot {
  Codec codec;
  Sums<Rows> sums;

  HWY_INLINE void step(const uint8_t *codes, float scale, const float *x,
                       int64_t xStride) {
    const DF df;
    constexpr int kChains = Sums<Rows>::kChains;
    __builtin_prefetch(codes + kPrefetchBytes);
    const Step decoded = codec.decode(codes);
    if constexpr (HasScales && Rows == 1) {
      VF block = hn::Mul(decoded.v[0], hn::LoadU(df, x));
      VF other = hn::Mul(decoded.v[1], hn::LoadU(df, x + kN));
      block = hn::MulAdd(decoded.v[2], hn::LoadU(df, x + 2 * kN), block);
      other = hn::MulAdd(decoded.v[3], hn::LoadU(df, x + 3 * kN), other);
      const VF factor = hn::Set(df, scale);
      sums.v[0][0] = hn::MulAdd(block, factor, sums.v[0][0]);
      sums.v[0][1] = hn::MulAdd(other, factor, sums.v[0][1]);
      return;
    }
    QMMRT_CPU_GEMV_UNROLL
    for (int i = 0; i < 4; ++i) {
      VF value = decoded.v[i];
      if (HasScales)
        value = hn::Mul(value, hn::Set(df, scale));
      QMMRT_CPU_GEMV_UNROLL
      for (int r = 0; r < Rows; ++r)
        sums.v[r][i % kChains] =
            hn::MulAdd(value, hn::LoadU(df, x + r * xStride + i * kN),
                       sums.v[r][i % kChains]);
    }
  }

  static constexpr int64_t kElementBytes = Codec::kBytes / Codec::kStep;

  /// The whole steps from `k` to `stop`; returns where they end.
  HWY_INLINE int64_t runBlock(const uint8_t *codes, int64_t k, int64_t stop,
                              float scale, const float *x, int64_t xStride) {
    for (; k + Codec::kStep <= stop; k += Codec::kStep)
      step(codes + k * kElementBytes, scale, x + k, xStride);
    return k;
  }

  HWY_INLINE bool run(const uint8_t *codes, int64_t count, int64_t block,
                      const float *scales, const float *x, int64_t xStride,
                      float *result) {
    codec.start();
    sums.start();
    int64_t k = 0;
    if (!HasScales) {
      k = runBlock(codes, 0, count, 1.0f, x, xStride);
    } else if (block == Codec::kStep) {
      for (; k + block <= count; k += block)
        step(codes + k, *scales++, x + k, xStride);
    } else {
      for (; k + block <= count; k += block)
        runBlock(codes + k, 0, block, *scales++, x + k, xStride);
      if (k < count)
        k += runBlock(codes + k, 0, count - k, *scales, x + k, xStride);
    }
    if (k < count) {
      // The rest of the row, and zeros.
      HWY_ALIGN uint8_t rest[Codec::kBytes] = {};
      const int64_t bytes = (count - k) * kElementBytes;
      for (int64_t i = 0; i < bytes; ++i)
        rest[i] = codes[k * kElementBytes + i];
      step(rest, HasScales ? *scales : 1.0f, x + k, xStride);
    }
    sums.finish(Codec::kUnscale, result);
    return codec.isClean();
  }
};

/// E2M1: a step is kStepBytes bytes; x is permuted to its order of vectors:
/// by half, nibble (high, low) and parity of the byte.  Block: 0, 16 or 32.
template <int Block, int Rows> struct NibblesDot {
  static constexpr int64_t kStep = 2 * kStepBytes;
  Sums<Rows> sums;

  /// The scales of the elements in the lower or upper halves.
  static HWY_INLINE VF getScales(const float *scales, int upper) {
    const DF df;
    const int perLane = Block == 16 ? 2 : 1; // blocks in 16 bytes
    const int first = Block == 16 ? upper : 0;
    const VF low = hn::Set(df, scales[first]);
    if (kN == 4)
      return low;
    return hn::ConcatUpperLower(df, hn::Set(df, scales[first + perLane]), low);
  }

  HWY_INLINE void step(const uint8_t *codes, const float *scales,
                       const float *x, int64_t xStride) {
    const DF df;
    const DB db;
    constexpr int kChains = Sums<Rows>::kChains;
    __builtin_prefetch(codes + kPrefetchBytes);
    const VB bytes = hn::LoadU(db, codes);
    const VB mask = hn::Set(db, 0x0F);
    const NibbleVectors high = decodeNibbles(hn::And(
        hn::BitCast(db, hn::ShiftRight<4>(hn::BitCast(D16(), bytes))), mask));
    const NibbleVectors low = decodeNibbles(hn::And(bytes, mask));
    const VF v[8] = {high.lowerEven, high.lowerOdd,  low.lowerEven,
                     low.lowerOdd,   high.upperEven, high.upperOdd,
                     low.upperEven,  low.upperOdd};
    VF factors[2] = {hn::Zero(df), hn::Zero(df)};
    if (Block != 0) {
      factors[0] = getScales(scales, 0);
      factors[1] = getScales(scales, 1);
    }
    QMMRT_CPU_GEMV_UNROLL
    for (int i = 0; i < 8; ++i) {
      const VF value = Block != 0 ? hn::Mul(v[i], factors[i / 4]) : v[i];
      QMMRT_CPU_GEMV_UNROLL
      for (int r = 0; r < Rows; ++r)
        sums.v[r][i % kChains] =
            hn::MulAdd(value, hn::LoadU(df, x + r * xStride + i * kN),
                       sums.v[r][i % kChains]);
    }
  }

  HWY_INLINE bool run(const uint8_t *codes, int64_t count, int64_t,
                      const float *scales, const float *x, int64_t xStride,
                      float *result) {
    sums.start();
    int64_t k = 0;
    for (; k + kStep <= count; k += kStep) {
      step(codes, scales, x + k, xStride);
      codes += kStepBytes;
      if (Block != 0)
        scales += kStep / (Block ? Block : 1);
    }
    if (k < count) {
      HWY_ALIGN uint8_t rest[kStepBytes] = {};
      for (int64_t i = 0; i < (count - k + 1) / 2; ++i)
        rest[i] = codes[i];
      step(rest, scales, x + k, xStride);
    }
    sums.finish(1.0f, result);
    return true;
  }
};

void permuteForNibbles(qmm_nibble_order order, const float *src, int64_t count,
                       float *dst) {
  const int64_t high = order == QMM_NIBBLES_HI_FIRST ? 0 : 1;
  for (int64_t k = 0; k < count; k += 2 * int64_t(kStepBytes))
    for (int upper = 0; upper < 2; ++upper)
      for (int nibble = 0; nibble < 2; ++nibble)
        for (int odd = 0; odd < 2; ++odd)
          for (int lane = 0; lane < kN; ++lane)
            *dst++ = src[k + 2 * getNibbleByte(upper, odd, lane) +
                         (nibble == 0 ? high : 1 - high)];
}

int64_t loadTiledScales(const uint8_t *first, int64_t count, float *dst) {
  const DF df;
  const hn::Rebind<uint8_t, DF> d8;
#if HWY_MAX_BYTES >= 32
  using Word = uint64_t;
#else
  using Word = uint32_t;
#endif
  const hn::Repartition<Word, decltype(d8)> dWord;
  constexpr Word kOnes = Word(0x0101010101010101);
  Word nans = 0;
  int64_t i = 0;
  for (; i + kN <= count; i += kN) {
    uint32_t quads[2] = {};
    for (int64_t q = 0; q < kN / 4; ++q) {
      __builtin_memcpy(&quads[q], first, 4);
      // The next rows' scales: four rows share a cache line.
      __builtin_prefetch(first + 64);
      first += 512;
    }
    const Word word = Word(uint64_t(quads[1]) << 32 | quads[0]);
    // 0x7F + 1 is the only sum here with the upper bit.
    nans |= ((word & kOnes * 0x7F) + kOnes) & kOnes * 0x80;
    const VHalf codes = hn::ShiftLeft<8>(
        hn::PromoteTo(DHalf(), hn::BitCast(d8, hn::Set(dWord, word))));
    const VF value = promoteHalf(e4m3ToScaledF16(codes));
    hn::StoreU(hn::Mul(value, hn::Set(df, kE4M3Unscale)), df, dst + i);
  }
  return nans ? -1 : i;
}

/// MinRows: fewer are another kernel's.
template <template <int> class Kernel, int MinRows = 1>
bool dotRows(const uint8_t *codes, int64_t count, int64_t block,
             const float *scales, const float *x, int64_t xStride, int rows,
             float *result) {
  switch (rows) {
  case 1:
    if constexpr (MinRows == 1)
      return Kernel<1>().run(codes, count, block, scales, x, xStride, result);
    return false;
  case 2:
    return Kernel<2>().run(codes, count, block, scales, x, xStride, result);
  case 3:
    return Kernel<3>().run(codes, count, block, scales, x, xStride, result);
  default:
    return Kernel<4>().run(codes, count, block, scales, x, xStride, result);
  }
}

template <int Rows> using Nibbles0 = NibblesDot<0, Rows>;
template <int Rows> using Nibbles16 = NibblesDot<16, Rows>;
template <int Rows> using Nibbles32 = NibblesDot<32, Rows>;
template <class Codec> struct Bytes {
  template <int Rows> using Plain = BytesDot<Codec, false, Rows>;
  template <int Rows> using Scaled = BytesDot<Codec, true, Rows>;
};

template <class Codec>
bool dotBytes(const uint8_t *codes, int64_t count, int64_t block,
              const float *scales, const float *x, int64_t xStride, int rows,
              float *result) {
  if (block)
    return dotRows<Bytes<Codec>::template Scaled>(codes, count, block, scales,
                                                  x, xStride, rows, result);
  return dotRows<Bytes<Codec>::template Plain>(codes, count, block, scales, x,
                                               xStride, rows, result);
}

bool dot(qmm_dtype dtype, const uint8_t *codes, int64_t count, int64_t block,
         const float *scales, const float *x, int64_t xStride, int rows,
         float *result) {
  switch (dtype) {
  case QMM_DTYPE_E2M1:
    if (block == 16)
      return dotRows<Nibbles16, 2>(codes, count, block, scales, x, xStride,
                                   rows, result);
    if (block == 32)
      return dotRows<Nibbles32, 2>(codes, count, block, scales, x, xStride,
                                   rows, result);
    return dotRows<Nibbles0, 2>(codes, count, block, scales, x, xStride, rows,
                                result);
  case QMM_DTYPE_E4M3:
    return dotBytes<E4M3Codec>(codes, count, block, scales, x, xStride, rows,
                               result);
  case QMM_DTYPE_E5M2:
    return dotBytes<E5M2Codec>(codes, count, block, scales, x, xStride, rows,
                               result);
  case QMM_DTYPE_I8:
    return dotBytes<I8Codec>(codes, count, block, scales, x, xStride, rows,
                             result);
  case QMM_DTYPE_BF16:
    return dotRows<Bytes<BF16Codec>::Plain>(codes, count, block, scales, x,
                                            xStride, rows, result);
  case QMM_DTYPE_F16:
    return dotRows<Bytes<F16Codec>::Plain>(codes, count, block, scales, x,
                                           xStride, rows, result);
  default:
    return dotRows<Bytes<F32Codec>::Plain>(codes, count, block, scales, x,
                                           xStride, rows, result);
  }
}

#endif

const cpu::DotTable kDots = {dot, loadTiledScales, permuteForNibbles};

} // namespace
} // namespace HWY_NAMESPACE
} // namespace qmmrt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qmmrt {
static const cpu::DotTable *const kDotTables[] = QMM_SIMD_TABLES(kDots);

namespace cpu {

const DotTable &getDots() { return *kDotTables[int(getSimdTarget())]; }

bool isFusedDot(qmm_dtype dtype, int64_t blockK) {
  switch (dtype) {
  case QMM_DTYPE_E2M1:
    return blockK == 0 || blockK == 16 || blockK == 32;
  case QMM_DTYPE_E4M3:
  case QMM_DTYPE_E5M2:
  case QMM_DTYPE_I8:
    return blockK % 32 == 0;
  case QMM_DTYPE_BF16:
  case QMM_DTYPE_F16:
  case QMM_DTYPE_F32:
    return true;
  default:
    return false;
  }
}

} // namespace cpu
} // namespace qmmrt
#endif // HWY_ONCE
