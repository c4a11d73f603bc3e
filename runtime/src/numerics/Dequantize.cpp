//===- numerics/Dequantize.cpp - From any scheme to wide tensors ----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// element * (block scale * tensor scale), each product rounded to f32, then one
// rounding to the wide type: the order that the reference vectors fix.
//
//===----------------------------------------------------------------------===//
#include "numerics/Convert.h"
#include "numerics/Quantize.h"
#include "numerics/QuantizeView.h"

#include <algorithm>

namespace qmmrt {

void detail::loadValues(const View &src, int64_t matrix, int64_t r,
                        int64_t first, int64_t length, float *values) {
  decodeRow(src.element(), src.nibbles(), src.row(matrix, r), first, length,
            values);
  if (!src.isQuantized())
    return;
  int64_t blockK = src.scheme.block_k ? src.scheme.block_k : src.extents.k;
  int64_t scaleRow = src.scheme.block_outer ? r / src.scheme.block_outer : 0;
  for (int64_t at = 0; at < length;) {
    int64_t column = (first + at) / blockK;
    int64_t left = blockK - (first + at) % blockK;
    int64_t stop = at + std::min(length - at, left);
    float factor = src.loadFactor(matrix, scaleRow, column);
    for (; at < stop; ++at)
      values[at] *= factor;
  }
}

namespace {

using namespace detail;

void dequantizePiece(const View &src, const View &dst, int64_t matrix,
                     int64_t r, int64_t first, int64_t length) {
  float buffer[kPiece];
  loadValues(src, matrix, r, first, length, buffer);
  encodeRow(dst.element(), dst.nibbles(), buffer, first, length,
            dst.row(matrix, r));
}

} // namespace

Status dequantize(Executor &executor, const qmm_tensor &src,
                  const qmm_tensor &dst) {
  Result<View> from = getView(src, "src");
  if (!from.ok())
    return from.getStatus();
  Result<View> to = getView(dst, "dst");
  if (!to.ok())
    return to.getStatus();
  if (!from->isQuantized() && !isWide(from->element()))
    return invalid("src: scheme is " + describeScheme(src.scheme) +
                   ", expected a quantized one, f32, bf16 or f16");
  if (to->isQuantized() || !isWide(to->element()))
    return invalid("dst: scheme is " + describeScheme(dst.scheme) +
                   ", expected f32, bf16 or f16");
  if (Status status = verifySameShape(src, dst); !status.ok())
    return status;
  if (Status status = verifyDisjoint(*from, *to); !status.ok())
    return status;

  to->zeroPadRows();
  int64_t outer = from->extents.outer, k = from->extents.k;
  int64_t pieces = std::max<int64_t>(1, ceilDiv(k, kPiece));
  executor.parallelFor(
      from->extents.batch * outer * pieces, getGrain(std::min(k, kPiece)),
      [&](int64_t begin, int64_t end, unsigned) {
        for (int64_t i = begin; i < end; ++i) {
          int64_t matrix = i / pieces / outer, r = i / pieces % outer;
          int64_t first = i % pieces * kPiece;
          dequantizePiece(*from, *to, matrix, r, first,
                          std::min(kPiece, k - first));
          if (first + kPiece >= k)
            to->zeroRowTail(matrix, r);
        }
      });
  return Status();
}

} // namespace qmmrt
