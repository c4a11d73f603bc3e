//===- test/numerics/NaiveQuantizer.h - One element at a time -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantize and dequantize as docs/numerics.md words them, without tiles, rows
// or threads: each element looks for its block, each block for its elements. It
// shares the element encoder (tested against tables elsewhere) and nothing
// else.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_NUMERICS_NAIVEQUANTIZER_H
#define QMMRT_TEST_NUMERICS_NAIVEQUANTIZER_H

#include "TestTensor.h"

#include <cmath>

namespace qmmrt_test {

/// Logical geometry and addresses of a tensor, from the definitions.
struct NaiveTensor {
  OwnedTensor &owned;
  const qmm_scheme &scheme;
  const qmm_layout &layout;
  int64_t batch = 1, outer, k;
  int64_t storageOuter, rowBytes, rows, columns;

  explicit NaiveTensor(OwnedTensor &owned)
      : owned(owned), scheme(owned.tensor.scheme), layout(owned.tensor.layout) {
    const qmm_tensor &t = owned.tensor;
    for (uint32_t i = 0; i + 2 < t.rank; ++i)
      batch *= t.shape[i];
    outer = t.shape[t.rank - 2];
    k = t.shape[t.rank - 1];
    storageOuter = padded(outer, layout.pad_outer);
    int64_t bits = qmmrt::getBitWidth(static_cast<qmm_dtype>(scheme.element));
    rowBytes = (padded(k, layout.pad_k) * bits + 7) / 8;
    rows = scheme.block_outer == 0
               ? 1
               : padded(outer, scheme.block_outer) / scheme.block_outer;
    columns =
        scheme.block_k == 0 ? 1 : padded(k, scheme.block_k) / scheme.block_k;
  }

  static int64_t padded(int64_t extent, int64_t multiple) {
    while (multiple > 1 && extent % multiple)
      ++extent;
    return extent;
  }

  bool isWholeTensor() const {
    return scheme.block_outer == 0 && scheme.block_k == 0;
  }
  int64_t rowOf(int64_t r) const {
    return scheme.block_outer ? r / scheme.block_outer : 0;
  }
  int64_t columnOf(int64_t i) const {
    return scheme.block_k ? i / scheme.block_k : 0;
  }

  void setCode(int64_t matrix, int64_t r, int64_t i, uint32_t code) {
    uint8_t *row = owned.data.data() + (matrix * storageOuter + r) * rowBytes;
    int64_t bits = qmmrt::getBitWidth(static_cast<qmm_dtype>(scheme.element));
    if (bits == 4) {
      bool high = (layout.nibbles == QMM_NIBBLES_HI_FIRST) == (i % 2 == 0);
      row[i / 2] |= static_cast<uint8_t>(code << (high ? 4 : 0));
    } else {
      std::memcpy(row + i * bits / 8, &code, bits / 8);
    }
  }
  uint32_t codeAt(int64_t matrix, int64_t r, int64_t i) const {
    const uint8_t *row =
        owned.data.data() + (matrix * storageOuter + r) * rowBytes;
    int64_t bits = qmmrt::getBitWidth(static_cast<qmm_dtype>(scheme.element));
    if (bits == 4) {
      bool high = (layout.nibbles == QMM_NIBBLES_HI_FIRST) == (i % 2 == 0);
      return high ? row[i / 2] >> 4 : row[i / 2] & 0xF;
    }
    uint32_t code = 0;
    std::memcpy(&code, row + i * bits / 8, bits / 8);
    return code;
  }

  uint8_t *scaleAt(int64_t matrix, int64_t r, int64_t c) const {
    int64_t size = scheme.scale == QMM_DTYPE_F32 ? 4 : 1;
    int64_t perMatrix = 0, offset = 0;
    switch (layout.scales) {
    case QMM_SCALES_LINEAR:
      perMatrix = rows * columns;
      offset = r * columns + c;
      break;
    case QMM_SCALES_OUTER_MAJOR:
      perMatrix = columns * padded(rows, layout.scale_pad);
      offset = c * padded(rows, layout.scale_pad) + r;
      break;
    case QMM_SCALES_BLOCKS_128X128:
      perMatrix = rows * padded(columns, 4);
      offset = r * padded(columns, 4) + c;
      break;
    case QMM_SCALES_TILED_128X4:
      perMatrix = padded(rows, 128) * padded(columns, 4);
      offset = ((r / 128) * (padded(columns, 4) / 4) + c / 4) * 512 +
               (r % 32) * 16 + ((r % 128) / 32) * 4 + c % 4;
      break;
    }
    if (isWholeTensor())
      matrix = 0;
    return owned.scale.data() + (matrix * perMatrix + offset) * size;
  }
  float loadScale(int64_t matrix, int64_t r, int64_t c) const {
    const uint8_t *at = scaleAt(matrix, r, c);
    uint32_t code = 0;
    std::memcpy(&code, at, scheme.scale == QMM_DTYPE_F32 ? 4 : 1);
    return qmmrt::decodeElement(static_cast<qmm_dtype>(scheme.scale), code);
  }
  float factorAt(int64_t matrix, int64_t r, int64_t i) const {
    float scale = loadScale(matrix, rowOf(r), columnOf(i));
    return scheme.has_tensor_scale ? scale * owned.tensorScale[0] : scale;
  }
};

/// The larger magnitude, or a NaN.
inline float maxMagnitude(float largest, float value) {
  if (std::isnan(largest) || std::isnan(value))
    return NAN;
  return std::fabs(value) > largest ? std::fabs(value) : largest;
}

inline void naiveQuantize(OwnedTensor &source,
                          const qmm_quantize_params &params,
                          OwnedTensor &result) {
  using namespace qmmrt;
  NaiveTensor src(source), dst(result);
  const qmm_scheme &scheme = dst.scheme;
  auto element = static_cast<qmm_dtype>(scheme.element);
  auto inputType = static_cast<qmm_dtype>(src.scheme.element);
  float maxElement = getMaxFinite(element);
  auto valueAt = [&](int64_t matrix, int64_t r, int64_t i) {
    return decodeElement(inputType, src.codeAt(matrix, r, i));
  };
  auto inInputPrecision = [&](float scale) {
    if (!params.scale_precision_input)
      return scale;
    float rounded = roundTo(inputType, scale);
    return rounded == 0 ? scale : rounded;
  };
  std::fill(result.data.begin(), result.data.end(), 0);
  int64_t scaleMatrices = dst.isWholeTensor() ? 1 : dst.batch;
  std::vector<bool> zeroBlock(scaleMatrices * dst.rows * dst.columns);
  auto blockIndex = [&](int64_t matrix, int64_t row, int64_t column) {
    return ((dst.isWholeTensor() ? 0 : matrix) * dst.rows + row) * dst.columns +
           column;
  };
  if (params.scale_source != QMM_SCALES_GIVEN) {
    std::fill(result.scale.begin(), result.scale.end(), 0);
    // One pass over the tensor for its amax and all blocks'.
    float tensorAmax = 0;
    std::vector<float> amaxes(zeroBlock.size(), 0.0f);
    for (int64_t m = 0; m < src.batch; ++m)
      for (int64_t r = 0; r < src.outer; ++r)
        for (int64_t i = 0; i < src.k; ++i) {
          float &at = amaxes[blockIndex(m, dst.rowOf(r), dst.columnOf(i))];
          at = maxMagnitude(at, valueAt(m, r, i));
          tensorAmax = maxMagnitude(tensorAmax, valueAt(m, r, i));
        }
    if (scheme.has_tensor_scale && params.scale_source == QMM_SCALES_COMPUTED)
      result.tensorScale[0] =
          scheme.scale == QMM_DTYPE_E4M3
              ? inInputPrecision(tensorAmax / (448.0f * maxElement))
              : 1.0f;
    for (int64_t m = 0; m < scaleMatrices; ++m)
      for (int64_t row = 0; row < dst.rows; ++row)
        for (int64_t column = 0; column < dst.columns; ++column) {
          float amax = amaxes[blockIndex(m, row, column)];
          zeroBlock[blockIndex(m, row, column)] = amax == 0;
          uint8_t *at = dst.scaleAt(m, row, column);
          float relative = 1;
          if (scheme.has_tensor_scale)
            relative = result.tensorScale[0];
          if (scheme.scale == QMM_DTYPE_E8M0) {
            *at = relative == 0 ? 0
                                : encodeE8M0(amax / relative, element,
                                             params.e8m0_rounding);
            continue;
          }
          float wanted = relative == 0 ? 0 : (amax / maxElement) / relative;
          if (scheme.scale == QMM_DTYPE_E4M3) {
            *at = static_cast<uint8_t>(encodeElement(QMM_DTYPE_E4M3, wanted));
            continue;
          }
          if (dst.isWholeTensor())
            wanted = inInputPrecision(wanted);
          if (element == QMM_DTYPE_I8)
            wanted = std::isnan(wanted) ? wanted : std::fmax(wanted, 1e-30f);
          else if (wanted == 0)
            wanted = 1;
          std::memcpy(at, &wanted, sizeof(wanted));
        }
  }

  for (int64_t m = 0; m < src.batch; ++m)
    for (int64_t r = 0; r < src.outer; ++r)
      for (int64_t i = 0; i < src.k; ++i) {
        if (zeroBlock[blockIndex(m, dst.rowOf(r), dst.columnOf(i))])
          continue;
        float factor = dst.factorAt(m, r, i);
        auto precision = static_cast<qmm_dtype>(params.divide_precision);
        if (precision != QMM_DTYPE_NONE)
          factor = roundTo(precision, factor);
        if (factor == 0)
          continue;
        float quotient = valueAt(m, r, i) / factor;
        if (precision != QMM_DTYPE_NONE)
          quotient = roundTo(precision, quotient);
        dst.setCode(m, r, i, encodeElement(element, quotient));
      }
}

/// Into an unpadded wide tensor.
inline void naiveDequantize(OwnedTensor &source, OwnedTensor &result) {
  using namespace qmmrt;
  NaiveTensor src(source), dst(result);
  for (int64_t m = 0; m < src.batch; ++m)
    for (int64_t r = 0; r < src.outer; ++r)
      for (int64_t i = 0; i < src.k; ++i) {
        float value = decodeElement(static_cast<qmm_dtype>(src.scheme.element),
                                    src.codeAt(m, r, i)) *
                      src.factorAt(m, r, i);
        dst.setCode(
            m, r, i,
            encodeElement(static_cast<qmm_dtype>(dst.scheme.element), value));
      }
}

} // namespace qmmrt_test

#endif // QMMRT_TEST_NUMERICS_NAIVEQUANTIZER_H
