//===- cuda/DeviceModule.cpp - Device code, loaded ------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See DeviceModule.h.
//
//===----------------------------------------------------------------------===//
#include "cuda/DeviceModule.h"

#include <cstring>

namespace qmmrt::cuda {

Result<std::shared_ptr<DeviceModule>>
DeviceModule::load(std::shared_ptr<const Device> device,
                   std::string_view code) {
  std::shared_ptr<DeviceModule> loaded(new DeviceModule(device));
  const bool isBinary =
      code.substr(0, 4) == "\177ELF" || code.substr(0, 4) == "\x50\xed\x55\xba";
  if (!isBinary && code.find(".version") == std::string_view::npos)
    return Status(QMM_STATUS_MALFORMED,
                  "device code is neither PTX text nor a cubin");
  // The driver reads PTX up to a zero.
  const std::string text(code);
  char log[4096] = "";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER,
                            CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
  CurrentContext current(*device);
  CUresult result = current.getResult();
  if (result == CUDA_SUCCESS)
    result = device->driver().cuModuleLoadDataEx(&loaded->module, text.data(),
                                                 2, options, values);
  if (result != CUDA_SUCCESS) {
    std::string what = "loading device code for " +
                       device->getProperties().chip +
                       (isBinary ? " (cubin)" : " (PTX)");
    if (log[0])
      what += ": " + std::string(log, ::strnlen(log, sizeof(log) - 1));
    return fromDriver(device->driver(), result, what);
  }
  return loaded;
}

DeviceModule::~DeviceModule() {
  if (!module)
    return;
  CurrentContext current(*device);
  device->driver().cuModuleUnload(module);
}

Result<CUfunction> DeviceModule::getFunction(const std::string &name,
                                             unsigned sharedBytes) const {
  // What a block has without asking.
  constexpr unsigned kDefaultSharedBytes = 48 << 10;
  CurrentContext current(*device);
  const DriverFunctions &cu = device->driver();
  CUfunction function = nullptr;
  CUresult result = current.getResult();
  if (result == CUDA_SUCCESS)
    result = cu.cuModuleGetFunction(&function, module, name.c_str());
  if (result != CUDA_SUCCESS)
    return fromDriver(cu, result, "finding kernel '" + name + "'");
  if (sharedBytes > kDefaultSharedBytes) {
    result = cu.cuFuncSetAttribute(
        function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
        int(sharedBytes));
    if (result != CUDA_SUCCESS)
      return fromDriver(
          cu, result,
          "giving kernel '" + name + "' " + std::to_string(sharedBytes) +
              " bytes of shared memory (the GPU has " +
              std::to_string(device->getProperties().maxSharedBytes) +
              " for a block)");
  }
  return function;
}

Result<unsigned> DeviceModule::getBlocksPerSM(CUfunction function,
                                              unsigned threads,
                                              unsigned sharedBytes) const {
  CurrentContext current(*device);
  int blocks = 0;
  if (Status s = device->check(
          device->driver().cuOccupancyMaxActiveBlocksPerMultiprocessor(
              &blocks, function, int(threads), sharedBytes),
          "cuOccupancyMaxActiveBlocksPerMultiprocessor");
      !s.ok())
    return s;
  return unsigned(blocks);
}

Status launch(const Device &device, CUfunction function,
              const LaunchConfig &config, CUstream stream, void **params) {
  if (config.grid == 0)
    return Status();
  CUlaunchAttribute attributes[2];
  unsigned count = 0;
  if (config.cooperative) {
    attributes[count].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    attributes[count++].value.cooperative = 1;
  }
  if (config.programmatic) {
    attributes[count].id =
        CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    attributes[count++].value.programmaticStreamSerializationAllowed = 1;
  }
  const CUlaunchConfig launchConfig = {
      config.grid,        1,      1,          config.threads, 1, 1,
      config.sharedBytes, stream, attributes, count};
  CurrentContext current(device);
  const CUresult result = device.driver().cuLaunchKernelEx(
      &launchConfig, function, params, nullptr);
  if (result == CUDA_SUCCESS)
    return Status();
  return fromDriver(device.driver(), result,
                    "launching a kernel (grid " + std::to_string(config.grid) +
                        ", threads " + std::to_string(config.threads) +
                        ", shared memory " +
                        std::to_string(config.sharedBytes) + ")");
}

} // namespace qmmrt::cuda
