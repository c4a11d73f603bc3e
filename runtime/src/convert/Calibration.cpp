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

#include <cmath>

using namespace qmmrt;

Result<std::map<std::string, float>>
qmmrt::readCalibration(const std::string &path, const std::string &percentile) {
  constexpr unsigned kMaxDepth = 16;
  Result<JsonValue> document = readJsonFile(path, kMaxDepth);
  if (!document.ok())
    return document.getStatus();
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
    float single = static_cast<float>(getNumber(field).value_or(0));
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
