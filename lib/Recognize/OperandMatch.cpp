//===- OperandMatch.cpp - What a contraction's operand is ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The multiplicative structure of a dequantization, in any spelling.
//
//===----------------------------------------------------------------------===//

#include "OperandMatch.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace mlir::qmm;

/// If expr is op(x, constant) in either order, x.
static const ElementExpr *matchBound(const ElementExpr *expr,
                                     ArrayRef<StringRef> ops, double bound) {
  if (llvm::none_of(ops, [&](StringRef op) { return expr->isOp(op); }))
    return nullptr;
  for (unsigned i : {0, 1})
    if (expr->operands[i]->isConstant(bound))
      return expr->operands[1 - i];
  return nullptr;
}

/// clamp(x, -max, max) in either order of the bounds: x.
static const ElementExpr *matchClamp(const ElementExpr *expr, double max) {
  constexpr StringRef kMin = "arith.minimumf", kMax = "arith.maximumf";
  if (const ElementExpr *inner = matchBound(expr, kMin, max))
    return matchBound(inner, kMax, -max);
  if (const ElementExpr *inner = matchBound(expr, kMax, -max))
    return matchBound(inner, kMin, max);
  return nullptr;
}

std::optional<QuantizeMatch>
mlir::qmm::matchQuantize(const ElementExpr *codes) {
  if (!isa<Float8E4M3FNType, Float8E5M2Type>(codes->type) ||
      !codes->isOp("arith.truncf"))
    return std::nullopt;
  const ElementExpr *quotient =
      matchClamp(codes->operands[0], getLargest(codes->type));
  if (!quotient || !quotient->isOp("arith.divf"))
    return std::nullopt;
  const ElementExpr *input = stripExtensions(quotient->operands[0]);
  if (!isWideElementType(input->type) || !input->isMaterializable ||
      !quotient->operands[1]->isMaterializable)
    return std::nullopt;
  return QuantizeMatch{input, stripExtensions(quotient->operands[1]),
                       quotient->type};
}

static constexpr StringLiteral kRounded = "element times scale rounded to ";

namespace {
/// Takes a product apart into codes and scales.
class Dequantization {
public:
  Dequantization(ElementTracer &tracer, OperandMatch &match)
      : tracer(tracer), match(match) {}

  /// Codes, or a product or quotient with codes in it; null if there are none.
  /// Appends the scales.
  const ElementExpr *findCodes(const ElementExpr *expr);
  /// To `type`, of what is found so far.
  void addRounding(Type type);

  /// What made it give up on a value that has codes in it.
  Refusal refusal;
  /// Why such a value is wide all the same; empty if there is no reason.
  std::string whyWide;
  /// What codes times scales are rounded to last; null: nothing.
  Type rounding;
  /// Is there one rounding at most, behind all scales?
  bool isRoundedOnce() const {
    return !rounding || (isWideElementType(rounding) && !roundsBetween &&
                         numRounded == match.scales.size());
  }

private:
  const ElementExpr *findMoved(const ElementExpr *expr);
  const ElementExpr *findMasked(const ElementExpr *expr);
  const ElementExpr *findScaled(const ElementExpr *expr);
  const ElementExpr *findShifted(const ElementExpr *expr);

  ElementTracer &tracer;
  OperandMatch &match;
  size_t numRounded = 0; // scales in front of the last rounding
  bool roundsBetween = false;
};
} // namespace

/// Codes behind a data movement: moved themselves, if the scale is one value.
const ElementExpr *Dequantization::findMoved(const ElementExpr *expr) {
  size_t numScales = match.scales.size();
  const ElementExpr *codes = findCodes(expr->operands[0]);
  if (!codes)
    return nullptr;
  for (const ScaleFactor &scale : ArrayRef(match.scales).drop_front(numScales))
    if (!scale.expr->isUniform()) {
      (void)refusal.set("block scales are moved by '" +
                            expr->op->getName().getStringRef() +
                            "' between the dequantization and the contraction",
                        expr->op->getLoc());
      return nullptr;
    }
  return tracer.move(expr, codes);
}

/// select(condition, dequantized, 0) in either order.
const ElementExpr *Dequantization::findMasked(const ElementExpr *expr) {
  for (unsigned i : {1, 2}) {
    if (!expr->operands[3 - i]->isConstant(0))
      continue;
    if (const ElementExpr *codes = findCodes(expr->operands[i]))
      return tracer.mask(expr, i, codes);
  }
  return nullptr;
}

// Codes alone are exact in every wide type.
void Dequantization::addRounding(Type type) {
  if (match.scales.empty())
    return;
  match.notes.push_back((kRounded + debugString(type)).str());
  if (rounding)
    roundsBetween |= numRounded != match.scales.size() || rounding != type;
  rounding = type;
  numRounded = match.scales.size();
}

/// codes * scale, codes / scale.
const ElementExpr *Dequantization::findScaled(const ElementExpr *expr) {
  bool isQuotient = expr->isOp("arith.divf");
  for (unsigned i : {0, 1}) {
    if (isQuotient && i == 1)
      break;
    const ElementExpr *codes = findCodes(expr->operands[i]);
    if (!codes)
      continue;
    match.scales.push_back({expr->operands[1 - i], isQuotient});
    if (isQuotient)
      match.notes.push_back("element divided by its scale: multiplied by the "
                            "reciprocal, rounded to f32");
    if (!expr->type.isF32())
      addRounding(expr->type);
    return codes;
  }
  return nullptr;
}

/// convert(codes) - 0.  Schemes have no zero points.
const ElementExpr *Dequantization::findShifted(const ElementExpr *expr) {
  const ElementExpr *value = expr->operands[0];
  if (expr->operands[1]->isConstant(0))
    return findCodes(value);
  if (value->isOp("arith.sitofp") && isCodeType(value->operands[0]->type))
    whyWide = "its codes have a zero point: dequantized before the product";
  return nullptr;
}

const ElementExpr *Dequantization::findCodes(const ElementExpr *expr) {
  if (!expr->mayHoldCodes || !refusal.reason.empty())
    return nullptr;
  if (isCodeType(expr->type) &&
      (isa<FloatType>(expr->type) || expr->isMaterializable))
    return expr;
  if (expr->kind == ElementExpr::Kind::Moved)
    return findMoved(expr);
  if (expr->kind != ElementExpr::Kind::Op)
    return nullptr;
  if (expr->isOp("arith.extf") || expr->isOp("arith.sitofp") ||
      expr->isOp("arith.extsi"))
    return findCodes(expr->operands[0]);
  if (expr->isOp("arith.truncf")) {
    const ElementExpr *codes = findCodes(expr->operands[0]);
    if (codes)
      addRounding(expr->type);
    return codes;
  }
  if (expr->isOp("arith.scaling_extf")) {
    const ElementExpr *codes = findCodes(expr->operands[0]);
    if (!codes)
      return nullptr;
    const ElementExpr *scale = expr->operands[1];
    if (!isa<Float8E8M0FNUType, Float8E4M3FNType>(scale->type)) {
      (void)refusal.set(
          "arith.scaling_extf has a scale of type " + debugString(scale->type) +
              ", which it truncates to f8E8M0FNU; only f8E8M0FNU and "
              "f8E4M3FN scales are taken as they are",
          expr->op->getLoc());
      return nullptr;
    }
    match.scales.push_back({scale, false});
    // bf16 has the digits of both, and f32's range.
    if (expr->type.isF16())
      addRounding(expr->type);
    return codes;
  }
  if (expr->isOp("arith.mulf") || expr->isOp("arith.divf"))
    return findScaled(expr);
  if (expr->isOp("arith.subf"))
    return findShifted(expr);
  if (expr->isOp("arith.select"))
    return findMasked(expr);
  return nullptr;
}

FailureOr<OperandMatch>
mlir::qmm::matchOperand(ElementTracer &tracer,
                        ArrayRef<const ElementExpr *> factors, Type rounding,
                        Roundings roundings, Refusal &refusal) {
  OperandMatch match;
  Dequantization dequantization(tracer, match);
  for (auto [position, factor] : llvm::enumerate(factors)) {
    match.codes = dequantization.findCodes(factor);
    if (!match.codes)
      continue;
    for (auto [other, scale] : llvm::enumerate(factors))
      if (other != position)
        match.scales.push_back({scale, false});
    if (rounding)
      dequantization.addRounding(rounding);
    break;
  }
  if (!dequantization.refusal.reason.empty()) {
    refusal = dequantization.refusal;
    return failure();
  }
  bool keeps = roundings == Roundings::Keep && match.codes;
  if (keeps && !dequantization.isRoundedOnce()) {
    if (factors.size() != 1)
      return refusal.set(kRounded + debugString(dequantization.rounding) +
                         " between two scales, and roundings are kept");
    dequantization.whyWide = "element times scale rounded between two scales: "
                             "dequantized before the product";
    match.codes = nullptr;
  }
  if (match.codes) {
    if (keeps && dequantization.rounding) {
      match.precision = dequantization.rounding;
      llvm::erase_if(match.notes,
                     [](StringRef note) { return note.starts_with(kRounded); });
    }
    for (const ScaleFactor &scale : match.scales)
      if (!scale.expr->isMaterializable)
        return refusal.set("its scale is computed inside of an op, from values "
                           "that can't be had outside");
    if (match.codes->isMaterializable) {
      match.quantize = matchQuantize(match.codes);
      return match;
    }
  }
  OperandMatch wide;
  if (!dequantization.whyWide.empty())
    wide.notes.push_back(dequantization.whyWide);
  if (factors.size() != 1)
    return refusal.set("it multiplies " + Twine(factors.size() + 1) +
                       " values, none of which are codes with scales");
  wide.wide = stripExtensions(factors.front());
  if (!isWideElementType(wide.wide->type))
    wide.wide = factors.front();
  if (wide.wide->type.isIntOrIndex()) {
    while (wide.wide->isOp("arith.extsi"))
      wide.wide = wide.wide->operands[0];
    return refusal.set("an operand has element type " +
                       debugString(wide.wide->type));
  }
  if (!wide.wide->isMaterializable)
    return refusal.set("an operand is computed inside of it, from values that "
                       "can't be had outside");
  if (!isWideElementType(wide.wide->type))
    return refusal.set("an operand has element type " +
                       debugString(wide.wide->type));
  return wide;
}
