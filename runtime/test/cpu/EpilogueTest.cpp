//===- EpilogueTest.cpp - Activation functions against double -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SimdTargets.h"
#include "TestTensor.h"
#include "cpu/Kernels.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

using namespace qmmrt;
using namespace qmmrt::test;

namespace {

class Epilogue : public SimdTargetTest {
protected:
  float activate(qmm_activation activation, float value) {
    cpu::getKernels().activate(activation, &value, 1);
    return value;
  }
};

TEST_P(Epilogue, ActivationsAreAccurate) {
  for (int activation = 0; activation <= QMM_ACTIVATION_SILU; ++activation) {
    std::vector<float> values;
    for (double x = -12; x <= 12; x += 0.00037)
      values.push_back(float(x));
    for (float x = 1e-30f; x < 1e30f; x *= 1.7f) {
      values.push_back(x);
      values.push_back(-x);
    }
    std::vector<float> results = values;
    cpu::getKernels().activate(qmm_activation(activation), results.data(),
                               int64_t(results.size()));
    double worst = 0;
    float at = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      double want = activateNaively(qmm_activation(activation), values[i]);
      // Below the normal numbers of f32 only the absolute error counts.
      double error = std::fabs(results[i] - want) - 1e-37;
      double relative = want == 0 ? (error > 0) : error / std::fabs(want);
      // exp of a rounded argument u is off by a few |u| / 2^24, and |u| < 90:
      // in a tail that adds less than 1e-4 of x to any sum.
      double allowed =
          std::fabs(want) < 1e-4 * std::fabs(values[i]) ? 2e-5 : 1.5e-6;
      if (relative / allowed > worst) {
        worst = relative / allowed;
        at = values[i];
      }
    }
    EXPECT_LT(worst, 1.0) << "activation " << activation << " at " << at;
  }
}

TEST_P(Epilogue, ActivationsOfSpecialNumbers) {
  for (int i = QMM_ACTIVATION_RELU; i <= QMM_ACTIVATION_SILU; ++i) {
    auto activation = qmm_activation(i);
    EXPECT_TRUE(std::isnan(activate(activation, NAN))) << i;
    EXPECT_EQ(activate(activation, 0.0f), 0.0f) << i;
    EXPECT_EQ(activate(activation, INFINITY), INFINITY) << i;
    EXPECT_EQ(activate(activation, 3e38f), 3e38f) << i;
    EXPECT_EQ(activate(activation, -3e38f), 0.0f) << i;
  }
  EXPECT_EQ(activate(QMM_ACTIVATION_RELU, -INFINITY), 0.0f);
}

INSTANTIATE_TEST_SUITE_P(Targets, Epilogue, getSimdTargets(), getSimdTestName);

} // namespace
