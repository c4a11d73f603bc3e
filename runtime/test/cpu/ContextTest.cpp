//===- ContextTest.cpp - qmm/context.h ------------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "qmm/context.h"
#include "qmm/memory.h"

#include <gtest/gtest.h>
#include <string>

namespace {

qmm_context_options getOptions() {
  qmm_context_options options = {};
  options.struct_size = sizeof(options);
  return options;
}

TEST(Context, DescribesItself) {
  for (const char *device : {static_cast<const char *>(nullptr), "cpu"}) {
    qmm_context_options options = getOptions();
    options.num_threads = 3;
    options.device = device;
    qmm_context *context = nullptr;
    ASSERT_EQ(qmm_context_create(&options, &context), QMM_STATUS_OK);
    std::string text = qmm_context_description(context);
    EXPECT_EQ(text.find("cpu ("), 0u) << text;
    EXPECT_NE(text.find(", 3 threads)"), std::string::npos) << text;
    qmm_context_destroy(context);
  }
  qmm_context *context = nullptr;
  ASSERT_EQ(qmm_context_create(nullptr, &context), QMM_STATUS_OK);
  EXPECT_NE(context, nullptr);
  qmm_context_destroy(context);
  qmm_context_destroy(nullptr);
}

TEST(Context, AutoIsAGpuOrTheCpu) {
  qmm_context_options options = getOptions();
  options.device = "auto";
  options.cublaslt = "/dev"; // no library there: the CPU
  qmm_context *context = nullptr;
  ASSERT_EQ(qmm_context_create(&options, &context), QMM_STATUS_OK);
  EXPECT_EQ(std::string(qmm_context_description(context)).find("cpu ("), 0u);
  qmm_context_destroy(context);
  options.device = "cuda";
  EXPECT_EQ(qmm_context_create(&options, &context), QMM_STATUS_UNSUPPORTED);
  EXPECT_NE(std::string(qmm_last_error()), "");
  EXPECT_EQ(context, nullptr);
}

TEST(Context, RefusesBadDevices) {
  for (const char *device : {"cuda:", "cuda:x", "cuda:-1", "cuda0", "cuda:1x",
                             "cuda:99999999999", "gpu", ""}) {
    qmm_context_options options = getOptions();
    options.device = device;
    qmm_context *context = nullptr;
    EXPECT_EQ(qmm_context_create(&options, &context),
              QMM_STATUS_INVALID_ARGUMENT)
        << device;
  }
}

TEST(Memory, OfTheCpuIsPlain) {
  qmm_context *context = nullptr;
  ASSERT_EQ(qmm_context_create(nullptr, &context), QMM_STATUS_OK);
  void *memory = nullptr, *stream = &context;
  ASSERT_EQ(qmm_memory_allocate(context, 100, &memory), QMM_STATUS_OK);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
  ASSERT_EQ(qmm_stream_create(context, &stream), QMM_STATUS_OK);
  EXPECT_EQ(stream, nullptr);
  const char text[] = "text";
  char back[sizeof(text)] = "";
  EXPECT_EQ(qmm_memory_to_device(context, memory, text, sizeof(text), stream),
            QMM_STATUS_OK);
  EXPECT_EQ(qmm_memory_to_host(context, back, memory, sizeof(text), stream),
            QMM_STATUS_OK);
  EXPECT_STREQ(back, text);
  EXPECT_EQ(qmm_stream_synchronize(context, stream), QMM_STATUS_OK);
  EXPECT_EQ(qmm_stream_destroy(context, stream), QMM_STATUS_OK);
  EXPECT_EQ(qmm_memory_free(context, memory), QMM_STATUS_OK);
  EXPECT_EQ(qmm_memory_free(context, nullptr), QMM_STATUS_OK);
  EXPECT_EQ(qmm_memory_allocate(context, 0, &memory), QMM_STATUS_OK);
  EXPECT_EQ(memory, nullptr);
  EXPECT_EQ(qmm_memory_allocate(context, SIZE_MAX, &memory),
            QMM_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(qmm_memory_allocate(nullptr, 1, &memory),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_memory_to_device(context, nullptr, text, 1, nullptr),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(qmm_stream_synchronize(context, &context),
            QMM_STATUS_INVALID_ARGUMENT);
  qmm_context_destroy(context);
}

TEST(Context, RefusesBadArguments) {
  EXPECT_EQ(qmm_context_create(nullptr, nullptr), QMM_STATUS_INVALID_ARGUMENT);
  qmm_context *context = nullptr;
  qmm_context_options options = getOptions();
  options.struct_size = 3;
  EXPECT_EQ(qmm_context_create(&options, &context),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(qmm_last_error()).find("struct_size is 3"),
            std::string::npos);
  options = getOptions();
  options.device = "gpu";
  EXPECT_EQ(qmm_context_create(&options, &context),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(qmm_last_error()).find("device is \"gpu\""),
            std::string::npos);
  EXPECT_EQ(context, nullptr);
}

} // namespace
