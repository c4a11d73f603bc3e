//===- quant-run/Compare.cpp - Results against known ones ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything is compared as f64, which holds every element type exactly but the
// largest 64-bit integers.
//
//===----------------------------------------------------------------------===//
#include "Compare.h"

#include "numerics/Elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace qmmrt::run {

template <typename T> static double loadAs(const char *data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return double(value);
}

static double load(qmm_dtype dtype, uint64_t rowBytes, const void *data,
                   uint64_t row, uint64_t i) {
  const char *start = static_cast<const char *>(data) + row * rowBytes;
  if (dtype == QMM_DTYPE_E2M1) {
    uint8_t byte = uint8_t(start[i / 2]);
    return double(decodeElement(dtype, i % 2 ? byte >> 4 : byte & 15));
  }
  const char *at = start + i * (getBitWidth(dtype) / 8);
  switch (dtype) {
  case QMM_DTYPE_F64:
    return loadAs<double>(at);
  case QMM_DTYPE_F32:
    return loadAs<float>(at);
  case QMM_DTYPE_BF16:
  case QMM_DTYPE_F16: {
    uint16_t bits;
    std::memcpy(&bits, at, sizeof(bits));
    return double(decodeElement(dtype, bits));
  }
  case QMM_DTYPE_I8:
    return loadAs<int8_t>(at);
  case QMM_DTYPE_U8:
  case QMM_DTYPE_BOOL:
    return loadAs<uint8_t>(at);
  case QMM_DTYPE_I16:
    return loadAs<int16_t>(at);
  case QMM_DTYPE_U16:
    return loadAs<uint16_t>(at);
  case QMM_DTYPE_I32:
    return loadAs<int32_t>(at);
  case QMM_DTYPE_U32:
    return loadAs<uint32_t>(at);
  case QMM_DTYPE_I64:
    return loadAs<int64_t>(at);
  case QMM_DTYPE_U64:
    return loadAs<uint64_t>(at);
  default:
    return double(decodeElement(dtype, uint8_t(*at)));
  }
}

Comparison compareValues(qmm_dtype dtype, uint64_t rows, uint64_t k,
                         const void *found, const void *expected, double rtol,
                         double atol) {
  Comparison result;
  result.elements = rows * k;
  uint64_t rowBytes =
      dtype == QMM_DTYPE_E2M1 ? k / 2 + k % 2 : k * (getBitWidth(dtype) / 8);
  double errorSquares = 0, expectedSquares = 0;
  bool hasNan = false;
  for (uint64_t row = 0; row < rows; ++row)
    for (uint64_t i = 0; i < k; ++i) {
      double a = load(dtype, rowBytes, found, row, i);
      double b = load(dtype, rowBytes, expected, row, i);
      if (std::isnan(a) || std::isnan(b)) {
        hasNan = true;
        ++result.mismatches;
        continue;
      }
      double error = a == b ? 0 : std::fabs(a - b); // equal infinities too
      errorSquares += error * error;
      if (std::isfinite(b))
        expectedSquares += b * b;
      result.maxAbsError = std::max(result.maxAbsError, error);
      result.mismatches += error > atol + rtol * std::fabs(b) && !(error == 0);
    }
  if (hasNan) {
    result.relativeError = result.maxAbsError = std::nan("");
    return result;
  }
  result.relativeError =
      errorSquares == 0 ? 0 : std::sqrt(errorSquares / expectedSquares);
  result.pass = result.relativeError <= rtol || result.maxAbsError <= atol;
  return result;
}

} // namespace qmmrt::run
