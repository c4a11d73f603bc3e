//===- numerics/ScaleSearch.h - Scales of least error -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scale of a block's largest magnitude isn't the one of its least error: a
// smaller one clips little and rounds finer, and E2M1, which has nothing
// between 4 and 6, may do better with a larger one.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_NUMERICS_SCALESEARCH_H
#define QMMRT_NUMERICS_SCALESEARCH_H

#include "numerics/Quantize.h"

namespace qmmrt {

/// As quantize, then for each block the scale of least squared error among
///   f32   the scale times 1, 0.98, ... 0.7
///   E4M3  the codes from two below to five above: about 0.8 to 1.5 times, so
///         that the largest element may become 4 instead of 6 ("4 over 6")
///   E8M0  the scale and half of it
/// The first of equals; the tensor scale stays.  `params` may not give all
/// scales.
Status quantizeWithSearch(Executor &executor, const qmm_tensor &src,
                          const qmm_quantize_params &params,
                          const qmm_tensor &dst);

} // namespace qmmrt

#endif // QMMRT_NUMERICS_SCALESEARCH_H
