//===- numerics/Quantize.cpp - From wide tensors to any scheme ------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A unit of work is a row of blocks by a tile of block columns: its amaxes give
// its scales, its scales its codes, and no other unit touches either.  Whole-
// tensor factors come first, from one pass over everything.
//
//===----------------------------------------------------------------------===//
#include "numerics/Quantize.h"

#include "numerics/Convert.h"
#include "numerics/QuantizeView.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

namespace qmmrt {
namespace {

using namespace detail;

/// Of |value|.  Ordered as the magnitudes are, with every NaN above infinity:
/// a maximum of these propagates NaN.
uint32_t getMagnitudeBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits & 0x7FFFFFFFu;
}

float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

float computeAmax(Executor &executor, const View &src) {
  std::atomic<uint32_t> largest{0};
  int64_t outer = src.extents.outer, k = src.extents.k;
  int64_t pieces = ceilDiv(k, kPiece);
  int64_t count = src.extents.batch * outer * pieces;
  executor.parallelFor(
      count, getGrain(std::min(k, kPiece)),
      [&](int64_t begin, int64_t end, unsigned) {
        float buffer[kPiece];
        uint32_t local = 0;
        for (int64_t i = begin; i < end; ++i) {
          int64_t r = i / pieces, first = i % pieces * kPiece;
          int64_t length = std::min(kPiece, k - first);
          const uint8_t *row = src.row(r / outer, r % outer);
          float found;
          if (src.element() == QMM_DTYPE_F32) {
            decodeRow(src.element(), src.nibbles(), row, first, length, buffer);
            found = amaxRow(buffer, length);
          } else {
            found = amaxEncodedRow(src.element(), row, first, length);
          }
          local = std::max(local, getMagnitudeBits(found));
        }
        uint32_t seen = largest.load();
        while (seen < local && !largest.compare_exchange_weak(seen, local)) {
        }
      });
  return fromBits(largest.load());
}

class Quantizer {
public:
  Quantizer(const View &src, const qmm_quantize_params &params, const View &dst)
      : src(src), dst(dst),
        source(static_cast<qmm_scale_source>(params.scale_source)),
        e8m0Rounding(params.e8m0_rounding),
        precision(static_cast<qmm_dtype>(
            params.divide_precision ? params.divide_precision
                                    : static_cast<uint32_t>(QMM_DTYPE_F32))),
        roundsTensorWide(params.scale_precision_input != 0),
        maxElement(getMaxFinite(dst.element())) {
    const qmm_scheme &scheme = dst.scheme;
    wholeTensor = scheme.block_outer == 0 && scheme.block_k == 0;
    blockK = scheme.block_k ? scheme.block_k : std::max<int64_t>(k(), 1);
    blockOuter =
        scheme.block_outer ? scheme.block_outer : std::max<int64_t>(outer(), 1);
  }

  void run(Executor &executor);

private:
  int64_t outer() const { return src.extents.outer; }
  int64_t k() const { return src.extents.k; }

  float roundTensorWide(float scale) const;
  void chooseTensorWide(float tensorAmax);
  float chooseScale(int64_t matrix, int64_t r, int64_t c, float amax) const;
  void measure(int64_t matrix, int64_t firstRow, int64_t lastRow, int64_t first,
               int64_t last, float *buffer, float *largest) const;
  void chooseScales(int64_t matrix, int64_t r, int64_t firstColumn,
                    int64_t columns, const float *amax, float *factors) const;
  void runUnit(int64_t matrix, int64_t firstRow, int64_t lastRow,
               int64_t firstColumn, int64_t lastColumn) const;
  void divide(float *values, int64_t count, const float *factors,
              int64_t columns) const;

  const View &src, &dst;
  qmm_scale_source source;
  uint32_t e8m0Rounding;
  qmm_dtype precision;
  bool roundsTensorWide;
  float maxElement;
  bool wholeTensor;
  int64_t blockK, blockOuter; // at least 1
  float tensorScale = 1.0f;
  float wholeFactor = 0.0f; // of the one block of a whole-tensor scheme
};

/// A tensor-wide scale in the precision that the caller asked for, unless it
/// would vanish there (tiny f16 inputs).
float Quantizer::roundTensorWide(float scale) const {
  float rounded = roundsTensorWide ? roundTo(src.element(), scale) : scale;
  return rounded == 0 ? scale : rounded;
}

/// Writes the scale of a block whose largest magnitude is `amax` and returns
/// the factor that its elements are divided by; 0 says that all codes are 0.
float Quantizer::chooseScale(int64_t matrix, int64_t r, int64_t c,
                             float amax) const {
  bool hasTensorScale = dst.scheme.has_tensor_scale != 0;
  uint8_t *at = dst.scaleAt(matrix, r, c);
  float scale;
  if (dst.scheme.scale == QMM_DTYPE_E8M0) {
    float relative = amax;
    if (hasTensorScale)
      relative = tensorScale == 0 ? 0 : amax / tensorScale;
    *at = encodeE8M0(relative, dst.element(), e8m0Rounding);
    scale = decodeElement(QMM_DTYPE_E8M0, *at);
  } else {
    float wanted = amax / maxElement;
    if (hasTensorScale)
      wanted = tensorScale == 0 ? 0 : wanted / tensorScale;
    if (dst.scheme.scale == QMM_DTYPE_E4M3) {
      *at = static_cast<uint8_t>(encodeElement(QMM_DTYPE_E4M3, wanted));
      scale = decodeElement(QMM_DTYPE_E4M3, *at);
    } else {
      if (wholeTensor)
        wanted = roundTensorWide(wanted);
      if (dst.scheme.element == QMM_DTYPE_I8)
        scale = wanted < 1e-30f ? 1e-30f : wanted;
      else
        scale = wanted == 0 ? 1.0f : wanted;
      std::memcpy(at, &scale, sizeof(scale));
    }
  }
  if (amax == 0)
    return 0;
  return hasTensorScale ? tensorScale * scale : scale;
}

/// The tensor scale, and the block scale of a whole-tensor scheme.
void Quantizer::chooseTensorWide(float tensorAmax) {
  if (dst.scheme.has_tensor_scale && source == QMM_SCALES_COMPUTED) {
    // Only E4M3 block scales are short of range.
    tensorScale = 1.0f;
    if (dst.scheme.scale == QMM_DTYPE_E4M3) {
      tensorScale = tensorAmax / (getMaxFinite(QMM_DTYPE_E4M3) * maxElement);
      tensorScale = roundTensorWide(tensorScale);
    }
    dst.storeTensorScale(tensorScale);
  }
  if (wholeTensor)
    wholeFactor = chooseScale(0, 0, 0, tensorAmax);
}

/// Raises largest[i] to the amax of the i-th block between elements `first` and
/// `last` of some rows.  Leaves the last piece decoded in `buffer`.
void Quantizer::measure(int64_t matrix, int64_t firstRow, int64_t lastRow,
                        int64_t first, int64_t last, float *buffer,
                        float *largest) const {
  for (int64_t r = firstRow; r < lastRow; ++r)
    for (int64_t begin = first; begin < last; begin += kPiece) {
      int64_t length = std::min(kPiece, last - begin);
      decodeRow(src.element(), src.nibbles(), src.row(matrix, r), begin, length,
                buffer);
      // A piece is whole blocks, or a part of one.
      amaxBlocks(buffer, length, blockK, largest + (begin - first) / blockK);
    }
}

/// Divides a piece, whole blocks or a part of one, by its blocks' factors.
void Quantizer::divide(float *values, int64_t count, const float *factors,
                       int64_t columns) const {
  if (precision == QMM_DTYPE_F32)
    return divideBlocks(values, count, blockK, factors);
  float rounded[kPiece];
  int64_t blocks = std::min(columns, ceilDiv(count, blockK));
  for (int64_t b = 0; b < blocks; ++b)
    rounded[b] = roundTo(precision, factors[b]);
  divideBlocks(values, count, blockK, rounded);
  uint16_t halves[kPiece];
  encodeRow(precision, QMM_NIBBLES_NONE, values, 0, count, halves);
  decodeRow(precision, QMM_NIBBLES_NONE, halves, 0, count, values);
}

/// chooseScale of neighbouring blocks of a row.
void Quantizer::chooseScales(int64_t matrix, int64_t r, int64_t firstColumn,
                             int64_t columns, const float *amax,
                             float *factors) const {
  if (dst.scheme.scale == QMM_DTYPE_F32) {
    for (int64_t c = 0; c < columns; ++c)
      factors[c] = chooseScale(matrix, r, firstColumn + c, amax[c]);
    return;
  }
  bool hasTensorScale = dst.scheme.has_tensor_scale != 0;
  bool isE4M3 = dst.scheme.scale == QMM_DTYPE_E4M3;
  uint8_t codes[kPiece];
  for (int64_t c = 0; c < columns; ++c) {
    factors[c] = isE4M3 ? amax[c] / maxElement : amax[c];
    if (hasTensorScale)
      factors[c] = tensorScale == 0 ? 0 : factors[c] / tensorScale;
  }
  if (isE4M3)
    encodeRow(QMM_DTYPE_E4M3, QMM_NIBBLES_NONE, factors, 0, columns, codes);
  else
    for (int64_t c = 0; c < columns; ++c)
      codes[c] = encodeE8M0(factors[c], dst.element(), e8m0Rounding);
  decodeRow(dst.scaleType(), QMM_NIBBLES_NONE, codes, 0, columns, factors);
  dst.storeScaleBytes(matrix, r, firstColumn, codes, columns);
  for (int64_t c = 0; c < columns; ++c)
    factors[c] = amax[c] == 0     ? 0
                 : hasTensorScale ? tensorScale * factors[c]
                                  : factors[c];
}

/// Quantizes rows that share their scales (or whose scales are known), between
/// two block columns that are at most one piece apart or one column.
void Quantizer::runUnit(int64_t matrix, int64_t firstRow, int64_t lastRow,
                        int64_t firstColumn, int64_t lastColumn) const {
  float buffer[kPiece];
  float factors[kPiece];
  int64_t columns = lastColumn - firstColumn;
  int64_t first = firstColumn * blockK;
  int64_t last = std::min(k(), lastColumn * blockK);
  int64_t scaleRow = dst.scheme.block_outer ? firstRow / blockOuter : 0;

  bool decoded = false;
  if (wholeTensor && source != QMM_SCALES_GIVEN) {
    factors[0] = wholeFactor;
  } else if (source == QMM_SCALES_GIVEN) {
    for (int64_t c = 0; c < columns; ++c)
      factors[c] = dst.loadFactor(matrix, scaleRow, firstColumn + c);
  } else {
    float largest[kPiece];
    std::fill(largest, largest + columns, 0.0f);
    measure(matrix, firstRow, lastRow, first, last, buffer, largest);
    decoded = lastRow - firstRow == 1 && last - first <= kPiece;
    chooseScales(matrix, scaleRow, firstColumn, columns, largest, factors);
  }

  for (int64_t r = firstRow; r < lastRow; ++r) {
    for (int64_t begin = first; begin < last; begin += kPiece) {
      int64_t length = std::min(kPiece, last - begin);
      if (!decoded)
        decodeRow(src.element(), src.nibbles(), src.row(matrix, r), begin,
                  length, buffer);
      divide(buffer, length, factors + (begin - first) / blockK, columns);
      encodeRow(dst.element(), dst.nibbles(), buffer, begin, length,
                dst.row(matrix, r));
    }
    if (last == k())
      dst.zeroRowTail(matrix, r);
  }
}

void Quantizer::run(Executor &executor) {
  bool given = source == QMM_SCALES_GIVEN;
  bool tensorScaleGiven = source == QMM_SCALES_TENSOR_SCALE_GIVEN;
  if (!given) {
    dst.zeroScalePads();
    bool needsAmax = wholeTensor ||
                     (dst.scheme.has_tensor_scale &&
                      dst.scheme.scale == QMM_DTYPE_E4M3 && !tensorScaleGiven);
    if (tensorScaleGiven)
      tensorScale = dst.loadTensorScale();
    chooseTensorWide(needsAmax ? computeAmax(executor, src) : 0.0f);
  }
  dst.zeroPadRows();

  // Rows whose scales are known don't wait for the others of their block.
  bool known = given || wholeTensor;
  const ScaleExtents &scales = dst.extents.logicalScales;
  int64_t rowGroups = known ? outer() : scales.rows;
  int64_t columnsPerTile = std::max<int64_t>(1, kPiece / blockK);
  int64_t tiles = ceilDiv(scales.cols, columnsPerTile);
  int64_t rowsPerGroup = known ? 1 : std::min(blockOuter, outer());
  int64_t perMatrix = rowGroups * tiles;
  int64_t tileElements =
      std::min(k(), columnsPerTile > 1 ? columnsPerTile * blockK : blockK);
  executor.parallelFor(
      src.extents.batch * perMatrix, getGrain(rowsPerGroup * tileElements),
      [&](int64_t begin, int64_t end, unsigned) {
        for (int64_t i = begin; i < end; ++i) {
          int64_t group = i % perMatrix / tiles, tile = i % tiles;
          int64_t firstRow = known ? group : group * blockOuter;
          int64_t lastRow =
              known ? group + 1 : std::min(outer(), firstRow + blockOuter);
          int64_t firstColumn = tile * columnsPerTile;
          runUnit(i / perMatrix, firstRow, lastRow, firstColumn,
                  std::min(scales.cols, firstColumn + columnsPerTile));
        }
      });
}

Status verifyParams(const qmm_quantize_params &params) {
  auto fail = [](const char *field, uint32_t found, const char *expected) {
    return invalid(std::string("quantize: ") + field + " is " +
                   std::to_string(found) + ", expected " + expected);
  };
  if (params.scale_source > QMM_SCALES_GIVEN)
    return fail("scale_source", params.scale_source, "0 to 2");
  if (params.e8m0_rounding > QMM_E8M0_EVEN)
    return fail("e8m0_rounding", params.e8m0_rounding, "0 to 2");
  if (params.divide_precision > QMM_DTYPE_F16)
    return fail("divide_precision", params.divide_precision,
                "0, f32 (1), bf16 (2) or f16 (3)");
  if (params.scale_precision_input > 1)
    return fail("scale_precision_input", params.scale_precision_input,
                "0 or 1");
  return Status();
}

Status verifyWide(const qmm_tensor &tensor, const char *what) {
  if (isWide(tensor.scheme) &&
      isWide(static_cast<qmm_dtype>(tensor.scheme.element)))
    return Status();
  return invalid(std::string(what) + ": scheme is " +
                 describeScheme(tensor.scheme) + ", expected f32, bf16 or f16");
}

} // namespace

Status quantize(Executor &executor, const qmm_tensor &src,
                const qmm_quantize_params &params, const qmm_tensor &dst) {
  Result<View> from = getView(src, "src");
  if (!from.ok())
    return from.getStatus();
  Result<View> to = getView(dst, "dst");
  if (!to.ok())
    return to.getStatus();
  if (Status status = verifyParams(params); !status.ok())
    return status;
  if (Status status = verifyWide(src, "src"); !status.ok())
    return status;
  if (!to->isQuantized())
    return invalid("dst: scheme is " + describeScheme(dst.scheme) +
                   ", expected a quantized one");
  if (Status status = verifySameShape(src, dst); !status.ok())
    return status;
  if (Status status = verifyDisjoint(*from, *to); !status.ok())
    return status;
  Quantizer(*from, params, *to).run(executor);
  return Status();
}

Status amax(Executor &executor, const qmm_tensor &src, float &result) {
  Result<View> from = getView(src, "src");
  if (!from.ok())
    return from.getStatus();
  if (Status status = verifyWide(src, "src"); !status.ok())
    return status;
  result = computeAmax(executor, *from);
  return Status();
}

} // namespace qmmrt
