//===- checkpoint/ConfigFields.h - Reading configs -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A config's unknown fields may change what bytes mean, so each reader lists
// the fields it knows, and which of them it may ignore.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_CONFIGFIELDS_H
#define QMMRT_CHECKPOINT_CONFIGFIELDS_H

#include "checkpoint/Family.h"

#include <initializer_list>

namespace qmmrt {

/// UNSUPPORTED for the first field that isn't in `known`, MALFORMED when it
/// isn't an object.
Status checkKnownFields(const JsonValue &object, const std::string &source,
                        std::initializer_list<std::string_view> known);
/// "" when the field is missing or null; MALFORMED when it's no string.
Result<std::string> getStringField(const JsonValue &object,
                                   std::string_view key,
                                   const std::string &source);
/// Empty when the field is missing or null; MALFORMED when it isn't a list of
/// strings.
Result<std::vector<std::string>> getNamesField(const JsonValue &object,
                                               std::string_view key,
                                               const std::string &source);
/// Is the field there, and not null, an empty list or an empty object?
bool isSet(const JsonValue &object, std::string_view key);

/// "is_a", "is_a.b": is `layer` the module `name` or inside it?
bool isInModule(std::string_view layer, std::string_view name);

/// MALFORMED: the config leaves a layer out that has quantized tensors.
Status describeLeftOut(const std::string &source, const std::string &layer,
                       const std::string &why);

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_CONFIGFIELDS_H
