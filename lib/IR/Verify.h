//===- Verify.h - Constraints shared by logical and physical ops -*- C++
//-*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A `qmm.phys` op lists the logical types it works on, which satisfy the
// logical op's own constraints: each is checked in one place.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_LIB_IR_VERIFY_H
#define QMM_LIB_IR_VERIFY_H

#include "qmm/IR/QMM.h"

namespace mlir::qmm {

/// `lhs` and `rhs` have compatible shapes; else an error naming both.
LogicalResult verifySameShape(Operation *op, StringRef lhsName, ShapedType lhs,
                              StringRef rhsName, ShapedType rhs);

struct QuantizeSpec {
  ShapedType input;
  QuantizedTensorType result;
  bool scaleGiven, tensorScaleGiven;
  std::optional<Type> precision;
  E8M0Rounding rounding;
  bool scalePrecisionInput;
};
/// Constraints 1 and 3 to 6 of qmm.quantize.
LogicalResult verifyQuantize(Operation *op, const QuantizeSpec &spec);

/// Constraint 1 of qmm.relayout.
LogicalResult verifyRelayout(Operation *op, QuantizedTensorType input,
                             QuantizedTensorType result);

struct ScaledMatmulSpec {
  ShapedType a, b, result;
  ShapedType bias, residual; // null where absent
  bool outScaleGiven, alphaGiven;
  Activation activation;
  std::optional<Type> aPrecision, bPrecision;
};
/// The constraints of qmm.scaled_matmul.
LogicalResult verifyScaledMatmul(Operation *op, const ScaledMatmulSpec &spec);

/// Is `type` a tensor of codes that are their own values?
bool isRawTensor(Type type);

/// The product of the extents that aren't dynamic.  It fits for a valid type.
uint64_t getStaticCount(ArrayRef<int64_t> shape);

/// Does a matmul's result of this type take a given scale?
bool needsOutScale(Type result);

} // namespace mlir::qmm

#endif // QMM_LIB_IR_VERIFY_H
