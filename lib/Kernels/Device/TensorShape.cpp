//===- TensorShape.cpp - Extents of a quantized tensor, as values ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See numerics/Layouts.cpp, which these formulas repeat; the device tests
// compare the two.
//
//===----------------------------------------------------------------------===//

#include "TensorShape.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::qmm;

TensorShape::TensorShape(QuantizedTensorType type)
    : element(type.getScheme().getElement()),
      scale(type.getScheme().getScale()), layout(type.getLayout()),
      blockOuter(type.getScheme().getBlockOuter()),
      blockK(type.getScheme().getBlockK()),
      hasTensorScale(type.getScheme().getTensorScale()) {}

bool TensorShape::isFloat4() const { return isa<Float4E2M1FNType>(element); }

Value TensorShape::storedOuter(Emitter &e) const {
  return e.roundUp(outer, layout.getPadOuter());
}
Value TensorShape::storedK(Emitter &e) const {
  return e.roundUp(k, layout.getPadK());
}
Value TensorShape::rowBytes(Emitter &e) const {
  return e.ceilDiv(storedK(e), codesPerByte());
}
Value TensorShape::scaleRows(Emitter &e) const {
  return blockOuter ? e.ceilDiv(outer, blockOuter) : e.index(1);
}
Value TensorShape::scaleCols(Emitter &e) const {
  return blockK ? e.ceilDiv(k, blockK) : e.index(1);
}

Value TensorShape::storedScaleRows(Emitter &e) const {
  switch (layout.getScales()) {
  case ScaleLayout::OuterMajor:
    return e.roundUp(scaleRows(e), layout.getScalePad());
  case ScaleLayout::Tiled128x4:
    return e.roundUp(scaleRows(e), 128);
  default:
    return scaleRows(e);
  }
}
Value TensorShape::storedScaleCols(Emitter &e) const {
  switch (layout.getScales()) {
  case ScaleLayout::Blocks128x128:
  case ScaleLayout::Tiled128x4:
    return e.roundUp(scaleCols(e), 4);
  default:
    return scaleCols(e);
  }
}

Value TensorShape::scaleOffset(Emitter &e, Value matrix, Value r,
                               Value c) const {
  if (hasWholeBlocks())
    return e.index(0);
  Value rows = storedScaleRows(e), cols = storedScaleCols(e), at;
  switch (layout.getScales()) {
  case ScaleLayout::OuterMajor:
    at = e.add(e.mul(c, rows), r);
    break;
  case ScaleLayout::Tiled128x4: {
    Value tile = e.add(e.mul(e.div(r, 128), e.div(cols, 4)), e.div(c, 4));
    at = e.add(e.add(e.mul(tile, 512), e.mul(e.rem(r, 32), 16)),
               e.add(e.mul(e.div(e.rem(r, 128), 32), 4), e.rem(c, 4)));
    break;
  }
  default:
    at = e.add(e.mul(r, cols), c);
    break;
  }
  return e.add(e.mul(matrix, e.mul(rows, cols)), at);
}

std::pair<Value, Value> TensorShape::scaleAt(Emitter &e, Value offset) const {
  Value rows = storedScaleRows(e), cols = storedScaleCols(e);
  switch (layout.getScales()) {
  case ScaleLayout::OuterMajor:
    return {e.rem(offset, rows), e.div(offset, rows)};
  case ScaleLayout::Tiled128x4: {
    Value tile = e.div(offset, 512), within = e.rem(offset, 512);
    Value tiles = e.div(cols, 4);
    Value r =
        e.add(e.mul(e.div(tile, tiles), 128),
              e.add(e.mul(e.div(e.rem(within, 16), 4), 32), e.div(within, 16)));
    return {r, e.add(e.mul(e.rem(tile, tiles), 4), e.rem(within, 4))};
  }
  default:
    return {e.div(offset, cols), e.rem(offset, cols)};
  }
}

int64_t mlir::qmm::getStatic(Value index) {
  IntegerAttr attribute;
  if (matchPattern(index, m_Constant(&attribute)))
    return attribute.getInt();
  return ShapedType::kDynamic;
}
