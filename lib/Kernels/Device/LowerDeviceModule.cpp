//===- LowerDeviceModule.cpp - Device kernels to the LLVM dialect ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's passes, after what the NVPTX backend would abort at has been
// expanded or refused: small floats, math that needs libdevice, allocation.
//
//===----------------------------------------------------------------------===//

#include "LowerDeviceModule.h"

#include "../Host/LowerKernels.h"
#include "qmm/IR/QMM.h"
#include "qmm/Kernels/Device/Passes.h"
#include "qmm/Kernels/Host/Codegen.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"

using namespace mlir;
using namespace mlir::qmm;

void mlir::qmm::registerDeviceCodegenDialects(DialectRegistry &registry) {
  registerHostCodegenDialects(registry);
  registry.insert<NVVM::NVVMDialect, gpu::GPUDialect, QMMDialect>();
  // What the conversion of GPU ops takes along.
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertMemRefToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
  registerGPUDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

//===----------------------------------------------------------------------===//
// What can't be lowered
//===----------------------------------------------------------------------===//

/// A float that the chips have none of.
static bool isForeignFloat(Type type) {
  type = getElementTypeOrSelf(type);
  return isa<FloatType>(type) &&
         !isa<Float64Type, Float32Type, Float16Type, BFloat16Type,
              Float8E4M3FNType, Float8E5M2Type, Float8E8M0FNUType,
              Float4E2M1FNType>(type);
}

static LogicalResult checkKernels(gpu::GPUModuleOp kernels) {
  WalkResult walk = kernels.walk([](Operation *op) {
    if (isa<memref::AllocOp, gpu::AllocOp>(op)) {
      op->emitOpError("can't be in a device kernel: memory there is shared "
                      "(workgroup) or of a thread (memref.alloca)");
      return WalkResult::interrupt();
    }
    for (Type type : op->getResultTypes()) {
      if (isForeignFloat(type)) {
        op->emitOpError("computes ")
            << type << ", which GPUs don't; expected f64, f32, f16, bf16 or a "
            << "float of 8 or 4 bits that QMM knows";
        return WalkResult::interrupt();
      }
      auto memref = dyn_cast<MemRefType>(type);
      if (memref && isa<Float4E2M1FNType>(memref.getElementType())) {
        op->emitOpError("has a buffer of ")
            << type
            << ": elements of less than a byte are stored packed, as i8";
        return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// Nothing is called from outside.
static LogicalResult checkCalls(ModuleOp module) {
  WalkResult walk = module.walk([](LLVM::CallOp call) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<LLVM::LLVMFuncOp>(
        call, call.getCalleeAttr());
    if (callee && !callee.isExternal())
      return WalkResult::advance();
    call.emitOpError("can't be compiled for a GPU: the function isn't part of "
                     "the kernels");
    return WalkResult::interrupt();
  });
  return failure(walk.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

/// Gives a kernel the arguments of Codegen.h, and its body the memrefs made of
/// them.
static LogicalResult lowerSignature(gpu::GPUFuncOp kernel) {
  auto launch = kernel->getAttrOfType<DictionaryAttr>(QMMDialect::kLaunchAttr);
  if (!launch)
    return kernel.emitOpError("has no attribute '")
           << QMMDialect::kLaunchAttr
           << "', expected one that says how it is launched";
  SmallVector<Type> types(kernel.getFunctionType().getInputs());
  SmallVector<MemRefType> buffers;
  for (auto [index, type] : llvm::enumerate(types)) {
    auto buffer = dyn_cast<MemRefType>(type);
    if (buffer && buffers.size() == index && buffer.getLayout().isIdentity() &&
        !buffer.getMemorySpace())
      buffers.push_back(buffer);
    else if (!type.isIndex())
      return kernel.emitOpError("argument ")
             << index << " is " << type
             << ", expected memrefs of identity layout and the default space, "
                "then indices";
  }
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
  Block &entry = kernel.getBody().front();
  b.setInsertionPointToStart(&entry);
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();

  SmallVector<Type> lowered(buffers.size(), pointer);
  size_t numExtents = 0;
  for (MemRefType buffer : buffers)
    numExtents += buffer.getNumDynamicDims();
  size_t numIndices = types.size() - buffers.size();
  lowered.append(numExtents, i64);
  lowered.append(numIndices, b.getIndexType());
  size_t oldCount = types.size();
  for (auto [index, type] : llvm::enumerate(lowered))
    entry.insertArgument(oldCount + index, type, b.getLoc());

  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(value));
  };
  size_t nextExtent = oldCount + buffers.size();
  for (auto [index, buffer] : llvm::enumerate(buffers)) {
    auto rank = static_cast<size_t>(buffer.getRank());
    SmallVector<Value> sizes, strides(rank);
    for (int64_t extent : buffer.getShape())
      sizes.push_back(ShapedType::isDynamic(extent)
                          ? Value(entry.getArgument(nextExtent++))
                          : constant(extent));
    Value stride = constant(1);
    for (size_t i = rank; i-- > 0;) {
      strides[i] = stride;
      if (i)
        stride = LLVM::MulOp::create(b, stride, sizes[i]);
    }
    SmallVector<Type> fields{pointer, pointer, i64};
    if (rank)
      fields.append(2, LLVM::LLVMArrayType::get(i64, rank));
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), fields);
    Value descriptor = LLVM::PoisonOp::create(b, type);
    auto insert = [&](Value value, ArrayRef<int64_t> position) {
      descriptor = LLVM::InsertValueOp::create(b, descriptor, value, position);
    };
    Value address = entry.getArgument(oldCount + index);
    insert(address, {0});
    insert(address, {1});
    insert(constant(0), {2});
    for (size_t i = 0; i < rank; ++i) {
      insert(sizes[i], {3, static_cast<int64_t>(i)});
      insert(strides[i], {4, static_cast<int64_t>(i)});
    }
    entry.getArgument(index).replaceAllUsesWith(
        UnrealizedConversionCastOp::create(b, buffer, descriptor).getResult(0));
  }
  for (size_t i = 0; i < numIndices; ++i)
    entry.getArgument(buffers.size() + i)
        .replaceAllUsesWith(entry.getArgument(nextExtent + i));
  entry.eraseArguments(0, oldCount);
  kernel.setFunctionType(b.getFunctionType(lowered, {}));
  // The attributes of the old arguments say nothing of the new ones.
  kernel.removeArgAttrsAttr();

  auto threads =
      static_cast<int32_t>(cast<IntegerAttr>(launch.get("threads")).getInt());
  kernel.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({threads, 1, 1}));
  return success();
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

static void addLLVMPasses(OpPassManager &manager) {
  manager.addPass(createConvertMathToLLVMPass());
  ConvertGpuOpsToNVVMOpsOptions options;
  options.indexBitwidth = 64;
  manager.addPass(createConvertGpuOpsToNVVMOps(options));
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createUBToLLVMConversionPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

FailureOr<OwningOpRef<ModuleOp>>
mlir::qmm::lowerDeviceModule(gpu::GPUModuleOp kernels, const DeviceChip &chip) {
  loadDialects(kernels.getContext(), registerDeviceCodegenDialects);
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernels.getLoc());
  gpu::GPUModuleOp clone = kernels.clone();
  module->push_back(clone);
  if (failed(checkKernels(clone)) || failed(lowerLoopsAndFloats(clone)))
    return failure();
  lowerConversions(clone, {chip.convertsFP8, chip.convertsFP4});
  if (failed(expandDeviceMath(clone)) ||
      failed(runPasses(clone, addControlFlowPasses)))
    return failure();
  for (auto kernel : clone.getOps<gpu::GPUFuncOp>())
    if (kernel.isKernel() && failed(lowerSignature(kernel)))
      return failure();
  if (failed(runPasses(clone, addLLVMPasses)) || failed(checkCalls(*module)) ||
      failed(verifyLowered(*module, "a GPU", [](Operation *op) {
        return isa<gpu::GPUModuleOp>(op) ||
               isa<LLVM::LLVMDialect, NVVM::NVVMDialect>(op->getDialect());
      })))
    return failure();
  // Launches have exactly that many threads, which says more than a maximum.
  clone.walk([](LLVM::LLVMFuncOp function) {
    if (Attribute threads =
            function->removeAttr(NVVM::NVVMDialect::getMaxntidAttrName()))
      function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), threads);
  });
  return module;
}
