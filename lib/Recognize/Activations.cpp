//===- Activations.cpp - Activations in any spelling ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The canonical form is a polynomial: monomials, which are products of powers
// of the input and of functions of polynomials, with a coefficient each.
//
//===----------------------------------------------------------------------===//

#include "Activations.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>
#include <map>

using namespace mlir;
using namespace mlir::qmm;

using IsInput = llvm::function_ref<bool(const ElementExpr *)>;

static const ElementExpr *stripConversions(const ElementExpr *expr,
                                           IsInput isInput) {
  while (!isInput(expr) &&
         (expr->isOp("arith.extf") || expr->isOp("arith.truncf")))
    expr = expr->operands[0];
  return expr;
}

//===----------------------------------------------------------------------===//
// Polynomials
//===----------------------------------------------------------------------===//

namespace {

/// Atoms with their powers, sorted by atom.  Atom 0 is the input.
using Monomial = std::vector<std::pair<unsigned, int>>;
using Polynomial = std::map<Monomial, double>;

/// More terms or steps than any spelling of an activation has.
constexpr size_t kMaxTerms = 16;
constexpr unsigned kMaxSteps = 400;
constexpr int kMaxPower = 4;

enum class Function { Tanh, Erf, Erfc, Exp, Reciprocal };

struct Atom {
  Function function;
  Polynomial argument;
};

class Canonicalizer {
public:
  explicit Canonicalizer(IsInput isInput) : isInput(isInput) {}

  std::optional<Polynomial> get(const ElementExpr *expr);

  /// A function of a polynomial; null for the input.
  const Atom *getAtom(unsigned atom) const {
    return atom == 0 ? nullptr : &atoms[atom - 1];
  }

  /// The type of fewest mantissa bits that a step or a constant has.
  Type narrowest;

private:
  std::optional<Polynomial> compute(const ElementExpr *expr);
  std::optional<Polynomial> apply(Function function,
                                  std::optional<Polynomial> argument);
  void noteType(Type type);

  IsInput isInput;
  std::vector<Atom> atoms;
  llvm::DenseMap<const ElementExpr *, std::optional<Polynomial>> memo;
  unsigned steps = 0;
};

} // namespace

static Polynomial getConstant(double value) {
  Polynomial result;
  if (value != 0)
    result[{}] = value;
  return result;
}

static std::optional<double> asConstant(const Polynomial &p) {
  if (p.empty())
    return 0.0;
  if (p.size() == 1 && p.begin()->first.empty())
    return p.begin()->second;
  return std::nullopt;
}

static Polynomial add(Polynomial a, const Polynomial &b, double sign = 1) {
  for (const auto &[monomial, coefficient] : b) {
    double &sum = a[monomial];
    sum += sign * coefficient;
    if (sum == 0)
      a.erase(monomial);
  }
  return a;
}

static Monomial multiply(const Monomial &a, const Monomial &b) {
  std::map<unsigned, int> powers;
  for (auto [atom, power] : a)
    powers[atom] += power;
  for (auto [atom, power] : b)
    powers[atom] += power;
  Monomial result;
  for (auto [atom, power] : powers)
    if (power != 0)
      result.push_back({atom, power});
  return result;
}

static std::optional<Polynomial> multiply(const Polynomial &a,
                                          const Polynomial &b) {
  if (a.size() * b.size() > kMaxTerms)
    return std::nullopt;
  Polynomial result;
  for (const auto &[x, p] : a)
    for (const auto &[y, q] : b) {
      double &sum = result[multiply(x, y)];
      sum += p * q;
      if (sum == 0)
        result.erase(multiply(x, y));
    }
  return result;
}

void Canonicalizer::noteType(Type type) {
  auto width = [](Type t) { return cast<FloatType>(t).getFPMantissaWidth(); };
  if (isa<FloatType>(type) && (!narrowest || width(type) < width(narrowest)))
    narrowest = type;
}

std::optional<Polynomial>
Canonicalizer::apply(Function function, std::optional<Polynomial> argument) {
  if (!argument)
    return std::nullopt;
  double sign = 1;
  // Odd functions of the argument with a positive first coefficient.
  if ((function == Function::Tanh || function == Function::Erf) &&
      !argument->empty() && argument->begin()->second < 0) {
    sign = -1;
    argument = add({}, *argument, -1);
  }
  unsigned index = 0;
  for (; index < atoms.size(); ++index)
    if (atoms[index].function == function && atoms[index].argument == *argument)
      break;
  if (index == atoms.size())
    atoms.push_back({function, std::move(*argument)});
  return Polynomial{{{{index + 1, 1}}, sign}};
}

std::optional<Polynomial> Canonicalizer::get(const ElementExpr *expr) {
  auto it = memo.find(expr);
  if (it != memo.end())
    return it->second;
  if (++steps > kMaxSteps)
    return std::nullopt;
  std::optional<Polynomial> result = compute(expr);
  if (result && result->size() > kMaxTerms)
    result = std::nullopt;
  memo[expr] = result;
  return result;
}

/// The exponent of a power by a small whole number.
static std::optional<int> getExponent(const ElementExpr *expr) {
  if (expr->kind != ElementExpr::Kind::Constant ||
      expr->constant != std::floor(expr->constant) ||
      std::abs(expr->constant) > kMaxPower)
    return std::nullopt;
  return static_cast<int>(expr->constant);
}

std::optional<Polynomial> Canonicalizer::compute(const ElementExpr *expr) {
  if (isInput(expr))
    return Polynomial{{{{0, 1}}, 1.0}};
  if (expr->kind == ElementExpr::Kind::Constant) {
    // Whole numbers are exact in any type, so theirs says nothing.
    if (expr->constant != std::floor(expr->constant))
      noteType(expr->type);
    return getConstant(expr->constant);
  }
  if (expr->kind != ElementExpr::Kind::Op)
    return std::nullopt;
  auto operand = [&](unsigned i) { return get(expr->operands[i]); };
  StringRef name = expr->op->getName().getStringRef();
  if (name == "arith.extf" || name == "arith.truncf") {
    // Of the input, it isn't the function's.
    if (name == "arith.truncf" &&
        !isInput(stripConversions(expr->operands[0], isInput)))
      noteType(expr->type);
    return operand(0);
  }
  noteType(expr->type);

  if (name == "arith.negf") {
    std::optional<Polynomial> x = operand(0);
    return x ? std::optional(add({}, *x, -1)) : std::nullopt;
  }
  if (name == "arith.addf" || name == "arith.subf") {
    std::optional<Polynomial> x = operand(0), y = x ? operand(1) : x;
    if (!y)
      return std::nullopt;
    return add(*x, *y, name == "arith.addf" ? 1 : -1);
  }
  if (name == "arith.mulf") {
    std::optional<Polynomial> x = operand(0), y = x ? operand(1) : x;
    return y ? multiply(*x, *y) : std::nullopt;
  }
  if (name == "math.fma") {
    std::optional<Polynomial> x = operand(0), y = x ? operand(1) : x,
                              z = y ? operand(2) : y;
    std::optional<Polynomial> product = z ? multiply(*x, *y) : std::nullopt;
    return product ? std::optional(add(*product, *z)) : std::nullopt;
  }
  if (name == "arith.divf") {
    std::optional<Polynomial> x = operand(0), y = x ? operand(1) : x;
    if (!y || y->empty())
      return std::nullopt;
    if (y->size() > 1) {
      std::optional<Polynomial> inverse = apply(Function::Reciprocal, y);
      return multiply(*x, *inverse);
    }
    Monomial inverse = y->begin()->first;
    for (auto &factor : inverse)
      factor.second = -factor.second;
    return multiply(*x, {{inverse, 1 / y->begin()->second}});
  }
  if (name == "math.powf" || name == "math.fpowi") {
    std::optional<int> exponent = getExponent(expr->operands[1]);
    std::optional<Polynomial> x = exponent ? operand(0) : std::nullopt;
    if (!x || *exponent < 1)
      return std::nullopt;
    std::optional<Polynomial> power = x;
    for (int i = 1; i < *exponent && power; ++i)
      power = multiply(*power, *x);
    return power;
  }
  if (name == "math.sqrt" || name == "math.rsqrt") {
    std::optional<Polynomial> x = operand(0);
    std::optional<double> value = x ? asConstant(*x) : std::nullopt;
    if (!value || *value <= 0)
      return std::nullopt;
    double root = std::sqrt(*value);
    return getConstant(name == "math.sqrt" ? root : 1 / root);
  }
  if (name == "math.tanh")
    return apply(Function::Tanh, operand(0));
  if (name == "math.erf")
    return apply(Function::Erf, operand(0));
  if (name == "math.erfc")
    return apply(Function::Erfc, operand(0));
  if (name == "math.exp")
    return apply(Function::Exp, operand(0));
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// The functions
//===----------------------------------------------------------------------===//

namespace {

/// Compares with the known forms, up to the rounding of constants.
class Matcher {
public:
  Matcher(Canonicalizer &canonicalizer) : canonicalizer(canonicalizer) {
    // A coefficient may be a product of two or three rounded constants.
    Type type = canonicalizer.narrowest;
    tolerance =
        !type || cast<FloatType>(type).getFPMantissaWidth() >= 24
            ? 2e-6
            : std::ldexp(2.0, -cast<FloatType>(type).getFPMantissaWidth());
  }

  std::optional<Activation> match(const Polynomial &p) const;

private:
  bool isNear(double value, double expected) const {
    return std::abs(value - expected) <= tolerance * std::abs(expected);
  }
  /// Is `p` the sum of `terms`, in any order?
  bool equals(const Polynomial &p,
              ArrayRef<std::pair<Monomial, double>> terms) const {
    return p.size() == terms.size() &&
           llvm::all_of(terms, [&](const auto &term) {
             auto it = p.find(term.first);
             return it != p.end() && isNear(it->second, term.second);
           });
  }
  /// The activation x * sigmoid(p).
  std::optional<Activation> matchSigmoid(const Polynomial &p) const;

  Canonicalizer &canonicalizer;
  double tolerance;
};

} // namespace

static const Monomial kX = {{0, 1}}, kXCubed = {{0, 3}};

std::optional<Activation> Matcher::matchSigmoid(const Polynomial &p) const {
  if (equals(p, {{kX, 1.0}}))
    return Activation::SiLU;
  // sigmoid(2 u) = (1 + tanh(u)) / 2.
  const double slope = 2 * std::sqrt(2 / M_PI);
  if (equals(p, {{kX, slope}, {kXCubed, slope * 0.044715}}))
    return Activation::GELUTanh;
  return std::nullopt;
}

std::optional<Activation> Matcher::match(const Polynomial &p) const {
  if (p.size() == 1) {
    // x r, with r = 1 / (1 + exp(-u)); x e r, with r = 1 / (1 + e); x erfc / 2.
    const auto &[monomial, coefficient] = *p.begin();
    if (monomial.size() < 2 || monomial[0] != std::pair(0u, 1))
      return std::nullopt;
    const Atom *last = nullptr, *exponential = nullptr;
    unsigned exponentialIndex = 0;
    for (auto [index, power] : ArrayRef(monomial).drop_front()) {
      const Atom *atom = canonicalizer.getAtom(index);
      if (power != 1)
        return std::nullopt;
      if (atom->function == Function::Exp && !exponential) {
        exponential = atom;
        exponentialIndex = index;
      } else if (!last) {
        last = atom;
      } else {
        return std::nullopt;
      }
    }
    if (!last)
      return std::nullopt;
    if (last->function == Function::Erfc && !exponential)
      return isNear(coefficient, 0.5) &&
                     equals(last->argument, {{kX, -M_SQRT1_2}})
                 ? std::optional(Activation::GELUErf)
                 : std::nullopt;
    if (last->function != Function::Reciprocal || !isNear(coefficient, 1))
      return std::nullopt;
    const Polynomial &sum = last->argument;
    if (sum.size() != 2 || !sum.count({}) || !isNear(sum.at({}), 1))
      return std::nullopt;
    const auto &[term, factor] = *std::next(sum.begin());
    if (term.size() != 1 || term[0].second != 1 || !isNear(factor, 1))
      return std::nullopt;
    const Atom *inner = canonicalizer.getAtom(term[0].first);
    if (!inner || inner->function != Function::Exp)
      return std::nullopt;
    if (!exponential)
      return matchSigmoid(add({}, inner->argument, -1));
    return term[0].first == exponentialIndex ? matchSigmoid(inner->argument)
                                             : std::nullopt;
  }
  // x / 2 + x f(u) / 2.
  if (p.size() != 2 || !p.count(kX) || !isNear(p.at(kX), 0.5))
    return std::nullopt;
  for (const auto &[monomial, coefficient] : p) {
    if (monomial == kX)
      continue;
    if (monomial.size() != 2 || monomial[0] != std::pair(0u, 1) ||
        monomial[1].second != 1 || !isNear(coefficient, 0.5))
      return std::nullopt;
    const Atom *atom = canonicalizer.getAtom(monomial[1].first);
    if (atom->function == Function::Tanh)
      return matchSigmoid(add(atom->argument, atom->argument));
    if (atom->function == Function::Erf &&
        equals(atom->argument, {{kX, M_SQRT1_2}}))
      return Activation::GELUErf;
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// ReLU
//===----------------------------------------------------------------------===//

static bool isZero(const ElementExpr *expr) {
  return expr->kind == ElementExpr::Kind::Constant && expr->constant == 0;
}

/// max(x, 0), or a choice between x and 0 by comparing x with 0.
static std::optional<ActivationMatch> matchReLU(const ElementExpr *expr,
                                                IsInput isInput) {
  auto isX = [&](const ElementExpr *e) {
    return isInput(stripConversions(e, isInput));
  };
  ActivationMatch match{Activation::ReLU, {}, false};
  bool propagates = expr->isOp("arith.maximumf");
  if (propagates || expr->isOp("arith.maxnumf")) {
    match.dropsNaN = !propagates;
    for (unsigned i : {0, 1})
      if (isZero(expr->operands[i]) && isX(expr->operands[1 - i]))
        return match;
    return std::nullopt;
  }
  if (!expr->isOp("arith.select") || !expr->operands[0]->isOp("arith.cmpf"))
    return std::nullopt;
  const ElementExpr *compare = expr->operands[0];
  bool xFirst = isX(compare->operands[0]) && isZero(compare->operands[1]);
  if (!xFirst && !(isZero(compare->operands[0]) && isX(compare->operands[1])))
    return std::nullopt;
  bool xIfTrue = isX(expr->operands[1]) && isZero(expr->operands[2]);
  if (!xIfTrue && !(isZero(expr->operands[1]) && isX(expr->operands[2])))
    return std::nullopt;
  using arith::CmpFPredicate;
  CmpFPredicate predicate = cast<arith::CmpFOp>(compare->op).getPredicate();
  bool greater = llvm::is_contained({CmpFPredicate::OGT, CmpFPredicate::OGE,
                                     CmpFPredicate::UGT, CmpFPredicate::UGE},
                                    predicate);
  bool less = llvm::is_contained({CmpFPredicate::OLT, CmpFPredicate::OLE,
                                  CmpFPredicate::ULT, CmpFPredicate::ULE},
                                 predicate);
  if ((!greater && !less) || greater != (xFirst == xIfTrue))
    return std::nullopt;
  bool trueIfNaN = llvm::is_contained({CmpFPredicate::UGT, CmpFPredicate::UGE,
                                       CmpFPredicate::ULT, CmpFPredicate::ULE},
                                      predicate);
  match.dropsNaN = trueIfNaN != xIfTrue;
  return match;
}

std::optional<ActivationMatch> mlir::qmm::matchActivation(
    const ElementExpr *expr,
    llvm::function_ref<bool(const ElementExpr *)> isInput) {
  expr = stripConversions(expr, isInput);
  if (isInput(expr))
    return std::nullopt;
  if (std::optional<ActivationMatch> match = matchReLU(expr, isInput))
    return match;
  Canonicalizer canonicalizer(isInput);
  std::optional<Polynomial> polynomial = canonicalizer.get(expr);
  if (!polynomial)
    return std::nullopt;
  std::optional<Activation> activation =
      Matcher(canonicalizer).match(*polynomial);
  if (!activation)
    return std::nullopt;
  Type narrow = canonicalizer.narrowest;
  if (narrow && cast<FloatType>(narrow).getFPMantissaWidth() >= 24)
    narrow = {};
  return ActivationMatch{*activation, narrow, false};
}
