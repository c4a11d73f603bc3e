//===- convert/SourceGuard.cpp - Files that change -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Conversion.h.
//
//===----------------------------------------------------------------------===//
#include "convert/Conversion.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>

using namespace qmmrt;

Result<SourceGuard> SourceGuard::watch(const std::string &path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0)
    return Status(QMM_STATUS_IO,
                  path + ": cannot read its state: " + std::strerror(errno));
  SourceGuard guard;
  guard.path = path;
  guard.device = info.st_dev;
  guard.inode = info.st_ino;
  guard.size = uint64_t(info.st_size);
  guard.seconds = info.st_mtim.tv_sec;
  guard.nanoseconds = info.st_mtim.tv_nsec;
  return guard;
}

std::string SourceGuard::describe() const {
  std::string text = path;
  for (uint64_t value :
       {device, inode, size, uint64_t(seconds), uint64_t(nanoseconds)})
    text += " " + std::to_string(value);
  return text;
}

Status SourceGuard::check() const {
  Result<SourceGuard> now = watch(path);
  if (!now.ok())
    return now.getStatus();
  if (now->device == device && now->inode == inode && now->size == size &&
      now->seconds == seconds && now->nanoseconds == nanoseconds)
    return {};
  return Status(QMM_STATUS_IO, path + ": changed while it was read (" +
                                   std::to_string(size) + " bytes before, " +
                                   std::to_string(now->size) +
                                   " now): nothing was written");
}

bool SourceGuard::isSameFile(const std::string &other) const {
  struct stat info;
  return ::stat(other.c_str(), &info) == 0 && info.st_dev == device &&
         info.st_ino == inode;
}
