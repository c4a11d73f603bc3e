//===- cuda/Device.h - One GPU, its libraries and its memory ----*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything host-side that belongs to a GPU.  Nothing here is global: contexts
// on the same GPU have devices of their own, over the one primary context.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_DEVICE_H
#define QMMRT_CUDA_DEVICE_H

#include "cuda/CudaLibraries.h"
#include "cuda/CudaStatus.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace qmmrt::cuda {

struct DeviceProperties {
  int ordinal = 0;
  std::string name; // "NVIDIA H100 80GB HBM3"
  std::string chip; // "sm_90"
  int major = 0, minor = 0;
  int smCount = 0;
  int64_t l2Bytes = 0, memoryBytes = 0;
  int64_t maxSharedBytes = 0;   // of a block that opts in
  int driverVersion = 0;        // 13000 for 13.0
  unsigned cublasLtVersion = 0; // 130100 for 13.1.0
  /// Can kernels read any host memory (then host pointers are legal)?
  bool readsHostMemory = false;
};

class Device : public std::enable_shared_from_this<Device> {
public:
  /// UNSUPPORTED when there is no such GPU.
  static Result<std::shared_ptr<Device>> open(const CudaLibraries &libraries,
                                              int ordinal);
  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  const DriverFunctions &driver() const { return libraries.driver; }
  const CublasLtFunctions &cublasLt() const { return libraries.cublasLt; }
  const CudaLibraries &getLibraries() const { return libraries; }
  cublasLtHandle getHandle() const { return handle; }
  CUcontext getContext() const { return context; }
  const DeviceProperties &getProperties() const { return properties; }
  /// "cuda:0 (NVIDIA H100 80GB HBM3, sm_90, driver 13.0, cuBLASLt 13.1.0)"
  std::string describe() const;

  Status check(CUresult result, const char *what) const {
    return result == CUDA_SUCCESS ? Status()
                                  : fromDriver(driver(), result, what);
  }

  /// 256-byte aligned, uninitialized; nullptr for 0 bytes.
  Result<void *> allocate(size_t bytes) const;
  Status free(void *memory) const;
  /// Copies are enqueued; those from and to pageable host memory return when
  /// the host's bytes may be used again.
  Status copyToDevice(void *device, const void *host, size_t bytes,
                      CUstream stream) const;
  Status copyToHost(void *host, const void *device, size_t bytes,
                    CUstream stream) const;
  Status copy(void *to, const void *from, size_t bytes, CUstream stream) const;
  Status fill(void *device, uint8_t byte, size_t bytes, CUstream stream) const;

  Result<CUstream> createStream() const;
  /// Waits for the stream and frees its workspace.
  Status destroyStream(CUstream stream);
  Status synchronize(CUstream stream) const;
  Result<bool> isCapturing(CUstream stream) const;

  /// 32 MiB from sm_90, 4 MiB before.
  size_t getWorkspaceBytes() const;
  /// The stream's own workspace, which matmuls on it share; 256-byte aligned.
  /// UNPREPARED if it has none yet and is being captured.  Graphs captured on
  /// one stream share it too, and must not run at the same time.
  Result<void *> getWorkspace(CUstream stream);

  /// INVALID_ARGUMENT unless the GPU can address `pointer`: `what` is in the
  /// message.  The driver is asked once about an address, as long as few others
  /// are in use: memory that is freed later isn't noticed.
  Status verifyPointer(const void *pointer, const char *what) const;

  /// 1.0f and 0.0f in device memory.
  const float *getOne() const { return constants; }
  const float *getZero() const { return constants + 1; }

private:
  Device() = default;
  Status initialize(int ordinal);
  Result<int> getAttribute(CUdevice_attribute attribute) const;

  struct Workspace {
    CUstream stream;
    const void *thread; // of the per-thread stream
    void *memory;
  };

  CudaLibraries libraries;
  DeviceProperties properties;
  CUdevice device = 0;
  CUcontext context = nullptr;
  cublasLtHandle handle = nullptr;
  float *constants = nullptr;
  static constexpr unsigned kVerifiedBits = 8;
  mutable std::array<std::atomic<uintptr_t>, 1 << kVerifiedBits> verified{};
  std::mutex mutex;
  std::vector<Workspace> workspaces;
};

/// Makes the device's context the thread's current one, for a scope.
class CurrentContext {
public:
  explicit CurrentContext(const Device &device) : driver(device.driver()) {
    CUcontext current = nullptr;
    result = driver.cuCtxGetCurrent(&current);
    if (result == CUDA_SUCCESS && current != device.getContext()) {
      result = driver.cuCtxPushCurrent_v2(device.getContext());
      isPushed = result == CUDA_SUCCESS;
    }
  }
  ~CurrentContext() {
    CUcontext popped;
    if (isPushed)
      driver.cuCtxPopCurrent_v2(&popped);
  }
  CurrentContext(const CurrentContext &) = delete;
  CurrentContext &operator=(const CurrentContext &) = delete;

  CUresult getResult() const { return result; }

private:
  const DriverFunctions &driver;
  CUresult result;
  bool isPushed = false;
};

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_DEVICE_H
