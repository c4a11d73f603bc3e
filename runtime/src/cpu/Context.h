//===- cpu/Context.h - What a qmm_context holds -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that is cached for a device hangs here; nothing is global.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CPU_CONTEXT_H
#define QMMRT_CPU_CONTEXT_H

#include "qmm/context.h"
#include "support/Executor.h"

#include <memory>
#include <string>

struct qmm_context {
  std::unique_ptr<qmmrt::Executor> executor;
  std::string description;
};

#endif // QMMRT_CPU_CONTEXT_H
