//===- Passes.td - Planning passes ------------------------*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes that decide what executes each matmul, and that report
// it.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_PLAN_PASSES_TD
#define QMM_PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanRoutes : Pass<"qmm-plan-routes", "::mlir::ModuleOp"> {
  let summary = "The list of routes of every matmul";
  let description = [{
    Gives each `qmm.scaled_matmul` the attribute `qmm.routes`: for every target of
    the module what can execute it, best first, from the runtime's capability
    table.  A matmul that a target can't execute is an error.

    Before:
    ```mlir
    func.func @f(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>) -> tensor<8x16xbf16> {
      %y = qmm.scaled_matmul %x, %w
        : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
      return %y : tensor<8x16xbf16>
    }
    ```
    After:
    ```mlir
    func.func @f(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>) -> tensor<8x16xbf16> {
      %y = qmm.scaled_matmul %x, %w
        {qmm.routes = [#qmm.route<host on "cpu", m = [0, *], "decodes panels to f32">]}
        : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
      return %y : tensor<8x16xbf16>
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect"];
}

def RecordReport : Pass<"qmm-record-report", "::mlir::ModuleOp"> {
  let summary = "The report on every contraction, as a module attribute";
  let description = [{
    Sets `qmm.report` to JSON text that says for every matmul of the module, and
    every contraction that isn't one, where it is, its extents, schemes, epilogue,
    route, notes, or the reason why it was left alone.  `docs/report.md` lists
    the fields.
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect"];
}

#endif // QMM_PLAN_PASSES_TD
