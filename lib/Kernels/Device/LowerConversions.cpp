//===- LowerConversions.cpp - Codes to and from f32, per chip -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions where the chip has them and they are fewer; else arithmetic that
// any target has, so that one form can be proven on the host.  The backend
// aborts at an instruction that the chip lacks: the choice is made here.
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

#include "numerics/Elements.h"
#include "qmm/Kernels/Device/Codegen.h"
#include "qmm/Kernels/Device/Passes.h"
#include "qmm/Kernels/Host/Passes.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include <cmath>

namespace mlir::qmm {
#define GEN_PASS_DEF_LOWERCONVERSIONS
#include "qmm/Kernels/Device/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

namespace {

/// Adds what one conversion needs to the emitter of kernels.
class Converter : public Emitter {
public:
  Converter(PatternRewriter &rewriter, Location loc)
      : Emitter(loc, rewriter), count(1) {}

  Value encode(EncodeOp op, ConversionFeatures features);
  Value decode(DecodeOp op, ConversionFeatures features);
  Value encodeScale(EncodeScaleOp op);

private:
  Value shiftLeft(Value value, int64_t by) {
    return arith::ShLIOp::create(*this, value, constant(value.getType(), by));
  }
  Value shiftRight(Value value, int64_t by) {
    return arith::ShRUIOp::create(*this, value, constant(value.getType(), by));
  }
  Value mask(Value value, int64_t bits) {
    return bitAnd(value, constant(value.getType(), bits));
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, int64_t rhs) {
    return arith::CmpIOp::create(*this, predicate, lhs,
                                 constant(lhs.getType(), rhs));
  }
  Type like(Type element) { return vectorOf(count, element); }
  Value number(float value) {
    return arith::ConstantOp::create(
        *this, SplatElementsAttr::get(vectorOf(count, getF32Type()), value));
  }
  Value widen(Value codes) {
    return arith::ExtUIOp::create(*this, like(getI32Type()), codes);
  }
  Value toFloat(Value bits) { return bitcast(like(getF32Type()), bits); }
  Value withoutNaN(Value values) {
    return select(isNaN(values), number(0.0f), values);
  }
  Value clamp(Value values, float limit) {
    Value below = arith::MinimumFOp::create(*this, values, number(limit));
    return arith::MaximumFOp::create(*this, below, number(-limit));
  }

  Value packBytes(Value codes);
  Value packNibbles(Value codes, NibbleOrder order);
  Value unpackNibbles(Value bytes, NibbleOrder order);
  Value takeEvery(Value vector, int64_t first, int64_t step);
  Value encodeFloat4(Value values);
  Value encodeByInstruction(Value values, Type element, NibbleOrder order);
  Value decodeByInstruction(Value codes, Type element);

  int64_t count; // of f32 values
};

} // namespace

/// Elements first, first + step, ...
Value Converter::takeEvery(Value vector, int64_t first, int64_t step) {
  int64_t size = cast<VectorType>(vector.getType()).getNumElements();
  SmallVector<int64_t> positions;
  for (int64_t i = first; i < size; i += step)
    positions.push_back(i);
  return vector::ShuffleOp::create(*this, vector, vector, positions);
}

/// i32 codes below 256 as bytes: in words where there are whole ones, which is
/// what is stored.
Value Converter::packBytes(Value codes) {
  int64_t size = cast<VectorType>(codes.getType()).getNumElements();
  if (size % 4)
    return arith::TruncIOp::create(*this, vectorOf(size, getI8Type()), codes);
  Value words = takeEvery(codes, 0, 4);
  for (int64_t i = 1; i < 4; ++i)
    words = bitOr(words, shiftLeft(takeEvery(codes, i, 4), 8 * i));
  return vector::BitCastOp::create(*this, vectorOf(size, getI8Type()), words);
}

Value Converter::packNibbles(Value codes, NibbleOrder order) {
  bool hiFirst = order == NibbleOrder::HiFirst;
  Value low = takeEvery(codes, hiFirst ? 1 : 0, 2);
  Value high = takeEvery(codes, hiFirst ? 0 : 1, 2);
  return packBytes(bitOr(low, shiftLeft(high, 4)));
}

/// The codes of i32 bytes, in their order.
Value Converter::unpackNibbles(Value bytes, NibbleOrder order) {
  Value low = mask(bytes, 15), high = shiftRight(bytes, 4);
  if (order == NibbleOrder::HiFirst)
    std::swap(low, high);
  return vector::InterleaveOp::create(*this, low, high);
}

Value Converter::encodeByInstruction(Value values, Type element,
                                     NibbleOrder order) {
  auto get = [&](int64_t i) -> Value {
    if (i < count)
      return vector::ExtractOp::create(*this, values, i);
    return f32(0);
  };
  SmallVector<Value> pairs;
  for (int64_t i = 0; i < count; i += 2) {
    Value first = get(i), second = get(i + 1);
    if (isa<Float4E2M1FNType>(element)) {
      if (order == NibbleOrder::LoFirst)
        std::swap(first, second);
      Value byte = NVVM::ConvertF32x2ToF4x2Op::create(
          *this, getI8Type(), first, second, getBoolAttr(false),
          TypeAttr::get(element));
      pairs.push_back(arith::ExtUIOp::create(*this, getI32Type(), byte));
      continue;
    }
    pairs.push_back(NVVM::ConvertF32x2ToF8x2Op::create(
        *this, getI16Type(), second, first,
        NVVM::FPRoundingModeAttr::get(getContext(), NVVM::FPRoundingMode::RN),
        NVVM::SaturationModeAttr::get(getContext(),
                                      NVVM::SaturationMode::SATFINITE),
        getBoolAttr(false), TypeAttr::get(element)));
  }
  Value vector = vector::FromElementsOp::create(
      *this,
      vectorOf(static_cast<int64_t>(pairs.size()), pairs.front().getType()),
      pairs);
  if (isa<Float4E2M1FNType>(element))
    return packBytes(vector);
  int64_t bytes = 2 * static_cast<int64_t>(pairs.size());
  Value codes = bitcast(vectorOf(bytes, getI8Type()), vector);
  if (bytes == count)
    return codes;
  return vector::ExtractStridedSliceOp::create(
      *this, codes, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{count},
      ArrayRef<int64_t>{1});
}

/// E2M1 codes, i32, of numbers that aren't NaN.  The sum with 2^22 times the
/// power of two of a number is rounded to the spacing of the codes there, and
/// the difference of the bits is the number of spacings: two or three, or below
/// 1 the code itself.  A power of two has two codes.
Value Converter::encodeFloat4(Value values) {
  Value bits = bitcast(like(getI32Type()), values);
  Value six = constant(bits.getType(), 0x40c00000);
  Value magnitude = min(mask(bits, 0x7fffffff), six);
  Value power = add(mask(magnitude, 0x7f800000),
                    constant(bits.getType(), int64_t(22) << 23));
  power = max(power, constant(bits.getType(), 0x4a800000)); // of 1
  Value sum = arith::AddFOp::create(*this, toFloat(magnitude), toFloat(power));
  Value spacings = sub(bitcast(bits.getType(), sum), power);
  Value first =
      sub(shiftRight(power, 22), constant(bits.getType(), 0x4a800000 >> 22));
  Value sign = shiftRight(mask(bits, int64_t(1) << 31), 28);
  return bitOr(add(spacings, first), sign);
}

Value Converter::encode(EncodeOp op, ConversionFeatures features) {
  Value values = op.getInput();
  Type element = op.getElement();
  count = op.getInput().getType().getNumElements();
  if (element.isInteger(8)) {
    // The sum has the rounded number in its low bits.
    Value sum = arith::AddFOp::create(*this, clamp(withoutNaN(values), 127.0f),
                                      number(12582912.0f));
    return packBytes(mask(bitcast(like(getI32Type()), sum), 0xff));
  }
  if (isa<Float4E2M1FNType>(element)) {
    values = withoutNaN(values);
    if (features.convertsFP4)
      return encodeByInstruction(values, element, op.getNibbles());
    return packNibbles(encodeFloat4(values), op.getNibbles());
  }
  if (features.convertsFP8)
    return encodeByInstruction(values, element, NibbleOrder::None);
  float largest = qmmrt::getMaxFinite(getRuntimeDType(element));
  Value codes =
      arith::TruncFOp::create(*this, like(element), clamp(values, largest));
  codes = widen(arith::BitcastOp::create(*this, like(getI8Type()), codes));
  // A conversion gives another of E5M2's NaNs.
  if (isa<Float8E5M2Type>(element))
    codes = select(isNaN(values), constant(codes.getType(), 0x7f), codes);
  return packBytes(codes);
}

/// E4M3 or E5M2 by way of f16, which holds both.
Value Converter::decodeByInstruction(Value codes, Type element) {
  SmallVector<Value> values;
  auto pair = vectorOf(2, getF16Type());
  for (int64_t i = 0; i < count; i += 2) {
    int64_t second = std::min(i + 1, count - 1);
    Value two = vector::ShuffleOp::create(*this, codes, codes,
                                          ArrayRef<int64_t>{i, second});
    Value halves = NVVM::ConvertF8x2ToF16x2Op::create(*this, pair, two,
                                                      /*relu=*/false, element);
    Value wide =
        arith::ExtFOp::create(*this, vectorOf(2, getF32Type()), halves);
    for (int64_t j = i; j <= second; ++j)
      values.push_back(vector::ExtractOp::create(*this, wide, j - i));
  }
  return vector::FromElementsOp::create(*this, like(getF32Type()), values);
}

Value Converter::decode(DecodeOp op, ConversionFeatures features) {
  Value codes = op.getInput();
  Type element = op.getElement();
  count = op.getInput().getType().getNumElements();
  if (element.isInteger(8)) {
    Value wide = arith::ExtSIOp::create(*this, like(getI32Type()), codes);
    return arith::SIToFPOp::create(*this, like(getF32Type()), wide);
  }
  bool isFP8 = isa<Float8E4M3FNType, Float8E5M2Type>(element);
  if (isFP8 && features.convertsFP8)
    return decodeByInstruction(codes, element);
  if (isa<Float8E5M2Type>(element)) {
    // The upper half of an f16.
    Value half = arith::ExtUIOp::create(*this, like(getI16Type()), codes);
    half = bitcast(like(getF16Type()), shiftLeft(half, 8));
    return arith::ExtFOp::create(*this, like(getF32Type()), half);
  }
  Value wide = widen(codes);
  if (isa<Float8E8M0FNUType>(element)) {
    Value bits = shiftLeft(wide, 23);
    bits = select(compare(arith::CmpIPredicate::eq, wide, 0),
                  constant(bits.getType(), 0x00400000), bits);
    bits = select(compare(arith::CmpIPredicate::eq, wide, 0xff),
                  constant(bits.getType(), 0x7fc00000), bits);
    return toFloat(bits);
  }
  // Exponent and mantissa at f32's places are the number times a power of two,
  // subnormal ones included.
  bool isE4M3 = isa<Float8E4M3FNType>(element);
  if (!isE4M3) {
    wide = unpackNibbles(wide, op.getNibbles());
    count *= 2;
  }
  unsigned signAt = isE4M3 ? 7 : 3, mantissaBits = isE4M3 ? 3 : 1;
  int64_t magnitudeMask = (int64_t(1) << signAt) - 1;
  Value magnitude = mask(wide, magnitudeMask);
  Value sign = mask(shiftLeft(wide, 31 - signAt), int64_t(1) << 31);
  Value bits = bitOr(shiftLeft(magnitude, 23 - mantissaBits), sign);
  Value result = arith::MulFOp::create(*this, toFloat(bits),
                                       number(isE4M3 ? 0x1p120f : 0x1p126f));
  if (!isE4M3)
    return result;
  Value isNaNCode = compare(arith::CmpIPredicate::eq, magnitude, magnitudeMask);
  return select(isNaNCode, number(std::nanf("")), result);
}

Value Converter::encodeScale(EncodeScaleOp op) {
  float largest = qmmrt::getMaxFinite(getRuntimeDType(op.getElement()));
  Value amax = math::AbsFOp::create(*this, op.getInput());
  Value amaxBits = bitcast(getI32Type(), amax);
  Value code;
  if (op.getRounding() == E8M0Rounding::Floor) {
    Value field = shiftRight(amaxBits, 23);
    Value exponent = i32(static_cast<uint32_t>(std::ilogb(largest)));
    code = arith::MaxSIOp::create(*this, sub(field, exponent), i32(0));
  } else {
    Value bits =
        bitcast(getI32Type(), arith::DivFOp::create(*this, amax, f32(largest)));
    bool even = op.getRounding() == E8M0Rounding::Even;
    Value carry = i32(0x7fffff);
    if (even)
      carry = add(mask(shiftRight(bits, 23), 1), i32(0x3fffff));
    Value normal = shiftRight(add(bits, carry), 23);
    // 2^-127 is subnormal: its byte is 0, and so is what rounds to it.
    Value above =
        compare(arith::CmpIPredicate::ugt, bits, even ? 0x600000 : 0x400000);
    Value subnormal = arith::ExtUIOp::create(*this, getI32Type(), above);
    code = select(compare(arith::CmpIPredicate::ult, bits, 0x800000), subnormal,
                  normal);
    code = arith::MinUIOp::create(*this, code, i32(254));
  }
  code = select(compare(arith::CmpIPredicate::uge, amaxBits, 0x7f800000),
                i32(0xff), code);
  return arith::TruncIOp::create(*this, getI8Type(), code);
}

namespace {

template <typename OpTy> struct LowerConversion : OpRewritePattern<OpTy> {
  LowerConversion(MLIRContext *context, ConversionFeatures features)
      : OpRewritePattern<OpTy>(context), features(features) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Converter converter(rewriter, op.getLoc());
    if constexpr (std::is_same_v<OpTy, EncodeOp>)
      rewriter.replaceOp(op, converter.encode(op, features));
    else if constexpr (std::is_same_v<OpTy, DecodeOp>)
      rewriter.replaceOp(op, converter.decode(op, features));
    else
      rewriter.replaceOp(op, converter.encodeScale(op));
    return success();
  }
  ConversionFeatures features;
};

struct LowerConversions
    : mlir::qmm::impl::LowerConversionsBase<LowerConversions> {
  using LowerConversionsBase::LowerConversionsBase;

  void runOnOperation() override {
    ConversionFeatures features;
    if (!chip.empty()) {
      FailureOr<DeviceChip> known =
          lookupDeviceChip(chip, getOperation()->getLoc());
      if (failed(known))
        return signalPassFailure();
      features = {known->convertsFP8, known->convertsFP4};
    }
    lowerConversions(getOperation(), features);
  }
};

} // namespace

void mlir::qmm::populateLowerConversionsPatterns(RewritePatternSet &patterns,
                                                 ConversionFeatures features) {
  patterns.add<LowerConversion<EncodeOp>, LowerConversion<DecodeOp>,
               LowerConversion<EncodeScaleOp>>(patterns.getContext(), features);
}

void mlir::qmm::lowerConversions(Operation *root, ConversionFeatures features) {
  RewritePatternSet conversions(root->getContext());
  populateLowerConversionsPatterns(conversions, features);
  walkAndApplyPatterns(root, std::move(conversions));
  RewritePatternSet floats(root->getContext());
  populateExpandSmallFloatsPatterns(floats, SmallFloatOptions());
  walkAndApplyPatterns(root, std::move(floats));
}
