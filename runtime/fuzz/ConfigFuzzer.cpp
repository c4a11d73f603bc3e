//===- fuzz/ConfigFuzzer.cpp - Any bytes as a config -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A config is read, and speaks for a layer, or says why not.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Family.h"

#include <cstdlib>

using namespace qmmrt;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  constexpr unsigned kMaxDepth = 32;
  auto config =
      parseJson({reinterpret_cast<const char *>(data), size}, kMaxDepth);
  if (!config.ok())
    return 0;
  for (auto read : {readCompressedTensors, readModelOpt, readFineGrainedFP8}) {
    auto family = read(*config, "fuzz");
    if (!family.ok()) {
      require(!family.getStatus().getMessage().empty());
      continue;
    }
    auto layer = (*family)->declare("model.layers.0.mlp.up_proj");
    require(layer.ok()
                ? layer->rule.name && layer->rule.element != QMM_DTYPE_NONE &&
                      !layer->declaration.source.empty()
                : !layer.getStatus().getMessage().empty());
  }
  return 0;
}
