//===- ExecutorTest.cpp - Thread pool -------------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "support/Executor.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

using namespace qmmrt;

namespace {

/// Every index once, ranges of at least the grain, workers in range.
void checkCoverage(Executor &executor, int64_t count, int64_t grain) {
  std::vector<std::atomic<int>> seen(count);
  executor.parallelFor(count, grain,
                       [&](int64_t begin, int64_t end, unsigned worker) {
                         EXPECT_LT(worker, executor.getNumWorkers());
                         EXPECT_LT(begin, end);
                         EXPECT_TRUE(end - begin >= grain || end == count);
                         for (int64_t i = begin; i < end; ++i)
                           seen[i].fetch_add(1);
                       });
  EXPECT_TRUE(
      std::all_of(seen.begin(), seen.end(), [](auto &n) { return n == 1; }));
}

TEST(Executor, CoversEveryIndexOnce) {
  for (unsigned threads : {1, 2, 3, 7}) {
    auto pool = createThreadPool(threads);
    EXPECT_EQ(pool->getNumWorkers(), threads);
    for (int64_t count : {0, 1, 2, 5, 64, 1000})
      for (int64_t grain : {0, 1, 3, 64, 5000})
        checkCoverage(*pool, count, grain);
  }
  checkCoverage(getSerialExecutor(), 100, 7);
  EXPECT_GE(createThreadPool(0)->getNumWorkers(), 1u);
}

TEST(Executor, ManyShortLoops) {
  auto pool = createThreadPool(3);
  std::atomic<int64_t> sum{0};
  for (int round = 0; round < 20000; ++round)
    pool->parallelFor(6, 1, [&](int64_t begin, int64_t end, unsigned) {
      sum.fetch_add(end - begin, std::memory_order_relaxed);
    });
  EXPECT_EQ(sum.load(), 120000);
}

TEST(Executor, SleepingWorkersWakeUp) {
  auto pool = createThreadPool(2);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    // Both workers must be in the body at once for either to leave.
    std::atomic<int> inside{0};
    pool->parallelFor(2, 1, [&](int64_t, int64_t, unsigned) {
      inside.fetch_add(1);
      while (inside.load() < 2)
        std::this_thread::yield();
    });
    EXPECT_EQ(inside.load(), 2);
  }
}

TEST(Executor, NestedLoopsAreSerial) {
  auto pool = createThreadPool(3);
  std::atomic<int> inner{0};
  pool->parallelFor(8, 1, [&](int64_t begin, int64_t end, unsigned) {
    auto id = std::this_thread::get_id();
    for (int64_t i = begin; i < end; ++i)
      pool->parallelFor(10, 1, [&](int64_t b, int64_t e, unsigned worker) {
        EXPECT_EQ(id, std::this_thread::get_id());
        EXPECT_EQ(worker, 0u);
        inner.fetch_add(int(e - b));
      });
  });
  EXPECT_EQ(inner.load(), 80);
}

TEST(Executor, SeveralCallers) {
  auto pool = createThreadPool(2);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round)
        pool->parallelFor(100, 5, [&](int64_t begin, int64_t end, unsigned) {
          sum.fetch_add(end - begin);
        });
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(sum.load(), 4 * 500 * 100);
}

} // namespace
