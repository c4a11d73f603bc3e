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
#include "numerics/Elements.h"

#include <algorithm>
#include <cctype>
#include <iterator>

using namespace qmmrt;

std::string_view qmmrt::getModule(std::string_view key) {
  size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view()
                                       : key.substr(0, dot);
}

std::string_view qmmrt::getLastComponent(std::string_view key) {
  return key.substr(key.rfind('.') + 1); // npos + 1 is 0
}

static bool isFloat8(qmm_dtype dtype) {
  return dtype == QMM_DTYPE_E4M3 || dtype == QMM_DTYPE_E5M2;
}

Status qmmrt::readBias(const Checkpoint &checkpoint, LinearLayer &layer) {
  const SafetensorsTensor *bias = checkpoint.find(layer.name + ".bias");
  if (!bias)
    return {};
  if (!isWide(bias->dtype) || bias->shape != std::vector{layer.n})
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

namespace {
using Declarations = std::map<std::string, Declaration, std::less<>>;
using DeclaredLayers = std::unordered_map<std::string_view, DeclaredLayer>;

class LayersReader {
public:
  LayersReader(const Checkpoint &checkpoint,
               std::vector<SkippedWeight> *skipped, FileLayout layout)
      : checkpoint(checkpoint), skipped(skipped), layout(layout) {}
  Status run();
  std::vector<LinearLayer> layers;

private:
  /// What each quantized module's declaration says, whoever made it.
  Status declareModules();
  Status declareByComfy();
  Status readTensor(const SafetensorsTensor &tensor);
  Status readUndeclared(const SafetensorsTensor &tensor);
  Status add(Result<LinearLayer> layer) {
    if (layer.ok())
      layers.push_back(std::move(*layer));
    return layer.getStatus();
  }
  /// The mark that quantizes `module`; nullptr if none does.
  const LegacyMark *findLegacy(std::string_view module) const {
    if (marks.empty())
      return nullptr;
    const SafetensorsTensor *weight =
        checkpoint.find(std::string(module) + ".weight");
    return weight && isFloat8(weight->dtype) && weight->shape.size() == 2
               ? findMark(marks, module)
               : nullptr;
  }

  const Checkpoint &checkpoint;
  std::vector<SkippedWeight> *skipped;
  FileLayout layout;
  ModuleIndex modules;
  std::vector<LegacyMark> marks;
  DeclaredLayers declared;
};
} // namespace

Status LayersReader::declareByComfy() {
  auto declarations = readComfyDeclarations(checkpoint);
  if (!declarations.ok())
    return declarations.getStatus();
  for (auto &[name, declaration] : *declarations) {
    auto module = modules.find(name);
    if (module == modules.end() || !checkpoint.find(name + ".weight"))
      return Status(QMM_STATUS_MALFORMED, declaration.source +
                                              ": the file has no tensor " +
                                              quoteName(name + ".weight"));
    Result<FormatRule> rule = getComfyFormat(declaration);
    if (!rule.ok())
      return rule.getStatus();
    declared.emplace(module->first, DeclaredLayer{std::move(declaration), *rule,
                                                  getComfyRules()});
  }
  return {};
}

Status LayersReader::declareModules() {
  Status status = declareByComfy();
  if (!status.ok())
    return status;
  auto found = findLegacyMarks(checkpoint);
  if (!found.ok())
    return found.getStatus();
  marks = std::move(*found);
  // In the files' order, so that the same error always comes first.
  std::vector<const SafetensorsTensor *> undeclared;
  for (const SafetensorsTensor *tensor : checkpoint.getTensors()) {
    std::string_view module = getModule(tensor->name);
    if (!declared.count(module) && hasQuantizedTensors(modules[module]) &&
        !findLegacy(module))
      undeclared.push_back(tensor);
  }
  // A config that isn't needed may be of anything.
  if (undeclared.empty() && layout == FileLayout::Declared)
    return {};
  auto family = readConfigFamily(checkpoint);
  if (!family.ok())
    return family.getStatus();
  if (layout != FileLayout::Declared) {
    std::string by = !declared.empty()
                         ? declared.begin()->second.declaration.source
                     : !marks.empty() ? "the mark " + quoteName(marks[0].key)
                     : *family        ? (*family)->description
                                      : std::string();
    if (!by.empty())
      return Status(QMM_STATUS_INVALID_ARGUMENT,
                    checkpoint.getName() +
                        ": --layout is for a checkpoint that declares no "
                        "format, but this one does: " +
                        by);
  } else if (!*family) {
    return {};
  }
  for (const SafetensorsTensor *tensor : undeclared) {
    std::string_view module = getModule(tensor->name);
    if (declared.count(module))
      continue;
    std::string name(module);
    Result<DeclaredLayer> layer = *family
                                      ? (*family)->declare(name)
                                      : inferLayer(checkpoint, name, layout);
    if (!layer.ok())
      return layer.getStatus();
    if (*family)
      layer->declaration.origDtype = (*family)->expressed;
    std::string weight = name + "." + std::string(layer->family.weight);
    if (!checkpoint.find(weight))
      return malformed(checkpoint, *tensor,
                       "has no tensor " + quoteName(weight) + " beside it");
    declared.emplace(module, std::move(*layer));
  }
  return {};
}

Status LayersReader::run() {
  for (const SafetensorsTensor *tensor : checkpoint.getTensors())
    modules[getModule(tensor->name)].push_back(tensor);
  Status status = declareModules();
  if (!status.ok())
    return status;
  for (const SafetensorsTensor *tensor : checkpoint.getTensors()) {
    status = readTensor(*tensor);
    if (!status.ok())
      return status;
  }
  return {};
}

Status LayersReader::readTensor(const SafetensorsTensor &tensor) {
  std::string_view module = getModule(tensor.name);
  std::string_view component = getLastComponent(tensor.name);
  auto it = declared.find(module);
  if (it != declared.end())
    return component == it->second.family.weight
               ? add(readScaledLayer(checkpoint, modules, std::string(module),
                                     it->second))
               : Status();
  if (const LegacyMark *mark = findLegacy(module))
    return component == "weight"
               ? add(readLegacyLayer(checkpoint, modules, *mark, tensor))
               : Status();
  if (areExpertScales(checkpoint, tensor))
    return {};
  auto experts = readExperts(checkpoint, tensor);
  if (!experts.ok())
    return experts.getStatus();
  if (!experts->empty()) {
    std::move(experts->begin(), experts->end(), std::back_inserter(layers));
    return {};
  }
  return readUndeclared(tensor);
}

Status LayersReader::readUndeclared(const SafetensorsTensor &tensor) {
  Status refusal = refuseOtherFamily(checkpoint, modules, tensor);
  if (!refusal.ok() || getLastComponent(tensor.name) != "weight")
    return refusal;
  bool isFloat = isWide(tensor.dtype) || tensor.dtype == QMM_DTYPE_F64;
  if (tensor.shape.size() == 2 && !isFloat)
    return refuseUndeclared(checkpoint, tensor);
  std::string reason = whyNotLinear(tensor);
  if (!reason.empty()) {
    if (skipped)
      skipped->push_back({tensor.name, reason});
    return {};
  }
  LinearLayer layer;
  layer.name = getModule(tensor.name);
  layer.n = tensor.shape[0];
  layer.k = tensor.shape[1];
  layer.scheme.element = tensor.dtype;
  layer.expressed = tensor.dtype;
  layer.weight = tensor.name;
  Status status = readBias(checkpoint, layer);
  if (status.ok())
    layers.push_back(std::move(layer));
  return status;
}

Result<std::vector<LinearLayer>>
qmmrt::readLinearLayers(const Checkpoint &checkpoint,
                        std::vector<SkippedWeight> *skipped,
                        FileLayout layout) {
  LayersReader reader(checkpoint, skipped, layout);
  Status status = reader.run();
  if (!status.ok())
    return status;
  return std::move(reader.layers);
}

uint64_t qmmrt::getStoredBytes(const Checkpoint &checkpoint,
                               const LinearLayer &layer) {
  uint64_t bytes = 0;
  for (const std::string *key :
       {&layer.weight, &layer.weightScale, &layer.tensorScale})
    if (!key->empty())
      bytes += checkpoint.find(*key)->bytes;
  return bytes;
}
