//===- checkpoint/CheckpointTest.cpp - Many files as one -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Checkpoint.cpp and DerivedTensors.cpp.
//
//===----------------------------------------------------------------------===//
#include "TestFolder.h"

#include "checkpoint/DerivedTensors.h"

#include <cmath>

using namespace qmmrt;
using namespace qmmrt::test;

static FileBuilder file(const char *key, char fill) {
  return FileBuilder().addFilled(key, "BF16", {2, 4}, 16, fill);
}

namespace {
class CheckpointTest : public ::testing::Test {
protected:
  /// Two shards with an index, as Hugging Face's libraries write them.
  void writeShards(const std::string &weightMap =
                       R"({"a.weight": "m-1.safetensors",
                           "b.weight": "m-2.safetensors"})") {
    folder.write("m-1.safetensors", file("a.weight", 1).build());
    folder.write("m-2.safetensors", file("b.weight", 2).build());
    folder.write("model.safetensors.index.json",
                 R"({"metadata": {"total_size": 32}, "weight_map": )" +
                     weightMap + "}");
  }
  void expectOpenError(qmm_status code,
                       std::initializer_list<const char *> parts) {
    expectError(Checkpoint::open(folder.path).getStatus(), code, parts);
  }
  TestFolder folder;
};
} // namespace

TEST_F(CheckpointTest, ShardsAreOneCheckpoint) {
  writeShards();
  for (const std::string &path :
       {folder.path, folder.path + "/",
        folder.path + "/model.safetensors.index.json"}) {
    auto checkpoint = Checkpoint::open(path);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.getStatus().getMessage();
    ASSERT_EQ(checkpoint->getTensors().size(), 2u);
    const SafetensorsTensor *b = checkpoint->find("b.weight");
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(b->data[0], 2);
    EXPECT_EQ(checkpoint->getFileName(*b), folder.path + "/m-2.safetensors");
    auto layers = readLinearLayers(*checkpoint);
    ASSERT_TRUE(layers.ok()) << layers.getStatus().getMessage();
    ASSERT_EQ(layers->size(), 2u);
    EXPECT_EQ((*layers)[0].name, "a");
    EXPECT_EQ((*layers)[1].name, "b");
  }
}

TEST_F(CheckpointTest, FolderWithoutIndexHoldsItsFiles) {
  folder.write("model.safetensors", file("a.weight", 1).build());
  auto one = Checkpoint::open(folder.path);
  ASSERT_TRUE(one.ok()) << one.getStatus().getMessage();
  EXPECT_NE(one->find("a.weight"), nullptr);
  folder.write("more.safetensors", file("b.weight", 2).build());
  auto two = Checkpoint::open(folder.path);
  ASSERT_TRUE(two.ok()) << two.getStatus().getMessage();
  EXPECT_EQ(two->getTensors().size(), 2u);
  folder.write("third.safetensors", file("a.weight", 2).build());
  expectOpenError(
      QMM_STATUS_MALFORMED,
      {"'a.weight' is in both", "model.safetensors", "third.safetensors"});
}

TEST_F(CheckpointTest, EmptyFolder) {
  expectOpenError(QMM_STATUS_NOT_FOUND, {"no .safetensors file"});
}

TEST_F(CheckpointTest, TwoIndexes) {
  writeShards();
  folder.write("other.safetensors.index.json", "{}");
  expectOpenError(QMM_STATUS_MALFORMED, {"'model.safetensors.index.json' and "
                                         "'other.safetensors.index.json'"});
}

TEST_F(CheckpointTest, IndexMustAgreeWithItsShards) {
  writeShards(R"({"a.weight": "m-1.safetensors",
                  "b.weight": "m-3.safetensors"})");
  expectOpenError(QMM_STATUS_MALFORMED, {"model.safetensors.index.json: ",
                                         "'m-3.safetensors'", "isn't there"});
  writeShards(R"({"a.weight": "m-1.safetensors", "c": "m-2.safetensors",
                  "b.weight": "m-2.safetensors"})");
  expectOpenError(QMM_STATUS_MALFORMED, {"puts the tensor 'c' in",
                                         "m-2.safetensors", "doesn't hold it"});
  writeShards(R"({"a.weight": "m-2.safetensors",
                  "b.weight": "m-2.safetensors"})");
  expectOpenError(QMM_STATUS_MALFORMED, {"'a.weight'", "doesn't hold it"});
  writeShards(R"({"b.weight": "m-2.safetensors"})");
  EXPECT_TRUE(Checkpoint::open(folder.path).ok());
  folder.write("m-2.safetensors",
               file("b.weight", 2).addFilled("x", "U8", {1}, 1).build());
  expectOpenError(QMM_STATUS_MALFORMED,
                  {"doesn't put the tensor 'x' in", "which holds it"});
  writeShards();
  folder.write("m-2.safetensors",
               file("b.weight", 2).addFilled("a.weight", "U8", {1}, 1).build());
  expectOpenError(QMM_STATUS_MALFORMED, {"'a.weight'"});
}

TEST_F(CheckpointTest, BrokenIndexes) {
  for (auto [text, part] :
       {std::pair("{", "weight_map"),
        std::pair("[]", "'weight_map' is missing"),
        std::pair(R"({"weight_map": 3})", "'weight_map' is an integer"),
        std::pair(R"({"weight_map": {}})", "names no tensor"),
        std::pair(R"({"weight_map": {"a": 1}})", "'a' an integer"),
        std::pair(R"({"weight_map": {"a": "../m.safetensors"}})",
                  "'../m.safetensors'"),
        std::pair(R"({"weight_map": {"a": "m.bin"}})", "'m.bin'")}) {
    folder.write("model.safetensors.index.json", text);
    Status status = Checkpoint::open(folder.path).getStatus();
    EXPECT_EQ(status.getCode(), QMM_STATUS_MALFORMED);
    if (text != std::string("{"))
      expectError(status, QMM_STATUS_MALFORMED, {part});
  }
  expectError(Checkpoint::open(folder.path + "/none.safetensors.index.json")
                  .getStatus(),
              QMM_STATUS_NOT_FOUND, {"none.safetensors.index.json"});
}

TEST_F(CheckpointTest, ErrorsNameTheShard) {
  writeShards();
  folder.write("m-2.safetensors",
               file("b.weight", 2).addFilled("b.bias", "BF16", {3}, 6).build());
  folder.write("model.safetensors.index.json",
               R"({"weight_map": {"a.weight": "m-1.safetensors",
                   "b.weight": "m-2.safetensors",
                   "b.bias": "m-2.safetensors"}})");
  auto checkpoint = Checkpoint::open(folder.path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.getStatus().getMessage();
  expectError(readLinearLayers(*checkpoint).getStatus(), QMM_STATUS_MALFORMED,
              {"m-2.safetensors: tensor 'b.bias'"});
}

namespace {
class DerivedTensorTest : public ::testing::Test {
protected:
  DerivedTensorTest()
      : bytes(FileBuilder()
                  .add("s", "F32", {3}, f32({3.0f, 0.1f, 2688.0f}))
                  .add("b", "BF16", {2, 1}, std::string("\x80\x3f\x40\x40", 4))
                  .add("e", "U8", {2, 3, 2, 2}, "abcdefghijklmnopqrstuvwx")
                  .addFilled("x@f32", "U8", {2}, 2)
                  .build()),
        checkpoint(std::move(
            *SafetensorsFile::parse(bytes.data(), bytes.size(), "mem"))) {}
  float get(const std::string &key, int64_t index) {
    const SafetensorsTensor *tensor = checkpoint.find(key);
    EXPECT_NE(tensor, nullptr) << key;
    if (!tensor)
      return 0;
    EXPECT_EQ(tensor->dtype, QMM_DTYPE_F32);
    float value;
    std::memcpy(&value, tensor->data + index * 4, 4);
    return value;
  }
  std::string bytes;
  Checkpoint checkpoint;
};
} // namespace

TEST_F(DerivedTensorTest, Reciprocals) {
  const float values[] = {3.0f, 0.1f, 2688.0f};
  for (int i = 0; i < 3; ++i) {
    // The quotient in double rounds to the correctly rounded f32 (53 >= 2 * 24
    // + 2 bits).
    double exact = 1.0 / static_cast<double>(values[i]);
    EXPECT_EQ(get(getReciprocalKey("s"), i), static_cast<float>(exact));
  }
  EXPECT_EQ(checkpoint.find("s@reciprocal"), checkpoint.find("s@reciprocal"));
}

TEST_F(DerivedTensorTest, Widened) {
  EXPECT_EQ(get(getF32Key("b"), 0), 1.0f);
  EXPECT_EQ(get(getF32Key("b"), 1), 3.0f);
  EXPECT_EQ(checkpoint.find("b@f32")->shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(checkpoint.find("e@f32"), nullptr); // not wide
  // A file's own key comes first.
  EXPECT_EQ(checkpoint.find("x@f32")->dtype, QMM_DTYPE_U8);
}

TEST_F(DerivedTensorTest, Parts) {
  const SafetensorsTensor *part = checkpoint.find(getPartKey("e", 1));
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(part->shape, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(
      std::string(reinterpret_cast<const char *>(part->data), part->bytes),
      "mnopqrstuvwx");
  const SafetensorsTensor *row = checkpoint.find("b@[1]");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->shape, (std::vector<int64_t>{1}));
  EXPECT_EQ(row->bytes, 2u);
}

TEST_F(DerivedTensorTest, OtherKeysAreNotThere) {
  for (const char *key : {"e@[2]", "e@[-1]", "e@[]", "e@[1", "e@[1]x",
                          "e@[99999999999999999999]", "s@[0]", "none@f32",
                          "none@[0]", "s@half", "s@", "@f32", "e@reciprocal"})
    EXPECT_EQ(checkpoint.find(key), nullptr) << key;
}
