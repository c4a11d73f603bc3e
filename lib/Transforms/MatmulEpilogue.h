//===- MatmulEpilogue.h - What follows a product, on its own -*- C++ -*- --===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a library's epilogue can't do is a loop over the product.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_TRANSFORMS_MATMULEPILOGUE_H
#define QMM_LIB_TRANSFORMS_MATMULEPILOGUE_H

#include "qmm/IR/QMM.h"

namespace mlir::qmm {

/// activation(product * scales + bias + residual), in f32, rounded once.
struct MatmulEpilogue {
  SmallVector<Value> scalars; // tensor<f32>
  Value rowScale;             // f32 [batch..., M], or null
  Value columnScale;          // f32 [N] or [batch..., N], or null
  Value bias;                 // wide [N], or null
  Value residual;             // wide, the product's shape, or null
  Activation activation = Activation::None;

  /// The epilogue of `product`, f32 or i32 [batch..., M, N], as one loop over
  /// it; `element` is the result's element type.
  Value create(OpBuilder &builder, Location loc, Value product,
               Type element) const;
};

/// `value` as a tensor of `element`, each number converted.
Value castElements(OpBuilder &builder, Location loc, Value value, Type element);

/// The product of one or more tensor<f32>.
Value multiplyScalars(OpBuilder &builder, Location loc, ValueRange scalars);

} // namespace mlir::qmm

#endif // QMM_LIB_TRANSFORMS_MATMULEPILOGUE_H
