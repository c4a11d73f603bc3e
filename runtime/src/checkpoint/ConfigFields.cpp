//===- checkpoint/ConfigFields.cpp - Reading configs -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See ConfigFields.h.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/ConfigFields.h"

#include <algorithm>

using namespace qmmrt;

using Kind = JsonValue::Kind;

static Status wrongKind(const JsonValue &value, std::string_view key,
                        const std::string &source, const char *expected) {
  return Status(QMM_STATUS_MALFORMED, source + ": the field " + quoteName(key) +
                                          " is " + getKindName(value.kind) +
                                          ", expected " + expected);
}

Status qmmrt::checkKnownFields(const JsonValue &object,
                               const std::string &source,
                               std::initializer_list<std::string_view> known) {
  if (object.kind != Kind::Object)
    return Status(QMM_STATUS_MALFORMED, source + ": is " +
                                            getKindName(object.kind) +
                                            ", expected an object");
  for (const JsonMember &member : object.members)
    if (std::find(known.begin(), known.end(), member.key) == known.end())
      return Status(QMM_STATUS_UNSUPPORTED, source + ": the field " +
                                                quoteName(member.key) +
                                                " is unknown");
  return {};
}

Result<std::string> qmmrt::getStringField(const JsonValue &object,
                                          std::string_view key,
                                          const std::string &source) {
  const JsonValue *value = object.find(key);
  if (!value || value->kind == Kind::Null)
    return std::string();
  if (value->kind != Kind::String)
    return wrongKind(*value, key, source, "a string");
  return value->string;
}

Result<std::vector<std::string>>
qmmrt::getNamesField(const JsonValue &object, std::string_view key,
                     const std::string &source) {
  std::vector<std::string> names;
  const JsonValue *value = object.find(key);
  if (!value || value->kind == Kind::Null)
    return names;
  if (value->kind != Kind::Array)
    return wrongKind(*value, key, source, "a list of names");
  for (const JsonValue &element : value->elements) {
    if (element.kind != Kind::String)
      return wrongKind(element, key, source, "a list of names");
    names.push_back(element.string);
  }
  return names;
}

bool qmmrt::isSet(const JsonValue &object, std::string_view key) {
  const JsonValue *value = object.find(key);
  return value && value->kind != Kind::Null &&
         !(value->kind == Kind::Array && value->elements.empty()) &&
         !(value->kind == Kind::Object && value->members.empty());
}

bool qmmrt::isInModule(std::string_view layer, std::string_view name) {
  return layer.substr(0, name.size()) == name &&
         (layer.size() == name.size() || layer[name.size()] == '.');
}

Status qmmrt::describeLeftOut(const std::string &source,
                              const std::string &layer,
                              const std::string &why) {
  return Status(QMM_STATUS_MALFORMED, source + ": " + why + " the layer " +
                                          quoteName(layer) +
                                          ", which has quantized tensors");
}
