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
#include "numerics/Elements.h"

#include <algorithm>
#include <string>

namespace qmmrt::cpu {
namespace {

using detail::ceilDiv;
using detail::invalid;

int64_t roundUp(int64_t value, int64_t multiple) {
  return ceilDiv(value, multiple) * multiple;
}

std::string spellShape(const int64_t *shape, uint32_t rank) {
  std::string text = "[";
  for (uint32_t i = 0; i < rank; ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Status verifyShape(const qmm_tensor &tensor, const char *what,
                   const int64_t *expected, uint32_t rank,
                   const char *meaning) {
  if (tensor.rank == rank &&
      std::equal(expected, expected + rank, tensor.shape))
    return Status();
  return invalid(std::string(what) + ": shape is " +
                 spellShape(tensor.shape, tensor.rank) + ", expected " +
                 meaning + " = " + spellShape(expected, rank));
}

Status verifyWideType(const qmm_tensor &tensor, const char *what) {
  if (isWide(tensor.scheme) && isWide(qmm_dtype(tensor.scheme.element)))
    return Status();
  return invalid(std::string(what) + ": scheme is " +
                 describeScheme(tensor.scheme) + ", expected f32, bf16 or f16");
}

/// a, b and d: an element type that can be multiplied.
Status verifyElement(const qmm_tensor &tensor, const char *what) {
  if (!isWide(tensor.scheme))
    return Status();
  return verifyWideType(tensor, what);
}

struct Planner {
  explicit Planner(const qmm_scaled_matmul_args &args) : args(args) {}

  const qmm_scaled_matmul_args &args;
  MatmulPlan plan;
  TensorExtents a = {}, b = {}, d = {}, residual = {};

  Status getExtents(const qmm_tensor *tensor, const char *what,
                    TensorExtents &extents) {
    if (!tensor)
      return invalid(std::string(what) + " is NULL, expected a tensor");
    Result<TensorExtents> found = getTensorExtents(*tensor, what);
    if (!found.ok())
      return found.getStatus();
    extents = *found;
    return Status();
  }

  Status verify();
  Status verifyPrecision(uint32_t precision, Operand &operand,
                         const char *what);
  Status verifyShapes();
  void mergeBatches();
  Status layOut(unsigned numWorkers);
};

Status Planner::verify() {
  if (args.struct_size != sizeof(qmm_scaled_matmul_args))
    return invalid("args: struct_size is " + std::to_string(args.struct_size) +
                   ", expected " +
                   std::to_string(sizeof(qmm_scaled_matmul_args)));
  if (args.activation > QMM_ACTIVATION_SILU)
    return invalid("args: activation is " + std::to_string(args.activation) +
                   ", expected 0 to " + std::to_string(QMM_ACTIVATION_SILU));
  if (Status s = getExtents(args.a, "a", a); !s.ok())
    return s;
  if (Status s = getExtents(args.b, "b", b); !s.ok())
    return s;
  if (Status s = getExtents(args.d, "d", d); !s.ok())
    return s;
  for (auto [tensor, what] : {std::pair(args.a, "a"), std::pair(args.b, "b"),
                              std::pair(args.d, "d")}) {
    if (Status s = verifyElement(*tensor, what); !s.ok())
      return s;
    if (tensor->rank < 2)
      return invalid(std::string(what) + ": rank is " +
                     std::to_string(tensor->rank) + ", expected at least 2");
  }
  return verifyShapes();
}

Status Planner::verifyPrecision(uint32_t precision, Operand &operand,
                                const char *what) {
  if (precision == QMM_DTYPE_NONE || precision == QMM_DTYPE_F32)
    return Status();
  if (precision != QMM_DTYPE_BF16 && precision != QMM_DTYPE_F16)
    return invalid("args: " + std::string(what) + "_precision is " +
                   std::to_string(precision) +
                   ", expected 0, f32, bf16 or f16");
  if (isWide(operand.scheme))
    return invalid("args: " + std::string(what) +
                   "_precision is given, expected 0: " + what + " is wide, " +
                   describeScheme(operand.scheme));
  operand.precision = qmm_dtype(precision);
  return Status();
}

Status Planner::verifyShapes() {
  const qmm_tensor &ta = *args.a, &tb = *args.b;
  if (tb.rank != 2 && tb.rank != ta.rank)
    return invalid("b: rank is " + std::to_string(tb.rank) +
                   ", expected 2 or a's, " + std::to_string(ta.rank));
  if (a.k != b.k)
    return invalid("b: K is " + std::to_string(b.k) + ", expected a's, " +
                   std::to_string(a.k));
  if (tb.rank != 2)
    for (uint32_t i = 0; i + 2 < ta.rank; ++i)
      if (ta.shape[i] != tb.shape[i])
        return invalid("b: batch dimension " + std::to_string(i) + " is " +
                       std::to_string(tb.shape[i]) + ", expected a's, " +
                       std::to_string(ta.shape[i]));

  int64_t result[QMM_MAX_RANK];
  std::copy(ta.shape, ta.shape + ta.rank, result);
  result[ta.rank - 1] = b.outer;
  if (Status s = verifyShape(*args.d, "d", result, ta.rank, "[batch, M, N]");
      !s.ok())
    return s;
  if (args.bias) {
    TensorExtents bias;
    if (Status s = getExtents(args.bias, "bias", bias); !s.ok())
      return s;
    if (Status s = verifyWideType(*args.bias, "bias"); !s.ok())
      return s;
    if (Status s = verifyShape(*args.bias, "bias", &b.outer, 1, "[N]"); !s.ok())
      return s;
    plan.biasType = qmm_dtype(args.bias->scheme.element);
  }
  if (args.residual) {
    if (Status s = getExtents(args.residual, "residual", residual); !s.ok())
      return s;
    if (Status s = verifyWideType(*args.residual, "residual"); !s.ok())
      return s;
    if (Status s = verifyShape(*args.residual, "residual", result, ta.rank,
                               "[batch, M, N]");
        !s.ok())
      return s;
    plan.residual = Operand(*args.residual, residual);
    plan.hasResidual = true;
  }

  plan.a = Operand(ta, a);
  plan.b = Operand(tb, b);
  plan.b.isShared = tb.rank == 2;
  if (Status s = verifyPrecision(args.a_precision, plan.a, "a"); !s.ok())
    return s;
  if (Status s = verifyPrecision(args.b_precision, plan.b, "b"); !s.ok())
    return s;
  plan.d = detail::View{args.d->scheme, args.d->layout, d,
                        nullptr,        nullptr,        nullptr};
  plan.activation = qmm_activation(args.activation);
  plan.wantsAmax = args.amax != nullptr;
  const qmm_scheme &scheme = args.d->scheme;
  if (isWide(scheme)) {
    plan.output = MatmulPlan::Output::Wide;
  } else if (scheme.scale == QMM_DTYPE_F32 && scheme.block_outer == 0 &&
             scheme.block_k == 0 && !scheme.has_tensor_scale) {
    plan.output = MatmulPlan::Output::Static;
  } else {
    plan.output = MatmulPlan::Output::Computed;
    plan.quantizedResult = *args.d;
  }
  plan.batch = a.batch;
  plan.m = a.outer;
  plan.n = b.outer;
  plan.k = a.k;
  plan.isExactInt = plan.a.element() == QMM_DTYPE_I8 &&
                    plan.b.element() == QMM_DTYPE_I8 && !plan.a.hasBlocksInK &&
                    !plan.b.hasBlocksInK && !plan.a.isRounded() &&
                    !plan.b.isRounded();
  return Status();
}

/// Batches that share b are rows of one matrix, if a's scales and everybody's
/// storage allow.
void Planner::mergeBatches() {
  auto isDense = [](const TensorExtents &extents) {
    return extents.matrixBytes == extents.outer * extents.rowBytes;
  };
  const qmm_scheme &scheme = args.a->scheme;
  bool hasOneScale =
      isWide(scheme) || (scheme.block_outer == 0 && scheme.block_k == 0);
  if (plan.batch < 2 || !plan.b.isShared || !hasOneScale || !isDense(a) ||
      (plan.output != MatmulPlan::Output::Computed && !isDense(d)) ||
      (plan.hasResidual && !isDense(residual)))
    return;
  auto merge = [](TensorExtents &extents) {
    extents.outer *= extents.batch;
    extents.matrixBytes *= extents.batch;
    extents.batch = 1;
  };
  merge(plan.a.extents);
  if (plan.hasResidual)
    merge(plan.residual.extents);
  if (plan.output != MatmulPlan::Output::Computed)
    merge(plan.d.extents);
  plan.m *= plan.batch;
  plan.batch = 1;
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
  if (Status s = planner.verify(); !s.ok())
    return s;
  planner.mergeBatches();
  if (Status s = planner.layOut(numWorkers); !s.ok())
    return s;
  return planner.plan;
}

} // namespace qmmrt::cpu
