//===- quant-run/test/QuantRunTest.cpp - The tool from outside ------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the binary as a user does: exit status, what it prints, what it writes.
//
//===----------------------------------------------------------------------===//
#include "ProgramBuilder.h"
#include "checkpoint/Safetensors.h"
#include "checkpoint/SafetensorsWriter.h"
#include "program/Artifact.h"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace qmmrt;
using namespace qmmrt::program;

namespace {

struct Outcome {
  int code;
  std::string text; // standard output and error
};

Outcome execute(const std::string &command) {
  FILE *pipe = ::popen((command + " 2>&1").c_str(), "r");
  Outcome outcome{-1, ""};
  char buffer[4096];
  while (size_t count = std::fread(buffer, 1, sizeof(buffer), pipe))
    outcome.text.append(buffer, count);
  int state = ::pclose(pipe);
  if (WIFEXITED(state))
    outcome.code = WEXITSTATUS(state);
  return outcome;
}

Outcome quantRun(const std::string &arguments) {
  return execute(std::string(QUANT_RUN) + " " + arguments);
}

/// An entry that returns its inputs, for what happens on the way in and out.
Entry makeIdentity(std::string name, std::vector<Value> inputs,
                   const std::vector<int64_t> &bytes) {
  Entry entry;
  entry.name = std::move(name);
  entry.inputs = inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Value output = inputs[i];
    output.name = "";
    entry.outputs.push_back(output);
    Command copy;
    copy.kind = Command::Kind::Copy;
    copy.slots = {addSlot(entry, Slot::Kind::Input, uint32_t(i), c(bytes[i])),
                  addSlot(entry, Slot::Kind::Output, uint32_t(i), c(bytes[i]))};
    copy.integers = {c(bytes[i])};
    entry.commands.push_back(copy);
  }
  return entry;
}

class QuantRunTest : public testing::Test {
protected:
  QuantRunTest() {
    for (size_t i = 0; i < weight.size(); ++i)
      weight[i] = float(int(i % 7) - 3);
    write(makeLinear(3, 5, weight, bias), "linear.qmm");
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = float(int(i % 5) - 2);
    for (size_t m = 0; m < 2; ++m)
      for (size_t n = 0; n < 3; ++n) {
        float sum = bias[n];
        for (size_t k = 0; k < 5; ++k)
          sum += x[m * 5 + k] * weight[n * 5 + k];
        y.push_back(std::max(sum, 0.0f));
      }
    save("x.safetensors", {{"x", QMM_DTYPE_F32, {2, 5}, x.data(), 40}});
  }

  struct Tensor {
    std::string name;
    qmm_dtype dtype;
    std::vector<int64_t> shape;
    const void *data;
    uint64_t bytes;
  };
  void save(const std::string &name, const std::vector<Tensor> &tensors) {
    SafetensorsWriter writer;
    for (const Tensor &t : tensors) {
      Status status = writer.add(t.name, t.dtype, t.shape, t.data, t.bytes);
      ASSERT_TRUE(status.ok()) << status.getMessage();
    }
    ASSERT_TRUE(writer.write(folder.file(name)).ok());
  }
  void write(const Module &module, const std::string &name) {
    Status status = writeArtifact(module, folder.file(name));
    ASSERT_TRUE(status.ok()) << status.getMessage();
  }
  void writeIdentity(std::vector<Value> inputs, std::vector<int64_t> bytes) {
    Module module;
    module.target = "cpu";
    module.entries.push_back(makeIdentity("id", std::move(inputs), bytes));
    write(module, "id.qmm");
  }
  /// Runs `id` on in.safetensors.
  Outcome runIdentity(const std::string &more = "") {
    return quantRun(folder.file("id.qmm") +
                    " --inputs=" + folder.file("in.safetensors") +
                    " --outputs=" + folder.file("out.safetensors") + more);
  }
  std::string linear(const std::string &more) const {
    return folder.file("linear.qmm") +
           " --inputs=" + folder.file("x.safetensors") + " " + more;
  }

  TemporaryFolder folder;
  std::vector<float> weight = std::vector<float>(15), bias = {1, -2, 3};
  std::vector<float> x = std::vector<float>(10), y;
};

#define EXPECT_HAS(text, part)                                                 \
  EXPECT_NE((text).find(part), std::string::npos) << (text)

} // namespace

TEST_F(QuantRunTest, WritesOutputsByName) {
  std::string out = folder.file("y.safetensors");
  Outcome outcome = quantRun(linear("--outputs=" + out));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_EQ(outcome.text, "");
  Result<SafetensorsFile> file = SafetensorsFile::open(out);
  ASSERT_TRUE(file.ok());
  const SafetensorsTensor *tensor = file->find("y");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->dtype, QMM_DTYPE_F32);
  EXPECT_EQ(tensor->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(tensor->data, y.data(), 24), 0);
}

TEST_F(QuantRunTest, Compares) {
  save("good.safetensors", {{"y", QMM_DTYPE_F32, {2, 3}, y.data(), 24}});
  std::string good = "--compare=" + folder.file("good.safetensors");
  Outcome outcome = quantRun(linear(good));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_HAS(outcome.text, "y: relative error 0.000e+00, max abs error "
                           "0.000e+00, 0 of 6 elements differ: PASS");

  std::vector<float> other = y;
  other[4] += 1;
  save("bad.safetensors",
       {{"out0.float32.2x3", QMM_DTYPE_F32, {2, 3}, other.data(), 24}});
  std::string bad = "--compare=" + folder.file("bad.safetensors");
  outcome = quantRun(linear(bad));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_HAS(outcome.text, "1 of 6 elements differ: FAIL");
  EXPECT_EQ(quantRun(linear(bad + " --atol=1")).code, 0);
  EXPECT_EQ(quantRun(linear(bad + " --rtol=1")).code, 0);

  other[4] = std::nanf("");
  save("bad.safetensors", {{"y", QMM_DTYPE_F32, {2, 3}, other.data(), 24}});
  outcome = quantRun(linear(bad + " --rtol=1e9 --atol=1e9"));
  EXPECT_EQ(outcome.code, 1) << "NaN never passes";

  save("bad.safetensors", {{"y", QMM_DTYPE_F32, {3, 2}, y.data(), 24}});
  outcome = quantRun(linear(bad));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_HAS(outcome.text, "tensor 'y' is F32 [3, 2], expected f32 [2, 3]");
}

TEST_F(QuantRunTest, JsonIsJson) {
  save("good.safetensors", {{"y", QMM_DTYPE_F32, {2, 3}, y.data(), 24}});
  Outcome outcome =
      quantRun(linear("--json --benchmark=3 --threads=1 --compare=" +
                      folder.file("good.safetensors")));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  nlohmann::json json = nlohmann::json::parse(outcome.text, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << outcome.text;
  EXPECT_EQ(json["entry"], "main");
  EXPECT_EQ(json["pass"], true);
  EXPECT_EQ(json["compare"][0]["elements"], 6);
  EXPECT_EQ(json["benchmark"]["runs"], 3);
  EXPECT_EQ(json["benchmark"]["flops"], 2.0 * 2 * 3 * 5);
  EXPECT_EQ(json["benchmark"]["bytes"], 40 + 24 + 60 + 12);
  EXPECT_LE(json["benchmark"]["min_seconds"],
            json["benchmark"]["median_seconds"]);
}

TEST_F(QuantRunTest, ListsAndAsksForAnEntry) {
  Outcome outcome = quantRun(folder.file("linear.qmm") + " --list");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.text, "main(x: f32 [?, 5]) -> (y: f32 [?, 3])\n");
  Module module;
  module.target = "cpu";
  for (const char *name : {"f", "g"})
    module.entries.push_back(
        makeIdentity(name, {{"x", QMM_DTYPE_F32, {c(2), c(5)}}}, {40}));
  write(module, "two.qmm");
  std::string two = folder.file("two.qmm") +
                    " --inputs=" + folder.file("x.safetensors") +
                    " --outputs=" + folder.file("o.safetensors");
  outcome = quantRun(two);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_HAS(outcome.text, "2 functions");
  EXPECT_HAS(outcome.text, "--entry=f\n  --entry=g");
  EXPECT_EQ(quantRun(two + " --entry=g").code, 0);
  outcome = quantRun(two + " --entry=h");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_HAS(outcome.text, "no entry 'h'; the program has 'f', 'g'");
}

// Numbered names, out of file order, beside an output of the same number; raw
// bytes for bf16 and E4M3; [1] for a scalar.
TEST_F(QuantRunTest, InputsInOrderOfTheirNumbers) {
  writeIdentity({{"a", QMM_DTYPE_BF16, {c(2)}},
                 {"b", QMM_DTYPE_F32, {}},
                 {"c", QMM_DTYPE_E4M3, {c(3)}}},
                {4, 4, 3});
  uint16_t a[2] = {0x3F80, 0x4000};
  float b = 7;
  uint8_t codes[3] = {1, 2, 3};
  save("in.safetensors", {{"in2.float8_e4m3fn.3", QMM_DTYPE_U8, {3}, codes, 3},
                          {"out0.bfloat16.2", QMM_DTYPE_U16, {2}, a, 4},
                          {"in1.float32.", QMM_DTYPE_F32, {1}, &b, 4},
                          {"in0.bfloat16.2", QMM_DTYPE_U16, {2}, a, 4}});
  Outcome outcome = runIdentity();
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  Result<SafetensorsFile> file =
      SafetensorsFile::open(folder.file("out.safetensors"));
  ASSERT_TRUE(file.ok());
  ASSERT_NE(file->find("out0"), nullptr);
  EXPECT_EQ(file->find("out0")->dtype, QMM_DTYPE_BF16);
  EXPECT_EQ(std::memcmp(file->find("out0")->data, a, 4), 0);
  EXPECT_TRUE(file->find("out1")->shape.empty());
  EXPECT_EQ(file->find("out2")->dtype, QMM_DTYPE_E4M3);
  EXPECT_EQ(std::memcmp(file->find("out2")->data, codes, 3), 0);
}

TEST_F(QuantRunTest, Fp4PackedOrOneCodePerByte) {
  writeIdentity({{"a", QMM_DTYPE_E2M1, {c(2), c(4)}}}, {4});
  uint8_t codes[8] = {1, 2, 3, 4, 5, 6, 7, 15};
  uint8_t packed[4] = {0x21, 0x43, 0x65, 0xF7};
  for (const Tensor &tensor :
       {Tensor{"a", QMM_DTYPE_U8, {2, 4}, codes, 8},
        Tensor{"a", QMM_DTYPE_U8, {2, 2}, packed, 4},
        Tensor{"a", QMM_DTYPE_E2M1, {2, 4}, packed, 4}}) {
    save("in.safetensors", {tensor});
    Outcome outcome =
        runIdentity(" --compare=" + folder.file("in.safetensors"));
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    Result<SafetensorsFile> file =
        SafetensorsFile::open(folder.file("out.safetensors"));
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(file->find("out0")->shape, (std::vector<int64_t>{2, 4}));
    EXPECT_EQ(std::memcmp(file->find("out0")->data, packed, 4), 0);
  }
  codes[3] = 16;
  save("in.safetensors", {{"a", QMM_DTYPE_U8, {2, 4}, codes, 8}});
  Outcome outcome = runIdentity();
  EXPECT_EQ(outcome.code, 2);
  EXPECT_HAS(outcome.text, "has the byte 16, expected E2M1 codes of 0 to 15");
}

TEST_F(QuantRunTest, WrongInputsLeaveNoOutput) {
  struct Case {
    std::vector<Tensor> tensors;
    const char *message;
  } cases[] = {
      {{{"x", QMM_DTYPE_U16, {2, 5}, x.data(), 20}},
       "input 0 'x': tensor 'x' is U16 [2, 5], expected f32 [?, 5]"},
      {{{"x", QMM_DTYPE_F32, {5, 2}, x.data(), 40}}, "is F32 [5, 2], expected"},
      {{{"x", QMM_DTYPE_F32, {10}, x.data(), 40}}, "is F32 [10], expected"},
      {{{"out0", QMM_DTYPE_F32, {2, 5}, x.data(), 40}}, "no others are left"},
      {{{"p", QMM_DTYPE_F32, {2, 5}, x.data(), 40},
        {"q", QMM_DTYPE_F32, {2, 5}, x.data(), 40}},
       "no tensor has the name of input 0 'x' f32 [?, 5]"},
  };
  std::string out = folder.file("y.safetensors");
  size_t files = folder.countFiles();
  for (const Case &test : cases) {
    save("x.safetensors", test.tensors);
    Outcome outcome = quantRun(linear("--outputs=" + out));
    EXPECT_EQ(outcome.code, 2);
    EXPECT_HAS(outcome.text, test.message);
    EXPECT_EQ(folder.countFiles(), files) << "something was left behind";
  }
}

TEST_F(QuantRunTest, UsageErrors) {
  struct Case {
    std::string arguments;
    const char *message;
  } cases[] = {
      {"", "no program is given"},
      {"a.qmm", "nothing to do"},
      {"a.qmm b.qmm", "more than one program"},
      {"a.qmm --frobnicate", "unknown option '--frobnicate'"},
      {"a.qmm --list --rtol=-1", "--rtol is '-1', expected a number"},
      {"a.qmm --list --threads=0", "--threads is '0'"},
      {"a.qmm --list --device=tpu",
       "expected 'auto', 'cpu', 'cuda' or 'cuda:N'"},
      {"a.qmm --list=1", "--list takes no value"},
      {"a.qmm --entry", "--entry=NAME lacks its value"},
      {folder.file("none.qmm") + " --list", "none.qmm"},
      {folder.file("x.safetensors") + " --list", "is not a QMM artefact"},
      {folder.file("linear.qmm") + " --outputs=o", "give --inputs"},
      {linear("--outputs=" + folder.path + "/no/such/o"), "no/such/o"},
      {linear("--compare=" + folder.path + "/none"), "none"},
  };
  for (const Case &test : cases) {
    Outcome outcome = quantRun(test.arguments);
    EXPECT_EQ(outcome.code, 2) << test.arguments << "\n" << outcome.text;
    EXPECT_HAS(outcome.text, "quant-run: error: ");
    EXPECT_HAS(outcome.text, test.message);
  }
}

// Beside a quant-run of its own stands a quant-compile that notes how it is
// called and gives out a known artefact.
TEST_F(QuantRunTest, CompilesMlirThroughItsNeighbour) {
  std::filesystem::create_directory(folder.file("bin"));
  std::filesystem::create_directory(folder.file("tmp"));
  std::filesystem::copy_file(QUANT_RUN, folder.file("bin/quant-run"));
  writeFile(folder.file("in.mlir"), "module {}");
  std::string run = "TMPDIR=" + folder.file("tmp") + " " +
                    folder.file("bin/quant-run") + " " +
                    folder.file("in.mlir") +
                    " --checkpoint=w.safetensors --activations=wide --list";
  Outcome outcome = execute(run);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_HAS(outcome.text, "needs quant-compile, which isn't at " +
                               folder.file("bin/quant-compile"));

  std::string compiler = folder.file("bin/quant-compile");
  writeFile(compiler, "#!/bin/sh\necho \"$@\" > " + folder.file("args") +
                          "\ncp " + folder.file("linear.qmm") + " \"$4\"\n");
  ASSERT_EQ(::chmod(compiler.c_str(), 0755), 0);
  outcome = execute(run);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_HAS(outcome.text, "main(x: f32 [?, 5])");
  std::string arguments = readFile(folder.file("args"));
  EXPECT_EQ(arguments.rfind(folder.file("in.mlir") + " --target=cpu -o ", 0),
            0u);
  EXPECT_HAS(arguments, "--checkpoint=w.safetensors --activations=wide");
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("tmp")));

  writeFile(compiler, "#!/bin/sh\necho oh no >&2\nexit 3\n");
  outcome = execute(run);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_HAS(outcome.text, "oh no");
  EXPECT_HAS(outcome.text, "in.mlir doesn't compile");
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("tmp")));
}

TEST_F(QuantRunTest, HelpTeaches) {
  Outcome outcome = quantRun("--help");
  EXPECT_EQ(outcome.code, 0);
  for (const char *part : {"usage:", "--entry=NAME", "--benchmark[=N]",
                           "Exit status", "examples:"})
    EXPECT_HAS(outcome.text, part);
  EXPECT_EQ(quantRun("--version").text.rfind("quant-run ", 0), 0u);
}
