//===- test/device/VectorsTest.cpp - What an H100 gave another caller -----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products that torch's _scaled_mm made on an H100 with cuBLASLt 13.1.0.  Other
// chips and libraries sum in another order: there the values must be close.
//
//===----------------------------------------------------------------------===//
#include "../TestSafetensors.h"
#include "DeviceFixture.h"

#include "numerics/Elements.h"

#include <cmath>

using namespace qmmrt;
using namespace qmmrt::test;

namespace {

class Vectors : public DeviceTest {
protected:
  using File = std::map<std::string, qmmrt_test::TestTensor>;
  const File &getFile() {
    static const File file = qmmrt_test::readTestSafetensors(
        QMM_TEST_DATA "/device/h100_scaled_mm.safetensors");
    return file;
  }

  bool isSameMachine() {
    return device->getProperties().name.find("H100") != std::string::npos &&
           device->getProperties().cublasLtVersion / 100 == 1301;
  }

  TestTensor load(const std::string &codes, const std::string &scales,
                  const char *scheme, qmm_layout layout = {}) {
    const qmmrt_test::TestTensor &data = getFile().at(codes);
    TestTensor tensor(data.shape, getScheme(scheme), layout);
    tensor.data = data.bytes;
    tensor.desc.data = tensor.data.data();
    const std::vector<float> values = getFile().at(scales).as<float>();
    const ScaleExtents &extents = tensor.extents.logicalScales;
    EXPECT_EQ(int64_t(values.size()), extents.rows * extents.cols);
    for (int64_t r = 0; r < extents.rows; ++r)
      for (int64_t c = 0; c < extents.cols; ++c)
        std::memcpy(tensor.scale.data() +
                        getScaleOffset(layout, extents, r, c) * 4,
                    &values[size_t(r * extents.cols + c)], 4);
    return tensor;
  }

  /// Bit for bit on the machine that made them, else to the type's precision.
  void expectEqual(const TestTensor &d, const std::string &key) {
    const std::vector<uint8_t> &expected = getFile().at(key).bytes;
    ASSERT_EQ(d.data.size(), expected.size()) << key;
    const qmm_dtype type = qmm_dtype(d.desc.scheme.element);
    const int64_t bytes = getBitWidth(type) / 8;
    int64_t different = 0;
    double error = 0, norm = 0;
    for (size_t at = 0; at < expected.size(); at += size_t(bytes)) {
      uint32_t got = 0, want = 0;
      std::memcpy(&got, d.data.data() + at, size_t(bytes));
      std::memcpy(&want, expected.data() + at, size_t(bytes));
      different += got != want;
      const double x = decodeElement(type, got), y = decodeElement(type, want);
      error += (x - y) * (x - y);
      norm += y * y;
    }
    if (isSameMachine()) {
      EXPECT_EQ(different, 0) << key << ": of " << expected.size() / bytes
                              << ", relative error " << std::sqrt(error / norm);
    }
    EXPECT_LE(std::sqrt(error / norm), bytes == 1 ? 3e-2 : 2e-3) << key;
  }
};

TEST_F(Vectors, Tensorwise) {
  for (const char *name : {"c0", "c1", "c2", "c3"}) {
    const std::string c = name;
    TestTensor a = load(c + ".a", c + ".sa", "fp8");
    TestTensor b = load(c + ".b", c + ".sb", "fp8");
    for (const char *type : {"f32", "bf16", "f16"})
      for (bool fast : {false, true}) {
        TestTensor d({a.extents.outer, b.extents.outer}, getScheme(type));
        Call call = {&a, &b};
        call.options.fastAccumulation = fast;
        Status s = run(call, d);
        ASSERT_TRUE(s.ok()) << s.getMessage();
        expectEqual(d, c + ".tensor." + type + (fast ? ".fast1" : ".fast0"));
      }
  }
}

TEST_F(Vectors, TensorwiseWithBias) {
  for (const char *name : {"c0", "c1", "c2", "c3"}) {
    const std::string c = name;
    TestTensor a = load(c + ".a", c + ".sa", "fp8");
    TestTensor b = load(c + ".b", c + ".sb", "fp8");
    TestTensor bias({b.extents.outer}, getScheme("bf16"));
    bias.data = getFile().at(c + ".bias").bytes;
    bias.desc.data = bias.data.data();
    TestTensor d({a.extents.outer, b.extents.outer}, getScheme("bf16"));
    Call call = {&a, &b, &bias};
    call.options.fastAccumulation = false;
    Status s = run(call, d);
    ASSERT_TRUE(s.ok()) << s.getMessage();
    expectEqual(d, c + ".tensor_bias.bf16");
  }
}

TEST_F(Vectors, QuantizedResult) {
  for (const char *name : {"c0", "c1", "c2", "c3"}) {
    const std::string c = name;
    TestTensor a = load(c + ".a", c + ".sa", "fp8");
    TestTensor b = load(c + ".b", c + ".sb", "fp8");
    TestTensor d({a.extents.outer, b.extents.outer}, getScheme("fp8"));
    // torch 2.11 left its scale_result (50) out.
    const float scale = 1;
    Call call = {&a, &b};
    call.options.fastAccumulation = false;
    call.outputScale = &scale;
    Status s = run(call, d);
    ASSERT_TRUE(s.ok()) << s.getMessage();
    expectEqual(d, c + ".tensor_out_e4m3");
  }
}

TEST_F(Vectors, Rowwise) {
  if (device->getProperties().major != 9)
    GTEST_SKIP() << "sm_90 only";
  for (const char *name : {"c0", "c1", "c2", "c3"}) {
    const std::string c = name;
    TestTensor a = load(c + ".row.a", c + ".row.sa", "fp8_row");
    TestTensor b = load(c + ".row.b", c + ".row.sb", "fp8_row");
    TestTensor d({a.extents.outer, b.extents.outer}, getScheme("bf16"));
    Call call = {&a, &b};
    call.options.fastAccumulation = false;
    Status s = run(call, d);
    ASSERT_TRUE(s.ok()) << s.getMessage();
    expectEqual(d, c + ".row.bf16");
  }
}

TEST_F(Vectors, Blockwise) {
  if (device->getProperties().major != 9)
    GTEST_SKIP() << "sm_90 only";
  qmm_layout outer = {}, blocks = {};
  outer.scales = QMM_SCALES_OUTER_MAJOR;
  blocks.scales = QMM_SCALES_BLOCKS_128X128;
  TestTensor a = load("blk.a", "blk.sa", "fp8_1x128", outer);
  TestTensor b = load("blk.b", "blk.sb", "fp8_128x128", blocks);
  TestTensor d({a.extents.outer, b.extents.outer}, getScheme("bf16"));
  Status s = run({&a, &b}, d);
  ASSERT_TRUE(s.ok()) << s.getMessage();
  expectEqual(d, "blk.bf16");
}

} // namespace
