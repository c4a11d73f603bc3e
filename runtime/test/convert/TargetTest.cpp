//===- test/convert/TargetTest.cpp - Names of schemes ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Target.h.
//
//===----------------------------------------------------------------------===//
#include "convert/Target.h"

#include <gtest/gtest.h>

using namespace qmmrt;

TEST(Target, NamesComeBack) {
  for (const char *name : {"fp8", "fp8_e5m2", "fp8_row", "fp8_64x64",
                           "fp8_128x128", "mxfp8", "mxfp4", "nvfp4", "int8",
                           "int8_row", "int8_32x32", "bf16", "f16", "f32"}) {
    Result<Target> target = parseTarget(name, 0);
    ASSERT_TRUE(target.ok()) << target.getStatus().getMessage();
    EXPECT_EQ(target->name, name);
    EXPECT_EQ(nameScheme(target->scheme), name);
  }
}

TEST(Target, BlocksHaveADefaultAndAnotherSize) {
  EXPECT_EQ(parseTarget("fp8_blockwise", 0)->name, "fp8_64x64");
  EXPECT_EQ(parseTarget("int8_blockwise", 0)->name, "int8_128x128");
  EXPECT_EQ(parseTarget("fp8_blockwise", 32)->scheme.block_outer, 32);
}

TEST(Target, OtherNamesAreRefused) {
  for (const char *name : {"", "fp9", "fp8_", "fp8_64x32", "fp8_x64",
                           "fp8_64x64x64", "fp8_0x0", "fp4_16x16"})
    EXPECT_EQ(parseTarget(name, 0).getStatus().getCode(),
              QMM_STATUS_INVALID_ARGUMENT)
        << name;
  EXPECT_FALSE(parseTarget("mxfp8", 32).ok());
  EXPECT_FALSE(parseTarget("fp8_64x64", 32).ok());
}
