//===- quant-run/Compare.h - Results against known ones ------- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantized sums differ in their order of addition: a result is judged by the
// 2-norm of its error, and elements are counted beside it.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_QUANT_RUN_COMPARE_H
#define QMM_QUANT_RUN_COMPARE_H

#include "qmm/tensor.h"

#include <cstdint>

namespace qmmrt::run {

struct Comparison {
  double relativeError = 0; // |found - expected|_2 / |expected|_2
  double maxAbsError = 0;
  uint64_t mismatches = 0; // beyond atol + rtol * |expected|, NaN included
  uint64_t elements = 0;
  bool pass = false;
};

/// `rows` rows of `k` elements of `dtype`; E2M1 rows are packed lo_first.
Comparison compareValues(qmm_dtype dtype, uint64_t rows, uint64_t k,
                         const void *found, const void *expected, double rtol,
                         double atol);

} // namespace qmmrt::run

#endif // QMM_QUANT_RUN_COMPARE_H
