//===- convert/Calibration.h - Static activation scales -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What was measured of a layer's input, by the layer's name.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CONVERT_CALIBRATION_H
#define QMMRT_CONVERT_CALIBRATION_H

#include "support/Status.h"

#include <map>
#include <string>

namespace qmmrt {

/// The largest magnitude of each layer's input, from {"layers": {NAME:
/// {"amax": X, "percentiles": {"99.9": Y, ...}, ...}, ...}}, or a percentile of
/// the magnitudes when one is named; other fields of a layer are other
/// statistics.  INVALID_ARGUMENT unless every value is finite and above 0.
Result<std::map<std::string, float>>
readCalibration(const std::string &path, const std::string &percentile = "");

} // namespace qmmrt

#endif // QMMRT_CONVERT_CALIBRATION_H
