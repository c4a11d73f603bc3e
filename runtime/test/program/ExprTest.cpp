//===- test/program/ExprTest.cpp - Expressions ---------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values, and above all the ways not to have one.
//
//===----------------------------------------------------------------------===//
#include "ProgramBuilder.h"

using namespace qmmrt;
using namespace qmmrt::program;
using Op = Expr::Op;

static int64_t value(Op op, int64_t lhs, int64_t rhs) {
  Expr expr{{{Op::Constant, lhs}, {Op::Constant, rhs}, {op, 0}}};
  Result<int64_t> result = evaluate(expr, {});
  EXPECT_TRUE(result.ok()) << result.getStatus().getMessage();
  return result.ok() ? *result : INT64_MIN;
}

static std::string error(const Expr &expr, std::vector<int64_t> dims = {}) {
  Result<int64_t> result = evaluate(expr, dims);
  return result.ok() ? "" : result.getStatus().getMessage();
}

TEST(Expr, Operations) {
  EXPECT_EQ(value(Op::Add, 3, 4), 7);
  EXPECT_EQ(value(Op::Sub, 3, 4), -1);
  EXPECT_EQ(value(Op::Mul, -3, 4), -12);
  EXPECT_EQ(value(Op::Max, -3, 4), 4);
  EXPECT_EQ(value(Op::Min, -3, 4), -3);
}

TEST(Expr, DivisionRoundsAsNamed) {
  for (int64_t lhs = -9; lhs <= 9; ++lhs)
    for (int64_t rhs = 1; rhs <= 4; ++rhs) {
      int64_t floor = value(Op::FloorDiv, lhs, rhs);
      int64_t ceil = value(Op::CeilDiv, lhs, rhs);
      int64_t mod = value(Op::Mod, lhs, rhs);
      EXPECT_LE(floor * rhs, lhs);
      EXPECT_GT((floor + 1) * rhs, lhs);
      EXPECT_GE(ceil * rhs, lhs);
      EXPECT_LT((ceil - 1) * rhs, lhs);
      EXPECT_EQ(floor * rhs + mod, lhs);
    }
}

TEST(Expr, OverflowIsAnError) {
  EXPECT_EQ(error({{{Op::Constant, INT64_MAX}, {Op::Constant, 1}, {Op::Add}}}),
            "overflow in 9223372036854775807 + 1");
  EXPECT_NE(error({{{Op::Constant, INT64_MIN}, {Op::Constant, 1}, {Op::Sub}}}),
            "");
  EXPECT_NE(error(mul(d(0), c(1 << 30)), {int64_t(1) << 40}), "");
  EXPECT_EQ(error(mul(d(0), c(1 << 30)), {7}), "");
}

TEST(Expr, DivisionByZeroIsAnError) {
  for (Op op : {Op::FloorDiv, Op::CeilDiv, Op::Mod}) {
    EXPECT_NE(error({{{Op::Constant, 1}, {Op::Dim, 0}, {op}}}, {0})
                  .find("division by zero"),
              std::string::npos);
    EXPECT_NE(error({{{Op::Constant, INT64_MIN}, {Op::Dim, 0}, {op}}}, {-1}),
              "");
  }
}

TEST(Expr, MalformedIsAnError) {
  EXPECT_EQ(error({}), "expression is empty");
  EXPECT_NE(error({{{Op::Add}}}), "");
  EXPECT_NE(error({{{Op::Constant, 1}, {Op::Constant, 1}}}), "");
  EXPECT_NE(error(d(1), {5}), "");
  EXPECT_NE(error(d(-1), {5}), "");
  EXPECT_NE(error({{{Op::Constant, 1}, {Op::Constant, 1}, {Op(99)}}}), "");
  Expr deep;
  for (size_t i = 0; i <= kMaxExprDepth; ++i)
    deep.terms.push_back({Op::Constant, 1});
  for (size_t i = 0; i < kMaxExprDepth; ++i)
    deep.terms.push_back({Op::Add});
  EXPECT_NE(error(deep).find("deeper"), std::string::npos);
}

TEST(Expr, FoldKeepsTheValue) {
  Expr expr{{{Op::Constant, 2},
             {Op::Constant, 3},
             {Op::Mul},
             {Op::Dim, 0},
             {Op::Constant, 1},
             {Op::Mul},
             {Op::Add},
             {Op::Constant, 0},
             {Op::Sub}}};
  Expr folded = fold(expr);
  EXPECT_EQ(print(folded), "6 + d0");
  EXPECT_EQ(*evaluate(expr, {10}), *evaluate(folded, {10}));
  EXPECT_EQ(fold(folded), folded);
  // What fails when evaluated isn't folded away.
  EXPECT_EQ(print(fold({{{Op::Constant, 1}, {Op::Constant, 0}, {Op::Mod}}})),
            "mod(1, 0)");
  Expr malformed{{{Op::Add}}};
  EXPECT_EQ(fold(malformed), malformed);
}

TEST(Expr, Prints) {
  EXPECT_EQ(print(mul(add(d(0), c(1)), makeBinary(Op::CeilDiv, d(1), c(128)))),
            "(d0 + 1) * ceildiv(d1, 128)");
  EXPECT_EQ(print(makeBinary(Op::Sub, d(0), add(d(1), c(2)))), "d0 - (d1 + 2)");
  EXPECT_EQ(print({}), "<malformed>");
}
