//===- context/Memory.cpp - qmm/memory.h ----------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A CPU's memory is the heap's, so that one caller serves both devices.
//
//===----------------------------------------------------------------------===//
#include "qmm/memory.h"

#include "context/Context.h"
#include "support/ThreadError.h"

#include <cstdlib>
#include <cstring>

using namespace qmmrt;

namespace {

constexpr size_t kAlignment = 256;

Status invalid(std::string message) {
  return Status(QMM_STATUS_INVALID_ARGUMENT, std::move(message));
}

/// The rules that all calls share.
Status verify(const qmm_context *context, const void *stream) {
  if (!context)
    return invalid("context is NULL");
  if (!context->device && stream)
    return invalid("stream is given, expected NULL on the CPU");
  return Status();
}

Status allocate(qmm_context *context, size_t bytes, void **memory) {
  if (Status s = verify(context, nullptr); !s.ok())
    return s;
  if (!memory)
    return invalid("memory is NULL, expected a place for the address");
  *memory = nullptr;
  if (context->device) {
    Result<void *> allocated = context->device->allocate(bytes);
    if (allocated.ok())
      *memory = *allocated;
    return allocated.getStatus();
  }
  if (bytes == 0)
    return Status();
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (rounded >= bytes)
    *memory = std::aligned_alloc(kAlignment, rounded);
  return *memory ? Status()
                 : Status(QMM_STATUS_OUT_OF_MEMORY,
                          std::to_string(bytes) + " bytes can't be allocated");
}

Status transfer(qmm_context *context, void *to, const void *from, size_t bytes,
                void *stream, bool isToDevice) {
  if (Status s = verify(context, stream); !s.ok())
    return s;
  if (bytes == 0)
    return Status();
  if (!to || !from)
    return invalid("an address is NULL, expected memory of " +
                   std::to_string(bytes) + " bytes");
  if (!context->device) {
    std::memmove(to, from, bytes);
    return Status();
  }
  const cuda::Device &device = *context->device;
  if (Status s = device.verifyPointer(isToDevice ? to : from, "device");
      !s.ok())
    return s;
  const auto on = static_cast<cuda::CUstream>(stream);
  if (Status s = isToDevice ? device.copyToDevice(to, from, bytes, on)
                            : device.copyToHost(to, from, bytes, on);
      !s.ok())
    return s;
  return device.synchronize(on);
}

} // namespace

qmm_status qmm_memory_allocate(qmm_context *context, size_t bytes,
                               void **memory) {
  return guardCall([&] { return allocate(context, bytes, memory); });
}

qmm_status qmm_memory_free(qmm_context *context, void *memory) {
  return guardCall([&]() -> Status {
    if (Status s = verify(context, nullptr); !s.ok())
      return s;
    if (context->device)
      return context->device->free(memory);
    std::free(memory);
    return Status();
  });
}

qmm_status qmm_memory_to_device(qmm_context *context, void *device,
                                const void *host, size_t bytes, void *stream) {
  return guardCall(
      [&] { return transfer(context, device, host, bytes, stream, true); });
}

qmm_status qmm_memory_to_host(qmm_context *context, void *host,
                              const void *device, size_t bytes, void *stream) {
  return guardCall(
      [&] { return transfer(context, host, device, bytes, stream, false); });
}

qmm_status qmm_stream_create(qmm_context *context, void **stream) {
  return guardCall([&]() -> Status {
    if (Status s = verify(context, nullptr); !s.ok())
      return s;
    if (!stream)
      return invalid("stream is NULL, expected a place for the stream");
    *stream = nullptr;
    if (!context->device)
      return Status();
    Result<cuda::CUstream> created = context->device->createStream();
    if (created.ok())
      *stream = *created;
    return created.getStatus();
  });
}

qmm_status qmm_stream_destroy(qmm_context *context, void *stream) {
  return guardCall([&]() -> Status {
    if (Status s = verify(context, stream); !s.ok())
      return s;
    if (!context->device)
      return Status();
    return context->device->destroyStream(static_cast<cuda::CUstream>(stream));
  });
}

qmm_status qmm_stream_synchronize(qmm_context *context, void *stream) {
  return guardCall([&]() -> Status {
    if (Status s = verify(context, stream); !s.ok())
      return s;
    if (!context->device)
      return Status();
    return context->device->synchronize(static_cast<cuda::CUstream>(stream));
  });
}
