//===- checkpoint/Pattern.h - Names by pattern -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Configs choose layers by regular expressions and globs that anyone may have
// written: matched here in time linear in pattern and name.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_PATTERN_H
#define QMMRT_CHECKPOINT_PATTERN_H

#include "support/Status.h"

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

namespace qmmrt {

class Pattern {
public:
  /// A regular expression as Python's, of literals, `.`, classes, `\d \w \s`
  /// (and their negations), groups, `|`, `* + ? {m,n}` (greedy or lazy), `^`
  /// and
  /// `$`.  UNSUPPORTED for what else there is, MALFORMED for what isn't one;
  /// messages name the pattern.
  static Result<Pattern> parseRegex(std::string_view text);
  /// Python's fnmatch: `*`, `?` and classes, against the whole name.
  static Result<Pattern> parseGlob(std::string_view text);

  /// Does the pattern match at the beginning of `name` (Python's re.match)?
  bool matchesPrefix(std::string_view name) const;

private:
  friend class PatternParser;
  struct Step {
    enum Kind { Set, Split, Jump, Begin, End, Accept } kind;
    std::bitset<256> set;
    size_t first = 0, second = 0; // of Split and Jump
  };
  void addThread(size_t step, size_t position, size_t length,
                 std::vector<size_t> &threads, std::vector<bool> &seen) const;
  std::vector<Step> steps;
};

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_PATTERN_H
