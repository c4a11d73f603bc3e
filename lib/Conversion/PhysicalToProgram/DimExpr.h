//===- DimExpr.h - Index values as expressions -----------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes and offsets of a program are expressions in the dynamic extents of its
// inputs.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_CONVERSION_PHYSICALTOPROGRAM_DIMEXPR_H
#define QMM_LIB_CONVERSION_PHYSICALTOPROGRAM_DIMEXPR_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "program/Program.h"

namespace mlir::qmm {

/// Is `op` arithmetic on index values that DimExprs translates?
bool isIndexArithmetic(Operation *op);

/// Translates index values of one function.  Failures are reported at `user`.
class DimExprs {
public:
  explicit DimExprs(::qmmrt::program::Entry &entry) : entry(entry) {}

  /// A new dynamic dimension: extent `axis` of an input.
  ::qmmrt::program::Expr addInputDim(Value input, int64_t axis);
  unsigned getNumDims() const { return numDims; }

  FailureOr<::qmmrt::program::Expr> get(Operation *user, Value index);
  /// The extent of dimension `axis` of a buffer, static or not.
  FailureOr<::qmmrt::program::Expr> getExtent(Operation *user, Value buffer,
                                              int64_t axis);

private:
  FailureOr<::qmmrt::program::Expr> compute(Operation *user, Value index);

  ::qmmrt::program::Entry &entry;
  unsigned numDims = 0;
  llvm::DenseMap<std::pair<Value, int64_t>, ::qmmrt::program::Expr> inputDims;
  llvm::DenseMap<Value, ::qmmrt::program::Expr> cache;
};

/// lhs op rhs, folded when both are constants.
::qmmrt::program::Expr combine(::qmmrt::program::Expr::Op op,
                               const ::qmmrt::program::Expr &lhs,
                               const ::qmmrt::program::Expr &rhs);

} // namespace mlir::qmm

#endif // QMM_LIB_CONVERSION_PHYSICALTOPROGRAM_DIMEXPR_H
