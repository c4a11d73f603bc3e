//===- DeviceToPTX.cpp - Device code to files -----------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For people and tests; quant-compile puts the code into an artefact.
//
//===----------------------------------------------------------------------===//

#include "qmm/IR/QMM.h"
#include "qmm/Kernels/Device/Codegen.h"
#include "qmm/Kernels/Device/Passes.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_DEVICETOPTX
#include "qmm/Kernels/Device/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

static LogicalResult writeFile(StringRef directory, StringRef name,
                               StringRef bytes, Location loc) {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, name);
  std::error_code error = llvm::sys::fs::create_directories(directory);
  if (!error) {
    llvm::raw_fd_ostream stream(path, error);
    stream << bytes;
    stream.close();
    if (!error)
      error = stream.error();
    stream.clear_error();
  }
  if (error)
    return emitError(loc) << "can't write " << path << ": " << error.message();
  return success();
}

namespace {
struct DeviceToPTX : mlir::qmm::impl::DeviceToPTXBase<DeviceToPTX> {
  using DeviceToPTXBase::DeviceToPTXBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    registerDeviceCodegenDialects(registry);
  }
  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run() {
    ModuleOp module = getOperation();
    Location loc = module.getLoc();
    gpu::GPUModuleOp kernels = getDeviceKernels(module);
    if (!kernels)
      return success();
    DeviceCodegenOptions codegen;
    codegen.ptxas = ptxas;
    if (format == "cubin")
      codegen.format = DeviceCodeFormat::Cubin;
    else if (format != "ptx")
      return emitError(loc)
             << "format is \"" << format << "\", expected ptx or cubin";
    SmallVector<StringRef> names(chips.begin(), chips.end());
    FailureOr<SmallVector<DeviceCode>> codes =
        compileDeviceKernels(kernels, names, codegen);
    if (failed(codes))
      return failure();
    for (const DeviceCode &code : *codes) {
      if (failed(writeFile(directory,
                           code.chip + (code.isPTX ? ".ptx" : ".cubin"),
                           code.bytes, loc)) ||
          (!code.isPTX &&
           failed(writeFile(directory, code.chip + ".txt", code.report, loc))))
        return failure();
    }
    return success();
  }
};
} // namespace
