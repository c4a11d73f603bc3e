//===- DimExpr.cpp - Index values as expressions -------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constants, extents, arith on indices and affine.apply; anything else is a
// diagnostic at the op that needs it.
//
//===----------------------------------------------------------------------===//

#include "DimExpr.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/AffineExprVisitor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qmm;
using ::qmmrt::program::Expr;

bool mlir::qmm::isIndexArithmetic(Operation *op) {
  if (isa<memref::DimOp, affine::AffineApplyOp, affine::AffineMaxOp,
          affine::AffineMinOp>(op))
    return true;
  return isa<arith::ConstantOp, arith::AddIOp, arith::SubIOp, arith::MulIOp,
             arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp,
             arith::CeilDivSIOp, arith::CeilDivUIOp, arith::RemSIOp,
             arith::RemUIOp, arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp,
             arith::MinUIOp>(op) &&
         op->getResult(0).getType().isIndex();
}

Expr mlir::qmm::combine(Expr::Op op, const Expr &lhs, const Expr &rhs) {
  auto isConstant = [](const Expr &e) {
    return e.terms.size() == 1 && e.terms[0].op == Expr::Op::Constant;
  };
  if (isConstant(lhs) && isConstant(rhs)) {
    int64_t a = lhs.terms[0].value, b = rhs.terms[0].value, result = 0;
    bool folds = true;
    switch (op) {
    case Expr::Op::Add:
      folds = !llvm::AddOverflow(a, b, result);
      break;
    case Expr::Op::Sub:
      folds = !llvm::SubOverflow(a, b, result);
      break;
    case Expr::Op::Mul:
      folds = !llvm::MulOverflow(a, b, result);
      break;
    case Expr::Op::Max:
      result = std::max(a, b);
      break;
    case Expr::Op::Min:
      result = std::min(a, b);
      break;
    default:
      folds = false; // the interpreter's evaluator is the one place for these
    }
    if (folds)
      return Expr::constant(result);
  }
  if (isConstant(rhs) && ((op == Expr::Op::Add && rhs.terms[0].value == 0) ||
                          (op == Expr::Op::Mul && rhs.terms[0].value == 1)))
    return lhs;
  auto isZero = [&](const Expr &e) {
    return isConstant(e) && e.terms[0].value == 0;
  };
  if (op == Expr::Op::Mul && (isZero(lhs) || isZero(rhs)))
    return Expr::constant(0);
  if (op == Expr::Op::Add && isZero(lhs))
    return rhs;
  Expr expr = lhs;
  llvm::append_range(expr.terms, rhs.terms);
  expr.terms.push_back({op});
  return expr;
}

Expr DimExprs::addInputDim(Value input, int64_t axis) {
  Expr expr = Expr::dim(numDims++);
  inputDims[{input, axis}] = expr;
  return expr;
}

/// An affine expression over translated operands.
static Expr translate(AffineExpr expr, ArrayRef<Expr> operands,
                      unsigned numMapDims) {
  switch (expr.getKind()) {
  case AffineExprKind::Constant:
    return Expr::constant(cast<AffineConstantExpr>(expr).getValue());
  case AffineExprKind::DimId:
    return operands[cast<AffineDimExpr>(expr).getPosition()];
  case AffineExprKind::SymbolId:
    return operands[numMapDims + cast<AffineSymbolExpr>(expr).getPosition()];
  default:
    break;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Expr lhs = translate(binary.getLHS(), operands, numMapDims);
  Expr rhs = translate(binary.getRHS(), operands, numMapDims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return combine(Expr::Op::Add, lhs, rhs);
  case AffineExprKind::Mul:
    return combine(Expr::Op::Mul, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return combine(Expr::Op::FloorDiv, lhs, rhs);
  case AffineExprKind::CeilDiv:
    return combine(Expr::Op::CeilDiv, lhs, rhs);
  case AffineExprKind::Mod:
    return combine(Expr::Op::Mod, lhs, rhs);
  default:
    llvm_unreachable("covered above");
  }
}

static std::optional<Expr::Op> getBinary(Operation *op) {
  using Result = std::optional<Expr::Op>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<arith::AddIOp>([](auto) { return Expr::Op::Add; })
      .Case<arith::SubIOp>([](auto) { return Expr::Op::Sub; })
      .Case<arith::MulIOp>([](auto) { return Expr::Op::Mul; })
      // Extents aren't negative, so that the roundings agree.
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(
          [](auto) { return Expr::Op::FloorDiv; })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>(
          [](auto) { return Expr::Op::CeilDiv; })
      .Case<arith::RemSIOp, arith::RemUIOp>([](auto) { return Expr::Op::Mod; })
      .Case<arith::MaxSIOp, arith::MaxUIOp>([](auto) { return Expr::Op::Max; })
      .Case<arith::MinSIOp, arith::MinUIOp>([](auto) { return Expr::Op::Min; })
      .Default([](auto) { return std::nullopt; });
}

FailureOr<Expr> DimExprs::getExtent(Operation *user, Value buffer,
                                    int64_t axis) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.isDynamicDim(axis))
    return Expr::constant(type.getDimSize(axis));
  if (auto it = inputDims.find({buffer, axis}); it != inputDims.end())
    return it->second;
  unsigned dynamicIndex = type.getDynamicDimIndex(axis);
  if (auto view = buffer.getDefiningOp<memref::ViewOp>())
    return get(user, view.getSizes()[dynamicIndex]);
  if (auto view = buffer.getDefiningOp<memref::SubViewOp>()) {
    // Dropped unit dimensions move the axes.
    llvm::SmallBitVector dropped = view.getDroppedDims();
    int64_t source = -1;
    for (int64_t i = 0, kept = 0; i < int64_t(dropped.size()); ++i)
      if (!dropped[i] && kept++ == axis)
        source = i;
    OpFoldResult size = view.getMixedSizes()[source];
    if (auto value = dyn_cast<Value>(size))
      return get(user, value);
    return Expr::constant(cast<IntegerAttr>(cast<Attribute>(size)).getInt());
  }
  if (auto expand = buffer.getDefiningOp<memref::ExpandShapeOp>())
    return get(user, expand.getOutputShape()[dynamicIndex]);
  if (auto collapse = buffer.getDefiningOp<memref::CollapseShapeOp>()) {
    Expr product = Expr::constant(1);
    SmallVector<ReassociationIndices> groups =
        collapse.getReassociationIndices();
    for (int64_t source : groups[axis]) {
      FailureOr<Expr> extent = getExtent(user, collapse.getSrc(), source);
      if (failed(extent))
        return failure();
      product = combine(Expr::Op::Mul, *extent, product);
    }
    return product;
  }
  if (auto cast = buffer.getDefiningOp<memref::CastOp>())
    return getExtent(user, cast.getSource(), axis);
  if (auto cast = buffer.getDefiningOp<memref::ReinterpretCastOp>())
    return get(user, cast.getSizes()[dynamicIndex]);
  // An output: its extent is what the function returns for it.
  if (auto argument = dyn_cast<BlockArgument>(buffer)) {
    Operation *terminator = argument.getOwner()->getTerminator();
    unsigned next = 0;
    unsigned first = entry.inputs.size();
    for (BlockArgument other : argument.getOwner()->getArguments()) {
      if (other.getArgNumber() < first)
        continue;
      auto otherType = dyn_cast<MemRefType>(other.getType());
      if (other == argument)
        return get(user, terminator->getOperand(next + dynamicIndex));
      next += otherType.getNumDynamicDims();
    }
  }
  return user->emitOpError("uses a buffer whose extent ")
         << axis << " isn't known from the inputs' shapes";
}

FailureOr<Expr> DimExprs::get(Operation *user, Value index) {
  if (auto it = cache.find(index); it != cache.end())
    return it->second;
  FailureOr<Expr> expr = compute(user, index);
  if (succeeded(expr))
    cache[index] = *expr;
  return expr;
}

FailureOr<Expr> DimExprs::compute(Operation *user, Value index) {
  IntegerAttr constant;
  if (matchPattern(index, m_Constant(&constant)))
    return Expr::constant(constant.getInt());
  Operation *op = index.getDefiningOp();
  if (!op)
    return user->emitOpError("uses an index that isn't computed from shapes");
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    if (std::optional<int64_t> axis = dim.getConstantIndex())
      return getExtent(user, dim.getSource(), *axis);
    return op->emitOpError("has a dimension that isn't a constant");
  }
  SmallVector<Expr> operands;
  if (isIndexArithmetic(op))
    for (Value operand : op->getOperands()) {
      FailureOr<Expr> expr = get(user, operand);
      if (failed(expr))
        return failure();
      operands.push_back(*expr);
    }
  if (std::optional<Expr::Op> binary = getBinary(op))
    return combine(*binary, operands[0], operands[1]);
  AffineMap map;
  Expr::Op reduce = Expr::Op::Max;
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    map = apply.getAffineMap();
  } else if (auto max = dyn_cast<affine::AffineMaxOp>(op)) {
    map = max.getAffineMap();
  } else if (auto min = dyn_cast<affine::AffineMinOp>(op)) {
    map = min.getAffineMap();
    reduce = Expr::Op::Min;
  } else {
    return user->emitOpError("uses an index computed by '")
           << op->getName() << "', which isn't an expression of shapes";
  }
  Expr result = translate(map.getResult(0), operands, map.getNumDims());
  for (AffineExpr other : map.getResults().drop_front())
    result =
        combine(reduce, result, translate(other, operands, map.getNumDims()));
  return result;
}
