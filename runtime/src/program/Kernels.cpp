//===- program/Kernels.cpp - Native code out of an artefact --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// memfd_create and dlopen("/proc/self/fd/N"): the dynamic linker does what it
// does for any library, relocations and unwind tables included.
//
//===----------------------------------------------------------------------===//
#include "program/Kernels.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace qmmrt::program {

bool isIsaSupported(const std::string &isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (isa == "x86-64")
    return true;
  if (isa == "x86-64-v3")
    return __builtin_cpu_supports("x86-64-v3");
  if (isa == "x86-64-v4")
    return __builtin_cpu_supports("x86-64-v4");
#elif defined(__aarch64__)
  if (isa == "aarch64")
    return true;
#endif
  return false;
}

std::vector<std::string> getSupportedIsas() {
  std::vector<std::string> isas;
  for (const char *isa : {"x86-64-v4", "x86-64-v3", "x86-64", "aarch64"})
    if (isIsaSupported(isa))
      isas.push_back(isa);
  return isas;
}

KernelLibrary::KernelLibrary(KernelLibrary &&other) noexcept
    : fd(std::exchange(other.fd, -1)),
      handle(std::exchange(other.handle, nullptr)),
      kernels(std::move(other.kernels)) {}

KernelLibrary &KernelLibrary::operator=(KernelLibrary &&other) noexcept {
  std::swap(fd, other.fd);
  std::swap(handle, other.handle);
  std::swap(kernels, other.kernels);
  return *this;
}

KernelLibrary::~KernelLibrary() {
  if (handle)
    ::dlclose(handle);
  if (fd >= 0)
    ::close(fd);
}

/// nullptr when no object runs here.
static const Object *selectObject(const Module &module) {
  for (const std::string &isa : getSupportedIsas())
    for (const Object &object : module.objects)
      if (object.isa == isa)
        return &object;
  return nullptr;
}

static int createMemoryFile() {
  // Kernels that make such files non-executable by default know MFD_EXEC; older
  // ones refuse it.
  constexpr unsigned kMfdExec = 0x10;
  int fd = ::memfd_create("qmm-kernels", MFD_CLOEXEC | kMfdExec);
  if (fd < 0 && errno == EINVAL)
    fd = ::memfd_create("qmm-kernels", MFD_CLOEXEC);
  return fd;
}

static Status failed(const std::string &action) {
  return Status(QMM_STATUS_IO, "cannot " + action +
                                   " the program's kernels in memory: " +
                                   std::strerror(errno));
}

static Status writeAll(int fd, const std::string &bytes) {
  for (size_t done = 0; done < bytes.size();) {
    ssize_t written = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return failed("store");
    }
    done += size_t(written);
  }
  return Status();
}

Result<KernelLibrary> KernelLibrary::load(const Module &module) {
  KernelLibrary library;
  if (module.kernels.empty())
    return library;
  const Object *object = selectObject(module);
  if (!object) {
    std::string have, want;
    for (const Object &candidate : module.objects)
      have += (have.empty() ? "" : ", ") + candidate.isa;
    for (const std::string &isa : getSupportedIsas())
      want += (want.empty() ? "" : ", ") + isa;
    return Status(QMM_STATUS_UNSUPPORTED,
                  "the program has kernels for " + have +
                      ", but this CPU runs " +
                      (want.empty() ? "none of the known ISAs" : want));
  }
  library.fd = createMemoryFile();
  if (library.fd < 0)
    return failed("create");
  if (Status status = writeAll(library.fd, object->bytes); !status.ok())
    return status;
  std::string path = "/proc/self/fd/" + std::to_string(library.fd);
  library.handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library.handle) {
    const char *error = ::dlerror();
    return Status(QMM_STATUS_MALFORMED,
                  "cannot load the program's kernels for " + object->isa +
                      ": " + (error ? error : "unknown error"));
  }
  for (const Kernel &kernel : module.kernels) {
    void *symbol = ::dlsym(library.handle, kernel.name.c_str());
    if (!symbol)
      return Status(QMM_STATUS_MALFORMED, "the program's object for " +
                                              object->isa + " lacks kernel '" +
                                              kernel.name + "'");
    library.kernels.push_back(reinterpret_cast<HostKernel>(symbol));
  }
  return library;
}

} // namespace qmmrt::program
