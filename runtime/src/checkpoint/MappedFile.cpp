//===- checkpoint/MappedFile.cpp - A read-only file in memory -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See MappedFile.h.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qmmrt;

static Status systemError(const std::string &path, const char *what) {
  int error = errno;
  return Status(error == ENOENT ? QMM_STATUS_NOT_FOUND : QMM_STATUS_IO,
                path + ": cannot " + what + ": " + std::strerror(error));
}

namespace {
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};
} // namespace

Result<MappedFile> MappedFile::open(const std::string &path) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0)
    return systemError(path, "open");
  struct stat info;
  if (::fstat(file.fd, &info) != 0)
    return systemError(path, "read the size");
  if (!S_ISREG(info.st_mode))
    return Status(
        QMM_STATUS_IO,
        path + ": is " +
            (S_ISDIR(info.st_mode) ? "a directory" : "not a regular file") +
            ", expected a regular file");
  MappedFile result;
  if (info.st_size == 0)
    return result;
  void *address = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ,
                         MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED)
    return systemError(path, "map");
  result.bytes = static_cast<const uint8_t *>(address);
  result.length = static_cast<size_t>(info.st_size);
  return result;
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : bytes(std::exchange(other.bytes, nullptr)),
      length(std::exchange(other.length, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(bytes, other.bytes);
  std::swap(length, other.length);
  return *this;
}

MappedFile::~MappedFile() {
  if (bytes)
    ::munmap(const_cast<uint8_t *>(bytes), length);
}
