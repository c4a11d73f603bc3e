//===- program/Expr.h - Integers from dynamic dimensions ------ -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes and offsets of a program depend on shapes known only at run time.  They
// are evaluated here, where an overflow or a division by zero is an error and
// not a wrong address.  The compiler builds its expressions with the same code.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_EXPR_H
#define QMMRT_PROGRAM_EXPR_H

#include "program/Program.h"
#include "support/Status.h"

namespace qmmrt::program {

/// What a well-formed expression may use at most.
constexpr size_t kMaxExprTerms = 4096;
constexpr size_t kMaxExprDepth = 64;

/// Does the expression leave exactly one value, within the limits above, and
/// name only dimensions below `numDims`?
Status verifyExpr(const Expr &expr, uint32_t numDims);

/// The value for the given dimensions.  Divisors of FloorDiv, CeilDiv and Mod
/// must be positive; FloorDiv and CeilDiv round to minus and plus infinity, and
/// Mod is never negative.
Result<int64_t> evaluate(const Expr &expr, const std::vector<int64_t> &dims);

/// lhs op rhs, folded.
Expr makeBinary(Expr::Op op, const Expr &lhs, const Expr &rhs);

/// The same value with constant subexpressions replaced by constants and
/// x + 0, x - 0, x * 1, x / 1 by x.  An operation whose evaluation fails stays
/// as it is.
Expr fold(const Expr &expr);

/// Is the expression one constant, and which.
bool isConstant(const Expr &expr, int64_t &value);

/// "ceildiv(d0, 128) * 512 + 64", for messages; "<malformed>" when it is.
std::string print(const Expr &expr);

bool operator==(const Expr::Term &lhs, const Expr::Term &rhs);
bool operator==(const Expr &lhs, const Expr &rhs);

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_EXPR_H
