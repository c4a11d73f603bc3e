//===- test/AllocationCounter.cpp - Counts allocations ------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Through a sanitizer's own hooks where there is one, else by standing in front
// of glibc's allocator.
//
//===----------------------------------------------------------------------===//
#include "AllocationCounter.h"

#include <atomic>

static std::atomic<bool> isCounting{false};
static std::atomic<size_t> allocations{0};

static void countOne() {
  if (isCounting.load(std::memory_order_relaxed))
    ++allocations;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define QMM_TEST_HAS_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QMM_TEST_HAS_SANITIZER
#endif

#ifdef QMM_TEST_HAS_SANITIZER

extern "C" int __sanitizer_install_malloc_and_free_hooks(
    void (*mallocHook)(const volatile void *, size_t),
    void (*freeHook)(const volatile void *));

static const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void *, size_t) { countOne(); },
    [](const volatile void *) {});

#else

// Visible, so that operator new in libstdc++ comes here too.
#pragma GCC visibility push(default)
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t bytes) {
  countOne();
  return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
  countOne();
  return __libc_calloc(count, bytes);
}
void *realloc(void *memory, size_t bytes) {
  countOne();
  return __libc_realloc(memory, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  countOne();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  countOne();
  *memory = __libc_memalign(alignment, bytes);
  return *memory ? 0 : 12; // ENOMEM
}
}
#pragma GCC visibility pop

#endif

AllocationCounter::AllocationCounter() {
  allocations = 0;
  isCounting = true;
}

size_t AllocationCounter::stop() {
  isCounting = false;
  return allocations;
}
