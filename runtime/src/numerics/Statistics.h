//===- numerics/Statistics.h - What quantizing costs -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The error that a quantized tensor makes, and the values that no scale can
// stand for.  The same result with any number of threads.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_NUMERICS_STATISTICS_H
#define QMMRT_NUMERICS_STATISTICS_H

#include "numerics/Quantize.h"

namespace qmmrt {

struct ErrorSums {
  double signal = 0; // sum of x^2
  double noise = 0;  // sum of (x - approximation)^2

  /// 10 log10(signal / noise): infinity where nothing is lost.
  double getSqnr() const;
};
/// `wide` and `approximation` have one shape; the latter may have any scheme.
Result<ErrorSums> measureError(Executor &executor, const qmm_tensor &wide,
                               const qmm_tensor &approximation);

struct NonfiniteCount {
  int64_t nans = 0, infinities = 0;
};
Result<NonfiniteCount> countNonfinite(Executor &executor,
                                      const qmm_tensor &wide);

/// `dst` (wide, f32) is `src` with 0 for NaN and the largest finite magnitude
/// of `src`, with its sign, for an infinity.
Status replaceNonfinite(Executor &executor, const qmm_tensor &src,
                        const qmm_tensor &dst);

} // namespace qmmrt

#endif // QMMRT_NUMERICS_STATISTICS_H
