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
  mapping.map(op->getOperand(0), source);
  Operation *copy = builder.clone(*op, mapping);
  copy->getResult(0).setType(type.clone(element));
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
    Value source = expr->op->getOperand(0);
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(builder, loc, source);
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

/// The tensor's dimensions with extents of 1 put in between; or a slice of
/// constant offsets and steps.  Null if it is neither.
static Value reshapeOrSlice(OpBuilder &builder, Location loc, Element element,
                            ArrayRef<int64_t> shape,
                            ArrayRef<OpFoldResult> sizes) {
  auto type = dyn_cast<RankedTensorType>(element.tensor.getType());
  if (!type || type.getRank() == 0)
    return {};
  unsigned next = 0;
  SmallVector<ReassociationIndices> groups;
  SmallVector<OpFoldResult> offsets, steps;
  bool isReshape = true;
  for (AffineExpr index : element.index.getResults()) {
    ReassociationIndices group;
    // index = dim * step + offset
    int64_t step = 1, offset = 0;
    if (auto sum = dyn_cast<AffineBinaryOpExpr>(index);
        sum && sum.getKind() == AffineExprKind::Add)
      if (auto constant = dyn_cast<AffineConstantExpr>(sum.getRHS())) {
        offset = constant.getValue();
        index = sum.getLHS();
      }
    if (auto product = dyn_cast<AffineBinaryOpExpr>(index);
        product && product.getKind() == AffineExprKind::Mul)
      if (auto constant = dyn_cast<AffineConstantExpr>(product.getRHS())) {
        step = constant.getValue();
        index = product.getLHS();
      }
    auto dim = dyn_cast<AffineDimExpr>(index);
    if (!dim || step < 1 || offset < 0)
      return {};
    for (; next < dim.getPosition() && shape[next] == 1; ++next)
      group.push_back(next);
    if (dim.getPosition() != next)
      return {};
    group.push_back(next++);
    bool isWhole = type.getDimSize(groups.size()) == shape[group.back()];
    if (!isWhole &&
        (!type.hasStaticShape() || ShapedType::isDynamic(shape[group.back()])))
      return {};
    isReshape &= step == 1 && offset == 0 && isWhole;
    groups.push_back(group);
    steps.push_back(builder.getIndexAttr(step));
    offsets.push_back(builder.getIndexAttr(offset));
  }
  for (; next < shape.size() && shape[next] == 1; ++next)
    groups.back().push_back(next);
  if (next != shape.size())
    return {};
  auto resultType = RankedTensorType::get(shape, type.getElementType());
  if (isReshape) {
    return tensor::ExpandShapeOp::create(builder, loc, resultType,
                                         element.tensor, groups, sizes);
  }
  if (groups.size() != shape.size())
    return {};
  return tensor::ExtractSliceOp::create(builder, loc, resultType,
                                        element.tensor, offsets, sizes, steps);
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
  if (expr->stands() && type == expr->type)
    if (auto permutation = getPermutation(expr->origin, shape))
      return transpose(builder, loc, expr->origin.tensor, *permutation);
  if (expr->stands() && type == expr->type)
    if (Value value = reshapeOrSlice(builder, loc, expr->origin, shape, sizes))
      return value;
  FusedOp fused(builder, loc, shape);
  if (expr->kind == ElementExpr::Kind::Moved && expr->type == type)
    if (auto permutation = getPermutation(expr->origin, shape);
        permutation && isIdentityPermutation(*permutation))
      return fused.buildMoved(expr);
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
