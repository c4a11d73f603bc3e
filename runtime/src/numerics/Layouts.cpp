//===- numerics/Layouts.cpp - Storage shapes and scale offsets ------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The presets, the rules a scheme and its layout must keep, and the arithmetic
// of padded shapes.  Everything that allocates or addresses a quantized tensor
// asks here.
//
//===----------------------------------------------------------------------===//
#include "numerics/Layouts.h"

#include "numerics/Elements.h"
#include "support/ThreadError.h"

#include <cstring>

namespace qmmrt {
namespace {

struct Preset {
  const char *name;
  qmm_scheme scheme;
};

constexpr Preset kPresets[] = {
    // name, {element, scale, block_outer, block_k, has_tensor_scale, reserved}
    {"fp8", {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 0, 0, 0, 0}},
    {"fp8_e5m2", {QMM_DTYPE_E5M2, QMM_DTYPE_F32, 0, 0, 0, 0}},
    {"fp8_row", {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 1, 0, 0, 0}},
    {"fp8_1x128", {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 1, 128, 0, 0}},
    {"fp8_128x128", {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 128, 128, 0, 0}},
    {"mxfp8", {QMM_DTYPE_E4M3, QMM_DTYPE_E8M0, 1, 32, 0, 0}},
    {"mxfp8_e5m2", {QMM_DTYPE_E5M2, QMM_DTYPE_E8M0, 1, 32, 0, 0}},
    {"mxfp4", {QMM_DTYPE_E2M1, QMM_DTYPE_E8M0, 1, 32, 0, 0}},
    {"nvfp4", {QMM_DTYPE_E2M1, QMM_DTYPE_E4M3, 1, 16, 1, 0}},
    {"int8", {QMM_DTYPE_I8, QMM_DTYPE_F32, 0, 0, 0, 0}},
    {"int8_row", {QMM_DTYPE_I8, QMM_DTYPE_F32, 1, 0, 0, 0}},
    {"int8_128x128", {QMM_DTYPE_I8, QMM_DTYPE_F32, 128, 128, 0, 0}},
    {"f32", {QMM_DTYPE_F32, QMM_DTYPE_NONE, 0, 0, 0, 0}},
    {"bf16", {QMM_DTYPE_BF16, QMM_DTYPE_NONE, 0, 0, 0, 0}},
    {"f16", {QMM_DTYPE_F16, QMM_DTYPE_NONE, 0, 0, 0, 0}},
};

/// Descriptors carry numbers, not enumerators: one that names no dtype must not
/// become a qmm_dtype.
bool isDType(uint32_t dtype) { return dtype <= QMM_DTYPE_BOOL; }

unsigned getBits(uint32_t dtype) {
  return isDType(dtype) ? getBitWidth(static_cast<qmm_dtype>(dtype)) : 0;
}

/// "e4m3", or "number 99" where there is no such type.
std::string spellDType(uint32_t dtype) {
  if (!isDType(dtype))
    return "number " + std::to_string(dtype);
  return getDTypeName(static_cast<qmm_dtype>(dtype));
}

const char *getScaleLayoutName(uint32_t layout) {
  switch (layout) {
  case QMM_SCALES_LINEAR:
    return "linear";
  case QMM_SCALES_OUTER_MAJOR:
    return "outer_major";
  case QMM_SCALES_BLOCKS_128X128:
    return "blocks_128x128";
  case QMM_SCALES_TILED_128X4:
    return "tiled_128x4";
  }
  return nullptr;
}

bool isWholeTensor(const qmm_scheme &scheme) {
  return scheme.block_outer == 0 && scheme.block_k == 0;
}

int64_t normalizePad(int64_t pad) { return pad < 1 ? 1 : pad; }

int64_t ceilDiv(int64_t value, int64_t divisor) {
  return value / divisor + (value % divisor != 0);
}

int64_t roundUp(int64_t value, int64_t multiple) {
  return ceilDiv(value, multiple) * multiple;
}

/// A product or sum of extents; stays "overflowed" once it has.
class Checked {
public:
  Checked(int64_t value) : value(value) {}
  Checked &operator*=(int64_t factor) {
    overflowed |= __builtin_mul_overflow(value, factor, &value);
    return *this;
  }
  bool ok() const { return !overflowed; }
  int64_t get() const { return value; }

private:
  int64_t value;
  bool overflowed = false;
};

Status invalid(std::string message) {
  return Status(QMM_STATUS_INVALID_ARGUMENT, std::move(message));
}

std::string spellBlock(int64_t extent) {
  return extent == 0 ? "whole" : std::to_string(extent);
}

Status verifyScheme(const qmm_scheme &scheme) {
  if (getBits(scheme.element) == 0)
    return invalid("scheme: element type is " + spellDType(scheme.element) +
                   ", expected a known dtype");
  if (scheme.reserved != 0)
    return invalid("scheme: reserved field is " +
                   std::to_string(scheme.reserved) + ", expected 0");
  if (scheme.has_tensor_scale > 1)
    return invalid("scheme: has_tensor_scale is " +
                   std::to_string(scheme.has_tensor_scale) +
                   ", expected 0 or 1");
  if (scheme.block_outer < 0 || scheme.block_k < 0)
    return invalid("scheme: block is " + std::to_string(scheme.block_outer) +
                   " x " + std::to_string(scheme.block_k) +
                   ", expected extents of at least 0");
  if (isWide(scheme)) {
    if (!isWholeTensor(scheme))
      return invalid("scheme: block " + spellBlock(scheme.block_outer) + " x " +
                     spellBlock(scheme.block_k) +
                     " without a scale type, expected 0 x 0");
    if (scheme.has_tensor_scale)
      return invalid("scheme: a tensor scale without a scale type, expected "
                     "has_tensor_scale 0");
    return Status();
  }
  if (scheme.element != QMM_DTYPE_E4M3 && scheme.element != QMM_DTYPE_E5M2 &&
      scheme.element != QMM_DTYPE_E2M1 && scheme.element != QMM_DTYPE_I8)
    return invalid("scheme: scaled element type is " +
                   spellDType(scheme.element) +
                   ", expected e4m3, e5m2, e2m1 or i8");
  if (scheme.scale != QMM_DTYPE_F32 && scheme.scale != QMM_DTYPE_E4M3 &&
      scheme.scale != QMM_DTYPE_E8M0)
    return invalid("scheme: scale type is " + spellDType(scheme.scale) +
                   ", expected none, f32, e4m3 or e8m0");
  if (scheme.element == QMM_DTYPE_E2M1 && scheme.block_k % 2 != 0)
    return invalid("scheme: e2m1 blocks of " + std::to_string(scheme.block_k) +
                   " along K, expected an even extent: two codes share a byte");
  return Status();
}

Status verifyLayout(const qmm_scheme &scheme, const qmm_layout &layout) {
  bool isE2M1 = scheme.element == QMM_DTYPE_E2M1;
  if (isE2M1 && layout.nibbles != QMM_NIBBLES_HI_FIRST &&
      layout.nibbles != QMM_NIBBLES_LO_FIRST)
    return invalid("layout: nibble order is " + std::to_string(layout.nibbles) +
                   " for e2m1, expected hi_first (1) or lo_first (2)");
  if (!isE2M1 && layout.nibbles != QMM_NIBBLES_NONE)
    return invalid("layout: nibble order is " + std::to_string(layout.nibbles) +
                   " for " + spellDType(scheme.element) +
                   ", expected none (0)");
  if (layout.pad_outer < 0 || layout.pad_k < 0 || layout.scale_pad < 0)
    return invalid("layout: pads are " + std::to_string(layout.pad_outer) +
                   " (outer), " + std::to_string(layout.pad_k) + " (K), " +
                   std::to_string(layout.scale_pad) +
                   " (scales), expected multiples of at least 0");
  const char *name = getScaleLayoutName(layout.scales);
  if (!name)
    return invalid("layout: scale layout is number " +
                   std::to_string(layout.scales) + ", expected 0 to 3");
  if (layout.scales != QMM_SCALES_OUTER_MAJOR && layout.scale_pad > 1)
    return invalid("layout: scale_pad is " + std::to_string(layout.scale_pad) +
                   " for " + name +
                   ", expected 0 or 1: only outer_major has one");
  if (layout.scales == QMM_SCALES_LINEAR)
    return Status();
  if (isWide(scheme) || isWholeTensor(scheme))
    return invalid("layout: scale layout is " + std::string(name) + " for " +
                   describeScheme(scheme) +
                   ", which has no scale matrix, expected linear");
  if (layout.scales == QMM_SCALES_BLOCKS_128X128) {
    if (scheme.scale != QMM_DTYPE_F32)
      return invalid("layout: blocks_128x128 with " + spellDType(scheme.scale) +
                     " scales, expected f32");
    if (scheme.block_outer < 2 || scheme.block_k < 2)
      return invalid("layout: blocks_128x128 with blocks of " +
                     spellBlock(scheme.block_outer) + " x " +
                     spellBlock(scheme.block_k) +
                     ", expected both extents of at least 2");
  }
  if (layout.scales == QMM_SCALES_TILED_128X4) {
    if (getBits(scheme.scale) != 8)
      return invalid("layout: tiled_128x4 with " + spellDType(scheme.scale) +
                     " scales, expected one-byte scales (e4m3 or e8m0)");
    if (scheme.block_outer != 1 || scheme.block_k == 0)
      return invalid("layout: tiled_128x4 with blocks of " +
                     spellBlock(scheme.block_outer) + " x " +
                     spellBlock(scheme.block_k) +
                     ", expected one row by a part of K");
  }
  return Status();
}

} // namespace

const char *getSchemeName(const qmm_scheme &scheme) {
  for (const Preset &preset : kPresets)
    if (preset.scheme == scheme)
      return preset.name;
  return nullptr;
}

std::string describeScheme(const qmm_scheme &scheme) {
  if (const char *name = getSchemeName(scheme))
    return name;
  std::string text = spellDType(scheme.element);
  if (isWide(scheme) && isWholeTensor(scheme))
    return text;
  text += " with " + spellDType(scheme.scale) + " scales per " +
          spellBlock(scheme.block_outer) + " x " + spellBlock(scheme.block_k);
  if (scheme.has_tensor_scale)
    text += " and a tensor scale";
  return text;
}

bool operator==(const qmm_scheme &lhs, const qmm_scheme &rhs) {
  return lhs.element == rhs.element && lhs.scale == rhs.scale &&
         lhs.block_outer == rhs.block_outer && lhs.block_k == rhs.block_k &&
         lhs.has_tensor_scale == rhs.has_tensor_scale;
}

bool operator==(const qmm_layout &lhs, const qmm_layout &rhs) {
  return lhs.scales == rhs.scales && lhs.nibbles == rhs.nibbles &&
         normalizePad(lhs.pad_outer) == normalizePad(rhs.pad_outer) &&
         normalizePad(lhs.pad_k) == normalizePad(rhs.pad_k) &&
         normalizePad(lhs.scale_pad) == normalizePad(rhs.scale_pad);
}

Status verifySchemeAndLayout(const qmm_scheme &scheme,
                             const qmm_layout &layout) {
  Status status = verifyScheme(scheme);
  return status.ok() ? verifyLayout(scheme, layout) : status;
}

int64_t getStorageOuter(const qmm_layout &layout, int64_t outer) {
  if (outer == kDynamic)
    return kDynamic;
  return roundUp(outer, normalizePad(layout.pad_outer));
}

int64_t getStorageK(const qmm_layout &layout, int64_t k) {
  if (k == kDynamic)
    return kDynamic;
  return roundUp(k, normalizePad(layout.pad_k));
}

int64_t getRowBytes(const qmm_scheme &scheme, const qmm_layout &layout,
                    int64_t k) {
  int64_t storageK = getStorageK(layout, k);
  if (storageK == kDynamic)
    return kDynamic;
  unsigned bits = getBits(scheme.element);
  return bits == 4 ? ceilDiv(storageK, 2) : storageK * (bits / 8);
}

ScaleExtents getLogicalScales(const qmm_scheme &scheme, int64_t outer,
                              int64_t k) {
  if (isWide(scheme))
    return {0, 0};
  auto divide = [](int64_t extent, int64_t block) -> int64_t {
    if (block == 0)
      return 1;
    return extent == kDynamic ? kDynamic : ceilDiv(extent, block);
  };
  return {divide(outer, scheme.block_outer), divide(k, scheme.block_k)};
}

ScaleExtents getStorageScales(const qmm_scheme &scheme,
                              const qmm_layout &layout, int64_t outer,
                              int64_t k) {
  ScaleExtents logical = getLogicalScales(scheme, outer, k);
  auto pad = [](int64_t extent, int64_t multiple) {
    return extent == kDynamic ? kDynamic : roundUp(extent, multiple);
  };
  switch (layout.scales) {
  case QMM_SCALES_OUTER_MAJOR:
    return {logical.cols, pad(logical.rows, normalizePad(layout.scale_pad))};
  case QMM_SCALES_BLOCKS_128X128:
    return {logical.rows, pad(logical.cols, 4)};
  case QMM_SCALES_TILED_128X4:
    return {pad(logical.rows, 128), pad(logical.cols, 4)};
  default:
    return logical;
  }
}

int64_t getScaleOffset(const qmm_layout &layout, const ScaleExtents &logical,
                       int64_t r, int64_t c) {
  switch (layout.scales) {
  case QMM_SCALES_OUTER_MAJOR:
    return c * roundUp(logical.rows, normalizePad(layout.scale_pad)) + r;
  case QMM_SCALES_BLOCKS_128X128:
    return r * roundUp(logical.cols, 4) + c;
  case QMM_SCALES_TILED_128X4:
    return ((r / 128) * ceilDiv(logical.cols, 4) + c / 4) * 512 +
           (r % 32) * 16 + ((r % 128) / 32) * 4 + c % 4;
  default:
    return r * logical.cols + c;
  }
}

Result<TensorExtents> getTensorExtents(const qmm_tensor &tensor,
                                       const char *what) {
  // Messages are built only when there is an error: this runs on every call.
  auto fail = [what](const std::string &message) {
    return invalid(std::string(what) + ": " + message);
  };
  auto tooLarge = [&fail] {
    return fail("the tensor's size in bytes doesn't fit in 63 bits");
  };
  if (tensor.struct_size != sizeof(qmm_tensor))
    return fail("struct_size is " + std::to_string(tensor.struct_size) +
                ", expected " + std::to_string(sizeof(qmm_tensor)));
  if (tensor.rank > QMM_MAX_RANK)
    return fail("rank is " + std::to_string(tensor.rank) +
                ", expected at most " + std::to_string(QMM_MAX_RANK));
  const qmm_scheme &scheme = tensor.scheme;
  const qmm_layout &layout = tensor.layout;
  Status legal = verifySchemeAndLayout(scheme, layout);
  if (!legal.ok())
    return fail(legal.getMessage());
  if (!isWide(scheme) && tensor.rank < 2)
    return fail("rank is " + std::to_string(tensor.rank) +
                ", expected at least 2 for " + describeScheme(scheme));
  if (tensor.rank < 2 && (layout.pad_outer > 1 || layout.pad_k > 1))
    return fail("rank is " + std::to_string(tensor.rank) +
                ", expected at least 2 for a padded layout");

  for (uint32_t i = 0; i < tensor.rank; ++i)
    if (tensor.shape[i] < 0)
      return fail("dimension " + std::to_string(i) + " is " +
                  std::to_string(tensor.shape[i]) + ", expected at least 0");
  // Sizes are multiplied up with zero extents taken as 1, so that every
  // intermediate product is known to fit whatever the order.
  auto atLeastOne = [](int64_t extent) { return extent > 0 ? extent : 1; };

  TensorExtents extents = {};
  extents.k = tensor.rank > 0 ? tensor.shape[tensor.rank - 1] : 1;
  extents.outer = tensor.rank > 1 ? tensor.shape[tensor.rank - 2] : 1;
  Checked batch(1);
  bool emptyBatch = false;
  for (uint32_t i = 0; i + 2 < tensor.rank; ++i) {
    batch *= atLeastOne(tensor.shape[i]);
    emptyBatch |= tensor.shape[i] == 0;
  }
  // Rounding up to a pad adds less than the pad.
  constexpr int64_t kLimit = INT64_MAX / 16;
  if (!batch.ok() || extents.k > kLimit || extents.outer > kLimit ||
      layout.pad_k > kLimit || layout.pad_outer > kLimit ||
      layout.scale_pad > kLimit)
    return tooLarge();
  extents.batch = emptyBatch ? 0 : batch.get();

  extents.storageOuter = getStorageOuter(layout, extents.outer);
  extents.storageK = getStorageK(layout, extents.k);
  if (extents.storageK > kLimit)
    return tooLarge();
  extents.rowBytes = getRowBytes(scheme, layout, extents.k);
  Checked dataBytes(atLeastOne(extents.rowBytes));
  dataBytes *= atLeastOne(extents.storageOuter);
  dataBytes *= batch.get();
  if (!dataBytes.ok())
    return tooLarge();
  extents.matrixBytes = extents.rowBytes * extents.storageOuter;
  extents.dataBytes = extents.matrixBytes * extents.batch;

  bool narrowScale = !isWide(scheme) && scheme.scale != QMM_DTYPE_F32;
  if ((narrowScale || scheme.element == QMM_DTYPE_E2M1) && scheme.block_k > 0 &&
      extents.storageK % scheme.block_k != 0)
    return fail("K is " + std::to_string(extents.k) + " (" +
                std::to_string(extents.storageK) +
                " with padding), expected a multiple of the block, " +
                std::to_string(scheme.block_k) + ", for " +
                describeScheme(scheme));

  extents.logicalScales = getLogicalScales(scheme, extents.outer, extents.k);
  extents.storageScales =
      getStorageScales(scheme, layout, extents.outer, extents.k);
  if (!isWide(scheme)) {
    extents.scaleMatrices = isWholeTensor(scheme) ? 1 : extents.batch;
    Checked scaleBytes(getBits(scheme.scale) / 8);
    scaleBytes *= atLeastOne(extents.storageScales.rows);
    scaleBytes *= atLeastOne(extents.storageScales.cols);
    scaleBytes *= atLeastOne(extents.scaleMatrices);
    if (!scaleBytes.ok())
      return tooLarge();
    extents.scaleMatrixBytes = extents.storageScales.rows *
                               extents.storageScales.cols *
                               (getBits(scheme.scale) / 8);
    extents.scaleBytes = extents.scaleMatrixBytes * extents.scaleMatrices;
  }
  extents.tensorScaleBytes = scheme.has_tensor_scale ? sizeof(float) : 0;
  return extents;
}

} // namespace qmmrt

using namespace qmmrt;

qmm_status qmm_scheme_from_name(const char *name, qmm_scheme *scheme) {
  return guardCall([&]() -> Status {
    if (!name || !scheme)
      return invalid(std::string("qmm_scheme_from_name: ") +
                     (name ? "scheme" : "name") + " is NULL");
    for (const Preset &preset : kPresets) {
      if (std::strcmp(preset.name, name) == 0) {
        *scheme = preset.scheme;
        return Status();
      }
    }
    std::string known;
    for (const Preset &preset : kPresets) {
      known += known.empty() ? "" : ", ";
      known += preset.name;
    }
    return Status(QMM_STATUS_NOT_FOUND, "scheme '" + std::string(name) +
                                            "' is unknown, expected one of " +
                                            known);
  });
}

qmm_status qmm_tensor_sizes(const qmm_tensor *tensor, size_t *data_bytes,
                            size_t *scale_bytes, size_t *tensor_scale_bytes) {
  return guardCall([&]() -> Status {
    if (!tensor)
      return invalid("qmm_tensor_sizes: tensor is NULL");
    Result<TensorExtents> extents = getTensorExtents(*tensor, "tensor");
    if (!extents.ok())
      return extents.getStatus();
    if (data_bytes)
      *data_bytes = static_cast<size_t>(extents->dataBytes);
    if (scale_bytes)
      *scale_bytes = static_cast<size_t>(extents->scaleBytes);
    if (tensor_scale_bytes)
      *tensor_scale_bytes = static_cast<size_t>(extents->tensorScaleBytes);
    return Status();
  });
}
