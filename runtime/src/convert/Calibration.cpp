//===- convert/Calibration.cpp - Static activation scales -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Calibration.h.
//
//===----------------------------------------------------------------------===//
#include "convert/Calibration.h"
#include "checkpoint/Json.h"
#include "checkpoint/MappedFile.h"

#include <cmath>
#include <cstdlib>

using namespace qmmrt;

Result<std::map<std::string, float>>
qmmrt::readCalibration(const std::string &path) {
  constexpr unsigned kMaxDepth = 16;
  Result<MappedFile> file = MappedFile::open(path);
  if (!file.ok())
    return file.getStatus();
  Result<JsonValue> document = parseJson(
      {reinterpret_cast<const char *>(file->data()), file->size()}, kMaxDepth);
  if (!document.ok())
    return Status(document.getStatus().getCode(),
                  path + ": " + document.getStatus().getMessage());
  const JsonValue *layers = document->find("layers");
  if (!layers || layers->kind != JsonValue::Kind::Object)
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  path + ": expected an object with a field 'layers', an "
                         "object of layers by name");
  std::map<std::string, float> result;
  for (const JsonMember &layer : layers->members) {
    const JsonValue *amax = layer.value.find("amax");
    double value = 0;
    if (amax && amax->kind == JsonValue::Kind::Float)
      value = std::strtod(amax->string.c_str(), nullptr);
    else if (amax && amax->kind == JsonValue::Kind::Integer)
      value = double(amax->integer);
    float single = static_cast<float>(value);
    if (!std::isfinite(single) || !(single > 0))
      return Status(QMM_STATUS_INVALID_ARGUMENT,
                    path + ": layers[" + quoteName(layer.key) +
                        "]: expected a field 'amax', a number above 0 that "
                        "f32 holds");
    result.emplace(layer.key, single);
  }
  return result;
}
