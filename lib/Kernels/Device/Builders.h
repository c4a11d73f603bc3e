//===- Builders.h - One function a physical op -----------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each emits the launches that do the op, at `caller`, and leaves the op to be
// erased.  Buffers have the identity layout.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_DEVICE_BUILDERS_H
#define QMM_LIB_KERNELS_DEVICE_BUILDERS_H

#include "KernelLibrary.h"
#include "TensorShape.h"

namespace mlir::qmm {

void buildQuantize(Emitter &caller, KernelLibrary &library, PhysQuantizeOp op);
void buildDequantize(Emitter &caller, KernelLibrary &library,
                     PhysDequantizeOp op);
void buildRelayout(Emitter &caller, KernelLibrary &library, PhysRelayoutOp op);
void buildAmax(Emitter &caller, KernelLibrary &library, PhysAmaxOp op);

/// The number of elements of a buffer.
Value getTotal(Emitter &e, Value buffer);

/// Is a batch of matrices the same bytes as one matrix of all their rows?
bool hasIndependentRows(QuantizedTensorType type);
/// Is the tensor the same bytes as one row of everything?
bool isFlat(QuantizedTensorType type);

/// Extents of a quantized tensor from the wide buffer (or the data) that has
/// its shape, in the program and again in a kernel.
class ShapeArguments {
public:
  /// Reads the extents of `type` off its type and `buffer`, which has them but
  /// for pads.  `mergeRows`: as one matrix; `flat`: as one row.
  ShapeArguments(Emitter &caller, QuantizedTensorType type, Value buffer,
                 bool mergeRows, bool flat);

  /// In the program.
  const TensorShape &get() const { return shape; }
  /// What the launch passes, and the shape from there.
  ArrayRef<Value> getIntegers() const { return integers; }
  TensorShape inKernel(KernelBody &e, size_t firstInteger) const;

private:
  TensorShape shape;
  SmallVector<Value> integers;
};

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_DEVICE_BUILDERS_H
