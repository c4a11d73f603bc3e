//===- test/cuda/AlgorithmCacheTest.cpp - Timed choices and the file that keeps
// them -===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fake's algorithms take what the test says.
//
//===----------------------------------------------------------------------===//
#include "PlanFixture.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

using namespace qmmrt;
using namespace qmmrt::cuda;
using namespace qmmrt::test;

namespace {

class AlgorithmChoice : public PlanTest {
protected:
  AlgorithmChoice() {
    char name[] = "/tmp/qmm-algorithms-XXXXXX";
    folder = ::mkdtemp(name);
    options.autotune = true;
  }
  ~AlgorithmChoice() override {
    ::chmod(folder.c_str(), 0777);
    EXPECT_EQ(std::system(("rm -r '" + folder + "'").c_str()), 0);
  }
  static std::string read(const std::string &path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static void write(const std::string &path, const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  std::string folder;
};

TEST_F(AlgorithmChoice, TakesTheFasterOne) {
  FakeCuda::get().times = {10, 9.5f, 9};
  auto made = plan();
  EXPECT_TRUE(made->getChoice().isTimed);
  EXPECT_EQ(made->getChoice().index, 2u);
  EXPECT_NEAR(made->getChoice().firstMicroseconds, 10, 1e-3);
  EXPECT_NEAR(made->getChoice().bestMicroseconds, 9, 1e-3);
  ASSERT_TRUE(runMatmul(*device, *made, getBuffers(), nullptr, nullptr).ok());
  EXPECT_EQ(FakeCuda::get().last.algorithm, 2u);
}

TEST_F(AlgorithmChoice, StaysForLessThanThreePercent) {
  FakeCuda::get().times = {10, 9.8f, 11};
  EXPECT_EQ(plan()->getChoice().index, 0u);
}

TEST_F(AlgorithmChoice, DistrustsAnotherResult) {
  FakeCuda::get().times = {10, 5, 10};
  FakeCuda::get().outputs = {1, 64, 1};
  auto made = plan();
  EXPECT_EQ(made->getChoice().index, 0u);
  ASSERT_TRUE(runMatmul(*device, *made, getBuffers(), nullptr, nullptr).ok());
  EXPECT_EQ(FakeCuda::get().last.algorithm, 0u);
}

TEST_F(AlgorithmChoice, WithoutRoomTheFirstIsTaken) {
  FakeCuda::get().times = {10, 5, 10};
  FakeCuda::get().memoryLimit = 1 << 20; // below a workspace
  AlgorithmCache cache(*device, folder);
  auto made = plan(&cache);
  EXPECT_FALSE(cache.find(made->getProblem()));
  EXPECT_FALSE(made->getChoice().isTimed);
  EXPECT_EQ(made->getChoice().index, 0u);
}

TEST_F(AlgorithmChoice, IsKeptInAFile) {
  FakeCuda::get().times = {10, 5, 10};
  {
    AlgorithmCache cache(*device, folder + "/new/folder");
    EXPECT_FALSE(cache.find(plan()->getProblem()));
    plan(&cache);
    EXPECT_EQ(cache.getWarning(), "");
  }
  FakeCuda::get().calls.clear();
  AlgorithmCache cache(*device, folder + "/new/folder");
  auto made = plan(&cache);
  EXPECT_TRUE(made->getChoice().isFromCache);
  EXPECT_EQ(made->getWorkspaceBytes(), 2048u); // as the check said
  EXPECT_EQ(FakeCuda::get().calls["heuristic"], 0);
  EXPECT_EQ(FakeCuda::get().calls["check"], 1);
  FakeCuda::get().calls["run"] = 1; // so that the fake looks
  ASSERT_TRUE(runMatmul(*device, *made, getBuffers(), nullptr, nullptr).ok());
  EXPECT_EQ(FakeCuda::get().last.algorithm, 1u);
  // Another problem isn't in it; what the library refuses is found anew.
  args.bias = nullptr;
  EXPECT_FALSE(plan(&cache)->getChoice().isFromCache);
  FakeCuda::get().check = CUBLAS_STATUS_NOT_SUPPORTED;
  EXPECT_FALSE(plan(&cache)->getChoice().isFromCache);
}

TEST_F(AlgorithmChoice, ProcessesAddToOneFile) {
  AlgorithmCache one(*device, folder), two(*device, folder);
  auto first = plan(&one);
  args.bias = nullptr;
  auto second = plan(&two);
  AlgorithmCache both(*device, folder);
  EXPECT_TRUE(both.find(first->getProblem()));
  EXPECT_TRUE(both.find(second->getProblem()));
}

TEST_F(AlgorithmChoice, AnotherDriverHasAnotherFile) {
  AlgorithmCache cache(*device, folder);
  auto made = plan(&cache);
  const std::string path = cache.getPath(), bytes = read(path);
  ASSERT_FALSE(bytes.empty());
  device.reset();
  CudaLibraries libraries = FakeCuda::install();
  FakeCuda::get().driverVersion = 13010;
  device = *Device::open(libraries, 0);
  AlgorithmCache other(*device, folder);
  EXPECT_NE(other.getPath(), path);
  EXPECT_FALSE(other.find(made->getProblem()));
  // Even under its name.
  write(other.getPath(), bytes);
  AlgorithmCache foreign(*device, folder);
  EXPECT_FALSE(foreign.find(made->getProblem()));
  EXPECT_NE(foreign.getWarning().find("another device's"), std::string::npos)
      << foreign.getWarning();
}

TEST_F(AlgorithmChoice, DamageIsIgnoredAndMended) {
  std::string path;
  MatmulProblem problem;
  {
    AlgorithmCache cache(*device, folder);
    problem = plan(&cache)->getProblem();
    path = cache.getPath();
  }
  const std::string good = read(path);
  const struct {
    std::string bytes;
    const char *reason;
  } cases[] = {
      {"", "cut short"},
      {good.substr(0, 20), "cut short"},
      {good.substr(0, good.size() - 8), "size is wrong"},
      {"X" + good.substr(1), "isn't of this version"},
      {good.substr(0, 8) + "\7" + good.substr(9), "isn't of this version"},
      {good.substr(0, 100) + char(good[100] ^ 1) + good.substr(101),
       "checksum is wrong"},
      {good.substr(0, 24) + "\xff\xff\xff\xff\xff\xff\xff\xff" +
           good.substr(32),
       "size is wrong"},
      {good.substr(0, 32) + "\xff\xff\xff\xff\xff\xff\xff\xff" +
           good.substr(40),
       "size is wrong"}};
  for (const auto &item : cases) {
    write(path, item.bytes);
    AlgorithmCache cache(*device, folder);
    EXPECT_NE(cache.getWarning().find(item.reason), std::string::npos)
        << cache.getWarning() << ", expected " << item.reason;
    EXPECT_FALSE(cache.find(problem));
    plan(&cache);
    EXPECT_EQ(read(path), good);
  }
}

TEST_F(AlgorithmChoice, AFolderThatCannotBeWrittenIsAWarning) {
  write(folder + "/file", "");
  AlgorithmCache cache(*device, folder + "/file");
  auto made = plan(&cache);
  ASSERT_NE(made, nullptr);
  EXPECT_NE(cache.getWarning().find("aren't kept"), std::string::npos)
      << cache.getWarning();
  // This process has it all the same.
  EXPECT_TRUE(plan(&cache)->getChoice().isFromCache);
}

TEST_F(AlgorithmChoice, NoFolderNoFile) {
  AlgorithmCache cache(*device, "");
  plan(&cache);
  EXPECT_EQ(cache.getPath(), "");
  EXPECT_EQ(cache.getWarning(), "");
}

TEST(CacheFolder, FollowsTheEnvironment) {
  ::unsetenv("QMM_CACHE_DIR");
  ::setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(getCacheFolder(nullptr), "/xdg/qmm");
  EXPECT_EQ(getCacheFolder("/own"), "/own");
  EXPECT_EQ(getCacheFolder(""), "");
  ::unsetenv("XDG_CACHE_HOME");
  ::setenv("HOME", "/home/user", 1);
  EXPECT_EQ(getCacheFolder(nullptr), "/home/user/.cache/qmm");
  ::setenv("QMM_CACHE_DIR", "", 1);
  EXPECT_EQ(getCacheFolder(nullptr), "");
  ::unsetenv("QMM_CACHE_DIR");
}

} // namespace
