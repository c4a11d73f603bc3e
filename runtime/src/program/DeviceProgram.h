//===- program/DeviceProgram.h - A module on a GPU -*- C++ -*- -----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code, constants and weights of a CUDA program, where kernels find them.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_DEVICEPROGRAM_H
#define QMMRT_PROGRAM_DEVICEPROGRAM_H

#include "cuda/DeviceModule.h"
#include "cuda/MatmulCache.h"
#include "program/Program.h"

#include <memory>

namespace qmmrt::program {

class DeviceProgram {
public:
  /// Loads the best object for the GPU, uploads the parameters (one host
  /// address each) and makes room for the packed buffers.  UNSUPPORTED names
  /// the chips that the program was compiled for.
  static Result<std::unique_ptr<DeviceProgram>>
  load(std::shared_ptr<cuda::Device> device, cuda::MatmulCache &matmuls,
       const Module &module, const void *const *parameters);
  ~DeviceProgram();
  DeviceProgram(const DeviceProgram &) = delete;
  DeviceProgram &operator=(const DeviceProgram &) = delete;

  cuda::Device &getDevice() const { return *device; }
  cuda::CUfunction getFunction(uint32_t kernel) const {
    return functions[kernel].function;
  }
  /// The launch over `extent` items.
  Result<cuda::LaunchConfig> getLaunch(uint32_t kernel, uint64_t extent) const;
  Result<std::shared_ptr<const cuda::MatmulPlan>>
  planMatmul(const qmm_scaled_matmul_args &args) const;

  /// When init has run: frees the parameters that no entry reads, whose
  /// addresses are then meaningless.
  Status releaseInit();

  const void *const *getParameters() const { return parameters.data(); }
  void *const *getPacked() const { return packed.data(); }

private:
  struct Function {
    cuda::CUfunction function;
    LaunchShape shape;
  };

  DeviceProgram(std::shared_ptr<cuda::Device> device,
                cuda::MatmulCache &matmuls)
      : device(std::move(device)), matmuls(matmuls) {}
  Status loadKernels(const Module &module);
  Status upload(const Module &module, const void *const *host);

  std::shared_ptr<cuda::Device> device;
  cuda::MatmulCache &matmuls;
  std::shared_ptr<cuda::DeviceModule> code;
  std::vector<Function> functions;
  void *memory = nullptr;     // parameters of entries, then packed buffers
  void *initMemory = nullptr; // parameters that only init reads
  std::vector<const void *> parameters;
  std::vector<void *> packed;
};

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_DEVICEPROGRAM_H
