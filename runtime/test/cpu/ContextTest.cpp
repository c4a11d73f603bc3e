//===- ContextTest.cpp - qmm/context.h ------------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "qmm/context.h"

#include <gtest/gtest.h>
#include <string>

namespace {

qmm_context_options getOptions() {
  qmm_context_options options = {};
  options.struct_size = sizeof(options);
  return options;
}

TEST(Context, DescribesItself) {
  for (const char *device :
       {static_cast<const char *>(nullptr), "auto", "cpu"}) {
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
