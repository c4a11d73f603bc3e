//===- ExpandDeviceMath.cpp - Math without libdevice ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// CUDA's library of math functions is a file of the toolkit, which a user
// needn't have.  Measured errors are in docs/device-kernels.md.
//
//===----------------------------------------------------------------------===//

#include "LowerDeviceModule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qmm;

/// Upstream's polynomials in f32 that are within 5 ulp.  The others lose
/// subnormal numbers (log, cbrt), large ones (sin, cos) or infinities (atan2).
static bool isApproximated(StringRef name) {
  return llvm::is_contained({"math.erf", "math.erfc", "math.exp", "math.expm1",
                             "math.log1p", "math.tanh"},
                            name);
}

/// The intrinsic that an instruction does, of f16, f32 and f64 and vectors of
/// them; empty for ops that have none.
static StringRef getIntrinsic(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](math::AbsFOp) { return "llvm.fabs"; })
      .Case([](math::CeilOp) { return "llvm.ceil"; })
      .Case([](math::CopySignOp) { return "llvm.copysign"; })
      .Case([](math::FloorOp) { return "llvm.floor"; })
      .Case([](math::FmaOp) { return "llvm.fma"; })
      .Case([](math::RoundOp) { return "llvm.round"; })
      .Case([](math::RoundEvenOp) { return "llvm.roundeven"; })
      .Case([](math::SqrtOp) { return "llvm.sqrt"; })
      .Case([](math::TruncOp) { return "llvm.trunc"; })
      .Case([](math::Exp2Op exp2) {
        bool isF32 = getElementTypeOrSelf(exp2.getType()).isF32();
        return isF32 ? "llvm.exp2" : "";
      })
      .Default([](Operation *) { return ""; });
}

/// What upstream lowers to instructions.
static bool isLoweredUpstream(Operation *op) {
  return isa<math::AbsIOp, math::CountLeadingZerosOp,
             math::CountTrailingZerosOp, math::CtPopOp, math::IsFiniteOp,
             math::IsInfOp, math::IsNaNOp, math::IsNormalOp>(op);
}

namespace {

/// Emits f64 arithmetic on values of one shape.
class Doubles {
public:
  Doubles(PatternRewriter &rewriter, Operation *op)
      : b(op->getLoc(), rewriter), shape(op->getResult(0).getType()) {}

  Type like(Type element) {
    if (auto shaped = dyn_cast<ShapedType>(shape))
      return shaped.clone(element);
    return element;
  }
  Value number(double value) { return constant(b.getF64FloatAttr(value)); }
  Value integer(int64_t value) { return constant(b.getI64IntegerAttr(value)); }
  Value extend(Value value) {
    return arith::ExtFOp::create(b, like(b.getF64Type()), value);
  }
  Value truncate(Value value) {
    return arith::TruncFOp::create(b, like(b.getF32Type()), value);
  }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, x, y, z);
  }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value toBits(Value value) {
    return arith::BitcastOp::create(b, like(b.getI64Type()), value);
  }
  Value fromBits(Value value) {
    return arith::BitcastOp::create(b, like(b.getF64Type()), value);
  }
  /// Coefficients from the highest power down.
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = number(coefficients.front());
    for (double coefficient : coefficients.drop_front())
      sum = fma(sum, x, number(coefficient));
    return sum;
  }

  Value sine(Value x, bool cosine);
  Value log2(Value x);
  Value exp2(Value x);

  ImplicitLocOpBuilder b;

private:
  Value constant(TypedAttr attribute) {
    if (auto shaped = dyn_cast<ShapedType>(like(attribute.getType())))
      return arith::ConstantOp::create(
          b, SplatElementsAttr::get(shaped, Attribute(attribute)));
    return arith::ConstantOp::create(b, attribute);
  }

  Type shape;
};

} // namespace

/// Reduces by multiples of pi / 2, in two parts whose product with the multiple
/// fused arithmetic takes exactly.
Value Doubles::sine(Value x, bool cosine) {
  Value wide = extend(x);
  // Beyond, two parts don't suffice: NaN rather than something.
  Value isReducible =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT,
                            math::AbsFOp::create(b, wide), number(0x1p48));
  wide = arith::SelectOp::create(
      b, isReducible, wide, number(std::numeric_limits<double>::quiet_NaN()));
  Value quarters =
      math::RoundEvenOp::create(b, mul(wide, number(0x1.45f306dc9c883p-1)));
  Value r = fma(quarters, number(-0x1.921fb54442d18p+0), wide);
  r = fma(quarters, number(-0x1.1a62633145c07p-54), r);
  Value square = mul(r, r);
  // Taylor's: |r| is at most pi / 4.
  Value sine =
      mul(polynomial(square, {-1.0 / 1307674368000.0, 1.0 / 6227020800.0,
                              -1.0 / 39916800.0, 1.0 / 362880.0, -1.0 / 5040.0,
                              1.0 / 120.0, -1.0 / 6.0, 1.0}),
          r);
  Value cosineOfR =
      polynomial(square, {1.0 / 20922789888000.0, -1.0 / 87178291200.0,
                          1.0 / 479001600.0, -1.0 / 3628800.0, 1.0 / 40320.0,
                          -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0});
  Value quadrant = arith::FPToSIOp::create(b, like(b.getI64Type()), quarters);
  if (cosine)
    quadrant = arith::AddIOp::create(b, quadrant, integer(1));
  auto hasBit = [&](int64_t bit) -> Value {
    Value masked = arith::AndIOp::create(b, quadrant, integer(bit));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked,
                                 integer(0));
  };
  Value result = arith::SelectOp::create(b, hasBit(1), cosineOfR, sine);
  Value negated = arith::NegFOp::create(b, result);
  return truncate(arith::SelectOp::create(b, hasBit(2), negated, result));
}

/// Of a positive f64 that is normal.
Value Doubles::log2(Value x) {
  Value bits = toBits(x);
  // The exponent that leaves a mantissa between sqrt(1/2) and sqrt(2).
  Value shifted = arith::SubIOp::create(b, bits, integer(0x3fe6a09e667f3bcd));
  Value exponent = arith::ShRSIOp::create(b, shifted, integer(52));
  Value mantissa = fromBits(arith::SubIOp::create(
      b, bits, arith::ShLIOp::create(b, exponent, integer(52))));
  Value one = number(1.0);
  Value ratio =
      arith::DivFOp::create(b, arith::SubFOp::create(b, mantissa, one),
                            arith::AddFOp::create(b, mantissa, one));
  Value square = mul(ratio, ratio);
  // 2 atanh(ratio) / ln 2.
  constexpr double kTwo = 2 * 1.4426950408889634;
  Value series =
      polynomial(square, {kTwo / 17, kTwo / 15, kTwo / 13, kTwo / 11, kTwo / 9,
                          kTwo / 7, kTwo / 5, kTwo / 3, kTwo});
  Value whole = arith::SIToFPOp::create(b, like(b.getF64Type()), exponent);
  return fma(series, ratio, whole);
}

/// As an f32: what is too large or small for one needn't be exact.
Value Doubles::exp2(Value x) {
  Value low = arith::MaximumFOp::create(b, x, number(-1000.0));
  Value clamped = arith::MinimumFOp::create(b, low, number(1000.0));
  Value whole = math::RoundEvenOp::create(b, clamped);
  Value rest =
      mul(arith::SubFOp::create(b, clamped, whole), number(0.6931471805599453));
  Value mantissa =
      polynomial(rest, {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880,
                        1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24,
                        1.0 / 6, 0.5, 1.0, 1.0});
  Value exponent = arith::FPToSIOp::create(b, like(b.getI64Type()), whole);
  exponent = arith::ShLIOp::create(
      b, arith::AddIOp::create(b, exponent, integer(1023)), integer(52));
  return truncate(mul(mantissa, fromBits(exponent)));
}

namespace {

bool isF32(Operation *op) {
  return getElementTypeOrSelf(op->getResult(0)).isF32();
}

template <typename OpTy, bool isCosine>
struct ExpandSine : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op))
      return rewriter.notifyMatchFailure(op, "not of f32");
    Doubles doubles(rewriter, op);
    rewriter.replaceOp(op, doubles.sine(op.getOperand(), isCosine));
    return success();
  }
};

struct ExpandPowF : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::PowFOp op,
                                PatternRewriter &rewriter) const override;
};

/// 1 / sqrt(x), each correctly rounded.
struct ExpandRsqrt : OpRewritePattern<math::RsqrtOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::RsqrtOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
    TypedAttr one = rewriter.getFloatAttr(element, 1.0);
    if (auto shaped = dyn_cast<ShapedType>(type))
      one = SplatElementsAttr::get(shaped, Attribute(one));
    Value numerator = arith::ConstantOp::create(rewriter, op.getLoc(), one);
    Value root = math::SqrtOp::create(rewriter, op.getLoc(), op.getOperand());
    rewriter.replaceOpWithNewOp<arith::DivFOp>(op, numerator, root);
    return success();
  }
};

/// A logarithm as a multiple of that to the base 2, in f64.
template <typename OpTy> struct ExpandLog : OpRewritePattern<OpTy> {
  ExpandLog(MLIRContext *context, double ofTwo)
      : OpRewritePattern<OpTy>(context), ofTwo(ofTwo) {}
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op))
      return rewriter.notifyMatchFailure(op, "not of f32");
    using Predicate = arith::CmpFPredicate;
    Doubles d(rewriter, op);
    Value x = d.extend(op.getOperand());
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    auto replace = [&](Predicate predicate, double of, Value by, Value result) {
      Value matches = arith::CmpFOp::create(d.b, predicate, x, d.number(of));
      return arith::SelectOp::create(d.b, matches, by, result).getResult();
    };
    Value result = d.mul(d.log2(x), d.number(ofTwo));
    result = replace(Predicate::OEQ, kInfinity, x, result);
    result = replace(Predicate::OEQ, 0.0, d.number(-kInfinity), result);
    // NaN, too, isn't at least 0.
    result =
        replace(Predicate::ULT, 0.0,
                d.number(std::numeric_limits<double>::quiet_NaN()), result);
    rewriter.replaceOp(op, d.truncate(result));
    return success();
  }
  double ofTwo;
};

/// 2^(log2 |x| / 3) in f64; 0, infinities and NaN are their own roots.
struct ExpandCbrt : OpRewritePattern<math::CbrtOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::CbrtOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op))
      return rewriter.notifyMatchFailure(op, "not of f32");
    Doubles d(rewriter, op);
    Value x = op.getOperand();
    Value wide = math::AbsFOp::create(d.b, d.extend(x));
    Value root = d.exp2(d.mul(d.log2(wide), d.number(1.0 / 3)));
    Value isSmall = arith::CmpFOp::create(
        d.b, arith::CmpFPredicate::OLT, wide,
        d.number(std::numeric_limits<double>::infinity()));
    Value isLarge = arith::CmpFOp::create(d.b, arith::CmpFPredicate::OGT, wide,
                                          d.number(0.0));
    Value isOrdinary = arith::AndIOp::create(d.b, isSmall, isLarge);
    Value result = math::CopySignOp::create(d.b, root, x);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isOrdinary, result, x);
    return success();
  }
};

} // namespace

/// |x|^y in f64, then C's rules for signs and special values.
LogicalResult ExpandPowF::matchAndRewrite(math::PowFOp op,
                                          PatternRewriter &rewriter) const {
  if (!isF32(op))
    return rewriter.notifyMatchFailure(op, "not of f32");
  using Predicate = arith::CmpFPredicate;
  Doubles d(rewriter, op);
  ImplicitLocOpBuilder &b = d.b;
  auto compare = [&](Predicate predicate, Value lhs, Value rhs) -> Value {
    return arith::CmpFOp::create(b, predicate, lhs, rhs);
  };
  auto select = [&](Value condition, Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, condition, yes, no);
  };
  auto both = [&](Value lhs, Value rhs) -> Value {
    return arith::AndIOp::create(b, lhs, rhs);
  };
  Value x = d.extend(op.getLhs()), y = d.extend(op.getRhs());
  Value zero = d.number(0.0), one = d.number(1.0);
  Value infinity = d.number(std::numeric_limits<double>::infinity());
  Value nan = d.number(std::numeric_limits<double>::quiet_NaN());
  Value magnitude = math::AbsFOp::create(b, x);
  Value yMagnitude = math::AbsFOp::create(b, y);

  // Numbers other than 0 and infinity, and a logarithm in place of theirs that
  // gives the right infinity or 0 times y.
  Value log = d.log2(magnitude);
  Value isZero = compare(Predicate::OEQ, magnitude, zero);
  Value isInfinite = compare(Predicate::OEQ, magnitude, infinity);
  log = select(isZero, d.number(-1e300), log);
  log = select(isInfinite, d.number(1e300), log);
  Value exponent = d.mul(log, y);
  Value power = d.extend(d.exp2(exponent));

  Value truncated = math::TruncOp::create(b, yMagnitude);
  Value isWhole = compare(Predicate::OEQ, truncated, yMagnitude);
  Value half = d.mul(yMagnitude, d.number(0.5));
  Value isOdd = both(
      isWhole, compare(Predicate::UNE, math::TruncOp::create(b, half), half));
  Value signedPower =
      select(isOdd, math::CopySignOp::create(b, power, x), power);
  // A negative finite number to a power that isn't whole has none.
  Value isNegative = both(compare(Predicate::OLT, x, zero),
                          compare(Predicate::OLT, magnitude, infinity));
  Value isFraction = compare(Predicate::UNE, truncated, yMagnitude);
  Value result = select(both(isNegative, isFraction), nan, signedPower);
  Value isNaN = compare(Predicate::UNO, x, y);
  result = select(isNaN, nan, result);
  // -1 to the infinity is 1; so are 1 to anything and anything to 0.
  Value isUnit = both(compare(Predicate::OEQ, magnitude, one),
                      compare(Predicate::OEQ, yMagnitude, infinity));
  result = select(isUnit, one, result);
  result = select(compare(Predicate::OEQ, x, one), one, result);
  result = select(compare(Predicate::OEQ, y, zero), one, result);
  rewriter.replaceOp(op, d.truncate(result));
  return success();
}

LogicalResult mlir::qmm::expandDeviceMath(Operation *module) {
  MLIRContext *context = module->getContext();
  auto config =
      GreedyRewriteConfig().enableFolding(false).enableConstantCSE(false);
  // Some of these leave logarithms for the expansions.
  RewritePatternSet polynomials(context);
  populateMathPolynomialApproximationPatterns(polynomials, isApproximated);
  if (failed(applyPatternsGreedily(module, std::move(polynomials), config)))
    return module->emitError("the approximations of math don't converge");
  RewritePatternSet expansions(context);
  expansions.add<ExpandSine<math::SinOp, false>, ExpandSine<math::CosOp, true>,
                 ExpandPowF, ExpandRsqrt, ExpandCbrt>(context);
  expansions.add<ExpandLog<math::LogOp>>(context, 0.6931471805599453);
  expansions.add<ExpandLog<math::Log2Op>>(context, 1.0);
  expansions.add<ExpandLog<math::Log10Op>>(context, 0.3010299956639812);
  walkAndApplyPatterns(module, std::move(expansions));

  // Upstream's lowering for GPUs calls libdevice for any math op.
  IRRewriter rewriter(context);
  WalkResult walk = module->walk([&](Operation *op) {
    if (!isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
        isLoweredUpstream(op))
      return WalkResult::advance();
    Type type = op->getResult(0).getType();
    StringRef intrinsic = getIntrinsic(op);
    if (intrinsic.empty() || !LLVM::isCompatibleType(type)) {
      op->emitOpError("can't be compiled for a GPU: no instruction or "
                      "expansion computes it in ")
          << type;
      return WalkResult::interrupt();
    }
    // Of the base-2 exponential there is only the instruction, to 2 ulp.
    auto flags = isa<math::Exp2Op>(op) ? LLVM::FastmathFlags::afn
                                       : LLVM::FastmathFlags::none;
    rewriter.setInsertionPoint(op);
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, type, rewriter.getStringAttr(intrinsic), op->getOperands(),
        LLVM::FastmathFlagsAttr::get(context, flags));
    return WalkResult::skip();
  });
  return failure(walk.wasInterrupted());
}
