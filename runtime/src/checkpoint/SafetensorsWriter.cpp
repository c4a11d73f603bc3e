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

Status SafetensorsWriter::add(std::string name, qmm_dtype dtype,
                              std::vector<int64_t> shape, const void *data,
                              uint64_t bytes) {
  auto invalid = [&](const std::string &text) {
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "tensor " + quoteName(name) + ": " + text);
  };
  if (name == "__metadata__")
    return invalid("the name is reserved");
  if (!getSafetensorsDTypeName(dtype))
    return invalid("unknown dtype " + std::to_string(dtype));
  uint64_t bits = getSafetensorsBits(dtype);
  for (int64_t extent : shape)
    if (extent < 0 ||
        __builtin_mul_overflow(bits, static_cast<uint64_t>(extent), &bits))
      return invalid("the shape " + describeShape(shape) + " isn't a size");
  if (bits % 8 || bits / 8 != bytes)
    return invalid(std::to_string(bytes) + " bytes given for " +
                   getSafetensorsDTypeName(dtype) + " " + describeShape(shape));
  if (!names.insert(name).second)
    return invalid("added twice");
  entries.push_back({std::move(name), dtype, std::move(shape), data, bytes});
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

Result<std::string> SafetensorsWriter::buildHeader() const {
  auto notUtf8 = [](const std::string &text) {
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "the name or metadata " + quoteName(text) + " isn't UTF-8");
  };
  std::string header = "{";
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
  for (const Entry &entry : entries) {
    if (!appendQuoted(header, entry.name))
      return notUtf8(entry.name);
    header += std::string(":{\"dtype\":\"") +
              getSafetensorsDTypeName(entry.dtype) +
              "\",\"shape\":" + describeShape(entry.shape) +
              ",\"data_offsets\":[" + std::to_string(offset) + "," +
              std::to_string(offset + entry.bytes) + "]},";
    offset += entry.bytes;
  }
  if (header.back() == ',')
    header.pop_back();
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  if (header.size() > kMaxSafetensorsHeader)
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "the header would have " + std::to_string(header.size()) +
                      " bytes, expected at most " +
                      std::to_string(kMaxSafetensorsHeader));
  return header;
}

Status SafetensorsWriter::write(const std::string &path) const {
  Result<std::string> header = buildHeader();
  if (!header.ok())
    return Status(header.getStatus().getCode(),
                  path + ": " + header.getStatus().getMessage());
  uint8_t length[8];
  for (int i = 0; i < 8; ++i)
    length[i] = static_cast<uint8_t>(uint64_t{header->size()} >> (8 * i));
  AtomicFile file;
  if (Status status = file.open(path); !status.ok())
    return status;
  if (Status status = file.write(length, 8); !status.ok())
    return status;
  if (Status status = file.write(header->data(), header->size()); !status.ok())
    return status;
  for (const Entry &entry : entries)
    if (Status status = file.write(entry.data, entry.bytes); !status.ok())
      return status;
  return file.commit();
}
