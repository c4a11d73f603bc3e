//===- FuseEpilogueOutput.cpp - Requantized products and their amax ------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes must stay what the program computes: only the exact clamp, an f32
// quotient and one scale become the output's.
//
//===----------------------------------------------------------------------===//

#include "FuseEpilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::qmm;

//===----------------------------------------------------------------------===//
// convert(clamp(y / s))
//===----------------------------------------------------------------------===//

std::optional<EpilogueStep>
EpilogueChain::matchQuantize(const ElementExpr *from, const ElementExpr *to) {
  if (!isa<Float8E4M3FNType, Float8E5M2Type>(to->type) ||
      !to->isOp("arith.truncf"))
    return std::nullopt;
  EpilogueStep step;
  step.kind = EpilogueStep::Kind::Quantize;
  step.end = to;

  // Bounds, in either order.
  std::optional<double> low, high;
  const ElementExpr *value = represent(to->operands[0]);
  for (int i = 0; i < 2; ++i) {
    bool isLow = value->isOp("arith.maximumf"),
         isHigh = value->isOp("arith.minimumf");
    if (!isLow && !isHigh)
      break;
    unsigned side = isDependent(value->operands[0]) ? 0 : 1;
    const ElementExpr *bound = value->operands[1 - side];
    if (bound->kind != ElementExpr::Kind::Constant)
      return std::nullopt;
    (isLow ? low : high) = bound->constant;
    value = represent(value->operands[side]);
  }
  SmallVector<Type> behindQuotient;
  value = stripConversions(value, from, behindQuotient);
  const ElementExpr *quotient = nullptr;
  if (value != from) {
    if (!value->isOp("arith.divf") && !value->isOp("arith.mulf"))
      return std::nullopt;
    quotient = value;
    unsigned side = isDependent(quotient->operands[0]) ? 0 : 1;
    step.divides = quotient->isOp("arith.divf");
    if (isDependent(quotient->operands[1 - side]) ||
        (side == 1 && step.divides))
      return std::nullopt;
    if (stripConversions(quotient->operands[side], from, step.roundings) !=
        from)
      return std::nullopt;
    std::tie(step.operand, step.extent) =
        classify(quotient->op, quotient->operands[1 - side]);
  }
  if (from->type.isBF16() || from->type.isF16())
    step.roundings.push_back(from->type);

  double largest = getLargest(to->type);
  if (!low && !high) {
    refuse(to, "is converted to " + debugString(to->type) +
                   " without a clamp, which gives NaN on overflow");
    return std::nullopt;
  }
  if (low != -largest || high != largest) {
    auto spell = [](std::optional<double> bound) {
      std::string text = "none";
      if (bound) {
        text.clear();
        llvm::raw_string_ostream(text) << llvm::format("%g", *bound);
      }
      return text;
    };
    refuse(to, llvm::formatv("is clamped to [{0}, {1}], where {2} has +-{3}",
                             spell(low), spell(high), debugString(to->type),
                             static_cast<int64_t>(largest)));
    return std::nullopt;
  }
  if (quotient && !quotient->type.isF32()) {
    refuse(quotient, "is divided by its scale in " +
                         debugString(quotient->type) + ", which changes codes");
    return std::nullopt;
  }
  if (quotient && !behindQuotient.empty()) {
    refuse(to, "is rounded to " + debugString(behindQuotient[0]) +
                   " behind its quotient by the scale, which changes codes");
    return std::nullopt;
  }
  if (quotient && step.extent != Extent::Tensor) {
    refuse(quotient, "has more than one scale as codes");
    return std::nullopt;
  }
  return step;
}

Value mlir::qmm::materializeOutScale(OpBuilder &builder, Location loc,
                                     const ElementExpr *scale, bool inverse) {
  if (!scale || scale->kind == ElementExpr::Kind::Constant) {
    float value = scale ? static_cast<float>(scale->constant) : 1.0f;
    return createScale(builder, loc, inverse ? 1.0f / value : value);
  }
  return multiply(builder, loc,
                  {{materializeScalar(builder, loc, scale),
                    AffineMap::get(builder.getContext()), inverse}},
                  {});
}

//===----------------------------------------------------------------------===//
// qmm.quantize
//===----------------------------------------------------------------------===//

FailureOr<Value> mlir::qmm::getOutScale(QuantizeOp op, std::string &reason) {
  QuantizedTensorType type = op.getResult().getType();
  SchemeAttr scheme = type.getScheme();
  if (op.getPrecision() && !op.getPrecision()->isF32()) {
    reason = "is divided by its scale in " + debugString(*op.getPrecision()) +
             ", which changes codes";
    return failure();
  }
  if (type.getLayout().isPadded()) {
    reason = "is quantized to padded codes";
    return failure();
  }
  if (scheme.isPerTensor() && op.getScale())
    return Value(op.getScale());
  if (op.getScale()) {
    reason = "is quantized with given block scales, where a product computes "
             "them";
    return failure();
  }
  bool computesAll = scheme.isPerTensor() || scheme.getScale().isF32() ||
                     (scheme.getTensorScale() && !op.getTensorScale());
  if (computesAll) {
    reason = "is quantized with scales computed from all of it";
    return failure();
  }
  if (op.getE8m0Rounding() != E8M0Rounding::Ceil) {
    reason = ("is quantized with E8M0 scales rounded by " +
              stringifyE8M0Rounding(op.getE8m0Rounding()) +
              ", a product's are by ceil")
                 .str();
    return failure();
  }
  return Value(op.getTensorScale());
}

//===----------------------------------------------------------------------===//
// max |y|
//===----------------------------------------------------------------------===//

/// |x|, x or a wider x of `value`; `isAbsolute` is set for the first.
static Value stripAbsolute(Value value, bool &isAbsolute) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, math::AbsFOp>(op))
      break;
    isAbsolute |= isa<math::AbsFOp>(op);
    value = op->getOperand(0);
  }
  return value;
}

/// The input of a maximum over all elements, into something not above 0.
static Value matchMaximum(linalg::LinalgOp op, ElementTracer &tracer,
                          bool &isAbsolute) {
  if (op->getNumResults() != 1 || op.getNumDpsInputs() != 1 ||
      op.getNumReductionLoops() != op.getNumLoops() || op.getNumLoops() == 0 ||
      !op.hasPureTensorSemantics() ||
      !op.getMatchingIndexingMap(op.getDpsInputOperand(0)).isIdentity())
    return {};
  Operation *yielded =
      op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  if (!yielded || !isa<arith::MaximumFOp>(yielded))
    return {};
  Value accumulator = op.getBlock()->getArgument(1);
  for (unsigned i : {0, 1}) {
    if (yielded->getOperand(i) != accumulator)
      continue;
    if (stripAbsolute(yielded->getOperand(1 - i), isAbsolute) !=
        op.getBlock()->getArgument(0))
      continue;
    OpOperand *init = op.getDpsInitOperand(0);
    const ElementExpr *start =
        tracer.trace({init->get(), AffineMap::get(op.getContext())});
    if (start->kind == ElementExpr::Kind::Constant && start->constant <= 0)
      return op.getDpsInputOperand(0)->get();
  }
  return {};
}

/// The operand of an elementwise |x| or widening x.
static Value matchAbsolute(Operation *definition, bool &isAbsolute) {
  auto op = dyn_cast_or_null<linalg::LinalgOp>(definition);
  if (!op || op.getNumDpsInputs() != 1 || op->getNumResults() != 1 ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return {};
  bool found = false;
  Value source =
      stripAbsolute(op.getBlock()->getTerminator()->getOperand(0), found);
  if (source != op.getBlock()->getArgument(0))
    return {};
  isAbsolute |= found;
  return op.getDpsInputOperand(0)->get();
}

std::optional<AmaxMatch>
mlir::qmm::matchAmax(Operation *user, Value base, ElementTracer &tracer,
                     llvm::function_ref<bool(Operation *)> isDead) {
  AmaxMatch match;
  Value value = base;
  for (int step = 0; step < 4; ++step) {
    match.ops.push_back(user);
    if (auto amax = dyn_cast<AmaxOp>(user)) {
      match.result = amax.getResult();
      return match;
    }
    bool isAbsolute = false;
    if (matchAbsolute(user, isAbsolute) == value) {
      match.isAbsolute |= isAbsolute;
      value = user->getResult(0);
      Operation *next = nullptr;
      for (Operation *follower : value.getUsers()) {
        if (isDead(follower))
          continue;
        if (next && next != follower)
          return std::nullopt;
        next = follower;
      }
      if (!next)
        return std::nullopt;
      user = next;
      continue;
    }
    auto op = dyn_cast<linalg::LinalgOp>(user);
    if (!op || matchMaximum(op, tracer, isAbsolute) != value)
      return std::nullopt;
    match.isAbsolute |= isAbsolute;
    match.result = op->getResult(0);
    auto type = cast<RankedTensorType>(match.result.getType());
    if (!match.isAbsolute || type.getRank() != 0 ||
        !isWideElementType(type.getElementType()))
      return std::nullopt;
    return match;
  }
  return std::nullopt;
}

Value mlir::qmm::convertAmax(OpBuilder &builder, Location loc, Value amax,
                             Type type) {
  if (amax.getType() == type)
    return amax;
  AffineMap none = AffineMap::get(builder.getContext());
  Type element = getElementTypeOrSelf(type);
  Value empty =
      tensor::EmptyOp::create(builder, loc, ArrayRef<int64_t>{}, element);
  return linalg::GenericOp::create(
             builder, loc, type, amax, empty, ArrayRef<AffineMap>{none, none},
             ArrayRef<utils::IteratorType>{},
             [&](OpBuilder &body, Location l, ValueRange arguments) {
               Value narrow =
                   arith::TruncFOp::create(body, l, element, arguments[0]);
               linalg::YieldOp::create(body, l, narrow);
             })
      .getResult(0);
}
