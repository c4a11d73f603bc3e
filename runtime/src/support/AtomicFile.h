//===- support/AtomicFile.h - A file whole or not at all ------ -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An interrupted or failed write must leave no partial file under the name
// that a user asked for.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_SUPPORT_ATOMICFILE_H
#define QMMRT_SUPPORT_ATOMICFILE_H

#include "support/Status.h"

#include <cstdint>

namespace qmmrt {

/// Bytes written to a temporary file beside `path`, renamed to it by commit()
/// and removed by the destructor otherwise.  Every error names `path`.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  ~AtomicFile();

  /// IO when the folder isn't writable, or `path` exists and isn't a regular
  /// file or is read-only.  A link stays one, to the new file.
  Status open(const std::string &path);
  /// The same with the temporary file `path`.partial, which stays when nothing
  /// commits it, and whose bytes an earlier run may have left.  IO when another
  /// process has it open.
  Status openPartial(const std::string &path);
  /// Bytes that the file has now.
  uint64_t getSize() const;
  Status write(const void *data, uint64_t bytes);
  /// Writes there without moving the place of write(); from any thread.
  Status writeAt(uint64_t offset, const void *data, uint64_t bytes) const;
  /// Takes the disk space of a file of that size now, where the file system
  /// can: IO when there isn't enough.
  Status reserve(uint64_t bytes);
  /// Everything written so far is on the disk: delayed errors (a full disk, a
  /// lost server) show here.
  Status sync();
  /// Syncs, and gives the file its name.
  Status commit();

private:
  Status failed(const char *action) const;
  Status resolve(const std::string &newPath);

  int fd = -1;
  std::string path;
  std::string destination; // path with links resolved
  std::string temporary;
  bool isPartial = false;
  unsigned slot = ~0u; // for removeTemporaryFiles; ~0: none
};

/// A file of these bytes, whole or not at all.
Status writeFile(const std::string &path, const std::string &bytes);

/// Removes the temporary files of all that are open.  For the handler of a
/// signal that ends the process: allocates and locks nothing.
void removeTemporaryFiles();

} // namespace qmmrt

#endif // QMMRT_SUPPORT_ATOMICFILE_H
