//===- cuda/Device.cpp - One GPU, its libraries and its memory ------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Device.h.
//
//===----------------------------------------------------------------------===//
#include "cuda/Device.h"

namespace qmmrt::cuda {

namespace {

/// cuda.h's CU_STREAM_PER_THREAD: another stream in every thread.
CUstream getPerThreadStream() { return reinterpret_cast<CUstream>(2); }

/// An address that differs between threads.
const void *getThreadMark() {
  static thread_local char mark;
  return &mark;
}

CUdeviceptr toDevice(const void *pointer) {
  return reinterpret_cast<CUdeviceptr>(pointer);
}

std::string spellCublasLt(unsigned version) {
  return std::to_string(version / 10000) + "." +
         std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

} // namespace

Result<std::shared_ptr<Device>> Device::open(const CudaLibraries &libraries,
                                             int ordinal) {
  std::shared_ptr<Device> device(new Device);
  device->libraries = libraries;
  if (Status s = device->initialize(ordinal); !s.ok())
    return s;
  return device;
}

Result<int> Device::getAttribute(CUdevice_attribute attribute) const {
  int value = 0;
  if (Status s = check(driver().cuDeviceGetAttribute(&value, attribute, device),
                       "cuDeviceGetAttribute");
      !s.ok())
    return s;
  return value;
}

Status Device::initialize(int ordinal) {
  const DriverFunctions &cu = driver();
  if (Status s = check(cu.cuInit(0), "cuInit"); !s.ok())
    return s;
  int count = 0;
  if (Status s = check(cu.cuDeviceGetCount(&count), "cuDeviceGetCount");
      !s.ok())
    return s;
  if (ordinal < 0 || ordinal >= count)
    return Status(QMM_STATUS_UNSUPPORTED,
                  "cuda:" + std::to_string(ordinal) +
                      " doesn't exist: " + std::to_string(count) +
                      (count == 1 ? " GPU found" : " GPUs found"));
  if (Status s = check(cu.cuDeviceGet(&device, ordinal), "cuDeviceGet");
      !s.ok())
    return s;
  properties.ordinal = ordinal;
  char name[256] = "";
  size_t memory = 0;
  if (Status s = check(cu.cuDeviceGetName(name, sizeof(name), device),
                       "cuDeviceGetName");
      !s.ok())
    return s;
  if (Status s =
          check(cu.cuDeviceTotalMem_v2(&memory, device), "cuDeviceTotalMem");
      !s.ok())
    return s;
  if (Status s = check(cu.cuDriverGetVersion(&properties.driverVersion),
                       "cuDriverGetVersion");
      !s.ok())
    return s;
  properties.name = name;
  properties.memoryBytes = int64_t(memory);
  struct {
    CUdevice_attribute attribute;
    int value;
  } wanted[] = {{CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0},
                {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
                {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0},
                {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 0},
                {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0},
                {CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS, 0}};
  for (auto &item : wanted) {
    Result<int> value = getAttribute(item.attribute);
    if (!value.ok())
      return value.getStatus();
    item.value = *value;
  }
  properties.major = wanted[0].value;
  properties.minor = wanted[1].value;
  properties.smCount = wanted[2].value;
  properties.l2Bytes = wanted[3].value;
  properties.maxSharedBytes = wanted[4].value;
  properties.readsHostMemory = wanted[5].value != 0;
  properties.chip = "sm_" + std::to_string(properties.major) +
                    std::to_string(properties.minor);
  properties.cublasLtVersion = unsigned(cublasLt().cublasLtGetVersion());

  if (Status s = check(cu.cuDevicePrimaryCtxRetain(&context, device),
                       "cuDevicePrimaryCtxRetain");
      !s.ok())
    return s;
  CurrentContext current(*this);
  if (Status s = check(current.getResult(), "cuCtxPushCurrent"); !s.ok())
    return s;
  if (Status s = fromCublasLt(cublasLt(), cublasLt().cublasLtCreate(&handle),
                              "cublasLtCreate");
      !s.ok())
    return s;
  // Planning shows cuBLASLt addresses behind them: 512 bytes hold any.
  const float values[128] = {1.0f, 0.0f};
  Result<void *> memoryForConstants = allocate(sizeof(values));
  if (!memoryForConstants.ok())
    return memoryForConstants.getStatus();
  constants = static_cast<float *>(*memoryForConstants);
  if (Status s = copyToDevice(constants, values, sizeof(values), nullptr);
      !s.ok())
    return s;
  return synchronize(nullptr);
}

Device::~Device() {
  if (!context)
    return;
  {
    // Errors of a context that is being given up have no one to go to.
    CurrentContext current(*this);
    for (const Workspace &workspace : workspaces)
      driver().cuMemFree_v2(toDevice(workspace.memory));
    if (constants)
      driver().cuMemFree_v2(toDevice(constants));
    if (handle)
      cublasLt().cublasLtDestroy(handle);
  }
  driver().cuDevicePrimaryCtxRelease_v2(device);
}

std::string Device::describe() const {
  return "cuda:" + std::to_string(properties.ordinal) + " (" + properties.name +
         ", " + properties.chip + ", driver " +
         std::to_string(properties.driverVersion / 1000) + "." +
         std::to_string(properties.driverVersion % 1000 / 10) + ", cuBLASLt " +
         spellCublasLt(properties.cublasLtVersion) + ")";
}

Result<void *> Device::allocate(size_t bytes) const {
  if (bytes == 0)
    return static_cast<void *>(nullptr);
  CurrentContext current(*this);
  CUresult result = current.getResult();
  CUdeviceptr memory = 0;
  if (result == CUDA_SUCCESS)
    result = driver().cuMemAlloc_v2(&memory, bytes);
  if (result != CUDA_SUCCESS)
    return fromDriver(driver(), result,
                      "allocating " + std::to_string(bytes) + " bytes");
  return reinterpret_cast<void *>(memory);
}

Status Device::free(void *memory) const {
  if (!memory)
    return Status();
  CurrentContext current(*this);
  return check(driver().cuMemFree_v2(toDevice(memory)), "cuMemFree");
}

Status Device::copyToDevice(void *device, const void *host, size_t bytes,
                            CUstream stream) const {
  if (bytes == 0)
    return Status();
  CurrentContext current(*this);
  return check(
      driver().cuMemcpyHtoDAsync_v2(toDevice(device), host, bytes, stream),
      "cuMemcpyHtoDAsync");
}

Status Device::copyToHost(void *host, const void *device, size_t bytes,
                          CUstream stream) const {
  if (bytes == 0)
    return Status();
  CurrentContext current(*this);
  return check(
      driver().cuMemcpyDtoHAsync_v2(host, toDevice(device), bytes, stream),
      "cuMemcpyDtoHAsync");
}

Status Device::copy(void *to, const void *from, size_t bytes,
                    CUstream stream) const {
  if (bytes == 0 || to == from)
    return Status();
  CurrentContext current(*this);
  return check(driver().cuMemcpyDtoDAsync_v2(toDevice(to), toDevice(from),
                                             bytes, stream),
               "cuMemcpyDtoDAsync");
}

Status Device::fill(void *device, uint8_t byte, size_t bytes,
                    CUstream stream) const {
  if (bytes == 0)
    return Status();
  CurrentContext current(*this);
  return check(driver().cuMemsetD8Async(toDevice(device), byte, bytes, stream),
               "cuMemsetD8Async");
}

Result<CUstream> Device::createStream() const {
  CurrentContext current(*this);
  CUstream stream = nullptr;
  if (Status s = check(driver().cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING),
                       "cuStreamCreate");
      !s.ok())
    return s;
  return stream;
}

Status Device::destroyStream(CUstream stream) {
  if (!stream)
    return Status();
  if (Status s = synchronize(stream); !s.ok())
    return s;
  void *memory = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex);
    for (size_t i = 0; i < workspaces.size(); ++i)
      if (workspaces[i].stream == stream) {
        memory = workspaces[i].memory;
        workspaces.erase(workspaces.begin() + ptrdiff_t(i));
        break;
      }
  }
  if (Status s = free(memory); !s.ok())
    return s;
  CurrentContext current(*this);
  return check(driver().cuStreamDestroy_v2(stream), "cuStreamDestroy");
}

Status Device::synchronize(CUstream stream) const {
  CurrentContext current(*this);
  return check(driver().cuStreamSynchronize(stream), "cuStreamSynchronize");
}

Result<bool> Device::isCapturing(CUstream stream) const {
  CurrentContext current(*this);
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (Status s = check(driver().cuStreamIsCapturing(stream, &status),
                       "cuStreamIsCapturing");
      !s.ok())
    return s;
  return status != CU_STREAM_CAPTURE_STATUS_NONE;
}

size_t Device::getWorkspaceBytes() const {
  return size_t(properties.major >= 9 ? 32 : 4) << 20;
}

Result<void *> Device::getWorkspace(CUstream stream) {
  const void *thread =
      stream == getPerThreadStream() ? getThreadMark() : nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  for (const Workspace &workspace : workspaces)
    if (workspace.stream == stream && workspace.thread == thread)
      return workspace.memory;
  Result<bool> capturing = isCapturing(stream);
  if (!capturing.ok())
    return capturing.getStatus();
  if (*capturing)
    return Status(QMM_STATUS_UNPREPARED,
                  "the stream is being captured and has no workspace yet: run "
                  "the work once before capturing it");
  Result<void *> memory = allocate(getWorkspaceBytes());
  if (memory.ok())
    workspaces.push_back({stream, thread, *memory});
  return memory;
}

Status Device::verifyPointer(const void *pointer, const char *what) const {
  if (!pointer || properties.readsHostMemory)
    return Status();
  auto address = reinterpret_cast<uintptr_t>(pointer);
  // Multiplicative hash: allocations differ in their middle bits.
  constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;
  std::atomic<uintptr_t> &known =
      verified[(address / 16 * kGolden) >> (64 - kVerifiedBits)];
  if (known.load(std::memory_order_relaxed) == address)
    return Status();
  CurrentContext current(*this);
  unsigned type = 0;
  CUresult result = driver().cuPointerGetAttribute(
      &type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, toDevice(pointer));
  if (result == CUDA_SUCCESS) {
    known.store(address, std::memory_order_relaxed);
    return Status();
  }
  if (result == CUDA_ERROR_INVALID_VALUE)
    return Status(
        QMM_STATUS_INVALID_ARGUMENT,
        std::string(what) + " is a host pointer, expected memory that " +
            "cuda:" + std::to_string(properties.ordinal) + " can address");
  return fromDriver(driver(), result,
                    "cuPointerGetAttribute of " + std::string(what));
}

} // namespace qmmrt::cuda
