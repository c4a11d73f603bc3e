//===- support/ThreadError.cpp - The C ABI's last error -------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Messages live in a fixed buffer per thread, so that even "out of memory" can
// be recorded.
//
//===----------------------------------------------------------------------===//
#include "support/ThreadError.h"

#include <algorithm>
#include <cstring>

namespace {
constexpr size_t kMaxMessage = 2048;
thread_local char lastMessage[kMaxMessage] = "";
} // namespace

qmm_status qmmrt::setThreadError(const Status &status) noexcept {
  if (status.ok())
    return QMM_STATUS_OK;
  const std::string &text = status.getMessage();
  size_t length = std::min(text.size(), kMaxMessage - 1);
  std::memcpy(lastMessage, text.data(), length);
  lastMessage[length] = '\0';
  return status.getCode();
}

const char *qmm_last_error(void) { return lastMessage; }

// A C caller may pass any int, which C++ calls undefined for this enum.
__attribute__((no_sanitize("enum"))) const char *
qmm_status_name(qmm_status status) {
  switch (status) {
  case QMM_STATUS_OK:
    return "ok";
  case QMM_STATUS_INVALID_ARGUMENT:
    return "invalid argument";
  case QMM_STATUS_UNSUPPORTED:
    return "unsupported";
  case QMM_STATUS_NOT_FOUND:
    return "not found";
  case QMM_STATUS_MALFORMED:
    return "malformed";
  case QMM_STATUS_IO:
    return "input/output error";
  case QMM_STATUS_OUT_OF_MEMORY:
    return "out of memory";
  case QMM_STATUS_UNPREPARED:
    return "unprepared";
  case QMM_STATUS_INTERNAL:
    return "internal error";
  case QMM_STATUS_DEVICE:
    return "device error";
  }
  return "unknown status";
}

uint32_t qmm_version(void) {
  return QMM_VERSION_MAJOR << 16 | QMM_VERSION_MINOR << 8 | QMM_VERSION_PATCH;
}
