//===- cpu/Context.cpp - qmm/context.h ------------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "cpu/Context.h"

#include "numerics/Convert.h"
#include "support/ThreadError.h"

#include <cstring>

using namespace qmmrt;

static Status createContext(const qmm_context_options *options,
                            qmm_context **context) {
  auto fail = [](std::string message) {
    return Status(QMM_STATUS_INVALID_ARGUMENT, std::move(message));
  };
  if (!context)
    return fail("context is NULL, expected a place for the new context");
  *context = nullptr;
  unsigned threads = 0;
  if (options) {
    if (options->struct_size != sizeof(qmm_context_options))
      return fail("options: struct_size is " +
                  std::to_string(options->struct_size) + ", expected " +
                  std::to_string(sizeof(qmm_context_options)));
    if (options->device && std::strcmp(options->device, "auto") != 0 &&
        std::strcmp(options->device, "cpu") != 0)
      return fail(std::string("options: device is \"") + options->device +
                  "\", expected \"auto\" or \"cpu\"");
    threads = options->num_threads;
  }
  auto created = std::make_unique<qmm_context>();
  created->executor = createThreadPool(threads);
  unsigned workers = created->executor->getNumWorkers();
  created->description =
      std::string("cpu (") + getSimdTargetName(getSimdTarget()) + ", " +
      std::to_string(workers) + (workers == 1 ? " thread)" : " threads)");
  *context = created.release();
  return Status();
}

qmm_status qmm_context_create(const qmm_context_options *options,
                              qmm_context **context) {
  return guardCall([&] { return createContext(options, context); });
}

void qmm_context_destroy(qmm_context *context) { delete context; }

const char *qmm_context_description(const qmm_context *context) {
  return context ? context->description.c_str() : "";
}
