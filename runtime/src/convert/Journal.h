//===- convert/Journal.h - What was done before -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One line for each finished piece of a long run, so that the next run begins
// where this one was ended.  It covers a process, not a machine that loses
// power: pieces aren't synced one by one, so a journal of before the last boot
// counts for nothing.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CONVERT_JOURNAL_H
#define QMMRT_CONVERT_JOURNAL_H

#include "support/Status.h"

#include <cstddef>
#include <set>

namespace qmmrt {

class Journal {
public:
  Journal() = default;
  Journal(const Journal &) = delete;
  Journal &operator=(const Journal &) = delete;
  ~Journal();

  /// Reads the pieces of an earlier run of the same work, which `work`
  /// describes; those of other work, or all unless `continues`, are forgotten.
  Status open(const std::string &path, const std::string &work, bool continues);
  bool isOpen() const { return fd >= 0; }
  bool isDone(size_t piece) const { return done.count(piece) != 0; }
  Status add(size_t piece) const;
  /// All is done: removes the file.
  void remove();

private:
  int fd = -1;
  std::string path;
  std::set<size_t> done;
};

} // namespace qmmrt

#endif // QMMRT_CONVERT_JOURNAL_H
