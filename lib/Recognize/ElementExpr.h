//===- ElementExpr.h - What one element is computed from -------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognition sees through elementwise ops, fused or not, and through
// broadcasts, by following a single element of a tensor to the scalar
// expression that computes it.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_RECOGNIZE_ELEMENTEXPR_H
#define QMM_LIB_RECOGNIZE_ELEMENTEXPR_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"

#include <memory>

namespace mlir::qmm {

/// tensor[index(d0, ...)], where the dims are the loops of the op under
/// inspection.  No tensor: a scalar.
struct Element {
  Value tensor;
  AffineMap index;
};

/// A node of the expression: an arith op over operands, a constant, or a leaf.
struct ElementExpr {
  enum class Kind { Op, Constant, Leaf };
  Kind kind;
  Type type;
  /// Where this value stands in the program; no tensor for a value inside the
  /// body of a fused op.
  Element origin;
  Operation *op = nullptr;                   // Op
  SmallVector<const ElementExpr *> operands; // Op
  double constant = 0;                       // Constant

  bool isOp(StringRef name) const;
  /// Does no leaf depend on a loop: one value for the whole tensor?
  bool isUniform() const;
};

/// Owns the nodes; tracing the same element twice gives the same node.
class ElementTracer {
public:
  const ElementExpr *trace(Element element);

private:
  const ElementExpr *traceScalar(Value scalar, Operation *linalgOp,
                                 AffineMap loops);
  ElementExpr *create(ElementExpr::Kind kind, Type type);

  std::vector<std::unique_ptr<ElementExpr>> nodes;
  llvm::DenseMap<std::pair<Value, AffineMap>, const ElementExpr *> memo;
};

/// Operand of the extensions to a wider float, if any.
const ElementExpr *stripExtensions(const ElementExpr *expr);

/// A uniform expression as a tensor<f32>, computed as the program does and then
/// extended to f32; null if a leaf isn't a scalar tensor or value.
Value materializeScalar(OpBuilder &builder, Location loc,
                        const ElementExpr *expr);

} // namespace mlir::qmm

#endif // QMM_LIB_RECOGNIZE_ELEMENTEXPR_H
