//===- program/ArtifactFormat.h - Layout of the .qmm file ----- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What writer and reader must agree on.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_ARTIFACTFORMAT_H
#define QMMRT_PROGRAM_ARTIFACTFORMAT_H

#include <cstddef>
#include <cstdint>

namespace qmmrt::program {

// A byte above 127 and both line ends: a transfer as text shows at once.
constexpr uint8_t kMagic[8] = {0x89, 'Q', 'M', 'M', '\r', '\n', 0x1A, '\n'};

// Header: magic, u32 version, u32 number of sections, u64 file size, u64
// checksum (xxh3-64 of the file but for these eight bytes).
constexpr size_t kHeaderBytes = 32;
constexpr size_t kChecksumOffset = 24;

// Section: u32 kind, u32 zero, u64 offset, u64 bytes.
constexpr size_t kSectionBytes = 24;

/// In the file in this order, each once.
enum class SectionKind : uint32_t {
  Program = 1, // everything but the bytes below
  Objects = 2, // native objects
  Report = 3,  // JSON text
  Data = 4     // embedded parameters
};
constexpr uint32_t kNumSections = 4;

/// Sections, objects and embedded parameters start at multiples of this.
constexpr uint64_t kAlignment = 64;

inline uint64_t alignUp(uint64_t value) {
  return (value + kAlignment - 1) / kAlignment * kAlignment;
}

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_ARTIFACTFORMAT_H
