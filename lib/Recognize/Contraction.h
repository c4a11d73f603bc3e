//===- Contraction.h - Sums of products over loops -------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A linalg op of any name and any maps, read from its body: which factors are
// multiplied, which loops sum, and to whom the others belong.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_RECOGNIZE_CONTRACTION_H
#define QMM_LIB_RECOGNIZE_CONTRACTION_H

#include "ElementExpr.h"

namespace mlir::qmm {

/// Why a contraction stays, and the op that is to blame where it is another.
struct Refusal {
  std::string reason;
  std::optional<Location> where;

  LogicalResult set(const Twine &text, std::optional<Location> at = {}) {
    reason = text.str();
    where = at;
    return failure();
  }
};

/// sum over k of a * b, where a doesn't depend on the loops n nor b on m.
struct Contraction {
  linalg::LinalgOp op;
  SmallVector<unsigned> batch, m, n, k;  // loops, in the order of the result
  SmallVector<const ElementExpr *> a, b; // factors, over the op's loops
  const ElementExpr *init;               // what the sum is added to
  SmallVector<int64_t> extents;          // of the loops
  /// Result dimensions by loop; the permutation from [batch, m, n] to them.
  SmallVector<int64_t> resultPermutation;
  /// What the product of all factors of a side is rounded to; null: nothing.
  Type aRounding, bRounding;
  SmallVector<std::string> notes; // other roundings of products in the body
};

FailureOr<Contraction>
matchContraction(linalg::LinalgOp op, ElementTracer &tracer, Refusal &refusal);

/// The extent of a loop of `op` as a value.
OpFoldResult getLoopSize(OpBuilder &builder, linalg::LinalgOp op,
                         unsigned loop);

} // namespace mlir::qmm

#endif // QMM_LIB_RECOGNIZE_CONTRACTION_H
