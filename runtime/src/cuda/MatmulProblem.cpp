//===- cuda/MatmulProblem.cpp - What cuBLASLt is asked to multiply --------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules are NVIDIA's documentation, its answers to issues, and what an H100
// showed (docs/cuda-runtime.md).
//
//===----------------------------------------------------------------------===//
#include "cuda/MatmulProblem.h"

#include "capability/Capability.h"
#include "numerics/Elements.h"
#include "numerics/MatmulArguments.h"

#include <algorithm>
#include <optional>
#include <string>

namespace qmmrt::cuda {
namespace {

/// cuBLASLt's type of a matrix; nullopt where it has none.
std::optional<cudaDataType> getType(uint32_t dtype) {
  switch (dtype) {
  case QMM_DTYPE_F32:
    return CUDA_R_32F;
  case QMM_DTYPE_BF16:
    return CUDA_R_16BF;
  case QMM_DTYPE_F16:
    return CUDA_R_16F;
  case QMM_DTYPE_E4M3:
    return CUDA_R_8F_E4M3;
  case QMM_DTYPE_E5M2:
    return CUDA_R_8F_E5M2;
  case QMM_DTYPE_E2M1:
    return CUDA_R_4F_E2M1;
  case QMM_DTYPE_I8:
    return CUDA_R_8I;
  case QMM_DTYPE_I32:
    return CUDA_R_32I;
  default:
    return std::nullopt;
  }
}

const char *getTypeName(int32_t type) {
  switch (type) {
  case CUDA_R_32F:
    return "f32";
  case CUDA_R_16BF:
    return "bf16";
  case CUDA_R_16F:
    return "f16";
  case CUDA_R_8F_E4M3:
    return "e4m3";
  case CUDA_R_8F_E5M2:
    return "e5m2";
  case CUDA_R_4F_E2M1:
    return "e2m1";
  case CUDA_R_8I:
    return "i8";
  case CUDA_R_32I:
    return "i32";
  default:
    return "no type";
  }
}

const char *getModeName(int32_t mode) {
  switch (mode) {
  case CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3:
    return "VEC16_UE4M3";
  case CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0:
    return "VEC32_UE8M0";
  case CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F:
    return "OUTER_VEC_32F";
  case CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F:
    return "VEC128_32F";
  case CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F:
    return "BLK128x128_32F";
  default:
    return "SCALAR_32F";
  }
}

bool isFP8(int32_t type) {
  return type == CUDA_R_8F_E4M3 || type == CUDA_R_8F_E5M2;
}

class Describer {
public:
  Describer(const qmm_scaled_matmul_args &args, std::string_view chip,
            unsigned version, const PlanOptions &options)
      : args(args), chip(chip), version(version), options(options) {}

  Status run();
  MatmulProblem problem;

private:
  Status refuse(const std::string &rule) const {
    return Status(QMM_STATUS_UNSUPPORTED,
                  "scaled_matmul on " + std::string(chip) + ": " + rule);
  }

  Status chooseModes();
  Status checkScaleLayout(const qmm_tensor &tensor, const char *what,
                          int32_t mode) const;
  Status padRows();
  Status checkResult();
  Status checkEpilogue();
  Status chooseAlpha();
  Status checkAlignment();
  void multiplyZeros();

  const qmm_scaled_matmul_args &args;
  std::string_view chip;
  unsigned version;
  const PlanOptions &options;
  MatmulExtents extents = {};
};

Status Describer::run() {
  Result<MatmulExtents> verified = verifyMatmulArguments(args);
  if (!verified.ok())
    return verified.getStatus();
  auto isRounded = [](uint32_t precision) {
    return precision != QMM_DTYPE_NONE && precision != QMM_DTYPE_F32;
  };
  if (isRounded(args.a_precision) || isRounded(args.b_precision))
    return Status(QMM_STATUS_UNSUPPORTED,
                  "cuBLASLt multiplies codes and scales as they are: "
                  "a_precision or b_precision is given, expected 0 or f32");
  extents = *verified;
  mergeBatches(args, /*keepsResult=*/false, extents);
  problem.m = extents.m;
  problem.n = extents.n;
  problem.k = extents.k;
  problem.batch = extents.batch;
  problem.resultBytes = extents.d.dataBytes;
  problem.alignment = options.alignment;
  problem.workspaceBytes = options.workspaceBytes;

  const qmm_scheme &sd = args.d->scheme;
  problem.typeA = getType(args.a->scheme.element).value();
  problem.typeB = getType(args.b->scheme.element).value();
  problem.typeD = getType(sd.element).value();
  problem.isNarrow = isFP8(problem.typeD);
  problem.hasOutputScale = !isWide(sd);
  problem.wantsAmax = args.amax != nullptr;
  problem.hasResidual = args.residual != nullptr;

  if (Status s = chooseModes(); !s.ok())
    return s;
  if (Status s = checkResult(); !s.ok())
    return s;
  if (Status s = checkEpilogue(); !s.ok())
    return s;
  if (Status s = chooseAlpha(); !s.ok())
    return s;
  if (problem.m == 0 || problem.n == 0 || problem.batch == 0)
    return Status();
  if (problem.k == 0 && !args.bias && !args.residual) {
    problem.work = MatmulWork::Zero;
    return Status();
  }
  problem.work = MatmulWork::Multiply;
  if (Status s = padRows(); !s.ok())
    return s;

  auto perRow = [](const TensorExtents &tensor, uint32_t element) {
    return tensor.rowBytes * 8 / getBitWidth(qmm_dtype(element));
  };
  problem.lda = perRow(extents.a, args.a->scheme.element);
  problem.ldb = perRow(extents.b, args.b->scheme.element);
  problem.ldd = perRow(extents.d, sd.element);
  problem.ldc = problem.ldd;
  if (args.residual)
    problem.ldc = perRow(extents.residual, args.residual->scheme.element);
  // Pad codes are zeros: they may take part.
  const int64_t padded = extents.a.storageK;
  auto hasPaddedScales = [&](const qmm_tensor &tensor) {
    const int64_t block = tensor.scheme.block_k;
    return block > 0 &&
           (padded + block - 1) / block != (problem.k + block - 1) / block;
  };
  if (padded == extents.b.storageK && problem.k > 0 &&
      !hasPaddedScales(*args.a) && !hasPaddedScales(*args.b))
    problem.k = padded;
  if (problem.batch > 1) {
    problem.strideA = problem.lda * extents.a.storageOuter;
    problem.strideB =
        extents.isShared ? 0 : problem.ldb * extents.b.storageOuter;
    problem.strideD = problem.ldd * extents.d.storageOuter;
    problem.strideC = args.residual
                          ? problem.ldc * extents.residual.storageOuter
                          : problem.strideD;
  }
  if (problem.k == 0)
    multiplyZeros();
  return checkAlignment();
}

/// The pair's types and scale modes, by the one table of what is multiplied.
Status Describer::chooseModes() {
  qmm_scheme a = args.a->scheme, b = args.b->scheme;
  const bool areIntegers =
      a.element == QMM_DTYPE_I8 && b.element == QMM_DTYPE_I8;
  if (areIntegers && isRaw(a) && isRaw(b)) {
    if (args.d->scheme.element != QMM_DTYPE_I32)
      return refuse("raw i8 operands give an i32 result, found " +
                    describeScheme(args.d->scheme));
    problem.computeType = CUBLAS_COMPUTE_32I;
    problem.scaleType = CUDA_R_32I;
    return Status();
  }
  if (a.element == QMM_DTYPE_I8 || b.element == QMM_DTYPE_I8)
    return refuse("i8 is multiplied raw by raw, the scales are an epilogue's; "
                  "found " +
                  describeScheme(a) + " x " + describeScheme(b));
  problem.computeType = CUBLAS_COMPUTE_32F;
  problem.scaleType = CUDA_R_32F;

  // Raw FP8 is FP8 of scale 1; NVFP4's tensor scale is a matter of alpha.
  auto normalize = [](qmm_scheme &scheme) {
    if (isRaw(scheme))
      scheme.scale = QMM_DTYPE_F32;
    else if (scheme.element == QMM_DTYPE_E2M1 && scheme.scale == QMM_DTYPE_E4M3)
      scheme.has_tensor_scale = 1;
  };
  normalize(a);
  normalize(b);
  std::string refusal;
  RouteQuery query;
  query.chip = chip;
  query.a = a;
  query.b = b;
  query.libraryVersion = version;
  const std::vector<Route> routes = queryRoutes(query, &refusal);
  if (routes.empty())
    return refuse(refusal);
  if (routes.front().kind != RouteKind::Library)
    return refuse(routes.front().reason);
  if (isWide(a))
    return Status();
  // Codes alone: a compiled program applies the scales, this call doesn't.
  if (routes.front().modeA < 0)
    return refuse("cuBLASLt doesn't multiply " + describeScheme(a) + " by " +
                  describeScheme(b) + " on " + std::string(chip) +
                  " with their scales");
  problem.modeA = routes.front().modeA;
  problem.modeB = routes.front().modeB;
  problem.hasScaleA = !isWide(args.a->scheme);
  problem.hasScaleB = !isWide(args.b->scheme);
  problem.fastAccumulation =
      options.fastAccumulation &&
      (problem.modeA == CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F ||
       problem.modeA == CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F);
  if (problem.modeA != CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F &&
      problem.batch > 1)
    return refuse(std::string(getModeName(problem.modeA)) +
                  " scales take one matrix, found a batch of " +
                  std::to_string(problem.batch));
  if (problem.typeA == CUDA_R_4F_E2M1 &&
      args.a->layout.nibbles != args.b->layout.nibbles)
    return refuse("both operands have one nibble order, found a's " +
                  std::to_string(args.a->layout.nibbles) + " and b's " +
                  std::to_string(args.b->layout.nibbles));
  if (Status s = checkScaleLayout(*args.a, "a", problem.modeA); !s.ok())
    return s;
  return checkScaleLayout(*args.b, "b", problem.modeB);
}

Status Describer::checkScaleLayout(const qmm_tensor &tensor, const char *what,
                                   int32_t mode) const {
  const qmm_layout &layout = tensor.layout;
  uint32_t expected = layout.scales;
  const char *name = "";
  switch (mode) {
  case CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3:
  case CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0:
    expected = QMM_SCALES_TILED_128X4;
    name = "tiled_128x4 (3)";
    break;
  case CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F:
    expected = QMM_SCALES_OUTER_MAJOR;
    name = "outer_major (1)";
    break;
  case CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F:
    expected = QMM_SCALES_BLOCKS_128X128;
    name = "blocks_128x128 (2)";
    break;
  default:
    break;
  }
  if (layout.scales != expected)
    return refuse(std::string(getModeName(mode)) + " scales are laid out " +
                  name + ", found " + what + "'s " +
                  std::to_string(layout.scales));
  return Status();
}

/// VEC128 scales of a number of rows that isn't a multiple of 4 have no
/// algorithm (sm_90, 13.1.0): where a, d and the residual store that many, the
/// pad rows are multiplied too.
Status Describer::padRows() {
  if (problem.modeB == CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F &&
      problem.n % 4 != 0)
    return refuse("VEC128_32F scales take rows in fours, found N = " +
                  std::to_string(problem.n));
  if (problem.modeA != CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F ||
      problem.m % 4 == 0)
    return Status();
  const int64_t padded = (problem.m + 3) / 4 * 4;
  if (extents.a.storageOuter < padded || extents.d.storageOuter < padded ||
      args.a->layout.scale_pad % 4 != 0 || args.a->layout.scale_pad == 0 ||
      (args.residual && extents.residual.storageOuter < padded))
    return refuse("VEC128_32F scales take rows in fours, or storage of a, its "
                  "scales, the residual and d padded to them; found M = " +
                  std::to_string(problem.m));
  problem.m = padded;
  return Status();
}

/// Which results an operand pair has.
Status Describer::checkResult() {
  const qmm_scheme &scheme = args.d->scheme;
  const int32_t d = problem.typeD;
  if (!isWide(scheme) &&
      (scheme.scale != QMM_DTYPE_F32 || scheme.block_outer != 0 ||
       scheme.block_k != 0 || scheme.has_tensor_scale || !problem.isNarrow))
    return refuse("a quantized result has FP8 elements and one given scale, "
                  "found " +
                  describeScheme(scheme));
  bool isLegal = true;
  const char *legal = "";
  if (problem.computeType == CUBLAS_COMPUTE_32I) {
    return Status(); // checked with the operands
  } else if (problem.typeA == CUDA_R_32F) {
    legal = "f32";
    isLegal = d == CUDA_R_32F;
  } else if (problem.typeA == CUDA_R_16BF) {
    legal = "bf16 or f32";
    isLegal = d == CUDA_R_16BF || d == CUDA_R_32F;
  } else if (problem.typeA == CUDA_R_16F) {
    legal = "f16 or f32";
    isLegal = d == CUDA_R_16F || d == CUDA_R_32F;
  } else if (problem.modeA != CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F) {
    legal = "bf16, f16 or f32";
    isLegal = d == CUDA_R_16BF || d == CUDA_R_16F || d == CUDA_R_32F;
  } else if (problem.typeA == problem.typeB) {
    legal = "bf16, f16, f32 or e4m3";
    isLegal = d != CUDA_R_8F_E5M2 && d != CUDA_R_32I;
  } else {
    legal = "bf16, f16, f32, e4m3 or e5m2";
    isLegal = d != CUDA_R_32I;
  }
  if (!isLegal)
    return refuse(std::string(getTypeName(problem.typeA)) + " x " +
                  getTypeName(problem.typeB) + " with " +
                  getModeName(problem.modeA) + " scales gives " + legal +
                  ", found " + getTypeName(d));
  if (problem.wantsAmax && !problem.isNarrow)
    return refuse(std::string("amax comes with an FP8 result, found ") +
                  getTypeName(d));
  if (problem.wantsAmax && problem.batch > 1)
    return refuse("amax takes one matrix, found a batch of " +
                  std::to_string(problem.batch));
  return Status();
}

Status Describer::checkEpilogue() {
  const bool hasBias = args.bias != nullptr;
  switch (args.activation) {
  case QMM_ACTIVATION_NONE:
    problem.epilogue =
        hasBias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    break;
  case QMM_ACTIVATION_RELU:
    problem.epilogue =
        hasBias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    break;
  case QMM_ACTIVATION_GELU_TANH:
    problem.epilogue =
        hasBias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    break;
  default:
    return refuse(
        std::string("the activation is none, relu or gelu_tanh, "
                    "found ") +
        (args.activation == QMM_ACTIVATION_SILU ? "silu" : "gelu_erf"));
  }

  const int32_t d = problem.typeD;
  int32_t biasType = -1, residualType = -1;
  if (hasBias)
    biasType = getType(args.bias->scheme.element).value();
  if (args.residual)
    residualType = getType(args.residual->scheme.element).value();
  problem.biasType = biasType;
  auto mismatch = [&](const char *what, int32_t found, const char *expected) {
    return refuse(std::string(what) + " of a " + getTypeName(d) +
                  " result of " + getTypeName(problem.typeA) + " operands is " +
                  expected + ", found " + getTypeName(found));
  };
  if (problem.isNarrow) {
    for (auto [type, what] :
         {std::pair(biasType, "bias"), std::pair(residualType, "residual")})
      if (type != -1 && type != CUDA_R_16BF && type != CUDA_R_16F)
        return mismatch(what, type, "bf16 or f16");
    if (biasType != -1 && residualType != -1 && biasType != residualType)
      return mismatch("residual", residualType, "of the bias' type");
    problem.typeC = residualType != -1 ? residualType
                    : biasType != -1   ? biasType
                                       : int32_t(CUDA_R_16BF);
    return Status();
  }
  problem.typeC = d;
  if (residualType != -1 && residualType != d)
    return mismatch("residual", residualType, getTypeName(d));
  if (biasType == -1)
    return Status();
  const bool isWideProduct = isWide(args.a->scheme) && !isRaw(args.a->scheme);
  const int32_t expected = isWideProduct     ? d
                           : d == CUDA_R_16F ? int32_t(CUDA_R_16F)
                                             : int32_t(CUDA_R_16BF);
  if (biasType != expected)
    return mismatch("bias", biasType, getTypeName(expected));
  if (problem.typeA == CUDA_R_4F_E2M1 && d == CUDA_R_16F)
    return refuse("NVFP4 takes no bias with an f16 result");
  return Status();
}

Status Describer::chooseAlpha() {
  int factors = 0;
  auto take = [&](bool isGiven, AlphaSource source) {
    if (isGiven)
      problem.alpha = source;
    factors += isGiven;
  };
  take(args.alpha, AlphaSource::Argument);
  take(args.a->scheme.has_tensor_scale, AlphaSource::TensorScaleA);
  take(args.b->scheme.has_tensor_scale, AlphaSource::TensorScaleB);
  // Then beta is on the device too, and C, which an FP8 result doesn't have
  // without a residual, may not be null.
  if (factors == 1 && problem.isNarrow && !args.residual)
    return refuse("alpha with an FP8 result comes with a residual, found none");
  if (factors > 1)
    return refuse("one factor multiplies the sum: the product of alpha and the "
                  "tensor scales, given as alpha; found " +
                  std::to_string(factors) + " factors");
  return Status();
}

/// cuBLASLt wants K > 0: both operands are 16 zeros a row.
void Describer::multiplyZeros() {
  problem.hasZeroOperands = 1;
  const bool isWideProduct = isWide(args.a->scheme) && !isRaw(args.a->scheme);
  if (!isWideProduct)
    problem.typeA = problem.typeB = CUDA_R_8F_E4M3;
  problem.modeA = problem.modeB = CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F;
  problem.hasScaleA = problem.hasScaleB = 0;
  problem.alpha = AlphaSource::One;
  problem.k = problem.lda = problem.ldb = 16;
  problem.strideA = problem.strideB = 0;
}

Status Describer::checkAlignment() {
  const bool isInteger = problem.computeType == CUBLAS_COMPUTE_32I;
  const bool isWideProduct = isWide(args.a->scheme) && !isRaw(args.a->scheme);
  if (isWideProduct)
    return Status();
  auto check = [&](const char *what, int64_t value, int64_t multiple) {
    return value % multiple == 0
               ? Status()
               : refuse(std::string(what) + " is a multiple of " +
                        std::to_string(multiple) + " for " +
                        getTypeName(problem.typeA) + " operands, found " +
                        std::to_string(value));
  };
  const bool isFP4 = problem.typeA == CUDA_R_4F_E2M1;
  const int64_t multiple = isInteger ? 4 : isFP4 ? 32 : 16;
  const auto elementsOf16Bytes = [](const qmm_tensor &tensor) {
    return 16 * 8 / int64_t(getBitWidth(qmm_dtype(tensor.scheme.element)));
  };
  int64_t resultMultiple = isInteger ? 4 : elementsOf16Bytes(*args.d);
  // Documented are 16 bytes; an H100 is right with any even N as well.
  const bool isHalf =
      problem.typeD == CUDA_R_16BF || problem.typeD == CUDA_R_16F;
  if (chip == "sm_90" && isHalf && version >= 130000 &&
      problem.modeA == CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F)
    resultMultiple = 2;
  if (Status s = check("K", problem.k, multiple); !s.ok())
    return s;
  if (Status s = check("a's row pitch", problem.lda, multiple); !s.ok())
    return s;
  if (Status s = check("b's row pitch", problem.ldb, multiple); !s.ok())
    return s;
  if (Status s = check("N", problem.n, resultMultiple); !s.ok())
    return s;
  if (Status s = check("d's row pitch", problem.ldd, resultMultiple); !s.ok())
    return s;
  if (args.residual)
    if (Status s =
            check("the residual's row pitch", problem.ldc,
                  std::min(resultMultiple, elementsOf16Bytes(*args.residual)));
        !s.ok())
      return s;
  if (isFP4)
    return check("N", problem.n, 8);
  return Status();
}

} // namespace

Result<MatmulProblem> describeMatmul(const qmm_scaled_matmul_args &args,
                                     std::string_view chip, unsigned version,
                                     const PlanOptions &options) {
  Describer describer(args, chip, version, options);
  if (Status s = describer.run(); !s.ok())
    return s;
  return describer.problem;
}

std::string describe(const MatmulProblem &problem) {
  std::string text = std::to_string(problem.m) + " x " +
                     std::to_string(problem.n) + " x " +
                     std::to_string(problem.k) + " (M x N x K)";
  if (problem.batch != 1)
    text += ", batch " + std::to_string(problem.batch);
  text += std::string(", ") + getTypeName(problem.typeA) + " x " +
          getTypeName(problem.typeB) + " -> " + getTypeName(problem.typeD);
  if (problem.hasScaleA || problem.hasScaleB)
    text += std::string(", scales ") + getModeName(problem.modeA) + " x " +
            getModeName(problem.modeB);
  if (problem.epilogue != CUBLASLT_EPILOGUE_DEFAULT)
    text += ", epilogue " + std::to_string(problem.epilogue);
  if (problem.hasResidual)
    text += ", residual";
  return text;
}

} // namespace qmmrt::cuda
