//===- SimdTargets.h - Tests that run on every vector target --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_CPU_SIMDTARGETS_H
#define QMMRT_TEST_CPU_SIMDTARGETS_H

#include "numerics/Convert.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace qmmrt {
namespace test {

/// Sets the parameter as the target for one test.
class SimdTargetTest : public ::testing::TestWithParam<SimdTarget> {
protected:
  void SetUp() override {
    before = getSimdTarget();
    setSimdTarget(GetParam());
    ASSERT_EQ(getSimdTarget(), GetParam());
  }
  void TearDown() override { setSimdTarget(before); }

private:
  SimdTarget before = SimdTarget::Scalar;
};

inline auto getSimdTargets() {
  std::vector<SimdTarget> targets;
  for (SimdTarget target :
       {SimdTarget::Scalar, SimdTarget::SSE4, SimdTarget::AVX2,
        SimdTarget::AVX512, SimdTarget::NEON})
    if (isSimdTargetSupported(target))
      targets.push_back(target);
  return ::testing::ValuesIn(targets);
}

inline std::string
getSimdTestName(const ::testing::TestParamInfo<SimdTarget> &info) {
  return getSimdTargetName(info.param);
}

} // namespace test
} // namespace qmmrt

#endif // QMMRT_TEST_CPU_SIMDTARGETS_H
