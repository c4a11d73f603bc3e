//===- Artifact.cpp - From a lowered module to an artefact ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights are mapped files all the way: nothing is copied but into the
// artefact.
//
//===----------------------------------------------------------------------===//

#include "qmm/Target/Artifact.h"

#include "program/Artifact.h"
#include "program/Hash.h"
#include "qmm/Conversion/PhysicalToProgram.h"
#include "qmm/Kernels/Device/Codegen.h"
#include "qmm/Kernels/Host/Codegen.h"
#include "qmm/Kernels/Host/Passes.h"
#include "qmm/Plan/Passes.h"
#include "qmm/Plan/Targets.h"

using namespace mlir;
using namespace mlir::qmm;
namespace program = ::qmmrt::program;

FailureOr<CompiledProgram> mlir::qmm::compileProgram(ModuleOp module,
                                                     WeightStorage weights) {
  FailureOr<program::Module> translated = translateToProgram(module);
  if (failed(translated))
    return failure();
  CompiledProgram result{std::move(*translated), std::nullopt};
  if (auto report = module->getAttrOfType<StringAttr>(kReportAttr))
    result.module.report = report.str();

  std::unique_ptr<::qmmrt::Executor> threads = ::qmmrt::createThreadPool(0);
  auto bound = program::ParameterSet::bind(result.module, ".", *threads);
  if (!bound.ok())
    return module.emitError(bound.getStatus().getMessage());
  result.weights = std::move(*bound);
  auto &parameters = result.module.parameters;
  if (weights == WeightStorage::Embed) {
    for (auto [i, parameter] : llvm::enumerate(parameters)) {
      parameter.data = result.weights->get()[i];
      parameter.file = -1;
      parameter.fileKey.clear();
    }
    result.module.files.clear();
    return std::move(result);
  }
  threads->parallelFor(parameters.size(), 1,
                       [&](int64_t begin, int64_t end, unsigned) {
                         for (int64_t i = begin; i < end; ++i)
                           if (parameters[i].file >= 0)
                             parameters[i].digest = ::qmmrt::hashBytes(
                                 result.weights->get()[i], parameters[i].bytes);
                       });
  return std::move(result);
}

/// PTX of the device kernels for each target, which the driver assembles, and
/// machine code where ptxas is here.
static LogicalResult addDeviceCode(ModuleOp module, program::Module &result) {
  gpu::GPUModuleOp kernels = getDeviceKernels(module);
  if (!kernels)
    return success();
  DeviceCodegenOptions options;
  options.format = DeviceCodeFormat::All;
  FailureOr<SmallVector<DeviceCode>> codes =
      compileDeviceKernels(kernels, getTargetChips(module), options);
  if (failed(codes))
    return failure();
  for (DeviceCode &code : *codes)
    result.objects.push_back(
        {(code.isPTX ? "ptx:" : "") + code.chip, std::move(code.bytes)});
  return success();
}

LogicalResult mlir::qmm::emitArtifact(ModuleOp module, WeightStorage weights,
                                      ArrayRef<StringRef> isas,
                                      StringRef path) {
  FailureOr<CompiledProgram> compiled = compileProgram(module, weights);
  if (failed(compiled))
    return failure();
  if (auto kernels = module.lookupSymbol<ModuleOp>(QMMDialect::kKernelsModule);
      kernels && !compiled->module.kernels.empty()) {
    FailureOr<SmallVector<HostObject>> objects =
        compileHostKernels(kernels, isas);
    if (failed(objects))
      return failure();
    for (HostObject &object : *objects)
      compiled->module.objects.push_back(
          {std::move(object.isa), std::move(object.bytes)});
  }
  if (failed(addDeviceCode(module, compiled->module)))
    return failure();
  ::qmmrt::Status status = program::writeArtifact(compiled->module, path.str());
  if (!status.ok())
    return module.emitError(status.getMessage());
  return success();
}
