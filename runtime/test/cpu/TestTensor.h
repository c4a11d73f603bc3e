//===- TestTensor.h - Random tensors and a naive product -*- C++ -*--------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle reads single codes through decodeElement and getScaleOffset, in
// double precision: nothing of the code under test.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_CPU_TESTTENSOR_H
#define QMMRT_TEST_CPU_TESTTENSOR_H

#include "numerics/Layouts.h"
#include "qmm/ops.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace qmmrt {
namespace test {

qmm_scheme getScheme(const std::string &name);

/// A descriptor with its buffers.
struct TestTensor {
  qmm_tensor desc = {};
  TensorExtents extents = {};
  std::vector<uint8_t> data, scale;
  float tensorScale = 1.0f;

  TestTensor() = default;
  TestTensor(std::vector<int64_t> shape, qmm_scheme scheme,
             qmm_layout layout = {});
  TestTensor(const TestTensor &other) { *this = other; }
  TestTensor &operator=(const TestTensor &other);

  /// Random finite codes and scales; pads stay zero.
  void fill(std::mt19937 &random);
  /// A wide tensor's element from `value`, and any tensor's element.
  void set(int64_t matrix, int64_t r, int64_t c, float value);
  double get(int64_t matrix, int64_t r, int64_t c) const;
  uint32_t getCode(int64_t matrix, int64_t r, int64_t c) const;
  void setCode(int64_t matrix, int64_t r, int64_t c, uint32_t code);

private:
  void link();
};

/// Every legal scale layout and nibble order of a scheme, some with pads.
std::vector<qmm_layout> getLayouts(const qmm_scheme &scheme);
/// The layout with hi_first nibbles, if any, and linear scales.
qmm_layout getPlainLayout(const qmm_scheme &scheme);

struct Product {
  std::vector<double> values;     // batch x M x N, before the output cast
  std::vector<double> magnitudes; // sum of |a| |b| times scales, + |bias| ...
};
Product multiplyNaively(const TestTensor &a, const TestTensor &b,
                        const TestTensor *bias, const TestTensor *residual,
                        qmm_activation activation);
double activateNaively(qmm_activation activation, double x);

/// Bytes aligned to 64, for workspaces.
struct Workspace {
  explicit Workspace(size_t bytes);
  void *get() { return start; }
  size_t bytes;

private:
  std::vector<uint8_t> storage;
  void *start;
};

} // namespace test
} // namespace qmmrt

#endif // QMMRT_TEST_CPU_TESTTENSOR_H
