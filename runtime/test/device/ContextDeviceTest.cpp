//===- test/device/ContextDeviceTest.cpp - The C ABI, modules and graphs on a
// GPU -===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a program does that knows only qmm/*.h, and what compiled programs do
// with device code.
//
//===----------------------------------------------------------------------===//
#include "DeviceFixture.h"
#include "context/Context.h"
#include "cuda/DeviceModule.h"
#include "qmm/memory.h"

#include <cstring>
#include <thread>

using namespace qmmrt;
using namespace qmmrt::test;

namespace {

class ContextOnDevice : public DeviceTest {
protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (!device)
      return;
    qmm_context_options options = {};
    options.struct_size = sizeof(options);
    options.device = "cuda";
    options.cache_dir = "";
    ASSERT_EQ(qmm_context_create(&options, &context), QMM_STATUS_OK)
        << qmm_last_error();
    for (TestTensor *tensor : {&a, &b, &bias})
      tensor->fill(random);
  }
  void TearDown() override {
    qmm_context_destroy(context);
    DeviceTest::TearDown();
  }

  /// The call with everything on the device.
  qmm_scaled_matmul_args makeArgs(void *on) {
    da = upload(a).desc;
    db = upload(b).desc;
    dbias = upload(bias).desc;
    dd = upload(d).desc;
    qmm_scaled_matmul_args args = {};
    args.struct_size = sizeof(args);
    args.a = &da;
    args.b = &db;
    args.bias = &dbias;
    args.d = &dd;
    args.stream = on;
    return args;
  }
  void expectRight(const qmm_tensor &result) {
    download(d.data.data(), result.data, d.data.size());
    EXPECT_LE(getError(d, multiplyNaively(a, b, 1, &bias, nullptr,
                                          QMM_ACTIVATION_NONE)),
              kFastError);
  }

  qmm_context *context = nullptr;
  std::mt19937 random{3};
  TestTensor a{{40, 256}, getScheme("fp8")}, b{{64, 256}, getScheme("fp8")};
  TestTensor bias{{64}, getScheme("bf16")}, d{{40, 64}, getScheme("bf16")};
  qmm_tensor da, db, dbias, dd;
};

TEST_F(ContextOnDevice, MultipliesThroughTheCAbi) {
  EXPECT_EQ(std::string(qmm_context_description(context)).find("cuda:0 ("), 0u);
  std::printf("%s, from %s\n", qmm_context_description(context),
              device->getLibraries().cublasLtFile.c_str());
  void *own = nullptr;
  ASSERT_EQ(qmm_stream_create(context, &own), QMM_STATUS_OK);
  qmm_scaled_matmul_args args = makeArgs(own);
  size_t bytes = 0;
  ASSERT_EQ(qmm_scaled_matmul_workspace(context, &args, &bytes), QMM_STATUS_OK)
      << qmm_last_error();
  ASSERT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_OK)
      << qmm_last_error();
  ASSERT_EQ(qmm_stream_synchronize(context, own), QMM_STATUS_OK);
  expectRight(dd);
  EXPECT_EQ(qmm_stream_destroy(context, own), QMM_STATUS_OK);

  // Host pointers and bad alignment are statuses, and the context lives on.
  args = makeArgs(nullptr);
  args.a = &a.desc;
  EXPECT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(qmm_last_error()).find("host pointer"),
            std::string::npos)
      << qmm_last_error();
  args.a = &da;
  dd.data = static_cast<char *>(dd.data) + 4;
  EXPECT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_INVALID_ARGUMENT);
  args = makeArgs(nullptr);
  EXPECT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_OK)
      << qmm_last_error();
  ASSERT_EQ(qmm_stream_synchronize(context, nullptr), QMM_STATUS_OK);
  expectRight(dd);
  EXPECT_EQ(qmm_quantize(context, &da, nullptr, &dd), QMM_STATUS_UNSUPPORTED);
}

TEST_F(ContextOnDevice, Memory) {
  void *memory = nullptr;
  ASSERT_EQ(qmm_memory_allocate(context, 1000, &memory), QMM_STATUS_OK);
  std::vector<char> bytes(1000, 'x'), back(1000);
  EXPECT_EQ(qmm_memory_to_device(context, memory, bytes.data(), 1000, nullptr),
            QMM_STATUS_OK);
  EXPECT_EQ(qmm_memory_to_host(context, back.data(), memory, 1000, nullptr),
            QMM_STATUS_OK);
  EXPECT_EQ(back, bytes);
  EXPECT_EQ(
      qmm_memory_to_device(context, bytes.data(), back.data(), 1000, nullptr),
      QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_memory_free(context, memory), QMM_STATUS_OK);
  EXPECT_EQ(qmm_memory_allocate(context, size_t(1) << 46, &memory),
            QMM_STATUS_OUT_OF_MEMORY);
  EXPECT_NE(std::string(qmm_last_error()).find("CUDA_ERROR_OUT_OF_MEMORY"),
            std::string::npos);
}

TEST_F(ContextOnDevice, IsCapturedOncePrepared) {
  const cuda::DriverFunctions &cu = device->driver();
  qmm_scaled_matmul_args args = makeArgs(stream);
  cuda::CurrentContext current(*device);
  auto begin = [&] {
    ASSERT_EQ(cu.cuStreamBeginCapture_v2(
                  stream, cuda::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
              cuda::CUDA_SUCCESS);
  };
  cuda::CUgraph graph = nullptr;
  begin();
  EXPECT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_UNPREPARED)
      << qmm_last_error();
  ASSERT_EQ(cu.cuStreamEndCapture(stream, &graph), cuda::CUDA_SUCCESS);
  cu.cuGraphDestroy(graph);

  ASSERT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_OK)
      << qmm_last_error();
  ASSERT_TRUE(device->fill(dd.data, 0xEE, d.data.size(), stream).ok());
  begin();
  EXPECT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_OK)
      << qmm_last_error();
  ASSERT_EQ(cu.cuStreamEndCapture(stream, &graph), cuda::CUDA_SUCCESS);
  cuda::CUgraphExec executable = nullptr;
  ASSERT_EQ(cu.cuGraphInstantiateWithFlags(&executable, graph, 0),
            cuda::CUDA_SUCCESS);
  ASSERT_EQ(cu.cuGraphLaunch(executable, stream), cuda::CUDA_SUCCESS);
  expectRight(dd);
  cu.cuGraphExecDestroy(executable);
  cu.cuGraphDestroy(graph);
}

TEST_F(ContextOnDevice, ThreadsShareAContext) {
  std::vector<qmm_scaled_matmul_args> calls;
  std::vector<qmm_tensor> results(4);
  std::vector<std::thread> threads;
  std::vector<int> failures(4, 0);
  for (qmm_tensor &result : results) {
    calls.push_back(makeArgs(nullptr));
    result = dd;
    calls.back().d = &result;
  }
  for (size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      void *own = nullptr;
      failures[i] += qmm_stream_create(context, &own) != QMM_STATUS_OK;
      calls[i].stream = own;
      for (int j = 0; j < 50; ++j)
        failures[i] += qmm_scaled_matmul(context, &calls[i]) != QMM_STATUS_OK;
      failures[i] += qmm_stream_destroy(context, own) != QMM_STATUS_OK;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, std::vector<int>(4, 0));
  for (const qmm_tensor &result : results)
    expectRight(result);
}

// out[i] = in[i] + n for i < n, with 128 threads a block.
constexpr char kPtx[] = R"(
.version 7.0
.target sm_80
.address_size 64
.visible .entry add(.param .u64 in, .param .u64 out, .param .u64 n)
{
  .reg .pred %p;
  .reg .u32 %r<5>;
  .reg .u64 %d<8>;
  ld.param.u64 %d1, [in];
  ld.param.u64 %d2, [out];
  ld.param.u64 %d3, [n];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.u32 %r1, %r1, %r2, %r3;
  cvt.u64.u32 %d4, %r1;
  setp.ge.u64 %p, %d4, %d3;
  @%p bra done;
  shl.b64 %d4, %d4, 2;
  add.u64 %d5, %d1, %d4;
  add.u64 %d6, %d2, %d4;
  ld.global.u32 %r4, [%d5];
  cvt.u32.u64 %r3, %d3;
  add.u32 %r4, %r4, %r3;
  st.global.u32 [%d6], %r4;
done:
  ret;
}
)";

TEST_F(ContextOnDevice, LoadsAndLaunchesDeviceCode) {
  auto module = cuda::DeviceModule::load(device, kPtx);
  ASSERT_TRUE(module.ok()) << module.getStatus().getMessage();
  auto function = (*module)->getFunction("add");
  ASSERT_TRUE(function.ok()) << function.getStatus().getMessage();
  EXPECT_TRUE((*module)->getFunction("add", 100 << 10).ok());
  EXPECT_GE(*(*module)->getBlocksPerSM(*function, 128, 0), 1u);
  std::vector<uint32_t> values(1000);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = uint32_t(i * i);
  for (int kind = 0; kind < 4; ++kind) {
    std::vector<uint32_t> garbage(1000, 0xEEEEEEEE);
    void *in = upload(values.data(), 4000), *out = upload(garbage.data(), 4000);
    uint64_t n = 999;
    void *params[] = {&in, &out, &n};
    cuda::LaunchConfig config;
    config.grid = 8;
    config.threads = 128;
    config.sharedBytes = kind == 3 ? 100 << 10 : 0;
    config.cooperative = kind == 1;
    config.programmatic = kind == 2 && device->getProperties().major >= 9;
    Status s = cuda::launch(*device, *function, config, stream, params);
    ASSERT_TRUE(s.ok()) << s.getMessage();
    download(garbage.data(), out, 4000);
    for (size_t i = 0; i < 999; ++i)
      ASSERT_EQ(garbage[i], values[i] + 999) << i;
    EXPECT_EQ(garbage[999], 0xEEEEEEEE);
  }

  Status s = (*module)->getFunction("subtract").getStatus();
  EXPECT_EQ(s.getCode(), QMM_STATUS_NOT_FOUND);
  EXPECT_NE(s.getMessage().find("subtract"), std::string::npos);
  std::string broken = kPtx;
  broken.replace(broken.find("mad.lo"), 6, "mad.xx");
  s = cuda::DeviceModule::load(device, broken).getStatus();
  EXPECT_EQ(s.getCode(), QMM_STATUS_MALFORMED) << s.getMessage();
  EXPECT_NE(s.getMessage().find("modifier '.xx'"), std::string::npos)
      << s.getMessage();
  cuda::LaunchConfig tooMany;
  tooMany.threads = 2048;
  void *params[3] = {};
  s = cuda::launch(*device, *function, tooMany, stream, params);
  EXPECT_FALSE(s.ok());
  EXPECT_NE(s.getMessage().find("threads 2048"), std::string::npos);
}

} // namespace
