//===- Targets.h - What a module is compiled for ---------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every question about a chip is one to the runtime's capability table, asked
// here.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_PLAN_TARGETS_H
#define QMM_PLAN_TARGETS_H

#include "capability/Capability.h"
#include "qmm/IR/QMM.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::qmm {

/// The chips of the nearest `qmm.targets` around `op`; "cpu" without one.
SmallVector<StringRef> getTargetChips(Operation *op);

/// Is `module` compiled for GPUs?  Not beside the CPU: one program runs on one
/// kind.
bool isForGPU(ModuleOp module);

/// Does `chip` multiply an input of scheme `a` with a weight of type `b` in its
/// own units?  The CPU doesn't: it decodes them.
bool multipliesNatively(StringRef chip, SchemeAttr a, QuantizedTensorType b);

/// The capability table's answer for `matmul` on `chip`, best first; empty,
/// with the reason in `refusal`, when nothing executes it.
std::vector<::qmmrt::Route> queryRoutes(ScaledMatmulOp matmul, StringRef chip,
                                        std::string &refusal);

/// The routes of `matmul` on the chips, best first.  Failure, with a diagnostic
/// at the op, when a chip has none.
FailureOr<SmallVector<RouteAttr>> queryRoutes(ScaledMatmulOp matmul,
                                              ArrayRef<StringRef> chips);

} // namespace mlir::qmm

#endif // QMM_PLAN_TARGETS_H
