//===- ExpandSmallFloats.cpp - Small floats in integer arithmetic ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM has no 4- and 8-bit floats, and upstream's expansions round wrongly
// (E2M1 ties, E8M0 at all) or need functions that a host's libgcc lacks.
// Everything here is bit arithmetic plus one addition for subnormal numbers,
// without a table or a branch, so that loops around it vectorize.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qmm/Kernels/Host/Passes.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_EXPANDSMALLFLOATS
#include "qmm/Kernels/Host/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

namespace {

/// A binary format with a sign: where its largest codes are.
struct Format {
  enum Specials { IEEE, OnlyNaN, None };
  unsigned bits, mantissa;
  int bias;
  Specials specials;

  int64_t getSignMask() const { return int64_t(1) << (bits - 1); }
  int64_t getMagnitudeMask() const { return getSignMask() - 1; }
  /// The code of infinity (IEEE), NaN (OnlyNaN), or the largest number.
  int64_t getTopCode() const {
    return specials == IEEE ? getMagnitudeMask() >> mantissa << mantissa
                            : getMagnitudeMask();
  }
};

constexpr Format kE4M3 = {8, 3, 7, Format::OnlyNaN};
constexpr Format kE5M2 = {8, 2, 15, Format::IEEE};
constexpr Format kE2M1 = {4, 1, 1, Format::None};
constexpr Format kF16 = {16, 10, 15, Format::IEEE};
constexpr Format kBF16 = {16, 7, 127, Format::IEEE};
constexpr Format kF32 = {32, 23, 127, Format::IEEE};
constexpr Format kF64 = {64, 52, 1023, Format::IEEE};

bool isE8M0(Type type) {
  return isa<Float8E8M0FNUType>(getElementTypeOrSelf(type));
}

/// The format of a scalar or shaped type; E8M0 has none, being unsigned.
std::optional<Format> getFormat(Type type) {
  type = getElementTypeOrSelf(type);
  if (isa<Float8E4M3FNType>(type))
    return kE4M3;
  if (isa<Float8E5M2Type>(type))
    return kE5M2;
  if (isa<Float4E2M1FNType>(type))
    return kE2M1;
  if (type.isF16())
    return kF16;
  if (type.isBF16())
    return kBF16;
  if (type.isF32())
    return kF32;
  if (type.isF64())
    return kF64;
  return std::nullopt;
}

/// Is this a type that the patterns expand?
bool isExpanded(Type type, SmallFloatOptions options) {
  Type element = getElementTypeOrSelf(type);
  if (element.isF16())
    return options.expandF16;
  if (element.isBF16())
    return options.expandBF16;
  return isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType,
             Float8E8M0FNUType>(element);
}

/// Scalars, vectors and static tensors: what a constant can be made for.
bool hasConstants(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return !shaped || (shaped.hasStaticShape() && !isa<MemRefType>(type));
}

/// Emits expressions over values of one shape.
class Emitter {
public:
  Emitter(OpBuilder &builder, Location loc, Type shape)
      : b(loc, builder), shape(shape) {}

  Type like(Type element) {
    if (auto shaped = dyn_cast<ShapedType>(shape))
      return shaped.clone(element);
    return element;
  }
  Type intType(unsigned bits) { return like(b.getIntegerType(bits)); }
  Value constant(int64_t value, unsigned bits) {
    IntegerType type = b.getIntegerType(bits);
    // Values are bit patterns: those of f64 may have the top bit set.
    APInt integer(bits, static_cast<uint64_t>(value), /*isSigned=*/false,
                  /*implicitTrunc=*/true);
    TypedAttr attribute = IntegerAttr::get(type, integer);
    if (auto shaped = dyn_cast<ShapedType>(shape))
      attribute = DenseElementsAttr::get(shaped.clone(type), integer);
    return arith::ConstantOp::create(b, attribute);
  }
  Value constantLike(int64_t value, Value model) {
    return constant(
        value, getElementTypeOrSelf(model.getType()).getIntOrFloatBitWidth());
  }
  Value bitcast(Value value, Type element) {
    return b.createOrFold<arith::BitcastOp>(like(element), value);
  }
  Value toBits(Value value) {
    unsigned bits =
        getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
    return arith::BitcastOp::create(b, intType(bits), value);
  }
  Value resize(Value value, unsigned bits) {
    unsigned from =
        getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
    if (from < bits)
      return arith::ExtUIOp::create(b, intType(bits), value);
    if (from > bits)
      return arith::TruncIOp::create(b, intType(bits), value);
    return value;
  }
  template <typename OpTy> Value binary(Value lhs, int64_t rhs) {
    return OpTy::create(b, lhs, constantLike(rhs, lhs));
  }
  template <typename OpTy> Value binary(Value lhs, Value rhs) {
    return OpTy::create(b, lhs, rhs);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, int64_t rhs) {
    return arith::CmpIOp::create(b, predicate, lhs, constantLike(rhs, lhs));
  }
  Value select(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(b, condition, yes, no);
  }
  Value select(Value condition, int64_t yes, Value no) {
    return select(condition, constantLike(yes, no), no);
  }

  Value decode(Value value, SmallFloatOptions options);
  Value encode(Value value, Type element, SmallFloatOptions options);

private:
  Value decodeFormat(Value value, const Format &format);
  Value decodeE8M0(Value value);
  Value encodeFormat(Value value, const Format &from, const Format &to);
  Value encodeE8M0(Value value, const Format &from);

  ImplicitLocOpBuilder b;
  Type shape;
};

/// The f32 of a `format` number, exactly.
Value Emitter::decodeFormat(Value value, const Format &format) {
  Value code = resize(toBits(value), 32);
  if (format.bias == kF32.bias) // bf16: the upper half
    return bitcast(binary<arith::ShLIOp>(code, 32 - format.bits),
                   b.getF32Type());
  unsigned shift = kF32.mantissa - format.mantissa;
  Value magnitude = binary<arith::AndIOp>(code, format.getMagnitudeMask());
  Value sign = binary<arith::ShLIOp>(binary<arith::XOrIOp>(code, magnitude),
                                     32 - format.bits);
  Value shifted = binary<arith::ShLIOp>(magnitude, shift);
  int64_t rebias = int64_t(kF32.bias - format.bias) << kF32.mantissa;
  Value result = binary<arith::AddIOp>(shifted, rebias);

  // A subnormal m * 2^(1 - bias - mantissa) is (1.m - 1) * 2^(1 - bias).
  int64_t one = rebias + (int64_t(1) << kF32.mantissa);
  Value withOne = bitcast(binary<arith::AddIOp>(shifted, one), b.getF32Type());
  Value difference = binary<arith::SubFOp>(
      withOne, bitcast(constant(one, 32), b.getF32Type()));
  result = select(compare(arith::CmpIPredicate::ult, magnitude,
                          int64_t(1) << format.mantissa),
                  toBits(difference), result);

  if (format.specials == Format::OnlyNaN) {
    result = select(
        compare(arith::CmpIPredicate::eq, magnitude, format.getTopCode()),
        0x7fc00000, result);
  } else if (format.specials == Format::IEEE) {
    result = select(
        compare(arith::CmpIPredicate::uge, magnitude, format.getTopCode()),
        binary<arith::OrIOp>(shifted, kF32.getTopCode()), result);
    // Quiet, as a conversion instruction leaves it.
    result = select(
        compare(arith::CmpIPredicate::ugt, magnitude, format.getTopCode()),
        binary<arith::OrIOp>(result, 0x00400000), result);
  }
  return bitcast(binary<arith::OrIOp>(result, sign), b.getF32Type());
}

Value Emitter::decodeE8M0(Value value) {
  Value code = resize(toBits(value), 32);
  Value result = binary<arith::ShLIOp>(code, kF32.mantissa);
  result = select(compare(arith::CmpIPredicate::eq, code, 0), 0x00400000,
                  result); // 2^-127, subnormal
  result =
      select(compare(arith::CmpIPredicate::eq, code, 0xff), 0x7fc00000, result);
  return bitcast(result, b.getF32Type());
}

/// The code of an f32 or f64 in a narrower format.
Value Emitter::encodeFormat(Value value, const Format &from, const Format &to) {
  Type fromType = getElementTypeOrSelf(value.getType());
  Value bits = toBits(value);
  Value magnitude = binary<arith::AndIOp>(bits, from.getMagnitudeMask());
  Value sign = binary<arith::ShRUIOp>(binary<arith::XOrIOp>(bits, magnitude),
                                      from.bits - to.bits);
  unsigned shift = from.mantissa - to.mantissa;

  // Normal numbers: add just under half, or half when the last bit kept is odd.
  Value odd = binary<arith::AndIOp>(binary<arith::ShRUIOp>(magnitude, shift),
                                    int64_t(1));
  Value rounded = binary<arith::AddIOp>(
      binary<arith::AddIOp>(magnitude, (int64_t(1) << (shift - 1)) - 1), odd);
  Value code = binary<arith::ShRUIOp>(rounded, shift);
  int64_t biasDifference = from.bias - to.bias;
  if (biasDifference) {
    code = binary<arith::SubIOp>(code, biasDifference << to.mantissa);
    // Subnormal ones: adding a number whose last place is the smallest
    // subnormal makes the addition round, and leaves the code in the low bits.
    int64_t anchor = (biasDifference + 1 + shift) << from.mantissa;
    Value sum =
        binary<arith::AddFOp>(bitcast(magnitude, fromType),
                              bitcast(constant(anchor, from.bits), fromType));
    Value low = binary<arith::SubIOp>(toBits(sum), anchor);
    code = select(compare(arith::CmpIPredicate::ult, magnitude,
                          (biasDifference + 1) << from.mantissa),
                  low, code);
  }
  code = binary<arith::MinUIOp>(code, to.getTopCode());

  Value isNaN =
      compare(arith::CmpIPredicate::ugt, magnitude, from.getTopCode());
  if (to.specials == Format::IEEE)
    code = select(isNaN, to.getTopCode() | (int64_t(1) << (to.mantissa - 1)),
                  code);
  Value result = binary<arith::OrIOp>(code, sign);
  if (to.specials == Format::None)
    result =
        select(isNaN, binary<arith::XOrIOp>(sign, to.getSignMask()), result);
  return resize(result, to.bits);
}

/// The nearest power of two, the larger one of two.
Value Emitter::encodeE8M0(Value value, const Format &from) {
  Value bits = toBits(value);
  Value magnitude = binary<arith::AndIOp>(bits, from.getMagnitudeMask());
  Value code = binary<arith::ShRUIOp>(
      binary<arith::AddIOp>(magnitude, int64_t(1) << (from.mantissa - 1)),
      from.mantissa);
  if (from.bits == 32) {
    // 2^-127 is subnormal there, and halfway to the next is 0x600000.
    code = select(compare(arith::CmpIPredicate::ult, magnitude, 0x00600000),
                  int64_t(0), code);
  } else {
    code = binary<arith::SubIOp>(code, from.bias - kF32.bias);
    code = binary<arith::MaxSIOp>(code, int64_t(0));
  }
  code = binary<arith::MinUIOp>(code, int64_t(0xff));
  // Below -0: NaN.
  code = select(compare(arith::CmpIPredicate::ugt, bits, from.getSignMask()),
                int64_t(0xff), code);
  return resize(code, 8);
}

/// `value` as an f32, if its type is small.
Value Emitter::decode(Value value, SmallFloatOptions options) {
  Type element = getElementTypeOrSelf(value.getType());
  if (isE8M0(element))
    return decodeE8M0(value);
  if (isExpanded(element, options) || element.isBF16())
    return decodeFormat(value, *getFormat(element));
  return arith::ExtFOp::create(b, like(b.getF32Type()), value);
}

/// An f32 or f64 rounded to `element`.
Value Emitter::encode(Value value, Type element, SmallFloatOptions options) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == element)
    return value;
  if (element.isF64())
    return arith::ExtFOp::create(b, like(element), value);
  if (isE8M0(element))
    return bitcast(encodeE8M0(value, *getFormat(from)), element);
  if (isExpanded(element, options))
    return bitcast(encodeFormat(value, *getFormat(from), *getFormat(element)),
                   element);
  return arith::TruncFOp::create(b, like(element), value);
}

struct ExpandExtF : OpRewritePattern<arith::ExtFOp> {
  ExpandExtF(MLIRContext *context, SmallFloatOptions options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    Type from = op.getIn().getType();
    Type to = getElementTypeOrSelf(op.getType());
    if (!isExpanded(from, options) && !isExpanded(to, options))
      return rewriter.notifyMatchFailure(op, "neither type is small");
    if (!hasConstants(from) || !(getFormat(from) || isE8M0(from)) ||
        !(getFormat(to) || isE8M0(to)))
      return rewriter.notifyMatchFailure(op, "dynamic shape or other type");
    Emitter emitter(rewriter, op.getLoc(), from);
    Value wide = emitter.decode(op.getIn(), options);
    if (to.isBF16() && !options.expandBF16) {
      // Every 4- and 8-bit number is a bf16: the upper half.
      Value bits = emitter.resize(
          emitter.binary<arith::ShRUIOp>(emitter.toBits(wide), 16), 16);
      rewriter.replaceOp(op, emitter.bitcast(bits, to));
      return success();
    }
    rewriter.replaceOp(op, emitter.encode(wide, to, options));
    return success();
  }
  SmallFloatOptions options;
};

struct ExpandTruncF : OpRewritePattern<arith::TruncFOp> {
  ExpandTruncF(MLIRContext *context, SmallFloatOptions options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type from = op.getIn().getType();
    Type to = getElementTypeOrSelf(op.getType());
    if (!isExpanded(from, options) && !isExpanded(to, options))
      return rewriter.notifyMatchFailure(op, "neither type is small");
    if (!hasConstants(from) || !(getFormat(from) || isE8M0(from)) ||
        !(getFormat(to) || isE8M0(to)))
      return rewriter.notifyMatchFailure(op, "dynamic shape or other type");
    if (op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) !=
        arith::RoundingMode::to_nearest_even)
      return rewriter.notifyMatchFailure(op, "rounding mode isn't to nearest");
    Emitter emitter(rewriter, op.getLoc(), from);
    Value wide = op.getIn();
    if (getElementTypeOrSelf(from).getIntOrFloatBitWidth() < 32)
      wide = emitter.decode(wide, options);
    rewriter.replaceOp(op, emitter.encode(wide, to, options));
    return success();
  }
  SmallFloatOptions options;
};

/// Bits and a bitcast: the translation to LLVM IR knows no such constants.
struct ExpandConstant : OpRewritePattern<arith::ConstantOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ConstantOp op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<FloatType>(getElementTypeOrSelf(op.getType()));
    if (!type || !isExpanded(type, SmallFloatOptions()))
      return rewriter.notifyMatchFailure(op, "not a small float");
    auto integer = rewriter.getIntegerType(type.getWidth());
    TypedAttr bits;
    if (auto scalar = dyn_cast<FloatAttr>(op.getValue()))
      bits = IntegerAttr::get(integer, scalar.getValue().bitcastToAPInt());
    else if (auto dense = dyn_cast<DenseElementsAttr>(op.getValue()))
      bits = dense.mapValues(
          integer, [](const APFloat &value) { return value.bitcastToAPInt(); });
    else
      return rewriter.notifyMatchFailure(op, "neither a number nor dense");
    Value constant = arith::ConstantOp::create(rewriter, op.getLoc(), bits);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), constant);
    return success();
  }
};

struct ExpandSmallFloats
    : mlir::qmm::impl::ExpandSmallFloatsBase<ExpandSmallFloats> {
  using ExpandSmallFloatsBase::ExpandSmallFloatsBase;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populateExpandSmallFloatsPatterns(set, {f16, bf16});
    patterns = std::move(set);
    return success();
  }
  void runOnOperation() override {
    walkAndApplyPatterns(getOperation(), patterns);
  }
  FrozenRewritePatternSet patterns;
};

} // namespace

void mlir::qmm::populateExpandSmallFloatsPatterns(RewritePatternSet &patterns,
                                                  SmallFloatOptions options) {
  patterns.add<ExpandExtF, ExpandTruncF>(patterns.getContext(), options);
  patterns.add<ExpandConstant>(patterns.getContext());
}
