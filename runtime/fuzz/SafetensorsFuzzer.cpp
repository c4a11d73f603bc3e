//===- fuzz/SafetensorsFuzzer.cpp - Bytes as a checkpoint -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads any bytes as a file and its layers.  Whatever is accepted must hold
// what the readers promise: tensors inside the file, keys that exist, legal
// schemes.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Layers.h"

#include <cstdlib>
#include <cstring>

using namespace qmmrt;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

static void require(bool condition) {
  if (!condition)
    std::abort();
}

static void checkLayer(const Checkpoint &checkpoint, const LinearLayer &layer) {
  for (const std::string *key :
       {&layer.weight, &layer.weightScale, &layer.tensorScale, &layer.bias,
        &layer.inputScale, &layer.preQuantScale})
    require(key->empty() || checkpoint.find(*key));
  const SafetensorsTensor *weight = checkpoint.find(layer.weight);
  require(weight && layer.n > 0 && layer.k > 0);
  require((layer.scheme.scale != QMM_DTYPE_NONE) == !layer.weightScale.empty());
  require((layer.scheme.has_tensor_scale != 0) == !layer.tensorScale.empty());
  require(layer.scheme.block_k >= 0 && layer.scheme.block_outer >= 0);
  require(layer.n <= weight->shape[0]);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file = SafetensorsFile::parse(data, size, "fuzz");
  if (!file.ok()) {
    require(!file.getStatus().getMessage().empty());
    return 0;
  }
  for (const SafetensorsTensor &tensor : file->getTensors()) {
    require(tensor.data >= data && tensor.bytes <= size &&
            tensor.data - data <=
                static_cast<std::ptrdiff_t>(size - tensor.bytes));
    require(file->find(tensor.name) == &tensor);
  }
  Checkpoint checkpoint(std::move(*file));
  for (FileLayout layout :
       {FileLayout::Declared, FileLayout::Comfy, FileLayout::ModelOpt,
        FileLayout::CompressedTensors}) {
    std::vector<SkippedWeight> skipped;
    auto layers = readLinearLayers(checkpoint, &skipped, layout);
    if (!layers.ok()) {
      require(!layers.getStatus().getMessage().empty());
      continue;
    }
    for (const LinearLayer &layer : *layers)
      checkLayer(checkpoint, layer);
  }
  return 0;
}

/// Keeps the header's length right for half of the mutations that move bytes:
/// almost none would reach the JSON otherwise.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  uint64_t header = 0;
  bool whole = size >= 8;
  if (whole)
    std::memcpy(&header, data, 8);
  size_t newSize = LLVMFuzzerMutate(data, size, maxSize);
  if (!whole || newSize < 8 || seed % 2)
    return newSize;
  header += newSize - size;
  std::memcpy(data, &header, 8);
  return newSize;
}
