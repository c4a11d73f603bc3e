//===- convert/FamilyConfig.cpp - What declares a family -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See FamilyConfig.h.
//
//===----------------------------------------------------------------------===//
#include "convert/FamilyConfig.h"
#include "checkpoint/Json.h"
#include "convert/Target.h"
#include "numerics/Layouts.h"

#include <map>

using namespace qmmrt;

std::string qmmrt::getConfigName(FileLayout family) {
  return family == FileLayout::ModelOpt            ? "hf_quant_config.json"
         : family == FileLayout::CompressedTensors ? "config.json"
                                                   : "";
}

static std::string quoteList(const std::vector<std::string> &names) {
  std::string text = "[";
  for (const std::string &name : names)
    text += (text.size() > 1 ? ", " : "") + quoteJson(name);
  return text + "]";
}

static std::string buildModelOpt(const std::vector<ConfiguredLayer> &layers) {
  std::map<std::string, std::vector<std::string>> byAlgorithm;
  std::vector<std::string> excluded;
  for (const ConfiguredLayer &layer : layers) {
    if (isWide(layer.scheme))
      excluded.push_back(layer.name);
    else if (!layer.scheme.has_tensor_scale)
      byAlgorithm["FP8"].push_back(layer.name);
    else
      byAlgorithm[layer.hasInputScale ? "NVFP4" : "W4A16_NVFP4"].push_back(
          layer.name);
  }
  auto getFields = [](const std::string &algorithm) {
    return "\"quant_algo\": " + quoteJson(algorithm) +
           (algorithm == "FP8" ? "" : ", \"group_size\": 16");
  };
  std::string text = "{\"producer\": {\"name\": \"quant-convert\"}, "
                     "\"quantization\": {";
  if (byAlgorithm.size() == 1) {
    text += getFields(byAlgorithm.begin()->first) +
            ", \"exclude_modules\": " + quoteList(excluded);
  } else {
    text += "\"quant_algo\": \"MIXED_PRECISION\", \"quantized_layers\": {";
    const char *separator = "";
    for (const auto &[algorithm, names] : byAlgorithm)
      for (const std::string &name : names) {
        text +=
            separator + quoteJson(name) + ": {" + getFields(algorithm) + "}";
        separator = ", ";
      }
    text += "}";
  }
  return text + ", \"kv_cache_quant_algo\": null}}\n";
}

namespace {
struct Group {
  qmm_scheme scheme;
  bool hasInputScale;
  std::vector<std::string> names;
};
} // namespace

static std::string getFormat(const qmm_scheme &scheme) {
  std::string name = nameScheme(scheme);
  return name == "nvfp4"                  ? "nvfp4-pack-quantized"
         : name == "mxfp4"                ? "mxfp4-pack-quantized"
         : name == "mxfp8"                ? "mxfp8-quantized"
         : scheme.element == QMM_DTYPE_I8 ? "int-quantized"
                                          : "float-quantized";
}

/// `activation`: whose scale is one for the tensor, and computed by blocks.
static std::string getArguments(const qmm_scheme &scheme, bool activation) {
  std::string bits = scheme.element == QMM_DTYPE_E2M1 ? "4" : "8";
  std::string type = scheme.element == QMM_DTYPE_I8 ? "int" : "float";
  std::string strategy = scheme.has_tensor_scale ? "tensor_group"
                         : scheme.block_k        ? "group"
                         : scheme.block_outer    ? "channel"
                                                 : "tensor";
  std::string size = scheme.block_k ? std::to_string(scheme.block_k) : "null";
  std::string dynamic =
      activation && scheme.has_tensor_scale ? "\"local\"" : "false";
  return "{\"num_bits\": " + bits + ", \"type\": \"" + type +
         "\", \"strategy\": \"" + strategy + "\", \"group_size\": " + size +
         ", \"symmetric\": true, \"dynamic\": " + dynamic + "}";
}

static std::string
buildCompressedTensors(const std::vector<ConfiguredLayer> &layers) {
  std::vector<Group> groups;
  std::vector<std::string> ignored;
  for (const ConfiguredLayer &layer : layers) {
    if (isWide(layer.scheme)) {
      ignored.push_back(layer.name);
      continue;
    }
    Group *found = nullptr;
    for (Group &group : groups)
      if (group.scheme == layer.scheme &&
          group.hasInputScale == layer.hasInputScale)
        found = &group;
    if (!found)
      found =
          &groups.emplace_back(Group{layer.scheme, layer.hasInputScale, {}});
    found->names.push_back(layer.name);
  }
  std::string format, text;
  for (size_t i = 0; i < groups.size(); ++i) {
    const Group &group = groups[i];
    std::string own = getFormat(group.scheme);
    format = format.empty() || format == own ? own : "mixed-precision";
    text += (i ? ", " : "") + ("\"group_" + std::to_string(i) + "\"") +
            ": {\"targets\": " + quoteList(group.names) +
            ", \"weights\": " + getArguments(group.scheme, false) +
            ", \"input_activations\": " +
            (group.hasInputScale ? getArguments(group.scheme, true) : "null") +
            ", \"format\": " + quoteJson(own) + "}";
  }
  return "{\"quant_method\": \"compressed-tensors\", \"format\": " +
         quoteJson(format) +
         ", \"quantization_status\": \"compressed\", \"config_groups\": {" +
         text + "}, \"ignore\": " + quoteList(ignored) + "}";
}

Result<std::string>
qmmrt::buildConfig(FileLayout family,
                   const std::vector<ConfiguredLayer> &layers,
                   const std::string &old) {
  if (family == FileLayout::ModelOpt)
    return buildModelOpt(layers);
  std::string text = "{";
  if (!old.empty()) {
    constexpr unsigned kMaxDepth = 32;
    Result<JsonValue> document = parseJson(old, kMaxDepth);
    if (!document.ok())
      return document.getStatus();
    for (const JsonMember &member : document->members)
      if (member.key != "quantization_config")
        text += quoteJson(member.key) + ": " + dumpJson(member.value) + ", ";
  }
  return text + "\"quantization_config\": " + buildCompressedTensors(layers) +
         "}\n";
}
