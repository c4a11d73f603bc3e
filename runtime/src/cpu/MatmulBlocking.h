//===- cpu/MatmulBlocking.h - Block sizes and scratch of a matmul -*- C++ -*-=//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes are for 32 KiB and 512 KiB caches: a decoded panel of B (kDepth x two
// vectors) stays in the first, a slice of packed A and the block of C in the
// second.  Depth is fixed, so that sums don't depend on threads.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CPU_MATMULBLOCKING_H
#define QMMRT_CPU_MATMULBLOCKING_H

#include "cpu/Matmul.h"

namespace qmmrt::cpu {

constexpr int64_t kAlignment = 64;
/// Up to this many rows of a take the fused path.
constexpr int64_t kSmallRows = 8;
/// Columns of the result that one item of the small path makes.
constexpr int64_t kSmallCols = 32;
constexpr int64_t kMaxBlockRows = 192;
constexpr int64_t kMaxBlockCols = 128;
constexpr int64_t kDepth = 256;
/// int8 products: 1024 * 128 * 128 = 2^24, so sums of this many are exact.
constexpr int64_t kExactDepth = 1024;
static_assert(kExactDepth % kDepth == 0, "flushed between slices of K");

/// A worker's parts, in order.
struct SmallScratch {
  int64_t scalesAt, tileAt, bytes;
  explicit SmallScratch(const MatmulPlan &plan) {
    // Scales are read a whole step at a time.
    const int64_t scales =
        plan.b.hasBlocksInK ? plan.paddedK / plan.b.scheme.block_k + 16 : 0;
    scalesAt = 0;
    tileAt = align(scales * 4);
    bytes = align(tileAt + kSmallRows * kSmallCols * 4);
  }
  static int64_t align(int64_t value) {
    return (value + kAlignment - 1) / kAlignment * kAlignment;
  }
};

struct LargeScratch {
  int64_t rowsAt, panelAt, tileAt, exactAt, bytes;
  explicit LargeScratch(const MatmulPlan &plan) {
    auto align = SmallScratch::align;
    const int64_t tile = plan.blockRows * plan.blockCols;
    const int64_t width = plan.kernels->tileCols > plan.kernels->tileRows
                              ? plan.kernels->tileCols
                              : plan.kernels->tileRows;
    rowsAt = 0;
    panelAt = align(width * kDepth * 4);
    tileAt = panelAt + align(width * kDepth * 4);
    exactAt = tileAt + align(tile * 4);
    bytes = exactAt + (plan.isExactInt ? align(tile * 8) : 0);
  }
};

} // namespace qmmrt::cpu

#endif // QMMRT_CPU_MATMULBLOCKING_H
