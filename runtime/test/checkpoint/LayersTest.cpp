//===- checkpoint/LayersTest.cpp - Which weights are layers -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Layers.h.
//
//===----------------------------------------------------------------------===//
#include "FileBuilder.h"

using namespace qmmrt;
using namespace qmmrt::test;

TEST(Layers, UnquantizedWeights) {
  Read read(FileBuilder()
                .addFilled("b.weight", "F16", {2, 3}, 12)
                .addFilled("b.bias", "F16", {2}, 4)
                .addFilled("a.weight", "F32", {2, 2}, 16)
                .addFilled("c.weight", "BF16", {1, 2}, 4)
                .addFilled("c.other", "I64", {1}, 8));
  ASSERT_TRUE(read.status.ok()) << read.status.getMessage();
  ASSERT_EQ(read.layers.size(), 3u); // in the file's order
  EXPECT_EQ(read.layers[0].name, "b");
  EXPECT_EQ(read.layers[0].format, "");
  EXPECT_EQ(read.layers[0].n, 2);
  EXPECT_EQ(read.layers[0].k, 3);
  EXPECT_EQ(read.layers[0].bias, "b.bias");
  EXPECT_EQ(read.layers[0].scheme.element, unsigned(QMM_DTYPE_F16));
  EXPECT_EQ(read.layers[0].scheme.scale, unsigned(QMM_DTYPE_NONE));
  EXPECT_EQ(read.layers[0].expressed, QMM_DTYPE_F16);
  EXPECT_EQ(read.layers[1].expressed, QMM_DTYPE_F32);
  EXPECT_EQ(read.layers[2].expressed, QMM_DTYPE_BF16);
  EXPECT_TRUE(read.skipped.empty());
}

TEST(Layers, SkippedWeightsSayWhy) {
  Read read(FileBuilder()
                .addFilled("norm.weight", "F32", {2}, 8)
                .addFilled("conv.weight", "F32", {1, 1, 1, 1}, 4)
                .addFilled("model.embed_tokens.weight", "F32", {2, 2}, 16)
                .addFilled("h.WTE.weight", "F32", {2, 2}, 16)
                .addFilled("double.weight", "F64", {1, 1}, 8)
                .addFilled("none.weight", "F32", {0, 2}, 0)
                .addFilled("weight", "F32", {1, 1}, 4));
  ASSERT_TRUE(read.status.ok()) << read.status.getMessage();
  EXPECT_TRUE(read.layers.empty());
  ASSERT_EQ(read.skipped.size(), 7u);
  std::map<std::string, std::string> reasons;
  for (const SkippedWeight &weight : read.skipped)
    reasons[weight.key] = weight.reason;
  EXPECT_NE(reasons["norm.weight"].find("1 dimensions"), std::string::npos);
  EXPECT_NE(reasons["conv.weight"].find("4 dimensions"), std::string::npos);
  EXPECT_NE(reasons["model.embed_tokens.weight"].find("embedding"),
            std::string::npos);
  EXPECT_NE(reasons["h.WTE.weight"].find("embedding"), std::string::npos);
  EXPECT_NE(reasons["double.weight"].find("F64"), std::string::npos);
  EXPECT_NE(reasons["none.weight"].find("empty"), std::string::npos);
  EXPECT_NE(reasons["weight"].find("name"), std::string::npos);
}

TEST(Layers, EmbeddersAreLinear) {
  Read read(FileBuilder()
                .addFilled("time_embed.0.weight", "F32", {2, 2}, 16)
                .addFilled("context_embedder.weight", "F32", {2, 2}, 16));
  ASSERT_TRUE(read.status.ok()) << read.status.getMessage();
  EXPECT_EQ(read.layers.size(), 2u);
}

TEST(Layers, BiasOfAnUnquantizedWeight) {
  Read read(FileBuilder()
                .addFilled("a.weight", "F32", {2, 2}, 16)
                .addFilled("a.bias", "F32", {3}, 12));
  expectError(read.status, QMM_STATUS_MALFORMED,
              {"mem: tensor 'a.bias'", "F32 [3]", "[2]"});
}

TEST(Layers, UndeclaredQuantizedWeight) {
  for (const char *dtype : {"F8_E4M3", "F8_E5M2", "I8", "U8", "F4"}) {
    Read read(FileBuilder().addFilled("a.weight", dtype, {2, 2},
                                      dtype[1] == '4' ? 2 : 4));
    expectError(read.status, QMM_STATUS_UNSUPPORTED,
                {"mem: tensor 'a.weight'", dtype, "nothing declares"});
  }
}
