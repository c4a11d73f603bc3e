//===- checkpoint/ModelOpt.cpp - ModelOpt -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One algorithm for all layers, or each layer's in `quantized_layers`.  NVFP4
// has ComfyUI's keys over other bytes: rows of scales, the first code low.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/ConfigFields.h"
#include "checkpoint/Pattern.h"

#include <algorithm>

using namespace qmmrt;

using Kind = JsonValue::Kind;

namespace {
struct Algorithm {
  const char *name;
  FormatRule rule;
  bool fullPrecision; // the activation stays wide
};

class ModelOpt : public ConfigFamily {
public:
  Result<DeclaredLayer> declare(const std::string &layer) const override;
  std::string source;
  std::string algorithm;
  std::vector<std::pair<std::string, Pattern>> excluded;
  std::map<std::string, std::string, std::less<>> layers; // their algorithms
};
} // namespace

static constexpr char kMixed[] = "MIXED_PRECISION";

static constexpr FormatRule kNVFP4 = {"modelopt-nvfp4", QMM_DTYPE_E2M1,
                                      ScaleKind::NVFP4, 16, true};
static constexpr Algorithm kAlgorithms[] = {
    {"FP8",
     {"modelopt-fp8", QMM_DTYPE_E4M3, ScaleKind::Tensor, 0, true},
     false},
    {"FP8_PER_CHANNEL_PER_TOKEN",
     {"modelopt-fp8-row", QMM_DTYPE_E4M3, ScaleKind::Row, 0, false},
     false},
    {"NVFP4", kNVFP4, false},
    {"NVFP4_AWQ", kNVFP4, false},
    {"W4A16_NVFP4", kNVFP4, true},
    {"MXFP8",
     {"modelopt-mxfp8", QMM_DTYPE_E4M3, ScaleKind::MX, 32, false},
     false},
};

FamilyRules qmmrt::getModelOptRules() { return {}; }

static Result<const Algorithm *> findAlgorithm(const std::string &name,
                                               const std::string &source) {
  std::string expected;
  for (const Algorithm &algorithm : kAlgorithms) {
    if (name == algorithm.name)
      return &algorithm;
    expected += (expected.empty() ? "" : ", ") + std::string(algorithm.name);
  }
  return Status(QMM_STATUS_UNSUPPORTED,
                source + ": the 'quant_algo' " + quoteName(name) +
                    " is not read by this version, expected one of " +
                    expected);
}

Result<DeclaredLayer> ModelOpt::declare(const std::string &layer) const {
  for (const auto &[text, pattern] : excluded)
    if (isInModule(layer, text) || pattern.matchesPrefix(layer))
      return describeLeftOut(source, layer,
                             "an excluded module, " + quoteName(text) + ", is");
  std::string name = algorithm;
  if (algorithm == kMixed) {
    // A module speaks for what it holds; the nearest for a layer.
    auto it = layers.end();
    for (std::string_view part = layer; it == layers.end();) {
      it = layers.find(part);
      size_t dot = part.rfind('.');
      if (dot == std::string_view::npos)
        break;
      part = part.substr(0, dot);
    }
    if (it == layers.end())
      return describeLeftOut(source, layer, "'quantized_layers' leaves out");
    name = it->second;
  }
  Result<const Algorithm *> found = findAlgorithm(name, source);
  if (!found.ok())
    return found.getStatus();
  DeclaredLayer declared;
  declared.declaration.source = source;
  declared.declaration.format = (*found)->rule.name;
  declared.declaration.fullPrecision = (*found)->fullPrecision;
  declared.rule = (*found)->rule;
  declared.family = getModelOptRules();
  return declared;
}

static Status checkGroupSize(const JsonValue &object,
                             const std::string &algorithm,
                             const std::string &source) {
  const JsonValue *size = object.find("group_size");
  Result<const Algorithm *> found = findAlgorithm(algorithm, source);
  if (!size || size->kind == Kind::Null || !found.ok())
    return {};
  int64_t expected = (*found)->rule.defaultGroup;
  if (size->kind == Kind::Integer &&
      (size->integer == expected || expected == 0))
    return {};
  return Status(QMM_STATUS_UNSUPPORTED,
                source + ": the 'group_size' is " +
                    (size->kind == Kind::Integer ? std::to_string(size->integer)
                                                 : getKindName(size->kind)) +
                    ", expected " + std::to_string(expected) + " for " +
                    algorithm);
}

static Status readLayers(const JsonValue &config, ModelOpt &family) {
  const std::string &source = family.source;
  const JsonValue *layers = config.find("quantized_layers");
  if (!layers || layers->kind != Kind::Object || layers->members.empty())
    return Status(QMM_STATUS_MALFORMED,
                  source + ": 'quantized_layers' is " +
                      (layers ? getKindName(layers->kind) : "missing") +
                      ", expected each layer's algorithm under " + kMixed);
  for (const JsonMember &member : layers->members) {
    std::string where = source + ", layer " + quoteName(member.key);
    Status status = checkKnownFields(
        member.value, where,
        {"quant_algo", "group_size", "has_zero_point", "pre_quant_scale"});
    if (!status.ok())
      return status;
    if (const JsonValue *zero = member.value.find("has_zero_point");
        zero && zero->boolean)
      return Status(QMM_STATUS_UNSUPPORTED,
                    where + ": has zero points, which this version doesn't "
                            "read");
    Result<std::string> name =
        getStringField(member.value, "quant_algo", where);
    if (!name.ok())
      return name.getStatus();
    status = checkGroupSize(member.value, *name, where);
    if (!status.ok())
      return status;
    family.layers.emplace(member.key, std::move(*name));
  }
  return {};
}

Result<std::unique_ptr<ConfigFamily>>
qmmrt::readModelOpt(const JsonValue &config, const std::string &source) {
  auto family = std::make_unique<ModelOpt>();
  family->description = "ModelOpt";
  family->source = source;
  // Of hf_quant_config.json, and of config.json, whose config_groups repeat for
  // other readers what the algorithm says.
  Status status = checkKnownFields(
      config, source,
      {"quant_method", "quant_algo", "kv_cache_quant_algo", "kv_cache_scheme",
       "group_size", "exclude_modules", "ignore", "quantized_layers",
       "config_groups", "producer", "has_zero_point", "pre_quant_scale"});
  if (!status.ok())
    return status;
  if (const JsonValue *zero = config.find("has_zero_point");
      zero && zero->boolean)
    return Status(QMM_STATUS_UNSUPPORTED,
                  source +
                      ": has zero points, which this version doesn't read");
  Result<std::string> algorithm = getStringField(config, "quant_algo", source);
  if (!algorithm.ok())
    return algorithm.getStatus();
  family->algorithm = *algorithm;
  status = family->algorithm == kMixed
               ? readLayers(config, *family)
               : findAlgorithm(family->algorithm, source).getStatus();
  if (status.ok())
    status = checkGroupSize(config, family->algorithm, source);
  if (!status.ok())
    return status;
  for (const char *field : {"exclude_modules", "ignore"}) {
    auto names = getNamesField(config, field, source);
    if (!names.ok())
      return names.getStatus();
    for (std::string &name : *names) {
      Result<Pattern> pattern = Pattern::parseGlob(name);
      if (!pattern.ok())
        return Status(pattern.getStatus().getCode(),
                      source + ": " + pattern.getStatus().getMessage());
      family->excluded.emplace_back(std::move(name), std::move(*pattern));
    }
  }
  return std::unique_ptr<ConfigFamily>(std::move(family));
}
