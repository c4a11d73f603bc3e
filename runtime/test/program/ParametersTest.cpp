//===- test/program/ParametersTest.cpp - Weights in their own files ------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where files are looked for, and what must still hold in them.
//
//===----------------------------------------------------------------------===//
#include "RunHelpers.h"
#include "checkpoint/SafetensorsWriter.h"
#include "program/Hash.h"

using namespace qmmrt;
using namespace qmmrt::program;

namespace {

/// A program that returns its one weight, which lies in w.safetensors.
class ReferenceTest : public ModuleTest {
protected:
  ReferenceTest() {
    std::filesystem::create_directory(folder.file("weights"));
    module.target = "cpu";
    module.files = {folder.file("weights/w.safetensors")};
    Parameter parameter;
    parameter.key = "model::layer.weight";
    parameter.dtype = QMM_DTYPE_F32;
    parameter.shape = {2, 3};
    parameter.file = 0;
    parameter.fileKey = "layer.weight";
    parameter.bytes = 24;
    parameter.digest = hashBytes(values.data(), 24);
    module.parameters.push_back(parameter);
    Entry entry;
    entry.name = "get";
    entry.outputs = {{"w", QMM_DTYPE_F32, {c(2), c(3)}}};
    Command copy;
    copy.kind = Command::Kind::Copy;
    copy.slots = {addSlot(entry, Slot::Kind::Parameter, 0, c(24)),
                  addSlot(entry, Slot::Kind::Output, 0, c(24))};
    copy.integers = {c(24)};
    entry.commands.push_back(copy);
    module.entries.push_back(entry);
    save({2, 3});
  }

  void save(std::vector<int64_t> shape, qmm_dtype dtype = QMM_DTYPE_F32,
            std::string name = "layer.weight", bool misalign = false) {
    SafetensorsWriter writer;
    uint8_t odd = 1;
    if (misalign) {
      ASSERT_TRUE(writer.add("a", QMM_DTYPE_U8, {1}, &odd, 1).ok());
    }
    size_t bytes = dtype == QMM_DTYPE_F32 ? 4 : 1;
    for (int64_t extent : shape)
      bytes *= size_t(extent);
    ASSERT_TRUE(writer.add(name, dtype, shape, values.data(), bytes).ok());
    Status status = writer.write(folder.file("weights/w.safetensors"));
    ASSERT_TRUE(status.ok()) << status.getMessage();
  }

  void expectValues() {
    qmm_entry *entry = qmm_module_entry_at(loaded, 0);
    qmm_tensor output;
    size_t bytes;
    ASSERT_EQ(qmm_entry_query(entry, nullptr, &output, &bytes), QMM_STATUS_OK);
    ASSERT_EQ(qmm_entry_prepare(entry, nullptr), QMM_STATUS_OK);
    std::vector<float> result(6);
    output.data = result.data();
    ASSERT_EQ(qmm_entry_invoke(entry, nullptr, &output, nullptr, 0, nullptr),
              QMM_STATUS_OK);
    EXPECT_TRUE(std::equal(result.begin(), result.end(), values.begin()));
  }

  std::vector<float> values = {1, 2, 3, 4, 5, 6, 7, 8};
  Module module;
};

} // namespace

TEST_F(ReferenceTest, FoundWhereCompiled) {
  ASSERT_EQ(load(module), QMM_STATUS_OK) << qmm_last_error();
  expectValues();
}

TEST_F(ReferenceTest, FoundInWeightsDirOrBesideTheArtefact) {
  module.files = {"/nowhere/w.safetensors"};
  EXPECT_EQ(load(module), QMM_STATUS_NOT_FOUND);
  EXPECT_TRUE(lastErrorHas("parameter 'model::layer.weight': the weights are "
                           "neither at /nowhere/w.safetensors nor at " +
                           folder.file("w.safetensors")));
  ASSERT_EQ(load(module, folder.file("weights").c_str()), QMM_STATUS_OK)
      << qmm_last_error();
  expectValues();
  std::filesystem::rename(folder.file("weights/w.safetensors"),
                          folder.file("w.safetensors"));
  ASSERT_EQ(load(module), QMM_STATUS_OK) << qmm_last_error();
  expectValues();
}

TEST_F(ReferenceTest, AFolderIsAFileAndKeysDerive) {
  for (const char *path : {"weights", "weights/"}) {
    module.files = {folder.file(path)};
    ASSERT_EQ(load(module), QMM_STATUS_OK) << qmm_last_error();
    expectValues();
  }
  // Found elsewhere by the folder's name.
  module.files = {"/nowhere/weights"};
  ASSERT_EQ(load(module), QMM_STATUS_OK) << qmm_last_error();
  expectValues();
  std::vector<float> stored = {1, 2, 4, 8, 16, 32, 64, 128};
  values.swap(stored);
  save({2, 3});
  for (float &value : values)
    value = 1 / value;
  Parameter &parameter = module.parameters[0];
  parameter.fileKey = "layer.weight@reciprocal";
  parameter.digest = hashBytes(values.data(), 24);
  ASSERT_EQ(load(module), QMM_STATUS_OK) << qmm_last_error();
  expectValues();
}

TEST_F(ReferenceTest, MisalignedTensorsAreCopied) {
  save({2, 3}, QMM_DTYPE_F32, "layer.weight", /*misalign=*/true);
  ASSERT_EQ(load(module), QMM_STATUS_OK) << qmm_last_error();
  expectValues();
}

TEST_F(ReferenceTest, ExtentsOfOneDontMatter) {
  save({1, 2, 1, 3});
  EXPECT_EQ(load(module), QMM_STATUS_OK) << qmm_last_error();
}

TEST_F(ReferenceTest, EveryMismatchIsNamed) {
  auto error = [&](const char *message) {
    EXPECT_NE(load(module), QMM_STATUS_OK);
    EXPECT_TRUE(lastErrorHas(message));
    EXPECT_TRUE(lastErrorHas("model::layer.weight"));
    EXPECT_TRUE(lastErrorHas("w.safetensors"));
  };
  save({3, 2});
  error("is F32 [3, 2], but the program was compiled for f32 [2, 3]");
  save({2, 3}, QMM_DTYPE_I8);
  error("is I8 [2, 3], but the program was compiled for f32 [2, 3]");
  save({2, 3}, QMM_DTYPE_F32, "other.weight");
  error("isn't in that file");
  values[0] = 9;
  save({2, 3});
  error("digest differs");
  writeFile(folder.file("weights/w.safetensors"), "garbage");
  error("w.safetensors");
}

TEST_F(ReferenceTest, NarrowFloatsMayBeRawBytes) {
  Parameter &parameter = module.parameters[0];
  parameter.dtype = QMM_DTYPE_E4M3;
  parameter.shape = {24};
  parameter.digest = 0;
  save({24}, QMM_DTYPE_U8);
  EXPECT_EQ(load(module), QMM_STATUS_OK) << qmm_last_error();
  save({24}, QMM_DTYPE_I8);
  EXPECT_EQ(load(module), QMM_STATUS_INVALID_ARGUMENT);
}
