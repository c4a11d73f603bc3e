//===- checkpoint/SafetensorsWriter.cpp - Whole files or none -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See SafetensorsWriter.h.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/SafetensorsWriter.h"
#include "checkpoint/Json.h"
#include "checkpoint/Safetensors.h"
#include "support/AtomicFile.h"

using namespace qmmrt;

static Status invalidTensor(const std::string &name, const std::string &text) {
  return Status(QMM_STATUS_INVALID_ARGUMENT,
                "tensor " + quoteName(name) + ": " + text);
}

Status qmmrt::sizeSafetensorsEntry(SafetensorsEntry &entry) {
  if (entry.name == "__metadata__")
    return invalidTensor(entry.name, "the name is reserved");
  if (!getSafetensorsDTypeName(entry.dtype))
    return invalidTensor(entry.name,
                         "unknown dtype " + std::to_string(entry.dtype));
  uint64_t bits = getSafetensorsBits(entry.dtype);
  for (int64_t extent : entry.shape)
    if (extent < 0 ||
        __builtin_mul_overflow(bits, static_cast<uint64_t>(extent), &bits))
      return invalidTensor(entry.name, "the shape " +
                                           describeShape(entry.shape) +
                                           " isn't a size");
  if (bits % 8)
    return invalidTensor(entry.name,
                         std::string(getSafetensorsDTypeName(entry.dtype)) +
                             " " + describeShape(entry.shape) +
                             " isn't a whole number of bytes");
  entry.bytes = bits / 8;
  return {};
}

Status SafetensorsWriter::add(std::string name, qmm_dtype dtype,
                              std::vector<int64_t> shape, const void *bytesAt,
                              uint64_t bytes) {
  SafetensorsEntry entry = {std::move(name), dtype, std::move(shape), 0};
  if (Status status = sizeSafetensorsEntry(entry); !status.ok())
    return status;
  if (entry.bytes != bytes)
    return invalidTensor(entry.name, std::to_string(bytes) +
                                         " bytes given for " +
                                         getSafetensorsDTypeName(dtype) + " " +
                                         describeShape(entry.shape));
  if (!names.insert(entry.name).second)
    return invalidTensor(entry.name, "added twice");
  entries.push_back(std::move(entry));
  data.push_back(bytesAt);
  return {};
}

void SafetensorsWriter::setMetadata(std::string key, std::string value) {
  metadata[std::move(key)] = std::move(value);
}

/// `text` as a JSON string; false when it isn't UTF-8.
static bool appendQuoted(std::string &out, const std::string &text) {
  try {
    out += nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::type_error &) {
    return false;
  }
}

Result<std::string> qmmrt::buildSafetensorsHeader(
    const std::vector<SafetensorsEntry> &entries,
    const std::map<std::string, std::string> &metadata) {
  auto notUtf8 = [](const std::string &text) {
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "the name or metadata " + quoteName(text) + " isn't UTF-8");
  };
  std::string header(8, '\0');
  header += '{';
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto &[key, value] : metadata) {
      if (!appendQuoted(header, key))
        return notUtf8(key);
      header += ':';
      if (!appendQuoted(header, value))
        return notUtf8(value);
      header += ',';
    }
    header.back() = '}';
    header += ',';
  }
  uint64_t offset = 0;
  for (const SafetensorsEntry &entry : entries) {
    if (!appendQuoted(header, entry.name))
      return notUtf8(entry.name);
    header += std::string(":{\"dtype\":\"") +
              getSafetensorsDTypeName(entry.dtype) + "\",\"shape\":[";
    for (size_t i = 0; i < entry.shape.size(); ++i)
      header += (i ? "," : "") + std::to_string(entry.shape[i]);
    header += "],\"data_offsets\":[" + std::to_string(offset) + "," +
              std::to_string(offset + entry.bytes) + "]},";
    offset += entry.bytes;
  }
  if (header.back() == ',')
    header.pop_back();
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  uint64_t length = header.size() - 8;
  if (length > kMaxSafetensorsHeader)
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "the header would have " + std::to_string(length) +
                      " bytes, expected at most " +
                      std::to_string(kMaxSafetensorsHeader));
  for (int i = 0; i < 8; ++i)
    header[i] = static_cast<char>(length >> (8 * i));
  return header;
}

Status SafetensorsWriter::write(const std::string &path) const {
  Result<std::string> header = buildSafetensorsHeader(entries, metadata);
  if (!header.ok())
    return Status(header.getStatus().getCode(),
                  path + ": " + header.getStatus().getMessage());
  AtomicFile file;
  if (Status status = file.open(path); !status.ok())
    return status;
  if (Status status = file.write(header->data(), header->size()); !status.ok())
    return status;
  for (size_t i = 0; i < entries.size(); ++i)
    if (Status status = file.write(data[i], entries[i].bytes); !status.ok())
      return status;
  return file.commit();
}
