//===- cpu/Gemv.cpp - Fused decode-and-dot of packed rows -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elements are decoded unscaled; a block's sum is scaled once when there is one
// row of A, its elements when there are more.  docs/cpu-backend.md counts the
// operations.
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

#else

constexpr int64_t kN = kLanes;

/// A codec decodes `kStep` elements to kStep / kN vectors; vector i meets x at
/// xOffset(i) and belongs to the block of element blockOf(i).  Values are off
/// by the factor kUnscale.
template <int Vectors> struct Step {
  VF v[Vectors];
};

struct E2M1Codec {
  static constexpr int kVectors = 8;
  static constexpr int64_t kStep = kVectors * kN, kBytes = kStep / 2;
  static constexpr float kUnscale = 1.0f;
  /// Vector i < 4: the high nibbles of bytes i * kN and up; else low ones.
  static constexpr int64_t xOffset(int i) {
    const int64_t byte = (i % 4) * kN;
    return byte / 8 * 16 + (i / 4) * 8 + byte % 8;
  }
  static constexpr int64_t blockOf(int i) { return (i % 4) * kN * 2; }
  HWY_INLINE Step<8> decode(const uint8_t *codes) {
    const VB bytes = hn::LoadU(DB(), codes);
    const VB high = e2m1HighNibbles(bytes), low = e2m1LowNibbles(bytes);
    const Quad a = promotePair(widenLower(high), widenUpper(high));
    const Quad b = promotePair(widenLower(low), widenUpper(low));
    return {{a.v[0], a.v[1], a.v[2], a.v[3], b.v[0], b.v[1], b.v[2], b.v[3]}};
  }
  HWY_INLINE void start() {}
  HWY_INLINE bool isClean() const { return true; }
};

struct BytesCodec {
  static constexpr int kVectors = 4;
  static constexpr int64_t kStep = kVectors * kN, kBytes = kStep;
  static constexpr float kUnscale = 1.0f;
  static constexpr int64_t xOffset(int i) { return i * kN; }
  static constexpr int64_t blockOf(int i) { return i * kN; }
  HWY_INLINE void start() {}
  HWY_INLINE bool isClean() const { return true; }
};

struct E4M3Codec : BytesCodec {
  static constexpr float kUnscale = kE4M3Unscale;
  VB nans;
  HWY_INLINE void start() { nans = hn::Zero(DB()); }
  HWY_INLINE Step<4> decode(const uint8_t *codes) {
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
  HWY_INLINE Step<4> decode(const uint8_t *codes) {
    const VB bytes = hn::LoadU(DB(), codes);
    const Quad q = promotePair(widenLower(bytes), widenUpper(bytes));
    return {{q.v[0], q.v[1], q.v[2], q.v[3]}};
  }
};

struct I8Codec : BytesCodec {
  HWY_INLINE Step<4> decode(const uint8_t *codes) {
    const int8_t *src = reinterpret_cast<const int8_t *>(codes);
    return {{decodeI8(src), decodeI8(src + kN), decodeI8(src + 2 * kN),
             decodeI8(src + 3 * kN)}};
  }
};

struct BF16Codec : BytesCodec {
  static constexpr int64_t kBytes = 2 * kStep;
  HWY_INLINE Step<4> decode(const uint8_t *codes) {
    const uint16_t *src = reinterpret_cast<const uint16_t *>(codes);
    return {{decodeBF16(src), decodeBF16(src + kN), decodeBF16(src + 2 * kN),
             decodeBF16(src + 3 * kN)}};
  }
};

struct F16Codec : BytesCodec {
  static constexpr int64_t kBytes = 2 * kStep;
  HWY_INLINE Step<4> decode(const uint8_t *codes) {
    const uint16_t *src = reinterpret_cast<const uint16_t *>(codes);
    return {{decodeF16(src), decodeF16(src + kN), decodeF16(src + 2 * kN),
             decodeF16(src + 3 * kN)}};
  }
};

struct F32Codec : BytesCodec {
  static constexpr int64_t kBytes = 4 * kStep;
  HWY_INLINE Step<4> decode(const uint8_t *codes) {
    const float *src = reinterpret_cast<const float *>(codes);
    const DF df;
    return {{hn::LoadU(df, src), hn::LoadU(df, src + kN),
             hn::LoadU(df, src + 2 * kN), hn::LoadU(df, src + 3 * kN)}};
  }
};

/// Block: 0 (no scales), 16, 32 (two blocks or one a step), or -1: a multiple
/// of 32, constant within a step.
template <class Codec, int Block, int Rows> struct Dot {
  Codec codec;
  VF sums[Rows][2];

  HWY_INLINE void step(const uint8_t *codes, int64_t k, int64_t block,
                       const float *scales, const float *x, int64_t xStride) {
    const DF df;
    const auto decoded = codec.decode(codes);
    if constexpr (Block == 0) {
      QMMRT_CPU_GEMV_UNROLL
      for (int i = 0; i < Codec::kVectors; ++i)
        QMMRT_CPU_GEMV_UNROLL
      for (int r = 0; r < Rows; ++r)
        sums[r][i % 2] = hn::MulAdd(
            decoded.v[i], hn::LoadU(df, x + r * xStride + Codec::xOffset(i)),
            sums[r][i % 2]);
    } else if constexpr (Rows == 1 && Block > 0) {
      // The vectors of a block are summed, then scaled.
      constexpr int kBlocks =
          Codec::kStep > Block ? int(Codec::kStep / Block) : 1;
      VF block0[kBlocks];
      bool started[kBlocks] = {};
      QMMRT_CPU_GEMV_UNROLL
      for (int i = 0; i < Codec::kVectors; ++i) {
        const int b = int(Codec::blockOf(i) / Block);
        const VF other = hn::LoadU(df, x + Codec::xOffset(i));
        block0[b] = started[b] ? hn::MulAdd(decoded.v[i], other, block0[b])
                               : hn::Mul(decoded.v[i], other);
        started[b] = true;
      }
      const float *scale = scales + k / Block;
      QMMRT_CPU_GEMV_UNROLL
      for (int b = 0; b < kBlocks; ++b)
        sums[0][b % 2] =
            hn::MulAdd(block0[b], hn::Set(df, scale[b]), sums[0][b % 2]);
    } else {
      const float *scale = scales + k / (Block > 0 ? Block : block);
      QMMRT_CPU_GEMV_UNROLL
      for (int i = 0; i < Codec::kVectors; ++i) {
        const VF scaled = hn::Mul(
            decoded.v[i],
            hn::Set(df, scale[Block > 0 ? Codec::blockOf(i) / Block : 0]));
        QMMRT_CPU_GEMV_UNROLL
        for (int r = 0; r < Rows; ++r)
          sums[r][i % 2] = hn::MulAdd(
              scaled, hn::LoadU(df, x + r * xStride + Codec::xOffset(i)),
              sums[r][i % 2]);
      }
    }
  }

  HWY_INLINE bool run(const uint8_t *codes, int64_t count, int64_t block,
                      const float *scales, const float *x, int64_t xStride,
                      float *result) {
    const DF df;
    codec.start();
    for (int r = 0; r < Rows; ++r)
      sums[r][0] = sums[r][1] = hn::Zero(df);
    int64_t k = 0;
    for (; k + Codec::kStep <= count; k += Codec::kStep) {
      step(codes, k, block, scales, x + k, xStride);
      codes += Codec::kBytes;
    }
    if (k < count) {
      // The rest of the row, and zeros.
      HWY_ALIGN uint8_t rest[Codec::kBytes] = {};
      const int64_t bytes =
          ((count - k) * Codec::kBytes + Codec::kStep - 1) / Codec::kStep;
      for (int64_t i = 0; i < bytes; ++i)
        rest[i] = codes[i];
      step(rest, k, block, scales, x + k, xStride);
    }
    for (int r = 0; r < Rows; ++r)
      result[r] =
          Codec::kUnscale *
          hn::GetLane(hn::SumOfLanes(df, hn::Add(sums[r][0], sums[r][1])));
    return codec.isClean();
  }
};

template <class Codec, int Block>
bool dotRows(const uint8_t *codes, int64_t count, int64_t block,
             const float *scales, const float *x, int64_t xStride, int rows,
             float *result) {
  switch (rows) {
  case 1:
    return Dot<Codec, Block, 1>().run(codes, count, block, scales, x, xStride,
                                      result);
  case 2:
    return Dot<Codec, Block, 2>().run(codes, count, block, scales, x, xStride,
                                      result);
  case 3:
    return Dot<Codec, Block, 3>().run(codes, count, block, scales, x, xStride,
                                      result);
  default:
    return Dot<Codec, Block, 4>().run(codes, count, block, scales, x, xStride,
                                      result);
  }
}

bool dot(qmm_dtype dtype, const uint8_t *codes, int64_t count, int64_t block,
         const float *scales, const float *x, int64_t xStride, int rows,
         float *result) {
  switch (dtype) {
  case QMM_DTYPE_E2M1:
    if (block == 16)
      return dotRows<E2M1Codec, 16>(codes, count, block, scales, x, xStride,
                                    rows, result);
    if (block == 32)
      return dotRows<E2M1Codec, 32>(codes, count, block, scales, x, xStride,
                                    rows, result);
    return dotRows<E2M1Codec, 0>(codes, count, block, scales, x, xStride, rows,
                                 result);
#define QMM_DOT_BYTES(DTYPE, CODEC)                                            \
  case DTYPE:                                                                  \
    return block ? dotRows<CODEC, -1>(codes, count, block, scales, x, xStride, \
                                      rows, result)                            \
                 : dotRows<CODEC, 0>(codes, count, block, scales, x, xStride,  \
                                     rows, result);
    QMM_DOT_BYTES(QMM_DTYPE_E4M3, E4M3Codec)
    QMM_DOT_BYTES(QMM_DTYPE_E5M2, E5M2Codec)
    QMM_DOT_BYTES(QMM_DTYPE_I8, I8Codec)
#undef QMM_DOT_BYTES
  case QMM_DTYPE_BF16:
    return dotRows<BF16Codec, 0>(codes, count, block, scales, x, xStride, rows,
                                 result);
  case QMM_DTYPE_F16:
    return dotRows<F16Codec, 0>(codes, count, block, scales, x, xStride, rows,
                                result);
  default:
    return dotRows<F32Codec, 0>(codes, count, block, scales, x, xStride, rows,
                                result);
  }
}

#endif

const cpu::DotTable kDots = {dot};

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

void permuteForNibbles(qmm_nibble_order order, const float *src, int64_t count,
                       float *dst) {
  const int64_t high = order == QMM_NIBBLES_HI_FIRST ? 0 : 8;
  for (int64_t k = 0; k < count; k += 16)
    for (int64_t i = 0; i < 8; ++i) {
      dst[k + high + i] = src[k + 2 * i];
      dst[k + 8 - high + i] = src[k + 2 * i + 1];
    }
}

} // namespace cpu
} // namespace qmmrt
#endif // HWY_ONCE
