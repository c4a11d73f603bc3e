//===- test/cuda/DeviceTest.cpp - Devices, modules and launches -----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against the fake driver.
//
//===----------------------------------------------------------------------===//
#include "FakeCuda.h"
#include "cuda/DeviceModule.h"

#include <gtest/gtest.h>

using namespace qmmrt;
using namespace qmmrt::cuda;
using namespace qmmrt::test;

namespace {

std::shared_ptr<Device> open() {
  Result<std::shared_ptr<Device>> device = Device::open(FakeCuda::install(), 0);
  EXPECT_TRUE(device.ok()) << device.getStatus().getMessage();
  return *device;
}

TEST(Device, DescribesItself) {
  std::shared_ptr<Device> device = open();
  EXPECT_EQ(device->describe(),
            "cuda:0 (Fake GPU, sm_90, driver 13.0, cuBLASLt 13.1.0)");
  EXPECT_EQ(device->getWorkspaceBytes(), size_t(32) << 20);
  FakeCuda &fake = FakeCuda::get();
  device.reset();
  EXPECT_EQ(fake.calls["retain"], fake.calls["release"]);
  EXPECT_EQ(fake.calls["cuMemAlloc"], fake.calls["cuMemFree"]);
}

TEST(Device, WhichIsNotThere) {
  const CudaLibraries libraries = FakeCuda::install();
  Result<std::shared_ptr<Device>> device = Device::open(libraries, 1);
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.getStatus().getCode(), QMM_STATUS_UNSUPPORTED);
  EXPECT_EQ(device.getStatus().getMessage(),
            "cuda:1 doesn't exist: 1 GPU found");
}

TEST(Device, OutOfMemoryIsAStatusAndPasses) {
  std::shared_ptr<Device> device = open();
  FakeCuda::get().memoryLimit = 1000;
  Result<void *> memory = device->allocate(1001);
  EXPECT_EQ(memory.getStatus().getCode(), QMM_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(memory.getStatus().getMessage(),
            "allocating 1001 bytes: CUDA_ERROR_OUT_OF_MEMORY (the driver's "
            "sentence)");
  memory = device->allocate(1000);
  ASSERT_TRUE(memory.ok());
  EXPECT_TRUE(device->free(*memory).ok());
}

TEST(Device, OneWorkspacePerStream) {
  std::shared_ptr<Device> device = open();
  const CUstream one = *device->createStream(), two = *device->createStream();
  void *first = *device->getWorkspace(one);
  EXPECT_EQ(first, *device->getWorkspace(one));
  EXPECT_NE(first, *device->getWorkspace(two));
  FakeCuda::get().isCapturing = true;
  EXPECT_EQ(first, *device->getWorkspace(one));
  EXPECT_EQ(device->getWorkspace(nullptr).getStatus().getCode(),
            QMM_STATUS_UNPREPARED);
  const int freed = FakeCuda::get().calls["cuMemFree"];
  EXPECT_TRUE(device->destroyStream(one).ok());
  EXPECT_EQ(FakeCuda::get().calls["cuMemFree"], freed + 1);
}

TEST(Device, RefusesHostPointers) {
  std::shared_ptr<Device> device = open();
  int value = 0, other = 0;
  EXPECT_TRUE(device->verifyPointer(&value, "a: data").ok());
  FakeCuda::get().isHostPointer = true;
  Status s = device->verifyPointer(&other, "a: data");
  EXPECT_EQ(s.getCode(), QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(s.getMessage(), "a: data is a host pointer, expected memory that "
                            "cuda:0 can address");
  EXPECT_TRUE(device->verifyPointer(nullptr, "bias").ok());
  // The driver is asked once about an address that is good, and again about
  // one that wasn't.
  EXPECT_TRUE(device->verifyPointer(&value, "a: data").ok());
  FakeCuda::get().isHostPointer = false;
  EXPECT_TRUE(device->verifyPointer(&other, "a: data").ok());
}

constexpr char kPtx[] = ".version 8.0\n.target sm_80\n";

TEST(DeviceModule, LoadsAndResolves) {
  std::shared_ptr<Device> device = open();
  auto module = DeviceModule::load(device, kPtx);
  ASSERT_TRUE(module.ok()) << module.getStatus().getMessage();
  EXPECT_TRUE((*module)->getFunction("kernel").ok());
  EXPECT_EQ(FakeCuda::get().calls["cuFuncSetAttribute"], 0);
  EXPECT_TRUE((*module)->getFunction("kernel", 100000).ok());
  EXPECT_EQ(FakeCuda::get().calls["cuFuncSetAttribute"], 1);
  Status s = (*module)->getFunction("kernel", 300000).getStatus();
  EXPECT_NE(s.getMessage().find("giving kernel 'kernel' 300000 bytes"),
            std::string::npos)
      << s.getMessage();
  s = (*module)->getFunction("nothing").getStatus();
  EXPECT_EQ(s.getCode(), QMM_STATUS_NOT_FOUND);
  EXPECT_NE(s.getMessage().find("'nothing': CUDA_ERROR_NOT_FOUND"),
            std::string::npos)
      << s.getMessage();
  module = Status();
  EXPECT_EQ(FakeCuda::get().calls["cuModuleUnload"], 1);
}

TEST(DeviceModule, QuotesTheAssembler) {
  std::shared_ptr<Device> device = open();
  EXPECT_EQ(DeviceModule::load(device, "int main").getStatus().getCode(),
            QMM_STATUS_MALFORMED);
  FakeCuda::get().load = CUDA_ERROR_INVALID_PTX;
  Status s = DeviceModule::load(device, kPtx).getStatus();
  EXPECT_EQ(s.getCode(), QMM_STATUS_MALFORMED);
  EXPECT_EQ(s.getMessage(),
            "loading device code for sm_90 (PTX): ptxas fatal: line 3: "
            "CUDA_ERROR_INVALID_PTX (the driver's sentence)");
}

TEST(DeviceModule, Launches) {
  std::shared_ptr<Device> device = open();
  LaunchConfig config;
  config.grid = 0;
  EXPECT_TRUE(launch(*device, nullptr, config, nullptr, nullptr).ok());
  EXPECT_EQ(FakeCuda::get().lastLaunch.gridDimX, 0u);
  config.grid = 7;
  config.threads = 256;
  config.sharedBytes = 1024;
  config.cooperative = config.programmatic = true;
  EXPECT_TRUE(launch(*device, nullptr, config, nullptr, nullptr).ok());
  EXPECT_EQ(FakeCuda::get().lastLaunch.gridDimX, 7u);
  EXPECT_EQ(FakeCuda::get().lastLaunch.gridDimY, 1u);
  EXPECT_EQ(FakeCuda::get().lastLaunch.blockDimX, 256u);
  EXPECT_EQ(FakeCuda::get().lastLaunch.numAttrs, 2u);
  FakeCuda::get().launch = CUDA_ERROR_ILLEGAL_ADDRESS;
  Status s = launch(*device, nullptr, config, nullptr, nullptr);
  EXPECT_EQ(s.getCode(), QMM_STATUS_DEVICE);
  EXPECT_EQ(s.getMessage(),
            "launching a kernel (grid 7, threads 256, shared memory 1024): "
            "CUDA_ERROR_ILLEGAL_ADDRESS (the driver's sentence)");
}

} // namespace
