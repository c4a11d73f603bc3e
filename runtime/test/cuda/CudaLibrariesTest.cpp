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
