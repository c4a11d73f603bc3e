//===- Layers.cpp - Products with weights --------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qmm/Plan/Layers.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::qmm;

llvm::SetVector<Value> mlir::qmm::getUsedValues(Operation *op) {
  llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
  for (Region &region : op->getRegions())
    getUsedValuesDefinedAbove(region, values);
  return values;
}

bool mlir::qmm::isConstant(Value value, SmallVectorImpl<ParameterOp> &sources) {
  SmallVector<Value> worklist{value};
  llvm::DenseSet<Operation *> seen;
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (!op)
      return false;
    if (!seen.insert(op).second)
      continue;
    if (auto parameter = dyn_cast<ParameterOp>(op)) {
      sources.push_back(parameter);
      continue;
    }
    if (!isMemoryEffectFree(op))
      return false;
    llvm::append_range(worklist, getUsedValues(op));
  }
  return true;
}

SmallVector<Layer> mlir::qmm::getLayers(ModuleOp module) {
  SmallVector<Layer> layers;
  for (auto function : module.getOps<func::FuncOp>()) {
    unsigned index = 0;
    function.walk([&](Operation *op) {
      if (!isa<LinearOp, ScaledMatmulOp>(op))
        return;
      std::string name = (function.getName() + "." + Twine(index++)).str();
      SmallVector<ParameterOp> sources;
      if (!isConstant(op->getOperand(1), sources))
        return;
      // Scales and whatever else is beside the weight don't name it.
      llvm::erase_if(sources, [](ParameterOp source) {
        return !source.getName().ends_with(".weight");
      });
      if (sources.size() == 1 && sources[0].getScope() != "const")
        name = sources[0].getName().drop_back(strlen(".weight")).str();
      layers.push_back({std::move(name), op});
    });
  }
  return layers;
}
