//===- checkpoint/OtherFamilies.cpp - Unread quantizers -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Families are told apart by what declares them, never by guessing: two of them
// have the same keys and shapes with other bytes.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Family.h"

#include <algorithm>

using namespace qmmrt;

namespace {
struct KeyOwner {
  std::string_view component; // last of the key
  const char *family;
};
} // namespace

// Keys that one family alone writes.
static constexpr KeyOwner kOwners[] = {
    {"weight_packed", "compressed-tensors"},
    {"weight_global_scale", "compressed-tensors"},
    {"input_global_scale", "compressed-tensors"},
    {"weight_zero_point", "compressed-tensors"},
    {"weight_g_idx", "compressed-tensors"},
    {"weight_scale_inv", "DeepSeek's fp8"},
    {"qweight", "GPTQ or AWQ"},
    {"qzeros", "GPTQ or AWQ"},
    {"SCB", "bitsandbytes"},
    {"absmax", "bitsandbytes"},
    {"quant_map", "bitsandbytes"},
    {"weight_codebook", "ComfyUI's asym_w4a8_int8"},
    {"weight_s_channel", "ComfyUI's asym_w4a8_int8"},
    {"weight_s_rel", "ComfyUI's asym_w4a8_int8"},
    {"weight_scalar", "ComfyUI's hybrid_mxfp8"},
};

// Keys of several families: only a declaration tells which.
static constexpr std::string_view kShared[] = {
    "weight_scale", "weight_scale_2", "input_scale",
    "scale_weight", "scale_input",    "pre_quant_scale"};

bool qmmrt::hasQuantizedTensors(
    const std::vector<const SafetensorsTensor *> &module) {
  return std::any_of(
      module.begin(), module.end(), [](const SafetensorsTensor *tensor) {
        std::string_view component = getLastComponent(tensor->name);
        return std::any_of(std::begin(kOwners), std::end(kOwners),
                           [&](const KeyOwner &owner) {
                             return component == owner.component;
                           }) ||
               std::find(std::begin(kShared), std::end(kShared), component) !=
                   std::end(kShared);
      });
}

Status qmmrt::refuseUndeclared(const Checkpoint &checkpoint,
                               const SafetensorsTensor &tensor) {
  return unsupported(
      checkpoint, tensor,
      "found " + describeTensor(tensor) +
          ", but nothing declares the format of its layer (no comfy_quant "
          "tensor, no _quantization_metadata, no scaled_fp8 mark, no "
          "quantization_config in a config.json, no hf_quant_config.json); "
          "ComfyUI, ModelOpt and compressed-tensors use such keys for "
          "different "
          "bytes: say which with --layout=comfy, --layout=modelopt or "
          "--layout=compressed-tensors");
}

Status qmmrt::refuseOtherFamily(const Checkpoint &checkpoint,
                                const ModuleIndex &modules,
                                const SafetensorsTensor &tensor) {
  std::string_view component = getLastComponent(tensor.name);
  auto refuse = [&](const std::string &family) {
    return unsupported(checkpoint, tensor,
                       "is of the family " + family +
                           ", which this version doesn't read");
  };
  for (const KeyOwner &owner : kOwners)
    if (component == owner.component)
      return refuse(owner.family);
  for (std::string_view shared : kShared) {
    if (component != shared)
      continue;
    auto module = modules.find(getModule(tensor.name));
    bool hasWeight = false;
    for (const SafetensorsTensor *sibling : module->second)
      hasWeight = hasWeight || getLastComponent(sibling->name) == "weight";
    if (!hasWeight)
      return malformed(
          checkpoint, tensor,
          "has no tensor " +
              quoteName(std::string(getModule(tensor.name)) + ".weight") +
              " beside it");
    return refuseUndeclared(checkpoint, tensor);
  }
  return {};
}
