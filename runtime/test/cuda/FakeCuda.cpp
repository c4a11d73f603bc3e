//===- test/cuda/FakeCuda.cpp - A driver and cuBLASLt that record ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See FakeCuda.h.
//
//===----------------------------------------------------------------------===//
#include "FakeCuda.h"

#include <cstdlib>
#include <cstring>

namespace qmmrt {
namespace test {

using namespace cuda;

namespace {

FakeCuda state;

template <typename T> T *asHandle(uintptr_t value) {
  return reinterpret_cast<T *>(value);
}
CUcontext currentContext = nullptr;
bool isRecording = false;

void count(const char *name) { ++state.calls[name]; }

FakeCuda::Layout toLayout(const cublasLtMatrixLayoutOpaque &layout) {
  FakeCuda::Layout result;
  static_assert(sizeof(result) <= sizeof(layout.data), "copied");
  std::memcpy(&result, layout.data, sizeof(result));
  return result;
}

/// Descriptors: data[1] pairs of attribute and value from data[2] on.
cublasStatus setAttribute(cublasLtMatmulDesc descriptor,
                          cublasLtMatmulDescAttribute attribute,
                          const void *value, size_t bytes) {
  uint64_t stored = 0;
  std::memcpy(&stored, value, bytes);
  uint64_t i = 0;
  while (i < descriptor->data[1] &&
         descriptor->data[2 + 2 * i] != uint64_t(attribute))
    ++i;
  if (i == 15)
    return CUBLAS_STATUS_INTERNAL_ERROR;
  descriptor->data[1] = std::max(descriptor->data[1], i + 1);
  descriptor->data[2 + 2 * i] = uint64_t(attribute);
  descriptor->data[3 + 2 * i] = stored;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus
runMatmul(cublasLtHandle, cublasLtMatmulDesc descriptor, const void *alpha,
          const void *a, cublasLtMatrixLayout la, const void *b,
          cublasLtMatrixLayout lb, const void *beta, const void *c,
          cublasLtMatrixLayout lc, void *d, cublasLtMatrixLayout ld,
          const cublasLtMatmulAlgo *algorithm, void *, size_t, CUstream) {
  if (state.matmul != CUBLAS_STATUS_SUCCESS)
    return state.matmul;
  // Tests of allocations look at nothing else.
  if (isRecording || state.calls.empty()) {
    state.capturedAlgorithm = algorithm->data[0];
    ++state.capturedRuns;
    return CUBLAS_STATUS_SUCCESS;
  }
  FakeCuda::Matmul &last = state.last;
  last.attributes.clear();
  for (uint64_t i = 0; i < descriptor->data[1]; ++i)
    last.attributes[int(descriptor->data[2 + 2 * i])] =
        descriptor->data[3 + 2 * i];
  last.a = toLayout(*la);
  last.b = toLayout(*lb);
  last.c = toLayout(*lc);
  last.d = toLayout(*ld);
  last.alpha = alpha;
  last.beta = beta;
  last.aData = a;
  last.bData = b;
  last.cData = c;
  last.dData = d;
  last.algorithm = algorithm->data[0];
  count("cublasLtMatmul");
  std::memset(d, state.outputs[last.algorithm], size_t(last.d.cols));
  return CUBLAS_STATUS_SUCCESS;
}

} // namespace

FakeCuda &FakeCuda::get() { return state; }

CudaLibraries FakeCuda::install() {
  state = FakeCuda();
  currentContext = nullptr;
  isRecording = false;
  CudaLibraries libraries;
  libraries.cublasLtFile = "libfake.so";
  libraries.cublasLtBytes = 42;

  DriverFunctions &cu = libraries.driver;
  cu.cuInit = [](unsigned) { return CUDA_SUCCESS; };
  cu.cuGetErrorName = [](CUresult result, const char **name) {
    *name = result == CUDA_ERROR_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
            : result == CUDA_ERROR_ILLEGAL_ADDRESS
                ? "CUDA_ERROR_ILLEGAL_ADDRESS"
            : result == CUDA_ERROR_INVALID_PTX ? "CUDA_ERROR_INVALID_PTX"
            : result == CUDA_ERROR_NOT_FOUND   ? "CUDA_ERROR_NOT_FOUND"
                                               : "CUDA_ERROR_OTHER";
    return CUDA_SUCCESS;
  };
  cu.cuGetErrorString = [](CUresult, const char **text) {
    *text = "the driver's sentence";
    return CUDA_SUCCESS;
  };
  cu.cuDriverGetVersion = [](int *version) {
    *version = state.driverVersion;
    return CUDA_SUCCESS;
  };
  cu.cuDeviceGetCount = [](int *devices) {
    *devices = state.deviceCount;
    return CUDA_SUCCESS;
  };
  cu.cuDeviceGet = [](CUdevice *device, int ordinal) {
    *device = ordinal;
    return CUDA_SUCCESS;
  };
  cu.cuDeviceGetName = [](char *name, int bytes, CUdevice) {
    std::strncpy(name, "Fake GPU", size_t(bytes));
    return CUDA_SUCCESS;
  };
  cu.cuDeviceTotalMem_v2 = [](size_t *bytes, CUdevice) {
    *bytes = size_t(1) << 34;
    return CUDA_SUCCESS;
  };
  cu.cuDeviceGetAttribute = [](int *value, CUdevice_attribute attribute,
                               CUdevice) {
    *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
                 ? state.major
             : attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
                 ? state.minor
             : attribute == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT ? 132
             : attribute == CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE        ? 1 << 16
                                                                     : 0;
    return CUDA_SUCCESS;
  };
  cu.cuDevicePrimaryCtxRetain = [](CUcontext *context, CUdevice) {
    count("retain");
    *context = asHandle<ContextHandle>(16);
    return CUDA_SUCCESS;
  };
  cu.cuDevicePrimaryCtxRelease_v2 = [](CUdevice) {
    count("release");
    return CUDA_SUCCESS;
  };
  cu.cuCtxGetCurrent = [](CUcontext *context) {
    *context = currentContext;
    return CUDA_SUCCESS;
  };
  cu.cuCtxPushCurrent_v2 = [](CUcontext context) {
    currentContext = context;
    return CUDA_SUCCESS;
  };
  cu.cuCtxPopCurrent_v2 = [](CUcontext *context) {
    *context = currentContext;
    currentContext = nullptr;
    return CUDA_SUCCESS;
  };
  cu.cuMemAlloc_v2 = [](CUdeviceptr *memory, size_t bytes) {
    if (bytes > state.memoryLimit)
      return CUDA_ERROR_OUT_OF_MEMORY;
    count("cuMemAlloc");
    *memory = reinterpret_cast<CUdeviceptr>(
        std::aligned_alloc(256, (bytes + 255) / 256 * 256));
    return CUDA_SUCCESS;
  };
  cu.cuMemFree_v2 = [](CUdeviceptr memory) {
    count("cuMemFree");
    std::free(reinterpret_cast<void *>(memory));
    return CUDA_SUCCESS;
  };
  cu.cuMemcpyHtoDAsync_v2 = [](CUdeviceptr to, const void *from, size_t bytes,
                               CUstream) {
    std::memcpy(reinterpret_cast<void *>(to), from, bytes);
    return CUDA_SUCCESS;
  };
  cu.cuMemcpyDtoHAsync_v2 = [](void *to, CUdeviceptr from, size_t bytes,
                               CUstream) {
    std::memcpy(to, reinterpret_cast<void *>(from), bytes);
    return CUDA_SUCCESS;
  };
  cu.cuMemcpyDtoDAsync_v2 = [](CUdeviceptr to, CUdeviceptr from, size_t bytes,
                               CUstream) {
    std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from),
                 bytes);
    return CUDA_SUCCESS;
  };
  cu.cuMemsetD8Async = [](CUdeviceptr memory, unsigned char byte, size_t bytes,
                          CUstream) {
    std::memset(reinterpret_cast<void *>(memory), byte, bytes);
    return CUDA_SUCCESS;
  };
  cu.cuPointerGetAttribute = [](void *value, CUpointer_attribute, CUdeviceptr) {
    *static_cast<unsigned *>(value) = 2;
    return state.isHostPointer ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  };
  cu.cuModuleLoadDataEx = [](CUmodule *module, const void *, unsigned,
                             CUjit_option *, void **values) {
    if (state.load != CUDA_SUCCESS)
      std::strcpy(static_cast<char *>(values[0]), "ptxas fatal: line 3");
    *module = asHandle<ModuleHandle>(32);
    return state.load;
  };
  cu.cuModuleUnload = [](CUmodule) {
    count("cuModuleUnload");
    return CUDA_SUCCESS;
  };
  cu.cuModuleGetFunction = [](CUfunction *function, CUmodule,
                              const char *name) {
    *function = asHandle<FunctionHandle>(48);
    return std::strcmp(name, "kernel") == 0 ? CUDA_SUCCESS
                                            : CUDA_ERROR_NOT_FOUND;
  };
  cu.cuFuncSetAttribute = [](CUfunction, CUfunction_attribute, int bytes) {
    count("cuFuncSetAttribute");
    return bytes > 200000 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  };
  cu.cuLaunchKernelEx = [](const CUlaunchConfig *config, CUfunction, void **,
                           void **) {
    state.lastLaunch = *config;
    return state.launch;
  };
  cu.cuStreamCreate = [](CUstream *stream, unsigned) {
    static uintptr_t next = 64;
    *stream = asHandle<StreamHandle>(next += 16);
    return CUDA_SUCCESS;
  };
  cu.cuStreamSynchronize = [](CUstream) { return CUDA_SUCCESS; };
  cu.cuStreamDestroy_v2 = [](CUstream) { return CUDA_SUCCESS; };
  cu.cuStreamIsCapturing = [](CUstream, CUstreamCaptureStatus *status) {
    *status = state.isCapturing ? CU_STREAM_CAPTURE_STATUS_ACTIVE
                                : CU_STREAM_CAPTURE_STATUS_NONE;
    return CUDA_SUCCESS;
  };
  cu.cuStreamBeginCapture_v2 = [](CUstream, CUstreamCaptureMode) {
    isRecording = true;
    state.capturedRuns = 0;
    return CUDA_SUCCESS;
  };
  cu.cuStreamEndCapture = [](CUstream, CUgraph *graph) {
    isRecording = false;
    *graph = asHandle<GraphHandle>(80);
    return CUDA_SUCCESS;
  };
  cu.cuGraphInstantiateWithFlags = [](CUgraphExec *graph, CUgraph,
                                      unsigned long long) {
    *graph = asHandle<GraphExecHandle>(96);
    return CUDA_SUCCESS;
  };
  cu.cuGraphLaunch = [](CUgraphExec, CUstream) { return CUDA_SUCCESS; };
  cu.cuGraphExecDestroy = [](CUgraphExec) { return CUDA_SUCCESS; };
  cu.cuGraphDestroy = [](CUgraph) { return CUDA_SUCCESS; };
  cu.cuEventCreate = [](CUevent *event, unsigned) {
    *event = asHandle<EventHandle>(112);
    return CUDA_SUCCESS;
  };
  cu.cuEventRecord = [](CUevent, CUstream) { return CUDA_SUCCESS; };
  cu.cuEventSynchronize = [](CUevent) { return CUDA_SUCCESS; };
  cu.cuEventElapsedTime = [](float *milliseconds, CUevent, CUevent) {
    *milliseconds =
        state.times[state.capturedAlgorithm] * float(state.capturedRuns) / 1000;
    return CUDA_SUCCESS;
  };
  cu.cuEventDestroy_v2 = [](CUevent) { return CUDA_SUCCESS; };

  CublasLtFunctions &lt = libraries.cublasLt;
  lt.cublasLtGetVersion = []() -> size_t { return state.cublasLtVersion; };
  lt.cublasLtGetStatusName = [](cublasStatus status) {
    return status == CUBLAS_STATUS_NOT_SUPPORTED
               ? "CUBLAS_STATUS_NOT_SUPPORTED"
               : "CUBLAS_STATUS_EXECUTION_FAILED";
  };
  lt.cublasLtGetStatusString = [](cublasStatus) {
    return "the library's sentence";
  };
  lt.cublasLtCreate = [](cublasLtHandle *handle) {
    *handle = asHandle<CublasLtContextHandle>(128);
    return CUBLAS_STATUS_SUCCESS;
  };
  lt.cublasLtDestroy = [](cublasLtHandle) { return CUBLAS_STATUS_SUCCESS; };
  lt.cublasLtMatmul = runMatmul;
  lt.cublasLtMatrixLayoutInit_internal = [](cublasLtMatrixLayout layout, size_t,
                                            cudaDataType type, uint64_t rows,
                                            uint64_t cols, int64_t ld) {
    *layout = {{uint64_t(type), rows, cols, uint64_t(ld), 1, 0}};
    return CUBLAS_STATUS_SUCCESS;
  };
  lt.cublasLtMatrixLayoutSetAttribute =
      [](cublasLtMatrixLayout layout, cublasLtMatrixLayoutAttribute attribute,
         const void *value, size_t bytes) {
        const bool isBatch = attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT;
        std::memcpy(&layout->data[isBatch ? 4 : 5], value, bytes);
        return CUBLAS_STATUS_SUCCESS;
      };
  lt.cublasLtMatmulDescInit_internal = [](cublasLtMatmulDesc descriptor, size_t,
                                          cublasComputeType, cudaDataType) {
    *descriptor = {};
    return CUBLAS_STATUS_SUCCESS;
  };
  lt.cublasLtMatmulDescSetAttribute = setAttribute;
  lt.cublasLtMatmulPreferenceInit_internal =
      [](cublasLtMatmulPreference, size_t) { return CUBLAS_STATUS_SUCCESS; };
  lt.cublasLtMatmulPreferenceSetAttribute =
      [](cublasLtMatmulPreference, cublasLtMatmulPreferenceAttribute attribute,
         const void *value, size_t bytes) {
        uint64_t stored = 0;
        std::memcpy(&stored, value, bytes);
        state.preferences[std::to_string(attribute)] = stored;
        return CUBLAS_STATUS_SUCCESS;
      };
  lt.cublasLtMatmulAlgoGetHeuristic =
      [](cublasLtHandle, cublasLtMatmulDesc, cublasLtMatrixLayout,
         cublasLtMatrixLayout, cublasLtMatrixLayout, cublasLtMatrixLayout,
         cublasLtMatmulPreference, int wanted,
         cublasLtMatmulHeuristicResult *results, int *found) {
        count("heuristic");
        *found = std::min(wanted, state.numAlgorithms);
        for (int i = 0; i < *found; ++i) {
          results[i] = {};
          results[i].algo.data[0] = uint64_t(i);
          results[i].workspaceSize = 1024;
        }
        return state.heuristic;
      };
  lt.cublasLtMatmulAlgoCheck =
      [](cublasLtHandle, cublasLtMatmulDesc, cublasLtMatrixLayout,
         cublasLtMatrixLayout, cublasLtMatrixLayout, cublasLtMatrixLayout,
         const cublasLtMatmulAlgo *, cublasLtMatmulHeuristicResult *result) {
        count("check");
        *result = {};
        result->workspaceSize = 2048;
        return state.check;
      };
  return libraries;
}

} // namespace test
} // namespace qmmrt
