//===- convert/WeightConverter.cpp - One weight -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// NaN and infinite values show in the scales they make, so a weight that has
// none costs no look of its own.
//
//===----------------------------------------------------------------------===//
#include "convert/WeightConverter.h"
#include "checkpoint/Json.h"
#include "numerics/Elements.h"
#include "numerics/Layouts.h"
#include "numerics/ScaleSearch.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

using namespace qmmrt;

uint8_t *Scratch::get(uint64_t bytes) {
  if (!memory || bytes > size) {
    memory.reset(); // before the new one: never both
    memory.reset(
        static_cast<uint8_t *>(std::malloc(std::max<uint64_t>(bytes, 1))));
    size = memory ? bytes : 0;
  }
  return memory.get();
}

qmm_tensor qmmrt::describeSource(const Checkpoint &checkpoint,
                                 const LinearLayer &layer) {
  auto at = [&](const std::string &key) -> void * {
    return key.empty() ? nullptr
                       : const_cast<uint8_t *>(checkpoint.find(key)->data);
  };
  qmm_tensor tensor = {};
  tensor.struct_size = sizeof(tensor);
  tensor.rank = 2;
  tensor.shape[0] = layer.n;
  tensor.shape[1] = layer.k;
  tensor.scheme = layer.scheme;
  tensor.layout = layer.layout;
  tensor.data = at(layer.weight);
  tensor.scale = at(layer.weightScale);
  tensor.tensor_scale = static_cast<float *>(at(layer.tensorScale));
  return tensor;
}

/// Has a scale that only NaN or infinite elements give?
static bool hasNonfiniteScale(const LayerStorage &storage,
                              const uint8_t *scales, float tensorScale) {
  if (storage.scheme.has_tensor_scale && !std::isfinite(tensorScale))
    return true;
  uint64_t bytes = storage.scale.bytes;
  switch (storage.scheme.scale) {
  case QMM_DTYPE_F32:
    for (uint64_t i = 0; i < bytes; i += 4) {
      float value;
      std::memcpy(&value, scales + i, 4);
      if (!std::isfinite(value))
        return true;
    }
    return false;
  case QMM_DTYPE_E8M0:
    return std::memchr(scales, 0xFF, bytes) != nullptr;
  default:
    return std::memchr(scales, 0x7F, bytes) != nullptr;
  }
}

Status WeightConverter::checkNonfinite(const LinearLayer &layer,
                                       const qmm_tensor &wide,
                                       NonfiniteCount &count) const {
  Result<NonfiniteCount> found = countNonfinite(executor, wide);
  if (!found.ok())
    return found.getStatus();
  count = *found;
  if (options.allowNonfinite || (count.nans == 0 && count.infinities == 0))
    return {};
  return Status(QMM_STATUS_MALFORMED,
                "layer " + quoteName(layer.name) + ": the weight has " +
                    std::to_string(count.nans) + " NaN and " +
                    std::to_string(count.infinities) + " infinite values of " +
                    std::to_string(layer.n * layer.k) +
                    ", expected none (--allow-nonfinite makes 0 of NaN and "
                    "the largest finite value of an infinity)");
}

Status WeightConverter::quantizeWeight(const qmm_tensor &wide,
                                       const qmm_tensor &dst, Output &output,
                                       qmm_scale_source source) {
  qmm_quantize_params params = {};
  params.struct_size = sizeof(params);
  params.scale_source = source;
  params.scale_precision_input = options.scalePrecisionInput;
  Status status = options.searchScales
                      ? quantizeWithSearch(executor, wide, params, dst)
                      : quantize(executor, wide, params, dst);
  if (!status.ok())
    return status;
  if (!options.measure)
    return {};
  Result<ErrorSums> sums = measureError(executor, wide, dst);
  if (!sums.ok())
    return sums.getStatus();
  output.sqnr = sums->getSqnr();
  return {};
}

/// x such that 1 / x is the tensor scale.  UNSUPPORTED when there is none: f32
/// has fewer reciprocals than values in half of each binade.
static Status invertTensorScale(const LinearLayer &layer, float &tensorScale) {
  float inverse = 1 / tensorScale;
  if (tensorScale == 0) {
    // Of a weight that is all zero: any scale says the same.
    tensorScale = 1;
    return {};
  }
  for (float candidate :
       {inverse, std::nextafter(inverse, 0.0f),
        std::nextafter(inverse, std::numeric_limits<float>::infinity())})
    if (1 / candidate == tensorScale) {
      tensorScale = candidate;
      return {};
    }
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", tensorScale);
  return Status(QMM_STATUS_UNSUPPORTED,
                "layer " + quoteName(layer.name) + ": the tensor scale " +
                    text +
                    " isn't 1 / x of any f32 x, which this layout stores");
}

/// What remains when the weight is quantized: a tensor scale that is stored as
/// its reciprocal has to be one.
Result<WeightConverter::Output>
WeightConverter::finish(const LinearLayer &layer, const LayerStorage &storage,
                        const qmm_tensor &wide, const qmm_tensor &dst,
                        Output &output) {
  // dst's tensor scale is the one in `output`.
  if (!storage.isReciprocal)
    return output;
  float rounded = 1 / (1 / output.tensorScale);
  if (output.tensorScale != 0 && rounded != output.tensorScale) {
    output.tensorScale = rounded;
    if (Status status =
            quantizeWeight(wide, dst, output, QMM_SCALES_TENSOR_SCALE_GIVEN);
        !status.ok())
      return status;
  }
  Status status = invertTensorScale(layer, output.tensorScale);
  return status.ok() ? Result<Output>(output) : status;
}

Result<WeightConverter::Output>
WeightConverter::convert(const Checkpoint &checkpoint, const LinearLayer &layer,
                         const LayerStorage &storage) {
  Output output;
  auto noMemory = [&] {
    return Status(QMM_STATUS_OUT_OF_MEMORY,
                  "layer " + quoteName(layer.name) +
                      ": out of memory for its weight of " +
                      std::to_string(layer.n) + " x " +
                      std::to_string(layer.k));
  };
  uint8_t *weightAt = weight.get(storage.weight.bytes);
  uint8_t *scaleAt = scale.get(storage.scale.bytes);
  if (!weightAt || !scaleAt)
    return noMemory();
  output.weight = weightAt;
  output.scale = scaleAt;
  qmm_tensor src = describeSource(checkpoint, layer);
  qmm_tensor dst =
      storage.describe(layer, weightAt, scaleAt, &output.tensorScale);

  // One scheme: codes and scales move, no value changes.
  if (src.scheme == dst.scheme) {
    Status status = relayout(executor, src, dst);
    output.sqnr = ErrorSums().getSqnr();
    if (status.ok() && storage.isReciprocal)
      status = invertTensorScale(layer, output.tensorScale);
    return status.ok() ? Result<Output>(output) : status;
  }
  qmm_tensor wide = src;
  if (!isWide(src.scheme)) {
    if (!isWide(dst.scheme)) {
      LayerStorage values;
      values.scheme.element = QMM_DTYPE_F32;
      uint8_t *memory = wideValues.get(uint64_t(layer.n) * layer.k * 4);
      if (!memory)
        return noMemory();
      wide = values.describe(layer, memory, nullptr, nullptr);
    } else {
      wide = dst;
    }
    if (Status status = dequantize(executor, src, wide); !status.ok())
      return status;
    if (isWide(dst.scheme)) {
      Status status = checkNonfinite(layer, wide, output.nonfinite);
      if (status.ok() && options.measure) {
        Result<ErrorSums> sums = measureError(executor, wide, src);
        if (!sums.ok())
          return sums.getStatus();
        output.sqnr = sums->getSqnr();
      }
      return status.ok() ? Result<Output>(output) : status;
    }
  }
  if (Status status = quantizeWeight(wide, dst, output); !status.ok())
    return status;
  if (!hasNonfiniteScale(storage, scaleAt, output.tensorScale))
    return finish(layer, storage, wide, dst, output);
  if (Status status = checkNonfinite(layer, wide, output.nonfinite);
      !status.ok())
    return status;
  LayerStorage values;
  values.scheme.element = QMM_DTYPE_F32;
  uint8_t *memory = finiteValues.get(uint64_t(layer.n) * layer.k * 4);
  if (!memory)
    return noMemory();
  qmm_tensor finite = values.describe(layer, memory, nullptr, nullptr);
  if (Status status = replaceNonfinite(executor, wide, finite); !status.ok())
    return status;
  if (Status status = quantizeWeight(finite, dst, output); !status.ok())
    return status;
  return finish(layer, storage, finite, dst, output);
}
