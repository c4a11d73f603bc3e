//===- checkpoint/CompressedTensors.cpp - compressed-tensors -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Groups of targets with a scheme each; the most specific target of a layer
// decides: its name, then a regular expression, then the class `Linear`.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/ConfigFields.h"
#include "checkpoint/Pattern.h"

#include <algorithm>
#include <optional>

using namespace qmmrt;

using Kind = JsonValue::Kind;

namespace {
/// Names a layer exactly, by pattern, or every linear layer.
struct Target {
  enum Rank { Name, Regex, Class } rank = Name;
  std::string text;
  std::optional<Pattern> pattern;

  bool matches(const std::string &layer) const {
    return rank == Class   ? true
           : rank == Regex ? pattern->matchesPrefix(layer)
                           : layer == text;
  }
};

struct Group {
  std::vector<Target> targets;
  std::string source;
  Declaration declaration; // without its source
  FormatRule rule;
};

class CompressedTensors : public ConfigFamily {
public:
  Result<DeclaredLayer> declare(const std::string &layer) const override;
  std::string source;
  std::vector<Group> groups;
  std::vector<Target> ignored;
};
} // namespace

FamilyRules qmmrt::getCompressedTensorsRules(qmm_dtype element) {
  FamilyRules rules;
  rules.tensorScale = "weight_global_scale";
  if (element == QMM_DTYPE_E2M1) {
    rules.weight = "weight_packed";
    rules.inputScale = "input_global_scale";
    rules.divides = true;
  }
  return rules;
}

Result<DeclaredLayer>
CompressedTensors::declare(const std::string &layer) const {
  for (const Target &target : ignored)
    if (target.matches(layer))
      return describeLeftOut(source, layer,
                             "'ignore' " + quoteName(target.text) + " names");
  for (Target::Rank rank : {Target::Name, Target::Regex, Target::Class})
    for (const Group &group : groups)
      for (const Target &target : group.targets) {
        if (target.rank != rank || !target.matches(layer))
          continue;
        DeclaredLayer declared{group.declaration, group.rule,
                               getCompressedTensorsRules(group.rule.element)};
        declared.declaration.source = group.source;
        return declared;
      }
  return describeLeftOut(source, layer, "no group's target names");
}

static Result<std::vector<Target>> readTargets(const JsonValue &object,
                                               std::string_view key,
                                               const std::string &source) {
  auto names = getNamesField(object, key, source);
  if (!names.ok())
    return names.getStatus();
  std::vector<Target> targets;
  for (const std::string &name : *names) {
    Target target;
    target.text = name;
    if (name == "Linear") {
      target.rank = Target::Class;
    } else if (name.compare(0, 3, "re:") == 0) {
      Result<Pattern> pattern =
          Pattern::parseRegex(std::string_view(name).substr(3));
      if (!pattern.ok())
        return Status(pattern.getStatus().getCode(),
                      source + ": " + pattern.getStatus().getMessage());
      target.rank = Target::Regex;
      target.pattern = std::move(*pattern);
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

namespace {
/// What a group says of a tensor's quantization.
struct Arguments {
  int64_t bits = 8;
  std::string type = "int", strategy;
  std::optional<int64_t> groupSize;
  std::vector<int64_t> block;
  bool isStatic = true;
};
} // namespace

static Result<Arguments> readArguments(const JsonValue &object,
                                       const std::string &source) {
  Status status = checkKnownFields(object, source,
                                   {"num_bits", "type", "symmetric",
                                    "group_size", "strategy", "block_structure",
                                    "dynamic", "actorder", "scale_dtype",
                                    "zp_dtype", "observer", "observer_kwargs"});
  if (!status.ok())
    return status;
  Arguments result;
  for (auto [key, field] :
       {std::pair<const char *, std::string *>("type", &result.type),
        {"strategy", &result.strategy}}) {
    Result<std::string> text = getStringField(object, key, source);
    if (!text.ok())
      return text.getStatus();
    if (!text->empty())
      *field = *text;
    std::transform(field->begin(), field->end(), field->begin(),
                   [](unsigned char c) { return std::tolower(c); });
  }
  auto refuse = [&](const char *field, const std::string &found,
                    const char *expected) {
    return Status(QMM_STATUS_UNSUPPORTED, source + ": '" + field + "' is " +
                                              found + ", expected " + expected);
  };
  if (const JsonValue *bits = object.find("num_bits"))
    result.bits = bits->integer;
  const JsonValue *size = object.find("group_size");
  if (size && size->kind == Kind::Integer && size->integer > 0)
    result.groupSize = size->integer;
  if (const JsonValue *symmetric = object.find("symmetric");
      symmetric && !symmetric->boolean)
    return refuse("symmetric", "false", "true: no zero points");
  if (const JsonValue *order = object.find("actorder");
      order && order->kind == Kind::String && order->string != "weight" &&
      order->string != "static")
    return refuse("actorder", quoteName(order->string),
                  "none, 'weight' or 'static': K in its own order");
  if (const JsonValue *block = object.find("block_structure"))
    for (const JsonValue &extent : block->elements)
      result.block.push_back(extent.integer);
  // True: all scales at run time; 'local': the block scales only.
  const JsonValue *dynamic = object.find("dynamic");
  result.isStatic = !dynamic || !dynamic->boolean;
  if (result.strategy.empty())
    result.strategy = result.groupSize ? "group" : "tensor";
  return result;
}

/// The weight's rule; UNSUPPORTED for what no scheme here is.
static Result<FormatRule> getRule(const Arguments &weights, Declaration &result,
                                  const std::string &source) {
  bool isFloat = weights.type == "float";
  const std::string &strategy = weights.strategy;
  int64_t group = weights.groupSize.value_or(0);
  if (isFloat && weights.bits == 4 && group == 16 &&
      (strategy == "tensor_group" || strategy == "group"))
    return FormatRule{"nvfp4-pack-quantized", QMM_DTYPE_E2M1, ScaleKind::NVFP4,
                      16, true};
  if (isFloat && weights.bits == 4 && group == 32 && strategy == "group")
    return FormatRule{"mxfp4-pack-quantized", QMM_DTYPE_E2M1, ScaleKind::MX, 32,
                      false};
  if (isFloat && weights.bits == 8 && group == 32 && strategy == "group")
    return FormatRule{"mxfp8-quantized", QMM_DTYPE_E4M3, ScaleKind::MX, 32,
                      false};
  if (weights.bits == 8 && (isFloat || weights.type == "int")) {
    FormatRule rule = {isFloat ? "float-quantized" : "int-quantized",
                       isFloat ? QMM_DTYPE_E4M3 : QMM_DTYPE_I8,
                       ScaleKind::Tensor, 0, isFloat};
    if (strategy == "tensor")
      return rule;
    if (strategy == "channel") {
      rule.scales = ScaleKind::Row;
      return rule;
    }
    if (strategy == "block" && weights.block.size() == 2 &&
        weights.block[0] == weights.block[1] && weights.block[0] > 0) {
      rule.scales = ScaleKind::Block;
      rule.defaultGroup = weights.block[0];
      result.groupSize = weights.block[0];
      return rule;
    }
  }
  std::string found = std::to_string(weights.bits) + "-bit " + weights.type +
                      " with the strategy " + quoteName(strategy);
  if (weights.groupSize)
    found += " and groups of " + std::to_string(group);
  if (!weights.block.empty())
    found += " and blocks of " + describeShape(weights.block);
  return Status(QMM_STATUS_UNSUPPORTED,
                source + ": the weights are " + found +
                    ", which this version doesn't read; expected 4-bit float "
                    "in groups of 16 or 32, 8-bit float in groups of 32, or "
                    "8-bit by tensor, channel or square block");
}

static Result<Group> readGroup(const JsonMember &member,
                               const std::string &source,
                               const std::string &format) {
  Group group;
  group.source = source + ", group " + quoteName(member.key);
  const JsonValue &object = member.value;
  if (object.kind == Kind::Array)
    return Status(QMM_STATUS_UNSUPPORTED,
                  group.source +
                      ": names a preset scheme, expected the scheme");
  Status status = checkKnownFields(object, group.source,
                                   {"targets", "weights", "input_activations",
                                    "output_activations", "format"});
  if (!status.ok())
    return status;
  if (isSet(object, "output_activations"))
    return Status(QMM_STATUS_UNSUPPORTED,
                  group.source + ": 'output_activations' are quantized, which "
                                 "this version doesn't read");
  auto targets = readTargets(object, "targets", group.source);
  if (!targets.ok())
    return targets.getStatus();
  group.targets = std::move(*targets);
  const JsonValue *weights = object.find("weights");
  if (!weights || weights->kind != Kind::Object)
    return Status(QMM_STATUS_UNSUPPORTED,
                  group.source + ": has no 'weights', expected the weights' "
                                 "quantization");
  Result<Arguments> arguments =
      readArguments(*weights, group.source + ", 'weights'");
  if (!arguments.ok())
    return arguments.getStatus();
  Result<FormatRule> rule =
      getRule(*arguments, group.declaration, group.source);
  if (!rule.ok())
    return rule.getStatus();
  group.rule = *rule;
  group.declaration.format = rule->name;

  Result<std::string> own = getStringField(object, "format", group.source);
  if (!own.ok())
    return own.getStatus();
  std::string stored = own->empty() ? format : *own;
  bool agrees =
      stored.empty() || stored == "mixed-precision" || stored == rule->name ||
      (rule->scales != ScaleKind::NVFP4 && rule->element != QMM_DTYPE_E2M1 &&
       stored == "naive-quantized");
  if (!agrees)
    return Status(QMM_STATUS_UNSUPPORTED,
                  group.source + ": 'format' is " + quoteName(stored) +
                      ", expected " + quoteName(rule->name) +
                      " for these weights");

  const JsonValue *inputs = object.find("input_activations");
  if (!inputs || inputs->kind == Kind::Null) {
    group.declaration.fullPrecision = true;
    return group;
  }
  Result<Arguments> activation =
      readArguments(*inputs, group.source + ", 'input_activations'");
  if (!activation.ok())
    return activation.getStatus();
  if (activation->bits != arguments->bits ||
      activation->type != arguments->type)
    return Status(QMM_STATUS_UNSUPPORTED,
                  group.source + ": the activations are " +
                      std::to_string(activation->bits) + "-bit " +
                      activation->type + " and the weights " +
                      std::to_string(arguments->bits) + "-bit " +
                      arguments->type + ", expected the same");
  group.declaration.needsInputScale =
      activation->isStatic && rule->usesInputScale;
  return group;
}

Result<std::unique_ptr<ConfigFamily>>
qmmrt::readCompressedTensors(const JsonValue &config,
                             const std::string &source) {
  Status status = checkKnownFields(
      config, source,
      {"config_groups", "quant_method", "kv_cache_scheme", "format",
       "quantization_status", "global_compression_ratio", "ignore", "version",
       "sparsity_config", "transform_config", "moe_sparsity_config",
       "quant_algo", "producer"});
  if (!status.ok())
    return status;
  for (const char *field :
       {"sparsity_config", "transform_config", "moe_sparsity_config"}) {
    const JsonValue *value = config.find(field);
    bool isDense = value && value->members.size() == 1 &&
                   value->find("format") &&
                   value->find("format")->string == "dense";
    if (isSet(config, field) && !isDense)
      return Status(QMM_STATUS_UNSUPPORTED,
                    source + ": '" + field +
                        "' is set, which this version doesn't read");
  }
  auto family = std::make_unique<CompressedTensors>();
  family->description = "compressed-tensors";
  family->source = source;
  Result<std::string> format = getStringField(config, "format", source);
  if (!format.ok())
    return format.getStatus();
  auto ignored = readTargets(config, "ignore", source);
  if (!ignored.ok())
    return ignored.getStatus();
  family->ignored = std::move(*ignored);
  const JsonValue *groups = config.find("config_groups");
  if (!groups || groups->kind != Kind::Object || groups->members.empty())
    return Status(QMM_STATUS_MALFORMED,
                  source + ": 'config_groups' is " +
                      (groups ? getKindName(groups->kind) : "missing") +
                      ", expected an object of groups");
  for (const JsonMember &member : groups->members) {
    Result<Group> group = readGroup(member, source, *format);
    if (!group.ok())
      return group.getStatus();
    family->groups.push_back(std::move(*group));
  }
  return std::unique_ptr<ConfigFamily>(std::move(family));
}
