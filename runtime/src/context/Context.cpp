//===- context/Context.cpp - qmm/context.h --------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which device a context is for.
//
//===----------------------------------------------------------------------===//
#include "context/Context.h"

#include "numerics/Convert.h"
#include "support/ThreadError.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

using namespace qmmrt;

namespace {

Status invalid(std::string message) {
  return Status(QMM_STATUS_INVALID_ARGUMENT, std::move(message));
}

/// N of "cuda:N", 0 of "cuda".
std::optional<int> parseOrdinal(std::string_view device) {
  int ordinal = 0;
  if (device == "cuda")
    return ordinal;
  if (device.substr(0, 5) != "cuda:")
    return std::nullopt;
  const char *end = device.data() + device.size();
  auto [rest, error] = std::from_chars(device.data() + 5, end, ordinal);
  if (error != std::errc() || rest != end || ordinal < 0)
    return std::nullopt;
  return ordinal;
}

Status openDevice(const qmm_context_options &options, int ordinal,
                  qmm_context &context) {
  Result<cuda::CudaLibraries> libraries =
      cuda::CudaLibraries::load(options.cublaslt ? options.cublaslt : "");
  if (!libraries.ok())
    return libraries.getStatus();
  Result<std::shared_ptr<cuda::Device>> device =
      cuda::Device::open(*libraries, ordinal);
  if (!device.ok())
    return device.getStatus();
  const char *variable = std::getenv("QMM_AUTOTUNE");
  cuda::PlanOptions plans;
  plans.fastAccumulation = !options.full_accumulation;
  plans.autotune =
      options.autotune || (variable && std::strcmp(variable, "1") == 0);
  context.device = *device;
  context.matmuls = std::make_unique<cuda::MatmulCache>(
      *device, plans, cuda::getCacheFolder(options.cache_dir));
  context.description = context.device->describe();
  return Status();
}

Status createContext(const qmm_context_options *given, qmm_context **context) {
  if (!context)
    return invalid("context is NULL, expected a place for the new context");
  *context = nullptr;
  qmm_context_options options = {};
  if (given) {
    if (given->struct_size != sizeof(qmm_context_options))
      return invalid("options: struct_size is " +
                     std::to_string(given->struct_size) + ", expected " +
                     std::to_string(sizeof(qmm_context_options)));
    options = *given;
  }
  const std::string_view name = options.device ? options.device : "cpu";
  const std::optional<int> ordinal =
      name == "auto" ? std::optional<int>(0) : parseOrdinal(name);
  if (name != "cpu" && !ordinal)
    return invalid("options: device is \"" + std::string(name) +
                   "\", expected \"auto\", \"cpu\", \"cuda\" or "
                   "\"cuda:N\"");

  auto created = std::make_unique<qmm_context>();
  created->executor = createThreadPool(options.num_threads);
  unsigned workers = created->executor->getNumWorkers();
  created->description =
      std::string("cpu (") + getSimdTargetName(getSimdTarget()) + ", " +
      std::to_string(workers) + (workers == 1 ? " thread)" : " threads)");
  if (ordinal)
    if (Status s = openDevice(options, *ordinal, *created);
        !s.ok() && name != "auto")
      return s;
  *context = created.release();
  return Status();
}

} // namespace

qmm_status qmm_context_create(const qmm_context_options *options,
                              qmm_context **context) {
  return guardCall([&] { return createContext(options, context); });
}

void qmm_context_destroy(qmm_context *context) { delete context; }

const char *qmm_context_description(const qmm_context *context) {
  return context ? context->description.c_str() : "";
}
