//===- Emitter.cpp - Arithmetic of device kernels, tersely ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every call folds what it can, so that the choices made while building leave
// no trace in the kernel.
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::qmm;

static bool isConstant(Value value, int64_t expected) {
  IntegerAttr attribute;
  return matchPattern(value, m_Constant(&attribute)) &&
         attribute.getInt() == expected;
}

Value Emitter::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}
Value Emitter::i32(uint32_t value) {
  return constant(getI32Type(), static_cast<int64_t>(value));
}
Value Emitter::f32(float value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}
Value Emitter::i1(bool value) {
  return arith::ConstantOp::create(*this, getBoolAttr(value));
}

Value Emitter::constant(Type type, int64_t bits) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr scalar;
  if (element.isIndex())
    scalar = getIndexAttr(bits);
  else
    scalar = IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(),
                                             static_cast<uint64_t>(bits),
                                             /*isSigned=*/false,
                                             /*implicitTrunc=*/true));
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(
        *this, SplatElementsAttr::get(vector, Attribute(scalar)));
  return arith::ConstantOp::create(*this, scalar);
}

Value Emitter::splat(Value scalar, int64_t count) {
  return vector::BroadcastOp::create(*this, vectorOf(count, scalar.getType()),
                                     scalar);
}

Value Emitter::add(Value lhs, Value rhs) {
  return createOrFold<arith::AddIOp>(lhs, rhs);
}
Value Emitter::sub(Value lhs, Value rhs) {
  return createOrFold<arith::SubIOp>(lhs, rhs);
}
Value Emitter::mul(Value lhs, Value rhs) {
  return createOrFold<arith::MulIOp>(lhs, rhs);
}
Value Emitter::div(Value lhs, Value rhs) {
  return createOrFold<arith::DivUIOp>(lhs, rhs);
}
Value Emitter::rem(Value lhs, Value rhs) {
  if (isConstant(rhs, 1))
    return constant(lhs.getType(), 0);
  return createOrFold<arith::RemUIOp>(lhs, rhs);
}
Value Emitter::min(Value lhs, Value rhs) {
  return createOrFold<arith::MinUIOp>(lhs, rhs);
}
Value Emitter::max(Value lhs, Value rhs) {
  return createOrFold<arith::MaxUIOp>(lhs, rhs);
}
Value Emitter::ceilDiv(Value lhs, Value rhs) {
  if (isConstant(rhs, 1))
    return lhs;
  return div(add(lhs, sub(rhs, index(1))), rhs);
}
Value Emitter::roundUp(Value value, int64_t multiple) {
  return multiple <= 1 ? value : mul(ceilDiv(value, multiple), multiple);
}
Value Emitter::bitAnd(Value lhs, Value rhs) {
  return createOrFold<arith::AndIOp>(lhs, rhs);
}
Value Emitter::bitOr(Value lhs, Value rhs) {
  return createOrFold<arith::OrIOp>(lhs, rhs);
}
Value Emitter::less(Value lhs, Value rhs) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, lhs, rhs);
}
Value Emitter::lessEqual(Value lhs, Value rhs) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, lhs, rhs);
}
Value Emitter::equal(Value lhs, Value rhs) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, lhs, rhs);
}
Value Emitter::select(Value condition, Value yes, Value no) {
  return createOrFold<arith::SelectOp>(condition, yes, no);
}
Value Emitter::both(Value lhs, Value rhs) {
  if (!lhs || !rhs)
    return lhs ? lhs : rhs;
  return bitAnd(lhs, rhs);
}

Value Emitter::isNaN(Value value) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::UNO, value, value);
}
Value Emitter::isZero(Value value) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, value, f32(0));
}

Value Emitter::bitcast(Type type, Value value) {
  if (value.getType() == type)
    return value;
  auto to = dyn_cast<VectorType>(type);
  auto from = dyn_cast<VectorType>(value.getType());
  if (to && from && to.getNumElements() != from.getNumElements())
    return vector::BitCastOp::create(*this, to, value);
  return arith::BitcastOp::create(*this, type, value);
}

Value Emitter::encode(Value values, Type element, NibbleOrder nibbles) {
  int64_t count = cast<VectorType>(values.getType()).getNumElements();
  if (nibbles != NibbleOrder::None)
    count /= 2;
  return EncodeOp::create(*this, vectorOf(count, getI8Type()), values,
                          TypeAttr::get(element),
                          NibbleOrderAttr::get(getContext(), nibbles));
}

Value Emitter::decode(Value codes, Type element, NibbleOrder nibbles) {
  int64_t count = cast<VectorType>(codes.getType()).getNumElements();
  if (nibbles != NibbleOrder::None)
    count *= 2;
  return DecodeOp::create(*this, vectorOf(count, getF32Type()), codes,
                          TypeAttr::get(element),
                          NibbleOrderAttr::get(getContext(), nibbles));
}

void Emitter::when(Value condition, Body body) {
  if (!condition || isConstant(condition, 1) || isConstant(condition, -1))
    return body(*this);
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  body(*this);
}

SmallVector<Value> Emitter::choose(Value condition, TypeRange types,
                                   ValueBody yes, ValueBody no) {
  auto op = scf::IfOp::create(*this, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(*this, yes(*this));
  setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(*this, no(*this));
  return SmallVector<Value>(op.getResults());
}

SmallVector<Value> Emitter::loop(
    Value first, Value end, Value step, ValueRange initial,
    llvm::function_ref<SmallVector<Value>(Emitter &, Value, ValueRange)> body) {
  auto op = scf::ForOp::create(*this, first, end, step, initial);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  SmallVector<Value> next =
      body(*this, op.getInductionVar(), op.getRegionIterArgs());
  // Without carried values the loop has its terminator already.
  if (!initial.empty())
    scf::YieldOp::create(*this, next);
  return SmallVector<Value>(op.getResults());
}
