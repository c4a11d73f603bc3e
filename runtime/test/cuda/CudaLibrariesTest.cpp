//===- test/cuda/CudaLibrariesTest.cpp - With and without CUDA -----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A machine without CUDA, or with something else under its name, is told so.
//
//===----------------------------------------------------------------------===//
#include "cuda/CudaLibraries.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

using namespace qmmrt;
using namespace qmmrt::cuda;

TEST(CudaLibraries, NamesTheMissingLibrary) {
  Result<CudaLibraries> libraries =
      CudaLibraries::load("libqmm-no-such-driver.so.1", {});
  ASSERT_FALSE(libraries.ok());
  EXPECT_EQ(libraries.getStatus().getCode(), QMM_STATUS_UNSUPPORTED);
  const std::string &message = libraries.getStatus().getMessage();
  EXPECT_NE(message.find("CUDA driver"), std::string::npos) << message;
  EXPECT_NE(message.find("libqmm-no-such-driver.so.1"), std::string::npos)
      << message;
}

TEST(CudaLibraries, NamesTheMissingFunction) {
  Result<CudaLibraries> libraries = CudaLibraries::load("libc.so.6", {});
  ASSERT_FALSE(libraries.ok());
  EXPECT_EQ(libraries.getStatus().getMessage(),
            "libc.so.6 lacks the function cuInit: it is too old, or not "
            "NVIDIA's");
}

TEST(CudaLibraries, LoadsWholeOrSaysWhy) {
  Result<CudaLibraries> libraries = CudaLibraries::load();
  if (!libraries.ok()) {
    EXPECT_EQ(libraries.getStatus().getCode(), QMM_STATUS_UNSUPPORTED);
    EXPECT_FALSE(libraries.getStatus().getMessage().empty());
    return;
  }
  int version = 0;
  EXPECT_EQ(libraries->driver.cuDriverGetVersion(&version), CUDA_SUCCESS);
  EXPECT_GT(version, 0);
  EXPECT_GE(libraries->cublasLt.cublasLtGetVersion(), 120000u);
}

TEST(CudaLibraries, LooksInWheelsAndFolders) {
  char name[] = "/tmp/qmm-libraries-XXXXXX";
  const std::string root = ::mkdtemp(name);
  const std::string wheel =
      root + "/lib/python3.12/site-packages/nvidia/cu13/lib";
  const std::string old = root + "/nvidia/cublas/lib";
  ASSERT_EQ(std::system(("mkdir -p '" + wheel + "' '" + old + "'").c_str()), 0);
  std::ofstream(wheel + "/libcublasLt.so.13") << "not a library";
  std::ofstream(old + "/libcublasLt.so.12") << "nor this";
  const std::vector<std::string> expected = {old + "/libcublasLt.so.12",
                                             wheel + "/libcublasLt.so.13"};
  EXPECT_EQ(getCublasLtCandidates(root), expected);
  EXPECT_EQ(getCublasLtCandidates("/nowhere/a.so::" + old),
            (std::vector<std::string>{"/nowhere/a.so", expected[0]}));
  // All that failed are named.
  Result<CudaLibraries> libraries = CudaLibraries::load("libc.so.6", expected);
  EXPECT_FALSE(libraries.ok());
  EXPECT_EQ(std::system(("rm -r '" + root + "'").c_str()), 0);
}

TEST(CudaLibraries, APathThatHasNoneIsNotPassedOver) {
  Result<CudaLibraries> libraries = CudaLibraries::load("/dev");
  ASSERT_FALSE(libraries.ok());
  EXPECT_EQ(libraries.getStatus().getMessage(),
            "no libcublasLt.so.13 or libcublasLt.so.12 in '/dev'");
}
