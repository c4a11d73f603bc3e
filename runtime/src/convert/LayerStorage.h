//===- convert/LayerStorage.h - How a layer is stored -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tensors and the declaration that a family's readers expect of a layer in
// a scheme: the reverse of what checkpoint/ reads.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CONVERT_LAYERSTORAGE_H
#define QMMRT_CONVERT_LAYERSTORAGE_H

#include "checkpoint/Layers.h"
#include "checkpoint/SafetensorsWriter.h"

namespace qmmrt {

struct LayerStorage {
  qmm_scheme scheme = {};
  qmm_layout layout = {};
  SafetensorsEntry weight, scale, tensorScale; // no name: there is none
  std::string inputScale; // the key of a static activation scale; "": none
  std::vector<int64_t> inputScaleShape; // of one element
  /// amax / inputRange is that scale; 0 where the format wants a 1 that says
  /// nothing.
  float inputRange = 0;
  /// The tensor scale and the activation's are stored as 1 / x.
  bool isReciprocal = false;
  /// ComfyUI's JSON, for `comfy_quant` and `_quantization_metadata`; "" for a
  /// full-precision layer.
  std::string declaration;

  uint64_t getBytes() const {
    return weight.bytes + scale.bytes + tensorScale.bytes;
  }
  /// The logical tensor over three buffers of those sizes.
  qmm_tensor describe(const LinearLayer &layer, void *weight, void *scale,
                      float *tensorScale) const;
};

/// A family's storage of `layer` in `scheme`; UNSUPPORTED when it has none, or
/// none for these extents.
Result<LayerStorage> getStorage(const LinearLayer &layer,
                                const qmm_scheme &scheme, FileLayout family);

/// Internal to getStorage: those of quantized layers.  Sizes are filled there.
Status storeAsComfy(const LinearLayer &layer, LayerStorage &result);
Status storeAsModelOpt(const LinearLayer &layer, LayerStorage &result);
Status storeAsCompressedTensors(const LinearLayer &layer, LayerStorage &result);

} // namespace qmmrt

#endif // QMMRT_CONVERT_LAYERSTORAGE_H
