//===- Materialize.cpp - Tensors of traced expressions -------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The way back from an expression to a tensor: what stands is used where it
// stands, the rest is computed again in one fused op.
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::qmm;

std::optional<SmallVector<int64_t>>
mlir::qmm::getPermutation(Element element, ArrayRef<int64_t> shape) {
  auto type = dyn_cast<RankedTensorType>(element.tensor.getType());
  if (!type || !element.index || type.getRank() != int64_t(shape.size()))
    return std::nullopt;
  SmallVector<int64_t> permutation(shape.size(), -1);
  for (auto [position, index] : llvm::enumerate(element.index.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(index);
    // An extent of 1 has no index to speak of.
    if (!dim || permutation[dim.getPosition()] != -1 ||
        type.getDimSize(position) != shape[dim.getPosition()])
      continue;
    permutation[dim.getPosition()] = position;
  }
  for (size_t dim = 0; dim < permutation.size(); ++dim)
    if (permutation[dim] == -1) {
      auto unit = llvm::find_if(
          llvm::seq<int64_t>(0, shape.size()), [&](int64_t candidate) {
            return type.getDimSize(candidate) == 1 && shape[dim] == 1 &&
                   !llvm::is_contained(permutation, candidate);
          });
      if (unit == llvm::seq<int64_t>(0, shape.size()).end())
        return std::nullopt;
      permutation[dim] = *unit;
    }
  return permutation;
}

Value mlir::qmm::transpose(OpBuilder &builder, Location loc, Value value,
                           ArrayRef<int64_t> permutation) {
  if (isIdentityPermutation(permutation))
    return value;
  SmallVector<OpFoldResult> sizes =
      applyPermutation(tensor::getMixedSizes(builder, loc, value), permutation);
  Value empty = tensor::EmptyOp::create(builder, loc, sizes,
                                        getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(builder, loc, value, empty, permutation)
      ->getResult(0);
}

/// The movement `op`, of `source`.
static Value replay(OpBuilder &builder, Operation *op, Value source) {
  Type element = getElementTypeOrSelf(source.getType());
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  IRMapping mapping;
  mapping.map(getMovedSource(op), source);
  // What the elements are put into.
  if (auto dps = dyn_cast<DestinationStyleOpInterface>(op)) {
    Value init = dps.getDpsInitOperand(0)->get();
    Value moved = tensor::EmptyOp::create(
        builder, op->getLoc(),
        tensor::getMixedSizes(builder, op->getLoc(), init), element);
    if (isa<tensor::InsertSliceOp>(op)) {
      Value zero = arith::ConstantOp::create(builder, op->getLoc(),
                                             builder.getZeroAttr(element));
      moved =
          linalg::FillOp::create(builder, op->getLoc(), zero, moved).result();
    }
    mapping.map(init, moved);
  }
  Operation *copy = builder.clone(*op, mapping);
  copy->getResult(0).setType(type.clone(element));
  if (auto generic = dyn_cast<linalg::GenericOp>(copy)) {
    Block *body = generic.getBody();
    body->getArguments().back().setType(element);
    body->getTerminator()->getOperand(0).setType(element);
  }
  if (auto pad = dyn_cast<tensor::PadOp>(copy)) {
    Operation *yield = pad.getRegion().front().getTerminator();
    OpBuilder body(yield);
    Value zero = arith::ConstantOp::create(body, op->getLoc(),
                                           body.getZeroAttr(element));
    yield->setOperand(0, zero);
  }
  return copy->getResult(0);
}

namespace {
/// One fused op under construction.
struct FusedOp {
  FusedOp(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape)
      : builder(builder), loc(loc), shape(shape), rank(shape.size()) {}

  OpBuilder &builder;
  Location loc;
  ArrayRef<int64_t> shape;
  unsigned rank;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  DenseMap<const ElementExpr *, unsigned> inputOf;

  /// Can `tensor` be an input with this map: its dimensions distinct loops, and
  /// all of them?
  bool isInput(Value tensor, AffineMap index) const {
    if (!index.isProjectedPermutation())
      return false;
    auto type = cast<RankedTensorType>(tensor.getType());
    for (auto [extent, result] :
         llvm::zip_equal(type.getShape(), index.getResults()))
      if (extent != shape[cast<AffineDimExpr>(result).getPosition()])
        return false;
    return true;
  }

  void addInput(const ElementExpr *expr, Value tensor, AffineMap index) {
    // A uniform value's map may still name the loops it came from.
    index = AffineMap::get(rank, 0, index.getResults(), builder.getContext());
    for (auto [i, input, map] : llvm::enumerate(inputs, maps))
      if (input == tensor && map == index) {
        inputOf[expr] = i;
        return;
      }
    inputOf[expr] = inputs.size();
    inputs.push_back(tensor);
    maps.push_back(index);
  }

  void collect(const ElementExpr *expr) {
    if (!collected.insert(expr).second)
      return;
    if (expr->kind == ElementExpr::Kind::Constant)
      return;
    if (expr->kind == ElementExpr::Kind::Moved) {
      moved[expr] = buildMoved(expr);
      if (isInput(moved[expr], expr->origin.index))
        addInput(expr, moved[expr], expr->origin.index);
      return;
    }
    if (expr->kind == ElementExpr::Kind::Leaf) {
      if (isa<RankedTensorType>(expr->origin.tensor.getType()) &&
          isInput(expr->origin.tensor, expr->origin.index))
        addInput(expr, expr->origin.tensor, expr->origin.index);
      return;
    }
    for (const ElementExpr *operand : expr->operands)
      collect(operand);
  }

  Value buildMoved(const ElementExpr *expr) {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(builder, loc, getMovedSource(expr->op));
    return replay(builder, expr->op,
                  materialize(builder, loc, expr->operands[0], sizes));
  }

  Value extract(OpBuilder &body, Value tensor, AffineMap index) {
    SmallVector<Value> loops, indices;
    for (unsigned i = 0; i < rank; ++i)
      loops.push_back(linalg::IndexOp::create(body, loc, i));
    for (AffineExpr result : index.getResults())
      indices.push_back(affine::AffineApplyOp::create(
          body, loc, AffineMap::get(rank, 0, result), loops));
    return tensor::ExtractOp::create(body, loc, tensor, indices);
  }

  Value build(OpBuilder &body, const ElementExpr *expr, ValueRange arguments) {
    if (auto it = inputOf.find(expr); it != inputOf.end())
      return arguments[it->second];
    if (Value value = built.lookup(expr))
      return value;
    switch (expr->kind) {
    case ElementExpr::Kind::Constant: {
      TypedAttr value =
          isa<FloatType>(expr->type)
              ? TypedAttr(body.getFloatAttr(expr->type, expr->constant))
              : TypedAttr(body.getIntegerAttr(
                    expr->type, static_cast<int64_t>(expr->constant)));
      return arith::ConstantOp::create(body, loc, value);
    }
    case ElementExpr::Kind::Leaf:
      if (!isa<RankedTensorType>(expr->origin.tensor.getType()))
        return expr->origin.tensor;
      return extract(body, expr->origin.tensor, expr->origin.index);
    case ElementExpr::Kind::Moved:
      return extract(body, moved[expr], expr->origin.index);
    case ElementExpr::Kind::Op: {
      IRMapping mapping;
      for (auto [operand, value] :
           llvm::zip_equal(expr->operands, expr->op->getOperands()))
        mapping.map(value, build(body, operand, arguments));
      Operation *copy = body.clone(*expr->op, mapping);
      copy->getResult(0).setType(expr->type);
      return built[expr] = copy->getResult(0);
    }
    }
    llvm_unreachable("covered switch");
  }

  llvm::SmallPtrSet<const ElementExpr *, 16> collected;
  DenseMap<const ElementExpr *, Value> moved, built;
};
} // namespace

/// The tensor's dimensions with extents of 1 put in between; null if the domain
/// isn't that.
static Value expandUnits(OpBuilder &builder, Location loc, Element element,
                         ArrayRef<int64_t> shape,
                         ArrayRef<OpFoldResult> sizes) {
  auto type = dyn_cast<RankedTensorType>(element.tensor.getType());
  if (!type || type.getRank() == 0)
    return {};
  unsigned next = 0;
  SmallVector<ReassociationIndices> groups;
  for (AffineExpr index : element.index.getResults()) {
    ReassociationIndices group;
    auto dim = dyn_cast<AffineDimExpr>(index);
    if (!dim)
      return {};
    for (; next < dim.getPosition() && shape[next] == 1; ++next)
      group.push_back(next);
    if (dim.getPosition() != next ||
        type.getDimSize(groups.size()) != shape[next])
      return {};
    group.push_back(next++);
    groups.push_back(group);
  }
  for (; next < shape.size() && shape[next] == 1; ++next)
    groups.back().push_back(next);
  if (next != shape.size())
    return {};
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()),
      element.tensor, groups, sizes);
}

/// The part of the tensor that the domain reads at constant offsets and steps,
/// without dimensions of one index; nullopt if that is all of it.
static std::optional<Element> slice(OpBuilder &builder, Location loc,
                                    Element element, ArrayRef<int64_t> shape) {
  auto type = dyn_cast<RankedTensorType>(element.tensor.getType());
  if (!type || !type.hasStaticShape() || ShapedType::isDynamicShape(shape))
    return std::nullopt;
  SmallVector<OpFoldResult> offsets, extents, steps;
  SmallVector<int64_t> sliceShape;
  SmallVector<AffineExpr> indices;
  bool isWhole = true;
  for (auto [extent, index] :
       llvm::zip_equal(type.getShape(), element.index.getResults())) {
    // index = dim * step + offset
    int64_t step = 1, offset = 0, size = 1;
    AffineExpr rest = index;
    if (auto sum = dyn_cast<AffineBinaryOpExpr>(rest);
        sum && sum.getKind() == AffineExprKind::Add)
      if (auto constant = dyn_cast<AffineConstantExpr>(sum.getRHS())) {
        offset = constant.getValue();
        rest = sum.getLHS();
      }
    if (auto product = dyn_cast<AffineBinaryOpExpr>(rest);
        product && product.getKind() == AffineExprKind::Mul)
      if (auto constant = dyn_cast<AffineConstantExpr>(product.getRHS())) {
        step = constant.getValue();
        rest = product.getLHS();
      }
    if (auto constant = dyn_cast<AffineConstantExpr>(index)) {
      offset = constant.getValue();
    } else if (auto dim = dyn_cast<AffineDimExpr>(rest)) {
      size = shape[dim.getPosition()];
      sliceShape.push_back(size);
      indices.push_back(dim);
    } else {
      return std::nullopt;
    }
    if (step < 1 || offset < 0 || offset + (size - 1) * step >= extent)
      return std::nullopt;
    isWhole &= size == extent;
    offsets.push_back(builder.getIndexAttr(offset));
    extents.push_back(builder.getIndexAttr(size));
    steps.push_back(builder.getIndexAttr(step));
  }
  if (isWhole)
    return std::nullopt;
  Value part = tensor::ExtractSliceOp::create(
      builder, loc, RankedTensorType::get(sliceShape, type.getElementType()),
      element.tensor, offsets, extents, steps);
  return Element{
      part, AffineMap::get(shape.size(), 0, indices, builder.getContext())};
}

/// The tensor in another shape, if the domain has its elements in its order.
static Value reshapeWhole(OpBuilder &builder, Location loc, Element element,
                          ArrayRef<int64_t> shape) {
  auto type = dyn_cast<RankedTensorType>(element.tensor.getType());
  if (!type || type.getRank() == 0 || shape.empty() || !type.hasStaticShape() ||
      ShapedType::isDynamicShape(shape) ||
      type.getNumElements() != ShapedType::getNumElements(shape))
    return {};
  // Positions in row-major order, without dims of extent 1.
  MLIRContext *context = type.getContext();
  auto getPosition = [&](ArrayRef<AffineExpr> indices,
                         ArrayRef<int64_t> extents) {
    AffineExpr position = getAffineConstantExpr(0, context);
    for (auto [index, stride] :
         llvm::zip_equal(indices, computeStrides(extents)))
      position = position + index * stride;
    return simplifyInExtents(position, shape);
  };
  SmallVector<AffineExpr> dims;
  for (size_t dim = 0; dim < shape.size(); ++dim)
    dims.push_back(getAffineDimExpr(dim, context));
  if (getPosition(element.index.getResults(), type.getShape()) !=
      getPosition(dims, shape))
    return {};
  Value value = element.tensor;
  auto getAll = [](int64_t rank) -> SmallVector<ReassociationIndices> {
    return {llvm::to_vector<2>(llvm::seq<int64_t>(0, rank))};
  };
  if (type.getRank() > 1)
    value = tensor::CollapseShapeOp::create(builder, loc, value,
                                            getAll(type.getRank()));
  if (shape.size() == 1)
    return value;
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), value,
      getAll(shape.size()));
}

Value mlir::qmm::materialize(OpBuilder &builder, Location loc,
                             const ElementExpr *expr,
                             ArrayRef<OpFoldResult> sizes, Type type) {
  unsigned rank = sizes.size();
  if (!type)
    type = expr->type;
  SmallVector<int64_t> shape;
  SmallVector<Value> dynamicSizes;
  dispatchIndexOpFoldResults(sizes, dynamicSizes, shape);
  auto resultType = RankedTensorType::get(shape, type);
  if (expr->kind == ElementExpr::Kind::Constant && resultType.hasStaticShape())
    if (auto floatType = dyn_cast<FloatType>(type))
      return arith::ConstantOp::create(
          builder, loc,
          DenseElementsAttr::get(
              resultType, builder.getFloatAttr(floatType, expr->constant)));
  FusedOp fused(builder, loc, shape);
  auto materializeLeaf = [&](Element element) {
    ElementExpr leaf;
    leaf.kind = ElementExpr::Kind::Leaf;
    leaf.type = type;
    leaf.origin = element;
    return materialize(builder, loc, &leaf, sizes, type);
  };
  if (expr->stands() && type == expr->type) {
    Element element = expr->origin;
    if (auto permutation = getPermutation(element, shape))
      return transpose(builder, loc, element.tensor, *permutation);
    if (Value value = expandUnits(builder, loc, element, shape, sizes))
      return value;
    if (Value value = reshapeWhole(builder, loc, element, shape))
      return value;
    if (std::optional<Element> part = slice(builder, loc, element, shape))
      return materializeLeaf(*part);
  }
  if (expr->kind == ElementExpr::Kind::Moved && type == expr->type)
    return materializeLeaf({fused.buildMoved(expr), expr->origin.index});
  fused.collect(expr);
  fused.maps.push_back(builder.getMultiDimIdentityMap(rank));
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, type);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, TypeRange{empty.getType()}, fused.inputs, empty,
             fused.maps, iterators,
             [&](OpBuilder &body, Location l, ValueRange arguments) {
               Value value = fused.build(body, expr, arguments);
               if (value.getType() != type)
                 value = arith::ExtFOp::create(body, l, type, value);
               linalg::YieldOp::create(body, l, value);
             })
      .getResult(0);
}

Value mlir::qmm::materializeScalar(OpBuilder &builder, Location loc,
                                   const ElementExpr *expr) {
  if (!expr->isMaterializable)
    return {};
  // Whatever the index of a uniform value is, it has no loops.
  if (expr->origin.index && expr->origin.index.getNumResults() == 0 &&
      expr->origin.tensor.getType() ==
          RankedTensorType::get({}, builder.getF32Type()))
    return expr->origin.tensor;
  return materialize(builder, loc, expr, {}, builder.getF32Type());
}

Value mlir::qmm::createScale(OpBuilder &builder, Location loc, float value) {
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()),
                             value));
}

Value mlir::qmm::multiply(OpBuilder &builder, Location loc,
                          ArrayRef<Factor> factors,
                          ArrayRef<OpFoldResult> sizes) {
  if (factors.empty())
    return createScale(builder, loc, 1.0f);
  AffineMap identity = builder.getMultiDimIdentityMap(sizes.size());
  if (factors.size() == 1 && !factors[0].divides &&
      factors[0].index == identity)
    return factors[0].value;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const Factor &factor : factors) {
    inputs.push_back(factor.value);
    maps.push_back(factor.index);
  }
  maps.push_back(identity);
  Value empty =
      tensor::EmptyOp::create(builder, loc, sizes, builder.getF32Type());
  SmallVector<utils::IteratorType> iterators(sizes.size(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, TypeRange{empty.getType()}, inputs, empty, maps,
             iterators,
             [&](OpBuilder &body, Location l, ValueRange arguments) {
               Value product;
               for (auto [factor, by] :
                    llvm::zip(factors, arguments.drop_back())) {
                 if (!product && factor.divides)
                   product = arith::ConstantOp::create(
                       body, l, body.getF32FloatAttr(1.0f));
                 if (!product)
                   product = by;
                 else if (factor.divides)
                   product = arith::DivFOp::create(body, l, product, by);
                 else
                   product = arith::MulFOp::create(body, l, product, by);
               }
               linalg::YieldOp::create(body, l, product);
             })
      .getResult(0);
}
