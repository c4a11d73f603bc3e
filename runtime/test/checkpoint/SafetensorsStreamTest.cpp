//===- checkpoint/SafetensorsStreamTest.cpp - Large files -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See SafetensorsStream.h.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/SafetensorsStream.h"
#include "FileBuilder.h"

#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

using namespace qmmrt;
using namespace qmmrt::test;

namespace {
std::string getPath() {
  return ::testing::TempDir() + "qmm-stream-" + std::to_string(::getpid()) +
         ".safetensors";
}
bool exists(const std::string &path) {
  return ::access(path.c_str(), F_OK) == 0;
}
} // namespace

/// Written in any order, they lie in the safetensors library's.
TEST(SafetensorsStreamTest, TensorsHaveTheirPlaces) {
  std::string path = getPath();
  SafetensorsStream stream;
  ASSERT_TRUE(stream.declare("b", QMM_DTYPE_U8, {3}).ok());
  ASSERT_TRUE(stream.declare("z", QMM_DTYPE_BF16, {2}).ok());
  ASSERT_TRUE(stream.declare("a", QMM_DTYPE_U8, {2}).ok());
  ASSERT_TRUE(stream.declare("s", QMM_DTYPE_F32, {}).ok());
  ASSERT_TRUE(stream.declare("none", QMM_DTYPE_F32, {0, 4}).ok());
  stream.setMetadata("key", "value");
  ASSERT_TRUE(stream.open(path).ok());
  ASSERT_TRUE(stream.write("b", 1, "YZ", 2).ok());
  ASSERT_TRUE(stream.write("a", 0, "AB", 2).ok());
  ASSERT_TRUE(stream.write("s", 0, "ffff", 4).ok());
  ASSERT_TRUE(stream.write("z", 0, "halv", 4).ok());
  ASSERT_TRUE(stream.write("b", 0, "X", 1).ok());
  EXPECT_EQ(stream.write("c", 0, "X", 1).getCode(),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_FALSE(exists(path));
  ASSERT_TRUE(stream.commit().ok());

  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.ok()) << file.getStatus().getMessage();
  std::string order, bytes;
  for (const SafetensorsTensor &tensor : file->getTensors()) {
    order += tensor.name + " ";
    bytes.append(reinterpret_cast<const char *>(tensor.data), tensor.bytes);
  }
  EXPECT_EQ(order, "none s z a b ");
  EXPECT_EQ(bytes, "ffffhalvABXYZ");
  EXPECT_EQ(file->getMetadata().at("key"), "value");
  ::unlink(path.c_str());
}

TEST(SafetensorsStreamTest, RefusesWhatNoFileHas) {
  SafetensorsStream stream;
  ASSERT_TRUE(stream.declare("a", QMM_DTYPE_U8, {1}).ok());
  for (Status status : {stream.declare("a", QMM_DTYPE_U8, {1}),
                        stream.declare("__metadata__", QMM_DTYPE_U8, {1}),
                        stream.declare("n", QMM_DTYPE_U8, {-1}),
                        stream.declare("half", QMM_DTYPE_E2M1, {3}),
                        stream.declare("what", QMM_DTYPE_NONE, {1})})
    EXPECT_EQ(status.getCode(), QMM_STATUS_INVALID_ARGUMENT);
}

/// Space is asked for before the work, and a failure leaves nothing.
TEST(SafetensorsStreamTest, SpaceIsTakenAtOnce) {
  std::string path = getPath();
  struct rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit low = {1 << 20, old.rlim_max};
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &low), 0);
  Status status;
  {
    SafetensorsStream stream;
    ASSERT_TRUE(stream.declare("big", QMM_DTYPE_U8, {2 << 20}).ok());
    status = stream.open(path);
  }
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.getCode(), QMM_STATUS_IO);
  EXPECT_NE(status.getMessage().find(path), std::string::npos);
  EXPECT_FALSE(exists(path));
}

/// What a signal handler does for files that are still open.
TEST(SafetensorsStreamTest, TemporaryFilesCanBeRemoved) {
  std::string path = getPath();
  SafetensorsStream stream;
  ASSERT_TRUE(stream.declare("a", QMM_DTYPE_U8, {1}).ok());
  ASSERT_TRUE(stream.open(path).ok());
  removeTemporaryFiles();
  EXPECT_EQ(stream.commit().getCode(), QMM_STATUS_IO);
  EXPECT_FALSE(exists(path));
}
