//===- checkpoint/ConfigFamily.cpp - What a config declares -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hugging Face's libraries declare quantizers beside the files: in
// config.json's `quantization_config`, ModelOpt also in hf_quant_config.json.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Family.h"

using namespace qmmrt;

static constexpr char kConfig[] = "config.json";
static constexpr char kModelOptConfig[] = "hf_quant_config.json";

namespace {
/// A quantizer that this version knows by name only.
class UnreadFamily : public ConfigFamily {
public:
  Result<DeclaredLayer> declare(const std::string &layer) const override {
    return Status(QMM_STATUS_UNSUPPORTED,
                  "layer " + quoteName(layer) + " is of the family " +
                      description + ", which this version doesn't read");
  }
};

/// gpt-oss declares by its keys, too; nothing else of it is quantized.
class ExpertsFamily : public ConfigFamily {
public:
  Result<DeclaredLayer> declare(const std::string &layer) const override {
    return Status(QMM_STATUS_MALFORMED,
                  description + ": layer " + quoteName(layer) +
                      " has scales, expected blocks and scales of experts "
                      "alone");
  }
};
} // namespace

/// The document at `path`; Null when there is none.  Beside a single file a
/// config may be anything's, so one that can't be read declares nothing there.
static Result<JsonValue> readConfig(const Checkpoint &checkpoint,
                                    const char *name) {
  constexpr size_t kMaxConfig = 64u << 20;
  constexpr unsigned kMaxDepth = 32;
  if (checkpoint.isInMemory())
    return JsonValue();
  std::string path = checkpoint.getFolder() + name;
  Result<MappedFile> file = MappedFile::open(path);
  if (!file.ok()) {
    if (file.getStatus().getCode() == QMM_STATUS_NOT_FOUND ||
        !checkpoint.hasFolder())
      return JsonValue();
    return file.getStatus();
  }
  Result<JsonValue> value =
      file->size() > kMaxConfig
          ? Result<JsonValue>(Status(QMM_STATUS_MALFORMED,
                                     "has " + std::to_string(file->size()) +
                                         " bytes, expected a config"))
          : parseJson(
                {reinterpret_cast<const char *>(file->data()), file->size()},
                kMaxDepth);
  if (value.ok())
    return value;
  if (!checkpoint.hasFolder())
    return JsonValue();
  return Status(value.getStatus().getCode(),
                path + ": " + value.getStatus().getMessage());
}

static std::string getString(const JsonValue &object, std::string_view key) {
  const JsonValue *value = object.find(key);
  return value ? value->string : std::string();
}

static Result<std::unique_ptr<ConfigFamily>>
readFamily(const JsonValue &config, const std::string &method,
           const std::string &source) {
  if (method == "compressed-tensors")
    return readCompressedTensors(config, source);
  if (method == "modelopt")
    return readModelOpt(config, source);
  if (method == "fp8")
    return readFineGrainedFP8(config, source);
  std::unique_ptr<ConfigFamily> family;
  if (method == "mxfp4")
    family = std::make_unique<ExpertsFamily>();
  else
    family = std::make_unique<UnreadFamily>();
  family->description = method;
  return family;
}

Result<std::unique_ptr<ConfigFamily>>
qmmrt::readConfigFamily(const Checkpoint &checkpoint) {
  Result<JsonValue> config = readConfig(checkpoint, kConfig);
  if (!config.ok())
    return config.getStatus();
  Result<JsonValue> modelOpt = readConfig(checkpoint, kModelOptConfig);
  if (!modelOpt.ok())
    return modelOpt.getStatus();
  const JsonValue *object = config->find("quantization_config");
  std::string method = object ? getString(*object, "quant_method") : "";
  // ModelOpt writes both; the older file alone has all of its versions' fields.
  const JsonValue *quantization = modelOpt->find("quantization");
  if (quantization && !method.empty() && method != "modelopt")
    return Status(QMM_STATUS_MALFORMED,
                  checkpoint.getFolder() + kModelOptConfig +
                      ": declares ModelOpt, but config.json's "
                      "quantization_config is of " +
                      quoteName(method));
  std::string source, by;
  if (quantization) {
    object = quantization;
    method = "modelopt";
    by = kModelOptConfig;
    source = checkpoint.getFolder() + by + ": 'quantization'";
  } else if (!method.empty()) {
    by = kConfig;
    source = checkpoint.getFolder() + by + ": 'quantization_config'";
  } else {
    return std::unique_ptr<ConfigFamily>();
  }
  auto family = readFamily(*object, method, source);
  if (family.ok()) {
    (*family)->description += ", by " + by;
    for (const char *field : {"torch_dtype", "dtype"})
      if ((*family)->expressed == QMM_DTYPE_NONE)
        (*family)->expressed = getTorchDType(getString(*config, field));
  }
  return family;
}
