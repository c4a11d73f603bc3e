//===- numerics/QuantizeView.cpp - Rows and scales of a tensor ------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verification of descriptors, and the addresses inside them.  Scales are read
// and written by memcpy: buffers that come out of mapped files have whatever
// alignment the file gave them.
//
//===----------------------------------------------------------------------===//
#include "numerics/QuantizeView.h"

#include "numerics/Quantize.h"

#include <cstring>

namespace qmmrt {
namespace {

std::string spellShape(const qmm_tensor &tensor) {
  std::string text;
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    text += i ? " x " : "";
    text += std::to_string(tensor.shape[i]);
  }
  return text.empty() ? "scalar" : text;
}

Status verifyPointers(const qmm_tensor &tensor, const TensorExtents &extents,
                      const char *what) {
  const char *missing = nullptr;
  int64_t bytes = 0;
  if (extents.dataBytes > 0 && !tensor.data) {
    missing = "data";
    bytes = extents.dataBytes;
  } else if (extents.scaleBytes > 0 && !tensor.scale) {
    missing = "scale";
    bytes = extents.scaleBytes;
  } else if (extents.tensorScaleBytes > 0 && !tensor.tensor_scale) {
    missing = "tensor_scale";
    bytes = extents.tensorScaleBytes;
  }
  if (!missing)
    return Status();
  return detail::invalid(std::string(what) + ": " + missing +
                         " is NULL, expected " + std::to_string(bytes) +
                         " bytes for " + describeScheme(tensor.scheme) +
                         " of shape " + spellShape(tensor));
}

bool overlaps(const void *lhs, int64_t lhsBytes, const void *rhs,
              int64_t rhsBytes) {
  auto lhsBegin = reinterpret_cast<uintptr_t>(lhs);
  auto rhsBegin = reinterpret_cast<uintptr_t>(rhs);
  return lhsBytes > 0 && rhsBytes > 0 &&
         lhsBegin < rhsBegin + static_cast<uintptr_t>(rhsBytes) &&
         rhsBegin < lhsBegin + static_cast<uintptr_t>(lhsBytes);
}

} // namespace

Status verifyTensor(const qmm_tensor &tensor, const char *what) {
  Result<TensorExtents> extents = getTensorExtents(tensor, what);
  if (!extents.ok())
    return extents.getStatus();
  return verifyPointers(tensor, *extents, what);
}

namespace detail {

uint8_t *View::scaleAt(int64_t matrix, int64_t r, int64_t c) const {
  int64_t index = getScaleOffset(layout, extents.logicalScales, r, c);
  int64_t base = extents.scaleMatrices == 1 ? 0 : matrix;
  return scales + base * extents.scaleMatrixBytes +
         index * (scheme.scale == QMM_DTYPE_F32 ? 4 : 1);
}

void View::storeScaleBytes(int64_t matrix, int64_t r, int64_t firstColumn,
                           const uint8_t *codes, int64_t count) const {
  int64_t c = 0;
  if (layout.scales == QMM_SCALES_LINEAR) {
    std::memcpy(scaleAt(matrix, r, firstColumn), codes, size_t(count));
    return;
  }
  // Four columns of a tile's row lie together, the next tile's follow 512 on.
  if (layout.scales == QMM_SCALES_TILED_128X4 && firstColumn % 4 == 0) {
    uint8_t *at = scaleAt(matrix, r, firstColumn);
    for (; c + 4 <= count; c += 4, at += 512)
      std::memcpy(at, codes + c, 4);
  }
  for (; c < count; ++c)
    *scaleAt(matrix, r, firstColumn + c) = codes[c];
}

float View::loadScale(int64_t matrix, int64_t r, int64_t c) const {
  const uint8_t *at = scaleAt(matrix, r, c);
  if (scheme.scale != QMM_DTYPE_F32)
    return decodeElement(scaleType(), *at);
  float value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

float View::loadTensorScale() const {
  float value = 1.0f;
  if (scheme.has_tensor_scale)
    std::memcpy(&value, tensorScale, sizeof(value));
  return value;
}

void View::storeTensorScale(float value) const {
  std::memcpy(tensorScale, &value, sizeof(value));
}

float View::loadFactor(int64_t matrix, int64_t r, int64_t c) const {
  if (!isQuantized())
    return 1.0f;
  float scale = loadScale(matrix, r, c);
  return scheme.has_tensor_scale ? loadTensorScale() * scale : scale;
}

int64_t View::logicalRowBytes() const {
  unsigned bits = getBitWidth(element());
  return bits == 4 ? ceilDiv(extents.k, 2) : extents.k * (bits / 8);
}

void View::zeroRowTail(int64_t matrix, int64_t r) const {
  int64_t used = logicalRowBytes();
  if (used < extents.rowBytes)
    std::memset(row(matrix, r) + used, 0, extents.rowBytes - used);
}

void View::zeroPadRows() const {
  int64_t used = extents.outer * extents.rowBytes;
  if (used < extents.matrixBytes)
    for (int64_t matrix = 0; matrix < extents.batch; ++matrix)
      std::memset(row(matrix, extents.outer), 0, extents.matrixBytes - used);
}

void View::zeroScalePads() const {
  const ScaleExtents &logical = extents.logicalScales;
  const ScaleExtents &storage = extents.storageScales;
  if (extents.scaleBytes > 0 &&
      logical.rows * logical.cols != storage.rows * storage.cols)
    std::memset(scales, 0, extents.scaleBytes);
}

Result<View> getView(const qmm_tensor &tensor, const char *what) {
  Result<TensorExtents> extents = getTensorExtents(tensor, what);
  if (!extents.ok())
    return extents.getStatus();
  Status status = verifyPointers(tensor, *extents, what);
  if (!status.ok())
    return status;
  return View{tensor.scheme,
              tensor.layout,
              *extents,
              static_cast<uint8_t *>(tensor.data),
              static_cast<uint8_t *>(tensor.scale),
              reinterpret_cast<uint8_t *>(tensor.tensor_scale)};
}

Status verifySameShape(const qmm_tensor &src, const qmm_tensor &dst) {
  bool same = src.rank == dst.rank;
  for (uint32_t i = 0; same && i < src.rank; ++i)
    same = src.shape[i] == dst.shape[i];
  if (same)
    return Status();
  return invalid("dst: shape is " + spellShape(dst) +
                 ", expected the source's, " + spellShape(src));
}

Status verifyDisjoint(const View &src, const View &dst) {
  struct Buffer {
    const char *name;
    const uint8_t *begin;
    int64_t bytes;
  };
  const Buffer read[] = {
      {"data", src.data, src.extents.dataBytes},
      {"scale", src.scales, src.extents.scaleBytes},
      {"tensor_scale", src.tensorScale, src.extents.tensorScaleBytes}};
  const Buffer written[] = {
      {"data", dst.data, dst.extents.dataBytes},
      {"scale", dst.scales, dst.extents.scaleBytes},
      {"tensor_scale", dst.tensorScale, dst.extents.tensorScaleBytes}};
  for (const Buffer &out : written)
    for (const Buffer &in : read)
      if (overlaps(out.begin, out.bytes, in.begin, in.bytes))
        return invalid(std::string("dst: ") + out.name +
                       " overlaps the source's " + in.name +
                       ", expected separate buffers");
  return Status();
}

} // namespace detail
} // namespace qmmrt
