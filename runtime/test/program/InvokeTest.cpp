//===- test/program/InvokeTest.cpp - Running commands --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chains of commands, kernels, init, threads, and that invoke allocates
// nothing.
//
//===----------------------------------------------------------------------===//
#include "../AllocationCounter.h"
#include "RunHelpers.h"

#include "program/Kernels.h"

#include <cmath>
#include <cstring>
#include <thread>

using namespace qmmrt;
using namespace qmmrt::program;

namespace {

/// out = dequantize(quantize(x)) in fp8 with a computed scale, through the
/// arena; rows are dynamic.
Module makeQuantizeChain() {
  Module module;
  module.target = "cpu";
  Entry entry;
  entry.name = "chain";
  entry.numDims = 1;
  entry.inputs = {{"x", QMM_DTYPE_F32, {d(0), c(32)}}};
  entry.outputs = {{"y", QMM_DTYPE_F32, {d(0), c(32)}}};
  Expr elements = mul(d(0), c(32));
  std::vector<Expr> shape = {d(0), c(32)};
  int32_t x = addSlot(entry, Slot::Kind::Input, 0, mul(elements, c(4)));
  int32_t y = addSlot(entry, Slot::Kind::Output, 0, mul(elements, c(4)));
  int32_t scale = addSlot(entry, Slot::Kind::Arena, 0, c(4));
  int32_t q = addSlot(entry, Slot::Kind::Arena, 0, elements, c(64));
  Command command;
  command.kind = Command::Kind::Quantize;
  command.tensors = {wide(QMM_DTYPE_F32, shape, x), fp8(shape, q, scale)};
  entry.commands.push_back(command);
  command.kind = Command::Kind::Dequantize;
  command.tensors = {fp8(shape, q, scale), wide(QMM_DTYPE_F32, shape, y)};
  entry.commands.push_back(command);
  entry.arenaBytes = add(elements, c(64));
  module.entries.push_back(entry);
  return module;
}

/// y = x + 5, then + 1 at every element once more, by kernels.
Module makeKernelChain() {
  Module module;
  module.target = "cpu";
  module.kernels = {{"count_visits"}, {"add_constant"}};
  module.objects = {{getSupportedIsas().back(), readFile(QMM_TEST_KERNELS)}};
  Entry entry;
  entry.name = "kernels";
  entry.numDims = 1;
  entry.inputs = {{"x", QMM_DTYPE_F32, {d(0)}}};
  entry.outputs = {{"y", QMM_DTYPE_F32, {d(0)}}};
  int32_t x = addSlot(entry, Slot::Kind::Input, 0, mul(d(0), c(4)));
  int32_t y = addSlot(entry, Slot::Kind::Output, 0, mul(d(0), c(4)));
  Command command;
  command.kind = Command::Kind::Kernel;
  command.kernel = 1;
  command.slots = {x, y};
  command.integers = {c(5)};
  command.extent = d(0);
  entry.commands.push_back(command);
  command.kernel = 0;
  command.slots = {y};
  command.integers = {};
  entry.commands.push_back(command);
  module.entries.push_back(entry);
  return module;
}

} // namespace

TEST_F(ModuleTest, QuantizeChain) {
  qmm_entry *entry = loadEntry(makeQuantizeChain());
  std::vector<float> x(3 * 32), y;
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = std::sin(float(i)) * 10;
  ASSERT_EQ(run(entry, tensorOf(QMM_DTYPE_F32, {3, 32}, x.data()), y),
            QMM_STATUS_OK)
      << qmm_last_error();
  float largest = 0;
  for (float value : x)
    largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < x.size(); ++i)
    // Half a unit in the last of E4M3's three mantissa bits, or half the
    // smallest subnormal.
    EXPECT_NEAR(y[i], x[i],
                std::max(std::fabs(x[i]) / 16, largest / 448 / 512 / 2) *
                    1.001f);
}

TEST_F(ModuleTest, KernelsRunOverTheWholeExtentOnce) {
  qmm_entry *entry = loadEntry(makeKernelChain());
  for (int64_t count : {0, 1, 7, 100000}) {
    std::vector<float> x(size_t(count), 2.0f), y;
    ASSERT_EQ(run(entry, tensorOf(QMM_DTYPE_F32, {count}, x.data()), y),
              QMM_STATUS_OK)
        << qmm_last_error();
    EXPECT_EQ(y, std::vector<float>(size_t(count), 8.0f));
  }
}

TEST_F(ModuleTest, KernelObjectErrors) {
  Module module = makeKernelChain();
  module.kernels[0].name = "no_such_kernel";
  EXPECT_EQ(load(module), QMM_STATUS_MALFORMED);
  EXPECT_TRUE(lastErrorHas("lacks kernel 'no_such_kernel'"));
  module = makeKernelChain();
  module.objects[0].bytes.resize(100);
  EXPECT_EQ(load(module), QMM_STATUS_MALFORMED);
  EXPECT_TRUE(lastErrorHas("cannot load the program's kernels"));
  module = makeKernelChain();
  module.objects[0].isa = "vax";
  EXPECT_EQ(load(module), QMM_STATUS_UNSUPPORTED);
  EXPECT_TRUE(lastErrorHas("kernels for vax, but this CPU runs"));
}

// Two modules, each with an object: the dynamic linker must not take one for
// the other.
TEST_F(ModuleTest, ObjectsOfTwoModulesAreDistinct) {
  Module module = makeKernelChain();
  std::string path = folder.file("a.qmm");
  ASSERT_TRUE(writeArtifact(module, path).ok());
  qmm_module *first = nullptr, *second = nullptr;
  ASSERT_EQ(qmm_module_load(context, path.c_str(), nullptr, &first),
            QMM_STATUS_OK);
  ASSERT_EQ(qmm_module_load(context, path.c_str(), nullptr, &second),
            QMM_STATUS_OK);
  qmm_module_destroy(first);
  std::vector<float> x = {1, 2, 3}, y;
  EXPECT_EQ(run(qmm_module_entry_at(second, 0),
                tensorOf(QMM_DTYPE_F32, {3}, x.data()), y),
            QMM_STATUS_OK);
  EXPECT_EQ(y, (std::vector<float>{7, 8, 9}));
  qmm_module_destroy(second);
}

TEST_F(ModuleTest, BestIsaComesFirst) {
  std::vector<std::string> isas = getSupportedIsas();
  ASSERT_FALSE(isas.empty());
  for (const std::string &isa : isas)
    EXPECT_TRUE(isIsaSupported(isa));
  EXPECT_FALSE(isIsaSupported("vax"));
  EXPECT_EQ(isas.back(), isIsaSupported("aarch64") ? "aarch64" : "x86-64");
}

// Init packs the weight once; the entry reads the packed buffer.
TEST_F(ModuleTest, InitPacks) {
  std::vector<float> weight = {1, 2, 3, 4, 5, 6, 7, 8};
  Module module;
  module.target = "cpu";
  embed(module, "m::w", QMM_DTYPE_F32, {2, 4}, weight.data(), 32);
  module.packed = {10, 16};
  int32_t w = addSlot(module.init, Slot::Kind::Parameter, 0, c(32));
  int32_t temporary = addSlot(module.init, Slot::Kind::Arena, 0, c(16));
  int32_t packed = addSlot(module.init, Slot::Kind::Packed, 1, c(16));
  Command command;
  command.kind = Command::Kind::Dequantize; // f32 to bf16
  command.tensors = {wide(QMM_DTYPE_F32, {c(2), c(4)}, w),
                     wide(QMM_DTYPE_BF16, {c(2), c(4)}, temporary)};
  module.init.commands.push_back(command);
  command = {};
  command.kind = Command::Kind::Copy;
  command.slots = {temporary, packed};
  command.integers = {c(16)};
  module.init.commands.push_back(command);
  module.init.arenaBytes = c(16);

  Entry entry;
  entry.name = "get";
  entry.outputs = {{"w", QMM_DTYPE_BF16, {c(2), c(4)}}};
  int32_t from = addSlot(entry, Slot::Kind::Packed, 1, c(16));
  int32_t to = addSlot(entry, Slot::Kind::Output, 0, c(16));
  command.slots = {from, to};
  entry.commands.push_back(command);
  module.entries.push_back(entry);

  qmm_entry *get = loadEntry(module);
  qmm_tensor output;
  size_t bytes;
  ASSERT_EQ(qmm_entry_query(get, nullptr, &output, &bytes), QMM_STATUS_OK);
  ASSERT_EQ(qmm_entry_prepare(get, nullptr), QMM_STATUS_OK);
  uint16_t result[8];
  output.data = result;
  ASSERT_EQ(qmm_entry_invoke(get, nullptr, &output, nullptr, 0, nullptr),
            QMM_STATUS_OK)
      << qmm_last_error();
  for (int i = 0; i < 8; ++i) {
    uint32_t bits = uint32_t(result[i]) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    EXPECT_EQ(value, weight[size_t(i)]);
  }
}

TEST_F(ModuleTest, ViewsShareABuffer) {
  // Two halves of the input, exchanged: slots with offsets are views.
  Module module;
  module.target = "cpu";
  Entry entry;
  entry.name = "swap";
  entry.numDims = 1;
  entry.inputs = {{"x", QMM_DTYPE_F32, {d(0)}}};
  entry.outputs = {{"y", QMM_DTYPE_F32, {d(0)}}};
  Expr half = mul(makeBinary(Expr::Op::FloorDiv, d(0), c(2)), c(4));
  int32_t x0 = addSlot(entry, Slot::Kind::Input, 0, half);
  int32_t x1 = addSlot(entry, Slot::Kind::Input, 0, half, half);
  int32_t y0 = addSlot(entry, Slot::Kind::Output, 0, half);
  int32_t y1 = addSlot(entry, Slot::Kind::Output, 0, half, half);
  Command copy;
  copy.kind = Command::Kind::Copy;
  copy.integers = {half};
  copy.slots = {x0, y1};
  entry.commands.push_back(copy);
  copy.slots = {x1, y0};
  entry.commands.push_back(copy);
  module.entries.push_back(entry);
  qmm_entry *swap = loadEntry(module);
  std::vector<float> x(1 << 20), y;
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = float(i);
  ASSERT_EQ(
      run(swap, tensorOf(QMM_DTYPE_F32, {int64_t(x.size())}, x.data()), y),
      QMM_STATUS_OK);
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(y[i], float((i + x.size() / 2) % x.size()));
}

TEST_F(ModuleTest, InvokeAllocatesNothing) {
  std::vector<float> weight(64 * 32, 0.5f), bias(64, 1.0f);
  Module linear = makeLinear(64, 32, weight, bias);
  for (const Module &module :
       {linear, makeQuantizeChain(), makeKernelChain()}) {
    qmm_entry *entry = loadEntry(module);
    qmm_value_info info = {};
    info.struct_size = sizeof(info);
    ASSERT_EQ(qmm_entry_input_info(entry, 0, &info), QMM_STATUS_OK);
    for (int64_t m : {1, 300}) {
      std::vector<int64_t> shape = {m};
      if (info.rank == 2)
        shape.push_back(info.shape[1]);
      std::vector<float> x(size_t(m) * 32, 1.0f), y(size_t(m) * 64);
      qmm_tensor input = tensorOf(QMM_DTYPE_F32, shape, x.data()), output;
      size_t bytes;
      ASSERT_EQ(qmm_entry_query(entry, &input, &output, &bytes), QMM_STATUS_OK);
      ASSERT_EQ(qmm_entry_prepare(entry, &input), QMM_STATUS_OK);
      output.data = y.data();
      Arena arena(bytes);
      // Once before: a thread's first use of a library may allocate.
      ASSERT_EQ(qmm_entry_invoke(entry, &input, &output, arena.memory, bytes,
                                 nullptr),
                QMM_STATUS_OK);
      AllocationCounter counter;
      qmm_status status = qmm_entry_invoke(entry, &input, &output, arena.memory,
                                           bytes, nullptr);
      size_t allocations = counter.stop();
      EXPECT_EQ(status, QMM_STATUS_OK);
      EXPECT_EQ(allocations, 0u) << module.entries[0].name << ", m = " << m;
    }
  }
}

TEST_F(ModuleTest, AllocationCounterCounts) {
  // A compiler may leave out an allocation whose address goes nowhere.
  AllocationCounter counter;
  void *volatile memory = std::malloc(100);
  void *volatile object = ::operator new(100);
  std::free(memory);
  ::operator delete(object);
  EXPECT_GE(counter.stop(), 2u);
}

// One entry, several threads, each with its arena and shapes of its own.
TEST_F(ModuleTest, InvokeIsReentrant) {
  qmm_entry *entry = loadEntry(makeQuantizeChain());
  auto work = [&](int seed) {
    for (int64_t m = 1; m <= 40; ++m) {
      std::vector<float> x(size_t(m) * 32), y;
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = float((i * 7 + size_t(seed)) % 15) - 7;
      x[0] = 448; // the scale becomes 1
      if (run(entry, tensorOf(QMM_DTYPE_F32, {m, 32}, x.data()), y) !=
              QMM_STATUS_OK ||
          y != x)
        return false;
    }
    return true;
  };
  bool good[4] = {};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] { good[i] = work(i); });
  for (std::thread &thread : threads)
    thread.join();
  for (bool result : good)
    EXPECT_TRUE(result);
}
