//===- cuda/CudaAbi.h - The CUDA driver's and cuBLASLt's ABI -- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of both libraries' binary interfaces that the runtime looks up at
// run time, so that nothing of a CUDA toolkit is needed to build.  Constants
// and functions are lists, which test/cuda/CudaAbiTest.cpp compares with
// NVIDIA's headers, one by one, where a toolkit is installed.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_CUDAABI_H
#define QMMRT_CUDA_CUDAABI_H

#include <cstddef>
#include <cstdint>

namespace qmmrt::cuda {

//===----------------------------------------------------------------------===//
// Constants: X(name, value)
//===----------------------------------------------------------------------===//

#define QMM_CUDA_RESULTS(X)                                                    \
  X(CUDA_SUCCESS, 0)                                                           \
  X(CUDA_ERROR_INVALID_VALUE, 1)                                               \
  X(CUDA_ERROR_OUT_OF_MEMORY, 2)                                               \
  X(CUDA_ERROR_NOT_INITIALIZED, 3)                                             \
  X(CUDA_ERROR_DEINITIALIZED, 4)                                               \
  X(CUDA_ERROR_STUB_LIBRARY, 34)                                               \
  X(CUDA_ERROR_NO_DEVICE, 100)                                                 \
  X(CUDA_ERROR_INVALID_DEVICE, 101)                                            \
  X(CUDA_ERROR_INVALID_IMAGE, 200)                                             \
  X(CUDA_ERROR_INVALID_CONTEXT, 201)                                           \
  X(CUDA_ERROR_NO_BINARY_FOR_GPU, 209)                                         \
  X(CUDA_ERROR_INVALID_PTX, 218)                                               \
  X(CUDA_ERROR_JIT_COMPILER_NOT_FOUND, 221)                                    \
  X(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222)                                   \
  X(CUDA_ERROR_INVALID_HANDLE, 400)                                            \
  X(CUDA_ERROR_NOT_FOUND, 500)                                                 \
  X(CUDA_ERROR_NOT_READY, 600)                                                 \
  X(CUDA_ERROR_ILLEGAL_ADDRESS, 700)                                           \
  X(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, 701)                                   \
  X(CUDA_ERROR_LAUNCH_FAILED, 719)                                             \
  X(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, 720)                              \
  X(CUDA_ERROR_NOT_SUPPORTED, 801)                                             \
  X(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803)                                    \
  X(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, 900)                                \
  X(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, 901)                                \
  X(CUDA_ERROR_UNKNOWN, 999)

#define QMM_CUDA_DEVICE_ATTRIBUTES(X)                                          \
  X(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1)                              \
  X(CU_DEVICE_ATTRIBUTE_WARP_SIZE, 10)                                         \
  X(CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 13)                                        \
  X(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 16)                              \
  X(CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 36)                                 \
  X(CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 37)                           \
  X(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 38)                                     \
  X(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 75)                          \
  X(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 76)                          \
  X(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 81)              \
  X(CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS, 88)                            \
  X(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 95)                                \
  X(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 97)                 \
  X(CU_DEVICE_ATTRIBUTE_MAX_PERSISTING_L2_CACHE_SIZE, 108)                     \
  X(CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH, 120)

#define QMM_CUDA_FUNCTION_ATTRIBUTES(X)                                        \
  X(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 0)                                \
  X(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, 1)                                    \
  X(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, 3)                                     \
  X(CU_FUNC_ATTRIBUTE_NUM_REGS, 4)                                             \
  X(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 8)                        \
  X(CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 9)                     \
  X(CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 14)

#define QMM_CUDA_POINTER_ATTRIBUTES(X)                                         \
  X(CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 2)                                       \
  X(CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, 9)

#define QMM_CUDA_LAUNCH_ATTRIBUTES(X)                                          \
  X(CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW, 1)                               \
  X(CU_LAUNCH_ATTRIBUTE_COOPERATIVE, 2)                                        \
  X(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, 4)                                  \
  X(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION, 6)

#define QMM_CUDA_JIT_OPTIONS(X)                                                \
  X(CU_JIT_MAX_REGISTERS, 0)                                                   \
  X(CU_JIT_INFO_LOG_BUFFER, 3)                                                 \
  X(CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, 4)                                      \
  X(CU_JIT_ERROR_LOG_BUFFER, 5)                                                \
  X(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 6)                                     \
  X(CU_JIT_OPTIMIZATION_LEVEL, 7)                                              \
  X(CU_JIT_LOG_VERBOSE, 12)

#define QMM_CUDA_FLAGS(X)                                                      \
  X(CU_STREAM_DEFAULT, 0)                                                      \
  X(CU_STREAM_NON_BLOCKING, 1)                                                 \
  X(CU_EVENT_DEFAULT, 0)                                                       \
  X(CU_EVENT_DISABLE_TIMING, 2)

#define QMM_CUDA_CAPTURE_STATUSES(X)                                           \
  X(CU_STREAM_CAPTURE_STATUS_NONE, 0)                                          \
  X(CU_STREAM_CAPTURE_STATUS_ACTIVE, 1)                                        \
  X(CU_STREAM_CAPTURE_STATUS_INVALIDATED, 2)

#define QMM_CUDA_CAPTURE_MODES(X)                                              \
  X(CU_STREAM_CAPTURE_MODE_GLOBAL, 0)                                          \
  X(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, 1)                                    \
  X(CU_STREAM_CAPTURE_MODE_RELAXED, 2)

#define QMM_CUDA_DATA_TYPES(X)                                                 \
  X(CUDA_R_32F, 0)                                                             \
  X(CUDA_R_64F, 1)                                                             \
  X(CUDA_R_16F, 2)                                                             \
  X(CUDA_R_8I, 3)                                                              \
  X(CUDA_R_8U, 8)                                                              \
  X(CUDA_R_32I, 10)                                                            \
  X(CUDA_R_16BF, 14)                                                           \
  X(CUDA_R_8F_E4M3, 28)                                                        \
  X(CUDA_R_8F_UE4M3, 28)                                                       \
  X(CUDA_R_8F_E5M2, 29)                                                        \
  X(CUDA_R_8F_UE8M0, 30)                                                       \
  X(CUDA_R_6F_E2M3, 31)                                                        \
  X(CUDA_R_6F_E3M2, 32)                                                        \
  X(CUDA_R_4F_E2M1, 33)

#define QMM_CUBLAS_STATUSES(X)                                                 \
  X(CUBLAS_STATUS_SUCCESS, 0)                                                  \
  X(CUBLAS_STATUS_NOT_INITIALIZED, 1)                                          \
  X(CUBLAS_STATUS_ALLOC_FAILED, 3)                                             \
  X(CUBLAS_STATUS_INVALID_VALUE, 7)                                            \
  X(CUBLAS_STATUS_ARCH_MISMATCH, 8)                                            \
  X(CUBLAS_STATUS_MAPPING_ERROR, 11)                                           \
  X(CUBLAS_STATUS_EXECUTION_FAILED, 13)                                        \
  X(CUBLAS_STATUS_INTERNAL_ERROR, 14)                                          \
  X(CUBLAS_STATUS_NOT_SUPPORTED, 15)                                           \
  X(CUBLAS_STATUS_LICENSE_ERROR, 16)

#define QMM_CUBLAS_COMPUTE_TYPES(X)                                            \
  X(CUBLAS_COMPUTE_16F, 64)                                                    \
  X(CUBLAS_COMPUTE_32F, 68)                                                    \
  X(CUBLAS_COMPUTE_32F_PEDANTIC, 69)                                           \
  X(CUBLAS_COMPUTE_32I, 72)                                                    \
  X(CUBLAS_COMPUTE_32F_FAST_TF32, 77)

#define QMM_CUBLAS_OPERATIONS(X)                                               \
  X(CUBLAS_OP_N, 0)                                                            \
  X(CUBLAS_OP_T, 1)

#define QMM_CUBLASLT_SCALE_MODES(X)                                            \
  X(CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F, 0)                                \
  X(CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3, 1)                               \
  X(CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0, 2)                               \
  X(CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F, 3)                             \
  X(CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F, 4)                                \
  X(CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F, 5)

#define QMM_CUBLASLT_POINTER_MODES(X)                                          \
  X(CUBLASLT_POINTER_MODE_HOST, 0)                                             \
  X(CUBLASLT_POINTER_MODE_DEVICE, 1)                                           \
  X(CUBLASLT_POINTER_MODE_DEVICE_VECTOR, 2)                                    \
  X(CUBLASLT_POINTER_MODE_ALPHA_DEVICE_VECTOR_BETA_ZERO, 3)                    \
  X(CUBLASLT_POINTER_MODE_ALPHA_DEVICE_VECTOR_BETA_HOST, 4)

#define QMM_CUBLASLT_ORDERS(X)                                                 \
  X(CUBLASLT_ORDER_COL, 0)                                                     \
  X(CUBLASLT_ORDER_ROW, 1)

#define QMM_CUBLASLT_LAYOUT_ATTRIBUTES(X)                                      \
  X(CUBLASLT_MATRIX_LAYOUT_TYPE, 0)                                            \
  X(CUBLASLT_MATRIX_LAYOUT_ORDER, 1)                                           \
  X(CUBLASLT_MATRIX_LAYOUT_ROWS, 2)                                            \
  X(CUBLASLT_MATRIX_LAYOUT_COLS, 3)                                            \
  X(CUBLASLT_MATRIX_LAYOUT_LD, 4)                                              \
  X(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, 5)                                     \
  X(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, 6)

#define QMM_CUBLASLT_DESC_ATTRIBUTES(X)                                        \
  X(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, 0)                                      \
  X(CUBLASLT_MATMUL_DESC_SCALE_TYPE, 1)                                        \
  X(CUBLASLT_MATMUL_DESC_POINTER_MODE, 2)                                      \
  X(CUBLASLT_MATMUL_DESC_TRANSA, 3)                                            \
  X(CUBLASLT_MATMUL_DESC_TRANSB, 4)                                            \
  X(CUBLASLT_MATMUL_DESC_TRANSC, 5)                                            \
  X(CUBLASLT_MATMUL_DESC_EPILOGUE, 7)                                          \
  X(CUBLASLT_MATMUL_DESC_BIAS_POINTER, 8)                                      \
  X(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, 10)                                \
  X(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, 11)                             \
  X(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, 12)                                  \
  X(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, 15)                                  \
  X(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, 17)                                  \
  X(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, 18)                                  \
  X(CUBLASLT_MATMUL_DESC_C_SCALE_POINTER, 19)                                  \
  X(CUBLASLT_MATMUL_DESC_D_SCALE_POINTER, 20)                                  \
  X(CUBLASLT_MATMUL_DESC_AMAX_D_POINTER, 21)                                   \
  X(CUBLASLT_MATMUL_DESC_FAST_ACCUM, 25)                                       \
  X(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, 26)                                   \
  X(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, 31)                                     \
  X(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, 32)                                     \
  X(CUBLASLT_MATMUL_DESC_C_SCALE_MODE, 33)                                     \
  X(CUBLASLT_MATMUL_DESC_D_SCALE_MODE, 34)                                     \
  X(CUBLASLT_MATMUL_DESC_D_OUT_SCALE_POINTER, 36)                              \
  X(CUBLASLT_MATMUL_DESC_D_OUT_SCALE_MODE, 37)

#define QMM_CUBLASLT_EPILOGUES(X)                                              \
  X(CUBLASLT_EPILOGUE_DEFAULT, 1)                                              \
  X(CUBLASLT_EPILOGUE_RELU, 2)                                                 \
  X(CUBLASLT_EPILOGUE_BIAS, 4)                                                 \
  X(CUBLASLT_EPILOGUE_RELU_BIAS, 6)                                            \
  X(CUBLASLT_EPILOGUE_GELU, 32)                                                \
  X(CUBLASLT_EPILOGUE_GELU_BIAS, 36)                                           \
  X(CUBLASLT_EPILOGUE_RELU_AUX, 130)                                           \
  X(CUBLASLT_EPILOGUE_GELU_AUX, 160)                                           \
  X(CUBLASLT_EPILOGUE_GELU_AUX_BIAS, 164)

#define QMM_CUBLASLT_PREFERENCE_ATTRIBUTES(X)                                  \
  X(CUBLASLT_MATMUL_PREF_SEARCH_MODE, 0)                                       \
  X(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 1)                               \
  X(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, 3)                             \
  X(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, 5)                             \
  X(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, 6)                             \
  X(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, 7)                             \
  X(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, 8)                             \
  X(CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT, 9)                                   \
  X(CUBLASLT_MATMUL_PREF_IMPL_MASK, 12)

#define QMM_CUBLASLT_REDUCTION_SCHEMES(X)                                      \
  X(CUBLASLT_REDUCTION_SCHEME_INPLACE, 1)                                      \
  X(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, 2)                                 \
  X(CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE, 4)

#define QMM_CUBLASLT_ALGO_ATTRIBUTES(X)                                        \
  X(CUBLASLT_ALGO_CONFIG_ID, 0)                                                \
  X(CUBLASLT_ALGO_CONFIG_TILE_ID, 1)                                           \
  X(CUBLASLT_ALGO_CONFIG_SPLITK_NUM, 2)                                        \
  X(CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, 3)                                  \
  X(CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING, 4)                                     \
  X(CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION, 5)                                     \
  X(CUBLASLT_ALGO_CONFIG_STAGES_ID, 6)                                         \
  X(CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID, 7)                                    \
  X(CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID, 8)

#define QMM_CUDA_ENUMERATOR(name, value) name = value,
enum CUresult : int { QMM_CUDA_RESULTS(QMM_CUDA_ENUMERATOR) };
enum CUdevice_attribute : int {
  QMM_CUDA_DEVICE_ATTRIBUTES(QMM_CUDA_ENUMERATOR)
};
enum CUfunction_attribute : int {
  QMM_CUDA_FUNCTION_ATTRIBUTES(QMM_CUDA_ENUMERATOR)
};
enum CUpointer_attribute : int {
  QMM_CUDA_POINTER_ATTRIBUTES(QMM_CUDA_ENUMERATOR)
};
enum CUlaunchAttributeID : int {
  QMM_CUDA_LAUNCH_ATTRIBUTES(QMM_CUDA_ENUMERATOR)
};
enum CUjit_option : int { QMM_CUDA_JIT_OPTIONS(QMM_CUDA_ENUMERATOR) };
enum CUflags : unsigned { QMM_CUDA_FLAGS(QMM_CUDA_ENUMERATOR) };
enum CUstreamCaptureStatus : int {
  QMM_CUDA_CAPTURE_STATUSES(QMM_CUDA_ENUMERATOR)
};
enum CUstreamCaptureMode : int { QMM_CUDA_CAPTURE_MODES(QMM_CUDA_ENUMERATOR) };
enum cudaDataType : int { QMM_CUDA_DATA_TYPES(QMM_CUDA_ENUMERATOR) };
enum cublasStatus : int { QMM_CUBLAS_STATUSES(QMM_CUDA_ENUMERATOR) };
enum cublasComputeType : int { QMM_CUBLAS_COMPUTE_TYPES(QMM_CUDA_ENUMERATOR) };
enum cublasOperation : int { QMM_CUBLAS_OPERATIONS(QMM_CUDA_ENUMERATOR) };
enum cublasLtMatmulMatrixScale : int {
  QMM_CUBLASLT_SCALE_MODES(QMM_CUDA_ENUMERATOR)
};
enum cublasLtPointerMode : int {
  QMM_CUBLASLT_POINTER_MODES(QMM_CUDA_ENUMERATOR)
};
enum cublasLtOrder : int { QMM_CUBLASLT_ORDERS(QMM_CUDA_ENUMERATOR) };
enum cublasLtMatrixLayoutAttribute : int {
  QMM_CUBLASLT_LAYOUT_ATTRIBUTES(QMM_CUDA_ENUMERATOR)
};
enum cublasLtMatmulDescAttribute : int {
  QMM_CUBLASLT_DESC_ATTRIBUTES(QMM_CUDA_ENUMERATOR)
};
enum cublasLtEpilogue : int { QMM_CUBLASLT_EPILOGUES(QMM_CUDA_ENUMERATOR) };
enum cublasLtMatmulPreferenceAttribute : int {
  QMM_CUBLASLT_PREFERENCE_ATTRIBUTES(QMM_CUDA_ENUMERATOR)
};
enum cublasLtReductionScheme : uint32_t {
  QMM_CUBLASLT_REDUCTION_SCHEMES(QMM_CUDA_ENUMERATOR)
};
enum cublasLtMatmulAlgoConfigAttribute : int {
  QMM_CUBLASLT_ALGO_ATTRIBUTES(QMM_CUDA_ENUMERATOR)
};
#undef QMM_CUDA_ENUMERATOR

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct ContextHandle *;
using CUmodule = struct ModuleHandle *;
using CUfunction = struct FunctionHandle *;
using CUstream = struct StreamHandle *;
using CUevent = struct EventHandle *;
using CUgraph = struct GraphHandle *;
using CUgraphExec = struct GraphExecHandle *;

struct CUuuid {
  char bytes[16];
};

struct CUlaunchAttribute {
  CUlaunchAttributeID id;
  union {
    char pad[64];
    int cooperative;
    struct {
      unsigned x, y, z;
    } clusterDim;
    int programmaticStreamSerializationAllowed;
    uint64_t alignment; // NVIDIA's union holds pointers
  } value;
};

struct CUlaunchConfig {
  unsigned gridDimX, gridDimY, gridDimZ;
  unsigned blockDimX, blockDimY, blockDimZ;
  unsigned sharedMemBytes;
  CUstream hStream;
  CUlaunchAttribute *attrs;
  unsigned numAttrs;
};

using cublasLtHandle = struct CublasLtContextHandle *;

struct cublasLtMatrixLayoutOpaque {
  uint64_t data[8];
};
struct cublasLtMatmulDescOpaque {
  uint64_t data[32];
};
struct cublasLtMatmulPreferenceOpaque {
  uint64_t data[8];
};
/// May be stored and used again with the same build of the library.
struct cublasLtMatmulAlgo {
  uint64_t data[8];
};
using cublasLtMatrixLayout = cublasLtMatrixLayoutOpaque *;
using cublasLtMatmulDesc = cublasLtMatmulDescOpaque *;
using cublasLtMatmulPreference = cublasLtMatmulPreferenceOpaque *;

struct cublasLtMatmulHeuristicResult {
  cublasLtMatmulAlgo algo;
  size_t workspaceSize;
  cublasStatus state;
  float wavesCount;
  int reserved[4];
};

//===----------------------------------------------------------------------===//
// Functions: X(exported name, result, (parameters))
//===----------------------------------------------------------------------===//

#define QMM_CUDA_DRIVER_FUNCTIONS(X)                                           \
  X(cuInit, CUresult, (unsigned))                                              \
  X(cuDriverGetVersion, CUresult, (int *))                                     \
  X(cuGetErrorName, CUresult, (CUresult, const char **))                       \
  X(cuGetErrorString, CUresult, (CUresult, const char **))                     \
  X(cuDeviceGetCount, CUresult, (int *))                                       \
  X(cuDeviceGet, CUresult, (CUdevice *, int))                                  \
  X(cuDeviceGetName, CUresult, (char *, int, CUdevice))                        \
  X(cuDeviceGetUuid_v2, CUresult, (CUuuid *, CUdevice))                        \
  X(cuDeviceGetAttribute, CUresult, (int *, CUdevice_attribute, CUdevice))     \
  X(cuDeviceTotalMem_v2, CUresult, (size_t *, CUdevice))                       \
  X(cuDevicePrimaryCtxRetain, CUresult, (CUcontext *, CUdevice))               \
  X(cuDevicePrimaryCtxRelease_v2, CUresult, (CUdevice))                        \
  X(cuCtxPushCurrent_v2, CUresult, (CUcontext))                                \
  X(cuCtxPopCurrent_v2, CUresult, (CUcontext *))                               \
  X(cuCtxSetCurrent, CUresult, (CUcontext))                                    \
  X(cuCtxGetCurrent, CUresult, (CUcontext *))                                  \
  X(cuCtxSynchronize, CUresult, ())                                            \
  X(cuMemGetInfo_v2, CUresult, (size_t *, size_t *))                           \
  X(cuMemAlloc_v2, CUresult, (CUdeviceptr *, size_t))                          \
  X(cuMemFree_v2, CUresult, (CUdeviceptr))                                     \
  X(cuMemAllocHost_v2, CUresult, (void **, size_t))                            \
  X(cuMemFreeHost, CUresult, (void *))                                         \
  X(cuMemcpyHtoDAsync_v2, CUresult,                                            \
    (CUdeviceptr, const void *, size_t, CUstream))                             \
  X(cuMemcpyDtoHAsync_v2, CUresult, (void *, CUdeviceptr, size_t, CUstream))   \
  X(cuMemcpyDtoDAsync_v2, CUresult,                                            \
    (CUdeviceptr, CUdeviceptr, size_t, CUstream))                              \
  X(cuMemsetD8Async, CUresult, (CUdeviceptr, unsigned char, size_t, CUstream)) \
  X(cuPointerGetAttribute, CUresult,                                           \
    (void *, CUpointer_attribute, CUdeviceptr))                                \
  X(cuModuleLoadDataEx, CUresult,                                              \
    (CUmodule *, const void *, unsigned, CUjit_option *, void **))             \
  X(cuModuleUnload, CUresult, (CUmodule))                                      \
  X(cuModuleGetFunction, CUresult, (CUfunction *, CUmodule, const char *))     \
  X(cuFuncGetAttribute, CUresult, (int *, CUfunction_attribute, CUfunction))   \
  X(cuFuncSetAttribute, CUresult, (CUfunction, CUfunction_attribute, int))     \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor, CUresult,                     \
    (int *, CUfunction, int, size_t))                                          \
  X(cuLaunchKernelEx, CUresult,                                                \
    (const CUlaunchConfig *, CUfunction, void **, void **))                    \
  X(cuStreamCreate, CUresult, (CUstream *, unsigned))                          \
  X(cuStreamSynchronize, CUresult, (CUstream))                                 \
  X(cuStreamDestroy_v2, CUresult, (CUstream))                                  \
  X(cuStreamWaitEvent, CUresult, (CUstream, CUevent, unsigned))                \
  X(cuStreamIsCapturing, CUresult, (CUstream, CUstreamCaptureStatus *))        \
  X(cuStreamBeginCapture_v2, CUresult, (CUstream, CUstreamCaptureMode))        \
  X(cuStreamEndCapture, CUresult, (CUstream, CUgraph *))                       \
  X(cuGraphInstantiateWithFlags, CUresult,                                     \
    (CUgraphExec *, CUgraph, unsigned long long))                              \
  X(cuGraphLaunch, CUresult, (CUgraphExec, CUstream))                          \
  X(cuGraphExecDestroy, CUresult, (CUgraphExec))                               \
  X(cuGraphDestroy, CUresult, (CUgraph))                                       \
  X(cuEventCreate, CUresult, (CUevent *, unsigned))                            \
  X(cuEventRecord, CUresult, (CUevent, CUstream))                              \
  X(cuEventSynchronize, CUresult, (CUevent))                                   \
  X(cuEventElapsedTime, CUresult, (float *, CUevent, CUevent))                 \
  X(cuEventDestroy_v2, CUresult, (CUevent))

#define QMM_CUBLASLT_FUNCTIONS(X)                                              \
  X(cublasLtGetVersion, size_t, ())                                            \
  X(cublasLtGetCudartVersion, size_t, ())                                      \
  X(cublasLtGetStatusName, const char *, (cublasStatus))                       \
  X(cublasLtGetStatusString, const char *, (cublasStatus))                     \
  X(cublasLtCreate, cublasStatus, (cublasLtHandle *))                          \
  X(cublasLtDestroy, cublasStatus, (cublasLtHandle))                           \
  X(cublasLtMatmul, cublasStatus,                                              \
    (cublasLtHandle, cublasLtMatmulDesc, const void *, const void *,           \
     cublasLtMatrixLayout, const void *, cublasLtMatrixLayout, const void *,   \
     const void *, cublasLtMatrixLayout, void *, cublasLtMatrixLayout,         \
     const cublasLtMatmulAlgo *, void *, size_t, CUstream))                    \
  X(cublasLtMatrixLayoutInit_internal, cublasStatus,                           \
    (cublasLtMatrixLayout, size_t, cudaDataType, uint64_t, uint64_t, int64_t)) \
  X(cublasLtMatrixLayoutSetAttribute, cublasStatus,                            \
    (cublasLtMatrixLayout, cublasLtMatrixLayoutAttribute, const void *,        \
     size_t))                                                                  \
  X(cublasLtMatmulDescInit_internal, cublasStatus,                             \
    (cublasLtMatmulDesc, size_t, cublasComputeType, cudaDataType))             \
  X(cublasLtMatmulDescSetAttribute, cublasStatus,                              \
    (cublasLtMatmulDesc, cublasLtMatmulDescAttribute, const void *, size_t))   \
  X(cublasLtMatmulPreferenceInit_internal, cublasStatus,                       \
    (cublasLtMatmulPreference, size_t))                                        \
  X(cublasLtMatmulPreferenceSetAttribute, cublasStatus,                        \
    (cublasLtMatmulPreference, cublasLtMatmulPreferenceAttribute,              \
     const void *, size_t))                                                    \
  X(cublasLtMatmulAlgoGetHeuristic, cublasStatus,                              \
    (cublasLtHandle, cublasLtMatmulDesc, cublasLtMatrixLayout,                 \
     cublasLtMatrixLayout, cublasLtMatrixLayout, cublasLtMatrixLayout,         \
     cublasLtMatmulPreference, int, cublasLtMatmulHeuristicResult *, int *))   \
  X(cublasLtMatmulAlgoCheck, cublasStatus,                                     \
    (cublasLtHandle, cublasLtMatmulDesc, cublasLtMatrixLayout,                 \
     cublasLtMatrixLayout, cublasLtMatrixLayout, cublasLtMatrixLayout,         \
     const cublasLtMatmulAlgo *, cublasLtMatmulHeuristicResult *))             \
  X(cublasLtMatmulAlgoConfigSetAttribute, cublasStatus,                        \
    (cublasLtMatmulAlgo *, cublasLtMatmulAlgoConfigAttribute, const void *,    \
     size_t))                                                                  \
  X(cublasLtMatmulAlgoConfigGetAttribute, cublasStatus,                        \
    (const cublasLtMatmulAlgo *, cublasLtMatmulAlgoConfigAttribute, void *,    \
     size_t, size_t *))

#define QMM_CUDA_POINTER(name, result, parameters)                             \
  using name##_t = result parameters;                                          \
  name##_t *name = nullptr;
/// The functions of libcuda.so.1, under the names it exports.
struct DriverFunctions {
  QMM_CUDA_DRIVER_FUNCTIONS(QMM_CUDA_POINTER)
};
/// The functions of libcublasLt.so.13 and .12.  Descriptors are initialized in
/// place, as NVIDIA's inline functions do, so that they can be copied.
struct CublasLtFunctions {
  QMM_CUBLASLT_FUNCTIONS(QMM_CUDA_POINTER)
};
#undef QMM_CUDA_POINTER

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_CUDAABI_H
