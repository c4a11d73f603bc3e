//===- test/AllocationCounter.h - Counts allocations -- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counts what any thread allocates from construction to stop().
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_ALLOCATIONCOUNTER_H
#define QMMRT_TEST_ALLOCATIONCOUNTER_H

#include <cstddef>

class AllocationCounter {
public:
  AllocationCounter();
  size_t stop();
};

#endif // QMMRT_TEST_ALLOCATIONCOUNTER_H
