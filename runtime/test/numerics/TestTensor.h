//===- test/numerics/TestTensor.h - Descriptors that own bytes -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor with exactly as many bytes as qmm_tensor_sizes says, filled with a
// pattern, so that sanitizers see an overrun and tests see an unwritten pad.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_NUMERICS_TESTTENSOR_H
#define QMMRT_TEST_NUMERICS_TESTTENSOR_H

#include "numerics/Elements.h"
#include "numerics/Layouts.h"
#include "numerics/Quantize.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace qmmrt_test {

constexpr uint8_t kFill = 0xA5;

inline qmm_scheme getScheme(const char *name) {
  qmm_scheme scheme = {};
  EXPECT_EQ(qmm_scheme_from_name(name, &scheme), QMM_STATUS_OK) << name;
  return scheme;
}

inline qmm_scheme getWideScheme(qmm_dtype dtype) {
  qmm_scheme scheme = {};
  scheme.element = dtype;
  return scheme;
}

/// Linear scales, and lo_first where nibbles need an order.
inline qmm_layout getPlainLayout(const qmm_scheme &scheme) {
  qmm_layout layout = {};
  if (scheme.element == QMM_DTYPE_E2M1)
    layout.nibbles = QMM_NIBBLES_LO_FIRST;
  return layout;
}

inline qmm_tensor getDescriptor(const std::vector<int64_t> &shape,
                                const qmm_scheme &scheme,
                                const qmm_layout &layout) {
  qmm_tensor tensor = {};
  tensor.struct_size = sizeof(tensor);
  tensor.rank = static_cast<uint32_t>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i)
    tensor.shape[i] = shape[i];
  tensor.scheme = scheme;
  tensor.layout = layout;
  return tensor;
}

struct OwnedTensor {
  std::vector<uint8_t> data, scale;
  std::vector<float> tensorScale;
  qmm_tensor tensor;

  OwnedTensor(const std::vector<int64_t> &shape, const qmm_scheme &scheme)
      : OwnedTensor(shape, scheme, getPlainLayout(scheme)) {}
  OwnedTensor(const std::vector<int64_t> &shape, const qmm_scheme &scheme,
              const qmm_layout &layout)
      : tensor(getDescriptor(shape, scheme, layout)) {
    size_t dataBytes = 0, scaleBytes = 0, tensorScaleBytes = 0;
    EXPECT_EQ(
        qmm_tensor_sizes(&tensor, &dataBytes, &scaleBytes, &tensorScaleBytes),
        QMM_STATUS_OK)
        << qmm_last_error();
    data.assign(dataBytes, kFill);
    scale.assign(scaleBytes, kFill);
    tensorScale.assign(tensorScaleBytes / sizeof(float), -1.0f);
    tensor.data = data.data();
    tensor.scale = scale.data();
    tensor.tensor_scale = tensorScale.empty() ? nullptr : tensorScale.data();
  }
  OwnedTensor(const OwnedTensor &) = delete;
  OwnedTensor &operator=(const OwnedTensor &) = delete;

  /// The scales of an f32-scaled scheme.
  std::vector<float> f32Scales() const {
    std::vector<float> values(scale.size() / sizeof(float));
    if (!values.empty())
      std::memcpy(values.data(), scale.data(), scale.size());
    return values;
  }
};

/// An unpadded wide tensor of the values, each rounded to `dtype`.
inline void fillWide(OwnedTensor &tensor, const std::vector<float> &values) {
  auto dtype = static_cast<qmm_dtype>(tensor.tensor.scheme.element);
  size_t bytes = qmmrt::getBitWidth(dtype) / 8;
  ASSERT_EQ(tensor.data.size(), values.size() * bytes);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t code = qmmrt::encodeElement(dtype, values[i]);
    std::memcpy(tensor.data.data() + i * bytes, &code, bytes);
  }
}

inline std::vector<float> readWide(const OwnedTensor &tensor) {
  auto dtype = static_cast<qmm_dtype>(tensor.tensor.scheme.element);
  size_t bytes = qmmrt::getBitWidth(dtype) / 8;
  std::vector<float> values(tensor.data.size() / bytes);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t code = 0;
    std::memcpy(&code, tensor.data.data() + i * bytes, bytes);
    values[i] = qmmrt::decodeElement(dtype, code);
  }
  return values;
}

/// The code of element i of an unpadded or padded row.
inline uint8_t getCode(const OwnedTensor &tensor, int64_t row, int64_t i) {
  const qmm_tensor &t = tensor.tensor;
  int64_t rowBytes =
      qmmrt::getRowBytes(t.scheme, t.layout, t.shape[t.rank - 1]);
  if (t.scheme.element != QMM_DTYPE_E2M1)
    return tensor.data.at(row * rowBytes + i);
  uint8_t byte = tensor.data.at(row * rowBytes + i / 2);
  bool high = (t.layout.nibbles == QMM_NIBBLES_HI_FIRST) == (i % 2 == 0);
  return high ? byte >> 4 : byte & 0xF;
}

inline qmm_quantize_params getParams() {
  qmm_quantize_params params = {};
  params.struct_size = sizeof(params);
  return params;
}

} // namespace qmmrt_test

#endif // QMMRT_TEST_NUMERICS_TESTTENSOR_H
