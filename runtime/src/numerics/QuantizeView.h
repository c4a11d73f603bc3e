//===- numerics/QuantizeView.h - Rows and scales of a tensor -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantize, dequantize and relayout walk tensors the same way: rows in
// parallel, in pieces that fit a stack buffer, so that no call allocates.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_NUMERICS_QUANTIZEVIEW_H
#define QMMRT_NUMERICS_QUANTIZEVIEW_H

#include "numerics/Elements.h"
#include "numerics/Layouts.h"

#include <cstdint>
#include <string>
#include <utility>

namespace qmmrt {
namespace detail {

/// Elements of a row handled at a time: 8 KiB of f32, and even, so that a piece
/// never begins inside a byte of E2M1.
constexpr int64_t kPiece = 2048;

/// Items of a parallelFor that make a range worth handing to a thread.
inline int64_t getGrain(int64_t elementsPerItem) {
  constexpr int64_t kElements = 16384;
  return elementsPerItem < kElements
             ? kElements / (elementsPerItem < 1 ? 1 : elementsPerItem)
             : 1;
}

inline int64_t ceilDiv(int64_t value, int64_t divisor) {
  return value / divisor + (value % divisor != 0);
}

inline Status invalid(std::string message) {
  return Status(QMM_STATUS_INVALID_ARGUMENT, std::move(message));
}

/// A verified descriptor with its extents: where its rows and scales are.
struct View {
  qmm_scheme scheme;
  qmm_layout layout;
  TensorExtents extents;
  uint8_t *data;
  uint8_t *scales;
  uint8_t *tensorScale; // not assumed to be aligned

  qmm_dtype element() const { return static_cast<qmm_dtype>(scheme.element); }
  qmm_dtype scaleType() const { return static_cast<qmm_dtype>(scheme.scale); }
  qmm_nibble_order nibbles() const {
    return static_cast<qmm_nibble_order>(layout.nibbles);
  }
  bool isQuantized() const { return !isWide(scheme); }

  uint8_t *row(int64_t matrix, int64_t r) const {
    return data + matrix * extents.matrixBytes + r * extents.rowBytes;
  }
  /// Where the scale of block (r, c) of a matrix is stored.
  uint8_t *scaleAt(int64_t matrix, int64_t r, int64_t c) const;
  /// Stores the one-byte scales of blocks (r, firstColumn) and after.
  void storeScaleBytes(int64_t matrix, int64_t r, int64_t firstColumn,
                       const uint8_t *codes, int64_t count) const;
  /// That scale's value.
  float loadScale(int64_t matrix, int64_t r, int64_t c) const;
  /// 1 for a scheme without one.
  float loadTensorScale() const;
  void storeTensorScale(float value) const;
  /// What the elements of block (r, c) are multiplied with: the block scale
  /// times the tensor scale, rounded to f32.  1 for a wide tensor.
  float loadFactor(int64_t matrix, int64_t r, int64_t c) const;

  /// Bytes of a row up to the last logical element.
  int64_t logicalRowBytes() const;
  /// Zeroes one row from there to the end of its storage.
  void zeroRowTail(int64_t matrix, int64_t r) const;
  /// Zeroes the storage rows after the logical ones.
  void zeroPadRows() const;
  /// Zeroes the scale buffer if it has pads.
  void zeroScalePads() const;
};

/// Verifies the descriptor, pointers included; `what` names it in messages.
Result<View> getView(const qmm_tensor &tensor, const char *what);

/// values[i] = element * (block scale * tensor scale) of elements first + i of
/// a row, each product rounded to f32; at most kPiece of them, quantized or
/// not.
void loadValues(const View &src, int64_t matrix, int64_t r, int64_t first,
                int64_t length, float *values);

/// Equal rank and extents, or a message with both shapes.
Status verifySameShape(const qmm_tensor &src, const qmm_tensor &dst);

/// No buffer of `dst` shares a byte with one of `src`.
Status verifyDisjoint(const View &src, const View &dst);

} // namespace detail
} // namespace qmmrt

#endif // QMMRT_NUMERICS_QUANTIZEVIEW_H
