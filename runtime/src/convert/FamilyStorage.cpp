//===- convert/FamilyStorage.cpp - Other families' storage -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Neither family pads or tiles, and both pack the low nibble first.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Json.h"
#include "convert/LayerStorage.h"
#include "convert/Target.h"
#include "numerics/Elements.h"
#include "numerics/Layouts.h"

using namespace qmmrt;

static Status refuse(const LinearLayer &layer, const std::string &text) {
  return Status(QMM_STATUS_UNSUPPORTED,
                "layer " + quoteName(layer.name) + ": " + text);
}

/// The weight, and scales of blocks as a matrix.
static Status storePlainly(const LinearLayer &layer, LayerStorage &result) {
  const qmm_scheme &scheme = result.scheme;
  bool packed = scheme.element == QMM_DTYPE_E2M1;
  if (scheme.block_k && layer.k % scheme.block_k)
    return refuse(layer, "K = " + std::to_string(layer.k) +
                             " isn't whole blocks of " + nameScheme(scheme) +
                             ", and this layout doesn't pad");
  result.layout.nibbles = packed ? QMM_NIBBLES_LO_FIRST : QMM_NIBBLES_NONE;
  result.weight.dtype =
      packed ? QMM_DTYPE_U8 : static_cast<qmm_dtype>(scheme.element);
  result.weight.shape = {layer.n, packed ? layer.k / 2 : layer.k};
  result.scale.name = layer.name + ".weight_scale";
  result.scale.dtype = scheme.scale == QMM_DTYPE_E8M0
                           ? QMM_DTYPE_U8
                           : static_cast<qmm_dtype>(scheme.scale);
  if (scheme.block_outer || scheme.block_k) {
    ScaleExtents scales = getLogicalScales(scheme, layer.n, layer.k);
    result.scale.shape = {scales.rows, scales.cols};
  }
  if (scheme.has_tensor_scale)
    result.inputRange =
        getMaxFinite(QMM_DTYPE_E4M3) * getMaxFinite(QMM_DTYPE_E2M1);
  else if (scheme.element == QMM_DTYPE_E4M3 && !scheme.block_outer)
    result.inputRange = getMaxFinite(QMM_DTYPE_E4M3);
  return {};
}

Status qmmrt::storeAsModelOpt(const LinearLayer &layer, LayerStorage &result) {
  std::string name = nameScheme(result.scheme);
  if (name != "nvfp4" && name != "fp8")
    return refuse(layer, "the layout modelopt is written for nvfp4 and fp8, "
                         "not for " +
                             name);
  if (Status status = storePlainly(layer, result); !status.ok())
    return status;
  if (result.scheme.has_tensor_scale) {
    result.tensorScale.name = layer.name + ".weight_scale_2";
    result.tensorScale.dtype = QMM_DTYPE_F32;
  }
  result.inputScale = layer.name + ".input_scale";
  return {};
}

Status qmmrt::storeAsCompressedTensors(const LinearLayer &layer,
                                       LayerStorage &result) {
  std::string name = nameScheme(result.scheme);
  bool known = name == "nvfp4" || name == "mxfp4" || name == "mxfp8" ||
               name == "fp8" || name == "fp8_row" || name == "int8" ||
               name == "int8_row";
  if (!known)
    return refuse(layer, "the layout compressed-tensors is written for nvfp4, "
                         "mxfp4, mxfp8, fp8, fp8_row, int8 and int8_row, not "
                         "for " +
                             name);
  if (!layer.preQuantScale.empty())
    return refuse(layer, "has a pre_quant_scale, for which the layout "
                         "compressed-tensors has no key");
  if (Status status = storePlainly(layer, result); !status.ok())
    return status;
  if (result.scheme.element == QMM_DTYPE_E2M1)
    result.weight.name = layer.name + ".weight_packed";
  if (result.scale.shape.empty())
    result.scale.shape = {1};
  result.inputScaleShape = {1};
  if (result.inputRange != 0)
    result.inputScale = layer.name + ".input_scale";
  if (result.scheme.has_tensor_scale) {
    result.isReciprocal = true;
    result.tensorScale.name = layer.name + ".weight_global_scale";
    result.tensorScale.dtype = QMM_DTYPE_F32;
    result.tensorScale.shape = {1};
    result.inputScale = layer.name + ".input_global_scale";
  }
  return {};
}
