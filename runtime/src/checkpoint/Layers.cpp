//===- checkpoint/Layers.cpp - The linear layers -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Goes through a file once, gives each weight to the family that declares it,
// and leaves nothing out in silence.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Layers.h"
#include "checkpoint/Family.h"
#include "checkpoint/Json.h"

#include <algorithm>
#include <cctype>

using namespace qmmrt;

std::string_view qmmrt::getModule(std::string_view key) {
  size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view()
                                       : key.substr(0, dot);
}

std::string_view qmmrt::getLastComponent(std::string_view key) {
  return key.substr(key.rfind('.') + 1); // npos + 1 is 0
}

static bool isWideType(qmm_dtype dtype) {
  return dtype == QMM_DTYPE_F32 || dtype == QMM_DTYPE_BF16 ||
         dtype == QMM_DTYPE_F16;
}

static bool isFloat8(qmm_dtype dtype) {
  return dtype == QMM_DTYPE_E4M3 || dtype == QMM_DTYPE_E5M2;
}

Status qmmrt::readBias(const Checkpoint &checkpoint, LinearLayer &layer) {
  const SafetensorsTensor *bias = checkpoint.find(layer.name + ".bias");
  if (!bias)
    return {};
  if (!isWideType(bias->dtype) || bias->shape != std::vector{layer.n})
    return malformed(
        checkpoint, *bias,
        "found " + describeTensor(*bias) + ", expected F32, BF16 or F16 " +
            describeShape({layer.n}) + " for a weight of " +
            std::to_string(layer.n) + " x " + std::to_string(layer.k));
  layer.bias = bias->name;
  return {};
}

/// Does the module's own name say that it looks rows up?
static bool looksLikeEmbedding(std::string_view module) {
  std::string name(getLastComponent(module));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  auto has = [&](const char *part) {
    return name.find(part) != std::string::npos;
  };
  return (has("embed") && !has("embedder")) || has("wte") || has("wpe");
}

/// Why an undeclared `X.weight` of a wide type isn't a linear layer; "" if it
/// is one.
static std::string whyNotLinear(const SafetensorsTensor &weight) {
  if (weight.name == "weight")
    return "has no module's name";
  if (weight.shape.size() != 2)
    return "has " + std::to_string(weight.shape.size()) +
           " dimensions, a linear layer's weight two";
  if (weight.getNumElements() == 0)
    return "is empty";
  if (weight.dtype == QMM_DTYPE_F64)
    return "is F64, which no layer computes in";
  if (looksLikeEmbedding(getModule(weight.name)))
    return "is named as an embedding";
  return "";
}

Result<std::vector<LinearLayer>>
qmmrt::readLinearLayers(const Checkpoint &checkpoint,
                        std::vector<SkippedWeight> *skipped) {
  auto declarations = readComfyDeclarations(checkpoint);
  if (!declarations.ok())
    return declarations.getStatus();
  auto marks = findLegacyMarks(checkpoint);
  if (!marks.ok())
    return marks.getStatus();
  ModuleIndex modules;
  for (const SafetensorsTensor *tensor : checkpoint.getTensors())
    modules[getModule(tensor->name)].push_back(tensor);
  for (const auto &[name, declaration] : *declarations)
    if (!checkpoint.find(name + ".weight"))
      return Status(QMM_STATUS_MALFORMED, declaration.source +
                                              ": the file has no tensor " +
                                              quoteName(name + ".weight"));

  auto isLegacy = [&](std::string_view module) -> const LegacyMark * {
    const SafetensorsTensor *weight =
        checkpoint.find(std::string(module) + ".weight");
    return weight && isFloat8(weight->dtype) && weight->shape.size() == 2
               ? findMark(*marks, module)
               : nullptr;
  };

  std::vector<LinearLayer> layers;
  for (const SafetensorsTensor *it : checkpoint.getTensors()) {
    const SafetensorsTensor &tensor = *it;
    std::string_view module = getModule(tensor.name);
    bool isWeight = getLastComponent(tensor.name) == "weight";
    auto declared = declarations->find(module);
    const LegacyMark *mark = nullptr;
    if (declared != declarations->end()) {
      if (!isWeight)
        continue;
      Result<FormatRule> rule = getComfyFormat(declared->second);
      if (!rule.ok())
        return rule.getStatus();
      auto layer = readScaledLayer(checkpoint, modules, declared->first,
                                   declared->second, *rule, kComfyKeys);
      if (!layer.ok())
        return layer.getStatus();
      layers.push_back(std::move(*layer));
      continue;
    }
    if ((mark = isLegacy(module))) {
      if (!isWeight)
        continue;
      auto layer = readLegacyLayer(checkpoint, modules, *mark, tensor);
      if (!layer.ok())
        return layer.getStatus();
      layers.push_back(std::move(*layer));
      continue;
    }

    Status refusal = refuseOtherFamily(checkpoint, modules, tensor);
    if (!refusal.ok())
      return refusal;
    if (!isWeight)
      continue;
    bool isFloat = isWideType(tensor.dtype) || tensor.dtype == QMM_DTYPE_F64;
    if (tensor.shape.size() == 2 && !isFloat)
      return unsupported(checkpoint, tensor,
                         "found " + describeTensor(tensor) +
                             ", but nothing declares its format (no "
                             "comfy_quant tensor, no _quantization_metadata, "
                             "no scaled_fp8 mark)");
    std::string reason = whyNotLinear(tensor);
    if (!reason.empty()) {
      if (skipped)
        skipped->push_back({tensor.name, reason});
      continue;
    }
    LinearLayer layer;
    layer.name = module;
    layer.n = tensor.shape[0];
    layer.k = tensor.shape[1];
    layer.scheme.element = tensor.dtype;
    layer.expressed = tensor.dtype;
    layer.weight = tensor.name;
    Status status = readBias(checkpoint, layer);
    if (!status.ok())
      return status;
    layers.push_back(std::move(layer));
  }
  return layers;
}
