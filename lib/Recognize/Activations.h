//===- Activations.h - Activations in any spelling -------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An activation is a function, not a tree of ops: expressions are compared as
// sums of products, in which order and association don't show.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_RECOGNIZE_ACTIVATIONS_H
#define QMM_LIB_RECOGNIZE_ACTIVATIONS_H

#include "ElementExpr.h"
#include "qmm/IR/QMM.h"

namespace mlir::qmm {

struct ActivationMatch {
  Activation activation;
  /// The type narrower than f32 that steps inside were rounded to, or null.
  Type narrowType;
  /// A ReLU that gives 0 for NaN, where the epilogue's gives NaN.
  bool dropsNaN = false;
};

/// Is `expr` an activation of the value that `isInput` holds for?  Conversions
/// between float types may stand anywhere; constants may be rounded to the type
/// that the expression computes in.
std::optional<ActivationMatch>
matchActivation(const ElementExpr *expr,
                llvm::function_ref<bool(const ElementExpr *)> isInput);

} // namespace mlir::qmm

#endif // QMM_LIB_RECOGNIZE_ACTIVATIONS_H
