//===- SpillConstants.cpp - Large constants to parameters ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// IR that is printed, hashed and copied stays small when big constants live
// beside it.
//
//===----------------------------------------------------------------------===//

#include "qmm/IR/QMM.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_SPILLCONSTANTS
#include "qmm/Transforms/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

void mlir::qmm::spillConstants(ModuleOp module, int64_t threshold) {
  SmallVector<NamedAttribute> constants;
  llvm::DenseMap<Attribute, StringAttr> names;
  if (auto old =
          module->getAttrOfType<DictionaryAttr>(QMMDialect::kConstantsAttr))
    for (NamedAttribute entry : old) {
      constants.push_back(entry);
      names[entry.getValue()] = entry.getName();
    }
  Builder builder(module.getContext());
  module.walk([&](arith::ConstantOp op) {
    auto value = dyn_cast<ElementsAttr>(op.getValue());
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!value || !type || value.isSplat() ||
        !type.getElementType().isIntOrFloat() ||
        type.getNumElements() *
                llvm::divideCeil(type.getElementTypeBitWidth(), 8) <=
            threshold)
      return;
    StringAttr &name = names[value];
    if (!name) {
      name = builder.getStringAttr("c" + Twine(constants.size()));
      constants.emplace_back(name, value);
    }
    OpBuilder at(op);
    Value parameter = ParameterOp::create(
        at, op.getLoc(), type, at.getStringAttr("const::" + name.getValue()),
        /*digest=*/nullptr);
    op.replaceAllUsesWith(parameter);
    op.erase();
  });
  if (!constants.empty())
    module->setAttr(QMMDialect::kConstantsAttr,
                    builder.getDictionaryAttr(constants));
}

namespace {
struct SpillConstants : qmm::impl::SpillConstantsBase<SpillConstants> {
  using SpillConstantsBase::SpillConstantsBase;
  void runOnOperation() override { spillConstants(getOperation(), threshold); }
};
} // namespace
