//===- LayerTable.cpp - quant-import --list ------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bytes are the weight's with its scales; wide bytes what the weight takes in
// its original type.
//
//===----------------------------------------------------------------------===//

#include "LayerTable.h"

#include "numerics/Elements.h"
#include "numerics/Layouts.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

using namespace mlir::qmm;
using namespace qmmrt;

static uint64_t getWideBytes(const LinearLayer &layer) {
  return layer.n * layer.k * getBitWidth(layer.expressed) / 8;
}

static std::string getScheme(const LinearLayer &layer) {
  return layer.format.empty() ? getDTypeName(layer.expressed)
                              : describeScheme(layer.scheme);
}

void mlir::qmm::printLayerTable(llvm::raw_ostream &os,
                                const Checkpoint &checkpoint,
                                llvm::ArrayRef<LinearLayer> layers,
                                llvm::ArrayRef<SkippedWeight> skipped) {
  size_t nameWidth = 5, formatWidth = 6, schemeWidth = 6;
  for (const LinearLayer &layer : layers) {
    nameWidth = std::max(nameWidth, layer.name.size());
    formatWidth = std::max(formatWidth, layer.format.size());
    schemeWidth = std::max(schemeWidth, getScheme(layer).size());
  }
  auto pad = [](llvm::StringRef text, size_t width) {
    return text.str() + std::string(width - std::min(width, text.size()), ' ');
  };
  os << pad("layer", nameWidth) << "  " << pad("format", formatWidth) << "  "
     << pad("scheme", schemeWidth)
     << "          N x K       bytes  saved  bias  activation\n";
  uint64_t total = 0, totalWide = 0;
  for (const LinearLayer &layer : layers) {
    uint64_t bytes = getStoredBytes(checkpoint, layer),
             wide = getWideBytes(layer);
    total += bytes;
    totalWide += wide;
    std::string shape =
        std::to_string(layer.n) + " x " + std::to_string(layer.k);
    os << pad(layer.name, nameWidth) << "  "
       << pad(layer.format.empty() ? "-" : layer.format, formatWidth) << "  "
       << pad(getScheme(layer), schemeWidth)
       << llvm::format("  %13s  %10llu  %4.0f%%  %-4s  ", shape.c_str(),
                       static_cast<unsigned long long>(bytes),
                       wide ? 100.0 * (1.0 - double(bytes) / wide) : 0.0,
                       layer.bias.empty() ? "no" : "yes")
       << (layer.fullPrecision         ? "full precision"
           : !layer.inputScale.empty() ? "static scale"
                                       : "-")
       << "\n";
    for (const std::string &note : layer.notes)
      os << "  note: " << note << "\n";
  }
  os << llvm::format("%zu layers, %llu bytes of weights", layers.size(),
                     static_cast<unsigned long long>(total));
  if (totalWide)
    os << llvm::format(", %.0f%% less than unquantized",
                       100.0 * (1.0 - double(total) / totalWide));
  os << "\n";
  for (const SkippedWeight &weight : skipped)
    os << "skipped " << weight.key << ": " << weight.reason << "\n";
}

void mlir::qmm::printLayersAsJson(llvm::raw_ostream &os,
                                  const Checkpoint &checkpoint,
                                  llvm::ArrayRef<LinearLayer> layers,
                                  llvm::ArrayRef<SkippedWeight> skipped) {
  llvm::json::OStream json(os, 2);
  json.object([&] {
    json.attributeArray("layers", [&] {
      for (const LinearLayer &layer : layers)
        json.object([&] {
          json.attribute("name", layer.name);
          if (layer.format.empty())
            json.attribute("format", nullptr);
          else
            json.attribute("format", layer.format);
          json.attribute("scheme", getScheme(layer));
          json.attribute("n", layer.n);
          json.attribute("k", layer.k);
          json.attribute("expressed", getDTypeName(layer.expressed));
          json.attribute(
              "bytes", static_cast<int64_t>(getStoredBytes(checkpoint, layer)));
          json.attribute("wide_bytes",
                         static_cast<int64_t>(getWideBytes(layer)));
          json.attribute("bias", !layer.bias.empty());
          json.attribute("input_scale", !layer.inputScale.empty());
          json.attribute("full_precision", layer.fullPrecision);
          json.attributeArray("notes", [&] {
            for (const std::string &note : layer.notes)
              json.value(note);
          });
        });
    });
    json.attributeArray("skipped", [&] {
      for (const SkippedWeight &weight : skipped)
        json.object([&] {
          json.attribute("key", weight.key);
          json.attribute("reason", weight.reason);
        });
    });
  });
  os << "\n";
}
