//===- convert/Journal.cpp - What was done before -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A line that was cut short by the end of its process lacks its last word.
//
//===----------------------------------------------------------------------===//
#include "convert/Journal.h"
#include "program/Hash.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

using namespace qmmrt;

Journal::~Journal() {
  if (fd >= 0)
    ::close(fd);
}

/// A name of this boot; "" where the system has none.
static std::string getBoot() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return boot;
}

Status Journal::open(const std::string &newPath, const std::string &work,
                     bool continues) {
  path = newPath;
  char title[64];
  std::snprintf(
      title, sizeof(title), "quant-convert %016llx %016llx",
      (unsigned long long)hashBytes(work.data(), work.size()),
      (unsigned long long)hashBytes(getBoot().data(), getBoot().size()));
  std::ifstream old(path);
  std::string line;
  bool same = continues && std::getline(old, line) && line == title;
  if (same)
    while (std::getline(old, line)) {
      unsigned long long piece = 0;
      char word[8] = "";
      if (std::sscanf(line.c_str(), "%llu %7s", &piece, word) == 2 &&
          std::strcmp(word, "done") == 0)
        done.insert(piece);
    }
  old.close();
  fd = ::open(path.c_str(),
              O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (same ? 0 : O_TRUNC),
              0666);
  std::string begin = same ? "\n" : std::string(title) + "\n";
  if (fd < 0 ||
      ::write(fd, begin.data(), begin.size()) != ssize_t(begin.size()))
    return Status(QMM_STATUS_IO,
                  path + ": cannot write: " + std::strerror(errno));
  return {};
}

Status Journal::add(size_t piece) const {
  std::string line = std::to_string(piece) + " done\n";
  if (::write(fd, line.data(), line.size()) == ssize_t(line.size()))
    return {};
  return Status(QMM_STATUS_IO,
                path + ": cannot write: " + std::strerror(errno));
}

void Journal::remove() {
  if (fd >= 0)
    ::unlink(path.c_str());
}
