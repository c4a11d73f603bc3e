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
#include "checkpoint/DerivedTensors.h"
#include "checkpoint/Json.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <sys/stat.h>

using namespace qmmrt;

Checkpoint::Checkpoint(Checkpoint &&) noexcept = default;
Checkpoint &Checkpoint::operator=(Checkpoint &&) noexcept = default;
Checkpoint::~Checkpoint() = default;

static constexpr std::string_view kIndexSuffix = ".index.json";
static constexpr std::string_view kFileSuffix = ".safetensors";

static bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

static std::string getFolderOf(const std::string &path) {
  return path.substr(0, path.find_last_of('/') + 1);
}

Checkpoint::Checkpoint(SafetensorsFile file)
    : name(file.getName()), inMemory(true) {
  files.push_back(std::move(file));
  // One file's keys are unique: this can't fail.
  (void)collect();
}

Status Checkpoint::collect() {
  derived = std::make_unique<DerivedTensors>();
  for (const SafetensorsFile &file : files)
    for (const SafetensorsTensor &tensor : file.getTensors()) {
      auto [it, isNew] = index.emplace(tensor.name, &tensor);
      if (!isNew)
        return Status(QMM_STATUS_MALFORMED,
                      name + ": the tensor " + quoteName(tensor.name) +
                          " is in both " + getFileName(*it->second) + " and " +
                          file.getName());
      tensors.push_back(&tensor);
    }
  return {};
}

const SafetensorsTensor *Checkpoint::find(std::string_view key) const {
  auto it = index.find(key);
  if (it != index.end())
    return it->second;
  std::optional<Derivation> derivation = parseDerivedKey(key);
  if (!derivation)
    return nullptr;
  auto base = index.find(derivation->base);
  return base == index.end() ? nullptr
                             : derived->get(key, *derivation, *base->second);
}

const std::string &
Checkpoint::getFileName(const SafetensorsTensor &tensor) const {
  for (const SafetensorsFile &file : files) {
    const std::vector<SafetensorsTensor> &held = file.getTensors();
    std::less_equal<> notAfter;
    if (!held.empty() && notAfter(&held.front(), &tensor) &&
        notAfter(&tensor, &held.back()))
      return file.getName();
  }
  return name;
}

/// The shards that an index names, in order, each with the keys it must hold.
using WeightMap = std::map<std::string, std::vector<std::string>>;

static Result<WeightMap> readIndex(const std::string &path) {
  auto malformed = [&](const std::string &text) {
    return Status(QMM_STATUS_MALFORMED, path + ": " + text);
  };
  constexpr unsigned kMaxDepth = 8;
  Result<MappedFile> file = MappedFile::open(path);
  if (!file.ok())
    return file.getStatus();
  if (file->size() > kMaxSafetensorsHeader)
    return malformed("has " + std::to_string(file->size()) +
                     " bytes, expected at most " +
                     std::to_string(kMaxSafetensorsHeader));
  Result<JsonValue> document = parseJson(
      {reinterpret_cast<const char *>(file->data()), file->size()}, kMaxDepth);
  if (!document.ok())
    return malformed(document.getStatus().getMessage());
  const JsonValue *weightMap = document->find("weight_map");
  if (!weightMap || weightMap->kind != JsonValue::Kind::Object)
    return malformed(
        "'weight_map' is " +
        std::string(weightMap ? getKindName(weightMap->kind) : "missing") +
        ", expected an object");
  if (weightMap->members.empty())
    return malformed("'weight_map' names no tensor");
  WeightMap result;
  for (const JsonMember &member : weightMap->members) {
    const std::string &shard = member.value.string;
    if (member.value.kind != JsonValue::Kind::String ||
        !endsWith(shard, kFileSuffix) || shard.find('/') != std::string::npos)
      return malformed("'weight_map' gives " + quoteName(member.key) + " " +
                       (member.value.kind == JsonValue::Kind::String
                            ? "the file " + quoteName(shard)
                            : getKindName(member.value.kind)) +
                       ", expected the name of a .safetensors file beside the "
                       "index");
    result[shard].push_back(member.key);
  }
  return result;
}

static Status checkShard(const std::string &index, const SafetensorsFile &file,
                         std::vector<std::string> &keys) {
  auto malformed = [&](const std::string &text) {
    return Status(QMM_STATUS_MALFORMED, index + ": " + text);
  };
  for (const std::string &key : keys)
    if (!file.find(key))
      return malformed("'weight_map' puts the tensor " + quoteName(key) +
                       " in " + file.getName() + ", which doesn't hold it");
  std::sort(keys.begin(), keys.end());
  for (const SafetensorsTensor &tensor : file.getTensors())
    if (!std::binary_search(keys.begin(), keys.end(), tensor.name))
      return malformed("'weight_map' doesn't put the tensor " +
                       quoteName(tensor.name) + " in " + file.getName() +
                       ", which holds it");
  return {};
}

/// The index of a folder, or else its .safetensors files.
static Result<std::vector<std::string>> listFolder(const std::string &folder) {
  std::error_code error;
  std::vector<std::string> indexes, shards;
  for (std::filesystem::directory_iterator it(folder, error), end;
       !error && it != end; it.increment(error)) {
    std::string entry = it->path().filename().string();
    if (endsWith(entry, std::string(kFileSuffix) + std::string(kIndexSuffix)))
      indexes.push_back(entry);
    else if (endsWith(entry, kFileSuffix))
      shards.push_back(entry);
  }
  if (error)
    return Status(QMM_STATUS_IO, folder + ": " + error.message());
  std::sort(indexes.begin(), indexes.end());
  std::sort(shards.begin(), shards.end());
  if (indexes.size() > 1)
    return Status(QMM_STATUS_MALFORMED,
                  folder + ": has the indexes " + quoteName(indexes[0]) +
                      " and " + quoteName(indexes[1]) +
                      ", expected one; name the index instead of the folder");
  if (indexes.empty() && shards.empty())
    return Status(QMM_STATUS_NOT_FOUND,
                  folder + ": is a folder with no .safetensors file and no "
                           ".safetensors.index.json");
  return indexes.empty() ? shards : indexes;
}

Result<Checkpoint> Checkpoint::open(const std::string &path) {
  Checkpoint result;
  result.name = path;
  result.folder = getFolderOf(path);
  std::vector<std::string> names = {path.substr(result.folder.size())};
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    result.folder = path.back() == '/' ? path : path + "/";
    Result<std::vector<std::string>> listed = listFolder(path);
    if (!listed.ok())
      return listed.getStatus();
    names = std::move(*listed);
    result.isFolder = true;
  }
  WeightMap weightMap;
  std::string index;
  if (names.size() == 1 && endsWith(names[0], kIndexSuffix)) {
    index = result.folder + names[0];
    Result<WeightMap> read = readIndex(index);
    if (!read.ok())
      return read.getStatus();
    weightMap = std::move(*read);
    names.clear();
    for (const auto &[shard, keys] : weightMap)
      names.push_back(shard);
    result.isFolder = true;
  }
  for (const std::string &shard : names) {
    Result<SafetensorsFile> file = SafetensorsFile::open(result.folder + shard);
    if (!file.ok() && !index.empty() &&
        file.getStatus().getCode() == QMM_STATUS_NOT_FOUND)
      return Status(QMM_STATUS_MALFORMED,
                    index + ": 'weight_map' names the file " +
                        quoteName(shard) + ", which isn't there");
    if (!file.ok())
      return file.getStatus();
    if (!index.empty()) {
      Status status = checkShard(index, *file, weightMap[shard]);
      if (!status.ok())
        return status;
    }
    result.files.push_back(std::move(*file));
  }
  Status status = result.collect();
  if (!status.ok())
    return status;
  return result;
}
