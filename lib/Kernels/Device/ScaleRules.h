//===- ScaleRules.h - Scales, factors and codes of a scheme ----*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// numerics/Quantize.cpp, emitted: from an amax to a scale, from a scale to the
// factor that elements are divided by, from a quotient to a code.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_DEVICE_SCALERULES_H
#define QMM_LIB_KERNELS_DEVICE_SCALERULES_H

#include "Chunk.h"
#include "TensorShape.h"

namespace mlir::qmm {

/// What of a quantize the arithmetic depends on.
struct ScaleRules {
  Type wide;           // of the input
  Type element, scale; // of the result
  NibbleOrder nibbles;
  bool hasTensorScale;
  bool hasWholeBlocks;
  E8M0Rounding rounding = E8M0Rounding::Ceil;
  Type precision; // of factor and quotient; null: f32
  bool scalePrecisionInput = false;

  int64_t codesPerByte() const {
    return isa<Float4E2M1FNType>(element) ? 2 : 1;
  }

  struct Scale {
    Value stored; // of type f32 or i8
    Value factor; // f32; 0: all codes are 0
  };
  /// The scale of a block whose largest magnitude is `amax` (f32).
  Scale choose(Emitter &e, Value amax, Value tensorScale) const;
  /// The tensor scale of a tensor whose largest magnitude is `amax`.  It
  /// depends on the data only where block scales are E4M3.
  Value chooseTensorScale(Emitter &e, Value amax) const;
  bool needsTensorAmax() const { return isa<Float8E4M3FNType>(scale); }

  /// The factor that a stored scale, as loaded from its buffer, means.
  Value getFactor(Emitter &e, Value loaded, Value tensorScale) const;

  /// The codes of a chunk as words of i32.  `factor` is f32, or a vector of one
  /// for each element.  `magnitude` is the chunk's own.
  Value encode(Emitter &e, ArrayRef<Value> raw, Value factor,
               Value magnitude) const;

private:
  Value roundTensorWide(Emitter &e, Value scale) const;
  Value encodeWithNaNs(Emitter &e, ArrayRef<Value> raw, Value values,
                       Value factors) const;
};

/// qmm.decode with the signs of NaN codes.
Value decodeLikeHost(Emitter &e, Value codes, Type element,
                     NibbleOrder nibbles = NibbleOrder::None);

/// lhs * rhs, scalars or vectors of f32, with the NaN that the host makes: the
/// left one, else the right one, quiet; else, of infinity and zero, a negative
/// one.
Value multiplyLikeHost(Emitter &e, Value lhs, Value rhs);

/// The factor that the elements of a chunk are divided by or multiplied with,
/// or a vector of one for each where they are in several blocks; 1 for what
/// doesn't exist.
Value loadFactors(KernelBody &e, const ScaleRules &rules,
                  const TensorShape &shape, Value scales, Value tensorScale,
                  const Span &span, int64_t chunk, Value matrix, Value row);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_DEVICE_SCALERULES_H
