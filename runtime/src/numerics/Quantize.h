//===- numerics/Quantize.h - Whole tensors: quantize and back -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one implementation of every scheme.  The C ABI, compiled programs and the
// compiler's recipes call it; emitted kernels are proven against it.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_NUMERICS_QUANTIZE_H
#define QMMRT_NUMERICS_QUANTIZE_H

#include "qmm/ops.h"
#include "support/Executor.h"
#include "support/Status.h"

namespace qmmrt {

/// Is the descriptor consistent (struct size, rank, shape, scheme, layout, and
/// pointers present where bytes are expected)?  `what` names it in the message.
Status verifyTensor(const qmm_tensor &tensor, const char *what);

/// As qmm_quantize etc. in qmm/ops.h.  Descriptors and values of `params` are
/// verified; its struct_size is the C ABI's to check.  Success allocates
/// nothing.
Status quantize(Executor &executor, const qmm_tensor &src,
                const qmm_quantize_params &params, const qmm_tensor &dst);
Status dequantize(Executor &executor, const qmm_tensor &src,
                  const qmm_tensor &dst);
Status relayout(Executor &executor, const qmm_tensor &src,
                const qmm_tensor &dst);
Status amax(Executor &executor, const qmm_tensor &src, float &result);

} // namespace qmmrt

#endif // QMMRT_NUMERICS_QUANTIZE_H
