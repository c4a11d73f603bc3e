//===- KernelsToDevice.cpp - Outlined kernels as GPU kernels -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel over a range of points is a GPU kernel in which each thread has a
// range of one.
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"
#include "qmm/Kernels/Device/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_KERNELSTODEVICE
#include "qmm/Kernels/Device/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

/// `kernel`'s buffers and integers, then the extent instead of begin and end.
static gpu::GPUFuncOp moveToDevice(func::FuncOp kernel) {
  OpBuilder builder(kernel.getContext());
  Location loc = kernel.getLoc();
  LaunchShape shape; // a point a thread
  gpu::GPUFuncOp result = createDeviceKernel(
      loc, kernel.getSymName(), kernel.getArgumentTypes().drop_back(), shape);

  Block &entry = result.getBody().front();
  builder.setInsertionPointToEnd(&entry);
  Value threads = arith::ConstantIndexOp::create(builder, loc, shape.threads);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value block = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value begin = arith::AddIOp::create(
      builder, loc, arith::MulIOp::create(builder, loc, block, threads),
      thread);
  Value end = arith::AddIOp::create(builder, loc, begin, one);
  Value extent = entry.getArguments().back();
  Value isInside = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::ult, begin, extent);
  auto guard = scf::IfOp::create(builder, loc, isInside,
                                 /*withElseRegion=*/false);
  gpu::ReturnOp::create(builder, loc);

  IRMapping map;
  Block &body = kernel.getBody().front();
  auto inner = body.getArguments().drop_back(2);
  map.map(inner, entry.getArguments().drop_back());
  map.map(body.getArgument(body.getNumArguments() - 2), begin);
  map.map(body.getArgument(body.getNumArguments() - 1), end);
  builder.setInsertionPointToStart(guard.thenBlock());
  for (Operation &op : body.without_terminator())
    builder.clone(op, map);
  return result;
}

LogicalResult mlir::qmm::moveKernelsToDevice(ModuleOp module) {
  auto kernels = module.lookupSymbol<ModuleOp>(QMMDialect::kKernelsModule);
  if (!kernels)
    return success();
  gpu::GPUModuleOp device = getOrCreateDeviceKernels(module);
  SymbolTable symbols(device);
  for (auto global : kernels.getOps<memref::GlobalOp>()) {
    auto copy = cast<memref::GlobalOp>(global->clone());
    StringAttr name = symbols.insert(copy);
    if (name != global.getSymNameAttr() &&
        failed(SymbolTable::replaceAllSymbolUses(global, name, kernels)))
      return global.emitOpError("can't be moved to the GPU's module");
  }
  llvm::DenseMap<StringAttr, SymbolRefAttr> moved;
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    gpu::GPUFuncOp copy = moveToDevice(kernel);
    symbols.insert(copy);
    moved[kernel.getSymNameAttr()] = SymbolRefAttr::get(
        device.getSymNameAttr(), FlatSymbolRefAttr::get(copy.getNameAttr()));
  }
  module.walk([&](LaunchOp launch) {
    if (launch.getKernel().getRootReference() == QMMDialect::kKernelsModule)
      launch.setKernelAttr(moved.at(launch.getKernel().getLeafReference()));
  });
  kernels.erase();
  return success();
}

namespace {
struct KernelsToDevice : qmm::impl::KernelsToDeviceBase<KernelsToDevice> {
  void runOnOperation() override {
    if (failed(moveKernelsToDevice(getOperation())))
      signalPassFailure();
  }
};
} // namespace
