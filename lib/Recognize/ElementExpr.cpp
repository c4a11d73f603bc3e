//===- ElementExpr.cpp - What one element is computed from ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tracing through linalg ops whose loops are all parallel, reshapes and slices.
// Materialize.cpp goes the way back.
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::qmm;

bool ElementExpr::isOp(StringRef name) const {
  return kind == Kind::Op && op->getName().getStringRef() == name;
}

bool ElementExpr::isUniform() const {
  auto isConstant = [](AffineExpr e) { return isa<AffineConstantExpr>(e); };
  switch (kind) {
  case Kind::Constant:
    return true;
  case Kind::Leaf:
    return !origin.index || llvm::all_of(origin.index.getResults(), isConstant);
  case Kind::Moved:
    return llvm::all_of(origin.index.getResults(), isConstant) ||
           operands[0]->isUniform();
  case Kind::Op:
    return llvm::all_of(operands,
                        [](const ElementExpr *e) { return e->isUniform(); });
  }
  llvm_unreachable("covered switch");
}

bool ElementExpr::dependsOn(unsigned dim) const {
  if (kind == Kind::Op)
    return llvm::any_of(
        operands, [&](const ElementExpr *e) { return e->dependsOn(dim); });
  return kind != Kind::Constant && origin.index &&
         origin.index.isFunctionOfDim(dim);
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

  if (element.index) {
    const ElementExpr *traced = nullptr;
    if (auto op = element.tensor.getDefiningOp<linalg::LinalgOp>())
      traced = traceLinalg(element, op);
    else
      traced = traceMovement(element);
    if (traced)
      return finish(traced);
  }
  ElementExpr *leaf = create(ElementExpr::Kind::Leaf, type);
  leaf->origin = element;
  return finish(leaf);
}

const ElementExpr *ElementTracer::traceLinalg(Element element,
                                              linalg::LinalgOp op) {
  unsigned result = cast<OpResult>(element.tensor).getResultNumber();
  OpOperand *init = op.getDpsInitOperand(result);
  AffineMap outMap = op.getMatchingIndexingMap(init);
  if (op.getNumParallelLoops() != op.getNumLoops() || !outMap.isPermutation() ||
      llvm::any_of(op.getDpsInitsMutable(), [&](OpOperand &operand) {
        return op.payloadUsesValueFromOperand(&operand);
      }))
    return nullptr;
  AffineMap loops = inversePermutation(outMap).compose(element.index);
  const ElementExpr *body = traceScalar(
      op.getBlock()->getTerminator()->getOperand(result), op, loops);
  if (body->origin.tensor || body->kind == ElementExpr::Kind::Moved)
    return body; // a broadcast: the value already stands elsewhere
  ElementExpr *expr = create(body->kind, body->type);
  *expr = *body;
  expr->origin = element;
  return expr;
}

/// The indices into the expanded tensor of a reassociation, from those into the
/// collapsed one; nullopt if an extent that they need is dynamic.
static std::optional<SmallVector<AffineExpr>>
expandIndices(ArrayRef<ReassociationIndices> groups, ArrayRef<int64_t> shape,
              ArrayRef<AffineExpr> collapsed, MLIRContext *context) {
  SmallVector<AffineExpr> indices(shape.size(),
                                  getAffineConstantExpr(0, context));
  for (auto [group, index] : llvm::zip_equal(groups, collapsed)) {
    int64_t stride = 1;
    SmallVector<int64_t> dims = llvm::to_vector(llvm::make_filter_range(
        group, [&](int64_t d) { return shape[d] != 1; }));
    for (auto [position, dim] : llvm::enumerate(llvm::reverse(dims))) {
      bool isOuter = position + 1 == dims.size();
      if (!isOuter && ShapedType::isDynamic(shape[dim]))
        return std::nullopt;
      indices[dim] = index.floorDiv(stride);
      if (isOuter)
        break;
      indices[dim] = indices[dim] % shape[dim];
      stride *= shape[dim];
    }
  }
  return indices;
}

/// The other way round.
static std::optional<SmallVector<AffineExpr>>
collapseIndices(ArrayRef<ReassociationIndices> groups, ArrayRef<int64_t> shape,
                ArrayRef<AffineExpr> expanded, MLIRContext *context) {
  SmallVector<AffineExpr> indices;
  for (const ReassociationIndices &group : groups) {
    AffineExpr sum = getAffineConstantExpr(0, context);
    int64_t stride = 1;
    for (int64_t dim : llvm::reverse(group)) {
      if (shape[dim] == 1)
        continue;
      if (ShapedType::isDynamic(stride))
        return std::nullopt;
      sum = sum + expanded[dim] * stride;
      stride =
          ShapedType::isDynamic(shape[dim]) ? shape[dim] : stride * shape[dim];
    }
    indices.push_back(sum);
  }
  return indices;
}

const ElementExpr *ElementTracer::traceMovement(Element element) {
  Operation *op = element.tensor.getDefiningOp();
  if (!op || !isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                  tensor::ExtractSliceOp, tensor::CastOp, tensor::PadOp>(op))
    return nullptr;
  Value source = op->getOperand(0);
  auto sourceType = dyn_cast<RankedTensorType>(source.getType());
  auto resultType = dyn_cast<RankedTensorType>(element.tensor.getType());
  if (!sourceType || !resultType)
    return nullptr;
  MLIRContext *context = op->getContext();
  ArrayRef<AffineExpr> index = element.index.getResults();

  std::optional<SmallVector<AffineExpr>> indices;
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    indices = collapseIndices(expand.getReassociationIndices(),
                              resultType.getShape(), index, context);
  } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    indices = expandIndices(collapse.getReassociationIndices(),
                            sourceType.getShape(), index, context);
  } else if (isa<tensor::CastOp>(op)) {
    indices = llvm::to_vector(index);
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    ArrayRef<int64_t> offsets = slice.getStaticOffsets();
    ArrayRef<int64_t> strides = slice.getStaticStrides();
    // Static, so that whoever sees the source sees that it isn't all of it.
    if (!ShapedType::isDynamicShape(offsets) &&
        !ShapedType::isDynamicShape(strides) && sourceType.hasStaticShape() &&
        slice.getType().hasStaticShape()) {
      llvm::SmallBitVector dropped = slice.getDroppedDims();
      indices.emplace();
      for (int64_t dim = 0, next = 0; dim < sourceType.getRank(); ++dim) {
        AffineExpr offset = getAffineConstantExpr(offsets[dim], context);
        indices->push_back(
            dropped.test(dim) ? offset : index[next++] * strides[dim] + offset);
      }
    }
  }
  if (indices)
    return trace(
        {source, simplifyAffineMap(AffineMap::get(element.index.getNumDims(), 0,
                                                  *indices, context))});

  // Padding with anything but zero is a value of its own.
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Value padding = pad.getConstantPaddingValue();
    if (!padding || !matchPattern(padding, m_AnyZeroFloat()))
      return nullptr;
  }
  ElementExpr *moved =
      create(ElementExpr::Kind::Moved, resultType.getElementType());
  moved->op = op;
  moved->origin = element;
  moved->operands.push_back(
      trace({source, AffineMap::getMultiDimIdentityMap(sourceType.getRank(),
                                                       context)}));
  return moved;
}

const ElementExpr *ElementTracer::traceScalar(Value scalar, linalg::LinalgOp op,
                                              AffineMap loops) {
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
  // The element of a tensor of rank 0, read inside or outside.
  if (auto extract = dyn_cast_or_null<tensor::ExtractOp>(definition);
      extract && extract.getTensor().getType().getRank() == 0)
    return trace({extract.getTensor(),
                  AffineMap::get(loops.getNumDims(), 0, op.getContext())});
  if (definition && definition->getBlock() == op.getBlock() &&
      isa<arith::ArithDialect, math::MathDialect>(definition->getDialect()) &&
      definition->getNumResults() == 1) {
    SmallVector<const ElementExpr *> operands;
    for (Value operand : definition->getOperands())
      operands.push_back(traceScalar(operand, op, loops));
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

const ElementExpr *ElementTracer::substitute(const ElementExpr *expr,
                                             ArrayRef<AffineExpr> replacements,
                                             ArrayRef<int64_t> extents) {
  ElementExpr *copy = create(expr->kind, expr->type);
  *copy = *expr;
  if (copy->origin.tensor && copy->origin.index) {
    SmallVector<AffineExpr> results;
    for (AffineExpr result : copy->origin.index.getResults())
      results.push_back(simplifyInExtents(
          result.replaceDimsAndSymbols(replacements, {}), extents));
    copy->origin.index = AffineMap::get(extents.size(), 0, results,
                                        copy->origin.index.getContext());
  }
  if (expr->kind == ElementExpr::Kind::Op)
    for (const ElementExpr *&operand : copy->operands)
      operand = substitute(operand, replacements, extents);
  return copy;
}

const ElementExpr *ElementTracer::move(const ElementExpr *moved,
                                       const ElementExpr *inner) {
  ElementExpr *copy = create(ElementExpr::Kind::Moved, inner->type);
  copy->op = moved->op;
  copy->origin = moved->origin;
  copy->operands.push_back(inner);
  return copy;
}

const ElementExpr *ElementTracer::mask(const ElementExpr *masked,
                                       unsigned operand,
                                       const ElementExpr *inner) {
  ElementExpr *zero = create(ElementExpr::Kind::Constant, inner->type);
  ElementExpr *copy = create(ElementExpr::Kind::Op, inner->type);
  copy->op = masked->op;
  copy->operands.assign({masked->operands[0], zero, zero});
  copy->operands[operand] = inner;
  return copy;
}

const ElementExpr *mlir::qmm::stripExtensions(const ElementExpr *expr) {
  while (expr->isOp("arith.extf"))
    expr = expr->operands[0];
  return expr;
}

AffineExpr mlir::qmm::simplifyInExtents(AffineExpr expr,
                                        ArrayRef<int64_t> extents) {
  SmallVector<std::optional<int64_t>> lower, upper;
  for (int64_t extent : extents) {
    lower.push_back(0);
    upper.push_back(ShapedType::isDynamic(extent)
                        ? std::optional<int64_t>()
                        : std::optional<int64_t>(extent - 1));
  }
  auto isInside = [&](AffineExpr e, int64_t limit) {
    std::optional<int64_t> low = getBoundForAffineExpr(
        e, extents.size(), 0, lower, upper, /*isUpper=*/false);
    std::optional<int64_t> high = getBoundForAffineExpr(
        e, extents.size(), 0, lower, upper, /*isUpper=*/true);
    return low && *low >= 0 && high && *high < limit;
  };
  std::function<AffineExpr(AffineExpr)> visit = [&](AffineExpr e) {
    auto binary = dyn_cast<AffineBinaryOpExpr>(e);
    if (!binary)
      return e;
    AffineExpr lhs = visit(binary.getLHS()), rhs = visit(binary.getRHS());
    e = getAffineBinaryOpExpr(e.getKind(), lhs, rhs);
    binary = dyn_cast<AffineBinaryOpExpr>(e);
    auto divisor = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS())
                          : AffineConstantExpr();
    if (!divisor)
      return e;
    if (e.getKind() == AffineExprKind::FloorDiv &&
        isInside(binary.getLHS(), divisor.getValue()))
      return getAffineConstantExpr(0, e.getContext());
    if (e.getKind() == AffineExprKind::Mod &&
        isInside(binary.getLHS(), divisor.getValue()))
      return binary.getLHS();
    return e;
  };
  SmallVector<AffineExpr> dims;
  for (auto [position, extent] : llvm::enumerate(extents))
    dims.push_back(extent == 1 ? getAffineConstantExpr(0, expr.getContext())
                               : getAffineDimExpr(position, expr.getContext()));
  expr = simplifyAffineExpr(expr.replaceDims(dims), extents.size(), 0);
  return simplifyAffineExpr(visit(expr), extents.size(), 0);
}
