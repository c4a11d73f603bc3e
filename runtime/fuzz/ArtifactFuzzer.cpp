//===- fuzz/ArtifactFuzzer.cpp - Hostile .qmm files ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input is what follows an artefact's header: magic, version, size and
// checksum are made to fit, so that mutations reach the decoder behind them.
//
//===----------------------------------------------------------------------===//
#include "program/Artifact.h"
#include "program/ArtifactFormat.h"
#include "program/Codec.h"
#include "program/Hash.h"

#include <cstdlib>
#include <cstring>
#include <string>

using namespace qmmrt;
using namespace qmmrt::program;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Encoder header;
  for (uint8_t byte : kMagic)
    header.u8(byte);
  header.u32(kArtifactVersion);
  header.u32(kNumSections);
  header.u64(kHeaderBytes + size);
  Hasher hasher;
  hasher.update(header.get().data(), header.get().size());
  hasher.update(data, size);
  header.u64(hasher.finish());
  // Exactly as long as the file, so that a read past its end is seen.
  size_t total = kHeaderBytes + size;
  char *file = static_cast<char *>(std::malloc(total));
  std::memcpy(file, header.get().data(), kHeaderBytes);
  if (size != 0)
    std::memcpy(file + kHeaderBytes, data, size);
  Result<Module> module = parseArtifact(file, total, "fuzz");
  if (!module.ok() && module.getStatus().getMessage().empty())
    std::abort();
  std::free(file);
  return 0;
}
