//===- support/Executor.cpp - Thread pool ---------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matrix-vector product lasts a few hundred microseconds, so starting one
// must cost about one: workers spin briefly before they sleep, ranges are
// handed out by one atomic counter, and the caller never waits for a worker
// that hasn't started (it may not be scheduled for milliseconds on a busy
// machine).
//
//===----------------------------------------------------------------------===//
#include "support/Executor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

using namespace qmmrt;

namespace {

constexpr unsigned kMaxThreads = 512;
constexpr auto kSpinTime = std::chrono::microseconds(50);

/// Set while this thread runs a body: a nested parallelFor is serial.
thread_local bool insideBody = false;

struct BodyScope {
  bool outer = insideBody;
  BodyScope() { insideBody = true; }
  ~BodyScope() { insideBody = outer; }
};

void pauseCpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

unsigned getUsableCpus() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

void runSerially(int64_t count, Executor::Body body) {
  BodyScope scope;
  if (count > 0)
    body(0, count, 0);
}

class SerialExecutor final : public Executor {
public:
  unsigned getNumWorkers() const override { return 1; }
  void parallelFor(int64_t count, int64_t, Body body) override {
    runSerially(count, body);
  }
};

class ThreadPool final : public Executor {
public:
  explicit ThreadPool(unsigned numThreads) {
    threads.reserve(numThreads - 1);
    for (unsigned worker = 1; worker < numThreads; ++worker) {
      try {
        threads.emplace_back([this, worker] { workerMain(worker); });
      } catch (const std::system_error &) {
        break; // The system's thread limit: fewer workers do the same work.
      }
    }
  }

  ~ThreadPool() override {
    {
      std::lock_guard<std::mutex> lock(sleepMutex);
      stopping.store(true);
    }
    wakeUp.notify_all();
    for (std::thread &thread : threads)
      thread.join();
  }

  unsigned getNumWorkers() const override { return threads.size() + 1; }

  void parallelFor(int64_t count, int64_t grain, Body body) override {
    grain = std::max<int64_t>(grain, 1);
    if (insideBody || threads.empty() || count <= grain)
      return runSerially(count, body);
    // One loop at a time; a second caller does its own work meanwhile.
    std::unique_lock<std::mutex> owner(callerMutex, std::try_to_lock);
    if (!owner.owns_lock())
      return runSerially(count, body);

    int64_t pieces = 4 * int64_t(getNumWorkers());
    jobBody = &body;
    jobCount = count;
    jobChunk = std::max(grain, (count + pieces - 1) / pieces);
    jobNext.store(0, std::memory_order_relaxed);
    uint64_t generation = (state.load(std::memory_order_relaxed) >> kGenShift);
    state.store((generation + 1) << kGenShift | kOpen);
    if (sleepers.load() != 0) {
      {
        std::lock_guard<std::mutex> lock(sleepMutex);
      }
      wakeUp.notify_all();
    }
    runChunks(0);
    // Closed: nobody enters any more.  Wait for those inside.
    state.fetch_and(~kOpen);
    for (unsigned spins = 0; state.load(std::memory_order_acquire) & kInside;
         ++spins) {
      if (spins < 4096)
        pauseCpu();
      else
        std::this_thread::yield();
    }
  }

private:
  // state: generation << 32 | open << 31 | workers inside.
  static constexpr unsigned kGenShift = 32;
  static constexpr uint64_t kOpen = uint64_t(1) << 31;
  static constexpr uint64_t kInside = kOpen - 1;

  void runChunks(unsigned worker) {
    BodyScope scope;
    const Body &body = *jobBody;
    const int64_t count = jobCount, chunk = jobChunk;
    for (;;) {
      int64_t begin = jobNext.fetch_add(chunk, std::memory_order_relaxed);
      if (begin >= count)
        return;
      body(begin, std::min(count, begin + chunk), worker);
    }
  }

  bool hasWork(uint64_t value, uint64_t lastGeneration) const {
    return (value & kOpen) && (value >> kGenShift) != lastGeneration;
  }

  void workerMain(unsigned worker) {
    uint64_t lastGeneration = 0;
    while (waitForWork(lastGeneration)) {
      uint64_t value = state.load();
      while (hasWork(value, lastGeneration)) {
        if (!state.compare_exchange_weak(value, value + 1))
          continue;
        lastGeneration = value >> kGenShift;
        runChunks(worker);
        state.fetch_sub(1, std::memory_order_release);
        break;
      }
    }
  }

  /// False: the pool is going away.
  bool waitForWork(uint64_t lastGeneration) {
    auto deadline = std::chrono::steady_clock::now() + kSpinTime;
    do {
      for (int i = 0; i < 64; ++i) {
        if (hasWork(state.load(std::memory_order_relaxed), lastGeneration))
          return true;
        pauseCpu();
      }
    } while (std::chrono::steady_clock::now() < deadline);

    std::unique_lock<std::mutex> lock(sleepMutex);
    sleepers.fetch_add(1);
    wakeUp.wait(lock, [&] {
      return stopping.load() || hasWork(state.load(), lastGeneration);
    });
    sleepers.fetch_sub(1);
    return !stopping.load();
  }

  std::vector<std::thread> threads;
  std::mutex callerMutex;

  // The current job: written by its caller while nobody is inside.
  const Body *jobBody = nullptr;
  int64_t jobCount = 0;
  int64_t jobChunk = 0;
  alignas(64) std::atomic<int64_t> jobNext{0};
  alignas(64) std::atomic<uint64_t> state{0};

  alignas(64) std::mutex sleepMutex;
  std::condition_variable wakeUp;
  std::atomic<unsigned> sleepers{0};
  std::atomic<bool> stopping{false};
};

} // namespace

Executor &qmmrt::getSerialExecutor() {
  static SerialExecutor executor;
  return executor;
}

std::unique_ptr<Executor> qmmrt::createThreadPool(unsigned numThreads) {
  if (numThreads == 0)
    numThreads = getUsableCpus();
  return std::make_unique<ThreadPool>(std::min(numThreads, kMaxThreads));
}
