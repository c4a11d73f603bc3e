//===- convert/Items.h - Units of work -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Internal to this room: what the plan hands to the run.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CONVERT_ITEMS_H
#define QMMRT_CONVERT_ITEMS_H

#include "convert/Conversion.h"

namespace qmmrt {

struct Conversion::Item {
  const SafetensorsTensor *copy = nullptr; // else a layer:
  size_t layer = 0;
  LayerStorage storage;
  std::optional<float> inputScale;
  size_t shard = 0;

  uint64_t getBytesOut() const;
};

constexpr char kQuantizationMetadata[] = "_quantization_metadata";

} // namespace qmmrt

#endif // QMMRT_CONVERT_ITEMS_H
