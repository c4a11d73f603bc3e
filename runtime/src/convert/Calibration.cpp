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
qmmrt::readCalibration(const std::string &path, const std::string &percentile) {
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
    const JsonValue *field = layer.value.find("amax");
    if (!percentile.empty()) {
      field = layer.value.find("percentiles");
      if (field)
        field = field->find(percentile);
    }
    double value = 0;
    if (field && field->kind == JsonValue::Kind::Float)
      value = std::strtod(field->string.c_str(), nullptr);
    else if (field && field->kind == JsonValue::Kind::Integer)
      value = double(field->integer);
    float single = static_cast<float>(value);
    if (!std::isfinite(single) || !(single > 0))
      return Status(
          QMM_STATUS_INVALID_ARGUMENT,
          path + ": layers[" + quoteName(layer.key) + "]: expected a field '" +
              (percentile.empty() ? "amax" : "percentiles." + percentile) +
              "', a number above 0 that f32 holds");
    result.emplace(layer.key, single);
  }
  return result;
}
