//===- BufferOverlap.h - May two buffers overlap? ---------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What upstream's alias analysis can't know: arguments of a program are apart,
// and so are some parts of a pool.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_HOST_BUFFEROVERLAP_H
#define QMM_LIB_KERNELS_HOST_BUFFEROVERLAP_H

#include "mlir/IR/Operation.h"

namespace mlir::qmm {

/// Does the op make its memref out of another one, so that a kernel repeats it?
/// memref.view doesn't count: its result is a buffer of its own in a pool.
bool isRepeatedView(Operation *op);

/// May the two memrefs of a program share bytes?
bool mayOverlap(Value lhs, Value rhs);

/// May `op`, or an op in it, write to the memref `location`?
bool mayWrite(Operation *op, Value location);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_HOST_BUFFEROVERLAP_H
