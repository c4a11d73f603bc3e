//===- cuda/MatmulProblem.h - What cuBLASLt is asked to multiply --*- C++
//-*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gate: cuBLASLt answers some questions wrongly and aborts the process on
// others, so that only what these rules admit is ever asked.  Needs no GPU.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_MATMULPROBLEM_H
#define QMMRT_CUDA_MATMULPROBLEM_H

#include "cuda/CudaAbi.h"
#include "qmm/ops.h"
#include "support/Status.h"

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace qmmrt::cuda {

/// How plans are made.
struct PlanOptions {
  /// FP8 sums in the tensor cores' own precision (about 14 bits on sm_90)
  /// where the mode allows, else promoted to f32 as they grow.
  bool fastAccumulation = true;
  /// Of every matrix and bias pointer that runs will give, in bytes: 16 or a
  /// larger power of two.
  unsigned alignment = 16;
  size_t workspaceBytes = 32 << 20; // at most
  unsigned numCandidates = 8;       // algorithms to ask for
  bool autotune = false;            // time them
  unsigned autotuneMilliseconds = 100;
};

enum class MatmulWork : uint32_t {
  None,    // d has no elements
  Zero,    // d is zero
  Multiply // by cuBLASLt
};

/// Where the factor of the sum comes from.
enum class AlphaSource : uint32_t { One, Argument, TensorScaleA, TensorScaleB };

/// What decides a plan, as plain bytes without padding: keys are compared and
/// hashed whole.  a, b and d are the caller's: row-major, D = A * B^T.
struct MatmulProblem {
  int64_t m = 0, n = 0, k = 0, batch = 0;
  int64_t lda = 0, ldb = 0, ldc = 0, ldd = 0; // elements between rows
  /// Elements between matrices of a batch; 0: shared.
  int64_t strideA = 0, strideB = 0, strideC = 0, strideD = 0;
  int64_t resultBytes = 0; // d's storage, all of it
  uint64_t workspaceBytes = 0;
  int32_t typeA = 0, typeB = 0, typeC = 0, typeD = 0; // cudaDataType
  int32_t biasType = -1;                              // -1: no bias
  int32_t modeA = 0, modeB = 0; // cublasLtMatmulMatrixScale
  int32_t computeType = 0, scaleType = 0, epilogue = 0;
  MatmulWork work = MatmulWork::None;
  AlphaSource alpha = AlphaSource::One;
  uint32_t alignment = 0;
  uint32_t hasScaleA = 0, hasScaleB = 0;
  uint32_t hasResidual = 0;
  /// d is FP8: D_SCALE must be set.  hasOutputScale: to what the caller gives.
  uint32_t isNarrow = 0, hasOutputScale = 0, wantsAmax = 0;
  uint32_t fastAccumulation = 0;
  /// K is 0: zeros are multiplied instead of the operands.
  uint32_t hasZeroOperands = 0;
  uint32_t reserved = 0;

  bool operator==(const MatmulProblem &other) const {
    return std::memcmp(this, &other, sizeof(*this)) == 0;
  }
};
static_assert(std::has_unique_object_representations_v<MatmulProblem>,
              "padding would be compared");

/// The problem that `args` (their pointers' presence counts, not their values)
/// pose to cuBLASLt `version` (130100 for 13.1.0) on `chip` ("sm_90").
/// UNSUPPORTED gives the rule that they break and the value found.
Result<MatmulProblem> describeMatmul(const qmm_scaled_matmul_args &args,
                                     std::string_view chip, unsigned version,
                                     const PlanOptions &options);

/// "64 x 128 x 256 (M x N x K), e4m3 x e4m3 -> bf16, ..." for messages.
std::string describe(const MatmulProblem &problem);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_MATMULPROBLEM_H
