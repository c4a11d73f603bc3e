//===- PhysicalShapes.cpp - Extents of a value's parts --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only rows of a scale matrix need arithmetic: K is static wherever blocks
// divide it, and dynamic dimensions aren't padded.
//
//===----------------------------------------------------------------------===//

#include "PhysicalShapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::qmm;

/// ceil(size / divisor) * factor, for a size of at least 0.
static OpFoldResult ceilDivMul(OpBuilder &builder, Location loc,
                               OpFoldResult size, int64_t divisor,
                               int64_t factor) {
  if (std::optional<int64_t> value = getConstantIntValue(size)) {
    int64_t quotient = *value / divisor + (*value % divisor != 0);
    return builder.getIndexAttr(quotient * factor);
  }
  Value result = getValueOrCreateConstantIndexOp(builder, loc, size);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  if (divisor != 1)
    result =
        arith::CeilDivUIOp::create(builder, loc, result, constant(divisor));
  if (factor != 1)
    result = arith::MulIOp::create(builder, loc, result, constant(factor));
  return result;
}

/// The rows of the stored scale matrix of `outer` rows of elements.
static OpFoldResult getStoredScaleRows(OpBuilder &builder, Location loc,
                                       QuantizedTensorType type,
                                       OpFoldResult outer) {
  OpFoldResult rows =
      ceilDivMul(builder, loc, outer, type.getScheme().getBlockOuter(), 1);
  LayoutAttr layout = type.getLayout();
  int64_t multiple = 1;
  if (layout.getScales() == ScaleLayout::OuterMajor)
    multiple = layout.getScalePad();
  else if (layout.getScales() == ScaleLayout::Tiled128x4)
    multiple = 128;
  return ceilDivMul(builder, loc, rows, multiple, multiple);
}

SmallVector<OpFoldResult> mlir::qmm::getLogicalSizes(OpBuilder &builder,
                                                     Location loc, Type type,
                                                     ValueRange parts) {
  SmallVector<OpFoldResult> sizes;
  for (auto [i, extent] : llvm::enumerate(cast<ShapedType>(type).getShape()))
    sizes.push_back(ShapedType::isStatic(extent)
                        ? OpFoldResult(builder.getIndexAttr(extent))
                        : tensor::getMixedSize(builder, loc, parts[0], i));
  return sizes;
}

Value mlir::qmm::createEmpty(OpBuilder &builder, Location loc,
                             RankedTensorType type,
                             ArrayRef<OpFoldResult> sizes) {
  SmallVector<Value> dynamicSizes;
  for (auto [extent, size] : llvm::zip(type.getShape(), sizes))
    if (ShapedType::isDynamic(extent))
      dynamicSizes.push_back(
          getValueOrCreateConstantIndexOp(builder, loc, size));
  return tensor::EmptyOp::create(builder, loc, type, dynamicSizes);
}

Value mlir::qmm::createEmptyPart(OpBuilder &builder, Location loc,
                                 QuantizedTensorType type, unsigned index,
                                 ArrayRef<OpFoldResult> logicalSizes) {
  RankedTensorType part = type.getPhysicalTypes()[index];
  SmallVector<OpFoldResult> sizes(part.getRank());
  int64_t outerDim = type.getRank() - 2;
  for (auto [i, extent] : llvm::enumerate(part.getShape())) {
    if (ShapedType::isStatic(extent))
      continue;
    // Scale matrices have as many dimensions as the data, in another order when
    // outer_major; what isn't a batch dimension and is dynamic counts rows.
    bool isScaleRows = index == 1 && static_cast<int64_t>(i) >= outerDim;
    sizes[i] = isScaleRows ? getStoredScaleRows(builder, loc, type,
                                                logicalSizes[outerDim])
                           : logicalSizes[i];
  }
  return createEmpty(builder, loc, part, sizes);
}

Value mlir::qmm::castTo(OpBuilder &builder, Location loc, Value value,
                        Type type) {
  if (value.getType() == type)
    return value;
  return tensor::CastOp::create(builder, loc, type, value);
}
