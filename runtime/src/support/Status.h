//===- support/Status.h - Errors without exceptions -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every fallible function of the runtime returns a Status or a Result.  The C
// ABI turns them into a qmm_status and the calling thread's message in one
// place (support/ThreadError.h).  An OK Status allocates nothing.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_SUPPORT_STATUS_H
#define QMMRT_SUPPORT_STATUS_H

#include "qmm/status.h"

#include <optional>
#include <string>
#include <utility>

namespace qmmrt {

class [[nodiscard]] Status {
public:
  Status() = default;
  Status(qmm_status code, std::string message)
      : code(code), text(std::move(message)) {}

  bool ok() const { return code == QMM_STATUS_OK; }
  qmm_status getCode() const { return code; }
  const std::string &getMessage() const { return text; }

private:
  qmm_status code = QMM_STATUS_OK;
  std::string text;
};

/// A value, or the Status that says why there is none.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : value(std::move(value)) {}
  Result(Status status) : status(std::move(status)) {}

  bool ok() const { return value.has_value(); }
  const Status &getStatus() const { return status; }
  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }

private:
  Status status;
  std::optional<T> value;
};

} // namespace qmmrt

#endif // QMMRT_SUPPORT_STATUS_H
