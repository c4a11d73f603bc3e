//===- quant-run/Compile.h - MLIR to an artefact -------------- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime compiles nothing: quant-compile, which lies beside quant-run,
// does.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_QUANT_RUN_COMPILE_H
#define QMM_QUANT_RUN_COMPILE_H

#include "Options.h"

namespace qmmrt::run {

/// A path in a folder of its own, both removed by the destructor.
class TemporaryArtifact {
public:
  TemporaryArtifact() = default;
  TemporaryArtifact(const TemporaryArtifact &) = delete;
  TemporaryArtifact &operator=(const TemporaryArtifact &) = delete;
  ~TemporaryArtifact();
  Status create();
  const std::string &getPath() const { return path; }

private:
  std::string folder;
  std::string path;
};

/// Is the file MLIR, by its name?
bool isMlir(const std::string &path);

/// Runs quant-compile on the program for `target` into `artifact`; its messages
/// go to standard error as they are.
Status compile(const Options &options, const std::string &target,
               const std::string &artifact);

} // namespace qmmrt::run

#endif // QMM_QUANT_RUN_COMPILE_H
