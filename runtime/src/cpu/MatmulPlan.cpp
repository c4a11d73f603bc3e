//===- cpu/MatmulPlan.cpp - Verification and planning of a matmul ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whether a call is legal, which of the two algorithms runs it, and where its
// pieces lie in the workspace.
//
//===----------------------------------------------------------------------===//
#include "cpu/FixedDot.h"
#include "cpu/Gemv.h"
#include "cpu/Matmul.h"
#include "cpu/MatmulBlocking.h"
#include "numerics/Convert.h"
#include "numerics/MatmulArguments.h"

#include <algorithm>
#include <string>

namespace qmmrt::cpu {
namespace {

using detail::ceilDiv;
using detail::invalid;

int64_t roundUp(int64_t value, int64_t multiple) {
  return ceilDiv(value, multiple) * multiple;
}

struct Planner {
  explicit Planner(const qmm_scaled_matmul_args &args) : args(args) {}

  const qmm_scaled_matmul_args &args;
  MatmulPlan plan;

  Status describe();
  Status layOut(unsigned numWorkers);
};

Status Planner::describe() {
  Result<MatmulExtents> verified = verifyMatmulArguments(args);
  if (!verified.ok())
    return verified.getStatus();
  if (args.stream)
    return invalid("args: stream is given, expected NULL on the CPU");
  MatmulExtents &extents = *verified;

  const qmm_scheme &scheme = args.d->scheme;
  if (isWide(scheme)) {
    plan.output = scheme.element == QMM_DTYPE_I32 ? MatmulPlan::Output::Integer
                                                  : MatmulPlan::Output::Wide;
  } else if (scheme.scale == QMM_DTYPE_F32 && scheme.block_outer == 0 &&
             scheme.block_k == 0 && !scheme.has_tensor_scale) {
    plan.output = MatmulPlan::Output::Static;
  } else {
    plan.output = MatmulPlan::Output::Computed;
    plan.quantizedResult = *args.d;
  }
  mergeBatches(args, plan.output == MatmulPlan::Output::Computed, extents);

  plan.a = Operand(*args.a, extents.a);
  plan.b = Operand(*args.b, extents.b);
  plan.b.isShared = extents.isShared;
  for (auto [operand, precision] : {std::pair(&plan.a, args.a_precision),
                                    std::pair(&plan.b, args.b_precision)})
    if (precision != QMM_DTYPE_NONE && precision != QMM_DTYPE_F32)
      operand->precision = qmm_dtype(precision);
  plan.d = detail::View{args.d->scheme, args.d->layout, extents.d,
                        nullptr,        nullptr,        nullptr};
  if (args.bias)
    plan.biasType = qmm_dtype(args.bias->scheme.element);
  if (args.residual) {
    plan.residual = Operand(*args.residual, extents.residual);
    plan.hasResidual = true;
  }
  plan.activation = qmm_activation(args.activation);
  plan.hasAlpha = args.alpha != nullptr;
  plan.wantsAmax = args.amax != nullptr;
  plan.batch = extents.batch;
  plan.m = extents.m;
  plan.n = extents.n;
  plan.k = extents.k;
  plan.isExactInt = plan.a.element() == QMM_DTYPE_I8 &&
                    plan.b.element() == QMM_DTYPE_I8 && !plan.a.hasBlocksInK &&
                    !plan.b.hasBlocksInK && !plan.a.isRounded() &&
                    !plan.b.isRounded();
  return Status();
}

Status Planner::layOut(unsigned numWorkers) {
  plan.kernels = &getKernels();
  plan.workers = std::max(1u, numWorkers);
  plan.isSmall = plan.m <= kSmallRows;
  plan.isFused = plan.isSmall && getSimdTarget() != SimdTarget::Scalar &&
                 !plan.b.isRounded() &&
                 isFusedDot(plan.b.element(),
                            plan.b.hasBlocksInK ? plan.b.scheme.block_k : 0);
  plan.isFixed = plan.isFused && plan.b.element() == QMM_DTYPE_E2M1 &&
                 plan.m == 1 && plan.k > 0;
  plan.takesScaleCodes = plan.isFixed && plan.b.hasScaleBytes() &&
                         plan.b.scheme.scale == QMM_DTYPE_E4M3 &&
                         plan.b.scheme.block_outer == 1 &&
                         plan.b.scheme.block_k == kFixedBlock;
  plan.paddedK = roundUp(plan.k, kDotPad);

  const int tileRows = plan.kernels->tileRows;
  const int tileCols = plan.kernels->tileCols;
  const int64_t blocks = std::max<int64_t>(1, ceilDiv(plan.m, kMaxBlockRows));
  plan.blockRows =
      roundUp(std::max<int64_t>(1, ceilDiv(plan.m, blocks)), tileRows);
  // At least four pieces a thread, while a tile is wide enough.
  plan.blockCols = std::clamp<int64_t>(
      roundUp(ceilDiv(plan.n, 4 * int64_t(plan.workers)), tileCols), tileCols,
      kMaxBlockCols);

  // In doubles first: shapes are 64-bit numbers from outside.
  double elements = double(plan.batch) * double(plan.m) *
                        std::max(double(plan.paddedK), double(plan.n)) +
                    double(kMaxBlockRows) * double(plan.paddedK) +
                    double(plan.n) +
                    double(plan.workers) * double(plan.paddedK);
  if (elements > double(int64_t(1) << 56))
    return Status(QMM_STATUS_UNSUPPORTED,
                  "scaled_matmul: the workspace would need 2^58 bytes or more");

  int64_t at = 0;
  auto place = [&](int64_t bytes) {
    int64_t start = at;
    at = roundUp(at + bytes, kAlignment);
    return start;
  };
  const int64_t f = sizeof(float);
  plan.biasAt = place(plan.biasType != QMM_DTYPE_NONE ? plan.n * f : 0);
  plan.amaxAt = place(plan.workers * kAlignment);
  plan.resultAt = place(plan.output == MatmulPlan::Output::Computed
                            ? plan.batch * plan.m * plan.n * f
                            : 0);
  if (plan.isSmall) {
    plan.packedAt = place(plan.batch * plan.m * plan.paddedK * f);
    plan.fixedAt =
        place(plan.isFixed ? plan.batch * FixedRow::getBytes(plan.paddedK) : 0);
    plan.workerBytes = SmallScratch(plan).bytes;
  } else {
    plan.packedAt = place(plan.blockRows * plan.k * f);
    plan.workerBytes = LargeScratch(plan).bytes;
  }
  plan.workersAt = place(plan.workers * plan.workerBytes);
  plan.workspaceBytes = at;
  return Status();
}

} // namespace

Result<MatmulPlan> planMatmul(const qmm_scaled_matmul_args &args,
                              unsigned numWorkers) {
  Planner planner(args);
  if (Status s = planner.describe(); !s.ok())
    return s;
  if (Status s = planner.layOut(numWorkers); !s.ok())
    return s;
  return planner.plan;
}

} // namespace qmmrt::cpu
