//===- test/cuda/RunAllocationTest.cpp - Running a plan allocates nothing -===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A binary of its own: it counts what the whole process allocates.
//
//===----------------------------------------------------------------------===//
#include "../AllocationCounter.h"
#include "PlanFixture.h"
#include "cuda/DeviceModule.h"

using namespace qmmrt;
using namespace qmmrt::cuda;
using namespace qmmrt::test;

namespace {

TEST_F(PlanTest, RunningAllocatesNothing) {
  float factor = 1;
  args.alpha = &factor;
  auto made = plan();
  MatmulCache cache(device, options, "");
  ASSERT_TRUE(cache.get(args, nullptr).ok());
  ASSERT_TRUE(device->getWorkspace(nullptr).ok());
  const MatmulBuffers buffers = getBuffers();
  LaunchConfig config;
  FakeCuda::get().calls.clear(); // the fake counts no calls, then
  AllocationCounter counter;
  bool isOk = runMatmul(*device, *made, buffers, nullptr, nullptr).ok();
  isOk &= launch(*device, nullptr, config, nullptr, nullptr).ok();
  isOk &= device->getWorkspace(nullptr).ok();
  isOk &= cache.get(args, nullptr).ok();
  EXPECT_EQ(counter.stop(), 0u);
  EXPECT_TRUE(isOk);
}

} // namespace
