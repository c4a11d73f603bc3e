//===- numerics/ScaleSearch.cpp - Scales of least error -------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See ScaleSearch.h.
//
//===----------------------------------------------------------------------===//
#include "numerics/ScaleSearch.h"

#include "numerics/Convert.h"
#include "numerics/QuantizeView.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace qmmrt {
namespace {

using namespace detail;

constexpr int kMaxCandidates = 16;
using Errors = std::array<double, kMaxCandidates>;

/// Scales that a block may have, the one of its amax first.
struct Candidates {
  int count = 0;
  float scales[kMaxCandidates];
  uint8_t codes[kMaxCandidates]; // of one-byte types

  Candidates(const View &dst, int64_t matrix, int64_t r, int64_t c) {
    const uint8_t *at = dst.scaleAt(matrix, r, c);
    if (dst.scaleType() == QMM_DTYPE_F32) {
      float base;
      std::memcpy(&base, at, sizeof(base));
      for (; count < kMaxCandidates; ++count)
        scales[count] = base * (1.0f - 0.02f * float(count));
      return;
    }
    bool isE4M3 = dst.scaleType() == QMM_DTYPE_E4M3;
    int lowest = isE4M3 ? 1 : 0, highest = isE4M3 ? 0x7E : 0xFE;
    add(dst, *at);
    // Zero stays: nothing of the block is above it.
    if (isE4M3 && *at == 0)
      return;
    int first = isE4M3 ? *at - 2 : *at - 1, last = isE4M3 ? *at + 5 : *at;
    for (int code = std::max(first, lowest); code <= std::min(last, highest);
         ++code)
      if (code != *at)
        add(dst, uint8_t(code));
  }
  void add(const View &dst, uint8_t code) {
    codes[count] = code;
    scales[count++] = decodeElement(dst.scaleType(), code);
  }
};

/// Adds to each candidate's error what it makes of one piece of a row.
void addErrors(const View &src, const View &dst, const Candidates &candidates,
               float tensorScale, int64_t matrix, int64_t r, int64_t first,
               int64_t length, Errors &errors) {
  float values[kPiece], quotients[kPiece];
  uint8_t codes[kPiece];
  decodeRow(src.element(), src.nibbles(), src.row(matrix, r), first, length,
            values);
  for (int i = 0; i < candidates.count; ++i) {
    float factor = dst.scheme.has_tensor_scale
                       ? tensorScale * candidates.scales[i]
                       : candidates.scales[i];
    std::copy(values, values + length, quotients);
    divideBlocks(quotients, length, length, &factor);
    encodeRow(dst.element(), dst.nibbles(), quotients, 0, length, codes);
    decodeRow(dst.element(), dst.nibbles(), codes, 0, length, quotients);
    double sum = 0;
    for (int64_t j = 0; j < length; ++j) {
      double error = double(values[j]) - quotients[j] * factor;
      sum += error * error;
    }
    errors[i] += sum;
  }
}

void storeBest(const View &dst, const Candidates &candidates,
               const Errors &errors, int64_t matrix, int64_t r, int64_t c) {
  int best =
      int(std::min_element(errors.begin(), errors.begin() + candidates.count) -
          errors.begin());
  uint8_t *at = dst.scaleAt(matrix, r, c);
  if (dst.scaleType() == QMM_DTYPE_F32)
    std::memcpy(at, &candidates.scales[best], sizeof(float));
  else
    *at = candidates.codes[best];
}

/// One scale for everything: rows are summed apart, and then in order.
void searchTensor(Executor &executor, const View &src, const View &dst) {
  int64_t outer = src.extents.outer, k = src.extents.k;
  Candidates candidates(dst, 0, 0, 0);
  std::vector<Errors> rows(size_t(src.extents.batch * outer), Errors{});
  executor.parallelFor(
      src.extents.batch * outer, getGrain(k),
      [&](int64_t begin, int64_t end, unsigned) {
        for (int64_t i = begin; i < end; ++i)
          for (int64_t first = 0; first < k; first += kPiece)
            addErrors(src, dst, candidates, 1.0f, i / outer, i % outer, first,
                      std::min(kPiece, k - first), rows[size_t(i)]);
      });
  Errors errors = {};
  for (const Errors &row : rows)
    for (int i = 0; i < candidates.count; ++i)
      errors[i] += row[i];
  storeBest(dst, candidates, errors, 0, 0, 0);
}

void searchBlocks(Executor &executor, const View &src, const View &dst) {
  int64_t outer = src.extents.outer, k = src.extents.k;
  int64_t blockOuter = dst.scheme.block_outer ? dst.scheme.block_outer : outer;
  int64_t blockK = dst.scheme.block_k ? dst.scheme.block_k : k;
  const ScaleExtents &scales = dst.extents.logicalScales;
  float tensorScale = dst.loadTensorScale();
  int64_t perMatrix = scales.rows * scales.cols;
  executor.parallelFor(
      src.extents.batch * perMatrix, getGrain(blockOuter * blockK),
      [&](int64_t begin, int64_t end, unsigned) {
        for (int64_t i = begin; i < end; ++i) {
          int64_t matrix = i / perMatrix;
          int64_t r = i % perMatrix / scales.cols, c = i % scales.cols;
          Candidates candidates(dst, matrix, r, c);
          if (candidates.count == 1)
            continue;
          Errors errors = {};
          int64_t lastRow = std::min(outer, (r + 1) * blockOuter);
          int64_t last = std::min(k, (c + 1) * blockK);
          for (int64_t row = r * blockOuter; row < lastRow; ++row)
            for (int64_t first = c * blockK; first < last; first += kPiece)
              addErrors(src, dst, candidates, tensorScale, matrix, row, first,
                        std::min(kPiece, last - first), errors);
          storeBest(dst, candidates, errors, matrix, r, c);
        }
      });
}

} // namespace

Status quantizeWithSearch(Executor &executor, const qmm_tensor &src,
                          const qmm_quantize_params &params,
                          const qmm_tensor &dst) {
  if (params.scale_source == QMM_SCALES_GIVEN)
    return invalid("quantizeWithSearch: scale_source is 2, which gives the "
                   "scales to be searched; expected 0 or 1");
  if (Status status = quantize(executor, src, params, dst); !status.ok())
    return status;
  Result<View> from = getView(src, "src");
  Result<View> to = getView(dst, "dst");
  if (!from.ok() || !to.ok())
    return from.ok() ? to.getStatus() : from.getStatus();
  if (dst.scheme.block_outer == 0 && dst.scheme.block_k == 0)
    searchTensor(executor, *from, *to);
  else
    searchBlocks(executor, *from, *to);
  qmm_quantize_params given = params;
  given.scale_source = QMM_SCALES_GIVEN;
  return quantize(executor, src, given, dst);
}

} // namespace qmmrt
