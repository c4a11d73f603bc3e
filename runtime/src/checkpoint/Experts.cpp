//===- checkpoint/Experts.cpp - gpt-oss -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All experts of a layer lie in one tensor of blocks, [E, N, K / 32, 16] bytes,
// beside one of scales, [E, N, K / 32], and one of biases, [E, N].
//
//===----------------------------------------------------------------------===//
#include "checkpoint/DerivedTensors.h"
#include "checkpoint/Family.h"
#include "numerics/Elements.h"

using namespace qmmrt;

static constexpr std::string_view kBlocks = "blocks", kScales = "scales";
static constexpr int64_t kBlockBytes = 16, kBlock = 32;

static bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

/// The part of a key before "blocks" or "scales" with its '.' or '_'; "" for a
/// key that ends otherwise.
static std::string_view getStem(std::string_view key, std::string_view end) {
  if (!endsWith(key, end) || key.size() < end.size() + 2)
    return "";
  char before = key[key.size() - end.size() - 1];
  return before == '.' || before == '_' ? key.substr(0, key.size() - end.size())
                                        : "";
}

bool qmmrt::areExpertScales(const Checkpoint &checkpoint,
                            const SafetensorsTensor &tensor) {
  std::string_view stem = getStem(tensor.name, kScales);
  return !stem.empty() &&
         checkpoint.find(std::string(stem).append(kBlocks)) != nullptr;
}

/// "X_weight." and "X." have the biases "X_bias", "X_" has "X_bias".
static const SafetensorsTensor *findBias(const Checkpoint &checkpoint,
                                         std::string_view module) {
  constexpr std::string_view kWeight = "_weight";
  if (endsWith(module, kWeight))
    module.remove_suffix(kWeight.size());
  return checkpoint.find(std::string(module) + "_bias");
}

Result<std::vector<LinearLayer>>
qmmrt::readExperts(const Checkpoint &checkpoint,
                   const SafetensorsTensor &blocks) {
  std::vector<LinearLayer> layers;
  std::string_view stem = getStem(blocks.name, kBlocks);
  const SafetensorsTensor *scales =
      stem.empty() ? nullptr
                   : checkpoint.find(std::string(stem).append(kScales));
  if (!scales)
    return layers;
  const std::vector<int64_t> &shape = blocks.shape;
  if (blocks.dtype != QMM_DTYPE_U8 || shape.size() != 4 ||
      shape[3] != kBlockBytes || blocks.bytes == 0)
    return malformed(checkpoint, blocks,
                     "found " + describeTensor(blocks) + " beside " +
                         quoteName(scales->name) +
                         ", expected U8 [experts, N, K / 32, 16]");
  int64_t experts = shape[0], n = shape[1], k = shape[2] * kBlock;
  std::vector<int64_t> scaleShape(shape.begin(), shape.end() - 1);
  if ((scales->dtype != QMM_DTYPE_U8 && scales->dtype != QMM_DTYPE_E8M0) ||
      scales->shape != scaleShape)
    return malformed(checkpoint, *scales,
                     "found " + describeTensor(*scales) + ", expected U8 " +
                         describeShape(scaleShape) + " for the blocks " +
                         describeTensor(blocks));
  Status status = checkScaleValues(checkpoint, *scales, QMM_DTYPE_E8M0,
                                   /*zeroAllowed=*/true);
  if (!status.ok())
    return status;
  std::string_view module = stem.substr(0, stem.size() - 1);
  const SafetensorsTensor *bias = findBias(checkpoint, module);
  if (bias &&
      (!isWide(bias->dtype) || bias->shape != std::vector<int64_t>{experts, n}))
    return malformed(checkpoint, *bias,
                     "found " + describeTensor(*bias) +
                         ", expected F32, BF16 or F16 " +
                         describeShape({experts, n}) + " for the blocks " +
                         describeTensor(blocks));
  for (int64_t expert = 0; expert < experts; ++expert) {
    LinearLayer layer;
    layer.name = std::string(module) + "." + std::to_string(expert);
    layer.format = "mxfp4";
    layer.n = n;
    layer.k = k;
    layer.scheme = {QMM_DTYPE_E2M1, QMM_DTYPE_E8M0, 1, kBlock, 0, 0};
    layer.layout = {QMM_SCALES_LINEAR, QMM_NIBBLES_LO_FIRST, 0, 0, 0};
    layer.fullPrecision = true;
    layer.weight = getPartKey(blocks.name, expert);
    layer.weightScale = getPartKey(scales->name, expert);
    if (bias) {
      layer.bias = getPartKey(bias->name, expert);
      layer.expressed = bias->dtype;
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}
