//===- LinkObject.cpp - Shared objects by lld, in process -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lld is a library here, so that compiling needs no linker on the machine.  It
// reads and writes files, keeps global state, and runs once at a time.
//
//===----------------------------------------------------------------------===//

#include "HostISA.h"

#include "lld/Common/Driver.h"
#include "mlir/IR/Diagnostics.h"
#include "qmm/Kernels/Host/Codegen.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace mlir::qmm;

FailureOr<std::string> mlir::qmm::linkHostObject(StringRef object,
                                                 StringRef isa, Location loc) {
  const HostISA *target = lookupHostISA(isa, loc);
  if (!target)
    return failure();
  int fd;
  llvm::SmallString<128> input, output;
  std::error_code error =
      llvm::sys::fs::createTemporaryFile("qmm-kernels", "o", fd, input);
  if (error)
    return emitError(loc) << "can't create a temporary file: "
                          << error.message();
  llvm::FileRemover removeInput(input);
  {
    llvm::raw_fd_ostream stream(fd, /*shouldClose=*/true);
    stream << object;
    stream.close();
    if (stream.has_error()) {
      std::string message = stream.error().message();
      stream.clear_error();
      return emitError(loc) << "can't write " << input << ": " << message;
    }
  }
  error = llvm::sys::fs::createTemporaryFile("qmm-kernels", "so", output);
  if (error)
    return emitError(loc) << "can't create a temporary file: "
                          << error.message();
  llvm::FileRemover removeOutput(output);

  static std::mutex mutex;
  static bool usable = true;
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  std::lock_guard<std::mutex> lock(mutex);
  if (!usable)
    return emitError(loc) << "lld failed before and can't run again";
  const char *arguments[] = {"ld.lld",
                             "-shared",
                             "-m",
                             target->emulation.data(),
                             "--build-id=none",
                             "--hash-style=gnu",
                             "--threads=1",
                             "--strip-all",
                             "-z",
                             "now",
                             "-z",
                             "noexecstack",
                             "-o",
                             output.c_str(),
                             input.c_str()};
  lld::Result result =
      lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  usable = result.canRunAgain;
  if (result.retCode)
    return emitError(loc) << "lld can't link the host kernels: " << messages;
  auto buffer = llvm::MemoryBuffer::getFile(output, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return emitError(loc) << "can't read " << output << ": "
                          << buffer.getError().message();
  return (*buffer)->getBuffer().str();
}
