//===- compile.cpp - A compiler that takes QMM's dialect as a library -----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Uses installed headers and libraries only: parses a function on a quantized
// tensor and prints it.
//
//===----------------------------------------------------------------------===//

#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

int main() {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, mlir::qmm::QMMDialect>();
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceString<mlir::ModuleOp>(
          "func.func @f(%w: !qmm.tensor<1024x256xbf16, fp8>)"
          " -> tensor<1024x256xbf16> {\n"
          "  %x = qmm.dequantize %w : !qmm.tensor<1024x256xbf16, fp8>"
          " -> tensor<1024x256xbf16>\n"
          "  return %x : tensor<1024x256xbf16>\n"
          "}\n",
          &context);
  if (!module)
    return 1;
  module->print(llvm::outs());
  return 0;
}
