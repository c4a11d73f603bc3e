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

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/SmallBitVector.h"

#include <deque>

namespace mlir::qmm {

/// tensor[index(d0, ...)], where the dims are the loops of the op under
/// inspection.  No tensor: a scalar.
struct Element {
  Value tensor;
  AffineMap index;
};

/// A node of the expression: an arith op over operands, a constant, a leaf, or
/// an element that a data movement of unknown indices put where it is.
struct ElementExpr {
  enum class Kind { Op, Constant, Leaf, Moved };
  Kind kind;
  Type type;
  /// Where this value stands in the program; no tensor for a value inside the
  /// body of a fused op.  The index of a moved value is that of the op's
  /// result, whether or not the value itself stands anywhere.
  Element origin;
  Operation *op = nullptr; // Op, Moved
  /// Of a moved value: one, over the dims of the op's source.
  SmallVector<const ElementExpr *> operands; // Op, Moved
  double constant = 0;                       // Constant

  // Of the whole expression, kept so that no question walks it: shared operands
  // make a walk exponential.
  /// The loops that leaves depend on.
  llvm::SmallBitVector loops;
  /// Can it be computed again outside the ops it was traced through?
  bool isMaterializable = false;
  /// Is there an element type of a scheme where a dequantization would have it?
  bool mayHoldCodes = false;

  bool isOp(StringRef name) const;
  bool isConstant(double value) const {
    return kind == Kind::Constant && constant == value;
  }
  /// One value for the whole tensor?
  bool isUniform() const { return loops.none(); }
  bool dependsOn(unsigned dim) const {
    return dim < loops.size() && loops.test(dim);
  }
  /// Does the value stand in a tensor, or is it a scalar from outside of every
  /// body?
  bool stands() const;
};

/// An element type of a scheme.
bool isCodeType(Type type);

/// The tensor whose elements `op` moves without computing any: an operand, or
/// what a linalg.generic reads at indices that its body computes; null if it is
/// another op.
Value getMovedSource(Operation *op);

/// The largest number of a float type.
double getLargest(Type type);

/// Owns the nodes; tracing the same element twice gives the same node.
class ElementTracer {
public:
  const ElementExpr *trace(Element element);

  /// A value of the body of `op`, for the iteration that `loops` names.
  const ElementExpr *traceScalar(Value scalar, linalg::LinalgOp op,
                                 AffineMap loops);

  /// `expr` with the loops replaced by `replacements`, expressions in as many
  /// dims as `extents` has, and simplified for dims inside those extents.
  const ElementExpr *substitute(const ElementExpr *expr,
                                ArrayRef<AffineExpr> replacements,
                                ArrayRef<int64_t> extents);

  /// A value that stands somewhere, whatever it is computed from.
  const ElementExpr *getLeaf(const ElementExpr *expr);

  /// `inner` moved as `moved` is; and codes where `masked`, an arith.select
  /// between a value and zero, has the value.
  const ElementExpr *move(const ElementExpr *moved, const ElementExpr *inner);
  const ElementExpr *mask(const ElementExpr *masked, unsigned operand,
                          const ElementExpr *inner);

private:
  const ElementExpr *traceLinalg(Element element, linalg::LinalgOp op);
  const ElementExpr *traceMovement(Element element);
  /// Keeps `expr`, complete but for what is known of the whole.
  const ElementExpr *add(ElementExpr expr);

  unsigned depth = 0;
  std::deque<ElementExpr> nodes;
  llvm::DenseMap<std::pair<Value, AffineMap>, const ElementExpr *> memo;
};

/// Operand of the extensions to a float that holds all its values, if any.
const ElementExpr *stripExtensions(const ElementExpr *expr);

/// `expr` simplified for dims from 0 to their extent, where that is static.
AffineExpr simplifyInExtents(AffineExpr expr, ArrayRef<int64_t> extents);

/// The permutation that brings the element's tensor into the order of the dims
/// of a domain of `shape`; nullopt if the tensor isn't exactly that domain.
std::optional<SmallVector<int64_t>> getPermutation(Element element,
                                                   ArrayRef<int64_t> shape);

/// A materializable expression over the dims of a domain of `sizes` as a tensor
/// of that domain: the tensor where it stands, or computed as the program does.
/// The element type is `type`, a float that extends the expression's, or the
/// expression's own if null.
Value materialize(OpBuilder &builder, Location loc, const ElementExpr *expr,
                  ArrayRef<OpFoldResult> sizes, Type type = {});

/// The tensor with the dimensions of `value` in this order.
Value transpose(OpBuilder &builder, Location loc, Value value,
                ArrayRef<int64_t> permutation);

/// A value of f32, read at `index` of a domain's dims, to multiply or divide
/// by.
struct Factor {
  Value value;
  AffineMap index;
  bool divides;
};

/// The product over a domain of `sizes`, in order and in f32.  Of no factors it
/// is 1, a tensor<f32>; one factor that is the product itself stays as it is.
Value multiply(OpBuilder &builder, Location loc, ArrayRef<Factor> factors,
               ArrayRef<OpFoldResult> sizes);

/// A tensor<f32>.
Value createScale(OpBuilder &builder, Location loc, float value);

/// A uniform expression as a tensor<f32>, computed as the program does and then
/// extended to f32; null if it isn't materializable.
Value materializeScalar(OpBuilder &builder, Location loc,
                        const ElementExpr *expr);

} // namespace mlir::qmm

#endif // QMM_LIB_RECOGNIZE_ELEMENTEXPR_H
