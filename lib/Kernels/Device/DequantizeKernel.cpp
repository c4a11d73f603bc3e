//===- DequantizeKernel.cpp - Any scheme to wide --------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thread writes 32 bytes.  The products are rounded as the reference rounds
// them: tensor scale by block scale, that by the element, then to the wide
// type.
//
//===----------------------------------------------------------------------===//

#include "Builders.h"
#include "Chunk.h"
#include "ScaleRules.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::qmm;

/// Rounded to `wide`, with the sign and the leading bits of a NaN.
static Value roundLikeHost(Emitter &e, Type wide, Value values) {
  auto type = cast<VectorType>(values.getType());
  int64_t count = type.getNumElements();
  VectorType words = e.vectorOf(count, e.getI32Type());
  VectorType halves = e.vectorOf(count, e.getI16Type());
  VectorType wides = e.vectorOf(count, wide);
  Value bits = e.bitcast(words, values);
  auto shift = [&](Value value, int64_t by) -> Value {
    return arith::ShRUIOp::create(e, value, e.constant(words, by));
  };
  int64_t mantissa = wide.isBF16() ? 7 : 10;
  Value nan =
      e.bitOr(e.bitAnd(shift(bits, 16), e.constant(words, 0x8000)),
              e.bitOr(e.constant(words, wide.isBF16() ? 0x7FC0 : 0x7E00),
                      e.bitAnd(shift(bits, 23 - mantissa),
                               e.constant(words, (1 << mantissa) - 1))));
  nan = arith::TruncIOp::create(e, halves, nan);
  Value rounded = e.bitcast(halves, arith::TruncFOp::create(e, wides, values));
  return e.bitcast(wides, e.select(e.isNaN(values), nan, rounded));
}

/// The rounded products of a chunk.
static Value scaleAndRound(Emitter &e, Type wide, const TensorShape &shape,
                           Value codes, Value factor) {
  Value values = e.decode(codes, shape.element, shape.layout.getNibbles());
  auto type = cast<VectorType>(values.getType());
  int64_t count = type.getNumElements();
  VectorType wides = e.vectorOf(count, wide);
  Value factors =
      isa<VectorType>(factor.getType()) ? factor : e.splat(factor, count);
  Value products = arith::MulFOp::create(e, values, factors);
  // A sum is NaN if a product is.
  Value sum = vector::ReductionOp::create(
      e, vector::CombiningKind::ADD, products, arith::FastMathFlags::reassoc);
  return e.choose(
      e.isNaN(sum), wides,
      [&](Emitter &) -> SmallVector<Value> {
        Value exact = multiplyLikeHost(
            e,
            decodeLikeHost(e, codes, shape.element, shape.layout.getNibbles()),
            factors);
        return {wide.isF32() ? exact : roundLikeHost(e, wide, exact)};
      },
      [&](Emitter &) -> SmallVector<Value> {
        if (wide.isF32())
          return {products};
        return {arith::TruncFOp::create(e, wides, products)};
      })[0];
}

void mlir::qmm::buildDequantize(Emitter &caller, KernelLibrary &library,
                                PhysDequantizeOp op) {
  auto type = cast<QuantizedTensorType>(op.getInputType(0));
  Value output = op.getOutputs()[0];
  Type wide = cast<MemRefType>(output.getType()).getElementType();
  bool flat = isFlat(type);
  ShapeArguments arguments(caller, type, output, hasIndependentRows(type),
                           flat);
  const TensorShape &outside = arguments.get();
  int64_t chunk = getChunkSize(wide), perByte = outside.codesPerByte();
  int64_t k = getStatic(outside.k);
  bool vectorRows = flat, wholeChunks = false;
  if (!flat) {
    vectorRows = !ShapedType::isDynamic(k) && outside.blockK % chunk == 0 &&
                 k * getWideBytes(wide) % 16 == 0 &&
                 getStatic(outside.rowBytes(caller)) % (chunk / perByte) == 0;
    wholeChunks = vectorRows && k % chunk == 0;
  }

  SmallVector<Value> buffers;
  for (Value buffer : op.getInputs())
    buffers.push_back(flatten(caller, buffer));
  buffers.push_back(flatten(caller, output));
  ScaleRules rules;
  rules.scale = outside.scale;
  Value extent = caller.mul(caller.mul(outside.batch, outside.outer),
                            caller.ceilDiv(outside.k, chunk));
  library.launch(
      caller, "dequantize", {256, 256}, buffers, arguments.getIntegers(),
      extent, [&](KernelBody &e) {
        TensorShape shape = arguments.inKernel(e, 0);
        Value item = e.item(), chunks = e.ceilDiv(shape.k, chunk);
        Value matrix = e.index(0), row = e.index(0), column = item;
        if (getStatic(shape.outer) != 1) {
          row = e.div(item, chunks);
          column = e.rem(item, chunks);
        }
        if (getStatic(shape.batch) != 1) {
          matrix = e.div(row, shape.outer);
          row = e.rem(row, shape.outer);
        }
        Span span;
        span.first = e.mul(column, chunk);
        span.end = span.storedEnd = shape.k;
        span.real = span.stored = e.less(item, e.extent());
        span.vector = vectorRows;
        span.whole = wholeChunks;
        Value from = e.mul(e.add(e.mul(matrix, shape.storedOuter(e)), row),
                           shape.rowBytes(e));
        Value to = e.mul(e.add(e.mul(matrix, shape.outer), row), shape.k);
        Value codes = loadCodes(e, e.buffer(0), from, span, chunk, perByte);
        Value tensorScale;
        if (shape.hasTensorScale)
          tensorScale =
              memref::LoadOp::create(e, e.buffer(2), ValueRange(e.index(0)));
        Value factor = loadFactors(e, rules, shape, e.buffer(1), tensorScale,
                                   span, chunk, matrix, row);
        storeWide(e, scaleAndRound(e, wide, shape, codes, factor),
                  e.buffer(buffers.size() - 1), to, span);
      });
}
