//===- checkpoint/SafetensorsStream.h - Large files -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shapes give every tensor its place before a byte of it exists, so tensors are
// written as they are made, from any thread, in any order.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_SAFETENSORSSTREAM_H
#define QMMRT_CHECKPOINT_SAFETENSORSSTREAM_H

#include "checkpoint/SafetensorsWriter.h"
#include "support/AtomicFile.h"

namespace qmmrt {

class SafetensorsStream {
public:
  /// Before open(): a tensor to come.  INVALID_ARGUMENT as SafetensorsWriter's.
  Status declare(std::string name, qmm_dtype dtype, std::vector<int64_t> shape);
  void setMetadata(std::string key, std::string value);

  /// Gives each tensor its place, in the order of the safetensors library (wide
  /// types first, then by name), and starts a file that appears at `path` when
  /// committed.  IO when it can't be written or the disk hasn't the space.
  /// `resumes`: the bytes that an earlier run left unfinished are kept, and
  /// this run's are if it doesn't commit.
  Status open(const std::string &path, bool resumes = false);
  /// Was there an earlier run's file of this very size?
  bool hasEarlier() const { return isEarlier; }

  /// Bytes of a declared tensor from `offset` on, within the tensor; from any
  /// thread.
  Status write(const std::string &name, uint64_t offset, const void *data,
               uint64_t bytes) const;

  Status sync() { return file.sync(); }
  /// The file appears under its name.
  Status commit();

  uint64_t getFileBytes() const { return fileBytes; }
  const std::vector<SafetensorsEntry> &getEntries() const { return entries; }

private:
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
  std::map<std::string, uint64_t, std::less<>> places; // in the file
  uint64_t fileBytes = 0;
  bool isEarlier = false;
  AtomicFile file;
};

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_SAFETENSORSSTREAM_H
