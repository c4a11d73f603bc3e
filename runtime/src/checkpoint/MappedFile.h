//===- checkpoint/MappedFile.h - A read-only file in memory -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights are read where they lie: a file of hundreds of gigabytes costs only
// the pages that are touched.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_MAPPEDFILE_H
#define QMMRT_CHECKPOINT_MAPPEDFILE_H

#include "support/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace qmmrt {

/// A whole regular file, mapped read-only until destruction.  The file must not
/// be truncated meanwhile (the kernel would answer a read with SIGBUS).
class MappedFile {
public:
  /// NOT_FOUND when there is no such file; IO when it can't be opened, isn't a
  /// regular file, or can't be mapped.  An empty file maps to zero bytes.
  static Result<MappedFile> open(const std::string &path);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  const uint8_t *data() const { return bytes; }
  size_t size() const { return length; }

private:
  const uint8_t *bytes = nullptr;
  size_t length = 0;
};

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_MAPPEDFILE_H
