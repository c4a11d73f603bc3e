//===- ShapeArguments.cpp - Extents, in the program and in a kernel -------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// K is a constant of the kernel where it is known, because everything is
// divided by it; the number of rows isn't, because it changes from call to call
// and from layer to layer.
//
//===----------------------------------------------------------------------===//

#include "Builders.h"

using namespace mlir;
using namespace mlir::qmm;

static Value getDim(Emitter &e, Value buffer, int64_t axis) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.isDynamicDim(axis))
    return e.index(type.getDimSize(axis));
  return memref::DimOp::create(e, buffer, axis);
}

Value mlir::qmm::getTotal(Emitter &e, Value buffer) {
  Value total = e.index(1);
  int64_t rank = cast<MemRefType>(buffer.getType()).getRank();
  for (int64_t i = 0; i < rank; ++i)
    total = e.mul(total, getDim(e, buffer, i));
  return total;
}

bool mlir::qmm::hasIndependentRows(QuantizedTensorType type) {
  SchemeAttr scheme = type.getScheme();
  LayoutAttr layout = type.getLayout();
  return layout.getPadOuter() <= 1 &&
         (scheme.hasWholeBlocks() ||
          (scheme.getBlockOuter() == 1 &&
           layout.getScales() == ScaleLayout::Linear));
}

bool mlir::qmm::isFlat(QuantizedTensorType type) {
  bool fillsBytes = !type.getScheme().isFloat4() || type.getK() % 2 == 0;
  return type.getScheme().hasWholeBlocks() && !type.getLayout().isPadded() &&
         fillsBytes;
}

ShapeArguments::ShapeArguments(Emitter &caller, QuantizedTensorType type,
                               Value buffer, bool mergeRows, bool flat)
    : shape(type) {
  auto extent = [&](int64_t axis) {
    // Pads are of static extents only.
    return type.isDynamicDim(axis) ? getDim(caller, buffer, axis)
                                   : caller.index(type.getDimSize(axis));
  };
  auto pass = [&](Value extent) {
    integers.push_back(extent);
    return extent;
  };
  int64_t rank = type.getRank();
  Value batch = caller.index(1);
  for (int64_t i = 0; i < rank - 2; ++i)
    batch = caller.mul(batch, extent(i));
  Value outer = extent(rank - 2), k = extent(rank - 1), one = caller.index(1);
  if (flat) {
    shape.batch = shape.outer = one;
    shape.k = pass(caller.mul(batch, caller.mul(outer, k)));
    return;
  }
  if (mergeRows) {
    shape.batch = one;
    shape.outer = pass(caller.mul(batch, outer));
  } else {
    shape.batch = rank == 2 ? one : pass(batch);
    shape.outer = type.getLayout().getPadOuter() > 1 ? outer : pass(outer);
  }
  shape.k = type.isDynamicDim(rank - 1) ? pass(k) : k;
}

TensorShape ShapeArguments::inKernel(KernelBody &e, size_t firstInteger) const {
  TensorShape result = shape;
  for (Value *extent : {&result.batch, &result.outer, &result.k}) {
    // One that is passed may be a constant of the program all the same.
    auto passed = llvm::find(integers, *extent);
    *extent = passed != integers.end()
                  ? e.integer(firstInteger + (passed - integers.begin()))
                  : e.index(getStatic(*extent));
  }
  return result;
}
