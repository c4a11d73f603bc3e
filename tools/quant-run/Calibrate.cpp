//===- quant-run/Calibrate.cpp - What inputs of layers are like ----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Calibrate.h"

#include "checkpoint/Json.h"
#include "numerics/Convert.h"
#include "support/AtomicFile.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace qmmrt::run {

using Json = nlohmann::ordered_json;

namespace {

/// As quant-compile --observe names results: LAYER:input, LAYER:input#2.
constexpr std::string_view kSuffix = ":input";
constexpr const char *kPercentiles[] = {"99", "99.9", "99.99", "99.999"};

/// "" for a result that isn't a layer's input.
std::string getLayer(const std::string &result) {
  size_t end = result.rfind('#');
  if (end == std::string::npos ||
      result.find_first_not_of("0123456789", end + 1) != std::string::npos)
    end = result.size();
  if (end < kSuffix.size() ||
      result.compare(end - kSuffix.size(), kSuffix.size(), kSuffix) != 0)
    return "";
  return result.substr(0, end - kSuffix.size());
}

using Layers = std::map<std::string, Magnitudes>;

Status malformed(const std::string &text) {
  return Status(QMM_STATUS_MALFORMED, text + ": not a file that --calibrate "
                                             "wrote, so nothing can be added");
}

Status readLayer(const std::string &path, const JsonMember &member,
                 Magnitudes &layer) {
  const std::string where = "layers[" + quoteName(member.key) + "]";
  std::optional<double> amax = getNumber(member.value.find("amax"));
  const JsonValue *histogram = member.value.find("histogram");
  if (!amax)
    return malformed(path + ": " + where + " has no number 'amax'");
  if (!(*amax >= 0) || !std::isfinite(float(*amax)))
    return malformed(path + ": " + where + ".amax isn't a finite magnitude");
  layer.addAmax(float(*amax));
  if (!histogram || histogram->kind != JsonValue::Kind::Object)
    return malformed(path + ": " + where + " has no object 'histogram'");
  for (const JsonMember &bin : histogram->members) {
    char *end = nullptr;
    unsigned long index = std::strtoul(bin.key.c_str(), &end, 10);
    if (bin.key.empty() || *end || index >= Magnitudes::kNumBins ||
        bin.value.kind != JsonValue::Kind::Integer || bin.value.integer < 0)
      return malformed(path + ": " + where + ".histogram[" +
                       quoteName(bin.key) + "] isn't the count of a bin");
    layer.addBin(uint32_t(index), uint64_t(bin.value.integer));
  }
  return Status();
}

/// What --append adds to; a file that isn't there has nothing.
Status readLayers(const std::string &path, Layers &layers) {
  constexpr unsigned kMaxDepth = 8;
  Result<JsonValue> document = readJsonFile(path, kMaxDepth);
  if (!document.ok()) {
    const Status &status = document.getStatus();
    return status.getCode() == QMM_STATUS_NOT_FOUND ? Status()
           : status.getCode() == QMM_STATUS_MALFORMED
               ? malformed(status.getMessage())
               : status;
  }
  const JsonValue *members = document->find("layers");
  if (!members || members->kind != JsonValue::Kind::Object)
    return malformed(path + ": no object 'layers'");
  for (const JsonMember &member : members->members)
    if (Status status = readLayer(path, member, layers[member.key]);
        !status.ok())
      return status;
  return Status();
}

Status writeLayers(const std::string &path, const Layers &layers) {
  Json list = Json::object();
  for (const auto &[name, layer] : layers) {
    Json percentiles = Json::object(), histogram = Json::object();
    for (const char *percent : kPercentiles)
      percentiles[percent] = layer.getPercentile(std::strtod(percent, nullptr));
    for (auto [bin, count] : layer.getBins())
      histogram[std::to_string(bin)] = count;
    list[name] = {{"amax", layer.getAmax()},
                  {"count", layer.getCount()},
                  {"percentiles", std::move(percentiles)},
                  {"histogram", std::move(histogram)}};
  }
  std::string text = Json{{"layers", std::move(list)}}.dump(
                         2, ' ', false, Json::error_handler_t::replace) +
                     "\n";
  return writeFile(path, text);
}

} // namespace

uint32_t Magnitudes::getBin(float magnitude) {
  uint32_t bits;
  std::memcpy(&bits, &magnitude, sizeof(bits));
  return bits >> 18; // 8 bits of exponent, 5 of mantissa
}

bool Magnitudes::add(qmm_dtype dtype, const void *values, uint64_t count) {
  constexpr uint64_t kChunk = 4096;
  std::vector<uint64_t> counts(kNumBins);
  float largest = 0;
  float chunk[kChunk];
  for (uint64_t first = 0; first < count; first += kChunk) {
    int64_t size = int64_t(std::min(kChunk, count - first));
    decodeRow(dtype, QMM_NIBBLES_NONE, values, int64_t(first), size, chunk);
    for (int64_t i = 0; i < size; ++i) {
      float magnitude = std::fabs(chunk[i]);
      if (!std::isfinite(magnitude))
        return false;
      largest = std::max(largest, magnitude);
      ++counts[getBin(magnitude)];
    }
  }
  addAmax(largest);
  for (uint32_t bin = 0; bin < kNumBins; ++bin)
    if (counts[bin] != 0)
      addBin(bin, counts[bin]);
  return true;
}

uint64_t Magnitudes::getCount() const {
  uint64_t count = 0;
  for (auto [bin, values] : bins)
    count += values;
  return count;
}

float Magnitudes::getPercentile(double percent) const {
  double wanted = percent / 100 * double(getCount());
  uint64_t seen = 0;
  for (auto [bin, values] : bins) {
    seen += values;
    if (double(seen) < wanted)
      continue;
    uint32_t bits = ((bin + 1) << 18) - 1;
    float end;
    std::memcpy(&end, &bits, sizeof(end));
    return std::min(end, amax);
  }
  return amax;
}

Status calibrate(qmm_entry *entry, const Options &options) {
  Layers layers;
  if (options.append)
    if (Status status = readLayers(options.calibrate, layers); !status.ok())
      return status;
  std::vector<std::string> files = options.inputs;
  if (files.empty())
    files.emplace_back(); // an entry without arguments
  for (size_t i = 0; i < files.size(); ++i) {
    showProgress("measuring " + std::to_string(i + 1) + " of " +
                 std::to_string(files.size()) + " inputs");
    Call call(entry);
    if (Status status = call.prepare(files[i]); !status.ok())
      return status;
    if (Status status = call.run(); !status.ok())
      return status;
    if (Status status = call.fetch(); !status.ok())
      return status;
    bool isObserved = false;
    for (size_t result = 0; result < call.getNumOutputs(); ++result) {
      std::string layer = getLayer(call.getName(result));
      if (layer.empty())
        continue;
      isObserved = true;
      uint64_t count = 1;
      for (int64_t extent : call.getShape(result))
        count *= uint64_t(extent);
      if (!layers[layer].add(call.getDType(result), call.getData(result),
                             count))
        return Status(QMM_STATUS_INVALID_ARGUMENT,
                      files[i] + ": the input of layer " + quoteName(layer) +
                          " has NaN or infinities");
    }
    if (!isObserved)
      return Status(QMM_STATUS_INVALID_ARGUMENT,
                    std::string("'") + qmm_entry_name(entry) +
                        "' has no result named LAYER:input: compile the "
                        "program with quant-compile --observe");
  }
  for (auto it = layers.begin(); it != layers.end();) {
    if (it->second.getAmax() > 0) {
      ++it;
      continue;
    }
    std::fprintf(stderr,
                 "quant-run: warning: every input of layer %s is zero, which "
                 "no scale is for: left out\n",
                 quoteName(it->first).c_str());
    it = layers.erase(it);
  }
  if (Status status = writeLayers(options.calibrate, layers); !status.ok())
    return status;
  if (!options.json)
    for (const auto &[name, layer] : layers)
      std::printf("%s: amax %g, 99.9 %% are at most %g, %llu values\n",
                  name.c_str(), double(layer.getAmax()),
                  double(layer.getPercentile(99.9)),
                  static_cast<unsigned long long>(layer.getCount()));
  return Status();
}

} // namespace qmmrt::run
