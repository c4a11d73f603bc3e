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

#include <fstream>
#include <unistd.h>

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
  expectFamily(FileBuilder()
                   .addFilled("e.down_proj_blocks", "U8", {1, 2, 16}, 32)
                   .addFilled("e.down_proj_scales", "U8", {1, 2}, 2),
               "'e.down_proj_blocks'", "gpt-oss");
  expectFamily(FileBuilder()
                   .addFilled("e.blocks", "U8", {1, 2, 16}, 32)
                   .addFilled("e.scales", "U8", {1, 2}, 2),
               "'e.blocks'", "gpt-oss");
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
    expectError(read.status, QMM_STATUS_UNSUPPORTED,
                {name.c_str(), "nothing declares", "ModelOpt"});
    Read orphan(FileBuilder().scalar(name, 1));
    expectError(orphan.status, QMM_STATUS_MALFORMED,
                {name.c_str(), "no tensor 'l.weight'"});
  }
}

namespace {
class ConfigBeside : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "qmm-config-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern + "/";
    write("m.safetensors", FileBuilder()
                               .scalar("l.weight_scale", 1)
                               .addFilled("l.weight", "F8_E4M3", {2, 2}, 4)
                               .build());
  }
  void TearDown() override {
    for (const char *name :
         {"m.safetensors", "config.json", "hf_quant_config.json"})
      ::unlink((folder + name).c_str());
    ::rmdir(folder.c_str());
  }
  void write(const std::string &name, const std::string &text) {
    std::ofstream(folder + name, std::ios::binary) << text;
  }
  Status read() {
    auto checkpoint = Checkpoint::open(folder + "m.safetensors");
    if (!checkpoint.ok())
      return checkpoint.getStatus();
    auto layers = readLinearLayers(*checkpoint);
    return layers.ok() ? Status() : layers.getStatus();
  }
  std::string folder;
};
} // namespace

TEST_F(ConfigBeside, NamesModelOpt) {
  write("hf_quant_config.json", R"({"quantization": {"quant_algo": "NVFP4"}})");
  expectError(read(), QMM_STATUS_UNSUPPORTED,
              {"'l.weight_scale'", "ModelOpt (NVFP4"});
}

TEST_F(ConfigBeside, NamesCompressedTensors) {
  write("config.json", R"({"quantization_config":)"
                       R"( {"quant_method": "compressed-tensors"}})");
  expectError(read(), QMM_STATUS_UNSUPPORTED,
              {"'l.weight_scale'", "compressed-tensors", "config.json"});
}

TEST_F(ConfigBeside, BrokenOrSilentConfigChangesNothing) {
  write("config.json", "{");
  expectError(read(), QMM_STATUS_UNSUPPORTED, {"nothing declares"});
  write("config.json", R"({"quantization_config": 3})");
  expectError(read(), QMM_STATUS_UNSUPPORTED, {"nothing declares"});
}
