//===- cpu/Gemv.h - Fused decode-and-dot of packed rows -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For few rows of A the product is bound by reading B: each packed byte is read
// once, decoded in registers and multiplied with up to four rows of A.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CPU_GEMV_H
#define QMMRT_CPU_GEMV_H

#include "qmm/tensor.h"

namespace qmmrt::cpu {

constexpr int kMaxDotRows = 4;
/// Rows of A are zero-padded to a multiple of this.
constexpr int64_t kDotPad = 128;

struct DotTable {
  /// sums[i] = sum over k < count of x[i * xStride + k] * code[k] *
  /// scales[k / block], for i < rows <= kMaxDotRows.  Block 0: no scales.
  /// x is zero up to a multiple of kDotPad and, for E2M1, permuted by
  /// permuteForNibbles; scales are readable up to the pad.  False: a code that
  /// this kernel doesn't do right (E4M3 NaN), sums are unspecified.  One row of
  /// A and E2M1 are FixedDot's.
  bool (*dot)(qmm_dtype dtype, const uint8_t *codes, int64_t count,
              int64_t block, const float *scales, const float *x,
              int64_t xStride, int rows, float *sums);

  /// E4M3 scales of one row in the tiled layout: `count` (returned: how many
  /// were done, a multiple of 4) in groups of four, 512 bytes apart.  -1: one
  /// of them is NaN, which this doesn't decode.
  int64_t (*loadTiledScales)(const uint8_t *first, int64_t count, float *dst);

  /// Rows of A in the order in which `dot` takes the elements of E2M1 rows.
  /// `count` is a multiple of kDotPad; src and dst don't overlap.
  void (*permuteForNibbles)(qmm_nibble_order order, const float *src,
                            int64_t count, float *dst);
};

/// Does `dot` take this pair?
bool isFusedDot(qmm_dtype dtype, int64_t blockK);

/// For the current SIMD target.
const DotTable &getDots();

} // namespace qmmrt::cpu

#endif // QMMRT_CPU_GEMV_H
