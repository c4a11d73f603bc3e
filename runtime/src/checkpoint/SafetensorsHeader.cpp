//===- checkpoint/SafetensorsHeader.cpp - The JSON header -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See SafetensorsHeader.h.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/SafetensorsHeader.h"
#include "checkpoint/Json.h"

#include <unordered_set>

using namespace qmmrt;

namespace {

/// More dimensions than any tensor has; bounds what a header can allocate.
constexpr size_t kMaxRank = 64;

class HeaderReader {
public:
  using json = nlohmann::json;

  HeaderReader(std::vector<TensorEntry> &entries,
               std::map<std::string, std::string> &metadata)
      : entries(entries), metadata(metadata) {}

  Status error;

  bool null() { return unexpected("null"); }
  bool boolean(bool) { return unexpected("a boolean"); }
  bool number_integer(json::number_integer_t value) {
    return unexpected("the negative number " + std::to_string(value));
  }
  bool number_float(json::number_float_t, const std::string &text) {
    return unexpected("the number " + text.substr(0, 40));
  }
  bool binary(json::binary_t &) { return unexpected("binary data"); }
  bool number_unsigned(json::number_unsigned_t value) {
    TensorEntry *entry = entries.empty() ? nullptr : &entries.back();
    if (place == Place::Shape) {
      if (value > static_cast<uint64_t>(INT64_MAX))
        return unexpected("the extent " + std::to_string(value));
      if (entry->tensor.shape.size() == kMaxRank)
        return fail(where() + "'shape' has more than " +
                    std::to_string(kMaxRank) + " dimensions");
      entry->tensor.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place == Place::Offsets) {
      if (numOffsets == 2)
        return fail(where() + "'data_offsets' has more than two numbers");
      (numOffsets++ ? entry->end : entry->begin) = value;
      return true;
    }
    return unexpected("the number " + std::to_string(value));
  }
  bool string(std::string &value) {
    if (place == Place::Metadata) {
      metadata[currentKey] = std::move(value);
      return true;
    }
    if (place != Place::Tensor || field != Field::DType)
      return unexpected("a string");
    SafetensorsTensor &tensor = entries.back().tensor;
    tensor.dtype = getSafetensorsDType(value);
    tensor.dtypeName = std::move(value);
    if (tensor.dtype == QMM_DTYPE_NONE) {
      error = Status(QMM_STATUS_UNSUPPORTED,
                     where() + "the dtype " + quoteName(tensor.dtypeName) +
                         " is not one this version knows");
      return false;
    }
    return true;
  }
  bool start_object(size_t) {
    if (place == Place::Document) {
      place = Place::Header;
      return true;
    }
    if (place != Place::Header)
      return unexpected("an object");
    if (currentKey == "__metadata__") {
      place = Place::Metadata;
      return true;
    }
    place = Place::Tensor;
    seen = 0;
    field = Field::None;
    entries.emplace_back().tensor.name = currentKey;
    return true;
  }
  bool start_array(size_t) {
    if (place == Place::Tensor && field == Field::Shape)
      place = Place::Shape;
    else if (place == Place::Tensor && field == Field::Offsets)
      place = Place::Offsets;
    else
      return unexpected("an array");
    numOffsets = 0;
    return true;
  }
  bool end_array() {
    if (place == Place::Offsets && numOffsets != 2)
      return fail(where() + "'data_offsets' has " + std::to_string(numOffsets) +
                  " numbers, expected two");
    place = Place::Tensor;
    return true;
  }
  bool end_object() {
    if (place == Place::Tensor && seen != (1 | 2 | 4))
      return fail(where() + "has no '" +
                  (!(seen & 1)   ? "dtype"
                   : !(seen & 2) ? "shape"
                                 : "data_offsets") +
                  "'");
    place = place == Place::Header ? Place::Document : Place::Header;
    return true;
  }
  bool key(std::string &name) {
    if (place == Place::Header) {
      if (!names.insert(name).second)
        return fail("the header names " + quoteName(name) + " twice");
      currentKey = std::move(name);
      return true;
    }
    if (place == Place::Metadata) {
      if (metadata.count(name))
        return fail("the header's '__metadata__' has the key " +
                    quoteName(name) + " twice");
      currentKey = std::move(name);
      return true;
    }
    field = name == "dtype"          ? Field::DType
            : name == "shape"        ? Field::Shape
            : name == "data_offsets" ? Field::Offsets
                                     : Field::None;
    if (field == Field::None)
      return fail(where() + "unknown field " + quoteName(name));
    unsigned bit = 1u << (static_cast<unsigned>(field) - 1);
    if (seen & bit)
      return fail(where() + "the field " + quoteName(name) + " occurs twice");
    seen |= bit;
    return true;
  }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &exception) {
    return fail("the header is " + describeSyntaxError(position, exception));
  }

private:
  enum class Place { Document, Header, Metadata, Tensor, Shape, Offsets };
  enum class Field : unsigned { None, DType, Shape, Offsets };

  bool fail(std::string text) {
    error = Status(QMM_STATUS_MALFORMED, std::move(text));
    return false;
  }
  std::string where() const {
    return "tensor " + quoteName(entries.back().tensor.name) + ": ";
  }
  bool unexpected(const std::string &what) {
    switch (place) {
    case Place::Document:
      return fail("the header is " + what + ", expected an object");
    case Place::Header:
      return fail("the header's " + quoteName(currentKey) + " is " + what +
                  ", expected an object");
    case Place::Metadata:
      return fail("the header's '__metadata__' has " + what + " for " +
                  quoteName(currentKey) + ", expected a string");
    case Place::Tensor:
      return fail(where() + "found " + what + ", expected " +
                  (field == Field::DType ? "a string for 'dtype'"
                   : field == Field::Shape
                       ? "an array of extents for 'shape'"
                       : "an array of two numbers for 'data_offsets'"));
    case Place::Shape:
      return fail(where() + "'shape' has " + what +
                  ", expected extents of 0 or more");
    case Place::Offsets:
      return fail(where() + "'data_offsets' has " + what +
                  ", expected byte offsets of 0 or more");
    }
    return fail("the header is not one of safetensors");
  }

  std::vector<TensorEntry> &entries;
  std::map<std::string, std::string> &metadata;
  std::unordered_set<std::string> names;
  Place place = Place::Document;
  Field field = Field::None;
  unsigned seen = 0; // bit (field - 1)
  unsigned numOffsets = 0;
  std::string currentKey;
};

} // namespace

Status
qmmrt::parseSafetensorsHeader(std::string_view text,
                              std::vector<TensorEntry> &entries,
                              std::map<std::string, std::string> &metadata) {
  if (text.empty() || text.front() != '{')
    return Status(QMM_STATUS_MALFORMED,
                  "the header doesn't begin with '{' (is this a safetensors "
                  "file?)");
  // The parser takes a zero byte for the end of its input.
  size_t zero = text.find('\0');
  if (zero != std::string_view::npos)
    return Status(QMM_STATUS_MALFORMED,
                  "the header has a zero byte at " + std::to_string(zero));
  HeaderReader reader(entries, metadata);
  if (!runJsonSax(text, reader))
    return reader.error;
  return {};
}
