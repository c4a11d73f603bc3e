//===- ScalarOps.cpp - What an elementwise op does to one element --------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table of names, constraints and bodies serves ops on tensors and the
// bodies of reductions.  Booleans are i1: their sum is "or" and their product
// "and".
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace mlir::qmm;

namespace {

/// One element of each operand, and what to make of them.
struct Scalar {
  OpBuilder &b;
  Location loc;
  Operation *op;
  ValueRange args;
  Type resultType;

  Type type() const { return args.back().getType(); }
  bool isFloat() const { return isa<FloatType>(type()); }
  bool isBool() const { return type().isInteger(1); }

  Value constant(Type type, double value) const {
    if (auto floatType = dyn_cast<FloatType>(type))
      return arith::ConstantOp::create(b, loc,
                                       FloatAttr::get(floatType, value));
    return arith::ConstantOp::create(
        b, loc, IntegerAttr::get(type, static_cast<int64_t>(value)));
  }
  template <typename Op> Value make(ValueRange operands) const {
    return Op::create(b, loc, operands)->getResult(0);
  }
  Value compare(arith::CmpFPredicate predicate, Value lhs, Value rhs) const {
    return arith::CmpFOp::create(b, loc, predicate, lhs, rhs);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) const {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }
  Value select(Value condition, Value ifTrue, Value ifFalse) const {
    return arith::SelectOp::create(b, loc, condition, ifTrue, ifFalse);
  }
};

enum Kinds : unsigned { Float = 1, Int = 2, Bool = 4, Any = 7 };
enum class Result { Same, Bool, Free };

struct ScalarOp {
  StringLiteral name;
  unsigned arity;
  unsigned kinds; // of the last operand
  Result result;
  Value (*create)(const Scalar &);
};

} // namespace

template <typename FloatOp> static Value createFloat(const Scalar &s) {
  return s.make<FloatOp>(s.args);
}

/// By the elements' kind; the third for booleans.
template <typename FloatOp, typename IntOp, typename BoolOp = IntOp>
static Value createByKind(const Scalar &s) {
  if (s.isFloat())
    return s.make<FloatOp>(s.args);
  return s.isBool() ? s.make<BoolOp>(s.args) : s.make<IntOp>(s.args);
}

/// The arguments in f32 where they are narrower: what consists of several ops
/// is rounded once.
template <Value (*create)(const Scalar &)>
static Value createWide(const Scalar &s) {
  if (s.type().getIntOrFloatBitWidth() >= 32)
    return create(s);
  SmallVector<Value> wide;
  for (Value argument : s.args)
    wide.push_back(convertScalar(s.b, s.loc, argument, s.b.getF32Type()));
  Value value = create({s.b, s.loc, s.op, wide, s.b.getF32Type()});
  return value.getType() == s.b.getF32Type()
             ? convertScalar(s.b, s.loc, value, s.resultType)
             : value;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// Toward zero, saturating, NaN to 0: arith.fptosi alone leaves what doesn't
/// fit undefined.
static Value convertToInteger(const Scalar &s, Value value, IntegerType type) {
  if (value.getType().getIntOrFloatBitWidth() < 32)
    value = convertScalar(s.b, s.loc, value, s.b.getF32Type());
  auto floatType = cast<FloatType>(value.getType());
  unsigned width = type.getWidth();
  auto bound = [&](const APInt &integer) {
    return arith::ConstantOp::create(s.b, s.loc,
                                     IntegerAttr::get(type, integer));
  };
  APFloat limit(floatType.getFloatSemantics());
  limit.convertFromAPInt(APInt::getOneBitSet(width + 1, width - 1),
                         /*IsSigned=*/false, APFloat::rmNearestTiesToEven);
  Value high =
      arith::ConstantOp::create(s.b, s.loc, FloatAttr::get(floatType, limit));
  limit.changeSign();
  Value low =
      arith::ConstantOp::create(s.b, s.loc, FloatAttr::get(floatType, limit));
  Value integer = arith::FPToSIOp::create(s.b, s.loc, type, value);
  integer = s.select(s.compare(arith::CmpFPredicate::OGE, value, high),
                     bound(APInt::getSignedMaxValue(width)), integer);
  integer = s.select(s.compare(arith::CmpFPredicate::OLT, value, low),
                     bound(APInt::getSignedMinValue(width)), integer);
  return s.select(s.compare(arith::CmpFPredicate::UNO, value, value),
                  bound(APInt::getZero(width)), integer);
}

Value mlir::qmm::convertScalar(OpBuilder &builder, Location loc, Value value,
                               Type type) {
  Type from = value.getType();
  if (from == type)
    return value;
  Scalar s{builder, loc, nullptr, value, type};
  auto fromFloat = dyn_cast<FloatType>(from);
  auto toFloat = dyn_cast<FloatType>(type);
  if (fromFloat && toFloat) {
    // Neither extends the other: through a type that holds both.
    if (fromFloat.getWidth() == toFloat.getWidth()) {
      value = convertScalar(builder, loc, value, builder.getF32Type());
      return arith::TruncFOp::create(builder, loc, type, value);
    }
    if (fromFloat.getWidth() < toFloat.getWidth())
      return arith::ExtFOp::create(builder, loc, type, value);
    return arith::TruncFOp::create(builder, loc, type, value);
  }
  if (type.isInteger(1)) {
    if (fromFloat)
      return s.compare(arith::CmpFPredicate::UNE, value, s.constant(from, 0));
    return s.compare(arith::CmpIPredicate::ne, value, s.constant(from, 0));
  }
  if (fromFloat)
    return convertToInteger(s, value, cast<IntegerType>(type));
  bool isBool = from.isInteger(1);
  if (toFloat)
    return isBool
               ? arith::UIToFPOp::create(builder, loc, type, value).getResult()
               : arith::SIToFPOp::create(builder, loc, type, value).getResult();
  if (from.getIntOrFloatBitWidth() > type.getIntOrFloatBitWidth())
    return arith::TruncIOp::create(builder, loc, type, value);
  return isBool ? arith::ExtUIOp::create(builder, loc, type, value).getResult()
                : arith::ExtSIOp::create(builder, loc, type, value).getResult();
}

static Value createConvert(const Scalar &s) {
  return convertScalar(s.b, s.loc, s.args[0], s.resultType);
}

static Value createBitcast(const Scalar &s) {
  if (s.type() == s.resultType)
    return s.args[0];
  return arith::BitcastOp::create(s.b, s.loc, s.resultType, s.args[0]);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// `safe` of lhs and a divisor by which the machine can divide; `byZero` where
/// the divisor is 0, `byMinusOne` where it is -1, for the smallest number has
/// no opposite.
template <typename IntOp>
static Value divideSafely(const Scalar &s, Value byZero, Value byMinusOne) {
  Value isZero =
      s.compare(arith::CmpIPredicate::eq, s.args[1], s.constant(s.type(), 0));
  Value isMinusOne =
      s.compare(arith::CmpIPredicate::eq, s.args[1], s.constant(s.type(), -1));
  Value unsafe = arith::OrIOp::create(s.b, s.loc, isZero, isMinusOne);
  Value divisor = s.select(unsafe, s.constant(s.type(), 1), s.args[1]);
  Value quotient = s.make<IntOp>({s.args[0], divisor});
  return s.select(isZero, byZero, s.select(isMinusOne, byMinusOne, quotient));
}

static Value createNegate(const Scalar &s) {
  if (s.isFloat())
    return s.make<arith::NegFOp>(s.args);
  return s.make<arith::SubIOp>({s.constant(s.type(), 0), s.args[0]});
}

static Value createDivide(const Scalar &s) {
  if (s.isFloat())
    return s.make<arith::DivFOp>(s.args);
  Value opposite = s.make<arith::SubIOp>({s.constant(s.type(), 0), s.args[0]});
  return divideSafely<arith::DivSIOp>(s, s.constant(s.type(), -1), opposite);
}

static Value createRemainder(const Scalar &s) {
  if (s.isFloat())
    return s.make<arith::RemFOp>(s.args);
  return divideSafely<arith::RemSIOp>(s, s.args[0], s.constant(s.type(), 0));
}

/// NaN and zeros are their own sign.
static Value createSign(const Scalar &s) {
  Value x = s.args[0], zero = s.constant(s.type(), 0);
  if (s.isFloat()) {
    Value one = s.make<math::CopySignOp>({s.constant(s.type(), 1), x});
    return s.select(s.compare(arith::CmpFPredicate::UEQ, x, zero), x, one);
  }
  Value one = s.select(s.compare(arith::CmpIPredicate::slt, x, zero),
                       s.constant(s.type(), -1), s.constant(s.type(), 1));
  return s.select(s.compare(arith::CmpIPredicate::eq, x, zero), zero, one);
}

static Value createLogistic(const Scalar &s) {
  Value one = s.constant(s.type(), 1);
  Value negative = s.make<arith::NegFOp>(s.args);
  Value exponential = s.make<math::ExpOp>(negative);
  Value sum = s.make<arith::AddFOp>({exponential, one});
  return s.make<arith::DivFOp>({one, sum});
}

static Value createNot(const Scalar &s) {
  return s.make<arith::XOrIOp>({s.args[0], s.constant(s.type(), -1)});
}

static Value createClamp(const Scalar &s) {
  ValueRange a = s.args;
  if (s.isFloat())
    return s.make<arith::MinimumFOp>(
        {s.make<arith::MaximumFOp>({a[1], a[0]}), a[2]});
  return s.make<arith::MinSIOp>({s.make<arith::MaxSIOp>({a[1], a[0]}), a[2]});
}

static Value createSelect(const Scalar &s) {
  return s.select(s.args[0], s.args[1], s.args[2]);
}

static Value createIsFinite(const Scalar &s) {
  auto type = cast<FloatType>(s.type());
  Value infinity = arith::ConstantOp::create(
      s.b, s.loc,
      FloatAttr::get(type, APFloat::getInf(type.getFloatSemantics())));
  Value magnitude = s.make<math::AbsFOp>(s.args);
  return s.compare(arith::CmpFPredicate::OLT, magnitude, infinity);
}

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

static constexpr StringLiteral kDirections[] = {"EQ", "NE", "GE",
                                                "GT", "LE", "LT"};

static FailureOr<std::string> readDirection(Operation *op) {
  SmallVector<StringRef> directions(std::begin(kDirections),
                                    std::end(kDirections));
  return readEnum(op, "comparison_direction", "comparison_direction",
                  directions);
}

/// Empty where the op has none: the elements' own.
static FailureOr<std::string> readCompareType(Operation *op) {
  if (!op->hasAttr("compare_type"))
    return std::string();
  return readEnum(op, "compare_type", "comparison_type",
                  {"NOTYPE", "FLOAT", "TOTALORDER", "SIGNED", "UNSIGNED"});
}

/// An integer that orders as the float does in IEEE's total order.
static Value getTotalOrder(const Scalar &s, Value value) {
  unsigned width = value.getType().getIntOrFloatBitWidth();
  auto type = IntegerType::get(s.b.getContext(), width);
  Value bits = arith::BitcastOp::create(s.b, s.loc, type, value);
  Value sign =
      arith::ShRSIOp::create(s.b, s.loc, bits, s.constant(type, width - 1));
  Value mask = arith::ConstantOp::create(
      s.b, s.loc, IntegerAttr::get(type, APInt::getSignedMaxValue(width)));
  Value flip = arith::AndIOp::create(s.b, s.loc, sign, mask);
  return arith::XOrIOp::create(s.b, s.loc, bits, flip);
}

static Value createCompare(const Scalar &s) {
  // verifyElementwise has read both.
  std::string direction = *readDirection(s.op), kind = *readCompareType(s.op);
  unsigned index = llvm::find(kDirections, direction) - std::begin(kDirections);
  Value lhs = s.args[0], rhs = s.args[1];
  if (s.isFloat() && kind != "TOTALORDER") {
    using P = arith::CmpFPredicate;
    static constexpr P kPredicates[] = {P::OEQ, P::UNE, P::OGE,
                                        P::OGT, P::OLE, P::OLT};
    return s.compare(kPredicates[index], lhs, rhs);
  }
  if (s.isFloat()) {
    lhs = getTotalOrder(s, lhs);
    rhs = getTotalOrder(s, rhs);
  }
  using P = arith::CmpIPredicate;
  static constexpr P kSigned[] = {P::eq, P::ne, P::sge, P::sgt, P::sle, P::slt};
  static constexpr P kUnsigned[] = {P::eq,  P::ne,  P::uge,
                                    P::ugt, P::ule, P::ult};
  bool isUnsigned = s.isBool() || kind == "UNSIGNED";
  return s.compare(isUnsigned ? kUnsigned[index] : kSigned[index], lhs, rhs);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static const ScalarOp kScalarOps[] = {
    {"abs", 1, Float | Int, Result::Same,
     createByKind<math::AbsFOp, math::AbsIOp>},
    {"add", 2, Any, Result::Same,
     createByKind<arith::AddFOp, arith::AddIOp, arith::OrIOp>},
    {"and", 2, Int | Bool, Result::Same,
     createByKind<arith::AddFOp, arith::AndIOp>},
    {"bitcast_convert", 1, Float | Int, Result::Free, createBitcast},
    {"cbrt", 1, Float, Result::Same, createFloat<math::CbrtOp>},
    {"ceil", 1, Float, Result::Same, createFloat<math::CeilOp>},
    {"clamp", 3, Float | Int, Result::Same, createClamp},
    {"compare", 2, Any, Result::Bool, createCompare},
    {"convert", 1, Any, Result::Free, createConvert},
    {"cosine", 1, Float, Result::Same, createFloat<math::CosOp>},
    {"divide", 2, Float | Int, Result::Same, createDivide},
    {"erf", 1, Float, Result::Same, createFloat<math::ErfOp>},
    {"erfc", 1, Float, Result::Same, createFloat<math::ErfcOp>},
    {"exponential", 1, Float, Result::Same, createFloat<math::ExpOp>},
    {"exponential_minus_one", 1, Float, Result::Same,
     createFloat<math::ExpM1Op>},
    {"floor", 1, Float, Result::Same, createFloat<math::FloorOp>},
    {"is_finite", 1, Float, Result::Bool, createWide<createIsFinite>},
    {"log", 1, Float, Result::Same, createFloat<math::LogOp>},
    {"log_plus_one", 1, Float, Result::Same, createFloat<math::Log1pOp>},
    {"logistic", 1, Float, Result::Same, createWide<createLogistic>},
    {"maximum", 2, Any, Result::Same,
     createByKind<arith::MaximumFOp, arith::MaxSIOp, arith::OrIOp>},
    {"minimum", 2, Any, Result::Same,
     createByKind<arith::MinimumFOp, arith::MinSIOp, arith::AndIOp>},
    {"multiply", 2, Any, Result::Same,
     createByKind<arith::MulFOp, arith::MulIOp, arith::AndIOp>},
    {"negate", 1, Float | Int, Result::Same, createNegate},
    {"not", 1, Int | Bool, Result::Same, createNot},
    {"or", 2, Int | Bool, Result::Same,
     createByKind<arith::AddFOp, arith::OrIOp>},
    {"power", 2, Float | Int, Result::Same,
     createByKind<math::PowFOp, math::IPowIOp>},
    {"remainder", 2, Float | Int, Result::Same, createRemainder},
    {"round_nearest_afz", 1, Float, Result::Same, createFloat<math::RoundOp>},
    {"round_nearest_even", 1, Float, Result::Same,
     createFloat<math::RoundEvenOp>},
    {"rsqrt", 1, Float, Result::Same, createFloat<math::RsqrtOp>},
    {"select", 3, Any, Result::Same, createSelect},
    {"sign", 1, Float | Int, Result::Same, createSign},
    {"sine", 1, Float, Result::Same, createFloat<math::SinOp>},
    {"sqrt", 1, Float, Result::Same, createFloat<math::SqrtOp>},
    {"subtract", 2, Float | Int, Result::Same,
     createByKind<arith::SubFOp, arith::SubIOp>},
    {"tanh", 1, Float, Result::Same, createFloat<math::TanhOp>},
    {"xor", 2, Int | Bool, Result::Same,
     createByKind<arith::AddFOp, arith::XOrIOp>},
};

static const ScalarOp *findScalarOp(Operation *op) {
  StringRef name = getOpName(op);
  // StableHLO spells some of chlo's ops as calls.
  if (name == "custom_call") {
    auto target = dyn_cast_or_null<StringAttr>(op->getAttr("call_target_name"));
    if (!target || !target.getValue().starts_with("mhlo.erf"))
      return nullptr;
    name = target.getValue().drop_front(StringRef("mhlo.").size());
  }
  const auto *it = llvm::find_if(
      kScalarOps, [&](const ScalarOp &entry) { return entry.name == name; });
  return it == std::end(kScalarOps) ? nullptr : it;
}

SmallVector<StringRef> mlir::qmm::getElementwiseNames() {
  SmallVector<StringRef> names;
  for (const ScalarOp &entry : kScalarOps)
    names.push_back(entry.name);
  return names;
}

bool mlir::qmm::isElementwise(Operation *op) { return findScalarOp(op); }

Value mlir::qmm::createScalar(OpBuilder &builder, Operation *op,
                              ValueRange arguments) {
  Type resultType = getResultType(op).getElementType();
  return findScalarOp(op)->create(
      {builder, op->getLoc(), op, arguments, resultType});
}

static unsigned getKind(Type type) {
  if (isa<FloatType>(type))
    return Float;
  return type.isInteger(1) ? Bool : Int;
}

LogicalResult mlir::qmm::verifyElementwise(Operation *op) {
  const ScalarOp &entry = *findScalarOp(op);
  if (op->getNumOperands() != entry.arity)
    return op->emitOpError("has ")
           << op->getNumOperands() << " operands, expected " << entry.arity;
  Type type = getOperandType(op, entry.arity - 1).getElementType();
  if (!(getKind(type) & entry.kinds))
    return op->emitOpError("has elements of type ")
           << type << ", expected "
           << (entry.kinds == Float           ? "floats"
               : entry.kinds == (Float | Int) ? "floats or integers"
                                              : "integers or booleans");
  bool isSelect = entry.name == "select";
  for (unsigned i = 0; i + 1 < entry.arity; ++i) {
    Type expected =
        isSelect && i == 0 ? IntegerType::get(op->getContext(), 1) : type;
    Type found = getOperandType(op, i).getElementType();
    if (found != expected)
      return op->emitOpError("operand ") << i << " has elements of type "
                                         << found << ", expected " << expected;
  }
  Type result = getResultType(op).getElementType();
  if (entry.result == Result::Same && result != type)
    return op->emitOpError("yields elements of type ")
           << result << ", expected " << type;
  if (entry.result == Result::Bool && !result.isInteger(1))
    return op->emitOpError("yields elements of type ")
           << result << ", expected i1";
  if (entry.name == "bitcast_convert" &&
      type.getIntOrFloatBitWidth() != result.getIntOrFloatBitWidth())
    return op->emitOpError("casts ")
           << type << " to " << result << ", expected types of one width";
  if (entry.name == "compare") {
    FailureOr<std::string> kind = readCompareType(op);
    if (failed(readDirection(op)) || failed(kind))
      return failure();
    bool isFloat = isa<FloatType>(type);
    if (!kind->empty() && *kind != "NOTYPE" &&
        isFloat != (*kind == "FLOAT" || *kind == "TOTALORDER"))
      return op->emitOpError("compares elements of type ")
             << type << " as " << *kind << ", expected "
             << (isFloat ? "FLOAT or TOTALORDER" : "SIGNED or UNSIGNED");
  }
  return success();
}
