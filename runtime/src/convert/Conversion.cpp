//===- convert/Conversion.cpp - The run -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A few lanes work on a tensor each, so that reading, arithmetic and writing
// overlap; the other threads help each lane with its tensor.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Family.h"
#include "checkpoint/Json.h"
#include "convert/Items.h"
#include "convert/Journal.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <thread>

using namespace qmmrt;

// Tensors in flight, so that memory is theirs and not the machine's threads'.
static constexpr unsigned kMaxLanes = 4;
// Copied at a time.
static constexpr uint64_t kCopyBytes = 16u << 20;

struct Conversion::Lane {
  std::unique_ptr<Executor> pool;
  WeightConverter converter;

  Lane(unsigned threads, const WeightOptions &options)
      : pool(createThreadPool(threads)), converter(*pool, options) {}
};

/// The files whose tensors these are know which pages.
template <typename Advice>
static void advise(const Checkpoint &checkpoint,
                   const SafetensorsTensor &tensor, Advice advice) {
  for (const SafetensorsFile &file : checkpoint.getFiles())
    (file.*advice)(tensor);
}

Status Conversion::declare() {
  shards = std::vector<SafetensorsStream>(numShards);
  std::vector<std::string> quantized(numShards); // layers' JSON, by shard
  std::map<std::string, size_t> shardOfLayer;
  for (const Item &item : items) {
    SafetensorsStream &shard = shards[item.shard];
    if (item.copy) {
      if (Status status = shard.declare(item.copy->name, item.copy->dtype,
                                        item.copy->shape);
          !status.ok())
        return status;
      if (getLastComponent(item.copy->name) == "weight")
        shardOfLayer.emplace(getModule(item.copy->name), item.shard);
      continue;
    }
    const std::string &name = layers[item.layer].name;
    shardOfLayer[name] = item.shard;
    for (const SafetensorsEntry *entry :
         {&item.storage.weight, &item.storage.scale, &item.storage.tensorScale})
      if (!entry->name.empty())
        if (Status status =
                shard.declare(entry->name, entry->dtype, entry->shape);
            !status.ok())
          return status;
    if (item.inputScale)
      if (Status status = shard.declare(item.storage.inputScale, QMM_DTYPE_F32,
                                        item.storage.inputScaleShape);
          !status.ok())
        return status;
    if (!item.storage.declaration.empty())
      if (Status status =
              shard.declare(name + ".comfy_quant", QMM_DTYPE_U8,
                            {int64_t(item.storage.declaration.size())});
          !status.ok())
        return status;
  }
  for (const auto &[name, declaration] : declarations) {
    std::string &text = quantized[shardOfLayer[name]];
    text += (text.empty() ? "" : ", ") + quoteJson(name) + ": " + declaration;
  }
  for (size_t i = 0; i < numShards; ++i) {
    for (const SafetensorsFile &file : checkpoint.getFiles())
      for (const auto &[key, value] : file.getMetadata())
        if (key != kQuantizationMetadata)
          shards[i].setMetadata(key, value);
    if (!quantized[i].empty())
      shards[i].setMetadata(kQuantizationMetadata,
                            "{\"format_version\": \"1.0\", \"layers\": {" +
                                quantized[i] + "}}");
  }
  for (size_t i = 0; i < numShards; ++i) {
    if (Status status = shards[i].open(files[i], options.resumes); !status.ok())
      return status;
  }
  return {};
}

Status Conversion::runItem(Lane &lane, const Item &item) {
  const SafetensorsStream &shard = shards[item.shard];
  if (item.copy) {
    SafetensorsTensor part = *item.copy;
    for (uint64_t at = 0; at < item.copy->bytes; at += kCopyBytes) {
      part.data = item.copy->data + at;
      part.bytes = std::min(kCopyBytes, item.copy->bytes - at);
      Status status = shard.write(part.name, at, part.data, part.bytes);
      advise(checkpoint, part, &SafetensorsFile::doneWith);
      if (!status.ok())
        return status;
    }
    return {};
  }
  const LinearLayer &layer = layers[item.layer];
  LayerReport &report = reports[item.layer];
  const SafetensorsTensor &weight = *checkpoint.find(layer.weight);
  advise(checkpoint, weight, &SafetensorsFile::willNeed);
  Result<WeightConverter::Output> output =
      lane.converter.convert(checkpoint, layer, item.storage);
  advise(checkpoint, weight, &SafetensorsFile::doneWith);
  if (!output.ok())
    return output.getStatus();
  if (options.weights.measure)
    report.sqnr = output->sqnr;
  report.nonfinite = output->nonfinite;
  struct Part {
    const std::string &name;
    const void *data;
    uint64_t bytes;
  };
  const LayerStorage &storage = item.storage;
  float inputScale = item.inputScale.value_or(0);
  if (storage.isReciprocal && item.inputScale)
    inputScale = 1 / inputScale;
  std::string marker = layer.name + ".comfy_quant", none;
  for (const Part &part :
       {Part{storage.weight.name, output->weight, storage.weight.bytes},
        Part{storage.scale.name, output->scale, storage.scale.bytes},
        Part{storage.tensorScale.name, &output->tensorScale, 4},
        Part{item.inputScale ? storage.inputScale : none, &inputScale, 4},
        Part{storage.declaration.empty() ? none : marker,
             storage.declaration.data(), storage.declaration.size()}})
    if (!part.name.empty())
      if (Status status = shard.write(part.name, 0, part.data, part.bytes);
          !status.ok())
        return status;
  return {};
}

/// The index that Hugging Face's readers know.
static std::string buildIndex(const std::vector<SafetensorsStream> &shards,
                              const std::vector<std::string> &files) {
  std::map<std::string, size_t> places;
  uint64_t total = 0;
  for (size_t i = 0; i < shards.size(); ++i)
    for (const SafetensorsEntry &entry : shards[i].getEntries()) {
      places.emplace(entry.name, i);
      total += entry.bytes;
    }
  std::string text =
      "{\n  \"metadata\": {\n    \"total_size\": " + std::to_string(total) +
      "\n  },\n  \"weight_map\": {";
  const char *separator = "\n    ";
  for (const auto &[name, shard] : places) {
    const std::string &file = files[shard];
    text += separator + quoteJson(name) + ": " +
            quoteJson(file.substr(file.rfind('/') + 1));
    separator = ",\n    ";
  }
  return text + "\n  }\n}\n";
}

/// All that decides the output's bytes.
std::string Conversion::describeWork() const {
  std::string text;
  for (const SourceGuard &guard : guards)
    text += guard.describe() + "\n";
  for (const SafetensorsStream &shard : shards)
    for (const SafetensorsEntry &entry : shard.getEntries())
      text += entry.name + " " + std::to_string(entry.dtype) + " " +
              describeShape(entry.shape) + "\n";
  for (const auto &[name, declaration] : declarations)
    text += name + " " + declaration + "\n";
  for (const Item &item : items)
    text += item.copy ? item.copy->name + "\n"
                      : layers[item.layer].name + " " +
                            nameScheme(item.storage.scheme) + " " +
                            std::to_string(item.storage.isReciprocal) + " " +
                            std::to_string(item.inputScale.value_or(0)) + "\n";
  for (bool option :
       {options.weights.scalePrecisionInput, options.weights.searchScales,
        options.weights.allowNonfinite})
    text += option ? '1' : '0';
  return text;
}

Status Conversion::run(FunctionRef<void(const Progress &)> progress,
                       const std::atomic<bool> &cancel) {
  if (Status status = declare(); !status.ok())
    return status;

  Journal journal;
  if (options.resumes) {
    bool continues = std::all_of(
        shards.begin(), shards.end(),
        [](const SafetensorsStream &shard) { return shard.hasEarlier(); });
    if (Status status =
            journal.open(files.front() + ".journal", describeWork(), continues);
        !status.ok())
      return status;
  }

  unsigned threads = createThreadPool(options.threads)->getNumWorkers();
  unsigned numLanes = std::min<size_t>({threads, kMaxLanes, items.size()});
  std::mutex mutex; // of what follows
  Status failure;
  uint64_t bytesRead = 0;
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  auto work = [&](unsigned index) {
    Lane lane(threads / numLanes + (index < threads % numLanes),
              options.weights);
    while (!failed && !cancel) {
      size_t at = next++;
      if (at >= items.size())
        return;
      const Item &item = items[at];
      Status status;
      bool doneBefore = journal.isDone(at);
      if (!doneBefore)
        status = runItem(lane, item);
      std::lock_guard<std::mutex> lock(mutex);
      if (doneBefore && !item.copy)
        reports[item.layer].doneBefore = true;
      if (status.ok() && !doneBefore && journal.isOpen())
        status = journal.add(at);
      if (!status.ok()) {
        if (failure.ok())
          failure = status;
        failed = true;
        return;
      }
      bytesRead += item.copy ? item.copy->bytes : reports[item.layer].bytesIn;
      progress({bytesRead, bytesIn,
                item.copy ? item.copy->name : layers[item.layer].name});
    }
  };
  std::vector<std::thread> lanes;
  for (unsigned i = 1; i < numLanes; ++i)
    lanes.emplace_back(work, i);
  if (numLanes)
    work(0);
  for (std::thread &lane : lanes)
    lane.join();
  if (failure.ok() && cancel)
    failure =
        Status(QMM_STATUS_IO, files.front() + ": interrupted: " +
                                  (options.resumes ? "--resume continues"
                                                   : "nothing was written"));
  for (const SourceGuard &guard : guards)
    if (failure.ok())
      failure = guard.check();
  if (!failure.ok()) {
    shards.clear(); // and their temporary files with them
    return failure;
  }
  // Errors first, then the names.
  for (SafetensorsStream &shard : shards)
    if (Status status = shard.sync(); !status.ok())
      return status;
  for (SafetensorsStream &shard : shards)
    if (Status status = shard.commit(); !status.ok())
      return status;
  journal.remove();
  if (numShards > 1)
    if (Status status = writeFile(files[numShards], buildIndex(shards, files));
        !status.ok())
      return status;
  return configPath.empty() ? Status() : writeFile(configPath, configText);
}
