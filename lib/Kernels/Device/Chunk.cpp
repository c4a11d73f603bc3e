//===- Chunk.cpp - What one thread handles at a time ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// bf16 is widened by a shift, and magnitudes are compared as the bits that were
// loaded, two to a register: NaN is the largest of all, as it should be.
//
//===----------------------------------------------------------------------===//

#include "Chunk.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::qmm;

static Type getElementType(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getElementType();
}

static Value load(Emitter &e, VectorType type, Value buffer, Value at) {
  auto op = vector::LoadOp::create(e, type, buffer, ValueRange(at));
  op.setAlignment(type.getNumElements() * type.getElementTypeBitWidth() / 8);
  return op;
}

static void store(Emitter &e, Value value, Value buffer, Value at) {
  auto type = cast<VectorType>(value.getType());
  auto op = vector::StoreOp::create(e, value, buffer, ValueRange(at));
  op.setAlignment(type.getNumElements() * type.getElementTypeBitWidth() / 8);
}

/// [lhs..., rhs...]
static Value concat(Emitter &e, Value lhs, Value rhs) {
  int64_t size = cast<VectorType>(lhs.getType()).getNumElements();
  return vector::ShuffleOp::create(
      e, lhs, rhs, llvm::to_vector(llvm::seq<int64_t>(0, 2 * size)));
}

/// Part `index` of `count` elements.
static Value slice(Emitter &e, Value value, int64_t index, int64_t count) {
  auto type = cast<VectorType>(value.getType());
  if (type.getNumElements() == count)
    return value;
  return vector::ExtractStridedSliceOp::create(
      e, value, ArrayRef<int64_t>{index * count}, ArrayRef<int64_t>{count},
      ArrayRef<int64_t>{1});
}

/// i1: is the chunk whole?  Null: it is.
static Value isWhole(Emitter &e, const Span &span, int64_t count) {
  return e.lessEqual(e.add(span.first, count), span.end);
}

//===----------------------------------------------------------------------===//
// Wide elements
//===----------------------------------------------------------------------===//

Raw mlir::qmm::loadChunk(KernelBody &e, Value buffer, Value row,
                         const Span &span) {
  Type wide = getElementType(buffer);
  int64_t count = getChunkSize(wide), half = count / 2;
  VectorType words = e.vectorOf(4, e.getI32Type());
  SmallVector<Type> types(2, words);
  Value at = e.add(row, span.first);

  auto zero = [&](Emitter &) -> SmallVector<Value> {
    return SmallVector<Value>(2, e.constant(words, 0));
  };
  auto vectors = [&](Emitter &) -> SmallVector<Value> {
    SmallVector<Value> raw;
    for (int64_t i = 0; i < 2; ++i)
      raw.push_back(e.bitcast(
          words, load(e, e.vectorOf(half, wide), buffer, e.add(at, i * half))));
    return raw;
  };
  auto scalars = [&](Emitter &) -> SmallVector<Value> {
    Type bits = e.getIntegerType(wide.getIntOrFloatBitWidth());
    SmallVector<Value> elements;
    for (int64_t i = 0; i < count; ++i) {
      Value exists = e.both(span.real, e.less(e.add(span.first, i), span.end));
      elements.push_back(e.choose(
          exists, bits,
          [&](Emitter &) -> SmallVector<Value> {
            Value loaded =
                memref::LoadOp::create(e, buffer, ValueRange(e.add(at, i)));
            return {e.bitcast(bits, loaded)};
          },
          [&](Emitter &) -> SmallVector<Value> {
            return {e.constant(bits, 0)};
          })[0]);
    }
    SmallVector<Value> raw;
    for (int64_t i = 0; i < 2; ++i)
      raw.push_back(e.bitcast(
          words, vector::FromElementsOp::create(
                     e, e.vectorOf(half, bits),
                     ArrayRef<Value>(elements).slice(i * half, half))));
    return raw;
  };

  if (!span.vector)
    return scalars(e);
  Value whole = e.both(span.real, isWhole(e, span, count));
  if (span.whole)
    return e.choose(whole, types, vectors, zero);
  return e.choose(whole, types, vectors, scalars);
}

Value mlir::qmm::widen(Emitter &e, Type wide, ArrayRef<Value> raw) {
  SmallVector<Value> halves;
  for (Value words : raw) {
    if (wide.isF32()) {
      halves.push_back(e.bitcast(e.vectorOf(4, wide), words));
    } else if (wide.isF16()) {
      halves.push_back(
          arith::ExtFOp::create(e, e.vectorOf(8, e.getF32Type()),
                                e.bitcast(e.vectorOf(8, wide), words)));
    } else {
      Type floats = e.vectorOf(4, e.getF32Type());
      Value even =
          arith::ShLIOp::create(e, words, e.constant(words.getType(), 16));
      Value odd = arith::AndIOp::create(
          e, words, e.constant(words.getType(), 0xFFFF0000));
      halves.push_back(vector::ShuffleOp::create(
          e, e.bitcast(floats, even), e.bitcast(floats, odd),
          ArrayRef<int64_t>{0, 4, 1, 5, 2, 6, 3, 7}));
    }
  }
  return halves.size() == 1 ? halves[0] : concat(e, halves[0], halves[1]);
}

Value mlir::qmm::widenSigns(Emitter &e, Type wide, ArrayRef<Value> raw) {
  int64_t count = getChunkSize(wide);
  VectorType bits = e.vectorOf(count, e.getI32Type());
  // Widening makes NaNs of f16 positive.
  if (!wide.isF16())
    return e.bitcast(bits, widen(e, wide, raw));
  VectorType halves = e.vectorOf(count / 2, e.getI16Type());
  Value elements =
      concat(e, e.bitcast(halves, raw[0]), e.bitcast(halves, raw[1]));
  return arith::ShLIOp::create(e, arith::ExtUIOp::create(e, bits, elements),
                               e.constant(bits, 16));
}

Value mlir::qmm::widenMagnitude(Emitter &e, Type wide, Value bits) {
  if (wide.isBF16()) {
    bits = arith::ExtUIOp::create(e, e.getI32Type(), bits);
    bits = arith::ShLIOp::create(e, bits, e.i32(16));
  } else if (wide.isF16()) {
    bits = e.bitcast(e.getI32Type(),
                     arith::ExtFOp::create(e, e.getF32Type(),
                                           e.bitcast(e.getF16Type(), bits)));
  }
  return e.select(e.less(e.i32(kF32Inf), bits), e.i32(kF32NaN), bits);
}

Value mlir::qmm::getMagnitude(Emitter &e, Type wide, ArrayRef<Value> raw) {
  int64_t count = getChunkSize(wide) / 2;
  Type bits = e.getIntegerType(wide.getIntOrFloatBitWidth());
  Value largest;
  for (Value words : raw) {
    Value magnitude = arith::AndIOp::create(
        e, words,
        e.constant(words.getType(), wide.isF32() ? 0x7FFFFFFF : 0x7FFF7FFF));
    magnitude = e.bitcast(e.vectorOf(count, bits), magnitude);
    largest = largest ? e.max(largest, magnitude) : magnitude;
  }
  return widenMagnitude(
      e, wide,
      vector::ReductionOp::create(e, vector::CombiningKind::MAXUI, largest));
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

Value mlir::qmm::maxOverLanes(Emitter &e, Value bits, int64_t lanes) {
  if (lanes == 32)
    return NVVM::ReduxOp::create(e, bits.getType(), bits, NVVM::ReduxKind::UMAX,
                                 e.i32(~0u));
  for (int64_t offset = 1; offset < lanes; offset *= 2) {
    auto other =
        gpu::ShuffleOp::create(e, bits, offset, 32, gpu::ShuffleMode::XOR);
    bits = e.max(bits, other.getShuffleResult());
  }
  return bits;
}

Value mlir::qmm::maxOverBlock(KernelBody &e, Value bits) {
  bits = maxOverLanes(e, bits, 32);
  int64_t warps = e.threads() / 32;
  if (warps == 1)
    return bits;
  Value shared = e.shared(warps, e.getI32Type());
  Value lane = e.rem(e.thread(), 32);
  e.when(e.equal(lane, e.index(0)), [&](Emitter &) {
    memref::StoreOp::create(e, bits, shared, ValueRange(e.div(e.thread(), 32)));
  });
  gpu::BarrierOp::create(e);
  // Lanes beyond the last warp read its word again.
  Value all = memref::LoadOp::create(
      e, shared, ValueRange(e.min(lane, e.index(warps - 1))));
  return maxOverLanes(e, all, 32);
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

void mlir::qmm::storeCodes(KernelBody &e, Value codes, Value buffer, Value row,
                           const Span &span, int64_t codesPerByte) {
  Type element = getElementType(buffer);
  int64_t bytes = cast<VectorType>(codes.getType()).getNumElements() * 4;
  Value at = e.add(row, e.div(span.first, codesPerByte));

  auto vectors = [&](Emitter &) {
    Value data = e.bitcast(e.vectorOf(bytes, e.getI8Type()), codes);
    store(e, e.bitcast(e.vectorOf(bytes, element), data), buffer, at);
  };
  auto scalars = [&](Emitter &) {
    Value data = e.bitcast(e.vectorOf(bytes, e.getI8Type()), codes);
    for (int64_t i = 0; i < bytes; ++i) {
      Value k = e.add(span.first, i * codesPerByte);
      e.when(e.both(span.stored, e.less(k, span.storedEnd)), [&](Emitter &) {
        Value exists = e.both(span.real, e.less(k, span.end));
        Value code = e.select(exists, vector::ExtractOp::create(e, data, i),
                              e.constant(e.getI8Type(), 0));
        memref::StoreOp::create(e, e.bitcast(element, code), buffer,
                                ValueRange(e.add(at, i)));
      });
    }
  };

  if (!span.vector)
    return scalars(e);
  Value whole = e.both(span.real, isWhole(e, span, bytes * codesPerByte));
  if (span.whole && span.real == span.stored && span.end == span.storedEnd)
    return e.when(whole, vectors);
  auto op = scf::IfOp::create(e, whole, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(op.thenBlock());
  vectors(e);
  e.setInsertionPointToStart(op.elseBlock());
  scalars(e);
}

Value mlir::qmm::loadCodes(KernelBody &e, Value buffer, Value row,
                           const Span &span, int64_t count,
                           int64_t codesPerByte) {
  Type element = getElementType(buffer);
  int64_t bytes = count / codesPerByte;
  VectorType type = e.vectorOf(bytes, e.getI8Type());
  VectorType words = e.vectorOf(bytes / 4, e.getI32Type());
  Value at = e.add(row, e.div(span.first, codesPerByte));

  auto zero = [&](Emitter &) -> SmallVector<Value> {
    return {e.constant(words, 0)};
  };
  auto vectors = [&](Emitter &) -> SmallVector<Value> {
    Value data = load(e, e.vectorOf(bytes, element), buffer, at);
    return {e.bitcast(words, e.bitcast(type, data))};
  };
  auto scalars = [&](Emitter &) -> SmallVector<Value> {
    SmallVector<Value> elements;
    for (int64_t i = 0; i < bytes; ++i) {
      Value k = e.add(span.first, i * codesPerByte);
      elements.push_back(e.choose(
          e.both(span.real, e.less(k, span.end)), e.getI8Type(),
          [&](Emitter &) -> SmallVector<Value> {
            Value code =
                memref::LoadOp::create(e, buffer, ValueRange(e.add(at, i)));
            return {e.bitcast(e.getI8Type(), code)};
          },
          [&](Emitter &) -> SmallVector<Value> {
            return {e.constant(e.getI8Type(), 0)};
          })[0]);
    }
    return {
        e.bitcast(words, vector::FromElementsOp::create(e, type, elements))};
  };

  if (!span.vector)
    return e.bitcast(type, scalars(e)[0]);
  Value whole = e.both(span.real, isWhole(e, span, count));
  if (span.whole)
    return e.bitcast(type, e.choose(whole, words, vectors, zero)[0]);
  return e.bitcast(type, e.choose(whole, words, vectors, scalars)[0]);
}

void mlir::qmm::storeWide(KernelBody &e, Value values, Value buffer, Value row,
                          const Span &span) {
  Type wide = getElementType(buffer);
  int64_t count = getChunkSize(wide), half = count / 2;
  Value at = e.add(row, span.first);

  auto vectors = [&](Emitter &) {
    for (int64_t i = 0; i < 2; ++i)
      store(e, slice(e, values, i, half), buffer, e.add(at, i * half));
  };
  auto scalars = [&](Emitter &) {
    for (int64_t i = 0; i < count; ++i)
      e.when(e.both(span.real, e.less(e.add(span.first, i), span.end)),
             [&](Emitter &) {
               memref::StoreOp::create(e,
                                       vector::ExtractOp::create(e, values, i),
                                       buffer, ValueRange(e.add(at, i)));
             });
  };

  if (!span.vector)
    return scalars(e);
  Value whole = e.both(span.real, isWhole(e, span, count));
  if (span.whole)
    return e.when(whole, vectors);
  auto op = scf::IfOp::create(e, whole, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(op.thenBlock());
  vectors(e);
  e.setInsertionPointToStart(op.elseBlock());
  scalars(e);
}
