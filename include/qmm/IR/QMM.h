//===- QMM.h - The qmm dialect -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every declaration of the dialect: attributes, the type, ops, and the bridge
// to the runtime's descriptions (qmm/tensor.h), which legality and storage
// shapes are derived from.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_IR_QMM_H
#define QMM_IR_QMM_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "qmm/ops.h"
#include "qmm/tensor.h"

#include "qmm/IR/QMMDialect.h.inc"
#include "qmm/IR/QMMEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "qmm/IR/QMMAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "qmm/IR/QMMTypes.h.inc"

namespace mlir::qmm {

/// The builtin type of a runtime dtype (E2M1: f4E2M1FN; unsigned integers are
/// signless), or null for QMM_DTYPE_NONE.
Type getBuiltinType(MLIRContext *context, qmm_dtype dtype);

/// The runtime dtype of an element, scale or wide type; QMM_DTYPE_NONE for a
/// type that the runtime doesn't have.  Signless integers are signed, i1 is
/// QMM_DTYPE_BOOL.
qmm_dtype getRuntimeDType(Type type);

/// Is `type` a tensor of f4E2M1FN?  It stands for its packed bytes.
bool isFloat4Tensor(Type type);

/// The tensor of bytes that `type`, a tensor of f4E2M1FN, stands for: two codes
/// a byte along the last dimension, the first one in bits 3..0.  Null where the
/// last extent isn't static and even.
RankedTensorType getPackedFloat4Type(RankedTensorType type);

/// Is `type` f32, bf16 or f16?
bool isWideElementType(Type type);

/// The preset names, comma-separated, for messages.
std::string getPresetNames();

/// Same element type and rank, and extents that are equal or dynamic on either
/// side.  Encodings and memory layouts aren't compared.
bool areCompatible(ShapedType lhs, ShapedType rhs);

/// The operands of entry `index` of a physical op's type list (see
/// QMMPhysicalOps.td).  An output group is what the op writes of that entry:
/// the first output entry has what the others leave.
OperandRange getPhysicalInputGroup(OperandRange inputs, ArrayAttr types,
                                   unsigned index);
OperandRange getPhysicalOutputGroup(OperandRange outputs, ArrayAttr types,
                                    unsigned index);

/// The buffers of a logical type: a builtin tensor is its own, a `!qmm.tensor`
/// has its physical types.
SmallVector<RankedTensorType, 3> getBufferTypes(Type logicalType);

/// Are the elements row-major without gaps, wherever they start?  So are those
/// of a physical op's buffers.
bool isContiguous(MemRefType type);

} // namespace mlir::qmm

#define GET_OP_CLASSES
#include "qmm/IR/QMMOps.h.inc"

#endif // QMM_IR_QMM_H
