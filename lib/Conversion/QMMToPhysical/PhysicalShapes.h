//===- PhysicalShapes.h - Extents of a value's parts ------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes go from a value's data to its logical shape and from there to the
// parts of another value, in this file only.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_LIB_CONVERSION_QMMTOPHYSICAL_PHYSICALSHAPES_H
#define QMM_LIB_CONVERSION_QMMTOPHYSICAL_PHYSICALSHAPES_H

#include "qmm/IR/QMM.h"

#include "mlir/IR/Builders.h"

namespace mlir {
class RewritePatternSet;
class TypeConverter;
} // namespace mlir

namespace mlir::qmm {

/// The logical extents of a value of `type` (a builtin tensor or a
/// `!qmm.tensor`) that consists of `parts`: constants where static, tensor.dim
/// of the data elsewhere.
SmallVector<OpFoldResult> getLogicalSizes(OpBuilder &builder, Location loc,
                                          Type type, ValueRange parts);

/// A tensor.empty of `type`; `sizes` are read where its extents are dynamic.
Value createEmpty(OpBuilder &builder, Location loc, RankedTensorType type,
                  ArrayRef<OpFoldResult> sizes);

/// A tensor.empty for part `index` of a `type` of these logical extents.
Value createEmptyPart(OpBuilder &builder, Location loc,
                      QuantizedTensorType type, unsigned index,
                      ArrayRef<OpFoldResult> logicalSizes);

/// `value`, through a tensor.cast if its type isn't `type`.
Value castTo(OpBuilder &builder, Location loc, Value value, Type type);

/// The part of populateQMMToPhysicalPatterns for dim, slice, reshape, transpose
/// and pad.
void populateShapePatterns(const TypeConverter &converter,
                           RewritePatternSet &patterns);

} // namespace mlir::qmm

#endif // QMM_LIB_CONVERSION_QMMTOPHYSICAL_PHYSICALSHAPES_H
