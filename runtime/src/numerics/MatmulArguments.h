//===- numerics/MatmulArguments.h - Is a scaled matmul well formed --*- C++
//-*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules of qmm_scaled_matmul (qmm/ops.h) that hold on every device, in one
// place for the planners of both.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_NUMERICS_MATMULARGUMENTS_H
#define QMMRT_NUMERICS_MATMULARGUMENTS_H

#include "numerics/Layouts.h"
#include "qmm/ops.h"

namespace qmmrt {

/// FP8 or i8 codes that are their own values.
bool isRaw(const qmm_scheme &scheme);

/// The shapes of a call that keeps the rules.
struct MatmulExtents {
  TensorExtents a, b, d, residual; // residual: zeros without one
  int64_t batch, m, n, k;
  bool isShared; // b is one matrix for all batches
};

/// Verifies all of `args` but pointers to data (of alpha and amax it matters
/// whether there is one).
Result<MatmulExtents> verifyMatmulArguments(const qmm_scaled_matmul_args &args);

/// Batches that share b are rows of one matrix, if a's scales and everybody's
/// storage allow: makes them so.  `keepsResult`: d stays as it is.
void mergeBatches(const qmm_scaled_matmul_args &args, bool keepsResult,
                  MatmulExtents &extents);

} // namespace qmmrt

#endif // QMMRT_NUMERICS_MATMULARGUMENTS_H
