//===- TestTensor.cpp - Random tensors and a naive product ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TestTensor.h"

#include "numerics/Elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

namespace qmmrt {
namespace test {

qmm_scheme getScheme(const std::string &name) {
  qmm_scheme scheme = {};
  EXPECT_EQ(qmm_scheme_from_name(name.c_str(), &scheme), QMM_STATUS_OK) << name;
  return scheme;
}

TestTensor::TestTensor(std::vector<int64_t> shape, qmm_scheme scheme,
                       qmm_layout layout) {
  desc.struct_size = sizeof(desc);
  desc.rank = uint32_t(shape.size());
  std::copy(shape.begin(), shape.end(), desc.shape);
  desc.scheme = scheme;
  desc.layout = layout;
  auto found = getTensorExtents(desc, "test");
  EXPECT_TRUE(found.ok()) << found.getStatus().getMessage();
  if (!found.ok())
    return;
  extents = *found;
  data.resize(extents.dataBytes);
  scale.resize(extents.scaleBytes);
  link();
}

TestTensor &TestTensor::operator=(const TestTensor &other) {
  desc = other.desc;
  extents = other.extents;
  data = other.data;
  scale = other.scale;
  tensorScale = other.tensorScale;
  link();
  return *this;
}

void TestTensor::link() {
  desc.data = data.data();
  desc.scale = scale.empty() ? nullptr : scale.data();
  desc.tensor_scale = desc.scheme.has_tensor_scale ? &tensorScale : nullptr;
}

uint32_t TestTensor::getCode(int64_t matrix, int64_t r, int64_t c) const {
  const uint8_t *row =
      data.data() + matrix * extents.matrixBytes + r * extents.rowBytes;
  unsigned width = getBitWidth(qmm_dtype(desc.scheme.element));
  if (width == 4) {
    bool high = (c % 2 == 0) == (desc.layout.nibbles == QMM_NIBBLES_HI_FIRST);
    return high ? row[c / 2] >> 4 : row[c / 2] & 15;
  }
  uint32_t code = 0;
  std::memcpy(&code, row + c * width / 8, width / 8);
  return code;
}

void TestTensor::setCode(int64_t matrix, int64_t r, int64_t c, uint32_t code) {
  uint8_t *row =
      data.data() + matrix * extents.matrixBytes + r * extents.rowBytes;
  unsigned width = getBitWidth(qmm_dtype(desc.scheme.element));
  if (width == 4) {
    bool high = (c % 2 == 0) == (desc.layout.nibbles == QMM_NIBBLES_HI_FIRST);
    uint8_t &byte = row[c / 2];
    byte = high ? uint8_t((byte & 0x0F) | code << 4)
                : uint8_t((byte & 0xF0) | code);
    return;
  }
  std::memcpy(row + c * width / 8, &code, width / 8);
}

void TestTensor::set(int64_t matrix, int64_t r, int64_t c, float value) {
  setCode(matrix, r, c, encodeElement(qmm_dtype(desc.scheme.element), value));
}

double TestTensor::get(int64_t matrix, int64_t r, int64_t c) const {
  const qmm_scheme &s = desc.scheme;
  double value = decodeElement(qmm_dtype(s.element), getCode(matrix, r, c));
  if (isWide(s))
    return value;
  int64_t sr = s.block_outer ? r / s.block_outer : 0;
  int64_t sc = s.block_k ? c / s.block_k : 0;
  int64_t offset = getScaleOffset(desc.layout, extents.logicalScales, sr, sc);
  const uint8_t *scales =
      scale.data() +
      (extents.scaleMatrices == 1 ? 0 : matrix) * extents.scaleMatrixBytes;
  float f;
  if (s.scale == QMM_DTYPE_F32)
    std::memcpy(&f, scales + offset * 4, 4);
  else
    f = decodeElement(qmm_dtype(s.scale), scales[offset]);
  return value * f * (s.has_tensor_scale ? tensorScale : 1.0f);
}

void TestTensor::fill(std::mt19937 &random) {
  const qmm_scheme &s = desc.scheme;
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform(0.5f, 2.0f);
  float spread = s.element == QMM_DTYPE_I8     ? 40.0f
                 : s.element == QMM_DTYPE_E2M1 ? 2.0f
                 : isWide(s)                   ? 1.0f
                                               : 20.0f;
  for (int64_t matrix = 0; matrix < extents.batch; ++matrix)
    for (int64_t r = 0; r < extents.outer; ++r)
      for (int64_t c = 0; c < extents.k; ++c)
        set(matrix, r, c, normal(random) * spread);
  if (isWide(s))
    return;
  if (s.has_tensor_scale)
    tensorScale = uniform(random) / 64;
  for (int64_t matrix = 0; matrix < extents.scaleMatrices; ++matrix)
    for (int64_t r = 0; r < extents.logicalScales.rows; ++r)
      for (int64_t c = 0; c < extents.logicalScales.cols; ++c) {
        int64_t offset =
            getScaleOffset(desc.layout, extents.logicalScales, r, c);
        uint8_t *at = scale.data() + matrix * extents.scaleMatrixBytes;
        float value = uniform(random) / 32;
        if (s.scale == QMM_DTYPE_F32)
          std::memcpy(at + offset * 4, &value, 4);
        else if (s.scale == QMM_DTYPE_E8M0)
          at[offset] = uint8_t(120 + random() % 8);
        else
          at[offset] = uint8_t(encodeElement(QMM_DTYPE_E4M3, value * 64));
      }
}

qmm_layout getPlainLayout(const qmm_scheme &scheme) {
  qmm_layout layout = {};
  if (scheme.element == QMM_DTYPE_E2M1)
    layout.nibbles = QMM_NIBBLES_HI_FIRST;
  return layout;
}

std::vector<qmm_layout> getLayouts(const qmm_scheme &scheme) {
  std::vector<qmm_layout> layouts;
  for (uint32_t scales : {QMM_SCALES_LINEAR, QMM_SCALES_OUTER_MAJOR,
                          QMM_SCALES_BLOCKS_128X128, QMM_SCALES_TILED_128X4})
    for (uint32_t nibbles :
         {QMM_NIBBLES_NONE, QMM_NIBBLES_HI_FIRST, QMM_NIBBLES_LO_FIRST})
      for (int64_t pad : {0, 16}) {
        qmm_layout layout = {};
        layout.scales = scales;
        layout.nibbles = nibbles;
        layout.pad_outer = pad;
        layout.pad_k = pad * 2;
        layout.scale_pad = scales == QMM_SCALES_OUTER_MAJOR ? pad / 4 : 0;
        if (verifySchemeAndLayout(scheme, layout).ok())
          layouts.push_back(layout);
      }
  return layouts;
}

double activateNaively(qmm_activation activation, double x) {
  switch (activation) {
  case QMM_ACTIVATION_NONE:
    return x;
  case QMM_ACTIVATION_RELU:
    return x < 0 ? 0 : x;
  case QMM_ACTIVATION_GELU_TANH: {
    // 1 + tanh(u) = 2 / (1 + exp(-2u))
    double u = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
    return x / (1 + std::exp(-2 * u));
  }
  case QMM_ACTIVATION_GELU_ERF:
    return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
  case QMM_ACTIVATION_SILU:
    return x / (1 + std::exp(-x));
  }
  return NAN;
}

Product multiplyNaively(const TestTensor &a, const TestTensor &b,
                        const TestTensor *bias, const TestTensor *residual,
                        qmm_activation activation) {
  Product product;
  auto getAll = [](const TestTensor &tensor) {
    std::vector<double> values;
    for (int64_t i = 0; i < tensor.extents.batch; ++i)
      for (int64_t r = 0; r < tensor.extents.outer; ++r)
        for (int64_t c = 0; c < tensor.extents.k; ++c)
          values.push_back(tensor.get(i, r, c));
    return values;
  };
  const std::vector<double> valuesA = getAll(a), valuesB = getAll(b);
  for (int64_t i = 0; i < a.extents.batch; ++i)
    for (int64_t m = 0; m < a.extents.outer; ++m)
      for (int64_t n = 0; n < b.extents.outer; ++n) {
        double sum = 0, magnitude = 0;
        for (int64_t k = 0; k < a.extents.k; ++k) {
          int64_t matrixB = b.desc.rank == 2 ? 0 : i;
          double term =
              valuesA[(i * a.extents.outer + m) * a.extents.k + k] *
              valuesB[(matrixB * b.extents.outer + n) * b.extents.k + k];
          sum += term;
          magnitude += std::fabs(term);
        }
        if (bias) {
          sum += bias->get(0, 0, n);
          magnitude += std::fabs(bias->get(0, 0, n));
        }
        if (residual) {
          sum += residual->get(i, m, n);
          magnitude += std::fabs(residual->get(i, m, n));
        }
        product.values.push_back(activateNaively(activation, sum));
        product.magnitudes.push_back(magnitude);
      }
  return product;
}

Workspace::Workspace(size_t bytes) : bytes(bytes), storage(bytes + 64, 0xCD) {
  auto address = reinterpret_cast<uintptr_t>(storage.data());
  start = storage.data() + (64 - address % 64) % 64;
}

} // namespace test
} // namespace qmmrt
