//===- test/device/DeviceFixture.h - Tensors on the GPU ---------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tests in this folder run on the first GPU and are skipped without one.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_DEVICE_DEVICEFIXTURE_H
#define QMMRT_TEST_DEVICE_DEVICEFIXTURE_H

#include "../cpu/TestTensor.h"
#include "cuda/Matmul.h"

#include <gtest/gtest.h>

namespace qmmrt {
namespace test {

class DeviceTest : public ::testing::Test {
protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite() { device.reset(); }
  void SetUp() override;
  void TearDown() override;

  /// A copy on the device, freed after the test.
  void *upload(const void *bytes, size_t count);
  void download(void *bytes, const void *memory, size_t count);

  struct OnDevice {
    qmm_tensor desc;
    cuda::Buffers buffers;
  };
  OnDevice upload(const TestTensor &tensor);

  struct Call {
    const TestTensor *a, *b;
    const TestTensor *bias = nullptr, *residual = nullptr;
    qmm_activation activation = QMM_ACTIVATION_NONE;
    const float *alpha = nullptr;
    const float *outputScale = nullptr; // what multiplies a quantized result
    float *amax = nullptr;              // receives it
    cuda::PlanOptions options = {};
    /// For what describeMatmul refuses: changes the problem before planning.
    void (*change)(cuda::MatmulProblem &) = nullptr;
  };
  /// Plans and runs; d's buffers are what came back over garbage.
  Status run(const Call &call, TestTensor &d);

  static std::shared_ptr<cuda::Device> device;
  static std::string missing; // why there is no device
  std::vector<void *> memory;
  cuda::CUstream stream = nullptr;
  cuda::MatmulPlan::Choice choice; // of the last run
};

/// activation(alpha * a b^T + bias + residual) in double, with the sums of
/// magnitudes.
Product multiplyNaively(const TestTensor &a, const TestTensor &b, float alpha,
                        const TestTensor *bias, const TestTensor *residual,
                        qmm_activation activation);

/// The largest error beyond d's own rounding, as a part of the magnitudes.
double getError(const TestTensor &d, const Product &expected);

/// FP8 tensor cores keep about 14 bits of a sum, which is promoted to f32 in
/// pieces or, with fast accumulation, not at all.  Measured on an H100: below
/// half of these.
constexpr double kFastError = 4e-4, kFullError = 4e-4, kWideError = 1e-5;

} // namespace test
} // namespace qmmrt

#endif // QMMRT_TEST_DEVICE_DEVICEFIXTURE_H
