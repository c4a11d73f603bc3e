//===- bench/cuda/host_cost.cpp - What a call costs the host --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: host_cost linears.qmm
//
// FP8 linear layers on a plain stream, and the same product as a bare loop of
// cublasLtMatmul with prebuilt descriptors.  Microseconds of host time a call:
// the median of batches that are small enough for the stream never to be full.
//
//   nvcc -O2 -I runtime/include bench/cuda/host_cost.cpp -L LIBDIR
//     -lqmm_runtime -lcublasLt -o host_cost
//
//===----------------------------------------------------------------------===//
#include "qmm/context.h"
#include "qmm/memory.h"
#include "qmm/module.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cublasLt.h>
#include <cuda_runtime.h>
#include <vector>

static constexpr int64_t kN = 3072, kK = 3072, kM = 16;
static constexpr int kCalls = 300, kBatches = 41;

static void check(bool ok, const char *what) {
  if (ok)
    return;
  std::fprintf(stderr, "host_cost: %s: %s\n", what, qmm_last_error());
  std::exit(1);
}
static void check(qmm_status status, const char *what) {
  check(status == QMM_STATUS_OK, what);
}

template <typename Call> static double measure(Call call) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  for (int batch = 0; batch < kBatches; ++batch) {
    Clock::time_point start = Clock::now();
    for (int i = 0; i < kCalls; ++i)
      call();
    times.push_back(
        std::chrono::duration<double, std::micro>(Clock::now() - start)
            .count() /
        kCalls);
    check(cudaDeviceSynchronize() == cudaSuccess, "synchronize");
  }
  std::nth_element(times.begin(), times.begin() + kBatches / 2, times.end());
  return times[kBatches / 2];
}

static void *allocate(size_t bytes) {
  void *memory = nullptr;
  check(cudaMalloc(&memory, std::max<size_t>(bytes, 256)) == cudaSuccess,
        "cudaMalloc");
  check(cudaMemset(memory, 0, bytes) == cudaSuccess, "cudaMemset");
  return memory;
}

static double measureEntry(qmm_module *module, const char *name) {
  qmm_entry *entry = nullptr;
  check(qmm_module_find_entry(module, name, &entry), name);
  std::vector<qmm_tensor> inputs, outputs;
  for (size_t i = 0; i < qmm_entry_input_count(entry); ++i) {
    qmm_value_info info = {};
    info.struct_size = sizeof(info);
    check(qmm_entry_input_info(entry, i, &info), "input");
    qmm_tensor tensor = {};
    tensor.struct_size = sizeof(tensor);
    tensor.rank = info.rank;
    size_t bytes = 4; // of the widest element
    for (uint32_t d = 0; d < info.rank; ++d) {
      tensor.shape[d] = info.shape[d] < 0 ? kM : info.shape[d];
      bytes *= size_t(tensor.shape[d]);
    }
    tensor.scheme.element = info.dtype;
    tensor.data = allocate(bytes);
    inputs.push_back(tensor);
  }
  outputs.resize(qmm_entry_output_count(entry));
  size_t arenaBytes = 0;
  check(qmm_entry_query(entry, inputs.data(), outputs.data(), &arenaBytes),
        "query");
  for (qmm_tensor &output : outputs)
    output.data = allocate(size_t(kM * kN * 4));
  void *arena = allocate(arenaBytes);
  check(qmm_entry_prepare(entry, inputs.data()), "prepare");
  return measure([&] {
    check(qmm_entry_invoke(entry, inputs.data(), outputs.data(), arena,
                           arenaBytes, nullptr),
          "invoke");
  });
}

static double measureLibrary() {
  cublasLtHandle_t handle;
  cublasLtMatmulDesc_t matmul;
  cublasLtMatrixLayout_t a, b, d;
  auto ok = [](cublasStatus_t status) {
    check(status == CUBLAS_STATUS_SUCCESS, "cublasLt");
  };
  ok(cublasLtCreate(&handle));
  ok(cublasLtMatmulDescCreate(&matmul, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  cublasOperation_t transposed = CUBLAS_OP_T;
  int8_t fast = 1;
  void *scale = allocate(4), *bias = allocate(kN * 2);
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
  auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto &value) {
    ok(cublasLtMatmulDescSetAttribute(matmul, attribute, &value,
                                      sizeof(value)));
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, transposed);
  set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, fast);
  set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, scale);
  set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, scale);
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
  set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  ok(cublasLtMatrixLayoutCreate(&a, CUDA_R_8F_E4M3, kK, kN, kK));
  ok(cublasLtMatrixLayoutCreate(&b, CUDA_R_8F_E4M3, kK, kM, kK));
  ok(cublasLtMatrixLayoutCreate(&d, CUDA_R_16BF, kN, kM, kN));
  constexpr size_t kWorkspace = 32 << 20;
  void *workspace = allocate(kWorkspace);
  cublasLtMatmulPreference_t preference;
  ok(cublasLtMatmulPreferenceCreate(&preference));
  ok(cublasLtMatmulPreferenceSetAttribute(
      preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspace,
      sizeof(kWorkspace)));
  cublasLtMatmulHeuristicResult_t found;
  int count = 0;
  ok(cublasLtMatmulAlgoGetHeuristic(handle, matmul, a, b, d, d, preference, 1,
                                    &found, &count));
  check(count == 1, "no algorithm");
  void *w = allocate(kN * kK), *x = allocate(kM * kK),
       *y = allocate(kM * kN * 2);
  float one = 1, zero = 0;
  return measure([&] {
    ok(cublasLtMatmul(handle, matmul, &one, w, a, x, b, &zero, y, d, y, d,
                      &found.algo, workspace, kWorkspace, nullptr));
  });
}

int main(int argc, char **argv) {
  check(argc == 2, "usage: host_cost linears.qmm");
  qmm_context_options options = {};
  options.struct_size = sizeof(options);
  options.device = "cuda";
  options.cache_dir = "";
  qmm_context *context = nullptr;
  qmm_module *module = nullptr;
  check(qmm_context_create(&options, &context), "context");
  check(qmm_module_load(context, argv[1], nullptr, &module), "load");
  std::printf("%s, N %d, K %d, M %d, host us a call\n",
              qmm_context_description(context), int(kN), int(kK), int(kM));
  for (int round = 0; round < 2; ++round) {
    std::printf("cublasLtMatmul %.2f\n", measureLibrary());
    for (const char *name :
         {"gemm_3072_3072", "static_3072_3072", "dynamic_3072_3072"})
      std::printf("%s %.2f\n", name, measureEntry(module, name));
  }
  qmm_module_destroy(module);
  qmm_context_destroy(context);
  return 0;
}
