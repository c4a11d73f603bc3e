//===- checkpoint/Safetensors.h - .safetensors files -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one way weights and activations come in.  Nothing about the file is
// trusted: every length, offset, type and name is checked before use.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_SAFETENSORS_H
#define QMMRT_CHECKPOINT_SAFETENSORS_H

#include "checkpoint/MappedFile.h"
#include "qmm/tensor.h"

#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qmmrt {

struct SafetensorsTensor {
  std::string name;
  std::string dtypeName; // as the file spells it: "F8_E4M3"
  qmm_dtype dtype = QMM_DTYPE_NONE;
  std::vector<int64_t> shape;    // elements (F4 too: two of them share a byte)
  const uint8_t *data = nullptr; // of any alignment; never nullptr
  uint64_t bytes = 0;
  uint64_t fileOffset = 0; // of `data` from the start of the file

  int64_t getNumElements() const;
};

/// A header longer than this is refused, as the reference implementation does.
constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

class SafetensorsFile {
public:
  /// Maps `path`.  NOT_FOUND or IO from the system; MALFORMED for a file that
  /// breaks the format's rules, naming the tensor, what was found and what was
  /// expected; UNSUPPORTED for an element type this version doesn't know.
  static Result<SafetensorsFile> open(const std::string &path);

  /// The same checks on bytes that the caller keeps alive; `name` is for
  /// messages.
  static Result<SafetensorsFile> parse(const void *bytes, size_t size,
                                       std::string name);

  SafetensorsFile(SafetensorsFile &&) = default;
  SafetensorsFile &operator=(SafetensorsFile &&) = default;

  const std::string &getName() const { return name; }
  /// In the order of their bytes.
  const std::vector<SafetensorsTensor> &getTensors() const { return tensors; }
  /// nullptr when the file has no such tensor.
  const SafetensorsTensor *find(std::string_view tensor) const;
  const std::map<std::string, std::string> &getMetadata() const {
    return metadata;
  }

  /// Says that the tensor is about to be read, or won't be again soon: memory
  /// stays small on a walk through a large file.  The bytes stay readable; for
  /// bytes that aren't of this file nothing happens.
  void willNeed(const SafetensorsTensor &tensor) const;
  void doneWith(const SafetensorsTensor &tensor) const;

private:
  SafetensorsFile() = default;
  void advise(const SafetensorsTensor &tensor, int advice) const;
  Status read(const uint8_t *bytes, size_t size);

  MappedFile mapping;
  std::string name;
  std::vector<SafetensorsTensor> tensors;
  // Views of the names in `tensors`, which no longer changes.
  std::unordered_map<std::string_view, size_t> index;
  std::map<std::string, std::string> metadata;
};

/// NONE for a name that isn't one of safetensors' (or has no qmm_dtype).
qmm_dtype getSafetensorsDType(std::string_view name);
/// The name this project writes; nullptr for NONE.
const char *getSafetensorsDTypeName(qmm_dtype dtype);
/// Bits of one element; 0 for NONE.
unsigned getSafetensorsBits(qmm_dtype dtype);

/// "[768, 256]".
std::string describeShape(const std::vector<int64_t> &shape);
/// "F8_E4M3 [768, 256]".
std::string describeTensor(const SafetensorsTensor &tensor);

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_SAFETENSORS_H
