//===- MatmulEpilogue.cpp - What follows a product, on its own ------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything is computed in f32, in the order that the host's epilogue has.
//
//===----------------------------------------------------------------------===//

#include "MatmulEpilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::qmm;

static Value createConstant(OpBuilder &builder, Location loc, double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(float(value)));
}

/// A number as f32.
static Value toF32(OpBuilder &builder, Location loc, Value value) {
  Type f32 = builder.getF32Type();
  if (value.getType() == f32)
    return value;
  if (value.getType().isInteger())
    return arith::SIToFPOp::create(builder, loc, f32, value);
  return arith::ExtFOp::create(builder, loc, f32, value);
}

static Value fromF32(OpBuilder &builder, Location loc, Value value,
                     Type element) {
  if (value.getType() == element)
    return value;
  return arith::TruncFOp::create(builder, loc, element, value);
}

/// x / (1 + exp(-x)), and both GELUs by their definitions.
static Value activate(OpBuilder &b, Location loc, Activation activation,
                      Value x) {
  auto mul = [&](Value lhs, Value rhs) -> Value {
    return arith::MulFOp::create(b, loc, lhs, rhs);
  };
  auto add = [&](Value lhs, Value rhs) -> Value {
    return arith::AddFOp::create(b, loc, lhs, rhs);
  };
  auto constant = [&](double value) { return createConstant(b, loc, value); };
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::ReLU:
    return arith::MaximumFOp::create(b, loc, x, constant(0.0));
  case Activation::GELUTanh: {
    // sqrt(2 / pi) (x + 0.044715 x^3)
    Value cubic = mul(constant(0.044715), mul(x, mul(x, x)));
    Value inner = mul(constant(0.7978845608028654), add(x, cubic));
    Value tanh = math::TanhOp::create(b, loc, inner);
    return mul(mul(constant(0.5), x), add(constant(1.0), tanh));
  }
  case Activation::GELUErf: {
    Value erf =
        math::ErfOp::create(b, loc, mul(x, constant(0.7071067811865476)));
    return mul(mul(constant(0.5), x), add(constant(1.0), erf));
  }
  case Activation::SiLU: {
    Value negated = arith::NegFOp::create(b, loc, x);
    Value exp = math::ExpOp::create(b, loc, negated);
    return arith::DivFOp::create(b, loc, x, add(constant(1.0), exp));
  }
  }
  llvm_unreachable("covered switch");
}

/// A loop over the extents of `like`.
static Value
createLoop(OpBuilder &builder, Location loc, Value like, Type element,
           ValueRange inputs, ArrayRef<AffineMap> inputMaps,
           function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  auto type = cast<RankedTensorType>(like.getType());
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, like), element);
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{type.clone(element)}, inputs, ValueRange{empty},
      maps, loops, [&](OpBuilder &b, Location l, ValueRange arguments) {
        linalg::YieldOp::create(b, l, body(b, l, arguments.drop_back()));
      });
  return generic.getResult(0);
}

Value mlir::qmm::castElements(OpBuilder &builder, Location loc, Value value,
                              Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType() == element)
    return value;
  return createLoop(builder, loc, value, element, value,
                    builder.getMultiDimIdentityMap(type.getRank()),
                    [&](OpBuilder &b, Location l, ValueRange arguments) {
                      return fromF32(b, l, toF32(b, l, arguments[0]), element);
                    });
}

Value mlir::qmm::multiplyScalars(OpBuilder &builder, Location loc,
                                 ValueRange scalars) {
  if (scalars.size() == 1)
    return scalars[0];
  return createLoop(
      builder, loc, scalars[0], builder.getF32Type(), scalars,
      SmallVector<AffineMap>(scalars.size(), builder.getMultiDimIdentityMap(0)),
      [](OpBuilder &b, Location l, ValueRange arguments) {
        Value product = arguments[0];
        for (Value factor : arguments.drop_front())
          product = arith::MulFOp::create(b, l, product, factor);
        return product;
      });
}

Value MatmulEpilogue::create(OpBuilder &builder, Location loc, Value product,
                             Type element) const {
  int64_t rank = cast<RankedTensorType>(product.getType()).getRank();
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  AffineMap columns = identity.getSubMap({unsigned(rank - 1)});
  SmallVector<Value> inputs{product};
  SmallVector<AffineMap> maps{identity};
  auto add = [&](Value value, AffineMap map) {
    if (!value)
      return;
    inputs.push_back(value);
    maps.push_back(map);
  };
  for (Value scalar : scalars)
    add(scalar, AffineMap::get(rank, 0, builder.getContext()));
  add(rowScale, identity.getMajorSubMap(rank - 1));
  if (columnScale &&
      cast<RankedTensorType>(columnScale.getType()).getRank() > 1) {
    SmallVector<unsigned> batchAndColumn =
        llvm::to_vector(llvm::seq<unsigned>(0, rank - 2));
    batchAndColumn.push_back(rank - 1);
    add(columnScale, identity.getSubMap(batchAndColumn));
  } else {
    add(columnScale, columns);
  }
  add(bias, columns);
  add(residual, identity);
  return createLoop(
      builder, loc, product, element, inputs, maps,
      [&](OpBuilder &b, Location l, ValueRange arguments) {
        Value value = toF32(b, l, arguments[0]);
        arguments = arguments.drop_front();
        size_t numScales = scalars.size() + !!rowScale + !!columnScale;
        for (Value scale : arguments.take_front(numScales))
          value = arith::MulFOp::create(b, l, value, scale);
        for (Value summand : arguments.drop_front(numScales))
          value = arith::AddFOp::create(b, l, value, toF32(b, l, summand));
        return fromF32(b, l, activate(b, l, activation, value), element);
      });
}
