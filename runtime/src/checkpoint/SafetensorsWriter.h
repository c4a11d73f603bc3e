//===- checkpoint/SafetensorsWriter.h - Whole files or none -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Outputs appear under their name only when complete: bytes go to a temporary
// file beside it, which is then renamed.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_SAFETENSORSWRITER_H
#define QMMRT_CHECKPOINT_SAFETENSORSWRITER_H

#include "qmm/tensor.h"
#include "support/Status.h"

#include <map>
#include <string>
#include <unordered_set>
#include <vector>

namespace qmmrt {

/// A tensor of a file to be written: its shape in elements.
struct SafetensorsEntry {
  std::string name;
  qmm_dtype dtype = QMM_DTYPE_NONE;
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
};

/// Checks one entry and fills `bytes`.  INVALID_ARGUMENT for a reserved name,
/// an unknown dtype, or a shape that is no whole number of bytes.
Status sizeSafetensorsEntry(SafetensorsEntry &entry);

/// The header with its length before it, for tensors that lie in this order
/// without gaps.  INVALID_ARGUMENT for text that isn't UTF-8.
Result<std::string>
buildSafetensorsHeader(const std::vector<SafetensorsEntry> &entries,
                       const std::map<std::string, std::string> &metadata);

class SafetensorsWriter {
public:
  /// `shape` in elements (E2M1: their number even).  `data` is borrowed until
  /// write() returns.  INVALID_ARGUMENT for a repeated or reserved name, an
  /// unknown dtype, a negative extent, or `bytes` other than the shape's.
  Status add(std::string name, qmm_dtype dtype, std::vector<int64_t> shape,
             const void *data, uint64_t bytes);
  void setMetadata(std::string key, std::string value);

  /// Writes all tensors in the order added, replacing a file at `path`; IO with
  /// nothing left behind when that fails.
  Status write(const std::string &path) const;

private:
  std::vector<SafetensorsEntry> entries;
  std::vector<const void *> data; // of each entry
  std::unordered_set<std::string> names;
  std::map<std::string, std::string> metadata;
};

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_SAFETENSORSWRITER_H
