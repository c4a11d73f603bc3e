//===- checkpoint/OtherFamiliesTest.cpp - Unread families -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See OtherFamilies.cpp.
//
//===----------------------------------------------------------------------===//
#include "FileBuilder.h"

using namespace qmmrt;
using namespace qmmrt::test;

static void expectFamily(const FileBuilder &file, const char *tensor,
                         const char *family) {
  Read read(file);
  expectError(read.status, QMM_STATUS_UNSUPPORTED,
              {"mem: ", tensor, family, "this version doesn't read"});
}

TEST(OtherFamilies, AreToldByTheirKeys) {
  auto with = [](const char *key) {
    return FileBuilder().addFilled(std::string("l.") + key, "U8", {4}, 4);
  };
  expectFamily(with("weight_packed"), "'l.weight_packed'",
               "compressed-tensors");
  expectFamily(with("weight_scale_inv"), "'l.weight_scale_inv'", "DeepSeek");
  expectFamily(with("qweight"), "'l.qweight'", "GPTQ or AWQ");
  expectFamily(with("SCB"), "'l.SCB'", "bitsandbytes");
  expectFamily(with("weight_codebook"), "'l.weight_codebook'",
               "asym_w4a8_int8");
  expectFamily(with("weight_scalar"), "'l.weight_scalar'", "hybrid_mxfp8");
}

TEST(OtherFamilies, BlocksWithoutScalesAreNothing) {
  Read read(FileBuilder().addFilled("e.blocks", "U8", {2}, 2));
  EXPECT_TRUE(read.status.ok()) << read.status.getMessage();
}

TEST(OtherFamilies, SharedKeysNeedADeclaration) {
  for (const char *key : {"weight_scale", "weight_scale_2", "input_scale",
                          "scale_weight", "scale_input", "pre_quant_scale"}) {
    std::string name = std::string("l.") + key;
    Read read(FileBuilder()
                  .addFilled("l.weight", "BF16", {2, 16}, 64)
                  .scalar(name, 1));
    expectError(
        read.status, QMM_STATUS_UNSUPPORTED,
        {name.c_str(), "nothing declares", "ModelOpt", "--layout=comfy"});
    Read orphan(FileBuilder().scalar(name, 1));
    expectError(orphan.status, QMM_STATUS_MALFORMED,
                {name.c_str(), "no tensor 'l.weight'"});
  }
}
