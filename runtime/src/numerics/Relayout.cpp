//===- numerics/Relayout.cpp - The same values, placed otherwise ----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes and scales are moved, never decoded: NaNs, unused codes and the sign of
// zero survive any chain of layouts.
//
//===----------------------------------------------------------------------===//
#include "numerics/Quantize.h"
#include "numerics/QuantizeView.h"

#include <algorithm>
#include <cstring>

namespace qmmrt {
namespace {

using namespace detail;

void copyRow(const View &src, const View &dst, int64_t matrix, int64_t r) {
  const uint8_t *from = src.row(matrix, r);
  uint8_t *to = dst.row(matrix, r);
  int64_t bytes = src.logicalRowBytes();
  if (src.layout.nibbles == dst.layout.nibbles)
    std::copy(from, from + bytes, to);
  else
    for (int64_t i = 0; i < bytes; ++i)
      to[i] = static_cast<uint8_t>(from[i] << 4 | from[i] >> 4);
  if (src.layout.nibbles != QMM_NIBBLES_NONE && src.extents.k % 2)
    to[bytes - 1] &= dst.layout.nibbles == QMM_NIBBLES_HI_FIRST ? 0xF0 : 0x0F;
  dst.zeroRowTail(matrix, r);
}

void copyScaleRow(const View &src, const View &dst, int64_t matrix, int64_t r) {
  size_t bytes = src.scheme.scale == QMM_DTYPE_F32 ? 4 : 1;
  for (int64_t c = 0; c < src.extents.logicalScales.cols; ++c)
    std::memcpy(dst.scaleAt(matrix, r, c), src.scaleAt(matrix, r, c), bytes);
}

} // namespace

Status relayout(Executor &executor, const qmm_tensor &src,
                const qmm_tensor &dst) {
  Result<View> from = getView(src, "src");
  if (!from.ok())
    return from.getStatus();
  Result<View> to = getView(dst, "dst");
  if (!to.ok())
    return to.getStatus();
  if (!(src.scheme == dst.scheme))
    return invalid("dst: scheme is " + describeScheme(dst.scheme) +
                   ", expected the source's, " + describeScheme(src.scheme));
  if (Status status = verifySameShape(src, dst); !status.ok())
    return status;
  if (Status status = verifyDisjoint(*from, *to); !status.ok())
    return status;

  to->zeroPadRows();
  int64_t outer = from->extents.outer;
  executor.parallelFor(from->extents.batch * outer, getGrain(from->extents.k),
                       [&](int64_t begin, int64_t end, unsigned) {
                         for (int64_t i = begin; i < end; ++i)
                           copyRow(*from, *to, i / outer, i % outer);
                       });
  if (!from->isQuantized())
    return Status();

  to->zeroScalePads();
  const ScaleExtents &scales = from->extents.logicalScales;
  executor.parallelFor(
      from->extents.scaleMatrices * scales.rows, getGrain(scales.cols),
      [&](int64_t begin, int64_t end, unsigned) {
        for (int64_t i = begin; i < end; ++i)
          copyScaleRow(*from, *to, i / scales.rows, i % scales.rows);
      });
  if (src.scheme.has_tensor_scale)
    to->storeTensorScale(from->loadTensorScale());
  return Status();
}

} // namespace qmmrt
