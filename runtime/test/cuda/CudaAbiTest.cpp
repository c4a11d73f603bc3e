//===- test/cuda/CudaAbiTest.cpp - Our declarations against NVIDIA's -----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Built where a CUDA toolkit is installed: a wrong constant, size, offset or
// signature doesn't compile.
//
//===----------------------------------------------------------------------===//
#include "cuda/CudaAbi.h"

#include <cublasLt.h>
#include <cuda.h>

#include <gtest/gtest.h>
#include <type_traits>

namespace ours = qmmrt::cuda;

#define CHECK_CONSTANT(name, value)                                            \
  static_assert(int(ours::name) == int(::name), #name);
QMM_CUDA_RESULTS(CHECK_CONSTANT)
QMM_CUDA_DEVICE_ATTRIBUTES(CHECK_CONSTANT)
QMM_CUDA_FUNCTION_ATTRIBUTES(CHECK_CONSTANT)
QMM_CUDA_POINTER_ATTRIBUTES(CHECK_CONSTANT)
QMM_CUDA_LAUNCH_ATTRIBUTES(CHECK_CONSTANT)
QMM_CUDA_JIT_OPTIONS(CHECK_CONSTANT)
QMM_CUDA_FLAGS(CHECK_CONSTANT)
QMM_CUDA_CAPTURE_STATUSES(CHECK_CONSTANT)
QMM_CUDA_CAPTURE_MODES(CHECK_CONSTANT)
QMM_CUDA_DATA_TYPES(CHECK_CONSTANT)
QMM_CUBLAS_STATUSES(CHECK_CONSTANT)
QMM_CUBLAS_COMPUTE_TYPES(CHECK_CONSTANT)
QMM_CUBLAS_OPERATIONS(CHECK_CONSTANT)
QMM_CUBLASLT_SCALE_MODES(CHECK_CONSTANT)
QMM_CUBLASLT_POINTER_MODES(CHECK_CONSTANT)
QMM_CUBLASLT_ORDERS(CHECK_CONSTANT)
QMM_CUBLASLT_LAYOUT_ATTRIBUTES(CHECK_CONSTANT)
QMM_CUBLASLT_DESC_ATTRIBUTES(CHECK_CONSTANT)
QMM_CUBLASLT_EPILOGUES(CHECK_CONSTANT)
QMM_CUBLASLT_PREFERENCE_ATTRIBUTES(CHECK_CONSTANT)
QMM_CUBLASLT_REDUCTION_SCHEMES(CHECK_CONSTANT)
QMM_CUBLASLT_ALGO_ATTRIBUTES(CHECK_CONSTANT)

#define CHECK_TYPE(own, theirs)                                                \
  static_assert(sizeof(ours::own) == sizeof(::theirs), #own);                  \
  static_assert(alignof(ours::own) == alignof(::theirs), #own);
CHECK_TYPE(CUdevice, CUdevice)
CHECK_TYPE(CUdeviceptr, CUdeviceptr)
CHECK_TYPE(CUuuid, CUuuid)
CHECK_TYPE(CUlaunchAttribute, CUlaunchAttribute)
CHECK_TYPE(CUlaunchConfig, CUlaunchConfig)
CHECK_TYPE(cublasLtMatrixLayoutOpaque, cublasLtMatrixLayoutOpaque_t)
CHECK_TYPE(cublasLtMatmulDescOpaque, cublasLtMatmulDescOpaque_t)
CHECK_TYPE(cublasLtMatmulPreferenceOpaque, cublasLtMatmulPreferenceOpaque_t)
CHECK_TYPE(cublasLtMatmulAlgo, cublasLtMatmulAlgo_t)
CHECK_TYPE(cublasLtMatmulHeuristicResult, cublasLtMatmulHeuristicResult_t)
CHECK_TYPE(cudaDataType, cudaDataType)
CHECK_TYPE(cublasStatus, cublasStatus_t)

#define CHECK_FIELD(own, theirs, field)                                        \
  static_assert(offsetof(ours::own, field) == offsetof(::theirs, field),       \
                #own "." #field);
CHECK_FIELD(CUlaunchAttribute, CUlaunchAttribute, value)
CHECK_FIELD(CUlaunchConfig, CUlaunchConfig, blockDimX)
CHECK_FIELD(CUlaunchConfig, CUlaunchConfig, sharedMemBytes)
CHECK_FIELD(CUlaunchConfig, CUlaunchConfig, hStream)
CHECK_FIELD(CUlaunchConfig, CUlaunchConfig, attrs)
CHECK_FIELD(CUlaunchConfig, CUlaunchConfig, numAttrs)
CHECK_FIELD(cublasLtMatmulHeuristicResult, cublasLtMatmulHeuristicResult_t,
            workspaceSize)
CHECK_FIELD(cublasLtMatmulHeuristicResult, cublasLtMatmulHeuristicResult_t,
            state)
CHECK_FIELD(cublasLtMatmulHeuristicResult, cublasLtMatmulHeuristicResult_t,
            wavesCount)

namespace {

/// A type as the calling convention sees it: every enum is an int, every
/// handle's pointee the same; pointers keep their depth and const.
struct Opaque;
template <typename T, typename = void> struct Normalize {
  using type = T;
};
template <typename T>
struct Normalize<T,
                 std::enable_if_t<std::is_enum_v<T> && !std::is_const_v<T>>> {
  using type = int;
};
template <typename T>
struct Normalize<T,
                 std::enable_if_t<std::is_class_v<T> && !std::is_const_v<T>>> {
  using type = Opaque;
};
template <typename T> struct Normalize<const T> {
  using type = const typename Normalize<T>::type;
};
template <typename T> struct Normalize<T *> {
  using type = typename Normalize<T>::type *;
};
template <typename R, typename... Ps> struct Normalize<R(Ps...)> {
  using type = typename Normalize<R>::type(typename Normalize<Ps>::type...);
};
template <typename Ours, typename Theirs>
constexpr bool isSame = std::is_same_v<typename Normalize<Ours>::type,
                                       typename Normalize<Theirs>::type>;

} // namespace

#define CHECK_DRIVER(name, result, parameters)                                 \
  static_assert(isSame<ours::DriverFunctions::name##_t, decltype(::name)>,     \
                #name);
QMM_CUDA_DRIVER_FUNCTIONS(CHECK_DRIVER)

#define CHECK_CUBLASLT(name, result, parameters)                               \
  static_assert(isSame<ours::CublasLtFunctions::name##_t, decltype(::name)>,   \
                #name);
QMM_CUBLASLT_FUNCTIONS(CHECK_CUBLASLT)

TEST(CudaAbi, AgreesWithTheToolkit) {
  // The checks above ran when this file compiled; this is the one value known
  // only to the toolkit's headers that the runtime depends on.
  EXPECT_EQ(CUBLAS_VER_MAJOR, 13);
}
