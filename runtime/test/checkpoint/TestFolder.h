//===- checkpoint/TestFolder.h - Checkpoints on disk -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shards and config files are found by their folder.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_CHECKPOINT_TESTFOLDER_H
#define QMMRT_TEST_CHECKPOINT_TESTFOLDER_H

#include "FileBuilder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace qmmrt::test {

/// A folder of its own, gone at the end.
struct TestFolder {
  TestFolder() : path(::testing::TempDir() + "qmm-checkpoint-XXXXXX") {
    if (!::mkdtemp(path.data()))
      ADD_FAILURE() << "can't make a folder like " << path;
  }
  ~TestFolder() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
  void write(const std::string &name, const std::string &bytes) const {
    std::ofstream(path + "/" + name, std::ios::binary) << bytes;
  }
  /// The names in it, sorted; without hidden ones.
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(path))
      if (std::string name = entry.path().filename(); name[0] != '.')
        names.push_back(std::move(name));
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string path;
};

} // namespace qmmrt::test

#endif // QMMRT_TEST_CHECKPOINT_TESTFOLDER_H
