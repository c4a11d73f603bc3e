//===- checkpoint/Json.cpp - Untrusted JSON -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Json.h.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Json.h"
#include "checkpoint/MappedFile.h"

#include <unordered_set>

using namespace qmmrt;

const JsonValue *JsonValue::find(std::string_view key) const {
  for (const JsonMember &member : members)
    if (member.key == key)
      return &member.value;
  return nullptr;
}

bool JsonValue::operator==(const JsonValue &other) const {
  return kind == other.kind && boolean == other.boolean &&
         integer == other.integer && string == other.string &&
         elements == other.elements && members == other.members;
}

const char *qmmrt::getKindName(JsonValue::Kind kind) {
  switch (kind) {
  case JsonValue::Kind::Null:
    return "null";
  case JsonValue::Kind::Bool:
    return "a boolean";
  case JsonValue::Kind::Integer:
    return "an integer";
  case JsonValue::Kind::Float:
    return "a number";
  case JsonValue::Kind::String:
    return "a string";
  case JsonValue::Kind::Array:
    return "an array";
  case JsonValue::Kind::Object:
    return "an object";
  }
  return "nothing";
}

std::string qmmrt::describeSyntaxError(size_t position,
                                       const nlohmann::detail::exception &e) {
  std::string text = e.what();
  size_t begin = text.find("syntax error");
  begin = begin == std::string::npos ? 0 : begin;
  size_t end = text.find("; last read", begin);
  text = text.substr(begin, end == std::string::npos ? end : end - begin);
  return "not valid JSON at byte " + std::to_string(position) + ": " +
         text.substr(0, 200);
}

std::string qmmrt::quoteName(std::string_view name) {
  constexpr size_t kMaxShown = 200;
  std::string result = "'";
  for (char c : name.substr(0, kMaxShown)) {
    unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      constexpr char kDigits[] = "0123456789abcdef";
      result += "\\x";
      result += kDigits[byte >> 4];
      result += kDigits[byte & 15];
    } else {
      result += c;
    }
  }
  if (name.size() > kMaxShown)
    result += "...";
  return result + "'";
}

namespace {
/// Builds a JsonValue.  `open` holds the containers being filled, outermost
/// first; their addresses are stable because only the innermost one grows.
class Builder {
public:
  using json = nlohmann::json;

  Builder(JsonValue &root, unsigned maxDepth)
      : root(root), maxDepth(maxDepth) {}

  std::string error;

  bool null() { return add(JsonValue::Kind::Null) != nullptr; }
  bool boolean(bool value) {
    JsonValue *slot = add(JsonValue::Kind::Bool);
    return slot && (slot->boolean = value, true);
  }
  bool number_integer(json::number_integer_t value) {
    JsonValue *slot = add(JsonValue::Kind::Integer);
    return slot && (slot->integer = value, true);
  }
  bool number_unsigned(json::number_unsigned_t value) {
    if (value > static_cast<uint64_t>(INT64_MAX))
      return fail("the integer " + std::to_string(value) +
                  " doesn't fit in 64 bits");
    return number_integer(static_cast<int64_t>(value));
  }
  bool number_float(json::number_float_t, const std::string &text) {
    JsonValue *slot = add(JsonValue::Kind::Float);
    return slot && (slot->string = text, true);
  }
  bool string(std::string &value) {
    JsonValue *slot = add(JsonValue::Kind::String);
    return slot && (slot->string = std::move(value), true);
  }
  bool binary(json::binary_t &) { return fail("binary data in JSON"); }
  bool start_object(size_t) { return start(JsonValue::Kind::Object); }
  bool start_array(size_t) { return start(JsonValue::Kind::Array); }
  bool end_object() { return end(); }
  bool end_array() { return end(); }
  bool key(std::string &name) {
    if (!keys.back().insert(name).second)
      return fail("the key " + quoteName(name) + " occurs twice");
    if (++count > kMaxValues)
      return tooMany();
    open.back()->members.push_back({std::move(name), {}});
    return true;
  }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &exception) {
    return fail(describeSyntaxError(position, exception));
  }

private:
  static constexpr size_t kMaxValues = 1u << 20;

  bool fail(std::string text) {
    error = std::move(text);
    return false;
  }
  bool tooMany() {
    return fail("more than " + std::to_string(kMaxValues) + " JSON values");
  }
  JsonValue *add(JsonValue::Kind kind) {
    if (++count > kMaxValues) {
      tooMany();
      return nullptr;
    }
    JsonValue *slot = &root;
    if (!open.empty() && open.back()->kind == JsonValue::Kind::Object)
      slot = &open.back()->members.back().value;
    else if (!open.empty())
      slot = &open.back()->elements.emplace_back();
    slot->kind = kind;
    return slot;
  }
  bool start(JsonValue::Kind kind) {
    if (open.size() == maxDepth)
      return fail("nested deeper than " + std::to_string(maxDepth) + " levels");
    JsonValue *slot = add(kind);
    if (!slot)
      return false;
    open.push_back(slot);
    keys.emplace_back();
    return true;
  }
  bool end() {
    open.pop_back();
    keys.pop_back();
    return true;
  }

  JsonValue &root;
  unsigned maxDepth;
  size_t count = 0;
  std::vector<JsonValue *> open;
  std::vector<std::unordered_set<std::string>> keys;
};
} // namespace

Result<JsonValue> qmmrt::parseJson(std::string_view text, unsigned maxDepth) {
  // The parser takes a zero byte for the end of its input.
  size_t zero = text.find('\0');
  if (zero != std::string_view::npos)
    return Status(QMM_STATUS_MALFORMED,
                  "not valid JSON: zero byte at " + std::to_string(zero));
  JsonValue root;
  Builder builder(root, maxDepth);
  if (!runJsonSax(text, builder))
    return Status(QMM_STATUS_MALFORMED, builder.error);
  return root;
}

std::string qmmrt::quoteJson(const std::string &text) {
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true,
                                   nlohmann::json::error_handler_t::replace);
}

std::string qmmrt::dumpJson(const JsonValue &value) {
  switch (value.kind) {
  case JsonValue::Kind::Null:
    return "null";
  case JsonValue::Kind::Bool:
    return value.boolean ? "true" : "false";
  case JsonValue::Kind::Integer:
    return std::to_string(value.integer);
  case JsonValue::Kind::Float:
    return value.string;
  case JsonValue::Kind::String:
    return quoteJson(value.string);
  case JsonValue::Kind::Array: {
    std::string text = "[";
    for (const JsonValue &element : value.elements)
      text += (text.size() > 1 ? ", " : "") + dumpJson(element);
    return text + "]";
  }
  case JsonValue::Kind::Object:
    break;
  }
  std::string text = "{";
  for (const JsonMember &member : value.members)
    text += (text.size() > 1 ? ", " : "") + quoteJson(member.key) + ": " +
            dumpJson(member.value);
  return text + "}";
}

Result<JsonValue> qmmrt::readJsonFile(const std::string &path,
                                      unsigned maxDepth) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file.ok())
    return file.getStatus();
  Result<JsonValue> document = parseJson(
      {reinterpret_cast<const char *>(file->data()), file->size()}, maxDepth);
  if (!document.ok())
    return Status(document.getStatus().getCode(),
                  path + ": " + document.getStatus().getMessage());
  return document;
}

std::optional<double> qmmrt::getNumber(const JsonValue *value) {
  if (value && value->kind == JsonValue::Kind::Integer)
    return double(value->integer);
  if (value && value->kind == JsonValue::Kind::Float)
    return std::strtod(value->string.c_str(), nullptr);
  return std::nullopt;
}
