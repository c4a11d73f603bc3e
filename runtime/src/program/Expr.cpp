//===- program/Expr.cpp - Integers from dynamic dimensions ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Postfix evaluation, folding and printing share one shape of loop: a stack of
// values, of partial expressions, or of strings.
//
//===----------------------------------------------------------------------===//
#include "program/Expr.h"

#include <algorithm>

namespace qmmrt::program {

using Op = Expr::Op;

static bool isLeaf(Op op) { return op == Op::Constant || op == Op::Dim; }

static Status malformed(std::string message) {
  return Status(QMM_STATUS_MALFORMED, std::move(message));
}

Status verifyExpr(const Expr &expr, uint32_t numDims) {
  if (expr.terms.empty())
    return malformed("expression is empty");
  if (expr.terms.size() > kMaxExprTerms)
    return malformed("expression has " + std::to_string(expr.terms.size()) +
                     " terms, at most " + std::to_string(kMaxExprTerms) +
                     " are allowed");
  size_t depth = 0;
  for (const Expr::Term &term : expr.terms) {
    if (term.op > Op::Min)
      return malformed("expression has unknown operation " +
                       std::to_string(unsigned(term.op)));
    if (term.op == Op::Dim &&
        (term.value < 0 || term.value >= int64_t(numDims)))
      return malformed("expression names dimension " +
                       std::to_string(term.value) + " of " +
                       std::to_string(numDims));
    if (isLeaf(term.op)) {
      if (++depth > kMaxExprDepth)
        return malformed("expression needs a stack deeper than " +
                         std::to_string(kMaxExprDepth));
    } else {
      if (depth < 2)
        return malformed("expression's operation lacks an operand");
      --depth;
    }
  }
  if (depth != 1)
    return malformed("expression leaves " + std::to_string(depth) +
                     " values, expected 1");
  return Status();
}

/// nullptr, or what went wrong.
static const char *apply(Op op, int64_t lhs, int64_t rhs, int64_t &result) {
  switch (op) {
  case Op::Add:
    return __builtin_add_overflow(lhs, rhs, &result) ? "overflow" : nullptr;
  case Op::Sub:
    return __builtin_sub_overflow(lhs, rhs, &result) ? "overflow" : nullptr;
  case Op::Mul:
    return __builtin_mul_overflow(lhs, rhs, &result) ? "overflow" : nullptr;
  case Op::FloorDiv:
  case Op::CeilDiv:
  case Op::Mod: {
    if (rhs == 0)
      return "division by zero";
    if (rhs < 0)
      return "division by a negative number";
    int64_t quotient = lhs / rhs, remainder = lhs % rhs;
    if (op == Op::FloorDiv)
      result = quotient - (remainder < 0);
    else if (op == Op::CeilDiv)
      result = quotient + (remainder > 0);
    else
      result = remainder < 0 ? remainder + rhs : remainder;
    return nullptr;
  }
  case Op::Max:
    result = std::max(lhs, rhs);
    return nullptr;
  case Op::Min:
    result = std::min(lhs, rhs);
    return nullptr;
  case Op::Constant:
  case Op::Dim:
    break;
  }
  return "unknown operation";
}

Result<int64_t> evaluate(const Expr &expr, const std::vector<int64_t> &dims) {
  if (Status status = verifyExpr(expr, uint32_t(dims.size())); !status.ok())
    return status;
  int64_t stack[kMaxExprDepth];
  size_t depth = 0;
  for (const Expr::Term &term : expr.terms) {
    if (term.op == Op::Constant) {
      stack[depth++] = term.value;
    } else if (term.op == Op::Dim) {
      stack[depth++] = dims[size_t(term.value)];
    } else {
      --depth;
      if (const char *error =
              apply(term.op, stack[depth - 1], stack[depth], stack[depth - 1]))
        return Status(QMM_STATUS_INVALID_ARGUMENT,
                      std::string(error) + " in " + print(expr));
    }
  }
  return stack[0];
}

bool isConstant(const Expr &expr, int64_t &value) {
  if (expr.terms.size() != 1 || expr.terms[0].op != Op::Constant)
    return false;
  value = expr.terms[0].value;
  return true;
}

Expr makeBinary(Op op, const Expr &lhs, const Expr &rhs) {
  int64_t left = 0, right = 0, result = 0;
  bool leftConstant = isConstant(lhs, left);
  bool rightConstant = isConstant(rhs, right);
  if (leftConstant && rightConstant && !apply(op, left, right, result))
    return Expr::constant(result);
  if (rightConstant) {
    if (right == 0 && (op == Op::Add || op == Op::Sub))
      return lhs;
    if (right == 1 &&
        (op == Op::Mul || op == Op::FloorDiv || op == Op::CeilDiv))
      return lhs;
  }
  if (leftConstant &&
      ((left == 0 && op == Op::Add) || (left == 1 && op == Op::Mul)))
    return rhs;
  Expr joined = lhs;
  joined.terms.insert(joined.terms.end(), rhs.terms.begin(), rhs.terms.end());
  joined.terms.push_back({op, 0});
  return joined;
}

Expr fold(const Expr &expr) {
  std::vector<Expr> stack;
  for (const Expr::Term &term : expr.terms) {
    if (isLeaf(term.op)) {
      stack.push_back({{term}});
      continue;
    }
    if (stack.size() < 2)
      return expr;
    Expr rhs = std::move(stack.back());
    stack.pop_back();
    stack.back() = makeBinary(term.op, stack.back(), rhs);
  }
  return stack.size() == 1 ? stack[0] : expr;
}

std::string print(const Expr &expr) {
  struct Printed {
    std::string text;
    int precedence; // 0 sum, 1 product, 2 atom
  };
  auto parenthesize = [](const Printed &p, int precedence) {
    return p.precedence < precedence ? "(" + p.text + ")" : p.text;
  };
  std::vector<Printed> stack;
  for (const Expr::Term &term : expr.terms) {
    if (term.op == Op::Constant) {
      stack.push_back({std::to_string(term.value), 2});
      continue;
    }
    if (term.op == Op::Dim) {
      stack.push_back({"d" + std::to_string(term.value), 2});
      continue;
    }
    if (stack.size() < 2)
      return "<malformed>";
    Printed rhs = std::move(stack.back());
    stack.pop_back();
    Printed &lhs = stack.back();
    switch (term.op) {
    case Op::Add:
      lhs = {lhs.text + " + " + parenthesize(rhs, 0), 0};
      break;
    case Op::Sub:
      lhs = {lhs.text + " - " + parenthesize(rhs, 1), 0};
      break;
    case Op::Mul:
      lhs = {parenthesize(lhs, 1) + " * " + parenthesize(rhs, 2), 1};
      break;
    default: {
      const char *name = term.op == Op::FloorDiv  ? "floordiv"
                         : term.op == Op::CeilDiv ? "ceildiv"
                         : term.op == Op::Mod     ? "mod"
                         : term.op == Op::Max     ? "max"
                         : term.op == Op::Min     ? "min"
                                                  : "unknown";
      lhs = {std::string(name) + "(" + lhs.text + ", " + rhs.text + ")", 2};
    }
    }
  }
  return stack.size() == 1 ? stack[0].text : "<malformed>";
}

bool operator==(const Expr::Term &lhs, const Expr::Term &rhs) {
  return lhs.op == rhs.op && (!isLeaf(lhs.op) || lhs.value == rhs.value);
}
bool operator==(const Expr &lhs, const Expr &rhs) {
  return lhs.terms == rhs.terms;
}

} // namespace qmmrt::program
