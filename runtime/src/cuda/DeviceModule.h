//===- cuda/DeviceModule.h - Device code, loaded ----------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX or cubin is loaded once and its functions are resolved once, so that a
// launch is one call of the driver.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_DEVICEMODULE_H
#define QMMRT_CUDA_DEVICEMODULE_H

#include "cuda/Device.h"

#include <string_view>

namespace qmmrt::cuda {

class DeviceModule {
public:
  /// `code`: PTX text or a cubin.  Errors quote the assembler's log; MALFORMED
  /// for code that isn't either, UNSUPPORTED for another chip's.
  static Result<std::shared_ptr<DeviceModule>>
  load(std::shared_ptr<const Device> device, std::string_view code);
  ~DeviceModule();
  DeviceModule(const DeviceModule &) = delete;
  DeviceModule &operator=(const DeviceModule &) = delete;

  /// Ready to be launched with `sharedBytes` of dynamic shared memory.
  /// NOT_FOUND names the function.
  Result<CUfunction> getFunction(const std::string &name,
                                 unsigned sharedBytes = 0) const;
  /// How many blocks of the function fit on an SM at once.
  Result<unsigned> getBlocksPerSM(CUfunction function, unsigned threads,
                                  unsigned sharedBytes) const;

private:
  explicit DeviceModule(std::shared_ptr<const Device> device)
      : device(std::move(device)) {}

  std::shared_ptr<const Device> device;
  CUmodule module = nullptr;
};

struct LaunchConfig {
  unsigned grid = 1, threads = 1; // x; y and z are 1.  grid 0: no launch
  unsigned sharedBytes = 0;       // dynamic
  bool cooperative = false;
  bool programmatic = false; // may start before the kernel before it ends
};

/// One driver call; `params` as cuLaunchKernel wants them.
Status launch(const Device &device, CUfunction function,
              const LaunchConfig &config, CUstream stream, void **params);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_DEVICEMODULE_H
