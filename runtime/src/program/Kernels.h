//===- program/Kernels.h - Native code out of an artefact ----- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An artefact carries one shared object per instruction set; the best that this
// CPU runs is loaded from memory, never through a file on disk.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_KERNELS_H
#define QMMRT_PROGRAM_KERNELS_H

#include "program/Program.h"
#include "support/Status.h"

namespace qmmrt::program {

/// Does this CPU run code for `isa` ("x86-64", "x86-64-v3", "x86-64-v4",
/// "aarch64")?
bool isIsaSupported(const std::string &isa);

/// The ISAs this CPU runs, best first.
std::vector<std::string> getSupportedIsas();

/// The module's kernels, loaded until destruction.
class KernelLibrary {
public:
  KernelLibrary() = default;
  KernelLibrary(KernelLibrary &&other) noexcept;
  KernelLibrary &operator=(KernelLibrary &&other) noexcept;
  ~KernelLibrary();

  /// UNSUPPORTED when no object fits this CPU; MALFORMED when the object can't
  /// be loaded or lacks a kernel.  A module without kernels loads nothing.
  static Result<KernelLibrary> load(const Module &module);

  HostKernel get(uint32_t kernel) const { return kernels[kernel]; }

private:
  // The descriptor stays open: the dynamic linker tells objects apart by their
  // path, and /proc/self/fd/N must not come to name another one.
  int fd = -1;
  void *handle = nullptr;
  std::vector<HostKernel> kernels;
};

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_KERNELS_H
