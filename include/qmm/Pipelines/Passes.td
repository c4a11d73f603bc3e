//===- Passes.td - Contract checks ------------------------*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes that stand between stages.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_PIPELINES_PASSES_TD
#define QMM_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def CheckInput : Pass<"qmm-check-input", "::mlir::ModuleOp"> {
  let summary = "Refuse what no stage could translate, before any pass runs";
  let description = [{
    Unregistered ops are errors, each at its location: passes that don't know an
    op can't keep its meaning, and some upstream passes crash on it.  So is a
    call that leads back to its own function: calls are inlined.
  }];
}

def VerifyStage : Pass<"qmm-verify-stage", "::mlir::ModuleOp"> {
  let summary = "Check a stage's contract and record the stage";
  let description = [{
    Fails with a diagnostic at every op that breaks the contract of `stage`;
    otherwise sets the module's `qmm.stage`.  The contracts are those of
    `docs/stages.md`.
  }];
  let options = [
    Option<"stage", "stage", "std::string", /*default=*/"\"input\"",
           "input, recognized, quantized, planned, laid_out, bufferized or "
           "lowered">];
}

#endif // QMM_PIPELINES_PASSES_TD
