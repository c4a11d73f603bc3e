//===- program/Codec.h - Encoder and bounded decoder ---------- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The decoder trusts nothing: past the end, or after any fault, it returns
// zeros and remembers the first fault, so that callers check once.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_CODEC_H
#define QMMRT_PROGRAM_CODEC_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace qmmrt::program {

class Encoder {
public:
  void u8(uint8_t value) { bytes.push_back(char(value)); }
  void u32(uint32_t value) { integer(value, 4); }
  void u64(uint64_t value) { integer(value, 8); }
  void i32(int32_t value) { u32(uint32_t(value)); }
  void i64(int64_t value) { u64(uint64_t(value)); }
  void string(const std::string &value) {
    u32(uint32_t(value.size()));
    bytes += value;
  }
  const std::string &get() const { return bytes; }

private:
  void integer(uint64_t value, int size) {
    for (int i = 0; i < size; ++i)
      u8(uint8_t(value >> (8 * i)));
  }
  std::string bytes;
};

class Decoder {
public:
  Decoder(const uint8_t *bytes, size_t size) : bytes(bytes), size(size) {}

  uint8_t u8() { return uint8_t(integer(1)); }
  uint32_t u32() { return uint32_t(integer(4)); }
  uint64_t u64() { return integer(8); }
  int32_t i32() { return int32_t(u32()); }
  int64_t i64() { return int64_t(u64()); }

  std::string string() {
    size_t length = count(1);
    std::string value(reinterpret_cast<const char *>(bytes + position), length);
    position += length;
    return value;
  }

  /// A number of items that take at least `itemBytes` each, so one that what is
  /// left can hold.
  size_t count(size_t itemBytes) {
    uint32_t value = u32();
    if (value > (size - position) / itemBytes) {
      fail("a list of " + std::to_string(value) + " items runs past the end");
      return 0;
    }
    return value;
  }

  /// A value of at most `limit`.
  uint32_t u32AtMost(uint32_t limit, const char *what) {
    uint32_t value = u32();
    if (value > limit) {
      fail(std::string(what) + " is " + std::to_string(value) +
           ", expected at most " + std::to_string(limit));
      return 0;
    }
    return value;
  }

  bool boolean(const char *what) { return u32AtMost(1, what) != 0; }

  void fail(std::string message) {
    if (error.empty())
      error = std::move(message) + " at byte " + std::to_string(position);
    position = size;
  }

  bool ok() const { return error.empty(); }
  bool atEnd() const { return position == size; }
  const std::string &getError() const { return error; }

private:
  uint64_t integer(size_t width) {
    if (size - position < width) {
      fail("the data ends early");
      return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i)
      value |= uint64_t(bytes[position + i]) << (8 * i);
    position += width;
    return value;
  }

  const uint8_t *bytes;
  size_t size;
  size_t position = 0;
  std::string error;
};

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_CODEC_H
