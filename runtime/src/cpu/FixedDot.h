//===- cpu/FixedDot.h - Dot of E2M1 rows in integers -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For one row of A: decoding E2M1 to f32 costs more than multiplying.  The row
// becomes fixed point once per call, 22 bits and a power of two for every 16
// elements, as three planes of signed bytes; the codes become small integers by
// one shuffle, and bytes multiply bytes.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CPU_FIXEDDOT_H
#define QMMRT_CPU_FIXEDDOT_H

#include "qmm/tensor.h"

namespace qmmrt::cpu {

/// Elements that share a power of two.
constexpr int64_t kFixedBlock = 16;

/// A row of A in fixed point; the pointers are into the caller's buffer.
struct FixedRow {
  bool isFinite;    // false: nothing else is set
  float unscale;    // of the sum
  int8_t *planes;   // the digits of a step of codes, plane by plane
  int32_t *offsets; // what the weights' offset adds to a block's sum
  float *factors;   // a block's power of two

  /// Of the row that `prepare` puts at `buffer`, 64-byte aligned.
  static FixedRow *at(void *buffer) { return static_cast<FixedRow *>(buffer); }
  static int64_t getBytes(int64_t count) { return kHeader + 4 * count; }
  static constexpr int64_t kHeader = 64;
};

struct FixedDotTable {
  /// `count` is a multiple of kDotPad.
  void (*prepare)(qmm_nibble_order order, const float *src, int64_t count,
                  void *buffer);

  /// Sum over k < count of x[k] * code[k] * scales[k / block], the row being
  /// finite.  Block: 0 (no scales), 16 or 32; scales are readable and finite,
  /// if they are so before, up to the pad.
  float (*dot)(const uint8_t *codes, int64_t count, int64_t block,
               const float *scales, const FixedRow &x);

  /// The same with E4M3 scales of blocks of 16.  NaN if a scale is.  For each
  /// 8 of them a cache line of `soon` is prefetched, soonStep apart.
  float (*dotE4M3)(const uint8_t *codes, int64_t count, const uint8_t *scales,
                   const uint8_t *soon, int64_t soonStep, const FixedRow &x);
};

/// For the current SIMD target; not for the scalar one.
const FixedDotTable &getFixedDots();

} // namespace qmmrt::cpu

#endif // QMMRT_CPU_FIXEDDOT_H
