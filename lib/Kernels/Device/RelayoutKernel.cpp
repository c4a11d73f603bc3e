//===- RelayoutKernel.cpp - The same values, placed otherwise -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes and scales are moved as bits, each part by a kernel of its own or,
// where it stays as it is, by a copy.
//
//===----------------------------------------------------------------------===//

#include "Builders.h"
#include "Chunk.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::qmm;

namespace {
class RelayoutBuilder {
public:
  RelayoutBuilder(Emitter &caller, KernelLibrary &library, PhysRelayoutOp op)
      : caller(caller), library(library), op(op),
        from(cast<QuantizedTensorType>(op.getInputType(0))),
        to(cast<QuantizedTensorType>(op.getOutputType(0))),
        mergeRows(hasIndependentRows(from) && hasIndependentRows(to)),
        // Not the data: extents that both have come from the type, or from a
        // buffer without pads.
        source(caller, from, op.getInputs()[0], mergeRows, false),
        target(caller, to, op.getInputs()[0], mergeRows, false) {}

  void moveData();
  void moveScales();

private:
  Value moveBytes(Emitter &e, const TensorShape &shape, Value bytes) const;

  Emitter &caller;
  KernelLibrary &library;
  PhysRelayoutOp op;
  QuantizedTensorType from, to;
  bool mergeRows;
  ShapeArguments source, target;
};
} // namespace

/// The extents of one shape with the layout of the other.
static TensorShape withLayout(const TensorShape &shape, LayoutAttr layout) {
  TensorShape result = shape;
  result.layout = layout;
  return result;
}

/// Bytes with their nibbles in the order of the target.
Value RelayoutBuilder::moveBytes(Emitter &e, const TensorShape &shape,
                                 Value bytes) const {
  if (from.getLayout().getNibbles() == to.getLayout().getNibbles())
    return bytes;
  Type type = bytes.getType();
  Value high = arith::ShLIOp::create(e, bytes, e.constant(type, 4));
  Value low = arith::ShRUIOp::create(e, bytes, e.constant(type, 4));
  return e.bitOr(high, low);
}

void RelayoutBuilder::moveData() {
  Value in = op.getInputs()[0], out = op.getOutputs()[0];
  LayoutAttr a = from.getLayout(), b = to.getLayout();
  bool isOddFloat4 = from.getScheme().isFloat4() && from.getK() % 2 != 0;
  if (a.getNibbles() == b.getNibbles() && a.getPadOuter() == b.getPadOuter() &&
      a.getPadK() == b.getPadK() && !a.isPadded() && !isOddFloat4) {
    memref::CopyOp::create(caller, in, out);
    return;
  }
  constexpr int64_t kBytes = 16;
  SmallVector<Value> buffers{flatten(caller, in), flatten(caller, out)};
  // Both have the same extents, and pass those that either needs.
  const ShapeArguments &passing = a.getPadOuter() > 1 ? source : target;
  TensorShape outside = withLayout(passing.get(), b);
  TensorShape inside = withLayout(passing.get(), a);
  int64_t rowBytes = getStatic(outside.rowBytes(caller));
  int64_t sourceBytes = getStatic(inside.rowBytes(caller));
  int64_t perByte = outside.codesPerByte();
  int64_t k = getStatic(outside.k);
  // In units of 16 bytes where every row is one of whole units.
  bool vectors = !ShapedType::isDynamic(k) && rowBytes % kBytes == 0 &&
                 sourceBytes % kBytes == 0 && k % (kBytes * perByte) == 0;
  int64_t unit = vectors ? kBytes : 1;
  Value extent =
      caller.mul(caller.mul(outside.batch, outside.storedOuter(caller)),
                 caller.ceilDiv(outside.rowBytes(caller), unit));
  library.launch(
      caller, "relayout", {256, 256}, buffers, passing.getIntegers(), extent,
      [&](KernelBody &e) {
        TensorShape shape = passing.inKernel(e, 0);
        TensorShape to = withLayout(shape, b), from = withLayout(shape, a);
        Type element = cast<MemRefType>(e.buffer(0).getType()).getElementType();
        VectorType bytes = e.vectorOf(unit, e.getI8Type());
        VectorType stored = e.vectorOf(unit, element);
        Value item = e.item();
        Value units = e.ceilDiv(to.rowBytes(e), unit);
        Value row = e.div(item, units);
        Value at = e.mul(e.rem(item, units), unit);
        Value matrix = e.index(0);
        if (getStatic(to.batch) != 1) {
          matrix = e.div(row, to.storedOuter(e));
          row = e.rem(row, to.storedOuter(e));
        }
        Value inRange = e.less(item, e.extent());
        Value logical = e.ceilDiv(to.k, perByte);
        Value exists =
            e.both(e.both(inRange, e.less(row, to.outer)), e.less(at, logical));
        auto load = [&](Emitter &) -> SmallVector<Value> {
          Value start = e.mul(e.add(e.mul(matrix, from.storedOuter(e)), row),
                              from.rowBytes(e));
          auto op = vector::LoadOp::create(e, stored, e.buffer(0),
                                           ValueRange(e.add(start, at)));
          op.setAlignment(unit);
          Value moved = moveBytes(e, to, e.bitcast(bytes, op.getResult()));
          if (!isOddFloat4)
            return {moved};
          // The last byte has one code.
          int64_t mask = b.getNibbles() == NibbleOrder::HiFirst ? 0xF0 : 0x0F;
          Value isLast = e.equal(e.add(at, 1), logical);
          return {e.select(isLast, e.bitAnd(moved, e.constant(bytes, mask)),
                           moved)};
        };
        Value codes =
            e.choose(exists, bytes, load, [&](Emitter &) -> SmallVector<Value> {
              return {e.constant(bytes, 0)};
            })[0];
        e.when(inRange, [&](Emitter &) {
          Value start = e.mul(e.add(e.mul(matrix, to.storedOuter(e)), row),
                              to.rowBytes(e));
          auto op =
              vector::StoreOp::create(e, e.bitcast(stored, codes), e.buffer(1),
                                      ValueRange(e.add(start, at)));
          op.setAlignment(unit);
        });
      });
}

void RelayoutBuilder::moveScales() {
  Value in = op.getInputs()[1], out = op.getOutputs()[1];
  LayoutAttr a = from.getLayout(), b = to.getLayout();
  bool samePlaces =
      a.getScales() == b.getScales() && a.getScalePad() == b.getScalePad();
  // Pads are written as zeros whatever the source has there.
  if (samePlaces && a.getScales() == ScaleLayout::Linear) {
    memref::CopyOp::create(caller, in, out);
    return;
  }
  SmallVector<Value> buffers{flatten(caller, in), flatten(caller, out)};
  const ShapeArguments &passing = a.getPadOuter() > 1 ? source : target;
  TensorShape outside = withLayout(passing.get(), b);
  Value extent =
      caller.mul(outside.batch, caller.mul(outside.storedScaleRows(caller),
                                           outside.storedScaleCols(caller)));
  library.launch(
      caller, "relayout_scales", {256, 256}, buffers, passing.getIntegers(),
      extent, [&](KernelBody &e) {
        TensorShape shape = passing.inKernel(e, 0);
        TensorShape to = withLayout(shape, b), from = withLayout(shape, a);
        Type element = cast<MemRefType>(e.buffer(0).getType()).getElementType();
        Type bits = e.getIntegerType(element.getIntOrFloatBitWidth());
        Value item = e.item(), matrix = e.index(0), offset = item;
        if (getStatic(to.batch) != 1) {
          Value size = e.mul(to.storedScaleRows(e), to.storedScaleCols(e));
          matrix = e.div(item, size);
          offset = e.rem(item, size);
        }
        std::pair<Value, Value> at = to.scaleAt(e, offset);
        Value r = at.first, c = at.second;
        Value inRange = e.less(item, e.extent());
        Value exists = e.both(inRange, e.both(e.less(r, to.scaleRows(e)),
                                              e.less(c, to.scaleCols(e))));
        Value moved = e.choose(
            exists, bits,
            [&](Emitter &) -> SmallVector<Value> {
              Value loaded = memref::LoadOp::create(
                  e, e.buffer(0),
                  ValueRange(from.scaleOffset(e, matrix, r, c)));
              return {e.bitcast(bits, loaded)};
            },
            [&](Emitter &) -> SmallVector<Value> {
              return {e.constant(bits, 0)};
            })[0];
        e.when(inRange, [&](Emitter &) {
          memref::StoreOp::create(e, e.bitcast(element, moved), e.buffer(1),
                                  ValueRange(item));
        });
      });
}

void mlir::qmm::buildRelayout(Emitter &caller, KernelLibrary &library,
                              PhysRelayoutOp op) {
  RelayoutBuilder builder(caller, library, op);
  builder.moveData();
  builder.moveScales();
}
