//===- quant-run/Options.h - The command line ----------------- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A small table-driven parser: the runtime's tools link nothing of LLVM.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_QUANT_RUN_OPTIONS_H
#define QMM_QUANT_RUN_OPTIONS_H

#include "support/Status.h"

#include <string>
#include <vector>

namespace qmmrt::run {

struct Options {
  std::string program; // .qmm, .mlir or .mlirbc
  std::string entry;
  std::vector<std::string> inputs; // more than one only with `calibrate`
  std::string outputs;
  std::string compare;
  std::string calibrate;
  std::string checkpoint;  // for compiling
  std::string activations; // for compiling
  std::string weightsDir;
  std::string device = "auto";
  double rtol = 1e-2;
  double atol = 0;
  unsigned threads = 0;   // 0: the CPUs this process may run on
  unsigned benchmark = 0; // timed runs; 0: none
  bool append = false;
  bool json = false;
  bool list = false;
  bool help = false;
  bool version = false;
};

/// INVALID_ARGUMENT names the option, what was given and what was expected.
Result<Options> parseOptions(int argc, char **argv);

/// What --help prints.
std::string getHelp();

} // namespace qmmrt::run

#endif // QMM_QUANT_RUN_OPTIONS_H
