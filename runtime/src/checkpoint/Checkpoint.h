//===- checkpoint/Checkpoint.h - A checkpoint -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One .safetensors file.  Readers of layers take a Checkpoint and not a file,
// so that several files can become one checkpoint without changing them.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_CHECKPOINT_H
#define QMMRT_CHECKPOINT_CHECKPOINT_H

#include "checkpoint/Safetensors.h"

namespace qmmrt {

class Checkpoint {
public:
  /// As SafetensorsFile::open; UNSUPPORTED for a directory and for the index of
  /// a sharded checkpoint.
  static Result<Checkpoint> open(const std::string &path);
  explicit Checkpoint(SafetensorsFile file) : file(std::move(file)) {}

  const SafetensorsFile &getFile() const { return file; }
  const std::string &getName() const { return file.getName(); }

  /// The quantizer that a hf_quant_config.json or config.json beside the file
  /// names, e.g. "ModelOpt (NVFP4, by hf_quant_config.json)"; "" without one.
  std::string describeConfigBeside() const;

private:
  SafetensorsFile file;
  std::string path; // "" for a file in memory
};

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_CHECKPOINT_H
