//===- numerics/MatmulArguments.cpp - Is a scaled matmul well formed ------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See MatmulArguments.h.
//
//===----------------------------------------------------------------------===//
#include "numerics/MatmulArguments.h"

#include "numerics/Elements.h"
#include "numerics/QuantizeView.h"

#include <algorithm>
#include <string>
#include <utility>

namespace qmmrt {
namespace {

using detail::invalid;

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

/// a, b and d: an element type that can be multiplied, or made.
Status verifyElement(const qmm_tensor &tensor, const char *what,
                     bool isResult) {
  const qmm_scheme &scheme = tensor.scheme;
  if (!isWide(scheme) || isWide(qmm_dtype(scheme.element)))
    return Status();
  if (isResult ? scheme.element == QMM_DTYPE_I32 ||
                     (isRaw(scheme) && scheme.element != QMM_DTYPE_I8)
               : isRaw(scheme))
    return Status();
  return invalid(std::string(what) + ": scheme is " + describeScheme(scheme) +
                 ", expected a scheme, f32, bf16, f16 or raw " +
                 (isResult ? "e4m3, e5m2 or i32" : "e4m3, e5m2 or i8"));
}

/// What an operand's numbers are rounded to as they are decoded.
Status verifyPrecision(uint32_t precision, const qmm_scheme &scheme,
                       const char *what) {
  if (precision == QMM_DTYPE_NONE || precision == QMM_DTYPE_F32)
    return Status();
  if (precision != QMM_DTYPE_BF16 && precision != QMM_DTYPE_F16)
    return invalid("args: " + std::string(what) + "_precision is " +
                   std::to_string(precision) +
                   ", expected 0, f32, bf16 or f16");
  if (isWide(scheme))
    return invalid("args: " + std::string(what) +
                   "_precision is given, expected 0: " + what + " is wide, " +
                   describeScheme(scheme));
  return Status();
}

/// An i32 result is the exact sum and nothing else.
Status verifyInteger(const qmm_scaled_matmul_args &args) {
  if (args.d->scheme.element != QMM_DTYPE_I32)
    return Status();
  for (auto [tensor, what] : {std::pair(args.a, "a"), std::pair(args.b, "b")})
    if (!isRaw(tensor->scheme) || tensor->scheme.element != QMM_DTYPE_I8)
      return invalid(std::string(what) + ": scheme is " +
                     describeScheme(tensor->scheme) +
                     ", expected raw i8 for an i32 result");
  const char *extra = args.alpha                               ? "alpha"
                      : args.bias                              ? "bias"
                      : args.residual                          ? "residual"
                      : args.amax                              ? "amax"
                      : args.activation != QMM_ACTIVATION_NONE ? "activation"
                                                               : nullptr;
  if (extra)
    return invalid(std::string(extra) +
                   " is given, expected none for an i32 result");
  return Status();
}

} // namespace

bool isRaw(const qmm_scheme &scheme) {
  return isWide(scheme) &&
         (scheme.element == QMM_DTYPE_E4M3 ||
          scheme.element == QMM_DTYPE_E5M2 || scheme.element == QMM_DTYPE_I8);
}

Result<MatmulExtents>
verifyMatmulArguments(const qmm_scaled_matmul_args &args) {
  if (args.struct_size != sizeof(qmm_scaled_matmul_args))
    return invalid("args: struct_size is " + std::to_string(args.struct_size) +
                   ", expected " +
                   std::to_string(sizeof(qmm_scaled_matmul_args)));
  if (args.activation > QMM_ACTIVATION_SILU)
    return invalid("args: activation is " + std::to_string(args.activation) +
                   ", expected 0 to " + std::to_string(QMM_ACTIVATION_SILU));
  MatmulExtents extents = {};
  if (Status s = getExtents(args.a, "a", extents.a); !s.ok())
    return s;
  if (Status s = getExtents(args.b, "b", extents.b); !s.ok())
    return s;
  if (Status s = getExtents(args.d, "d", extents.d); !s.ok())
    return s;
  for (auto [tensor, what] : {std::pair(args.a, "a"), std::pair(args.b, "b"),
                              std::pair(args.d, "d")}) {
    if (Status s = verifyElement(*tensor, what, tensor == args.d); !s.ok())
      return s;
    if (tensor->rank < 2)
      return invalid(std::string(what) + ": rank is " +
                     std::to_string(tensor->rank) + ", expected at least 2");
  }
  if (Status s = verifyPrecision(args.a_precision, args.a->scheme, "a");
      !s.ok())
    return s;
  if (Status s = verifyPrecision(args.b_precision, args.b->scheme, "b");
      !s.ok())
    return s;
  if (Status s = verifyInteger(args); !s.ok())
    return s;

  const qmm_tensor &a = *args.a, &b = *args.b;
  if (b.rank != 2 && b.rank != a.rank)
    return invalid("b: rank is " + std::to_string(b.rank) +
                   ", expected 2 or a's, " + std::to_string(a.rank));
  if (extents.a.k != extents.b.k)
    return invalid("b: K is " + std::to_string(extents.b.k) +
                   ", expected a's, " + std::to_string(extents.a.k));
  if (b.rank != 2)
    for (uint32_t i = 0; i + 2 < a.rank; ++i)
      if (a.shape[i] != b.shape[i])
        return invalid("b: batch dimension " + std::to_string(i) + " is " +
                       std::to_string(b.shape[i]) + ", expected a's, " +
                       std::to_string(a.shape[i]));

  int64_t result[QMM_MAX_RANK];
  std::copy(a.shape, a.shape + a.rank, result);
  result[a.rank - 1] = extents.b.outer;
  if (Status s = verifyShape(*args.d, "d", result, a.rank, "[batch, M, N]");
      !s.ok())
    return s;
  if (args.bias) {
    TensorExtents bias;
    if (Status s = getExtents(args.bias, "bias", bias); !s.ok())
      return s;
    if (Status s = verifyWideType(*args.bias, "bias"); !s.ok())
      return s;
    if (Status s = verifyShape(*args.bias, "bias", &extents.b.outer, 1, "[N]");
        !s.ok())
      return s;
  }
  if (args.residual) {
    if (Status s = getExtents(args.residual, "residual", extents.residual);
        !s.ok())
      return s;
    if (Status s = verifyWideType(*args.residual, "residual"); !s.ok())
      return s;
    if (Status s = verifyShape(*args.residual, "residual", result, a.rank,
                               "[batch, M, N]");
        !s.ok())
      return s;
  }
  extents.batch = extents.a.batch;
  extents.m = extents.a.outer;
  extents.n = extents.b.outer;
  extents.k = extents.a.k;
  extents.isShared = b.rank == 2;
  return extents;
}

void mergeBatches(const qmm_scaled_matmul_args &args, bool keepsResult,
                  MatmulExtents &extents) {
  auto isDense = [](const TensorExtents &tensor) {
    return tensor.matrixBytes == tensor.outer * tensor.rowBytes;
  };
  const qmm_scheme &scheme = args.a->scheme;
  const bool hasOneScale =
      isWide(scheme) || (scheme.block_outer == 0 && scheme.block_k == 0);
  // Rows of scales that follow one another as the rows do.
  const bool hasRowScales =
      scheme.block_outer == 1 && args.a->layout.scales == QMM_SCALES_LINEAR;
  if (extents.batch < 2 || !extents.isShared ||
      (!hasOneScale && !hasRowScales) || !isDense(extents.a) ||
      (!keepsResult && !isDense(extents.d)) ||
      (args.residual && !isDense(extents.residual)))
    return;
  if (hasRowScales) {
    extents.a.logicalScales.rows *= extents.batch;
    extents.a.storageScales.rows *= extents.batch;
    extents.a.scaleMatrixBytes *= extents.batch;
    extents.a.scaleMatrices = 1;
  }
  auto merge = [](TensorExtents &tensor) {
    tensor.outer *= tensor.batch;
    tensor.matrixBytes *= tensor.batch;
    tensor.batch = 1;
  };
  merge(extents.a);
  if (args.residual)
    merge(extents.residual);
  if (!keepsResult)
    merge(extents.d);
  extents.m *= extents.batch;
  extents.batch = 1;
}

} // namespace qmmrt
