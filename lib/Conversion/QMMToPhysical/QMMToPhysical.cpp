//===- QMMToPhysical.cpp - Logical tensors to their parts -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The converter and the pass.  Unknown ops are left alone while converting and
// reported afterwards, so that the message names the op that was in the way.
//
//===----------------------------------------------------------------------===//

#include "qmm/Conversion/QMMToPhysical.h"

#include "qmm/Conversion/Passes.h"
#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_QMMTOPHYSICAL
#include "qmm/Conversion/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

QuantizedTypeConverter::QuantizedTypeConverter() {
  addConversion([](Type type) { return type; });
  addConversion(
      [](QuantizedTensorType type,
         SmallVectorImpl<Type> &parts) -> std::optional<LogicalResult> {
        llvm::append_range(parts, type.getPhysicalTypes());
        return success();
      });
  addConversion([](RankedTensorType type) -> std::optional<Type> {
    RankedTensorType packed =
        isFloat4Tensor(type) ? getPackedFloat4Type(type) : RankedTensorType();
    return packed ? packed : type;
  });
  addSourceMaterialization([](OpBuilder &builder, QuantizedTensorType type,
                              ValueRange parts, Location loc) -> Value {
    return AssembleOp::create(builder, loc, type, parts);
  });
  addTargetMaterialization([](OpBuilder &builder, TypeRange partTypes,
                              ValueRange values,
                              Location loc) -> SmallVector<Value> {
    if (values.size() != 1 || !isa<QuantizedTensorType>(values[0].getType()))
      return {};
    return DisassembleOp::create(builder, loc, partTypes, values[0])
        .getResults();
  });
}

/// The first `!qmm.tensor` that `op` takes, gives, or has inside such a type or
/// among its blocks' arguments; null if there is none.
static QuantizedTensorType findQuantizedType(Operation *op) {
  QuantizedTensorType found;
  auto look = [&](Type type) {
    type.walk([&](QuantizedTensorType quantized) {
      found = quantized;
      return WalkResult::interrupt();
    });
  };
  for (Type type : op->getOperandTypes())
    look(type);
  for (Type type : op->getResultTypes())
    look(type);
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (Type type : block.getArgumentTypes())
        look(type);
  if (auto function = dyn_cast<FunctionOpInterface>(op))
    look(function.getFunctionType());
  return found;
}

/// Does `op` take tensors of f4E2M1FN as the bytes they stand for?
static bool takesFloat4(Operation *op) {
  return isa<AssembleOp, func::FuncOp, func::CallOp, func::ReturnOp,
             tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) ||
         isa<scf::SCFDialect, cf::ControlFlowDialect>(op->getDialect());
}

/// Such a tensor may stand only where it is packed, and only if it can be.
static LogicalResult checkFloat4(ModuleOp module) {
  bool ok = true;
  module.walk([&](Operation *op) {
    RankedTensorType found;
    bool isPacked = true;
    auto look = [&](Type type) {
      if (!isFloat4Tensor(type))
        return;
      auto tensor = cast<RankedTensorType>(type);
      if (!found || !getPackedFloat4Type(tensor))
        found = tensor;
      isPacked &= bool(getPackedFloat4Type(tensor));
    };
    for (Type type : op->getOperandTypes())
      look(type);
    for (Type type : op->getResultTypes())
      look(type);
    if (auto function = dyn_cast<FunctionOpInterface>(op)) {
      for (Type type : function.getArgumentTypes())
        look(type);
      for (Type type : function.getResultTypes())
        look(type);
    }
    if (!found || (isPacked && takesFloat4(op)))
      return;
    ok = false;
    if (!isPacked)
      op->emitOpError("has a value of type ")
          << found
          << ", expected a last extent that is static and even: two codes "
             "share a byte";
    else
      op->emitOpError("has a value of type ")
          << found
          << ", and only qmm.assemble takes such codes, two of which share a "
             "byte";
  });
  return success(ok);
}

LogicalResult mlir::qmm::convertQMMToPhysical(ModuleOp module) {
  WalkResult undecided = module.walk([](LinearOp op) {
    op.emitError("qmm.linear reaches qmm-to-physical: run "
                 "--qmm-quantize-activations first");
    return WalkResult::interrupt();
  });
  if (undecided.wasInterrupted() || failed(checkFloat4(module)))
    return failure();

  MLIRContext *context = module.getContext();
  QuantizedTypeConverter converter;
  RewritePatternSet patterns(context);
  ConversionTarget target(*context);
  target.addLegalDialect<QMMDialect, arith::ArithDialect,
                         bufferization::BufferizationDialect,
                         linalg::LinalgDialect, tensor::TensorDialect>();
  target.addIllegalOp<AssembleOp, DisassembleOp, QuantizeOp, DequantizeOp,
                      RelayoutOp, AmaxOp, ScaledMatmulOp, DimOp, SliceOp,
                      ReshapeOp, TransposeOp, PadOp>();
  target.addDynamicallyLegalOp<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
      [&](Operation *op) { return converter.isLegal(op); });
  populateQMMToPhysicalPatterns(converter, patterns);
  populateQMMToPhysicalStructurePatterns(converter, patterns, target);
  if (failed(applyPartialConversion(module, target, std::move(patterns))))
    return failure();

  // Materializations remain only beside an op that wasn't converted.
  WalkResult left = module.walk([](Operation *op) {
    if (isa<AssembleOp, DisassembleOp>(op))
      return WalkResult::advance();
    QuantizedTensorType type = findQuantizedType(op);
    if (!type)
      return WalkResult::advance();
    op->emitOpError("has a value of type ")
        << type << ", which qmm-to-physical can't split in this op";
    return WalkResult::interrupt();
  });
  return failure(left.wasInterrupted());
}

void mlir::qmm::markPublicArgumentsReadOnly(ModuleOp module) {
  auto no = BoolAttr::get(module.getContext(), false);
  module.walk([&](func::FuncOp function) {
    if (!function.isPublic() || function.isExternal())
      return;
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
      if (isa<TensorType>(type))
        function.setArgAttr(
            i, bufferization::BufferizationDialect::kWritableAttrName, no);
  });
}

namespace {
struct QMMToPhysicalPass
    : public mlir::qmm::impl::QMMToPhysicalBase<QMMToPhysicalPass> {
  void runOnOperation() override {
    if (failed(convertQMMToPhysical(getOperation())))
      return signalPassFailure();
    markPublicArgumentsReadOnly(getOperation());
  }
};
} // namespace
