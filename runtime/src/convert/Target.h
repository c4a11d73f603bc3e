//===- convert/Target.h - What a layer becomes -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A scheme with the name the user gave it.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CONVERT_TARGET_H
#define QMMRT_CONVERT_TARGET_H

#include "qmm/tensor.h"
#include "support/Status.h"

#include <string>

namespace qmmrt {

struct Target {
  std::string name; // "fp8_64x64"
  qmm_scheme scheme = {};
};

/// A preset's name, fp8_GxG or int8_GxG for square blocks of another size, or
/// fp8_blockwise and int8_blockwise for blocks of `groupSize` (0: 64 and 128).
/// INVALID_ARGUMENT naming what was found and what there is.
Result<Target> parseTarget(const std::string &name, int64_t groupSize);

/// The name that parseTarget takes; describeScheme's for other schemes.
std::string nameScheme(const qmm_scheme &scheme);

} // namespace qmmrt

#endif // QMMRT_CONVERT_TARGET_H
