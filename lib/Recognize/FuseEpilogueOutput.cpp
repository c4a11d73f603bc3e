//===- FuseEpilogueOutput.cpp - Requantized products ----------------------===//
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
