//===- quant-run/Compile.cpp - MLIR to an artefact -----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Compile.h.
//
//===----------------------------------------------------------------------===//
#include "Compile.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern char **environ;

namespace qmmrt::run {

TemporaryArtifact::~TemporaryArtifact() {
  if (!path.empty())
    ::unlink(path.c_str());
  if (!folder.empty())
    ::rmdir(folder.c_str());
}

Status TemporaryArtifact::create() {
  const char *base = std::getenv("TMPDIR");
  std::string pattern =
      std::string(base && *base ? base : "/tmp") + "/quant-run-XXXXXX";
  if (!::mkdtemp(pattern.data()))
    return Status(QMM_STATUS_IO, "cannot create a temporary folder " + pattern +
                                     ": " + std::strerror(errno));
  folder = pattern;
  path = folder + "/program.qmm";
  return Status();
}

bool isMlir(const std::string &path) {
  auto endsWith = [&](const std::string &suffix) {
    return path.size() >= suffix.size() &&
           path.compare(path.size() - suffix.size(), suffix.size(), suffix) ==
               0;
  };
  return endsWith(".mlir") || endsWith(".mlirbc");
}

static Result<std::string> findCompiler() {
  char self[PATH_MAX];
  ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self));
  if (length <= 0 || size_t(length) == sizeof(self))
    return Status(QMM_STATUS_IO, "cannot find out where quant-run lies");
  std::string path(self, size_t(length));
  path = path.substr(0, path.rfind('/') + 1) + "quant-compile";
  if (::access(path.c_str(), X_OK) != 0)
    return Status(QMM_STATUS_NOT_FOUND,
                  "MLIR input needs quant-compile, which isn't at " + path +
                      ": compile it elsewhere and give the .qmm file");
  return path;
}

Status compile(const Options &options, const std::string &target,
               const std::string &artifact) {
  Result<std::string> compiler = findCompiler();
  if (!compiler.ok())
    return compiler.getStatus();
  std::vector<std::string> arguments = {*compiler, options.program,
                                        "--target=" + target, "-o", artifact};
  if (!options.checkpoint.empty())
    arguments.push_back("--checkpoint=" + options.checkpoint);
  if (!options.activations.empty())
    arguments.push_back("--activations=" + options.activations);
  std::vector<char *> argv;
  for (std::string &argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child;
  if (int error = ::posix_spawn(&child, compiler->c_str(), nullptr, nullptr,
                                argv.data(), environ))
    return Status(QMM_STATUS_IO,
                  "cannot run " + *compiler + ": " + std::strerror(error));
  int state;
  while (::waitpid(child, &state, 0) < 0)
    if (errno != EINTR)
      return Status(QMM_STATUS_IO, "cannot wait for " + *compiler + ": " +
                                       std::strerror(errno));
  if (WIFSIGNALED(state))
    return Status(QMM_STATUS_INTERNAL, *compiler + " died of signal " +
                                           std::to_string(WTERMSIG(state)));
  if (WEXITSTATUS(state) != 0)
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  options.program + " doesn't compile");
  return Status();
}

} // namespace qmmrt::run
