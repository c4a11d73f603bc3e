//===- cpu/Kernels.h - Per-target inner loops -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is compiled once per vector target: the f32 micro-kernel and its
// packing, and the epilogue's arithmetic.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CPU_KERNELS_H
#define QMMRT_CPU_KERNELS_H

#include "qmm/ops.h"

namespace qmmrt::cpu {

/// Bounds over all targets, for stack buffers.
constexpr int kMaxTileRows = 12;
constexpr int kMaxTileCols = 32;

struct KernelTable {
  /// The micro-kernel's tile of C.
  int tileRows, tileCols;

  /// c[r * ldc + j] += sum over k of a[k * tileRows + r] * b[k * tileCols + j],
  /// r < rows <= tileRows, all j.
  void (*multiplyTile)(int rows, int64_t depth, const float *a, const float *b,
                       float *c, int64_t ldc);

  /// dst[k * width + r] = src[r * stride + k] for r < rows, 0 up to width.
  void (*transpose)(const float *src, int64_t stride, int64_t rows,
                    int64_t depth, int64_t width, float *dst);

  /// values[i] *= scales[i / block], `first` elements being missing from the
  /// first block.
  void (*scaleBlocks)(float *values, int64_t count, int64_t first,
                      int64_t block, const float *scales);

  /// Sum of a[i] * b[i].
  float (*dot)(const float *a, const float *b, int64_t count);

  /// values[i] = values[i] * rowScale * colScales[i] + bias[i] + residual[i];
  /// bias and residual may be null.
  void (*combine)(float *values, int64_t count, float rowScale,
                  const float *colScales, const float *bias,
                  const float *residual);

  void (*activate)(qmm_activation activation, float *values, int64_t count);

  /// values[i] /= divisor.
  void (*divide)(float *values, int64_t count, float divisor);
};

/// For the current SIMD target.
const KernelTable &getKernels();

} // namespace qmmrt::cpu

#endif // QMMRT_CPU_KERNELS_H
