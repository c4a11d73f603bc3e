//===- program/Hash.h - XXH3, 64 bits ------------------------- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checksums of artefacts and digests of parameters.  The same function as
// llvm::xxh3_64bits, so that the compiler and the runtime agree.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_HASH_H
#define QMMRT_PROGRAM_HASH_H

#include <cstddef>
#include <cstdint>
#include <memory>

namespace qmmrt {

uint64_t hashBytes(const void *data, size_t bytes);

/// The hash of a stream, piece by piece.
class Hasher {
public:
  Hasher();
  ~Hasher();
  void update(const void *data, size_t bytes);
  uint64_t finish() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace qmmrt

#endif // QMMRT_PROGRAM_HASH_H
