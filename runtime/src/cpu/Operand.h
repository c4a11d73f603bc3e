//===- cpu/Operand.h - Rows of a matmul operand as f32 -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scales that change along K multiply the elements when a row is decoded; those
// that don't (row, tensor) multiply the finished sums, unless the product of
// element and scales is rounded.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CPU_OPERAND_H
#define QMMRT_CPU_OPERAND_H

#include "cpu/Kernels.h"
#include "numerics/Layouts.h"

namespace qmmrt::cpu {

/// The buffers of a qmm_tensor.
struct Buffers {
  const void *data = nullptr;
  const void *scale = nullptr;
  const void *tensorScale = nullptr;
};

/// A verified a, b or residual.
struct Operand {
  qmm_scheme scheme = {};
  qmm_layout layout = {};
  TensorExtents extents = {};
  bool hasBlocksInK = false;
  bool isShared = false;               // one matrix for all batches
  qmm_dtype precision = QMM_DTYPE_F32; // elements times all scales round to it

  Operand() = default;
  Operand(const qmm_tensor &tensor, const TensorExtents &extents);

  bool isRounded() const { return precision != QMM_DTYPE_F32; }

  qmm_dtype element() const { return qmm_dtype(scheme.element); }
  qmm_nibble_order nibbles() const { return qmm_nibble_order(layout.nibbles); }
  int64_t scaleRow(int64_t row) const {
    return scheme.block_outer ? row / scheme.block_outer : 0;
  }
  const uint8_t *row(const Buffers &buffers, int64_t matrix,
                     int64_t row) const {
    return static_cast<const uint8_t *>(buffers.data) +
           (isShared ? 0 : matrix) * extents.matrixBytes +
           row * extents.rowBytes;
  }

  /// Block scales (c0 .. c0 + count) of a row, in f32.
  void loadBlockScales(const Buffers &buffers, int64_t matrix, int64_t row,
                       int64_t c0, int64_t count, float *dst) const;
  /// Are a row's block scales bytes, together or in tiles?
  bool hasScaleBytes() const {
    return hasBlocksInK && scheme.scale != QMM_DTYPE_F32 &&
           layout.scales != QMM_SCALES_OUTER_MAJOR;
  }
  /// The first of them.
  const uint8_t *scaleBytes(const Buffers &buffers, int64_t matrix,
                            int64_t row) const {
    return scaleMatrix(buffers, matrix) +
           getScaleOffset(layout, extents.logicalScales, scaleRow(row), 0);
  }
  /// Per row: everything that decode leaves out.
  void loadRowScales(const Buffers &buffers, int64_t matrix, int64_t row,
                     int64_t count, float *dst) const;
  /// Elements times the scales of blocks in K; rounded elements are times
  /// all scales.
  void decode(const KernelTable &kernels, const Buffers &buffers,
              int64_t matrix, int64_t row, int64_t k, int64_t count,
              float *dst) const;

private:
  float loadTensorScale(const Buffers &buffers) const;
  /// The scales of whole rows, times the tensor scale.
  void loadFactors(const Buffers &buffers, int64_t matrix, int64_t row,
                   int64_t count, float *dst) const;
  const uint8_t *scaleMatrix(const Buffers &buffers, int64_t matrix) const;
};

} // namespace qmmrt::cpu

#endif // QMMRT_CPU_OPERAND_H
