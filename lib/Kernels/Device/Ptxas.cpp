//===- Ptxas.cpp - The assembler of CUDA, where there is one --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ptxas reads and writes files only.
//
//===----------------------------------------------------------------------===//

#include "Ptxas.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::qmm;

std::string mlir::qmm::findPtxas(StringRef option) {
  if (!option.empty())
    return llvm::sys::fs::can_execute(option) ? option.str() : "";
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  for (const char *variable : {"CUDA_PATH", "CUDA_HOME"})
    if (auto root = llvm::sys::Process::GetEnv(variable)) {
      llvm::SmallString<128> path(*root);
      llvm::sys::path::append(path, "bin", "ptxas");
      if (llvm::sys::fs::can_execute(path))
        return path.str().str();
    }
  return "";
}

static FailureOr<std::string> readFile(StringRef path, Location loc) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return emitError(loc) << "can't read " << path << ": "
                          << buffer.getError().message();
  return (*buffer)->getBuffer().str();
}

LogicalResult mlir::qmm::assemble(DeviceCode &code, StringRef ptxas,
                                  Location loc) {
  llvm::SmallString<64> paths[3];
  SmallVector<std::unique_ptr<llvm::FileRemover>> removers;
  static constexpr StringRef kSuffixes[] = {"ptx", "cubin", "txt"};
  for (auto [path, suffix] : llvm::zip_equal(paths, kSuffixes)) {
    if (std::error_code error =
            llvm::sys::fs::createTemporaryFile("qmm", suffix, path))
      return emitError(loc)
             << "can't create a temporary file: " << error.message();
    removers.push_back(std::make_unique<llvm::FileRemover>(path));
  }
  {
    std::error_code error;
    llvm::raw_fd_ostream stream(paths[0], error);
    stream << code.bytes;
    stream.close();
    if (stream.has_error())
      return emitError(loc)
             << "can't write " << paths[0] << ": " << stream.error().message();
  }
  std::string arch = "-arch=" + code.chip;
  StringRef arguments[] = {ptxas, arch, "-O3", "-v", "-o", paths[1], paths[0]};
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(paths[2]),
                                          StringRef(paths[2])};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(ptxas, arguments, std::nullopt,
                                         redirects, /*SecondsToWait=*/0,
                                         /*MemoryLimit=*/0, &message);
  FailureOr<std::string> report = readFile(paths[2], loc);
  if (failed(report))
    return failure();
  if (status != 0)
    return emitError(loc) << ptxas << " fails for " << code.chip << ": "
                          << (message.empty() ? *report : message);
  FailureOr<std::string> image = readFile(paths[1], loc);
  if (failed(image))
    return failure();
  code.isPTX = false;
  code.bytes = std::move(*image);
  code.report = std::move(*report);
  return success();
}
