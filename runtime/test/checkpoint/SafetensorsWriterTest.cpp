//===- checkpoint/SafetensorsWriterTest.cpp - Whole files -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See SafetensorsWriter.h.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/SafetensorsWriter.h"
#include "TestFolder.h"

#include <fstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qmmrt;
using namespace qmmrt::test;

namespace {
/// A folder of its own, to see what is left in it.
class SafetensorsWriterTest : public ::testing::Test {
protected:
  std::vector<std::string> list() const { return temporary.list(); }
  TestFolder temporary;
  const std::string &folder = temporary.path;
};
} // namespace

TEST_F(SafetensorsWriterTest, RoundTrips) {
  std::string path = folder + "/out.safetensors";
  const char codes[] = {0x12, 0x34};
  std::string floats = f32({1, 2, 3, 4, 5, 6});
  SafetensorsWriter writer;
  writer.setMetadata("made \"by\"", "test\n");
  ASSERT_TRUE(
      writer.add("y\xc3\xa9", QMM_DTYPE_F32, {2, 3}, floats.data(), 24).ok());
  ASSERT_TRUE(writer.add("codes", QMM_DTYPE_E2M1, {1, 4}, codes, 2).ok());
  ASSERT_TRUE(writer.add("empty", QMM_DTYPE_BF16, {0, 3}, nullptr, 0).ok());
  std::ofstream(path) << "an older file";
  ASSERT_TRUE(writer.write(path).ok());
  EXPECT_EQ(list(), std::vector<std::string>{"out.safetensors"});

  auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.ok()) << file.getStatus().getMessage();
  ASSERT_EQ(file->getTensors().size(), 3u);
  const SafetensorsTensor *y = file->find("y\xc3\xa9");
  ASSERT_NE(y, nullptr);
  EXPECT_EQ(describeTensor(*y), "F32 [2, 3]");
  EXPECT_EQ(y->fileOffset % 8, 0u);
  EXPECT_EQ(std::memcmp(y->data, floats.data(), 24), 0);
  EXPECT_EQ(describeTensor(*file->find("codes")), "F4 [1, 4]");
  EXPECT_EQ(file->find("codes")->data[1], 0x34);
  EXPECT_EQ(file->getMetadata().at("made \"by\""), "test\n");
}

TEST_F(SafetensorsWriterTest, WritesAFileWithoutTensors) {
  std::string path = folder + "/none.safetensors";
  ASSERT_TRUE(SafetensorsWriter().write(path).ok());
  EXPECT_TRUE(SafetensorsFile::open(path).ok());
}

TEST_F(SafetensorsWriterTest, RefusesWrongTensors) {
  SafetensorsWriter writer;
  float value = 0;
  ASSERT_TRUE(writer.add("a", QMM_DTYPE_F32, {}, &value, 4).ok());
  auto add = [&](const char *name, qmm_dtype dtype, std::vector<int64_t> shape,
                 uint64_t bytes) {
    return writer.add(name, dtype, std::move(shape), &value, bytes);
  };
  expectError(add("a", QMM_DTYPE_F32, {}, 4), QMM_STATUS_INVALID_ARGUMENT,
              {"'a'", "twice"});
  expectError(add("__metadata__", QMM_DTYPE_F32, {}, 4),
              QMM_STATUS_INVALID_ARGUMENT, {"reserved"});
  expectError(add("b", QMM_DTYPE_F32, {2}, 4), QMM_STATUS_INVALID_ARGUMENT,
              {"'b'", "4 bytes", "F32 [2]"});
  expectError(add("b", QMM_DTYPE_F32, {-1}, 4), QMM_STATUS_INVALID_ARGUMENT,
              {"'b'", "[-1]"});
  expectError(add("b", QMM_DTYPE_E2M1, {3}, 2), QMM_STATUS_INVALID_ARGUMENT,
              {"'b'"});
  expectError(add("b", QMM_DTYPE_NONE, {}, 4), QMM_STATUS_INVALID_ARGUMENT,
              {"'b'", "dtype"});
}

TEST_F(SafetensorsWriterTest, RefusesNamesThatAreNotUtf8) {
  SafetensorsWriter writer;
  ASSERT_TRUE(writer.add("\xff", QMM_DTYPE_I8, {0}, nullptr, 0).ok());
  expectError(writer.write(folder + "/x"), QMM_STATUS_INVALID_ARGUMENT,
              {"UTF-8"});
  EXPECT_TRUE(list().empty());
}

TEST_F(SafetensorsWriterTest, LeavesNothingBehindOnFailure) {
  SafetensorsWriter writer;
  expectError(writer.write(folder + "/missing/out"), QMM_STATUS_IO,
              {"missing/out", "cannot write"});
  // The kernel refuses to read the tensor's bytes, after the header is written.
  void *unreadable =
      ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(unreadable, MAP_FAILED);
  ASSERT_TRUE(writer.add("a", QMM_DTYPE_I8, {4096}, unreadable, 4096).ok());
  std::ofstream(folder + "/out") << "an older file";
  expectError(writer.write(folder + "/out"), QMM_STATUS_IO, {"/out"});
  ::munmap(unreadable, 4096);
  EXPECT_EQ(list(), std::vector<std::string>{"out"});
  std::string content;
  std::ifstream stream(folder + "/out");
  std::getline(stream, content);
  EXPECT_EQ(content, "an older file");
}

TEST_F(SafetensorsWriterTest, ReplacesOnlyRegularFiles) {
  SafetensorsWriter writer;
  expectError(writer.write("/dev/null"), QMM_STATUS_IO,
              {"/dev/null", "not a regular file"});
  expectError(writer.write(folder), QMM_STATUS_IO, {"not a regular file"});
}

TEST_F(SafetensorsWriterTest, WritesThroughALink) {
  std::ofstream(folder + "/real") << "old";
  ASSERT_EQ(::symlink((folder + "/real").c_str(), (folder + "/link").c_str()),
            0);
  ASSERT_TRUE(SafetensorsWriter().write(folder + "/link").ok());
  struct stat info;
  ASSERT_EQ(::lstat((folder + "/link").c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
  EXPECT_TRUE(SafetensorsFile::open(folder + "/real").ok());
}
