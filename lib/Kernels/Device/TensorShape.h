//===- TensorShape.h - Extents of a quantized tensor, as values *- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// numerics/Layouts.h for extents that are known when a kernel runs: the same
// formulas, emitted.  Program and kernel each have the extents as values of
// their own.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_DEVICE_TENSORSHAPE_H
#define QMM_LIB_KERNELS_DEVICE_TENSORSHAPE_H

#include "Emitter.h"
#include "qmm/IR/QMM.h"

namespace mlir::qmm {

/// Of batch x outer x k elements.  Blocks of 0 are whole.
struct TensorShape {
  Type element, scale;
  LayoutAttr layout;
  int64_t blockOuter = 0, blockK = 0;
  bool hasTensorScale = false;
  Value batch, outer, k;

  TensorShape(QuantizedTensorType type);

  bool isFloat4() const;
  /// Two codes a byte, or one.
  int64_t codesPerByte() const { return isFloat4() ? 2 : 1; }
  bool hasWholeBlocks() const { return !blockOuter && !blockK; }
  /// Does the scale buffer have entries that are no block's?
  bool hasScalePads() const {
    return layout.getScales() != ScaleLayout::Linear;
  }

  // Storage, pads included.
  Value storedOuter(Emitter &e) const;
  Value storedK(Emitter &e) const;
  Value rowBytes(Emitter &e) const;
  /// The matrix of blocks, and the same with the pads of its layout.
  Value scaleRows(Emitter &e) const;
  Value scaleCols(Emitter &e) const;
  Value storedScaleRows(Emitter &e) const;
  Value storedScaleCols(Emitter &e) const;
  /// Where the scale of block (r, c) of a matrix is stored.
  Value scaleOffset(Emitter &e, Value matrix, Value r, Value c) const;
  /// The block whose scale is stored at `offset` of a matrix's; it may be a
  /// pad.
  std::pair<Value, Value> scaleAt(Emitter &e, Value offset) const;
};

/// The value of a constant index, or ShapedType::kDynamic.
int64_t getStatic(Value index);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_DEVICE_TENSORSHAPE_H
