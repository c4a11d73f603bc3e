//===- TensorAmax.h - The largest magnitude of a tensor --------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel that needs the amax of a whole tensor gets it in one of two ways. Of
// a small tensor every block computes it by itself, from L2: one launch, and
// nothing to wait for.  Of a large one a kernel before leaves a partial result
// a block, which every block then reduces.  Neither needs memory that is zero
// before, nor spins.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_DEVICE_TENSORAMAX_H
#define QMM_LIB_KERNELS_DEVICE_TENSORAMAX_H

#include "KernelLibrary.h"

namespace mlir::qmm {

/// Tensors of at most so many bytes are small.
constexpr int64_t kSmallBytes = 256 * 1024;
/// Threads of a block that reads a whole tensor.
constexpr int64_t kWholeThreads = 1024;
/// Partial results at most.
constexpr int64_t kMaxPartials = 1024;

/// How one launch gets the amax.
struct TensorAmax {
  /// Buffer of partial results, or null: the tensor itself is read.
  Value partials;
  /// The number of elements or of partial results.
  Value count;
  /// 1 if this launch is the one for the tensor's size, else 0; null: 1.
  Value applies;

  bool isSmall() const { return !partials; }
};

/// The launches that a consumer of the amax of `total` elements of the flat
/// buffer `x` has to have: one, or one for each size where `total` is dynamic.
/// Launches what must come before.
SmallVector<TensorAmax, 2>
planTensorAmax(Emitter &caller, KernelLibrary &library, Value x, Value total);

/// In a kernel: the amax as f32, the same in all threads.  `source` is the
/// tensor or the partial results, of `count`.
Value emitTensorAmax(KernelBody &e, bool isSmall, Value source, Value count);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_DEVICE_TENSORAMAX_H
