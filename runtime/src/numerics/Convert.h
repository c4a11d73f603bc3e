//===- numerics/Convert.h - Vectorized element conversions -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of elements to f32 and back, by the widest vector unit found at run
// time; bit-identical to Elements.h on every target.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_NUMERICS_CONVERT_H
#define QMMRT_NUMERICS_CONVERT_H

#include "qmm/tensor.h"

namespace qmmrt {

/// Vector targets, worst first.  The best the CPU has is used; the environment
/// variable QMM_SIMD=scalar|sse4|avx2|avx512|neon lowers it (read once).
enum class SimdTarget { Scalar, SSE4, AVX2, AVX512, NEON };
SimdTarget getSimdTarget();
const char *getSimdTargetName(SimdTarget target);
/// For tests: is `target` built in and runnable here, and use it from now on.
bool isSimdTargetSupported(SimdTarget target);
void setSimdTarget(SimdTarget target);

/// Decodes `count` elements starting at element `first` of the row at `row`
/// (E2M1: nibbles as `order` says, `first` may be odd) into dst[0..count).
void decodeRow(qmm_dtype dtype, qmm_nibble_order order, const void *row,
               int64_t first, int64_t count, float *dst);

/// Encodes src[0..count) (saturating, as encodeElement) to elements starting at
/// `first` of the row.  E2M1: `first` even; an odd count leaves the byte's
/// other nibble zero.
void encodeRow(qmm_dtype dtype, qmm_nibble_order order, const float *src,
               int64_t first, int64_t count, void *row);

/// max |src[i]|; NaN if any is NaN; 0 for count 0.
float amaxRow(const float *src, int64_t count);
/// The same of elements first .. first + count of a row of bf16 or f16.
float amaxEncodedRow(qmm_dtype dtype, const void *row, int64_t first,
                     int64_t count);

/// Blocks of `block` values each, the last one perhaps short, at most
/// kMaxBlocks of them.
constexpr int64_t kMaxBlocks = 2048;
/// Raises amax[b], a magnitude, to block b's amaxRow.
void amaxBlocks(const float *src, int64_t count, int64_t block, float *amax);
/// Divides block b by factors[b]; a factor 0 makes zeros.
void divideBlocks(float *values, int64_t count, int64_t block,
                  const float *factors);

} // namespace qmmrt

#endif // QMMRT_NUMERICS_CONVERT_H
