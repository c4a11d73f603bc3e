//===- InsertObservers.cpp - Inputs of layers as results -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values themselves come out, not statistics of them: which ones are wanted
// is for whoever runs the program to say.
//
//===----------------------------------------------------------------------===//

#include "qmm/Plan/Layers.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_INSERTOBSERVERS
#include "qmm/Transforms/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

/// Why the input of `layer` can't become a result of `function`; "" if it can.
static std::string refuse(const Layer &layer, func::FuncOp function) {
  if (!isa<RankedTensorType>(layer.getInput().get().getType()))
    return "its input is quantized";
  if (!function.getFunctionBody().hasOneBlock() ||
      layer.op->getBlock() != &function.getFunctionBody().front())
    return "it is inside of control flow";
  if (!SymbolTable::symbolKnownUseEmpty(function, function->getParentOp()))
    return "its function is called by others";
  return "";
}

void mlir::qmm::insertObservers(ModuleOp module) {
  llvm::StringMap<unsigned> uses;
  for (const Layer &layer : getLayers(module)) {
    auto function = layer.op->getParentOfType<func::FuncOp>();
    if (std::string reason = refuse(layer, function); !reason.empty()) {
      layer.op->emitWarning("layer '")
          << layer.name << "' isn't observed: " << reason;
      continue;
    }
    if (auto linear = dyn_cast<LinearOp>(layer.op))
      scaleInput(linear);
    Value input = layer.getInput().get();
    Operation *terminator = function.getFunctionBody().front().getTerminator();
    std::string name = layer.name + kObserverSuffix.str();
    if (unsigned use = uses[name]++)
      name += "#" + std::to_string(use + 1);
    unsigned index = terminator->getNumOperands();
    terminator->insertOperands(index, input);
    Builder builder(module.getContext());
    if (failed(function.insertResult(
            index, input.getType(),
            builder.getDictionaryAttr(builder.getNamedAttr(
                QMMDialect::kNameAttr, builder.getStringAttr(name))))))
      llvm_unreachable("a func.func can have one more result");
  }
}

namespace {
struct InsertObservers : qmm::impl::InsertObserversBase<InsertObservers> {
  void runOnOperation() override { insertObservers(getOperation()); }
};
} // namespace
