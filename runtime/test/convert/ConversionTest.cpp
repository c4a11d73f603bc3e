//===- test/convert/ConversionTest.cpp - The run --------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What can only be done to a run while it runs: the bytes are the tool's tests.
//
//===----------------------------------------------------------------------===//
#include "convert/Conversion.h"
#include "TestFolder.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qmmrt;

namespace {

class ConversionTest : public ::testing::Test {
protected:
  void SetUp() override {
    source = folder + "/in.safetensors";
    output = folder + "/out.safetensors";
    std::ifstream from(std::string(QMM_TEST_CHECKPOINTS) +
                           "/model_bf16.safetensors",
                       std::ios::binary);
    std::ofstream(source, std::ios::binary) << from.rdbuf();
  }
  std::vector<std::string> list() const { return temporary.list(); }
  static ConversionOptions getOptions() {
    ConversionOptions options;
    options.selection.target = *parseTarget("nvfp4", 0);
    options.selection.firstAndLast = true;
    options.threads = 2;
    return options;
  }
  Status convert(FunctionRef<void(const Progress &)> progress,
                 uint64_t shardBytes = 0) {
    Result<Checkpoint> checkpoint = Checkpoint::open(source);
    EXPECT_TRUE(checkpoint.ok());
    ConversionOptions options = getOptions();
    options.shardBytes = shardBytes;
    options.resumes = resumes;
    options.weights = weights;
    Conversion conversion(*checkpoint, options);
    Status status = conversion.plan(output);
    EXPECT_TRUE(status.ok()) << status.getMessage();
    status = conversion.run(progress, cancel);
    for (const LayerReport &report : conversion.getReports())
      earlier += report.doneBefore;
    return status;
  }

  test::TestFolder temporary;
  const std::string &folder = temporary.path;
  std::string source, output;
  std::atomic<bool> cancel{false};
  bool resumes = false;
  WeightOptions weights;
  unsigned earlier = 0; // layers that a run took over

  std::map<std::string, std::string> readAll() const {
    std::map<std::string, std::string> files;
    for (const std::string &name : list()) {
      std::ifstream file(folder + "/" + name, std::ios::binary);
      files[name].assign(std::istreambuf_iterator<char>(file), {});
    }
    return files;
  }
  void clear() {
    for (const std::string &name : list())
      if (name != "in.safetensors")
        ::remove((folder + "/" + name).c_str());
  }
};

const std::vector<std::string> kOnlySource = {"in.safetensors"};

} // namespace

TEST_F(ConversionTest, ProgressEndsAtTheWhole) {
  uint64_t last = 0, total = 0;
  Status status = convert([&](const Progress &progress) {
    EXPECT_GT(progress.bytesRead, last);
    last = progress.bytesRead;
    total = progress.bytesTotal;
    EXPECT_FALSE(progress.tensor.empty());
  });
  ASSERT_TRUE(status.ok()) << status.getMessage();
  EXPECT_EQ(last, total);
  EXPECT_EQ(list(),
            (std::vector<std::string>{"in.safetensors", "out.safetensors"}));
}

TEST_F(ConversionTest, ASourceThatChangesIsRefused) {
  bool changed = false;
  Status status = convert([&](const Progress &) {
    if (!changed)
      std::ofstream(source, std::ios::app) << "x";
    changed = true;
  });
  EXPECT_EQ(status.getCode(), QMM_STATUS_IO);
  EXPECT_NE(status.getMessage().find("in.safetensors: changed while it was "
                                     "read"),
            std::string::npos)
      << status.getMessage();
  EXPECT_EQ(list(), kOnlySource);
}

TEST_F(ConversionTest, AnotherFileInItsPlaceIsAChange) {
  bool changed = false;
  Status status = convert([&](const Progress &) {
    if (!changed) {
      std::string other = source + ".new";
      std::ifstream from(source, std::ios::binary);
      std::ofstream(other, std::ios::binary) << from.rdbuf();
      ::rename(other.c_str(), source.c_str());
    }
    changed = true;
  });
  EXPECT_EQ(status.getCode(), QMM_STATUS_IO);
  EXPECT_EQ(list(), kOnlySource);
}

TEST_F(ConversionTest, AnInterruptionLeavesNothing) {
  for (uint64_t shardBytes : {0, 100000}) {
    cancel = false;
    Status status =
        convert([&](const Progress &) { cancel = true; }, shardBytes);
    EXPECT_EQ(status.getCode(), QMM_STATUS_IO);
    EXPECT_EQ(list(), kOnlySource);
  }
}

TEST_F(ConversionTest, AnInterruptedRunIsContinued) {
  for (uint64_t shardBytes : {0, 100000}) {
    resumes = false;
    cancel = false;
    ASSERT_TRUE(convert([](const Progress &) {}, shardBytes).ok());
    auto expected = readAll();
    clear();

    resumes = true;
    int calls = 0;
    EXPECT_FALSE(convert(
                     [&](const Progress &) {
                       if (++calls == 3)
                         cancel = true;
                     },
                     shardBytes)
                     .ok());
    EXPECT_GT(list().size(), 2u);
    cancel = false;
    earlier = 0;
    Status status = convert([](const Progress &) {}, shardBytes);
    ASSERT_TRUE(status.ok()) << status.getMessage();
    EXPECT_GT(earlier, 0u);
    EXPECT_LT(earlier, 4u);
    EXPECT_EQ(readAll(), expected);
    clear();
  }
}

/// Bytes of other options, another source or a lost file aren't taken over.
TEST_F(ConversionTest, OnlyTheSameWorkIsContinued) {
  resumes = true;
  auto interrupt = [&] {
    cancel = false;
    int calls = 0;
    EXPECT_FALSE(convert([&](const Progress &) {
                   if (++calls == 8)
                     cancel = true;
                 }).ok());
    cancel = false;
    earlier = 0;
  };
  interrupt();
  weights.scalePrecisionInput = true;
  EXPECT_TRUE(convert([](const Progress &) {}).ok());
  EXPECT_EQ(earlier, 0u);

  interrupt();
  std::string copy = source + ".new";
  std::ofstream(copy, std::ios::binary)
      << std::ifstream(source, std::ios::binary).rdbuf();
  ::rename(copy.c_str(), source.c_str());
  EXPECT_TRUE(convert([](const Progress &) {}).ok());
  EXPECT_EQ(earlier, 0u);

  interrupt();
  ::unlink((output + ".partial").c_str());
  EXPECT_TRUE(convert([](const Progress &) {}).ok());
  EXPECT_EQ(earlier, 0u);

  // A line that was cut short isn't one.
  interrupt();
  std::ifstream journal(output + ".journal");
  std::string title;
  std::getline(journal, title);
  std::ofstream(output + ".journal") << title << "\n1 don";
  EXPECT_TRUE(convert([](const Progress &) {}).ok());
  EXPECT_EQ(earlier, 0u);
  EXPECT_EQ(list(),
            (std::vector<std::string>{"in.safetensors", "out.safetensors"}));
}

TEST_F(ConversionTest, TwoRunsDontShareAFile) {
  resumes = true;
  AtomicFile other;
  ASSERT_TRUE(other.openPartial(output).ok());
  Status status = convert([](const Progress &) {});
  EXPECT_EQ(status.getCode(), QMM_STATUS_IO);
  EXPECT_NE(status.getMessage().find("another process"), std::string::npos);
}

TEST_F(ConversionTest, AnOldOutputStaysUntilTheNewOneIsWhole) {
  std::ofstream(output) << "old";
  cancel = true;
  EXPECT_FALSE(convert([](const Progress &) {}).ok());
  std::string text;
  std::ifstream(output) >> text;
  EXPECT_EQ(text, "old");
  cancel = false;
  EXPECT_TRUE(convert([](const Progress &) {}).ok());
  EXPECT_TRUE(SafetensorsFile::open(output).ok());
}
