//===- checkpoint/SafetensorsStream.cpp - Large files -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See SafetensorsStream.h.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/SafetensorsStream.h"
#include "checkpoint/Json.h"

#include <algorithm>
#include <iterator>

using namespace qmmrt;

// The order of the safetensors library's enumeration, widest last.
static constexpr qmm_dtype kOrder[] = {
    QMM_DTYPE_BOOL, QMM_DTYPE_E2M1, QMM_DTYPE_U8,   QMM_DTYPE_I8,
    QMM_DTYPE_E5M2, QMM_DTYPE_E4M3, QMM_DTYPE_E8M0, QMM_DTYPE_I16,
    QMM_DTYPE_U16,  QMM_DTYPE_F16,  QMM_DTYPE_BF16, QMM_DTYPE_I32,
    QMM_DTYPE_U32,  QMM_DTYPE_F32,  QMM_DTYPE_F64,  QMM_DTYPE_I64,
    QMM_DTYPE_U64};

static auto getRank(qmm_dtype dtype) {
  return std::find(std::begin(kOrder), std::end(kOrder), dtype);
}

Status SafetensorsStream::declare(std::string name, qmm_dtype dtype,
                                  std::vector<int64_t> shape) {
  SafetensorsEntry entry = {std::move(name), dtype, std::move(shape), 0};
  if (Status status = sizeSafetensorsEntry(entry); !status.ok())
    return status;
  if (!places.emplace(entry.name, 0).second)
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "tensor " + quoteName(entry.name) + ": declared twice");
  entries.push_back(std::move(entry));
  return {};
}

void SafetensorsStream::setMetadata(std::string key, std::string value) {
  metadata[std::move(key)] = std::move(value);
}

Status SafetensorsStream::open(const std::string &path, bool resumes) {
  std::sort(entries.begin(), entries.end(),
            [](const SafetensorsEntry &lhs, const SafetensorsEntry &rhs) {
              auto left = getRank(lhs.dtype), right = getRank(rhs.dtype);
              return left != right ? left > right : lhs.name < rhs.name;
            });
  Result<std::string> header = buildSafetensorsHeader(entries, metadata);
  if (!header.ok())
    return Status(header.getStatus().getCode(),
                  path + ": " + header.getStatus().getMessage());
  fileBytes = header->size();
  for (const SafetensorsEntry &entry : entries) {
    places.find(entry.name)->second = fileBytes;
    fileBytes += entry.bytes;
  }
  Status opened = resumes ? file.openPartial(path) : file.open(path);
  if (!opened.ok())
    return opened;
  isEarlier = file.getSize() == fileBytes;
  if (Status status = file.reserve(fileBytes); !status.ok())
    return status;
  return file.writeAt(0, header->data(), header->size());
}

Status SafetensorsStream::write(const std::string &name, uint64_t offset,
                                const void *data, uint64_t bytes) const {
  auto place = places.find(name);
  if (place == places.end())
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "tensor " + quoteName(name) + ": not declared");
  return file.writeAt(place->second + offset, data, bytes);
}

Status SafetensorsStream::commit() { return file.commit(); }
