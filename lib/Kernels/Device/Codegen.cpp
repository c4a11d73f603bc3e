//===- Codegen.cpp - Device kernels to PTX and cubins ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The LLVM half of code generation: translation, optimization, PTX.
//
//===----------------------------------------------------------------------===//

#include "qmm/Kernels/Device/Codegen.h"

#include "../Host/LLVMBackend.h"
#include "LowerDeviceModule.h"
#include "Ptxas.h"
#include "qmm/IR/QMM.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::qmm;

/// Names the first function that the code would need from outside.
static LogicalResult verifyDefined(llvm::Module &module, Location loc) {
  for (llvm::Function &function : module)
    if (function.isDeclaration() && !function.isIntrinsic() &&
        !function.use_empty())
      return emitError(loc)
             << "a device kernel needs the function '" << function.getName()
             << "', which isn't part of the kernels";
  return success();
}

FailureOr<std::string> mlir::qmm::emitPTX(gpu::GPUModuleOp kernels,
                                          const DeviceChip &chip) {
  Location loc = kernels.getLoc();
  FailureOr<OwningOpRef<ModuleOp>> lowered = lowerDeviceModule(kernels, chip);
  if (failed(lowered))
    return failure();
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(
      {chip.name, "nvptx64-nvidia-cuda", chip.name, chip.features}, loc);
  if (!machine)
    return failure();
  auto device = *(**lowered).getOps<gpu::GPUModuleOp>().begin();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(device, context, kernels.getName());
  if (!module)
    return emitError(loc, "can't be translated to LLVM IR");
  setTarget(*module, *machine);
  if (failed(verifyDefined(*module, loc)))
    return failure();
  optimize(*module, *machine);
  if (failed(verifyDefined(*module, loc)))
    return failure();

  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return emitError(loc) << "this LLVM can't emit PTX for " << chip.name;
  passes.run(*module);
  return text.str().str();
}

gpu::GPUModuleOp mlir::qmm::getDeviceKernels(ModuleOp module) {
  return module.lookupSymbol<gpu::GPUModuleOp>(QMMDialect::kDeviceModule);
}

FailureOr<SmallVector<DeviceCode>>
mlir::qmm::compileDeviceKernels(gpu::GPUModuleOp kernels,
                                ArrayRef<StringRef> chips,
                                const DeviceCodegenOptions &options) {
  SmallVector<DeviceCode> texts, images;
  if (kernels.getOps<gpu::GPUFuncOp>().empty())
    return texts;
  Location loc = kernels.getLoc();
  std::string ptxas;
  if (options.format != DeviceCodeFormat::PTX)
    ptxas = findPtxas(options.ptxas);
  if (options.format == DeviceCodeFormat::Cubin && ptxas.empty())
    return emitError(loc)
           << "a cubin needs ptxas, which isn't "
           << (options.ptxas.empty()
                   ? "on PATH or in bin of CUDA_PATH or CUDA_HOME"
                   : "at " + options.ptxas)
           << "; PTX needs no tool";
  for (StringRef name : chips) {
    FailureOr<DeviceChip> chip = lookupDeviceChip(name, loc);
    if (failed(chip))
      return failure();
    FailureOr<std::string> ptx = emitPTX(kernels, *chip);
    if (failed(ptx))
      return failure();
    texts.push_back({name.str(), /*isPTX=*/true, std::move(*ptx), ""});
    if (ptxas.empty())
      continue;
    images.push_back(texts.back());
    if (failed(assemble(images.back(), ptxas, loc)))
      return failure();
  }
  if (options.format == DeviceCodeFormat::Cubin)
    return images;
  llvm::append_range(texts, images);
  return texts;
}
