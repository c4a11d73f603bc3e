//===- checkpoint/InferredLayer.cpp - --layout -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The user says whose bytes these are; keys, types and shapes then say which of
// that family's formats.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Family.h"

using namespace qmmrt;

static const char *getLayoutName(FileLayout layout) {
  switch (layout) {
  case FileLayout::Comfy:
    return "comfy";
  case FileLayout::ModelOpt:
    return "modelopt";
  default:
    return "compressed-tensors";
  }
}

/// The rule of a weight and its block scales; a rule without a name for none.
static FormatRule getRule(const SafetensorsTensor &weight,
                          const SafetensorsTensor *scale, bool hasTensorScale) {
  bool isE8M0 =
      scale && (scale->dtype == QMM_DTYPE_U8 || scale->dtype == QMM_DTYPE_E8M0);
  switch (weight.dtype) {
  case QMM_DTYPE_U8:
    if (hasTensorScale)
      return {"nvfp4", QMM_DTYPE_E2M1, ScaleKind::NVFP4, 16, true};
    if (isE8M0)
      return {"mxfp4", QMM_DTYPE_E2M1, ScaleKind::MX, 32, false};
    return {};
  case QMM_DTYPE_E4M3:
    if (isE8M0)
      return {"mxfp8", QMM_DTYPE_E4M3, ScaleKind::MX, 32, false};
    return {"float8_e4m3fn", QMM_DTYPE_E4M3, ScaleKind::Any, 0, true};
  case QMM_DTYPE_E5M2:
    return {"float8_e5m2", QMM_DTYPE_E5M2, ScaleKind::Any, 0, true};
  case QMM_DTYPE_I8:
    return {"int8", QMM_DTYPE_I8, ScaleKind::Any, 0, false};
  default:
    return {};
  }
}

Result<DeclaredLayer> qmmrt::inferLayer(const Checkpoint &checkpoint,
                                        const std::string &layer,
                                        FileLayout layout) {
  auto find = [&](std::string_view component) {
    return checkpoint.find(layer + "." + std::string(component));
  };
  DeclaredLayer declared;
  declared.declaration.source =
      checkpoint.getName() + ": --layout=" + getLayoutName(layout);
  bool isPacked =
      layout == FileLayout::CompressedTensors && find("weight_packed");
  declared.family = layout == FileLayout::Comfy ? getComfyRules()
                    : layout == FileLayout::ModelOpt
                        ? getModelOptRules()
                        : getCompressedTensorsRules(isPacked ? QMM_DTYPE_E2M1
                                                             : QMM_DTYPE_E4M3);
  const SafetensorsTensor *weight = find(declared.family.weight);
  if (!weight)
    return Status(
        QMM_STATUS_MALFORMED,
        declared.declaration.source + ": the layer " + quoteName(layer) +
            " has no tensor " +
            quoteName(layer + "." + std::string(declared.family.weight)));
  declared.rule = getRule(*weight, find(declared.family.weightScale),
                          find(declared.family.tensorScale) != nullptr);
  if (!declared.rule.name)
    return unsupported(checkpoint, *weight,
                       "found " + describeTensor(*weight) +
                           ", which is no format's weight with the scales of "
                           "--layout=" +
                           getLayoutName(layout));
  declared.declaration.format = declared.rule.name;
  return declared;
}
