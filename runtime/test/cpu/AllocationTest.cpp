//===- AllocationTest.cpp - The hot path allocates nothing ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every allocation of this program, of any thread, goes through the counting
// operators and (without sanitizers, which bring their own) malloc below.
//
//===----------------------------------------------------------------------===//
#include "TestTensor.h"
#include "qmm/ops.h"

#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>

static std::atomic<long> allocations{0};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QMM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define QMM_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(QMM_SANITIZED)
extern "C" {
void *__libc_malloc(size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void *malloc(size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, bytes);
}
}
#else
void *operator new(size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void *memory = std::malloc(bytes ? bytes : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
#endif

using namespace qmmrt;
using namespace qmmrt::test;

namespace {

TEST(Allocation, IsCounted) {
  long before = allocations.load();
  delete new TestTensor;
  std::vector<int> some(1000);
  EXPECT_GT(allocations.load(), before) << some.size();
}

TEST(Allocation, NoneInScaledMatmul) {
  qmm_context_options options = {};
  options.struct_size = sizeof(options);
  options.num_threads = 3;
  qmm_context *context = nullptr;
  ASSERT_EQ(qmm_context_create(&options, &context), QMM_STATUS_OK);
  std::mt19937 random(1);
  for (int64_t m : {0, 1, 40})
    for (const char *scheme : {"bf16", "fp8_1x128", "nvfp4", "int8_row"})
      for (const char *output : {"bf16", "fp8", "nvfp4", "mxfp8"}) {
        qmm_scheme sb = getScheme(scheme), sd = getScheme(output);
        TestTensor a({m, 256}, getScheme("bf16"));
        TestTensor b({64, 256}, sb, getPlainLayout(sb));
        TestTensor bias({64}, getScheme("f32"));
        TestTensor residual({m, 64}, getScheme("bf16"));
        TestTensor d({m, 64}, sd, getPlainLayout(sd));
        for (TestTensor *tensor : {&a, &b, &bias, &residual})
          tensor->fill(random);
        float amax = 0;
        qmm_scaled_matmul_args args = {};
        args.struct_size = sizeof(args);
        args.activation = QMM_ACTIVATION_GELU_ERF;
        args.a = &a.desc;
        args.b = &b.desc;
        args.bias = &bias.desc;
        args.residual = &residual.desc;
        args.d = &d.desc;
        args.amax = &amax;
        size_t bytes = 0;
        ASSERT_EQ(qmm_scaled_matmul_workspace(context, &args, &bytes),
                  QMM_STATUS_OK);
        Workspace workspace(bytes);
        args.workspace = workspace.get();
        args.workspace_bytes = bytes;
        long before = allocations.load();
        size_t again = 0;
        qmm_status queried =
            qmm_scaled_matmul_workspace(context, &args, &again);
        qmm_status status = qmm_scaled_matmul(context, &args);
        long after = allocations.load();
        EXPECT_EQ(after, before) << scheme << " to " << output << ", M " << m;
        EXPECT_EQ(queried, QMM_STATUS_OK);
        EXPECT_EQ(status, QMM_STATUS_OK) << qmm_last_error();
      }
  qmm_context_destroy(context);
}

} // namespace
