//===- Amax.h - Reductions to the largest magnitude ------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// max |x| over all elements, found from the reduction or from what it reduces.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_RECOGNIZE_AMAX_H
#define QMM_LIB_RECOGNIZE_AMAX_H

#include "ElementExpr.h"

namespace mlir::qmm {

/// The tensor whose largest magnitude `op` computes; null if it does something
/// else.
Value getAmaxInput(linalg::LinalgOp op, ElementTracer &tracer);

/// max |base|, computed by `ops`, none of which has a use outside of them but
/// the last.
struct AmaxMatch {
  SmallVector<Operation *> ops;
  Value result;
  bool isAbsolute = false;
};
std::optional<AmaxMatch>
matchAmax(Operation *user, Value base, ElementTracer &tracer,
          llvm::function_ref<bool(Operation *)> isDead);

/// A tensor<f32> as `type`, the same or a narrower one.
Value convertAmax(OpBuilder &builder, Location loc, Value amax, Type type);

} // namespace mlir::qmm

#endif // QMM_LIB_RECOGNIZE_AMAX_H
