//===- program/Parameters.h - Where a program's weights lie --- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights stay in the files they came in.  What the program was compiled for
// and what the file holds now are compared here, tensor by tensor.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_PARAMETERS_H
#define QMMRT_PROGRAM_PARAMETERS_H

#include "checkpoint/Checkpoint.h"
#include "program/Program.h"
#include "support/Executor.h"

#include <memory>

namespace qmmrt::program {

/// Owns the mapped parameter files; `get` is valid until destruction.
class ParameterSet {
public:
  /// Files (or folders, or indexes: Checkpoint.h) are opened at their own path
  /// or, where that doesn't exist, under
  /// their base name in `folder`.  Embedded parameters are used where they are.
  /// Errors name key and file, what was found and what was expected.
  static Result<ParameterSet>
  bind(const Module &module, const std::string &folder, Executor &executor);

  /// One address per parameter.
  const void *const *get() const { return pointers.data(); }

private:
  std::vector<std::unique_ptr<Checkpoint>> files;
  // Tensors that their file stores off their elements' alignment.
  std::vector<std::unique_ptr<uint64_t[]>> copies;
  std::vector<const void *> pointers;
};

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_PARAMETERS_H
