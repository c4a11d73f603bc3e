//===- support/ThreadError.h - The C ABI's last error -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place where a Status becomes a qmm_status and this thread's message,
// and where an exception becomes a Status.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_SUPPORT_THREADERROR_H
#define QMMRT_SUPPORT_THREADERROR_H

#include "support/Status.h"

#include <exception>
#include <new>

namespace qmmrt {

/// Records the message of a failed `status` for qmm_last_error and returns its
/// code.  OK leaves the last message alone and allocates nothing.
qmm_status setThreadError(const Status &status) noexcept;

/// Runs `body` (returning Status) for a C entry point: nothing is thrown
/// further.
template <typename Body> qmm_status guardCall(Body &&body) noexcept {
  try {
    return setThreadError(body());
  } catch (const std::bad_alloc &) {
    return setThreadError(Status(QMM_STATUS_OUT_OF_MEMORY, "out of memory"));
  } catch (const std::exception &error) {
    return setThreadError(Status(QMM_STATUS_INTERNAL, error.what()));
  } catch (...) {
    return setThreadError(Status(QMM_STATUS_INTERNAL, "unknown exception"));
  }
}

} // namespace qmmrt

#endif // QMMRT_SUPPORT_THREADERROR_H
