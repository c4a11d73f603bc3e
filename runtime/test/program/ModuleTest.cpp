//===- test/program/ModuleTest.cpp - Query, prepare, invoke --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The three steps, and every mistake a caller can make in them.
//
//===----------------------------------------------------------------------===//
#include "RunHelpers.h"
#include "program/LoadedModule.h"

#include <cmath>

using namespace qmmrt;
using namespace qmmrt::program;

namespace {

class LinearTest : public ModuleTest {
protected:
  LinearTest() {
    for (size_t i = 0; i < weight.size(); ++i)
      weight[i] = float(int(i % 7) - 3);
    entry = loadEntry(makeLinear(3, 5, weight, bias));
  }

  std::vector<float> makeInput(int64_t m) const {
    std::vector<float> x(size_t(m * 5));
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = float(int(i % 5) - 2);
    return x;
  }

  void expectLinear(const std::vector<float> &x, const std::vector<float> &y) {
    ASSERT_EQ(y.size(), x.size() / 5 * 3);
    for (size_t m = 0; m < x.size() / 5; ++m)
      for (size_t n = 0; n < 3; ++n) {
        float sum = bias[n];
        for (size_t k = 0; k < 5; ++k)
          sum += x[m * 5 + k] * weight[n * 5 + k];
        EXPECT_EQ(y[m * 3 + n], std::max(sum, 0.0f)); // small integers: exact
      }
  }

  std::vector<float> weight = std::vector<float>(15);
  std::vector<float> bias = {1, -2, 3};
  qmm_entry *entry = nullptr;
};

} // namespace

TEST_F(LinearTest, DescribesItself) {
  EXPECT_STREQ(qmm_module_report(loaded), "{\"linear\": true}");
  EXPECT_EQ(qmm_module_entry_count(loaded), 1u);
  EXPECT_EQ(qmm_module_entry_at(loaded, 1), nullptr);
  EXPECT_STREQ(qmm_entry_name(entry), "main");
  EXPECT_EQ(qmm_entry_input_count(entry), 1u);
  EXPECT_EQ(qmm_entry_output_count(entry), 1u);
  qmm_value_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(qmm_entry_input_info(entry, 0, &info), QMM_STATUS_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(info.dtype, uint32_t(QMM_DTYPE_F32));
  EXPECT_EQ(info.rank, 2u);
  EXPECT_EQ(info.shape[0], -1);
  EXPECT_EQ(info.shape[1], 5);
  ASSERT_EQ(qmm_entry_output_info(entry, 0, &info), QMM_STATUS_OK);
  EXPECT_STREQ(info.name, "y");
  EXPECT_EQ(qmm_entry_output_info(entry, 1, &info),
            QMM_STATUS_INVALID_ARGUMENT);
  qmm_entry *found = nullptr;
  EXPECT_EQ(qmm_module_find_entry(loaded, "main", &found), QMM_STATUS_OK);
  EXPECT_EQ(found, entry);
  EXPECT_EQ(qmm_module_find_entry(loaded, "other", &found),
            QMM_STATUS_NOT_FOUND);
  EXPECT_TRUE(lastErrorHas("no entry 'other'; the program has 'main'"));
}

TEST_F(LinearTest, RunsForEveryM) {
  for (int64_t m : {1, 2, 3, 17, 64, 0}) {
    std::vector<float> x = makeInput(m), y;
    ASSERT_EQ(run(entry, tensorOf(QMM_DTYPE_F32, {m, 5}, x.data()), y),
              QMM_STATUS_OK)
        << qmm_last_error();
    expectLinear(x, y);
  }
}

TEST_F(LinearTest, UnpreparedIsAStatus) {
  std::vector<float> x = makeInput(2), y(6);
  qmm_tensor input = tensorOf(QMM_DTYPE_F32, {2, 5}, x.data()), output;
  size_t bytes;
  ASSERT_EQ(qmm_entry_query(entry, &input, &output, &bytes), QMM_STATUS_OK);
  output.data = y.data();
  Arena arena(bytes);
  EXPECT_EQ(
      qmm_entry_invoke(entry, &input, &output, arena.memory, bytes, nullptr),
      QMM_STATUS_UNPREPARED);
  EXPECT_TRUE(lastErrorHas("input shapes [2, 5]"));
  ASSERT_EQ(qmm_entry_prepare(entry, &input), QMM_STATUS_OK);
  EXPECT_EQ(
      qmm_entry_invoke(entry, &input, &output, arena.memory, bytes, nullptr),
      QMM_STATUS_OK);
  expectLinear(x, y);
}

TEST_F(LinearTest, OldPlansMakeRoom) {
  std::vector<float> x = makeInput(200);
  for (int64_t m = 1; m <= int64_t(kMaxPlans) + 10; ++m) {
    qmm_tensor input = tensorOf(QMM_DTYPE_F32, {m, 5}, x.data());
    ASSERT_EQ(qmm_entry_prepare(entry, &input), QMM_STATUS_OK);
  }
  std::vector<float> y(600);
  auto invoke = [&](int64_t m) {
    qmm_tensor input = tensorOf(QMM_DTYPE_F32, {m, 5}, x.data());
    qmm_tensor output = tensorOf(QMM_DTYPE_F32, {m, 3}, y.data());
    Arena arena(1 << 20);
    return qmm_entry_invoke(entry, &input, &output, arena.memory, arena.bytes,
                            nullptr);
  };
  EXPECT_EQ(invoke(1), QMM_STATUS_UNPREPARED);
  EXPECT_EQ(invoke(int64_t(kMaxPlans) + 10), QMM_STATUS_OK);
}

TEST_F(LinearTest, WrongInputsAreNamed) {
  std::vector<float> x = makeInput(4), y;
  auto error = [&](qmm_tensor input, const char *message) {
    qmm_tensor output;
    size_t bytes;
    EXPECT_EQ(qmm_entry_query(entry, &input, &output, &bytes),
              QMM_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(qmm_entry_prepare(entry, &input), QMM_STATUS_INVALID_ARGUMENT);
    EXPECT_TRUE(lastErrorHas(message));
  };
  error(tensorOf(QMM_DTYPE_BF16, {4, 5}, x.data()),
        "entry 'main': argument 0 'x' is bf16, expected f32");
  error(tensorOf(QMM_DTYPE_F32, {20}, x.data()),
        "entry 'main': argument 0 'x' has rank 1, expected 2");
  error(tensorOf(QMM_DTYPE_F32, {5, 4}, x.data()),
        "argument 0 'x' is [5, 4]: dimension 1 is 4, expected 5");
  error(tensorOf(QMM_DTYPE_F32, {-1, 5}, x.data()), "negative extent");
  error(tensorOf(QMM_DTYPE_F32, {int64_t(1) << 61, 5}, x.data()), "overflow");
  qmm_tensor damaged = tensorOf(QMM_DTYPE_F32, {4, 5}, x.data());
  damaged.struct_size = 8;
  error(damaged, "struct_size is 8");
  damaged = tensorOf(QMM_DTYPE_F32, {4, 5}, x.data());
  damaged.scheme.element = 77;
  error(damaged, "is unknown, expected f32");
  damaged = tensorOf(QMM_DTYPE_F32, {4, 5}, x.data());
  damaged.rank = 1000000;
  error(damaged, "rank 1000000");
  EXPECT_EQ(qmm_entry_prepare(entry, nullptr), QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_TRUE(lastErrorHas("inputs is NULL"));
}

TEST_F(LinearTest, WrongMemoryIsNamed) {
  std::vector<float> x = makeInput(4), y(12);
  qmm_tensor input = tensorOf(QMM_DTYPE_F32, {4, 5}, x.data()), output;
  size_t bytes;
  ASSERT_EQ(qmm_entry_query(entry, &input, &output, &bytes), QMM_STATUS_OK);
  ASSERT_EQ(qmm_entry_prepare(entry, &input), QMM_STATUS_OK);
  output.data = y.data();
  Arena arena(bytes);
  auto error = [&](qmm_tensor in, qmm_tensor out, void *memory, size_t size,
                   const char *message) {
    EXPECT_EQ(qmm_entry_invoke(entry, &in, &out, memory, size, nullptr),
              QMM_STATUS_INVALID_ARGUMENT);
    EXPECT_TRUE(lastErrorHas(message));
  };
  ASSERT_GT(bytes, 0u);
  error(input, output, arena.memory, bytes - 1, "the arena has");
  error(input, output, nullptr, bytes, "the arena is NULL");
  error(input, output, static_cast<char *>(arena.memory) + 8, bytes,
        "64-byte aligned");
  qmm_tensor bad = output;
  bad.data = nullptr;
  error(input, bad, arena.memory, bytes, "output 0 'y' has no data");
  bad.data = reinterpret_cast<char *>(y.data()) + 1;
  error(input, bad, arena.memory, bytes, "aligned to its elements");
  bad.data = x.data() + 19;
  error(input, bad, arena.memory, bytes,
        "output 0 'y' overlaps argument 0 'x'");
  bad.data = arena.memory;
  error(input, bad, arena.memory, bytes, "output 0 'y' overlaps the arena");
  bad = output;
  bad.shape[0] = 5;
  error(input, bad, arena.memory, bytes,
        "output 0 'y' is [5, 3], expected [4, 3]");
  bad = output;
  bad.scheme.element = QMM_DTYPE_F16;
  error(input, bad, arena.memory, bytes, "output 0 'y' is f16, expected f32");
  qmm_tensor lost = input;
  lost.data = nullptr;
  error(lost, output, arena.memory, bytes, "argument 0 'x' has no data");
  EXPECT_EQ(
      qmm_entry_invoke(entry, &input, &output, arena.memory, bytes, &bytes),
      QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(y, std::vector<float>(12)); // nothing was written
}

TEST_F(LinearTest, NullHandlesAreErrors) {
  size_t bytes;
  qmm_entry *found;
  EXPECT_EQ(qmm_module_load(nullptr, "x", nullptr, &loaded),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_module_find_entry(nullptr, "x", &found),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_entry_query(nullptr, nullptr, nullptr, &bytes),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_entry_invoke(nullptr, nullptr, nullptr, nullptr, 0, nullptr),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_entry_input_info(entry, 0, nullptr),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_module_entry_count(nullptr), 0u);
  EXPECT_STREQ(qmm_entry_name(nullptr), "");
  qmm_module_destroy(nullptr);
}

TEST_F(ModuleTest, LoadErrorsNameThePath) {
  qmm_module *module = nullptr;
  EXPECT_EQ(
      qmm_module_load(context, folder.file("no.qmm").c_str(), nullptr, &module),
      QMM_STATUS_NOT_FOUND);
  EXPECT_TRUE(lastErrorHas("no.qmm"));
  writeFile(folder.file("text.qmm"), "not an artefact");
  EXPECT_EQ(qmm_module_load(context, folder.file("text.qmm").c_str(), nullptr,
                            &module),
            QMM_STATUS_MALFORMED);
  EXPECT_TRUE(lastErrorHas("text.qmm: is not a QMM artefact"));
  EXPECT_EQ(module, nullptr);
}

// Two inputs share a dimension, and a check ties it to a multiple of 4.
TEST_F(ModuleTest, DimensionsAgreeAndChecksHold) {
  Module module;
  module.target = "cpu";
  Entry entry;
  entry.name = "f";
  entry.numDims = 1;
  entry.inputs = {{"a", QMM_DTYPE_F32, {d(0)}}, {"b", QMM_DTYPE_F32, {d(0)}}};
  entry.outputs = {{"c", QMM_DTYPE_F32, {d(0)}}};
  entry.checks = {{makeBinary(Expr::Op::Mod, d(0), c(4)), c(0),
                   "a's length must be a "
                   "multiple of 4"}};
  int32_t b = addSlot(entry, Slot::Kind::Input, 1, mul(d(0), c(4)));
  int32_t out = addSlot(entry, Slot::Kind::Output, 0, mul(d(0), c(4)));
  Command copy;
  copy.kind = Command::Kind::Copy;
  copy.slots = {b, out};
  copy.integers = {mul(d(0), c(4))};
  entry.commands.push_back(copy);
  module.entries.push_back(entry);
  qmm_entry *loadedEntry = loadEntry(module);
  std::vector<float> a(8), values(8, 2.0f), result(8);
  qmm_tensor inputs[2] = {tensorOf(QMM_DTYPE_F32, {8}, a.data()),
                          tensorOf(QMM_DTYPE_F32, {7}, values.data())};
  qmm_tensor output;
  size_t bytes;
  EXPECT_EQ(qmm_entry_query(loadedEntry, inputs, &output, &bytes),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_TRUE(
      lastErrorHas("argument 1 'b' is [7]: dimension 0 is 7, expected 8"));
  inputs[0].shape[0] = 7;
  EXPECT_EQ(qmm_entry_query(loadedEntry, inputs, &output, &bytes),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_TRUE(lastErrorHas("entry 'f': a's length must be a multiple of 4 "
                           "(mod(d0, 4) is 3, 0 is 0)"));
  inputs[0].shape[0] = inputs[1].shape[0] = 8;
  ASSERT_EQ(qmm_entry_query(loadedEntry, inputs, &output, &bytes),
            QMM_STATUS_OK);
  ASSERT_EQ(qmm_entry_prepare(loadedEntry, inputs), QMM_STATUS_OK);
  EXPECT_EQ(bytes, 0u);
  output.data = result.data();
  ASSERT_EQ(qmm_entry_invoke(loadedEntry, inputs, &output, nullptr, 0, nullptr),
            QMM_STATUS_OK)
      << qmm_last_error();
  EXPECT_EQ(result, values);
}

// A program whose ranges leave their buffers is caught before it runs.
TEST_F(ModuleTest, RangesOutsideTheirBuffersAreRefused) {
  std::vector<float> weight(15), bias(3);
  struct Case {
    int slot;
    Expr bytes;
    Expr offset;
    const char *message;
  } cases[] = {
      {0, mul(d(0), c(24)), c(0), "covers bytes 0 to 96 of a buffer of 80"},
      {1, mul(d(0), c(12)), c(4), "covers bytes 4 to 52 of a buffer of 48"},
      {2, c(60), c(4), "of a buffer of 60"},
      {2, c(56), c(4), "data needs 60 bytes, slot 2 has 56"},
      {2, c(60), c(-4), "slot 2's offset is -4"},
      {3, c(8), c(2), "needs 12 bytes"},
      {0, mul(d(0), c(INT64_MAX)), c(0), "overflow"},
  };
  for (const Case &test : cases) {
    Module module = makeLinear(3, 5, weight, bias);
    module.entries[0].slots[size_t(test.slot)].bytes = test.bytes;
    module.entries[0].slots[size_t(test.slot)].offset = test.offset;
    qmm_entry *entry = loadEntry(module);
    std::vector<float> x(20);
    qmm_tensor input = tensorOf(QMM_DTYPE_F32, {4, 5}, x.data());
    EXPECT_NE(qmm_entry_prepare(entry, &input), QMM_STATUS_OK);
    EXPECT_TRUE(lastErrorHas(test.message));
  }
}
