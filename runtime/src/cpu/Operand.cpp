//===- cpu/Operand.cpp - Rows of a matmul operand as f32 ------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scales are gathered by the strides of their layout, then decoded as a row, so
// that the canonical tiled layout costs as little as a linear one.
//
//===----------------------------------------------------------------------===//
#include "cpu/Operand.h"

#include "cpu/Gemv.h"
#include "numerics/Convert.h"
#include "numerics/Elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace qmmrt::cpu {

Operand::Operand(const qmm_tensor &tensor, const TensorExtents &extents)
    : scheme(tensor.scheme), layout(tensor.layout), extents(extents),
      hasBlocksInK(!isWide(tensor.scheme) && tensor.scheme.block_k != 0) {}

const uint8_t *Operand::scaleMatrix(const Buffers &buffers,
                                    int64_t matrix) const {
  bool one = isShared || extents.scaleMatrices == 1;
  return static_cast<const uint8_t *>(buffers.scale) +
         (one ? 0 : matrix) * extents.scaleMatrixBytes;
}

void Operand::loadBlockScales(const Buffers &buffers, int64_t matrix,
                              int64_t row, int64_t c0, int64_t count,
                              float *dst) const {
  const uint8_t *scales = scaleMatrix(buffers, matrix);
  const ScaleExtents &logical = extents.logicalScales;
  const qmm_dtype type = qmm_dtype(scheme.scale);
  const int64_t bytes = type == QMM_DTYPE_F32 ? 4 : 1;
  const int64_t r = scaleRow(row);

  if (layout.scales == QMM_SCALES_TILED_128X4) {
    // Four scales in a row, the next four 512 bytes on.
    constexpr int64_t kGather = 1024;
    uint8_t codes[kGather + 8];
    const uint8_t *base = scales + getScaleOffset(layout, logical, r, 0);
    if (type == QMM_DTYPE_E4M3 && c0 % 4 == 0) {
      const int64_t done =
          getDots().loadTiledScales(base + c0 / 4 * 512, count, dst);
      if (done > 0) {
        dst += done;
        c0 += done;
        count -= done;
      }
    }
    while (count > 0) {
      const int64_t skip = c0 % 4, piece = std::min(count, kGather - skip);
      uint8_t *out = codes;
      for (int64_t quad = c0 / 4; quad * 4 < c0 + piece; ++quad, out += 4)
        std::memcpy(out, base + quad * 512, 4);
      decodeRow(type, QMM_NIBBLES_NONE, codes, skip, piece, dst);
      dst += piece;
      c0 += piece;
      count -= piece;
    }
    return;
  }
  const uint8_t *first =
      scales + getScaleOffset(layout, logical, r, c0) * bytes;
  if (layout.scales != QMM_SCALES_OUTER_MAJOR) {
    decodeRow(type, QMM_NIBBLES_NONE, first, 0, count, dst);
    return;
  }
  const int64_t stride = logical.cols > 1
                             ? getScaleOffset(layout, logical, r, 1) -
                                   getScaleOffset(layout, logical, r, 0)
                             : 0;
  for (int64_t i = 0; i < count; ++i)
    decodeRow(type, QMM_NIBBLES_NONE, first + i * stride * bytes, 0, 1,
              dst + i);
}

float Operand::loadTensorScale(const Buffers &buffers) const {
  float tensorScale = 1.0f;
  if (scheme.has_tensor_scale)
    std::memcpy(&tensorScale, buffers.tensorScale, sizeof(tensorScale));
  return tensorScale;
}

void Operand::loadRowScales(const Buffers &buffers, int64_t matrix, int64_t row,
                            int64_t count, float *dst) const {
  if (isWide(scheme) || isRounded())
    std::fill(dst, dst + count, 1.0f);
  else
    loadFactors(buffers, matrix, row, count, dst);
}

void Operand::loadFactors(const Buffers &buffers, int64_t matrix, int64_t row,
                          int64_t count, float *dst) const {
  const float tensorScale = loadTensorScale(buffers);
  if (hasBlocksInK || extents.logicalScales.cols == 0) {
    std::fill(dst, dst + count, tensorScale);
    return;
  }
  int64_t last = -1;
  float scale = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t r = scaleRow(row + i);
    if (r != last)
      loadBlockScales(buffers, matrix, row + i, 0, 1, &scale);
    last = r;
    dst[i] = scheme.has_tensor_scale ? tensorScale * scale : scale;
  }
}

/// To a narrower type and back.  Unlike an encoder's, its overflow is infinite.
static void roundRow(qmm_dtype type, float *values, int64_t count) {
  constexpr int64_t kPiece = 512;
  uint16_t codes[kPiece];
  float rounded[kPiece];
  // Half a step above the largest number.
  const float overflow = type == QMM_DTYPE_F16 ? 65520.0f : 0x1.FFp127f;
  const float infinity = std::numeric_limits<float>::infinity();
  for (; count > 0; values += kPiece, count -= kPiece) {
    const int64_t piece = std::min(kPiece, count);
    encodeRow(type, QMM_NIBBLES_NONE, values, 0, piece, codes);
    decodeRow(type, QMM_NIBBLES_NONE, codes, 0, piece, rounded);
    for (int64_t i = 0; i < piece; ++i)
      values[i] = std::fabs(values[i]) >= overflow
                      ? std::copysign(infinity, values[i])
                      : rounded[i];
  }
}

void Operand::decode(const KernelTable &kernels, const Buffers &buffers,
                     int64_t matrix, int64_t row, int64_t k, int64_t count,
                     float *dst) const {
  const uint8_t *src = this->row(buffers, matrix, row);
  if (!hasBlocksInK) {
    decodeRow(element(), nibbles(), src, k, count, dst);
    if (isRounded()) {
      float factor;
      loadFactors(buffers, matrix, row, 1, &factor);
      kernels.scaleBlocks(dst, count, 0, count, &factor);
      roundRow(precision, dst, count);
    }
    return;
  }
  constexpr int64_t kPiece = 512;
  float scales[kPiece + 1];
  const int64_t block = scheme.block_k;
  const float tensorScale = isRounded() ? loadTensorScale(buffers) : 1.0f;
  while (count > 0) {
    const int64_t piece = std::min(count, kPiece);
    const int64_t c0 = k / block, c1 = (k + piece - 1) / block;
    decodeRow(element(), nibbles(), src, k, piece, dst);
    loadBlockScales(buffers, matrix, row, c0, c1 - c0 + 1, scales);
    if (tensorScale != 1.0f)
      kernels.scaleBlocks(scales, c1 - c0 + 1, 0, kPiece + 1, &tensorScale);
    kernels.scaleBlocks(dst, piece, k - c0 * block, block, scales);
    if (isRounded())
      roundRow(precision, dst, piece);
    dst += piece;
    k += piece;
    count -= piece;
  }
}

} // namespace qmmrt::cpu
