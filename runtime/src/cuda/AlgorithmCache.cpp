//===- cuda/AlgorithmCache.cpp - Chosen algorithms, kept in a file --------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layout: magic, version, entry size, entry count, key length (u64 each), key,
// entries (problem, algorithm), then the hash of all that.
//
//===----------------------------------------------------------------------===//
#include "cuda/AlgorithmCache.h"

#include "program/Hash.h"
#include "support/AtomicFile.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sys/stat.h>

namespace qmmrt::cuda {
namespace {

constexpr uint64_t kMagic = 0x31676C614D4D51; // "QMMalg1"
constexpr uint64_t kVersion = 1;

struct Entry {
  MatmulProblem problem;
  cublasLtMatmulAlgo algorithm;
};

struct Head {
  uint64_t magic, version, entryBytes, count, keyBytes;
};

std::string makeKey(const Device &device) {
  const DeviceProperties &p = device.getProperties();
  return p.name + "|" + p.chip + "|" + std::to_string(p.smCount) + "|" +
         std::to_string(p.driverVersion) + "|" +
         std::to_string(p.cublasLtVersion) + "|" +
         std::to_string(device.getLibraries().cublasLtBytes);
}

/// mkdir -p; the last error is the file's to report.
void makeFolders(const std::string &folder) {
  for (size_t at = folder.find('/', 1);; at = folder.find('/', at + 1)) {
    ::mkdir(folder.substr(0, at).c_str(), 0777);
    if (at == std::string::npos)
      return;
  }
}

} // namespace

size_t ProblemHash::operator()(const MatmulProblem &problem) const {
  return size_t(hashBytes(&problem, sizeof(problem)));
}

std::string getCacheFolder(const char *given) {
  if (given)
    return given;
  if (const char *folder = std::getenv("QMM_CACHE_DIR"))
    return folder;
  if (const char *folder = std::getenv("XDG_CACHE_HOME"); folder && *folder)
    return std::string(folder) + "/qmm";
  if (const char *home = std::getenv("HOME"); home && *home)
    return std::string(home) + "/.cache/qmm";
  return "";
}

AlgorithmCache::AlgorithmCache(const Device &device, const std::string &folder)
    : key(makeKey(device)) {
  if (folder.empty())
    return;
  char name[40];
  std::snprintf(
      name, sizeof(name), "/algorithms-%016llx",
      static_cast<unsigned long long>(hashBytes(key.data(), key.size())));
  path = folder + name;
  std::string reason;
  if (!read(entries, reason)) {
    entries.clear();
    warn(path + " is ignored: " + reason);
  }
}

bool AlgorithmCache::read(Map &map, std::string &reason) const {
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    return true;
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  Head head;
  uint64_t digest;
  if (bytes.size() < sizeof(head) + sizeof(digest)) {
    reason = "it is cut short";
    return false;
  }
  std::memcpy(&head, bytes.data(), sizeof(head));
  const uint64_t body = bytes.size() - sizeof(head) - sizeof(digest);
  if (head.magic != kMagic || head.version != kVersion ||
      head.entryBytes != sizeof(Entry)) {
    reason = "it isn't of this version";
    return false;
  }
  if (head.keyBytes > body ||
      (body - head.keyBytes) / sizeof(Entry) != head.count ||
      (body - head.keyBytes) % sizeof(Entry) != 0) {
    reason = "its size is wrong";
    return false;
  }
  std::memcpy(&digest, bytes.data() + bytes.size() - sizeof(digest),
              sizeof(digest));
  if (digest != hashBytes(bytes.data(), bytes.size() - sizeof(digest))) {
    reason = "its checksum is wrong";
    return false;
  }
  const char *at = bytes.data() + sizeof(head);
  if (bytes.compare(sizeof(head), head.keyBytes, key) != 0) {
    reason = "it is another device's or library's";
    return false;
  }
  at += head.keyBytes;
  for (uint64_t i = 0; i < head.count; ++i, at += sizeof(Entry)) {
    Entry entry;
    std::memcpy(&entry, at, sizeof(entry));
    map[entry.problem] = entry.algorithm;
  }
  return true;
}

Status AlgorithmCache::write(const Map &map) const {
  const Head head = {kMagic, kVersion, sizeof(Entry), map.size(), key.size()};
  std::string bytes(reinterpret_cast<const char *>(&head), sizeof(head));
  bytes += key;
  for (const auto &[problem, algorithm] : map) {
    const Entry entry = {problem, algorithm};
    bytes.append(reinterpret_cast<const char *>(&entry), sizeof(entry));
  }
  const uint64_t digest = hashBytes(bytes.data(), bytes.size());
  bytes.append(reinterpret_cast<const char *>(&digest), sizeof(digest));
  makeFolders(path.substr(0, path.rfind('/')));
  return writeFile(path, bytes);
}

std::optional<cublasLtMatmulAlgo>
AlgorithmCache::find(const MatmulProblem &problem) const {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = entries.find(problem);
  if (it == entries.end())
    return std::nullopt;
  return it->second;
}

void AlgorithmCache::insert(const MatmulProblem &problem,
                            const cublasLtMatmulAlgo &algorithm) {
  std::lock_guard<std::mutex> lock(mutex);
  entries.insert_or_assign(problem, algorithm);
  if (path.empty())
    return;
  Map all;
  std::string reason;
  if (!read(all, reason))
    all.clear();
  for (const auto &entry : entries)
    all.insert_or_assign(entry.first, entry.second);
  if (Status s = write(all); !s.ok())
    warn(s.getMessage() + ": chosen algorithms aren't kept");
}

void AlgorithmCache::warn(const std::string &text) {
  if (warning.empty())
    std::fprintf(stderr, "qmm: warning: %s\n", text.c_str());
  warning = text;
}

std::string AlgorithmCache::getWarning() const {
  std::lock_guard<std::mutex> lock(mutex);
  return warning;
}

} // namespace qmmrt::cuda
