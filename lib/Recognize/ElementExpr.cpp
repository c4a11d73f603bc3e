//===- ElementExpr.cpp - What one element is computed from ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tracing through linalg ops whose loops are all parallel, and back: building
// the value of a uniform expression.
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::qmm;

bool ElementExpr::isOp(StringRef name) const {
  return kind == Kind::Op && op->getName().getStringRef() == name;
}

bool ElementExpr::isUniform() const {
  switch (kind) {
  case Kind::Constant:
    return true;
  case Kind::Leaf:
    return !origin.index ||
           llvm::all_of(origin.index.getResults(), [](AffineExpr e) {
             return isa<AffineConstantExpr>(e);
           });
  case Kind::Op:
    return llvm::all_of(operands,
                        [](const ElementExpr *e) { return e->isUniform(); });
  }
  llvm_unreachable("covered switch");
}

ElementExpr *ElementTracer::create(ElementExpr::Kind kind, Type type) {
  nodes.push_back(std::make_unique<ElementExpr>());
  nodes.back()->kind = kind;
  nodes.back()->type = type;
  return nodes.back().get();
}

/// The value of a float or integer constant, if `attribute` is one.
static std::optional<double> getConstant(Attribute attribute) {
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(attribute))
    attribute = splat.getSplatValue<Attribute>();
  if (auto number = dyn_cast_or_null<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto number = dyn_cast_or_null<IntegerAttr>(attribute))
    return static_cast<double>(number.getValue().getSExtValue());
  return std::nullopt;
}

const ElementExpr *ElementTracer::trace(Element element) {
  auto [it, isNew] = memo.try_emplace({element.tensor, element.index}, nullptr);
  if (!isNew)
    return it->second;
  auto finish = [&](const ElementExpr *expr) {
    memo[{element.tensor, element.index}] = expr;
    return expr;
  };

  Type type = getElementTypeOrSelf(element.tensor.getType());
  Attribute attribute;
  if (matchPattern(element.tensor, m_Constant(&attribute)))
    if (std::optional<double> value = getConstant(attribute)) {
      ElementExpr *expr = create(ElementExpr::Kind::Constant, type);
      expr->constant = *value;
      expr->origin = element;
      return finish(expr);
    }

  auto linalgOp = element.tensor.getDefiningOp<linalg::LinalgOp>();
  if (linalgOp && linalgOp->getNumResults() == 1 &&
      linalgOp.getNumParallelLoops() == linalgOp.getNumLoops() &&
      !linalgOp.payloadUsesValueFromOperand(linalgOp.getDpsInitOperand(0))) {
    AffineMap outMap =
        linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0));
    if (outMap.isPermutation()) {
      AffineMap loops = inversePermutation(outMap).compose(element.index);
      Value yielded = linalgOp.getBlock()->getTerminator()->getOperand(0);
      const ElementExpr *body = traceScalar(yielded, linalgOp, loops);
      if (body->origin.tensor)
        return finish(body); // a broadcast: the value already stands elsewhere
      ElementExpr *expr = create(body->kind, body->type);
      *expr = *body;
      expr->origin = element;
      return finish(expr);
    }
  }
  ElementExpr *leaf = create(ElementExpr::Kind::Leaf, type);
  leaf->origin = element;
  return finish(leaf);
}

const ElementExpr *ElementTracer::traceScalar(Value scalar, Operation *linalgOp,
                                              AffineMap loops) {
  auto op = cast<linalg::LinalgOp>(linalgOp);
  if (auto argument = dyn_cast<BlockArgument>(scalar);
      argument && argument.getOwner() == op.getBlock()) {
    OpOperand *operand = op.getMatchingOpOperand(argument);
    if (isa<RankedTensorType>(operand->get().getType()))
      return trace(
          {operand->get(), op.getMatchingIndexingMap(operand).compose(loops)});
    return trace({operand->get(), AffineMap()}); // linalg.fill's scalar
  }
  Attribute attribute;
  if (matchPattern(scalar, m_Constant(&attribute)))
    if (std::optional<double> value = getConstant(attribute)) {
      ElementExpr *expr = create(ElementExpr::Kind::Constant, scalar.getType());
      expr->constant = *value;
      expr->origin = {scalar, AffineMap()};
      return expr;
    }
  Operation *definition = scalar.getDefiningOp();
  if (definition && definition->getBlock() == op.getBlock() &&
      isa<arith::ArithDialect, math::MathDialect>(definition->getDialect()) &&
      definition->getNumResults() == 1) {
    SmallVector<const ElementExpr *> operands;
    for (Value operand : definition->getOperands())
      operands.push_back(traceScalar(operand, linalgOp, loops));
    // A conversion of a constant is a constant, when it is exact.
    if (operands.size() == 1 &&
        operands[0]->kind == ElementExpr::Kind::Constant &&
        isa<arith::SIToFPOp, arith::ExtFOp, arith::TruncFOp>(definition) &&
        isa<FloatType>(scalar.getType())) {
      APFloat value(operands[0]->constant);
      bool losesInfo = false;
      value.convert(cast<FloatType>(scalar.getType()).getFloatSemantics(),
                    APFloat::rmNearestTiesToEven, &losesInfo);
      if (!losesInfo) {
        ElementExpr *expr =
            create(ElementExpr::Kind::Constant, scalar.getType());
        expr->constant = operands[0]->constant;
        return expr;
      }
    }
    ElementExpr *expr = create(ElementExpr::Kind::Op, scalar.getType());
    expr->op = definition;
    expr->operands = std::move(operands);
    return expr;
  }
  ElementExpr *leaf = create(ElementExpr::Kind::Leaf, scalar.getType());
  // linalg.index and the like depend on the loops: say so with a loop's map.
  leaf->origin = {scalar, definition && definition->getBlock() == op.getBlock()
                              ? loops
                              : AffineMap()};
  return leaf;
}

const ElementExpr *mlir::qmm::stripExtensions(const ElementExpr *expr) {
  while (expr->isOp("arith.extf"))
    expr = expr->operands[0];
  return expr;
}

static Value buildScalar(OpBuilder &builder, Location loc,
                         const ElementExpr *expr, ArrayRef<Value> leaves,
                         ValueRange arguments) {
  switch (expr->kind) {
  case ElementExpr::Kind::Constant:
    if (isa<FloatType>(expr->type))
      return arith::ConstantOp::create(
          builder, loc, builder.getFloatAttr(expr->type, expr->constant));
    return arith::ConstantOp::create(
        builder, loc,
        builder.getIntegerAttr(expr->type,
                               static_cast<int64_t>(expr->constant)));
  case ElementExpr::Kind::Leaf: {
    auto *it = llvm::find(leaves, expr->origin.tensor);
    return it == leaves.end() ? expr->origin.tensor
                              : arguments[it - leaves.begin()];
  }
  case ElementExpr::Kind::Op: {
    IRMapping mapping;
    for (auto [operand, value] :
         llvm::zip_equal(expr->operands, expr->op->getOperands()))
      mapping.map(value, buildScalar(builder, loc, operand, leaves, arguments));
    return builder.clone(*expr->op, mapping)->getResult(0);
  }
  }
  llvm_unreachable("covered switch");
}

static bool collectLeaves(const ElementExpr *expr,
                          SmallVectorImpl<Value> &tensors) {
  if (expr->kind == ElementExpr::Kind::Leaf) {
    auto type = dyn_cast<RankedTensorType>(expr->origin.tensor.getType());
    if (!type) {
      // A scalar of another op's body can't be used outside of it.
      Value scalar = expr->origin.tensor;
      Region *region = scalar.getParentRegion();
      return !isa_and_nonnull<linalg::LinalgOp>(region->getParentOp());
    }
    if (type.getRank() != 0)
      return false;
    if (!llvm::is_contained(tensors, expr->origin.tensor))
      tensors.push_back(expr->origin.tensor);
  }
  return llvm::all_of(expr->operands, [&](const ElementExpr *operand) {
    return collectLeaves(operand, tensors);
  });
}

Value mlir::qmm::materializeScalar(OpBuilder &builder, Location loc,
                                   const ElementExpr *expr) {
  Type f32 = builder.getF32Type();
  auto resultType = RankedTensorType::get({}, f32);
  if (expr->kind == ElementExpr::Kind::Constant)
    return arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(resultType, static_cast<float>(expr->constant)));
  if (expr->origin.tensor && expr->origin.tensor.getType() == resultType)
    return expr->origin.tensor;
  SmallVector<Value> leaves;
  if (!collectLeaves(expr, leaves))
    return {};
  SmallVector<AffineMap> maps(leaves.size() + 1,
                              AffineMap::get(builder.getContext()));
  Value empty = tensor::EmptyOp::create(builder, loc, ArrayRef<int64_t>{}, f32);
  return linalg::GenericOp::create(
             builder, loc, resultType, leaves, empty, maps,
             ArrayRef<utils::IteratorType>{},
             [&](OpBuilder &b, Location l, ValueRange arguments) {
               Value value = buildScalar(b, l, expr, leaves, arguments);
               if (value.getType() != f32)
                 value = arith::ExtFOp::create(b, l, f32, value);
               linalg::YieldOp::create(b, l, value);
             })
      .getResult(0);
}
