//===- test/program/ArtifactTest.cpp - Writing and reading .qmm files ----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is written comes back; whatever is damaged is refused, with a reason.
//
//===----------------------------------------------------------------------===//
#include "program/Artifact.h"
#include "ProgramBuilder.h"
#include "program/ArtifactFormat.h"
#include "program/Codec.h"
#include "program/Hash.h"
#include "program/Verify.h"

#include <algorithm>
#include <cstring>
#include <functional>

using namespace qmmrt;
using namespace qmmrt::program;

namespace {

/// A module with every kind of command, slot and parameter.
class ArtifactTest : public testing::Test {
protected:
  ArtifactTest() {
    for (size_t i = 0; i < weight.size(); ++i)
      weight[i] = float(i);
    module = makeLinear(3, 5, weight, bias);
    module.files = {"/models/a.safetensors"};
    Parameter referenced;
    referenced.key = "model::v";
    referenced.dtype = QMM_DTYPE_E4M3;
    referenced.shape = {4, 8};
    referenced.file = 0;
    referenced.fileKey = "v.weight";
    referenced.digest = 0x123456789ABCDEF0;
    referenced.bytes = 32;
    module.parameters.push_back(referenced);
    module.packed = {64};
    module.kernels = {{"scale_rows"}};
    module.objects = {{"x86-64", "not really an object"},
                      {"aarch64", std::string(100, 'x')}};
    addInit();
    addEveryCommand();
  }

  void addInit() {
    int32_t from = addSlot(module.init, Slot::Kind::Parameter, 2, c(32));
    int32_t to = addSlot(module.init, Slot::Kind::Packed, 0, c(32), c(32));
    Command copy;
    copy.kind = Command::Kind::Copy;
    copy.slots = {from, to};
    copy.integers = {c(32)};
    module.init.commands.push_back(copy);
  }

  void addEveryCommand() {
    Entry entry;
    entry.name = "every";
    entry.numDims = 1;
    entry.inputs = {{"x", QMM_DTYPE_F32, {d(0), c(8)}}};
    entry.outputs = {{"", QMM_DTYPE_F32, {d(0), c(8)}}};
    entry.checks = {{makeBinary(Expr::Op::Mod, d(0), c(2)), c(0),
                     "x's rows "
                     "are even"}};
    Expr elements = mul(d(0), c(8));
    int32_t x = addSlot(entry, Slot::Kind::Input, 0, mul(elements, c(4)));
    int32_t y = addSlot(entry, Slot::Kind::Output, 0, mul(elements, c(4)));
    int32_t q = addSlot(entry, Slot::Kind::Arena, 0, elements, c(64));
    int32_t s = addSlot(entry, Slot::Kind::Arena, 0, c(4));
    std::vector<Expr> shape = {d(0), c(8)};
    Command command;
    command.kind = Command::Kind::Amax;
    command.tensors = {wide(QMM_DTYPE_F32, shape, x)};
    command.amax = s;
    entry.commands.push_back(command);
    command = {};
    command.kind = Command::Kind::Quantize;
    command.tensors = {wide(QMM_DTYPE_F32, shape, x), fp8(shape, q, s)};
    command.dividePrecision = QMM_DTYPE_BF16;
    command.scalePrecisionInput = true;
    entry.commands.push_back(command);
    command = {};
    command.kind = Command::Kind::Dequantize;
    command.tensors = {fp8(shape, q, s), wide(QMM_DTYPE_F32, shape, y)};
    command.location = "here";
    entry.commands.push_back(command);
    command = {};
    command.kind = Command::Kind::Relayout;
    command.tensors = {wide(QMM_DTYPE_F32, shape, x),
                       wide(QMM_DTYPE_F32, shape, y)};
    entry.commands.push_back(command);
    command = {};
    command.kind = Command::Kind::Kernel;
    command.slots = {x, y};
    command.integers = {d(0), c(-7)};
    command.extent = elements;
    entry.commands.push_back(command);
    entry.arenaBytes = add(elements, c(64));
    module.entries.push_back(entry);
  }

  std::string write() {
    std::string path = folder.file("a.qmm");
    Status status = writeArtifact(module, path);
    EXPECT_TRUE(status.ok()) << status.getMessage();
    return path;
  }

  TemporaryFolder folder;
  std::vector<float> weight = std::vector<float>(15);
  std::vector<float> bias = {1, 2, 3};
  Module module;
};

/// `bytes` with a checksum that fits them.
std::string withChecksum(std::string bytes) {
  Hasher hasher;
  hasher.update(bytes.data(), kChecksumOffset);
  hasher.update(bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes);
  Encoder checksum;
  checksum.u64(hasher.finish());
  bytes.replace(kChecksumOffset, 8, checksum.get());
  return bytes;
}

std::string readError(const std::string &bytes) {
  // An exact allocation, so that a sanitizer sees a read past the end.
  auto copy = std::make_unique<char[]>(bytes.size());
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  Result<Module> module = parseArtifact(copy.get(), bytes.size(), "f.qmm");
  return module.ok() ? "" : module.getStatus().getMessage();
}

} // namespace

TEST(Hash, IsXxh3) {
  // Of the empty input and of "abc", as xxHash's own tool prints them.
  EXPECT_EQ(hashBytes("", 0), 0x2D06800538D394C2u);
  EXPECT_EQ(hashBytes("abc", 3), 0x78AF5F94892F3950u);
  std::string text(10000, 'q');
  Hasher hasher;
  hasher.update(text.data(), 1);
  hasher.update(text.data() + 1, 4999);
  hasher.update(text.data() + 5000, 5000);
  EXPECT_EQ(hasher.finish(), hashBytes(text.data(), text.size()));
}

TEST_F(ArtifactTest, RoundTrip) {
  module.entries[0].commands[0].aPrecision = QMM_DTYPE_F16;
  module.entries[0].commands[0].bPrecision = QMM_DTYPE_BF16;
  std::string path = write();
  Result<LoadedArtifact> loaded = readArtifact(path);
  ASSERT_TRUE(loaded.ok()) << loaded.getStatus().getMessage();
  const Module &read = loaded->module;
  EXPECT_EQ(read.target, "cpu");
  EXPECT_EQ(read.report, module.report);
  EXPECT_EQ(read.files, module.files);
  EXPECT_EQ(read.packed, module.packed);
  ASSERT_EQ(read.kernels.size(), 1u);
  EXPECT_EQ(read.kernels[0].name, "scale_rows");
  ASSERT_EQ(read.objects.size(), 2u);
  EXPECT_EQ(read.objects[1].isa, "aarch64");
  EXPECT_EQ(read.objects[1].bytes, module.objects[1].bytes);
  ASSERT_EQ(read.parameters.size(), 3u);
  EXPECT_EQ(std::memcmp(read.parameters[0].data, weight.data(), 60), 0);
  EXPECT_EQ(std::memcmp(read.parameters[1].data, bias.data(), 12), 0);
  EXPECT_EQ(read.parameters[2].digest, module.parameters[2].digest);
  EXPECT_EQ(read.parameters[2].fileKey, "v.weight");
  for (const Parameter &parameter : read.parameters)
    EXPECT_EQ(reinterpret_cast<uintptr_t>(parameter.data) % 64, 0u);
  ASSERT_EQ(read.entries.size(), 2u);
  const Entry &every = read.entries[1];
  EXPECT_EQ(every.checks[0].message, "x's rows are even");
  EXPECT_EQ(every.commands[1].dividePrecision, QMM_DTYPE_BF16);
  EXPECT_TRUE(every.commands[1].scalePrecisionInput);
  EXPECT_EQ(every.commands[2].location, "here");
  EXPECT_EQ(print(every.commands[4].extent), "d0 * 8");
  EXPECT_EQ(read.entries[0].commands[0].activation, QMM_ACTIVATION_RELU);
  EXPECT_EQ(read.entries[0].commands[0].aPrecision, QMM_DTYPE_F16);
  EXPECT_EQ(read.entries[0].commands[0].bPrecision, QMM_DTYPE_BF16);

  // Nothing is lost: written again, the file is the same.
  std::string again = folder.file("b.qmm");
  ASSERT_TRUE(writeArtifact(read, again).ok());
  EXPECT_EQ(readFile(path), readFile(again));
  EXPECT_EQ(folder.countFiles(), 2u);
}

TEST_F(ArtifactTest, EveryTruncationIsRefused) {
  std::string bytes = readFile(write());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(readError(bytes.substr(0, size)), "") << size;
  EXPECT_NE(readError(bytes + '\0').find("header says"), std::string::npos);
}

TEST_F(ArtifactTest, EveryFlippedByteIsRefused) {
  std::string bytes = readFile(write());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = char(damaged[i] ^ 0x41);
    EXPECT_NE(readError(damaged), "") << i;
  }
}

// Behind a valid checksum nothing protects the reader but its own checks: it
// must accept or refuse, and never misbehave.
TEST_F(ArtifactTest, FlippedBytesBehindAValidChecksumAreHandled) {
  std::string bytes = readFile(write());
  size_t refused = 0, tried = 0;
  for (size_t i = kHeaderBytes; i < bytes.size(); ++i)
    for (uint8_t mask : {0x01, 0x80, 0xFF}) {
      std::string damaged = bytes;
      damaged[i] = char(damaged[i] ^ mask);
      refused += readError(withChecksum(damaged)) != "";
      ++tried;
    }
  EXPECT_GT(refused, tried / 4);
}

TEST_F(ArtifactTest, SaysWhatIsWrong) {
  std::string bytes = readFile(write());
  EXPECT_EQ(readError("hello, world, this is text"),
            "f.qmm: is not a QMM artefact");
  std::string newer = bytes;
  newer[8] = 7;
  EXPECT_EQ(readError(newer), "f.qmm: has format version 7, this runtime "
                              "reads version 2: it needs a newer runtime");
  EXPECT_NE(readError(bytes.substr(0, bytes.size() - 1)).find("truncated"),
            std::string::npos);
  std::string damaged = bytes;
  damaged.back() = char(damaged.back() + 1);
  EXPECT_EQ(readError(damaged), "f.qmm: is damaged: its checksum doesn't match "
                                "its bytes");
  Result<LoadedArtifact> missing = readArtifact(folder.file("none.qmm"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.getStatus().getCode(), QMM_STATUS_NOT_FOUND);
  EXPECT_NE(missing.getStatus().getMessage().find("none.qmm"),
            std::string::npos);
}

TEST_F(ArtifactTest, UnwritablePathLeavesNothing) {
  Status status = writeArtifact(module, folder.file("no/such/folder.qmm"));
  EXPECT_EQ(status.getCode(), QMM_STATUS_IO);
  EXPECT_NE(status.getMessage().find("no/such/folder.qmm"), std::string::npos);
  status = writeArtifact(module, folder.path);
  EXPECT_EQ(status.getCode(), QMM_STATUS_IO);
  EXPECT_EQ(folder.countFiles(), 0u);
}

TEST_F(ArtifactTest, MalformedModuleIsNotWritten) {
  struct Case {
    std::function<void(Module &)> damage;
    const char *message;
  } cases[] = {
      {[](Module &m) { m.target = "tpu"; }, "target is 'tpu'"},
      {[](Module &m) { m.entries[1].name = "main"; }, "occurs twice"},
      {[](Module &m) { m.parameters[1].key = "model::w"; }, "occurs twice"},
      {[](Module &m) { m.parameters[0].bytes = 59; }, "need 60"},
      {[](Module &m) { m.parameters[0].shape = {-1, 4}; }, "negative"},
      {[](Module &m) { m.parameters[2].file = 1; }, "file 1"},
      {[](Module &m) { m.objects.clear(); }, "no object holds them"},
      {[](Module &m) { m.report.push_back('\0'); }, "NUL"},
      {[](Module &m) { m.init.numDims = 1; }, "init: takes"},
      {[](Module &m) { m.entries[0].numDims = 2; },
       "no input defines dimension d1"},
      {[](Module &m) { m.entries[0].inputs[0].shape[0] = d(3); },
       "dimension 3 of 1"},
      {[](Module &m) { m.entries[0].slots[0].index = 9; },
       "slot 0: index 9 is out of range"},
      {[](Module &m) { m.entries[0].slots[0].bytes = {}; },
       "expression is empty"},
      {[](Module &m) { m.entries[0].commands[0].tensors.pop_back(); },
       "command 0 (linear.mlir:3:8): has 3 tensors, expected 4"},
      {[](Module &m) { m.entries[0].commands[0].tensors[2].data = 0; },
       "writes input 0"},
      {[](Module &m) { m.entries[0].commands[0].tensors[2].data = 2; },
       "writes parameter 'model::w'"},
      {[](Module &m) { m.entries[0].commands[0].tensors[0].data = 17; },
       "data is slot 17"},
      {[](Module &m) { m.entries[0].commands[0].tensors[0].scale = 0; },
       "scheme f32 has none"},
      {[](Module &m) {
         m.entries[0].commands[0].tensors[0].scheme.element = 30;
       },
       "tensor 0"},
      {[](Module &m) { m.entries[0].commands.clear(); },
       "no command writes output 0 'y'"},
      {[](Module &m) { m.entries[1].commands[4].kernel = 1; }, "kernel 1"},
      {[](Module &m) { m.entries[1].commands[4].extent = {}; },
       "kernel extent"},
      {[](Module &m) {
         m.entries[1].slots[2] = {Slot::Kind::Packed, 0, c(0), c(8)};
       },
       "only init may write"},
  };
  for (const Case &test : cases) {
    Module damaged = module;
    test.damage(damaged);
    Status status = writeArtifact(damaged, folder.file("bad.qmm"));
    EXPECT_FALSE(status.ok()) << test.message;
    EXPECT_NE(status.getMessage().find(test.message), std::string::npos)
        << status.getMessage() << "\nexpected: " << test.message;
  }
  EXPECT_EQ(folder.countFiles(), 0u);
}
