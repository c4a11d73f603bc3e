//===- program/Artifact.h - The .qmm file --------------------- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled programs travel as data: little-endian, versioned, checksummed, and
// verified whole before anything is believed.  Format: docs/artefact.md.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_ARTIFACT_H
#define QMMRT_PROGRAM_ARTIFACT_H

#include "checkpoint/MappedFile.h"
#include "program/Program.h"
#include "support/Status.h"

namespace qmmrt::program {

/// The file format's version.  A reader refuses any other: see docs.
constexpr uint32_t kArtifactVersion = 2;

/// Verifies `module` (Verify.h) and writes it to `path`: whole, or nothing.
/// Embedded parameters stream from Parameter::data to the file.
Status writeArtifact(const Module &module, const std::string &path);

/// A module whose embedded parameters point into the mapped file.
struct LoadedArtifact {
  MappedFile file;
  Module module;
};

/// NOT_FOUND or IO from the system; MALFORMED for a damaged file, UNSUPPORTED
/// for another format version; each message starts with `path`.
Result<LoadedArtifact> readArtifact(const std::string &path);

/// The same checks on `size` bytes at `bytes` (8-byte aligned), which must
/// outlive the module; `name` is for messages.
Result<Module> parseArtifact(const void *bytes, size_t size,
                             const std::string &name);

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_ARTIFACT_H
