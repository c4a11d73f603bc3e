//===- HostProgram.h - Compiles and runs host kernels in tests -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program of launches, run the slow and obvious way: every launch in uneven
// pieces, so that a kernel that ignores its range is found out.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_TEST_UNIT_KERNELS_HOSTPROGRAM_H
#define QMM_TEST_UNIT_KERNELS_HOSTPROGRAM_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace mlir::qmm::test {

/// As the runtime declares it.
using HostKernel = void (*)(void *const *buffers, const int64_t *integers,
                            int64_t begin, int64_t end);

/// The instruction sets that this machine runs.
std::vector<StringRef> getRunnableISAs();

/// A loaded shared object.
class HostLibrary {
public:
  explicit HostLibrary(const std::string &bytes);
  ~HostLibrary();
  HostLibrary(const HostLibrary &) = delete;
  HostLibrary &operator=(const HostLibrary &) = delete;

  /// Null, with a test failure, when absent.
  HostKernel lookup(const std::string &name) const;

private:
  void *handle = nullptr;
};

/// An argument of a program's function.
struct Buffer {
  void *data;
  std::vector<int64_t> shape;
};

/// Parses modules and remembers what they were diagnosed with.
class HostCompiler {
public:
  HostCompiler();
  OwningOpRef<ModuleOp> parse(StringRef source);

  /// Compiles the kernels in `source`, the text of a module's body.
  std::string compileKernels(StringRef source, StringRef isa);

  /// Outlines and runs @main of `source` on `arguments`, and returns the number
  /// of launches; a test failure and 0 if that fails.
  unsigned run(StringRef source, StringRef isa,
               const std::vector<Buffer> &arguments);

  MLIRContext context;
  std::string diagnostics;
};

} // namespace mlir::qmm::test

#endif // QMM_TEST_UNIT_KERNELS_HOSTPROGRAM_H
