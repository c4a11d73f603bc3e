//===- ThreadErrorTest.cpp - Status codes and messages --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "support/ThreadError.h"

#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>

using namespace qmmrt;

TEST(ThreadError, MessageBelongsToTheThread) {
  EXPECT_EQ(setThreadError(Status(QMM_STATUS_IO, "first")), QMM_STATUS_IO);
  std::thread([] {
    EXPECT_STREQ(qmm_last_error(), "");
    EXPECT_EQ(setThreadError(Status(QMM_STATUS_NOT_FOUND, "second")),
              QMM_STATUS_NOT_FOUND);
    EXPECT_STREQ(qmm_last_error(), "second");
  }).join();
  EXPECT_STREQ(qmm_last_error(), "first");
  EXPECT_EQ(setThreadError(Status()), QMM_STATUS_OK);
  EXPECT_STREQ(qmm_last_error(), "first");
}

TEST(ThreadError, LongMessageIsCut) {
  setThreadError(Status(QMM_STATUS_IO, std::string(100000, 'x')));
  std::string text = qmm_last_error();
  EXPECT_GT(text.size(), 1000u);
  EXPECT_EQ(text, std::string(text.size(), 'x'));
}

TEST(ThreadError, ExceptionsBecomeStatuses) {
  EXPECT_EQ(guardCall([]() -> Status { throw std::bad_alloc(); }),
            QMM_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(guardCall([]() -> Status { throw std::runtime_error("boom"); }),
            QMM_STATUS_INTERNAL);
  EXPECT_STREQ(qmm_last_error(), "boom");
  EXPECT_EQ(guardCall([]() -> Status { throw 1; }), QMM_STATUS_INTERNAL);
}

TEST(ThreadError, EveryStatusHasItsOwnName) {
  std::string names;
  for (int code = QMM_STATUS_OK; code <= QMM_STATUS_DEVICE; ++code) {
    std::string name = qmm_status_name(qmm_status(code));
    EXPECT_NE(name, "unknown status");
    EXPECT_EQ(names.find("|" + name + "|"), std::string::npos) << name;
    names += "|" + name + "|";
  }
  EXPECT_STREQ(qmm_status_name(qmm_status(99)), "unknown status");
  EXPECT_EQ(qmm_version(), 0x000100u);
}
