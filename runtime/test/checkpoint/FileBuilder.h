//===- checkpoint/FileBuilder.h - Files for tests -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds a file's bytes without the project's writer, so that every rule of the
// reader can be broken one at a time.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_CHECKPOINT_FILEBUILDER_H
#define QMMRT_TEST_CHECKPOINT_FILEBUILDER_H

#include "checkpoint/Layers.h"

#include <cstring>
#include <gtest/gtest.h>

namespace qmmrt::test {

/// Length, `header` and `data` as they would lie in a file.
inline std::string rawFile(const std::string &header,
                           const std::string &data = "") {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i)
    bytes[i] = static_cast<char>(uint64_t{header.size()} >> (8 * i));
  return bytes + header + data;
}

inline std::string f32(std::vector<float> values) {
  return std::string(reinterpret_cast<const char *>(values.data()),
                     values.size() * 4);
}

/// A well-formed file; `add` again under a name replaces its tensor.
class FileBuilder {
public:
  FileBuilder &add(const std::string &name, const std::string &dtype,
                   std::vector<int64_t> shape, std::string bytes) {
    remove(name);
    entries.push_back({name, dtype, std::move(shape), std::move(bytes)});
    return *this;
  }
  /// All bytes `fill`.
  FileBuilder &addFilled(const std::string &name, const std::string &dtype,
                         std::vector<int64_t> shape, size_t bytes,
                         char fill = 0) {
    return add(name, dtype, std::move(shape), std::string(bytes, fill));
  }
  FileBuilder &scalar(const std::string &name, float value) {
    return add(name, "F32", {}, f32({value}));
  }
  FileBuilder &declare(const std::string &layer, const std::string &json) {
    return add(layer + ".comfy_quant", "U8",
               {static_cast<int64_t>(json.size())}, json);
  }
  FileBuilder &remove(const std::string &name) {
    for (size_t i = 0; i < entries.size(); ++i)
      if (entries[i].name == name)
        entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
    return *this;
  }
  /// `json` becomes the metadata `_quantization_metadata`.
  FileBuilder &metadata(const std::string &json) {
    std::string escaped;
    for (char c : json)
      escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
    quantization =
        "\"__metadata__\":{\"_quantization_metadata\":\"" + escaped + "\"},";
    return *this;
  }

  std::string build() const {
    std::string header = "{" + quantization, data;
    for (const Entry &entry : entries) {
      header += "\"" + entry.name + "\":{\"dtype\":\"" + entry.dtype +
                "\",\"shape\":" + describeShape(entry.shape) +
                ",\"data_offsets\":[" + std::to_string(data.size()) + "," +
                std::to_string(data.size() + entry.bytes.size()) + "]},";
      data += entry.bytes;
    }
    if (header.back() == ',')
      header.pop_back();
    return rawFile(header + "}", data);
  }

private:
  struct Entry {
    std::string name, dtype;
    std::vector<int64_t> shape;
    std::string bytes;
  };
  std::vector<Entry> entries;
  std::string quantization;
};

/// The layers of a file in memory, which lives as long as the answer.
struct Read {
  explicit Read(const FileBuilder &builder) : bytes(builder.build()) {
    auto file = SafetensorsFile::parse(bytes.data(), bytes.size(), "mem");
    if (!file.ok()) {
      status = file.getStatus();
      return;
    }
    auto result = readLinearLayers(Checkpoint(std::move(*file)), &skipped);
    if (result.ok())
      layers = std::move(*result);
    else
      status = result.getStatus();
  }
  std::string bytes;
  Status status;
  std::vector<LinearLayer> layers;
  std::vector<SkippedWeight> skipped;
};

/// `status` fails with `code` and its message has every part.
inline void expectError(const Status &status, qmm_status code,
                        std::initializer_list<const char *> parts) {
  EXPECT_EQ(status.getCode(), code) << status.getMessage();
  for (const char *part : parts)
    EXPECT_NE(status.getMessage().find(part), std::string::npos)
        << "no \"" << part << "\" in: " << status.getMessage();
}

} // namespace qmmrt::test

#endif // QMMRT_TEST_CHECKPOINT_FILEBUILDER_H
