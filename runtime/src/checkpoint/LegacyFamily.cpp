//===- checkpoint/LegacyFamily.cpp - Old FP8 files -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One tensor `scaled_fp8` marks the file (or the part below its prefix);
// `scale_weight` and `scale_input` lie beside each weight.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Family.h"

using namespace qmmrt;

// Each layer is compared with each mark.
static constexpr size_t kMaxMarks = 64;

Result<std::vector<LegacyMark>>
qmmrt::findLegacyMarks(const Checkpoint &checkpoint) {
  std::vector<LegacyMark> marks;
  for (const SafetensorsTensor *it : checkpoint.getTensors()) {
    const SafetensorsTensor &tensor = *it;
    if (getLastComponent(tensor.name) != "scaled_fp8")
      continue;
    if (marks.size() == kMaxMarks)
      return malformed(checkpoint, tensor,
                       "is one of more than " + std::to_string(kMaxMarks) +
                           " marks, expected one for each part of a model");
    std::string prefix(getModule(tensor.name));
    marks.push_back({prefix.empty() ? prefix : prefix + ".", tensor.name,
                     tensor.getNumElements() == 2});
  }
  return marks;
}

const LegacyMark *qmmrt::findMark(const std::vector<LegacyMark> &marks,
                                  std::string_view layer) {
  const LegacyMark *best = nullptr;
  for (const LegacyMark &mark : marks)
    if (layer.substr(0, mark.prefix.size()) == mark.prefix &&
        (!best || mark.prefix.size() > best->prefix.size()))
      best = &mark;
  return best;
}

Result<LinearLayer> qmmrt::readLegacyLayer(const Checkpoint &checkpoint,
                                           const ModuleIndex &modules,
                                           const LegacyMark &mark,
                                           const SafetensorsTensor &weight) {
  bool isE5M2 = weight.dtype == QMM_DTYPE_E5M2;
  DeclaredLayer declared;
  Declaration &declaration = declared.declaration;
  declaration.source = checkpoint.getName() + ": the mark '" + mark.key + "'";
  declaration.format = isE5M2 ? "float8_e5m2" : "float8_e4m3fn";
  declaration.fullPrecision = mark.fullPrecision;
  declared.rule = {"scaled_fp8", isE5M2 ? QMM_DTYPE_E5M2 : QMM_DTYPE_E4M3,
                   ScaleKind::Any, 0, true};
  declared.family = getComfyRules();
  declared.family.weightScale = "scale_weight";
  declared.family.inputScale = "scale_input";
  declared.family.unitInputScaleIsNone = true;
  Result<LinearLayer> layer = readScaledLayer(
      checkpoint, modules, std::string(getModule(weight.name)), declared);
  if (layer.ok())
    layer->notes.insert(layer->notes.begin(),
                        "legacy file, marked by '" + mark.key + "'");
  return layer;
}
