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
#include "checkpoint/Json.h"

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

static bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

/// The document at `path`, or null when there is none that can be read: it only
/// improves a message.
static JsonValue readConfig(const std::string &path) {
  constexpr size_t kMaxConfig = 16u << 20;
  constexpr unsigned kMaxDepth = 32;
  Result<MappedFile> file = MappedFile::open(path);
  if (!file.ok() || file->size() > kMaxConfig)
    return {};
  Result<JsonValue> value = parseJson(
      {reinterpret_cast<const char *>(file->data()), file->size()}, kMaxDepth);
  return value.ok() ? std::move(*value) : JsonValue();
}

static std::string getString(const JsonValue *object, std::string_view key) {
  const JsonValue *value = object ? object->find(key) : nullptr;
  return value ? value->string : std::string();
}

/// The quantizer that a config beside the checkpoint's files names; "" without
/// one.
static std::string describeConfigBeside(const Checkpoint &checkpoint) {
  if (checkpoint.getFiles().size() == 1 && checkpoint.getFolder().empty())
    return "";
  const std::string &folder = checkpoint.getFolder();
  JsonValue modelOpt = readConfig(folder + "hf_quant_config.json");
  if (const JsonValue *quantization = modelOpt.find("quantization"))
    return "ModelOpt (" + getString(quantization, "quant_algo") +
           ", by hf_quant_config.json beside it)";
  JsonValue config = readConfig(folder + "config.json");
  std::string method =
      getString(config.find("quantization_config"), "quant_method");
  if (method.empty())
    return "";
  return (method == "fp8" ? "DeepSeek-style fp8" : method) +
         " (by config.json beside it)";
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
  if (endsWith(component, "blocks") && tensor.dtype == QMM_DTYPE_U8) {
    std::string scales = tensor.name;
    scales.replace(scales.size() - 6, 6, "scales");
    if (checkpoint.find(scales))
      return refuse("gpt-oss (mxfp4 blocks and scales)");
  }
  for (std::string_view shared : kShared) {
    if (component != shared)
      continue;
    auto module = modules.find(getModule(tensor.name));
    bool hasWeight = false;
    for (const SafetensorsTensor *sibling : module->second)
      hasWeight = hasWeight || getLastComponent(sibling->name) == "weight";
    std::string config = describeConfigBeside(checkpoint);
    if (!config.empty())
      return refuse(config);
    if (!hasWeight)
      return malformed(
          checkpoint, tensor,
          "has no tensor " +
              quoteName(std::string(getModule(tensor.name)) + ".weight") +
              " beside it");
    return unsupported(
        checkpoint, tensor,
        "nothing declares the format of its layer (no comfy_quant tensor, no "
        "_quantization_metadata, no scaled_fp8 mark); ComfyUI, ModelOpt and "
        "compressed-tensors use such keys for different bytes");
  }
  return {};
}
