//===- cpu/Kernels.cpp - Per-target inner loops ---------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The micro-kernel keeps two vectors of columns by as many rows as the register
// file holds; it reads B from the first-level cache and broadcasts A.
//
//===----------------------------------------------------------------------===//
#include "cpu/Kernels.h"
#include "numerics/SimdTargets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/Kernels.cpp"
#include "hwy/foreach_target.h" // IWYU pragma: keep

#include "cpu/Math-inl.h"
#include "hwy/highway.h"

#ifndef QMMRT_CPU_UNROLL
#ifdef __clang__
#define QMMRT_CPU_UNROLL _Pragma("unroll")
#else
#define QMMRT_CPU_UNROLL _Pragma("GCC unroll 16")
#endif
#endif

HWY_BEFORE_NAMESPACE();
namespace qmmrt {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::KernelTable;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int kN = HWY_LANES(float);
constexpr int kCols = 2 * kN;
// Accumulators, two vectors of B and one of A: 16 or 32 registers.
constexpr int kRows = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 12 : 6;

template <int Rows>
void multiply(int64_t depth, const float *HWY_RESTRICT a,
              const float *HWY_RESTRICT b, float *HWY_RESTRICT c, int64_t ldc) {
  const D d;
  V sum0[Rows], sum1[Rows];
  QMMRT_CPU_UNROLL
  for (int r = 0; r < Rows; ++r)
    sum0[r] = sum1[r] = hn::Zero(d);
  for (int64_t k = 0; k < depth; ++k) {
    const V b0 = hn::Load(d, b + k * kCols);
    const V b1 = hn::Load(d, b + k * kCols + kN);
    QMMRT_CPU_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const V value = hn::Set(d, a[k * kRows + r]);
      sum0[r] = hn::MulAdd(value, b0, sum0[r]);
      sum1[r] = hn::MulAdd(value, b1, sum1[r]);
    }
  }
  QMMRT_CPU_UNROLL
  for (int r = 0; r < Rows; ++r) {
    float *row = c + r * ldc;
    hn::StoreU(hn::Add(hn::LoadU(d, row), sum0[r]), d, row);
    hn::StoreU(hn::Add(hn::LoadU(d, row + kN), sum1[r]), d, row + kN);
  }
}

template <int Rows>
HWY_INLINE bool multiplyIf(int rows, int64_t depth, const float *a,
                           const float *b, float *c, int64_t ldc) {
  if constexpr (Rows <= kRows)
    if (rows == Rows)
      multiply<Rows>(depth, a, b, c, ldc);
  return rows == Rows;
}

void multiplyTile(int rows, int64_t depth, const float *a, const float *b,
                  float *c, int64_t ldc) {
  if (rows == kRows)
    return multiply<kRows>(depth, a, b, c, ldc);
  (void)(multiplyIf<1>(rows, depth, a, b, c, ldc) ||
         multiplyIf<2>(rows, depth, a, b, c, ldc) ||
         multiplyIf<3>(rows, depth, a, b, c, ldc) ||
         multiplyIf<4>(rows, depth, a, b, c, ldc) ||
         multiplyIf<5>(rows, depth, a, b, c, ldc) ||
         multiplyIf<6>(rows, depth, a, b, c, ldc) ||
         multiplyIf<7>(rows, depth, a, b, c, ldc) ||
         multiplyIf<8>(rows, depth, a, b, c, ldc) ||
         multiplyIf<9>(rows, depth, a, b, c, ldc) ||
         multiplyIf<10>(rows, depth, a, b, c, ldc) ||
         multiplyIf<11>(rows, depth, a, b, c, ldc));
}

void transpose(const float *src, int64_t stride, int64_t rows, int64_t depth,
               int64_t width, float *dst) {
  int64_t r = 0;
#if HWY_TARGET != HWY_SCALAR
  // Squares of four by four.
  const hn::CappedTag<float, 4> d;
  const hn::CappedTag<double, 2> d64;
  for (; r + 4 <= rows; r += 4) {
    const float *row = src + r * stride;
    int64_t k = 0;
    for (; k + 4 <= depth; k += 4) {
      const auto r0 = hn::LoadU(d, row + k);
      const auto r1 = hn::LoadU(d, row + stride + k);
      const auto r2 = hn::LoadU(d, row + 2 * stride + k);
      const auto r3 = hn::LoadU(d, row + 3 * stride + k);
      const auto l01 = hn::BitCast(d64, hn::InterleaveLower(d, r0, r1));
      const auto u01 = hn::BitCast(d64, hn::InterleaveUpper(d, r0, r1));
      const auto l23 = hn::BitCast(d64, hn::InterleaveLower(d, r2, r3));
      const auto u23 = hn::BitCast(d64, hn::InterleaveUpper(d, r2, r3));
      float *out = dst + k * width + r;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, l01, l23)), d, out);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, l01, l23)), d,
                 out + width);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, u01, u23)), d,
                 out + 2 * width);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, u01, u23)), d,
                 out + 3 * width);
    }
    for (; k < depth; ++k)
      for (int64_t i = 0; i < 4; ++i)
        dst[k * width + r + i] = row[i * stride + k];
  }
#endif
  for (; r < rows; ++r)
    for (int64_t k = 0; k < depth; ++k)
      dst[k * width + r] = src[r * stride + k];
  if (rows < width)
    for (int64_t k = 0; k < depth; ++k)
      for (r = rows; r < width; ++r)
        dst[k * width + r] = 0.0f;
}

void scaleBlocks(float *values, int64_t count, int64_t first, int64_t block,
                 const float *scales) {
  const D d;
  int64_t end = block - first;
  for (int64_t i = 0; i < count; ++scales, end += block) {
    const int64_t stop = end < count ? end : count;
    const V scale = hn::Set(d, *scales);
    for (; i + kN <= stop; i += kN)
      hn::StoreU(hn::Mul(hn::LoadU(d, values + i), scale), d, values + i);
    for (; i < stop; ++i)
      values[i] *= *scales;
  }
}

float dot(const float *a, const float *b, int64_t count) {
  const D d;
  V sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  int64_t i = 0;
  for (; i + 4 * kN <= count; i += 4 * kN) {
    sum0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
    sum1 = hn::MulAdd(hn::LoadU(d, a + i + kN), hn::LoadU(d, b + i + kN), sum1);
    sum2 = hn::MulAdd(hn::LoadU(d, a + i + 2 * kN),
                      hn::LoadU(d, b + i + 2 * kN), sum2);
    sum3 = hn::MulAdd(hn::LoadU(d, a + i + 3 * kN),
                      hn::LoadU(d, b + i + 3 * kN), sum3);
  }
  for (; i + kN <= count; i += kN)
    sum0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
  const V sum = hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3));
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < count; ++i)
    total += a[i] * b[i];
  return total;
}

void combine(float *values, int64_t count, float rowScale,
             const float *colScales, const float *bias, const float *residual) {
  const D d;
  const V row = hn::Set(d, rowScale);
  int64_t i = 0;
  for (; i + kN <= count; i += kN) {
    V v = hn::Mul(hn::Mul(hn::LoadU(d, values + i), row),
                  hn::LoadU(d, colScales + i));
    if (bias)
      v = hn::Add(v, hn::LoadU(d, bias + i));
    if (residual)
      v = hn::Add(v, hn::LoadU(d, residual + i));
    hn::StoreU(v, d, values + i);
  }
  for (; i < count; ++i) {
    float v = values[i] * rowScale * colScales[i];
    if (bias)
      v += bias[i];
    if (residual)
      v += residual[i];
    values[i] = v;
  }
}

template <class Op>
HWY_INLINE void mapRow(float *values, int64_t count, Op op) {
  const D d;
  int64_t i = 0;
  for (; i + kN <= count; i += kN)
    hn::StoreU(op(d, hn::LoadU(d, values + i)), d, values + i);
  if (i < count) {
    // The same instructions for the rest: where an element is doesn't matter.
    HWY_ALIGN float rest[kN] = {};
    const int64_t left = count - i;
    for (int64_t j = 0; j < left; ++j)
      rest[j] = values[i + j];
    hn::Store(op(d, hn::Load(d, rest)), d, rest);
    for (int64_t j = 0; j < left; ++j)
      values[i + j] = rest[j];
  }
}

struct Relu {
  // A NaN stays one.
  HWY_INLINE V operator()(D d, V x) const {
    return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
  }
};
struct GeluTanh {
  HWY_INLINE V operator()(D d, V x) const { return geluTanh(d, x); }
};
struct GeluErf {
  HWY_INLINE V operator()(D d, V x) const { return geluErf(d, x); }
};
struct Silu {
  HWY_INLINE V operator()(D d, V x) const { return silu(d, x); }
};

void activate(qmm_activation activation, float *values, int64_t count) {
  switch (activation) {
  case QMM_ACTIVATION_NONE:
    return;
  case QMM_ACTIVATION_RELU:
    return mapRow(values, count, Relu());
  case QMM_ACTIVATION_GELU_TANH:
    return mapRow(values, count, GeluTanh());
  case QMM_ACTIVATION_GELU_ERF:
    return mapRow(values, count, GeluErf());
  case QMM_ACTIVATION_SILU:
    return mapRow(values, count, Silu());
  }
}

void divide(float *values, int64_t count, float divisor) {
  const D d;
  const V by = hn::Set(d, divisor);
  int64_t i = 0;
  for (; i + kN <= count; i += kN)
    hn::StoreU(hn::Div(hn::LoadU(d, values + i), by), d, values + i);
  for (; i < count; ++i)
    values[i] /= divisor;
}

const KernelTable kKernels = {kRows,     kCols,       multiplyTile,
                              transpose, scaleBlocks, dot,
                              combine,   activate,    divide};

} // namespace
} // namespace HWY_NAMESPACE
} // namespace qmmrt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qmmrt {
static const cpu::KernelTable *const kKernelTables[] =
    QMM_SIMD_TABLES(kKernels);

const cpu::KernelTable &cpu::getKernels() {
  return *kKernelTables[int(getSimdTarget())];
}
} // namespace qmmrt
#endif // HWY_ONCE
