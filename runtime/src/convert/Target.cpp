//===- convert/Target.cpp - What a layer becomes -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Target.h.
//
//===----------------------------------------------------------------------===//
#include "convert/Target.h"
#include "numerics/Layouts.h"

#include <cstdlib>

using namespace qmmrt;

static constexpr char kExpected[] =
    "fp8, fp8_e5m2, fp8_row, fp8_blockwise, fp8_GxG, mxfp8, mxfp4, nvfp4, "
    "int8, int8_row, int8_blockwise, int8_GxG, bf16, f16 or f32";

/// G of "GxG"; 0 when the text is something else.
static int64_t parseSquare(const std::string &text) {
  size_t cross = text.find('x');
  if (cross == 0 || cross == std::string::npos || cross > 6 ||
      text.find_first_not_of("0123456789x") != std::string::npos ||
      text.substr(0, cross) != text.substr(cross + 1))
    return 0;
  return std::strtol(text.c_str(), nullptr, 10);
}

Result<Target> qmmrt::parseTarget(const std::string &name, int64_t groupSize) {
  Target target;
  target.name = name;
  for (const char *element : {"fp8_", "int8_"}) {
    std::string prefix = element;
    if (name.rfind(prefix, 0) != 0)
      continue;
    std::string rest = name.substr(prefix.size());
    int64_t block = parseSquare(rest);
    if (rest == "blockwise") {
      block = groupSize ? groupSize : prefix == "fp8_" ? 64 : 128;
      groupSize = 0;
      target.name =
          prefix + std::to_string(block) + "x" + std::to_string(block);
    }
    if (block == 0)
      continue;
    target.scheme.element = prefix == "fp8_" ? QMM_DTYPE_E4M3 : QMM_DTYPE_I8;
    target.scheme.scale = QMM_DTYPE_F32;
    target.scheme.block_outer = target.scheme.block_k = block;
  }
  if (target.scheme.element == QMM_DTYPE_NONE &&
      qmm_scheme_from_name(name.c_str(), &target.scheme) != QMM_STATUS_OK)
    return Status(QMM_STATUS_INVALID_ARGUMENT, "the scheme '" + name +
                                                   "' is unknown, expected " +
                                                   kExpected);
  if (groupSize)
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "the scheme '" + name +
                      "' has blocks of its own; a group "
                      "size goes with fp8_blockwise and int8_blockwise");
  return target;
}

std::string qmmrt::nameScheme(const qmm_scheme &scheme) {
  bool isSquare = scheme.block_outer > 1 &&
                  scheme.block_outer == scheme.block_k &&
                  scheme.scale == QMM_DTYPE_F32 && !scheme.has_tensor_scale;
  const char *prefix = scheme.element == QMM_DTYPE_E4M3 ? "fp8_"
                       : scheme.element == QMM_DTYPE_I8 ? "int8_"
                                                        : nullptr;
  if (!isSquare || !prefix)
    return describeScheme(scheme);
  std::string block = std::to_string(scheme.block_k);
  return prefix + block + "x" + block;
}
