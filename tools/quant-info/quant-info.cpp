//===- quant-info.cpp - What is here and what it can do -------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first thing a user asks; needs no compiler and no GPU.
//
//===----------------------------------------------------------------------===//
#include "Info.h"

#include <cstdio>
#include <cstring>

using namespace qmmrt;
using namespace qmmrt::info;

static const char kHelp[] =
    "usage: quant-info [FILE] [--json] [--chip=NAME] [--cublaslt=PATH]\n"
    "\n"
    "Without FILE: the CPU, the GPUs, the driver and cuBLASLt that a program "
    "would\n"
    "use, and what multiplies each pair of schemes.  With FILE: the layers of "
    "a\n"
    "checkpoint (.safetensors), or the functions and code of a program "
    "(.qmm).\n"
    "\n"
    "  --json           machine-readable, with every pair and every reason\n"
    "  --chip=NAME      the routes of this chip: cpu, sm_80, sm_90, sm_100f, "
    "...\n"
    "  --cublaslt=PATH  a library file, or folders to look in first\n";

static int fail(const std::string &message) {
  std::fprintf(stderr, "quant-info: error: %s\n", message.c_str());
  return 1;
}

int main(int argc, char **argv) {
  std::string file, chip, cublasLt;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    auto takes = [&](const char *name, std::string &value) {
      size_t length = std::strlen(name);
      if (argument.compare(0, length, name) != 0)
        return false;
      value = argument.substr(length);
      return true;
    };
    if (argument == "--help" || argument == "-h") {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (argument == "--json")
      json = true;
    else if (takes("--chip=", chip) || takes("--cublaslt=", cublasLt))
      continue;
    else if (argument[0] == '-' || !file.empty())
      return fail("unexpected argument '" + argument +
                  "'; --help shows what there is");
    else
      file = argument;
  }
  if (!file.empty() && !chip.empty())
    return fail("--chip is about machines, not files");
  Result<Json> info =
      file.empty() ? describeMachine(chip, cublasLt) : describeFile(file);
  if (!info.ok())
    return fail(info.getStatus().getMessage());
  std::string text = json           ? info->dump(2) + "\n"
                     : file.empty() ? printMachine(*info)
                                    : printFile(*info);
  std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : fail("can't write the output");
}
