//===- Layers.h - Products with weights -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What policies, calibration files and reports name.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_PLAN_LAYERS_H
#define QMM_PLAN_LAYERS_H

#include "qmm/IR/QMM.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::qmm {

/// A qmm.linear or qmm.scaled_matmul whose weight depends on parameters and
/// constants only.
struct Layer {
  /// The weight's key in its file without ".weight", where it is one tensor of
  /// a file; else FUNCTION.I, for the I-th product of the function.
  std::string name;
  Operation *op;

  /// The operands' indices are the same for both ops.
  OpOperand &getInput() const { return op->getOpOperand(0); }
  OpOperand &getWeight() const { return op->getOpOperand(1); }
};

/// The values that `op` uses: operands, and what its regions take from outside.
llvm::SetVector<Value> getUsedValues(Operation *op);

/// Does `value` depend on parameters and constants only?  The parameters go to
/// `sources`.
bool isConstant(Value value, SmallVectorImpl<ParameterOp> &sources);

/// The layers of all functions, in order.
SmallVector<Layer> getLayers(ModuleOp module);

} // namespace mlir::qmm

#endif // QMM_PLAN_LAYERS_H
