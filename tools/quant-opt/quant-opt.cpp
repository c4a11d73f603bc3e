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
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "qmm/InitAllDialects.h"
#include "qmm/InitAllPasses.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::qmm::registerAllQMMDialects(registry);

  mlir::registerAllPasses();
  mlir::qmm::registerAllQMMPasses();
  mlir::qmm::registerAllQMMPipelines();

  auto [inputPath, outputPath] = mlir::registerAndParseCLIOptions(
      argc, argv, "QMM modular optimizer driver\n", registry);
  // Foreign dialects parse: --qmm-import-stablehlo reads one, and
  // --qmm-check-input refuses the others by name and place.
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  config.allowUnregisteredDialects(true);
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::asMainReturnCode(
        mlir::MlirOptMain(argc, argv, inputPath, outputPath, registry));

  std::string error;
  auto input = mlir::openInputFile(inputPath, &error);
  auto output = input ? mlir::openOutputFile(outputPath, &error) : nullptr;
  if (!output) {
    llvm::errs() << error << "\n";
    return EXIT_FAILURE;
  }
  if (mlir::failed(
          mlir::MlirOptMain(output->os(), std::move(input), registry, config)))
    return EXIT_FAILURE;
  // Kept only on success, so that a file is whole or isn't there.
  output->keep();
  return EXIT_SUCCESS;
}
