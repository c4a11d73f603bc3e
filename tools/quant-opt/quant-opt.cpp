//===- quant-opt.cpp - Runs passes on a module ----------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-opt with this project's dialect, passes and stage pipelines, for tests
// and for people who look at one pass at a time.
//
//===----------------------------------------------------------------------===//
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "qmm/InitAllDialects.h"
#include "qmm/InitAllPasses.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::qmm::registerAllQMMDialects(registry);

  mlir::registerAllPasses();
  mlir::qmm::registerAllQMMPasses();
  mlir::qmm::registerAllQMMPipelines();

  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "QMM modular optimizer driver\n", registry));
}
