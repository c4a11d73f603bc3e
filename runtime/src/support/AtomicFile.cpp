//===- support/AtomicFile.cpp - A file whole or not at all ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The temporary file lies in the destination's folder, since a rename across
// file systems isn't atomic.
//
//===----------------------------------------------------------------------===//
#include "support/AtomicFile.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace qmmrt {

// Names of temporary files, for a signal handler.  Files beyond these are left
// behind by a process that a signal ends.
static std::atomic<const char *> temporaries[256];

static unsigned takeSlot(const char *name) {
  for (unsigned i = 0; i < std::size(temporaries); ++i) {
    const char *free = nullptr;
    if (temporaries[i].compare_exchange_strong(free, name))
      return i;
  }
  return ~0u;
}

static void giveSlot(unsigned &slot) {
  if (slot != ~0u)
    temporaries[slot] = nullptr;
  slot = ~0u;
}

void removeTemporaryFiles() {
  for (std::atomic<const char *> &name : temporaries)
    if (const char *path = name.exchange(nullptr))
      ::unlink(path);
}

AtomicFile::~AtomicFile() {
  giveSlot(slot);
  if (fd >= 0)
    ::close(fd);
  if (!temporary.empty() && !isPartial)
    ::unlink(temporary.c_str());
}

Status AtomicFile::failed(const char *action) const {
  return Status(QMM_STATUS_IO,
                path + ": cannot " + action + ": " + std::strerror(errno));
}

Status AtomicFile::resolve(const std::string &newPath) {
  path = destination = newPath;
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode))
      return Status(QMM_STATUS_IO, path + ": exists and is not a regular file");
    if (::access(path.c_str(), W_OK) != 0)
      return failed("write");
    if (char *resolved = ::realpath(path.c_str(), nullptr)) {
      destination = resolved;
      std::free(resolved);
    }
  }
  return Status();
}

Status AtomicFile::openPartial(const std::string &newPath) {
  if (Status status = resolve(newPath); !status.ok())
    return status;
  temporary = destination + ".partial";
  isPartial = true;
  fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0)
    return failed("write");
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return Status(QMM_STATUS_IO,
                  temporary + ": is being written by another process");
  return Status();
}

uint64_t AtomicFile::getSize() const {
  struct stat info;
  return ::fstat(fd, &info) == 0 ? uint64_t(info.st_size) : 0;
}

Status AtomicFile::open(const std::string &newPath) {
  if (Status status = resolve(newPath); !status.ok())
    return status;
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string candidate = destination + ".tmp-" + std::to_string(::getpid()) +
                            "-" + std::to_string(counter++);
    fd = ::open(candidate.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                0666);
    if (fd >= 0) {
      temporary = std::move(candidate);
      slot = takeSlot(temporary.c_str());
      return Status();
    }
    if (errno != EEXIST)
      break;
  }
  return failed("write");
}

Status AtomicFile::write(const void *data, uint64_t bytes) {
  const char *cursor = static_cast<const char *>(data);
  while (bytes != 0) {
    // Linux moves at most 2 GiB a call.
    ssize_t written =
        ::write(fd, cursor, size_t(std::min<uint64_t>(bytes, 1u << 30)));
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return failed("write");
    }
    cursor += written;
    bytes -= uint64_t(written);
  }
  return Status();
}

Status AtomicFile::writeAt(uint64_t offset, const void *data,
                           uint64_t bytes) const {
  const char *cursor = static_cast<const char *>(data);
  while (bytes != 0) {
    ssize_t written = ::pwrite(
        fd, cursor, size_t(std::min<uint64_t>(bytes, 1u << 30)), off_t(offset));
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return failed("write");
    }
    cursor += written;
    offset += uint64_t(written);
    bytes -= uint64_t(written);
  }
  return Status();
}

Status AtomicFile::reserve(uint64_t bytes) {
  if (::ftruncate(fd, off_t(bytes)) != 0)
    return failed("write");
#ifdef __linux__
  // The C library's posix_fallocate writes zeros where this isn't supported.
  while (bytes != 0 && ::fallocate(fd, 0, 0, off_t(bytes)) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS)
      break;
    if (errno != EINTR)
      return failed("write");
  }
#endif
  return Status();
}

Status AtomicFile::sync() {
  return ::fsync(fd) == 0 ? Status() : failed("write");
}

Status AtomicFile::commit() {
  if (Status status = sync(); !status.ok())
    return status;
  int closed = ::close(fd);
  fd = -1;
  if (closed != 0)
    return failed("write");
  if (::rename(temporary.c_str(), destination.c_str()) != 0)
    return failed("rename to it");
  giveSlot(slot);
  temporary.clear();
  return Status();
}

Status writeFile(const std::string &path, const std::string &bytes) {
  AtomicFile file;
  if (Status status = file.open(path); !status.ok())
    return status;
  if (Status status = file.write(bytes.data(), bytes.size()); !status.ok())
    return status;
  return file.commit();
}

} // namespace qmmrt
