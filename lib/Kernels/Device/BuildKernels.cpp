//===- BuildKernels.cpp - Physical ops become device kernels --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The GPU's runtime has no kernels of its own: whatever isn't a matmul is
// compiled with the program.
//
//===----------------------------------------------------------------------===//

#include "Builders.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "qmm/Kernels/Device/Passes.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_BUILDDEVICEKERNELS
#include "qmm/Kernels/Device/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

/// A buffer of its own for one that has a layout: a view of part of another.
static Value makePlain(Emitter &caller, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<Value> extents;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      extents.push_back(memref::DimOp::create(caller, buffer, i));
  return memref::AllocOp::create(
      caller, MemRefType::get(type.getShape(), type.getElementType()), extents);
}

LogicalResult mlir::qmm::buildDeviceKernels(ModuleOp module) {
  KernelLibrary library(module);
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<PhysQuantizeOp, PhysDequantizeOp, PhysRelayoutOp, PhysAmaxOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    if (!llvm::all_of(op->getOperandTypes(), llvm::IsaPred<MemRefType>))
      return op->emitOpError("works on tensors, expected memrefs: bufferize "
                             "first");
    Emitter caller(op->getLoc(), op);
    SmallVector<std::pair<Value, Value>> copiedBack;
    auto outputs = cast<DestinationStyleOpInterface>(op).getDpsInits();
    for (OpOperand &operand : op->getOpOperands()) {
      Value buffer = operand.get();
      if (cast<MemRefType>(buffer.getType()).getLayout().isIdentity())
        continue;
      Value plain = makePlain(caller, buffer);
      if (llvm::is_contained(outputs, buffer))
        copiedBack.push_back({plain, buffer});
      else
        memref::CopyOp::create(caller, buffer, plain);
      operand.set(plain);
    }
    if (auto quantize = dyn_cast<PhysQuantizeOp>(op))
      buildQuantize(caller, library, quantize);
    else if (auto dequantize = dyn_cast<PhysDequantizeOp>(op))
      buildDequantize(caller, library, dequantize);
    else if (auto relayout = dyn_cast<PhysRelayoutOp>(op))
      buildRelayout(caller, library, relayout);
    else
      buildAmax(caller, library, cast<PhysAmaxOp>(op));
    for (auto [plain, buffer] : copiedBack)
      memref::CopyOp::create(caller, plain, buffer);
    op->erase();
  }
  return success();
}

namespace {
struct BuildDeviceKernels
    : mlir::qmm::impl::BuildDeviceKernelsBase<BuildDeviceKernels> {
  void runOnOperation() override {
    if (failed(buildDeviceKernels(getOperation())))
      return signalPassFailure();
  }
};
} // namespace
