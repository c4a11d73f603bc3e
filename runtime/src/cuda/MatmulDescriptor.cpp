//===- cuda/MatmulDescriptor.cpp - A problem in cuBLASLt's words ----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See MatmulDescriptor.h.
//
//===----------------------------------------------------------------------===//
#include "cuda/MatmulDescriptor.h"

namespace qmmrt::cuda {
namespace {

/// Sets attributes until one fails.
class Setter {
public:
  Setter(const CublasLtFunctions &lt, cublasLtMatmulDescOpaque &descriptor)
      : lt(lt), descriptor(descriptor) {}

  template <typename T>
  void set(cublasLtMatmulDescAttribute attribute, const T &value) {
    if (status == CUBLAS_STATUS_SUCCESS)
      status = lt.cublasLtMatmulDescSetAttribute(&descriptor, attribute, &value,
                                                 sizeof(value));
    if (status != CUBLAS_STATUS_SUCCESS && failed < 0)
      failed = attribute;
  }
  Status finish() const {
    if (status == CUBLAS_STATUS_SUCCESS)
      return Status();
    return fromCublasLt(lt, status,
                        "cublasLtMatmulDescSetAttribute of attribute " +
                            std::to_string(failed));
  }

private:
  const CublasLtFunctions &lt;
  cublasLtMatmulDescOpaque &descriptor;
  cublasStatus status = CUBLAS_STATUS_SUCCESS;
  int failed = -1;
};

Status makeLayout(const CublasLtFunctions &lt,
                  cublasLtMatrixLayoutOpaque &layout, int32_t type,
                  int64_t rows, int64_t cols, int64_t ld, int64_t batch,
                  int64_t stride) {
  cublasStatus status = lt.cublasLtMatrixLayoutInit_internal(
      &layout, sizeof(layout), cudaDataType(type), uint64_t(rows),
      uint64_t(cols), ld);
  if (status == CUBLAS_STATUS_SUCCESS && batch > 1) {
    const int32_t count = int32_t(batch);
    status = lt.cublasLtMatrixLayoutSetAttribute(
        &layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count));
    if (status == CUBLAS_STATUS_SUCCESS)
      status = lt.cublasLtMatrixLayoutSetAttribute(
          &layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
          sizeof(stride));
  }
  return fromCublasLt(lt, status, "describing a matrix to cuBLASLt");
}

std::string spell(const char *action, const MatmulProblem &problem) {
  return std::string(action) + " for " + describe(problem);
}

} // namespace

Result<MatmulDescriptor> makeDescriptor(const Device &device,
                                        const MatmulProblem &problem) {
  const CublasLtFunctions &lt = device.cublasLt();
  MatmulDescriptor made;
  if (problem.batch > INT32_MAX)
    return Status(QMM_STATUS_UNSUPPORTED,
                  "scaled_matmul: cuBLASLt takes a batch below 2^31, found " +
                      std::to_string(problem.batch));
  if (Status s = fromCublasLt(lt,
                              lt.cublasLtMatmulDescInit_internal(
                                  &made.operation, sizeof(made.operation),
                                  cublasComputeType(problem.computeType),
                                  cudaDataType(problem.scaleType)),
                              "cublasLtMatmulDescInit");
      !s.ok())
    return s;
  Setter setter(lt, made.operation);
  setter.set(CUBLASLT_MATMUL_DESC_TRANSA, int32_t(CUBLAS_OP_T));
  setter.set(CUBLASLT_MATMUL_DESC_TRANSB, int32_t(CUBLAS_OP_N));
  if (problem.epilogue != CUBLASLT_EPILOGUE_DEFAULT)
    setter.set(CUBLASLT_MATMUL_DESC_EPILOGUE, problem.epilogue);
  if (problem.alpha != AlphaSource::One)
    setter.set(CUBLASLT_MATMUL_DESC_POINTER_MODE,
               int32_t(CUBLASLT_POINTER_MODE_DEVICE));
  if (problem.fastAccumulation)
    setter.set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, int8_t(1));
  // Libraries before 12.8 know no modes, and only this one's meaning.
  if (problem.modeB != CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F)
    setter.set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, problem.modeB);
  if (problem.modeA != CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F)
    setter.set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, problem.modeA);
  // The heuristic looks at which pointers are there, and at the bias' address:
  // one that is aligned as little as any may be.
  const void *present =
      reinterpret_cast<const char *>(device.getOne()) + problem.alignment;
  if (problem.hasScaleB)
    setter.set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, present);
  if (problem.hasScaleA)
    setter.set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, present);
  if (problem.isNarrow)
    setter.set(CUBLASLT_MATMUL_DESC_D_SCALE_POINTER, present);
  if (problem.wantsAmax)
    setter.set(CUBLASLT_MATMUL_DESC_AMAX_D_POINTER, present);
  if (problem.biasType != -1) {
    setter.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, problem.biasType);
    setter.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, present);
  }
  if (Status s = setter.finish(); !s.ok())
    return s;

  const int64_t m = problem.m, n = problem.n, k = problem.k;
  if (Status s = makeLayout(lt, made.a, problem.typeB, k, n, problem.ldb,
                            problem.batch, problem.strideB);
      !s.ok())
    return s;
  if (Status s = makeLayout(lt, made.b, problem.typeA, k, m, problem.lda,
                            problem.batch, problem.strideA);
      !s.ok())
    return s;
  if (Status s = makeLayout(lt, made.c, problem.typeC, n, m, problem.ldc,
                            problem.batch, problem.strideC);
      !s.ok())
    return s;
  if (Status s = makeLayout(lt, made.d, problem.typeD, n, m, problem.ldd,
                            problem.batch, problem.strideD);
      !s.ok())
    return s;
  return made;
}

Result<std::vector<cublasLtMatmulHeuristicResult>>
findAlgorithms(const Device &device, const MatmulProblem &problem,
               const MatmulDescriptor &descriptor, unsigned count) {
  const CublasLtFunctions &lt = device.cublasLt();
  cublasLtMatmulPreferenceOpaque preference = {};
  cublasStatus status =
      lt.cublasLtMatmulPreferenceInit_internal(&preference, sizeof(preference));
  auto prefer = [&](cublasLtMatmulPreferenceAttribute attribute,
                    const auto &value) {
    if (status == CUBLAS_STATUS_SUCCESS)
      status = lt.cublasLtMatmulPreferenceSetAttribute(&preference, attribute,
                                                       &value, sizeof(value));
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, problem.workspaceBytes);
  // Parts of a sum stay f32: they aren't added in the result's type.
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
         uint32_t(CUBLASLT_REDUCTION_SCHEME_INPLACE |
                  CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  for (auto attribute : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                         CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                         CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
                         CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    prefer(attribute, problem.alignment);
  if (Status s = fromCublasLt(lt, status, "setting cuBLASLt's preferences");
      !s.ok())
    return s;

  std::vector<cublasLtMatmulHeuristicResult> results(count);
  int found = 0;
  MatmulDescriptor d = descriptor; // the library takes no const
  status = lt.cublasLtMatmulAlgoGetHeuristic(
      device.getHandle(), &d.operation, &d.a, &d.b, &d.c, &d.d, &preference,
      int(count), results.data(), &found);
  if (status == CUBLAS_STATUS_SUCCESS && found == 0)
    status = CUBLAS_STATUS_NOT_SUPPORTED;
  if (status != CUBLAS_STATUS_SUCCESS)
    return fromCublasLt(
        lt, status, spell("scaled_matmul: cuBLASLt has no algorithm", problem));
  results.resize(size_t(found));
  return results;
}

Result<cublasLtMatmulHeuristicResult>
checkAlgorithm(const Device &device, const MatmulProblem &problem,
               const MatmulDescriptor &descriptor,
               const cublasLtMatmulAlgo &algorithm) {
  MatmulDescriptor d = descriptor;
  cublasLtMatmulHeuristicResult result = {};
  cublasStatus status = device.cublasLt().cublasLtMatmulAlgoCheck(
      device.getHandle(), &d.operation, &d.a, &d.b, &d.c, &d.d, &algorithm,
      &result);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = result.state;
  if (status == CUBLAS_STATUS_SUCCESS &&
      result.workspaceSize > problem.workspaceBytes)
    status = CUBLAS_STATUS_NOT_SUPPORTED;
  if (status != CUBLAS_STATUS_SUCCESS)
    return fromCublasLt(device.cublasLt(), status,
                        spell("scaled_matmul: the algorithm isn't", problem));
  result.algo = algorithm;
  return result;
}

} // namespace qmmrt::cuda
