//===- checkpoint/Checkpoint.cpp - A checkpoint -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Checkpoint.h.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Checkpoint.h"
#include "checkpoint/Json.h"

#include <sys/stat.h>

using namespace qmmrt;

static bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

Result<Checkpoint> Checkpoint::open(const std::string &path) {
  if (endsWith(path, ".index.json"))
    return Status(QMM_STATUS_UNSUPPORTED,
                  path + ": is the index of a sharded checkpoint, which this "
                         "version doesn't read; expected one .safetensors "
                         "file");
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return Status(QMM_STATUS_UNSUPPORTED,
                  path + ": is a directory, which this version doesn't read as "
                         "a checkpoint; expected one .safetensors file");
  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file.ok())
    return file.getStatus();
  Checkpoint result(std::move(*file));
  result.path = path;
  return result;
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

std::string Checkpoint::describeConfigBeside() const {
  if (path.empty())
    return "";
  std::string folder = path.substr(0, path.find_last_of('/') + 1);
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
