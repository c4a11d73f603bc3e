//===- cpu/Matmul.h - Scaled matmul on the CPU -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plan is made once per shape and holds every decision; running it touches
// only the buffers and the workspace it is given.  The semantics are
// qmm_scaled_matmul's (qmm/ops.h).
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CPU_MATMUL_H
#define QMMRT_CPU_MATMUL_H

#include "cpu/Operand.h"
#include "numerics/QuantizeView.h"
#include "qmm/ops.h"
#include "support/Executor.h"
#include "support/Status.h"

namespace qmmrt::cpu {

/// Everything that shapes, schemes and layouts decide.  Copyable, owns nothing.
struct MatmulPlan {
  enum class Output {
    Wide,    // or raw FP8
    Integer, // the exact sum, i32
    Static,  // one given f32 scale
    Computed // through an f32 result, by numerics' quantize
  };

  Operand a, b, residual;
  detail::View d = {};                 // pointers null
  qmm_dtype biasType = QMM_DTYPE_NONE; // NONE: no bias
  bool hasResidual = false;
  qmm_activation activation = QMM_ACTIVATION_NONE;
  Output output = Output::Wide;
  qmm_tensor quantizedResult = {}; // Computed: d's descriptor
  bool hasAlpha = false;
  bool wantsAmax = false;

  /// As computed: batches that share b become rows of a where they can.
  int64_t batch = 0, m = 0, n = 0, k = 0;
  bool isExactInt = false; // int8 x int8 without blocks in K
  bool isSmall = false;    // few rows of a: fused decode and dot
  bool isFused = false;    // isSmall: by a kernel that decodes as it goes and
                           // rounds nothing
  bool isFixed = false;    // isFused: by FixedDot
  bool takesScaleCodes = false; // isFixed: by its dotE4M3

  const KernelTable *kernels = nullptr;
  unsigned workers = 1;

  // Small: rows of a padded to this many elements.
  int64_t paddedK = 0;
  // Large: rows and columns of a block of the result.
  int64_t blockRows = 0, blockCols = 0;

  /// Byte offsets in the workspace; parts are 64-byte aligned.
  int64_t biasAt = 0, amaxAt = 0, resultAt = 0, packedAt = 0, fixedAt = 0,
          workersAt = 0;
  int64_t workerBytes = 0;
  int64_t workspaceBytes = 0;
};

/// Verifies `args` but for pointers to data and plans for `numWorkers` threads.
Result<MatmulPlan> planMatmul(const qmm_scaled_matmul_args &args,
                              unsigned numWorkers);

/// The buffers of one call.
struct MatmulBuffers {
  Buffers a, b, d;
  const void *bias = nullptr;
  const void *residual = nullptr;
  const void *alpha = nullptr; // f32
  float *amax = nullptr;
};

/// Runs a plan; nothing is verified and nothing allocated.  `workspace`:
/// 64-byte aligned, plan.workspaceBytes of it.  `executor` has at most
/// plan.workers workers.
void runMatmul(Executor &executor, const MatmulPlan &plan,
               const MatmulBuffers &buffers, void *workspace);

} // namespace qmmrt::cpu

#endif // QMMRT_CPU_MATMUL_H
