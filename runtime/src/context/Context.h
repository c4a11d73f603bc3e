//===- context/Context.h - What a qmm_context holds -------------*- C++ -*-===//
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
#ifndef QMMRT_CONTEXT_CONTEXT_H
#define QMMRT_CONTEXT_CONTEXT_H

#include "cuda/MatmulCache.h"
#include "qmm/context.h"
#include "support/Executor.h"

#include <memory>
#include <string>

struct qmm_context {
  /// For work on the host, on a GPU's context too.
  std::unique_ptr<qmmrt::Executor> executor;
  std::string description;
  /// A GPU's context; null on the CPU.
  std::shared_ptr<qmmrt::cuda::Device> device;
  std::unique_ptr<qmmrt::cuda::MatmulCache> matmuls;
};

#endif // QMMRT_CONTEXT_CONTEXT_H
