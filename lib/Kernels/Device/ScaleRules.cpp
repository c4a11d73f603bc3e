//===- ScaleRules.cpp - Scales, factors and codes of a scheme -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bit for bit as numerics/Quantize.cpp.  The signs of NaN codes are what costs:
// hardware makes every NaN positive, so a chunk that can have one is corrected
// on a path of its own.
//
//===----------------------------------------------------------------------===//

#include "ScaleRules.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "numerics/Elements.h"

using namespace mlir;
using namespace mlir::qmm;

static Value divide(Emitter &e, Value lhs, Value rhs) {
  return arith::DivFOp::create(e, lhs, rhs);
}

/// lhs / rhs, and a NaN on the left as it is.
static Value divideKeepingNaN(Emitter &e, Value lhs, Value rhs) {
  return e.select(e.isNaN(lhs), lhs, divide(e, lhs, rhs));
}

/// `value` rounded to a wide type.
static Value roundTo(Emitter &e, Type wide, Value value) {
  if (!wide || wide.isF32())
    return value;
  Type narrow = wide;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    narrow = e.vectorOf(vector.getNumElements(), wide);
  Value rounded = arith::TruncFOp::create(e, narrow, value);
  return arith::ExtFOp::create(e, value.getType(), rounded);
}

static float getMaxFinite(Type element) {
  return qmmrt::getMaxFinite(getRuntimeDType(element));
}

/// The value of a one-byte scale.
static Value decodeScale(Emitter &e, Type scale, Value bits) {
  Value one = e.splat(bits, 1);
  Value decoded = e.decode(one, scale);
  return vector::ExtractOp::create(e, decoded, 0);
}

Value ScaleRules::roundTensorWide(Emitter &e, Value value) const {
  if (!scalePrecisionInput || wide.isF32())
    return value;
  Value rounded = roundTo(e, wide, value);
  // A scale that would vanish stays; so does a NaN as it is.
  Value keep = arith::OrIOp::create(e, e.isZero(rounded), e.isNaN(value));
  return e.select(keep, value, rounded);
}

Value ScaleRules::chooseTensorScale(Emitter &e, Value amax) const {
  if (!needsTensorAmax())
    return e.f32(1.0f);
  float limit = getMaxFinite(scale) * getMaxFinite(element);
  return roundTensorWide(e, divideKeepingNaN(e, amax, e.f32(limit)));
}

ScaleRules::Scale ScaleRules::choose(Emitter &e, Value amax,
                                     Value tensorScale) const {
  auto relativeTo = [&](Value value) {
    if (!tensorScale)
      return value;
    return e.select(e.isZero(tensorScale), e.f32(0),
                    divideKeepingNaN(e, value, tensorScale));
  };
  Scale result;
  Value value;
  if (isa<Float8E8M0FNUType>(scale)) {
    result.stored = EncodeScaleOp::create(
        e, e.getI8Type(), relativeTo(amax), TypeAttr::get(element),
        E8M0RoundingAttr::get(e.getContext(), rounding));
    value = decodeScale(e, scale, result.stored);
  } else {
    Value wanted =
        relativeTo(divideKeepingNaN(e, amax, e.f32(getMaxFinite(element))));
    if (isa<Float8E4M3FNType>(scale)) {
      Value code = e.encode(e.splat(wanted, 1), scale);
      result.stored = vector::ExtractOp::create(e, code, 0);
      value = decodeScale(e, scale, result.stored);
    } else {
      if (hasWholeBlocks)
        wanted = roundTensorWide(e, wanted);
      if (element.isInteger(8)) {
        Value least = e.f32(1e-30f);
        Value isLess =
            arith::CmpFOp::create(e, arith::CmpFPredicate::OLT, wanted, least);
        value = e.select(isLess, least, wanted);
      } else {
        value = e.select(e.isZero(wanted), e.f32(1), wanted);
      }
      result.stored = value;
    }
  }
  if (tensorScale)
    value = arith::MulFOp::create(e, tensorScale, value);
  result.factor = e.select(e.isZero(amax), e.f32(0), value);
  return result;
}

Value ScaleRules::getFactor(Emitter &e, Value loaded, Value tensorScale) const {
  Value value = loaded;
  if (!scale.isF32())
    value = decodeScale(e, scale, e.bitcast(e.getI8Type(), loaded));
  if (tensorScale)
    value = arith::MulFOp::create(e, tensorScale, value);
  return value;
}

Value mlir::qmm::loadFactors(KernelBody &e, const ScaleRules &rules,
                             const TensorShape &shape, Value scales,
                             Value tensorScale, const Span &span, int64_t chunk,
                             Value matrix, Value row) {
  auto loadOne = [&](Value first) {
    Value exists = e.both(span.real, e.less(first, span.end));
    return e.choose(
        exists, e.getF32Type(),
        [&](Emitter &) -> SmallVector<Value> {
          Value r =
              shape.blockOuter ? e.div(row, shape.blockOuter) : e.index(0);
          Value c = shape.blockK ? e.div(first, shape.blockK) : e.index(0);
          Value loaded = memref::LoadOp::create(
              e, scales, ValueRange(shape.scaleOffset(e, matrix, r, c)));
          return {rules.getFactor(e, loaded, tensorScale)};
        },
        [&](Emitter &) -> SmallVector<Value> { return {e.f32(1)}; })[0];
  };
  if (shape.blockK % chunk == 0)
    return loadOne(span.first);
  SmallVector<Value> factors;
  for (int64_t i = 0; i < chunk; ++i)
    factors.push_back(loadOne(e.add(span.first, i)));
  return vector::FromElementsOp::create(e, e.vectorOf(chunk, e.getF32Type()),
                                        factors);
}

Value ScaleRules::encode(Emitter &e, Value values, Value factor,
                         Value magnitude) const {
  auto type = cast<VectorType>(values.getType());
  int64_t count = type.getNumElements(), bytes = count / codesPerByte();
  VectorType codeType = e.vectorOf(bytes, e.getI8Type());
  VectorType words = e.vectorOf(bytes / 4, e.getI32Type());
  bool perElement = isa<VectorType>(factor.getType());

  factor = roundTo(e, precision, factor);
  Value factors = perElement ? factor : e.splat(factor, count);
  Value quotients;
  if (isa<Float8E8M0FNUType>(scale) && !hasTensorScale && !perElement &&
      (!precision || precision.isF32())) {
    // The factor and its reciprocal are powers of two: either product is exact
    // or rounds once.
    Value reciprocal = divide(e, e.f32(1), factor);
    quotients = arith::MulFOp::create(e, values, e.splat(reciprocal, count));
  } else {
    quotients = divide(e, values, factors);
  }
  quotients = roundTo(e, precision, quotients);
  if (perElement) {
    Value zero = arith::CmpFOp::create(e, arith::CmpFPredicate::OEQ, factor,
                                       e.splat(e.f32(0), count));
    quotients =
        arith::SelectOp::create(e, zero, e.splat(e.f32(0), count), quotients);
  }
  Value encoded = e.encode(quotients, element, nibbles);
  Value codes = e.bitcast(words, encoded);

  if (isa<Float8E4M3FNType, Float8E5M2Type>(element)) {
    // A NaN has the sign of the element, else of the factor; the host's
    // infinity over infinity is negative.
    Value suspect = e.less(e.i32(kF32Inf - 1), magnitude);
    Value badFactor = e.isNaN(factor);
    if (perElement)
      badFactor =
          vector::ReductionOp::create(e, vector::CombiningKind::OR, badFactor);
    suspect = arith::OrIOp::create(e, suspect, badFactor);
    codes = e.choose(
        suspect, words,
        [&](Emitter &) -> SmallVector<Value> {
          VectorType bits = e.vectorOf(count, e.getI32Type());
          Value negative = e.constant(bits, 0x80000000);
          Value source =
              e.select(e.isNaN(factors), e.bitcast(bits, factors), negative);
          source = e.select(e.isNaN(values), e.bitcast(bits, values), source);
          Value sign = arith::ShRUIOp::create(
              e, arith::AndIOp::create(e, source, negative),
              e.constant(bits, 24));
          sign = arith::TruncIOp::create(e, codeType, sign);
          Value nan = arith::OrIOp::create(e, sign, e.constant(codeType, 0x7F));
          return {e.bitcast(words, e.select(e.isNaN(quotients), nan, encoded))};
        },
        [&](Emitter &) -> SmallVector<Value> { return {codes}; })[0];
  }
  if (!perElement)
    codes = e.select(e.isZero(factor), e.constant(words, 0), codes);
  return codes;
}
