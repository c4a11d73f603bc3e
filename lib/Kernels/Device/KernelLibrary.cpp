//===- KernelLibrary.cpp - The kernels of one program ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels are compared as IR: two ops that need the same code share it whatever
// they are called.
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"

#include "qmm/IR/QMM.h"
#include "qmm/Kernels/Device/Codegen.h"

using namespace mlir;
using namespace mlir::qmm;

Value KernelBody::thread() {
  return gpu::ThreadIdOp::create(*this, gpu::Dimension::x);
}
Value KernelBody::block() {
  return gpu::BlockIdOp::create(*this, gpu::Dimension::x);
}
Value KernelBody::shared(int64_t count, Type element) {
  auto space =
      gpu::AddressSpaceAttr::get(getContext(), gpu::AddressSpace::Workgroup);
  return function.addWorkgroupAttribution(
      MemRefType::get({count}, element, MemRefLayoutAttrInterface(), space),
      function.getLoc());
}

gpu::GPUModuleOp mlir::qmm::getOrCreateDeviceKernels(ModuleOp module) {
  if (gpu::GPUModuleOp known = getDeviceKernels(module))
    return known;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  builder.getUnitAttr());
  return gpu::GPUModuleOp::create(builder, module.getLoc(),
                                  QMMDialect::kDeviceModule);
}

gpu::GPUFuncOp mlir::qmm::createDeviceKernel(Location loc, StringRef name,
                                             TypeRange arguments,
                                             LaunchShape shape) {
  OpBuilder builder(loc.getContext());
  auto kernel = gpu::GPUFuncOp::create(builder, loc, name,
                                       builder.getFunctionType(arguments, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                  builder.getUnitAttr());
  auto i64 = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
  kernel->setAttr(
      QMMDialect::kLaunchAttr,
      builder.getDictionaryAttr(
          {builder.getNamedAttr("threads", i64(shape.threads)),
           builder.getNamedAttr("items_per_block", i64(shape.itemsPerBlock)),
           builder.getNamedAttr("shared_bytes", i64(0)),
           builder.getNamedAttr("blocks_per_sm", i64(0)),
           builder.getNamedAttr("cooperative", builder.getBoolAttr(false))}));
  return kernel;
}

/// Equal but for name and locations.
static bool isSameKernel(gpu::GPUFuncOp lhs, gpu::GPUFuncOp rhs) {
  return lhs.getFunctionType() == rhs.getFunctionType() &&
         lhs->getAttr(QMMDialect::kLaunchAttr) ==
             rhs->getAttr(QMMDialect::kLaunchAttr) &&
         lhs.getNumWorkgroupAttributions() ==
             rhs.getNumWorkgroupAttributions() &&
         OperationEquivalence::isRegionEquivalentTo(
             &lhs.getBody(), &rhs.getBody(),
             OperationEquivalence::IgnoreLocations);
}

void KernelLibrary::launch(Emitter &caller, StringRef name, LaunchShape shape,
                           ValueRange buffers, ValueRange integers,
                           Value extent,
                           llvm::function_ref<void(KernelBody &)> build) {
  SmallVector<Type> types(buffers.getTypes());
  types.append(integers.size() + 1, caller.getIndexType());
  OwningOpRef<gpu::GPUFuncOp> function =
      createDeviceKernel(caller.getLoc(), name, types, shape);
  KernelBody body(*function, buffers.size(), shape);
  build(body);
  gpu::ReturnOp::create(body);

  gpu::GPUModuleOp home = getOrCreateDeviceKernels(module);
  gpu::GPUFuncOp kernel;
  for (auto known : home.getOps<gpu::GPUFuncOp>())
    if (isSameKernel(known, *function)) {
      kernel = known;
      break;
    }
  if (!kernel) {
    kernel = function.release();
    SymbolTable(home).insert(kernel);
  }
  auto symbol = SymbolRefAttr::get(
      home.getNameAttr(), FlatSymbolRefAttr::get(kernel.getNameAttr()));
  LaunchOp::create(caller, symbol, buffers, integers, extent);
}

Value mlir::qmm::flatten(Emitter &caller, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  Type element = type.getElementType();
  if (type.getRank() == 0)
    buffer =
        memref::ExpandShapeOp::create(caller, MemRefType::get({1}, element),
                                      buffer, ArrayRef<ReassociationIndices>());
  else if (type.getRank() > 1)
    buffer = memref::CollapseShapeOp::create(
        caller, buffer,
        SmallVector<ReassociationIndices>{
            llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()))});
  auto flat = MemRefType::get({ShapedType::kDynamic}, element);
  if (buffer.getType() != flat)
    buffer = memref::CastOp::create(caller, flat, buffer);
  return buffer;
}
