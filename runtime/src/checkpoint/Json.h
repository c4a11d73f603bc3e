//===- checkpoint/Json.h - Untrusted JSON -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checkpoints declare their formats in JSON that anyone may have written.  This
// reader bounds depth and size, refuses duplicate keys, and throws nothing.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_JSON_H
#define QMMRT_CHECKPOINT_JSON_H

#include "support/Status.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qmmrt {

struct JsonMember;

struct JsonValue {
  enum class Kind { Null, Bool, Integer, Float, String, Array, Object };
  Kind kind = Kind::Null;
  bool boolean = false;
  int64_t integer = 0;
  std::string string;
  std::vector<JsonValue> elements;
  std::vector<JsonMember> members; // in file order, keys unique

  /// nullptr when this isn't an object or has no such member.
  const JsonValue *find(std::string_view key) const;
  /// Members must come in the same order: linear in the size.
  bool operator==(const JsonValue &other) const;
};

struct JsonMember {
  std::string key;
  JsonValue value;
  bool operator==(const JsonMember &other) const {
    return key == other.key && value == other.value;
  }
};

/// "a string", "an object", ...: for messages.
const char *getKindName(JsonValue::Kind kind);

/// Parses one document.  MALFORMED, without a file name, when the text isn't
/// UTF-8 JSON, nests deeper than `maxDepth`, has more than a million values, an
/// integer outside 64 bits, or a duplicate key.
Result<JsonValue> parseJson(std::string_view text, unsigned maxDepth);

/// The value as Python's json writes it: spaces after ':' and ',', ASCII.
std::string dumpJson(const JsonValue &value);
/// `text` as a JSON string, in ASCII.
std::string quoteJson(const std::string &text);

/// As parseJson, of a file: MappedFile::open's errors as they are, the parser's
/// with the path in front.
Result<JsonValue> readJsonFile(const std::string &path, unsigned maxDepth);

/// An Integer or a Float; nullopt for anything else, and for nullptr.
std::optional<double> getNumber(const JsonValue *value);

/// Runs nlohmann's SAX parser, which doesn't recurse, over `text`.  The handler
/// reports its own failures; a syntax error is described by
/// describeSyntaxError. False when either stopped the parse.
template <typename Handler>
bool runJsonSax(std::string_view text, Handler &handler) {
  return nlohmann::json::sax_parse(text.data(), text.data() + text.size(),
                                   &handler);
}

/// nlohmann's text without its prefix and without the bytes it stumbled over.
std::string describeSyntaxError(size_t position,
                                const nlohmann::detail::exception &error);

/// `name` in single quotes, control characters escaped, shortened when long.
std::string quoteName(std::string_view name);

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_JSON_H
