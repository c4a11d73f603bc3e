//===- Emitter.h - Arithmetic of device kernels, tersely -------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is mostly addresses and bits: a builder whose calls read like the
// expressions they emit, with constants folded on the way.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_DEVICE_EMITTER_H
#define QMM_LIB_KERNELS_DEVICE_EMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "qmm/IR/QMM.h"

namespace mlir::qmm {

class Emitter : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  VectorType vectorOf(int64_t count, Type element) {
    return VectorType::get({count}, element);
  }

  Value index(int64_t value);
  Value i32(uint32_t value);
  Value f32(float value);
  Value i1(bool value);
  /// A constant, scalar or splat, of an integer or float type.
  Value constant(Type type, int64_t bits);
  Value splat(Value scalar, int64_t count);

  // On indices and integers; indices are unsigned.
  Value add(Value lhs, Value rhs);
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  Value div(Value lhs, Value rhs);
  Value rem(Value lhs, Value rhs);
  Value min(Value lhs, Value rhs);
  Value max(Value lhs, Value rhs);
  Value ceilDiv(Value lhs, Value rhs);
  Value roundUp(Value value, int64_t multiple);
  Value add(Value lhs, int64_t rhs) { return add(lhs, index(rhs)); }
  Value mul(Value lhs, int64_t rhs) { return mul(lhs, index(rhs)); }
  Value div(Value lhs, int64_t rhs) { return div(lhs, index(rhs)); }
  Value rem(Value lhs, int64_t rhs) { return rem(lhs, index(rhs)); }
  Value ceilDiv(Value lhs, int64_t rhs) { return ceilDiv(lhs, index(rhs)); }
  Value bitAnd(Value lhs, Value rhs);
  Value bitOr(Value lhs, Value rhs);
  Value less(Value lhs, Value rhs);
  Value lessEqual(Value lhs, Value rhs);
  Value equal(Value lhs, Value rhs);
  Value select(Value condition, Value yes, Value no);
  /// Conjunction in which a null value is true.
  Value both(Value lhs, Value rhs);

  // On f32, scalars or vectors.
  Value isNaN(Value value);
  Value isZero(Value value);

  Value bitcast(Type type, Value value);

  /// f32 to codes of `element` and back: vectors.
  Value encode(Value values, Type element,
               NibbleOrder nibbles = NibbleOrder::None);
  Value decode(Value codes, Type element,
               NibbleOrder nibbles = NibbleOrder::None);

  using Body = llvm::function_ref<void(Emitter &)>;
  using ValueBody = llvm::function_ref<SmallVector<Value>(Emitter &)>;
  /// Runs `body` if `condition` (null: always).
  void when(Value condition, Body body);
  /// What one of two bodies yields, of the given types.
  SmallVector<Value> choose(Value condition, TypeRange types, ValueBody yes,
                            ValueBody no);
  /// for i in [first, end) step `step`, carrying `initial`.
  SmallVector<Value>
  loop(Value first, Value end, Value step, ValueRange initial,
       llvm::function_ref<SmallVector<Value>(Emitter &, Value, ValueRange)>
           body);
};

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_DEVICE_EMITTER_H
