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

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "numerics/Elements.h"

using namespace mlir;
using namespace mlir::qmm;

static Value divide(Emitter &e, Value lhs, Value rhs) {
  return arith::DivFOp::create(e, lhs, rhs);
}

/// `result` of lhs and rhs with the NaN that the host makes.
static Value fixNaN(Emitter &e, Value lhs, Value rhs, Value result) {
  Type bits = e.getI32Type();
  if (auto vector = dyn_cast<VectorType>(result.getType()))
    bits = e.vectorOf(vector.getNumElements(), bits);
  Value source = e.select(e.isNaN(rhs), e.bitcast(bits, rhs),
                          e.constant(bits, 0xFFC00000));
  source = e.select(e.isNaN(lhs), e.bitcast(bits, lhs), source);
  source = e.bitOr(source, e.constant(bits, 0x00400000));
  return e.bitcast(result.getType(),
                   e.select(e.isNaN(result), source, e.bitcast(bits, result)));
}

static Value divideLikeHost(Emitter &e, Value lhs, Value rhs) {
  return fixNaN(e, lhs, rhs, divide(e, lhs, rhs));
}
Value mlir::qmm::multiplyLikeHost(Emitter &e, Value lhs, Value rhs) {
  return fixNaN(e, lhs, rhs, arith::MulFOp::create(e, lhs, rhs));
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

Value mlir::qmm::decodeLikeHost(Emitter &e, Value codes, Type element,
                                NibbleOrder nibbles) {
  Value values = e.decode(codes, element, nibbles);
  if (!isa<Float8E4M3FNType, Float8E5M2Type>(element))
    return values;
  VectorType bits = e.vectorOf(
      cast<VectorType>(values.getType()).getNumElements(), e.getI32Type());
  Value sign = arith::ShLIOp::create(e, arith::ExtUIOp::create(e, bits, codes),
                                     e.constant(bits, 24));
  Value nan = e.bitOr(e.bitAnd(sign, e.constant(bits, 0x80000000)),
                      e.constant(bits, kF32NaN));
  return e.select(e.isNaN(values), e.bitcast(values.getType(), nan), values);
}

/// The value of a one-byte scale.
static Value decodeScale(Emitter &e, Type scale, Value bits) {
  Value decoded = decodeLikeHost(e, e.splat(bits, 1), scale);
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
  return roundTensorWide(e, divideLikeHost(e, amax, e.f32(limit)));
}

ScaleRules::Scale ScaleRules::choose(Emitter &e, Value amax,
                                     Value tensorScale) const {
  auto relativeTo = [&](Value value) {
    if (!tensorScale)
      return value;
    return e.select(e.isZero(tensorScale), e.f32(0),
                    divideLikeHost(e, value, tensorScale));
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
        relativeTo(divideLikeHost(e, amax, e.f32(getMaxFinite(element))));
    if (isa<Float8E4M3FNType>(scale)) {
      Value code = e.encode(e.splat(wanted, 1), scale);
      Value sign = arith::ShRUIOp::create(e, e.bitcast(e.getI32Type(), wanted),
                                          e.i32(24));
      sign = arith::TruncIOp::create(e, e.getI8Type(), sign);
      result.stored = e.select(e.isNaN(wanted),
                               e.bitOr(sign, e.constant(e.getI8Type(), 0x7F)),
                               vector::ExtractOp::create(e, code, 0));
      value = decodeScale(e, scale, result.stored);
    } else {
      if (hasWholeBlocks)
        wanted = roundTensorWide(e, wanted);
      if (element.isInteger(8)) {
        // As bits, which order what isn't negative, NaN above all.
        Type bits = e.getI32Type();
        value =
            e.bitcast(wanted.getType(), e.max(e.bitcast(bits, wanted),
                                              e.bitcast(bits, e.f32(1e-30f))));
      } else {
        value = e.select(e.isZero(wanted), e.f32(1), wanted);
      }
      result.stored = value;
    }
  }
  if (tensorScale)
    value = multiplyLikeHost(e, value, tensorScale);
  result.factor = e.select(e.isZero(amax), e.f32(0), value);
  return result;
}

Value ScaleRules::getFactor(Emitter &e, Value loaded, Value tensorScale) const {
  Value value = loaded;
  if (!scale.isF32())
    value = decodeScale(e, scale, e.bitcast(e.getI8Type(), loaded));
  if (tensorScale)
    value = multiplyLikeHost(e, value, tensorScale);
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

/// Codes of a chunk whatever is in it.
Value ScaleRules::encodeWithNaNs(Emitter &e, ArrayRef<Value> raw, Value values,
                                 Value factors) const {
  int64_t count = cast<VectorType>(values.getType()).getNumElements();
  Value quotients = roundTo(e, precision, divide(e, values, factors));
  Value zeros = e.splat(e.f32(0), count);
  Value isZero =
      arith::CmpFOp::create(e, arith::CmpFPredicate::OEQ, factors, zeros);
  quotients = e.select(isZero, zeros, quotients);
  Value codes = e.encode(quotients, element, nibbles);
  if (!isa<Float8E4M3FNType, Float8E5M2Type>(element))
    return codes;
  // A NaN has the sign of the element, else of the factor; the host's infinity
  // over infinity is negative.
  VectorType bits = e.vectorOf(count, e.getI32Type());
  Value negative = e.constant(bits, 0x80000000);
  Value source = e.select(e.isNaN(factors), e.bitcast(bits, factors), negative);
  source = e.select(e.isNaN(values), widenSigns(e, wide, raw), source);
  Value sign = arith::ShRUIOp::create(e, e.bitAnd(source, negative),
                                      e.constant(bits, 24));
  sign = arith::TruncIOp::create(e, codes.getType(), sign);
  Value nan = e.bitOr(sign, e.constant(codes.getType(), 0x7F));
  return e.select(e.isNaN(quotients), nan, codes);
}

/// values / divisor, all of them f32 and the quotients rounded correctly (up to
/// those that are too small for any code).  Markstein's: from the reciprocal,
/// rounded correctly, and a quotient within 1 ulp, one correction gives the
/// quotient; another one before it makes it so.  Remainders are negated to keep
/// the sign of 0.  `divisor` is from 2^-78 to 2^100, values are below 2^48.
static Value divideByOne(Emitter &e, Value values, Value divisor) {
  int64_t count = cast<VectorType>(values.getType()).getNumElements();
  Value reciprocal = e.splat(divide(e, e.f32(1), divisor), count);
  Value divisors = e.splat(divisor, count);
  Value quotients = arith::MulFOp::create(e, values, reciprocal);
  Value opposite = arith::NegFOp::create(e, values);
  for (int i = 0; i < 2; ++i) {
    Value rest = math::FmaOp::create(e, divisors, quotients, opposite);
    rest = arith::NegFOp::create(e, rest);
    quotients = math::FmaOp::create(e, rest, reciprocal, quotients);
  }
  return quotients;
}

Value ScaleRules::encode(Emitter &e, ArrayRef<Value> raw, Value factor,
                         Value magnitude) const {
  Value values = widen(e, wide, raw);
  int64_t count = cast<VectorType>(values.getType()).getNumElements();
  VectorType words = e.vectorOf(count / codesPerByte() / 4, e.getI32Type());
  factor = roundTo(e, precision, factor);
  if (isa<VectorType>(factor.getType()))
    return e.bitcast(words, encodeWithNaNs(e, raw, values, factor));

  Value isZero = e.isZero(factor);
  Value divisor = e.select(isZero, e.f32(1), factor);
  Value divisorBits = e.bitcast(e.getI32Type(), divisor);
  bool isPowerOf2 = isa<Float8E8M0FNUType>(scale) && !hasTensorScale;
  auto bitsOf = [&](float value) {
    return e.bitcast(e.getI32Type(), e.f32(value));
  };
  Value usual;
  if (isPowerOf2) {
    usual = e.both(e.less(magnitude, e.i32(kF32Inf)),
                   e.less(divisorBits, e.i32(kF32Inf)));
  } else {
    Value least = bitsOf(0x1p-78f);
    usual = e.both(
        e.less(magnitude, bitsOf(0x1p48f)),
        e.less(e.sub(divisorBits, least), e.sub(bitsOf(0x1p100f), least)));
  }
  Value codes = e.choose(
      usual, words,
      [&](Emitter &) -> SmallVector<Value> {
        Value quotients;
        if (isPowerOf2) {
          // So is the reciprocal: the product rounds as the quotient does.
          Value reciprocal = divide(e, e.f32(1), divisor);
          quotients =
              arith::MulFOp::create(e, values, e.splat(reciprocal, count));
        } else {
          quotients = divideByOne(e, values, divisor);
        }
        quotients = roundTo(e, precision, quotients);
        return {e.bitcast(words, e.encode(quotients, element, nibbles))};
      },
      [&](Emitter &) -> SmallVector<Value> {
        Value divisors = e.splat(divisor, count);
        return {e.bitcast(words, encodeWithNaNs(e, raw, values, divisors))};
      })[0];
  return e.select(isZero, e.constant(words, 0), codes);
}
