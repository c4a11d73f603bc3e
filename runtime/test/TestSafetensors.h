//===- test/TestSafetensors.h - Test vectors from safetensors -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A reader for trusted test data, independent of src/checkpoint on purpose:
// tests of the runtime must not read their expectations through it.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_TESTSAFETENSORS_H
#define QMMRT_TEST_TESTSAFETENSORS_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace qmmrt_test {

struct TestTensor {
  std::string dtype; // as the file spells it: "F32", "BF16", "U8", ...
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;

  /// The bytes as values of a trivially copyable type.
  template <typename T> std::vector<T> as() const {
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty())
      std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }
};

/// Throws std::runtime_error naming the file, or the json or out-of-range
/// exception of a malformed header.
inline std::map<std::string, TestTensor>
readTestSafetensors(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    throw std::runtime_error("cannot open test data " + path);
  std::vector<char> file{std::istreambuf_iterator<char>(stream),
                         std::istreambuf_iterator<char>()};
  uint64_t headerBytes = 0;
  if (file.size() < sizeof(headerBytes))
    throw std::runtime_error("truncated test data " + path);
  std::memcpy(&headerBytes, file.data(), sizeof(headerBytes));
  if (headerBytes > file.size() - sizeof(headerBytes))
    throw std::runtime_error("truncated test data " + path);
  const char *body = file.data() + sizeof(headerBytes);
  auto header = nlohmann::json::parse(body, body + headerBytes);
  body += headerBytes;
  uint64_t bodyBytes = file.size() - sizeof(headerBytes) - headerBytes;

  std::map<std::string, TestTensor> tensors;
  for (const auto &[name, entry] : header.items()) {
    if (name == "__metadata__")
      continue;
    TestTensor tensor;
    tensor.dtype = entry.at("dtype").get<std::string>();
    tensor.shape = entry.at("shape").get<std::vector<int64_t>>();
    uint64_t begin = entry.at("data_offsets").at(0).get<uint64_t>();
    uint64_t end = entry.at("data_offsets").at(1).get<uint64_t>();
    if (begin > end || end > bodyBytes)
      throw std::runtime_error("tensor " + name + " lies outside " + path);
    tensor.bytes.assign(body + begin, body + end);
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

} // namespace qmmrt_test

#endif // QMMRT_TEST_TESTSAFETENSORS_H
