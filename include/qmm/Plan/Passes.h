//===- Passes.h - Planning passes ------------------------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each transformation as a function and as a pass.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_PLAN_PASSES_H
#define QMM_PLAN_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/JSON.h"

namespace mlir::qmm {

/// Sets `qmm.routes` on every scaled_matmul.
LogicalResult planRoutes(ModuleOp module);

/// {"matmuls": [...]}: see docs/report.md.
llvm::json::Value buildReport(ModuleOp module);

/// The report as a table for people.
void printReport(llvm::raw_ostream &os, const llvm::json::Value &report);

/// The module attribute that holds the report's JSON text.
inline constexpr llvm::StringLiteral kReportAttr = "qmm.report";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qmm/Plan/Passes.h.inc"

} // namespace mlir::qmm

#endif // QMM_PLAN_PASSES_H
