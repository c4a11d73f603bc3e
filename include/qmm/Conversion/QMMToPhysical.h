//===- QMMToPhysical.h - Logical tensors to their parts --------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The 1:N conversion of `!qmm.tensor`.  One value that is three buffers can't
// go through One-Shot Bufferize, so it stops being one value before.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_CONVERSION_QMMTOPHYSICAL_H
#define QMM_CONVERSION_QMMTOPHYSICAL_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::qmm {

/// Converts `!qmm.tensor` to QuantizedTensorType::getPhysicalTypes() and keeps
/// every other type.  Materializes through qmm.assemble and qmm.disassemble.
class QuantizedTypeConverter : public TypeConverter {
public:
  QuantizedTypeConverter();
};

/// Patterns for the logical ops, all but qmm.linear.
void populateQMMToPhysicalPatterns(const TypeConverter &converter,
                                   RewritePatternSet &patterns);

/// Patterns for functions, calls, returns, branches, scf and arith.select, and
/// the legality that makes a partial conversion apply both sets.
void populateQMMToPhysicalStructurePatterns(const TypeConverter &converter,
                                            RewritePatternSet &patterns,
                                            ConversionTarget &target);

/// Both sets on `module`; refuses qmm.linear and any `!qmm.tensor` that is
/// left, with an error at its op.
LogicalResult convertQMMToPhysical(ModuleOp module);

/// Marks the tensor arguments of public functions as not writable.
void markPublicArgumentsReadOnly(ModuleOp module);

} // namespace mlir::qmm

#endif // QMM_CONVERSION_QMMTOPHYSICAL_H
