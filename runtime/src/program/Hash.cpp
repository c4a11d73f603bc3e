//===- program/Hash.cpp - XXH3, 64 bits ----------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// xxHash's own header, compiled in: no symbol of it leaves this file.
//
//===----------------------------------------------------------------------===//
#include "program/Hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace qmmrt {

uint64_t hashBytes(const void *data, size_t bytes) {
  return XXH3_64bits(data, bytes);
}

struct Hasher::State {
  XXH3_state_t value; // aligned by its own type
};

Hasher::Hasher() : state(new State) { XXH3_64bits_reset(&state->value); }
Hasher::~Hasher() = default;
void Hasher::update(const void *data, size_t bytes) {
  XXH3_64bits_update(&state->value, data, bytes);
}
uint64_t Hasher::finish() const { return XXH3_64bits_digest(&state->value); }

} // namespace qmmrt
