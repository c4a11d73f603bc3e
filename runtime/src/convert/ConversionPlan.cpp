//===- convert/ConversionPlan.cpp - What shall be done -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From layers and a selection to the tensors of the output, in the source's
// order: a file that isn't in memory is read once, from front to back.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/DerivedTensors.h"
#include "checkpoint/Family.h"
#include "checkpoint/Json.h"
#include "checkpoint/MappedFile.h"
#include "convert/FamilyConfig.h"
#include "convert/Items.h"
#include "numerics/Elements.h"
#include "numerics/Layouts.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unistd.h>

using namespace qmmrt;

/// The key of the tensor that holds the bytes.
static std::string_view getBaseKey(std::string_view key) {
  std::optional<Derivation> derivation = parseDerivedKey(key);
  return derivation ? derivation->base : key;
}

// What families keep beside a weight that a new scheme makes meaningless.
static constexpr const char *kReplaced[] = {
    "weight",         "weight_packed",       "weight_scale",
    "weight_scale_2", "weight_global_scale", "weight_scale_inv",
    "weight_shape",   "input_scale",         "input_global_scale",
    "comfy_quant",    "scale_weight",        "scale_input"};

uint64_t Conversion::Item::getBytesOut() const {
  if (copy)
    return copy->bytes;
  return storage.getBytes() + (inputScale ? 4 : 0) + storage.declaration.size();
}

Conversion::Conversion(const Checkpoint &checkpoint, ConversionOptions given)
    : checkpoint(checkpoint), options(std::move(given)) {}

Conversion::~Conversion() = default;

bool Conversion::isUndeclared(const LinearLayer &layer) const {
  return !checkpoint.find(layer.name + ".comfy_quant") &&
         !sourceMetadata.count(layer.name);
}

bool Conversion::isOfOtherFamily(const LinearLayer &layer) const {
  return !isWide(layer.scheme) &&
         (options.layout != FileLayout::Comfy || isUndeclared(layer));
}

Status Conversion::readDeclarations() {
  constexpr unsigned kMaxDepth = 8;
  for (const SafetensorsFile &file : checkpoint.getFiles()) {
    auto text = file.getMetadata().find(kQuantizationMetadata);
    if (text == file.getMetadata().end())
      continue;
    Result<JsonValue> document = parseJson(text->second, kMaxDepth);
    if (!document.ok())
      return document.getStatus();
    if (const JsonValue *found = document->find("layers"))
      for (const JsonMember &layer : found->members)
        sourceMetadata.emplace(layer.key, dumpJson(layer.value));
  }
  return {};
}

static std::string formatDecibel(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f dB", value);
  return std::isinf(value) ? "exact" : text;
}

/// The cheapest scheme whose weight is near enough to the values it has now.
Status Conversion::chooseScheme(const LinearLayer &layer, LayerReport &report,
                                std::optional<Target> &target) {
  struct Candidate {
    Target target;
    LayerStorage storage;
  };
  std::vector<Candidate> candidates;
  for (const char *name : {"nvfp4", "fp8", "mxfp8"}) {
    Result<Target> parsed = parseTarget(name, 0);
    if (!parsed.ok())
      return parsed.getStatus();
    Result<LayerStorage> storage =
        getStorage(layer, parsed->scheme, options.layout);
    if (!storage.ok())
      continue; // the layout has no form of it for this layer
    if (storage->getBytes() < report.bytesIn)
      candidates.push_back({*parsed, *storage});
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate &lhs, const Candidate &rhs) {
              return lhs.storage.getBytes() < rhs.storage.getBytes();
            });
  WeightOptions measured = options.weights;
  measured.measure = true;
  WeightConverter converter(*planExecutor, measured);
  std::string budget = formatDecibel(options.errorBudget);
  for (const Candidate &candidate : candidates) {
    Result<WeightConverter::Output> output =
        converter.convert(checkpoint, layer, candidate.storage);
    if (!output.ok())
      return output.getStatus();
    if (!report.reason.empty())
      report.reason += ", ";
    report.reason += candidate.target.name + " " + formatDecibel(output->sqnr);
    if (output->sqnr >= options.errorBudget) {
      report.reason += " >= " + budget;
      target = candidate.target;
      return {};
    }
    report.reason += " < " + budget;
  }
  if (candidates.empty())
    report.reason = "no scheme is smaller";
  return {};
}

Status Conversion::planStorage(const LinearLayer &layer,
                               const qmm_scheme &scheme, LayerReport &report) {
  qmm_scheme wanted = scheme;
  bool isSquare = scheme.block_outer > 1;
  if (isSquare && (layer.n % scheme.block_outer || layer.k % scheme.block_k)) {
    wanted.block_outer = 1;
    wanted.block_k = 0;
    if (!report.reason.empty())
      report.reason += "; ";
    report.reason += std::to_string(layer.n) + " x " + std::to_string(layer.k) +
                     " isn't whole blocks: a scale for each row";
  }
  Result<LayerStorage> storage = getStorage(layer, wanted, options.layout);
  if (!storage.ok())
    return storage.getStatus();
  Item &item = items.emplace_back();
  item.layer = &report - reports.data();
  item.storage = std::move(*storage);
  report.to = nameScheme(wanted);
  report.converted = true;
  report.bytesOut = item.storage.getBytes();
  auto amax = options.inputAmax.find(layer.name);
  if (item.storage.inputRange != 0 && amax != options.inputAmax.end())
    item.inputScale = amax->second / item.storage.inputRange;
  else if (!item.storage.inputScale.empty() && item.storage.inputRange == 0)
    item.inputScale = 1.0f;
  if (!item.storage.declaration.empty())
    declarations[layer.name] = item.storage.declaration;
  for (const char *component : kReplaced)
    replaced.insert(layer.name + "." + component);
  for (const std::string *key : {&layer.weight, &layer.weightScale,
                                 &layer.tensorScale, &layer.inputScale})
    if (!key->empty())
      replaced.insert(std::string(getBaseKey(*key)));
  return {};
}

void Conversion::keepInputScale(const LinearLayer &layer, Item &item) {
  if (item.storage.inputRange != 0 && !item.inputScale)
    item.inputScale = readF32(*checkpoint.find(layer.inputScale), 0);
}

Status Conversion::planLayer(const LinearLayer &layer, const Decision &decision,
                             LayerReport &report) {
  report.name = layer.name;
  report.n = layer.n;
  report.k = layer.k;
  report.from = nameScheme(layer.scheme);
  report.bytesIn = report.bytesOut = getStoredBytes(checkpoint, layer);
  report.reason = decision.reason;
  std::optional<Target> target = decision.target;
  if (decision.choose)
    if (Status status = chooseScheme(layer, report, target); !status.ok())
      return status;
  bool wasWide = isWide(layer.scheme);
  if (target && wasWide && isWide(target->scheme)) {
    report.reason = "is full precision";
    target.reset();
  } else if (target && isWide(target->scheme) && !layer.preQuantScale.empty()) {
    report.reason = "has a pre_quant_scale, which no full-precision layer has";
    target.reset();
  } else if (target && target->scheme == layer.scheme) {
    report.reason = "is " + report.from + " already";
    target.reset();
  }
  if (target)
    return planStorage(layer, target->scheme, report);

  report.to = report.from;
  if (wasWide)
    return {};
  // A layer that stays in its scheme may have to leave its family.
  if (isOfOtherFamily(layer)) {
    if (Status status = planStorage(layer, layer.scheme, report); !status.ok())
      return status;
    report.reason += report.reason.empty() ? "" : "; ";
    report.reason += "stored otherwise, no value changed";
    if (!layer.inputScale.empty())
      keepInputScale(layer, items.back());
    return {};
  }
  auto known = sourceMetadata.find(layer.name);
  if (known != sourceMetadata.end()) {
    declarations[layer.name] = known->second;
  } else {
    const SafetensorsTensor *marker =
        checkpoint.find(layer.name + ".comfy_quant");
    declarations[layer.name].assign(
        reinterpret_cast<const char *>(marker->data), marker->bytes);
  }
  return {};
}

Status Conversion::plan(const std::string &path) {
  Result<std::vector<LinearLayer>> found =
      readLinearLayers(checkpoint, &skipped, options.sourceLayout);
  if (!found.ok())
    return found.getStatus();
  layers = std::move(*found);
  if (Status status = readDeclarations(); !status.ok())
    return status;
  if (options.embeddings) {
    // Two dimensions and a name: what readLinearLayers left out by its name.
    for (const SkippedWeight &weight : skipped) {
      const SafetensorsTensor *tensor = checkpoint.find(weight.key);
      if (tensor->shape.size() != 2 || tensor->getNumElements() == 0 ||
          !isWide(tensor->dtype) || getModule(weight.key).empty())
        continue;
      LinearLayer layer;
      layer.name = getModule(weight.key);
      layer.n = tensor->shape[0];
      layer.k = tensor->shape[1];
      layer.scheme.element = layer.expressed = tensor->dtype;
      layer.weight = weight.key;
      layers.push_back(std::move(layer));
    }
  }
  std::vector<std::string> names;
  for (const LinearLayer &layer : layers)
    names.push_back(layer.name);
  Result<std::vector<Decision>> decisions = select(names, options.selection);
  if (!decisions.ok())
    return decisions.getStatus();
  for (const auto &[name, amax] : options.inputAmax)
    if (std::none_of(layers.begin(), layers.end(),
                     [&name = name](const LinearLayer &layer) {
                       return layer.name == name;
                     }))
      return Status(QMM_STATUS_INVALID_ARGUMENT,
                    "the calibration has the layer " + quoteName(name) +
                        ", the checkpoint hasn't");
  planExecutor = createThreadPool(options.threads);
  reports.resize(layers.size());
  for (size_t i = 0; i < layers.size(); ++i)
    if (Status status = planLayer(layers[i], (*decisions)[i], reports[i]);
        !status.ok())
      return status;
  planExecutor.reset();

  bool anyOther =
      std::any_of(layers.begin(), layers.end(), [&](const LinearLayer &layer) {
        return isOfOtherFamily(layer);
      });
  std::unordered_map<std::string_view, size_t> places;
  for (const SafetensorsTensor *tensor : checkpoint.getTensors()) {
    places.emplace(tensor->name, places.size());
    bool isMark = anyOther && getLastComponent(tensor->name) == "scaled_fp8";
    if (!isMark && !replaced.count(tensor->name))
      items.emplace_back().copy = tensor;
  }
  auto getPlace = [&](const Item &item) {
    return std::pair(places.at(item.copy
                                   ? std::string_view(item.copy->name)
                                   : getBaseKey(layers[item.layer].weight)),
                     item.layer);
  };
  std::sort(items.begin(), items.end(), [&](const Item &lhs, const Item &rhs) {
    return getPlace(lhs) < getPlace(rhs);
  });
  if (Status status = planShards(path); !status.ok())
    return status;
  return planConfig(path);
}

static std::string getShardPath(const std::string &path, size_t shard,
                                size_t count) {
  if (count == 1)
    return path;
  constexpr std::string_view kEnding = ".safetensors";
  std::string stem = path, ending;
  if (path.size() > kEnding.size() &&
      path.compare(path.size() - kEnding.size(), kEnding.size(), kEnding) ==
          0) {
    stem.resize(path.size() - kEnding.size());
    ending = kEnding;
  }
  char number[48];
  std::snprintf(number, sizeof(number), "-%05zu-of-%05zu", shard + 1, count);
  return stem + number + ending;
}

Status Conversion::planShards(const std::string &path) {
  uint64_t inShard = 0;
  size_t shard = 0;
  for (Item &item : items) {
    uint64_t bytes = item.getBytesOut();
    if (options.shardBytes && inShard && inShard + bytes > options.shardBytes) {
      ++shard;
      inShard = 0;
    }
    inShard += bytes;
    bytesOut += bytes;
    bytesIn += item.copy ? item.copy->bytes : reports[item.layer].bytesIn;
    item.shard = shard;
  }
  numShards = shard + 1;
  for (size_t i = 0; i <= shard; ++i)
    files.push_back(getShardPath(path, i, shard + 1));
  if (shard > 0)
    files.push_back(path + ".index.json");
  for (const SafetensorsFile &source : checkpoint.getFiles()) {
    Result<SourceGuard> guard = SourceGuard::watch(source.getName());
    if (!guard.ok())
      return guard.getStatus();
    for (const std::string &file : files)
      if (guard->isSameFile(file))
        return Status(QMM_STATUS_INVALID_ARGUMENT,
                      file + ": is the source, which is read while the result "
                             "is written");
    guards.push_back(*guard);
  }
  return {};
}

Status Conversion::planConfig(const std::string &path) {
  std::string name = getConfigName(options.layout);
  if (name.empty())
    return {};
  std::vector<ConfiguredLayer> configured(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    configured[i].name = layers[i].name;
    configured[i].scheme = layers[i].scheme;
  }
  for (const Item &item : items)
    if (!item.copy) {
      configured[item.layer].scheme = item.storage.scheme;
      configured[item.layer].hasInputScale = item.inputScale.has_value();
    }
  bool anyQuantized = std::any_of(
      configured.begin(), configured.end(),
      [](const ConfiguredLayer &layer) { return !isWide(layer.scheme); });
  if (!anyQuantized)
    return {};
  std::string old;
  if (checkpoint.hasFolder() &&
      options.layout == FileLayout::CompressedTensors) {
    Result<MappedFile> file =
        MappedFile::open(checkpoint.getFolder() + "config.json");
    if (file.ok())
      old.assign(reinterpret_cast<const char *>(file->data()), file->size());
  }
  Result<std::string> text = buildConfig(options.layout, configured, old);
  if (!text.ok())
    return text.getStatus();
  configText = *text;
  configPath = path.substr(0, path.find_last_of('/') + 1) + name;
  if (::access(configPath.c_str(), F_OK) == 0)
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  configPath + ": exists, and the output's layers are declared "
                               "in a file of this name; expected a folder "
                               "without one");
  files.push_back(configPath);
  return {};
}
