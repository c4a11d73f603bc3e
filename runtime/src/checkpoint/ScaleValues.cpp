//===- checkpoint/ScaleValues.cpp - Are scales usable numbers? -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One NaN scale poisons a whole row without a word, so scales (never weights:
// they are the gigabytes) are read once when a checkpoint is.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Family.h"
#include "checkpoint/Json.h"

#include <cmath>
#include <cstdio>
#include <cstring>

using namespace qmmrt;

Status qmmrt::malformed(const Checkpoint &checkpoint,
                        const SafetensorsTensor &tensor,
                        const std::string &text) {
  return Status(QMM_STATUS_MALFORMED, checkpoint.getFileName(tensor) +
                                          ": tensor " + quoteName(tensor.name) +
                                          ": " + text);
}

Status qmmrt::unsupported(const Checkpoint &checkpoint,
                          const SafetensorsTensor &tensor,
                          const std::string &text) {
  return Status(QMM_STATUS_UNSUPPORTED,
                checkpoint.getFileName(tensor) + ": tensor " +
                    quoteName(tensor.name) + ": " + text);
}

float qmmrt::readF32(const SafetensorsTensor &tensor, int64_t index) {
  float value;
  std::memcpy(&value, tensor.data + index * 4, 4);
  return value;
}

static std::string formatNumber(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(value));
  return text;
}

static Status describeBad(const Checkpoint &checkpoint,
                          const SafetensorsTensor &tensor, uint64_t index,
                          const std::string &what, bool zeroAllowed) {
  return malformed(checkpoint, tensor,
                   "element " + std::to_string(index) + " of " +
                       describeTensor(tensor) + " is " + what +
                       ", expected a finite scale " +
                       (zeroAllowed ? "of 0 or more" : "above 0"));
}

Status qmmrt::checkScaleValues(const Checkpoint &checkpoint,
                               const SafetensorsTensor &tensor,
                               qmm_dtype element, bool zeroAllowed) {
  if (element == QMM_DTYPE_F32) {
    for (uint64_t i = 0; i < tensor.bytes / 4; ++i) {
      float value = readF32(tensor, static_cast<int64_t>(i));
      if (!std::isfinite(value) || value < 0 || (value == 0 && !zeroAllowed))
        return describeBad(checkpoint, tensor, i,
                           std::isnan(value) ? "NaN" : formatNumber(value),
                           zeroAllowed);
    }
    return {};
  }
  // E4M3: 0x7F and 0xFF are NaN, 0x80 is -0.  E8M0: 0xFF is NaN.
  bool isE8M0 = element == QMM_DTYPE_E8M0;
  for (uint64_t i = 0; i < tensor.bytes; ++i) {
    uint8_t code = tensor.data[i];
    if (code < 0x7F || (isE8M0 && code != 0xFF) || code == 0x80)
      continue;
    bool isNaN = code == 0xFF || code == 0x7F;
    return describeBad(checkpoint, tensor, i, isNaN ? "NaN" : "negative", true);
  }
  return {};
}

Status qmmrt::checkFinite(const Checkpoint &checkpoint,
                          const SafetensorsTensor &tensor) {
  // The exponent's bits all ones: infinite or NaN.
  uint64_t size = tensor.dtype == QMM_DTYPE_F32 ? 4 : 2;
  uint32_t mask = tensor.dtype == QMM_DTYPE_F32    ? 0x7F800000u
                  : tensor.dtype == QMM_DTYPE_BF16 ? 0x7F80u
                                                   : 0x7C00u;
  for (uint64_t i = 0; i < tensor.bytes / size; ++i) {
    uint32_t bits = 0;
    for (uint64_t byte = 0; byte < size; ++byte)
      bits |= static_cast<uint32_t>(tensor.data[i * size + byte]) << (8 * byte);
    if ((bits & mask) == mask)
      return malformed(checkpoint, tensor,
                       "element " + std::to_string(i) + " of " +
                           describeTensor(tensor) +
                           " is not finite, expected finite factors");
  }
  return {};
}
