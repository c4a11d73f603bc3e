//===- TensorAmax.cpp - The largest magnitude of a tensor -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading is all there is to it: four or eight 16-byte loads a thread in
// flight, past the end the last one again.
//
//===----------------------------------------------------------------------===//

#include "TensorAmax.h"

#include "Chunk.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::qmm;

/// The magnitude of what a block reads: tiles `first`, `first` + `stride`, ...
static Value readMagnitude(KernelBody &e, Value x, Value total, Value first,
                           Value stride, int64_t unroll) {
  Type wide = cast<MemRefType>(x.getType()).getElementType();
  int64_t perVector = 16 / getWideBytes(wide);
  Type bits = e.getIntegerType(wide.getIntOrFloatBitWidth());
  VectorType type = e.vectorOf(perVector, bits);
  Value mask =
      e.constant(type, (int64_t(1) << (bits.getIntOrFloatBitWidth() - 1)) - 1);
  Value vectors = e.div(total, perVector);
  int64_t perTile = e.threads() * unroll;

  Value largest = e.loop(
      first, e.ceilDiv(vectors, perTile), stride,
      ValueRange(e.constant(type, 0)),
      [&](Emitter &, Value tile, ValueRange carried) -> SmallVector<Value> {
        Value last = e.sub(vectors, e.index(1));
        Value start = e.add(e.mul(tile, perTile), e.thread());
        SmallVector<Value> loaded;
        for (int64_t i = 0; i < unroll; ++i) {
          Value at = e.min(e.add(start, i * e.threads()), last);
          auto load = vector::LoadOp::create(e, e.vectorOf(perVector, wide), x,
                                             ValueRange(e.mul(at, perVector)));
          load.setAlignment(16);
          loaded.push_back(load);
        }
        Value result = carried[0];
        for (Value value : loaded)
          result = e.max(result, e.bitAnd(e.bitcast(type, value), mask));
        return {result};
      })[0];
  Value scalar =
      vector::ReductionOp::create(e, vector::CombiningKind::MAXUI, largest);

  // Every block reads the few elements behind the last vector.
  Value rest = e.add(e.mul(vectors, perVector), e.thread());
  Value tail = e.choose(
      e.less(rest, total), bits,
      [&](Emitter &) -> SmallVector<Value> {
        Value element = memref::LoadOp::create(e, x, ValueRange(rest));
        return {e.bitAnd(
            e.bitcast(bits, element),
            e.constant(
                bits, (int64_t(1) << (bits.getIntOrFloatBitWidth() - 1)) - 1))};
      },
      [&](Emitter &) -> SmallVector<Value> {
        return {e.constant(bits, 0)};
      })[0];
  return widenMagnitude(e, wide, e.max(scalar, tail));
}

SmallVector<TensorAmax, 2> mlir::qmm::planTensorAmax(Emitter &caller,
                                                     KernelLibrary &library,
                                                     Value x, Value total) {
  constexpr int64_t kUnroll = 4;
  auto type = cast<MemRefType>(x.getType());
  int64_t bytes = getWideBytes(type.getElementType());
  int64_t most = kSmallBytes / bytes;
  IntegerAttr known;
  bool isStatic = matchPattern(total, m_Constant(&known));
  SmallVector<TensorAmax, 2> plans;
  Value large;
  if (isStatic ? known.getInt() <= most : true) {
    TensorAmax small;
    small.count = total;
    if (!isStatic) {
      // 1 for totals beyond the limit, else 0.
      large = caller.sub(caller.min(caller.max(total, caller.index(most)),
                                    caller.index(most + 1)),
                         caller.index(most));
      small.applies = caller.sub(caller.index(1), large);
    }
    plans.push_back(small);
    if (isStatic)
      return plans;
  }

  LaunchShape shape;
  shape.itemsPerBlock = 1;
  int64_t perBlock = shape.threads * kUnroll * 16 / bytes;
  TensorAmax plan;
  plan.count =
      caller.min(caller.ceilDiv(total, perBlock), caller.index(kMaxPartials));
  plan.applies = large;
  Value partials = memref::AllocOp::create(
      caller, MemRefType::get({kMaxPartials}, caller.getI32Type()));
  plan.partials = flatten(caller, partials);
  Value extent = large ? caller.mul(plan.count, large) : plan.count;
  library.launch(caller, "amax_partials", shape, {x, plan.partials}, {total},
                 extent, [&](KernelBody &e) {
                   Value bits = readMagnitude(e, e.buffer(0), e.integer(0),
                                              e.block(), e.extent(), kUnroll);
                   bits = maxOverBlock(e, bits);
                   e.when(e.equal(e.thread(), e.index(0)), [&](Emitter &) {
                     memref::StoreOp::create(e, bits, e.buffer(1),
                                             ValueRange(e.block()));
                   });
                 });
  plans.push_back(plan);
  return plans;
}

Value mlir::qmm::emitTensorAmax(KernelBody &e, bool isSmall, Value source,
                                Value count) {
  Value bits;
  if (isSmall) {
    bits = readMagnitude(e, source, count, e.index(0), e.index(1),
                         /*unroll=*/8);
  } else {
    // Past the end, the last one again; there is at least one.
    Value last = e.sub(count, e.index(1));
    for (int64_t first = 0; first < kMaxPartials; first += e.threads()) {
      Value at = e.min(e.add(e.thread(), first), last);
      Value partial = memref::LoadOp::create(e, source, ValueRange(at));
      bits = bits ? e.max(bits, partial) : partial;
    }
  }
  return e.bitcast(e.getF32Type(), maxOverBlock(e, bits));
}
