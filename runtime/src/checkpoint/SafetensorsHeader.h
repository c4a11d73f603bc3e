//===- checkpoint/SafetensorsHeader.h - The JSON header -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A header of 100 MB is legal, so it is read event by event into the tensor
// list, without a document in memory.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_SAFETENSORSHEADER_H
#define QMMRT_CHECKPOINT_SAFETENSORSHEADER_H

#include "checkpoint/Safetensors.h"

namespace qmmrt {

struct TensorEntry {
  SafetensorsTensor tensor;    // name, dtype and shape are set
  uint64_t begin = 0, end = 0; // data_offsets, unchecked
};

/// Fills `entries` in header order; names are unique, dtypes known, extents not
/// negative.  Messages don't name the file.
Status parseSafetensorsHeader(std::string_view text,
                              std::vector<TensorEntry> &entries,
                              std::map<std::string, std::string> &metadata);

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_SAFETENSORSHEADER_H
