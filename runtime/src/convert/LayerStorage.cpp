//===- convert/LayerStorage.cpp - How a layer is stored -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See LayerStorage.h.
//
//===----------------------------------------------------------------------===//
#include "convert/LayerStorage.h"
#include "checkpoint/Json.h"
#include "convert/Target.h"
#include "numerics/Elements.h"
#include "numerics/Layouts.h"

using namespace qmmrt;

qmm_tensor LayerStorage::describe(const LinearLayer &layer, void *weightAt,
                                  void *scaleAt, float *tensorScaleAt) const {
  qmm_tensor tensor = {};
  tensor.struct_size = sizeof(tensor);
  tensor.rank = 2;
  tensor.shape[0] = layer.n;
  tensor.shape[1] = layer.k;
  tensor.scheme = scheme;
  tensor.layout = layout;
  tensor.data = weightAt;
  tensor.scale = isWide(scheme) ? nullptr : scaleAt;
  tensor.tensor_scale = scheme.has_tensor_scale ? tensorScaleAt : nullptr;
  return tensor;
}

namespace {
struct ComfyFormat {
  const char *name;
  qmm_dtype element;
  enum { Tensor, Row, Square, NVFP4, MXFP8 } scales;
};
} // namespace

static constexpr ComfyFormat kFormats[] = {
    {"float8_e4m3fn", QMM_DTYPE_E4M3, ComfyFormat::Tensor},
    {"float8_e5m2", QMM_DTYPE_E5M2, ComfyFormat::Tensor},
    {"float8_e4m3fn_rowwise", QMM_DTYPE_E4M3, ComfyFormat::Row},
    {"float8_e4m3fn_blockwise", QMM_DTYPE_E4M3, ComfyFormat::Square},
    {"nvfp4", QMM_DTYPE_E2M1, ComfyFormat::NVFP4},
    {"mxfp8", QMM_DTYPE_E4M3, ComfyFormat::MXFP8},
    {"int8_tensorwise", QMM_DTYPE_I8, ComfyFormat::Tensor},
    {"int8_tensorwise", QMM_DTYPE_I8, ComfyFormat::Row},
    {"int8_blockwise", QMM_DTYPE_I8, ComfyFormat::Square},
};

/// nullptr for a scheme that ComfyUI has no format for.
static const ComfyFormat *findFormat(const qmm_scheme &scheme) {
  bool isF32 = scheme.scale == QMM_DTYPE_F32 && !scheme.has_tensor_scale;
  int64_t outer = scheme.block_outer, k = scheme.block_k;
  for (const ComfyFormat &format : kFormats) {
    if (scheme.element != static_cast<uint32_t>(format.element))
      continue;
    bool fits = false;
    switch (format.scales) {
    case ComfyFormat::Tensor:
      fits = isF32 && outer == 0 && k == 0;
      break;
    case ComfyFormat::Row:
      fits = isF32 && outer == 1 && k == 0;
      break;
    case ComfyFormat::Square:
      fits = isF32 && outer > 1 && outer == k;
      break;
    case ComfyFormat::NVFP4:
      fits = scheme.scale == QMM_DTYPE_E4M3 && scheme.has_tensor_scale &&
             outer == 1 && k == 16;
      break;
    case ComfyFormat::MXFP8:
      fits = scheme.scale == QMM_DTYPE_E8M0 && !scheme.has_tensor_scale &&
             outer == 1 && k == 32;
      break;
    }
    if (fits)
      return &format;
  }
  return nullptr;
}

static const char *getTorchName(qmm_dtype dtype) {
  return dtype == QMM_DTYPE_F32   ? "torch.float32"
         : dtype == QMM_DTYPE_F16 ? "torch.float16"
                                  : "torch.bfloat16";
}

Result<LayerStorage> qmmrt::getStorage(const LinearLayer &layer,
                                       const qmm_scheme &scheme,
                                       FileLayout family) {
  LayerStorage result;
  result.scheme = scheme;
  result.weight.name = layer.name + ".weight";
  Status status;
  if (isWide(scheme)) {
    result.weight.dtype = static_cast<qmm_dtype>(scheme.element);
    result.weight.shape = {layer.n, layer.k};
  } else if (family == FileLayout::Comfy) {
    status = storeAsComfy(layer, result);
  } else if (family == FileLayout::ModelOpt) {
    status = storeAsModelOpt(layer, result);
  } else {
    status = storeAsCompressedTensors(layer, result);
  }
  for (SafetensorsEntry *entry :
       {&result.weight, &result.scale, &result.tensorScale})
    if (status.ok() && !entry->name.empty())
      status = sizeSafetensorsEntry(*entry);
  return status.ok() ? Result<LayerStorage>(std::move(result)) : status;
}

Status qmmrt::storeAsComfy(const LinearLayer &layer, LayerStorage &result) {
  const qmm_scheme &scheme = result.scheme;
  const ComfyFormat *format = findFormat(scheme);
  if (!format)
    return Status(QMM_STATUS_UNSUPPORTED, "layer " + quoteName(layer.name) +
                                              ": ComfyUI has no format for " +
                                              nameScheme(scheme));
  std::string fields;
  auto addShape = [&] {
    fields += std::string(", \"orig_dtype\": \"") +
              getTorchName(layer.expressed) +
              "\", \"orig_shape\": " + describeShape({layer.n, layer.k});
  };
  switch (format->scales) {
  case ComfyFormat::Tensor:
    break;
  case ComfyFormat::Row:
    if (format->element == QMM_DTYPE_I8)
      fields = ", \"per_row\": true";
    break;
  case ComfyFormat::Square:
    if (layer.n % scheme.block_k || layer.k % scheme.block_k)
      return Status(QMM_STATUS_UNSUPPORTED,
                    "layer " + quoteName(layer.name) + ": " +
                        std::to_string(layer.n) + " x " +
                        std::to_string(layer.k) + " isn't whole blocks of " +
                        nameScheme(scheme));
    fields = ", \"group_size\": " + std::to_string(scheme.block_k);
    break;
  case ComfyFormat::NVFP4:
  case ComfyFormat::MXFP8:
    bool packed = format->scales == ComfyFormat::NVFP4;
    result.layout.scales = QMM_SCALES_TILED_128X4;
    result.layout.nibbles = packed ? QMM_NIBBLES_HI_FIRST : QMM_NIBBLES_NONE;
    result.layout.pad_outer = result.layout.pad_k = scheme.block_k;
    fields = ", \"group_size\": " + std::to_string(scheme.block_k);
    addShape();
    break;
  }
  if (layer.fullPrecision)
    fields += ", \"full_precision_matrix_mult\": true";
  result.declaration =
      std::string("{\"format\": \"") + format->name + "\"" + fields + "}";

  Result<TensorExtents> extents = getTensorExtents(
      result.describe(layer, nullptr, nullptr, nullptr), layer.name.c_str());
  if (!extents.ok())
    return extents.getStatus();
  bool packed = format->element == QMM_DTYPE_E2M1;
  result.weight.dtype = packed ? QMM_DTYPE_U8 : format->element;
  result.weight.shape = {extents->storageOuter, extents->rowBytes};
  result.scale.name = layer.name + ".weight_scale";
  const ScaleExtents &scales = extents->storageScales;
  switch (format->scales) {
  case ComfyFormat::Tensor:
    result.scale.dtype = QMM_DTYPE_F32;
    break;
  case ComfyFormat::Row:
    result.scale.dtype = QMM_DTYPE_F32;
    result.scale.shape = {layer.n};
    // The reader multiplies without looking at the declaration.
    if (format->element == QMM_DTYPE_I8)
      result.scale.shape.push_back(1);
    break;
  case ComfyFormat::Square:
    result.scale.dtype = QMM_DTYPE_F32;
    result.scale.shape = {scales.rows, scales.cols};
    break;
  case ComfyFormat::NVFP4:
    result.scale.dtype = QMM_DTYPE_E4M3;
    result.scale.shape = {scales.rows, scales.cols};
    result.tensorScale.name = layer.name + ".weight_scale_2";
    result.tensorScale.dtype = QMM_DTYPE_F32;
    break;
  case ComfyFormat::MXFP8:
    result.scale.dtype = QMM_DTYPE_U8;
    result.scale.shape = {scales.rows, scales.cols};
    break;
  }
  if (format->scales == ComfyFormat::NVFP4)
    result.inputRange =
        getMaxFinite(QMM_DTYPE_E4M3) * getMaxFinite(QMM_DTYPE_E2M1);
  else if (format->scales == ComfyFormat::Tensor &&
           format->element != QMM_DTYPE_I8)
    result.inputRange = getMaxFinite(format->element);
  bool isPlaceholder =
      format->scales == ComfyFormat::Square && format->element == QMM_DTYPE_I8;
  if (result.inputRange != 0 || isPlaceholder)
    result.inputScale = layer.name + ".input_scale";
  return {};
}
