//===- program/Plan.h - An entry for particular shapes -------- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything about a run that doesn't depend on pointers: expressions
// evaluated, ranges checked, descriptors filled, matmuls planned.  Running a
// plan only adds addresses.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_PLAN_H
#define QMMRT_PROGRAM_PLAN_H

#include "cpu/Matmul.h"
#include "program/DeviceProgram.h"
#include "program/Kernels.h"
#include "program/Program.h"
#include "support/Executor.h"

#include <atomic>
#include <memory>
#include <optional>

namespace qmmrt::program {

struct PlannedSlot {
  Slot::Kind kind;
  uint32_t index;
  uint64_t offset;
  uint64_t bytes;
};

struct PlannedTensor {
  qmm_tensor descriptor; // pointers null
  int32_t data, scale, tensorScale;
};

struct PlannedCommand {
  const Command *command;
  std::vector<PlannedTensor> tensors;
  std::optional<cpu::MatmulPlan> matmul;
  std::shared_ptr<const cuda::MatmulPlan> deviceMatmul;
  HostKernel kernel = nullptr;
  cuda::CUfunction function = nullptr;
  cuda::LaunchConfig launch;
  std::vector<int64_t> integers;
  int64_t extent = 0; // Kernel: of its loop; Copy: bytes
  int64_t grain = 1;
  qmm_quantize_params quantize = {};
};

/// The addresses a plan runs on.
struct Bases {
  const qmm_tensor *inputs;
  const qmm_tensor *outputs;
  char *arena;
  const void *const *parameters;
  void *const *packed;
};

struct Plan {
  /// A slot's address, nullptr for kNoSlot.  Read-only buffers lose their const
  /// here: the verifier has made sure that no command writes them.
  void *resolve(const Bases &bases, int32_t slot) const;

  std::vector<int64_t> dims;
  std::vector<PlannedSlot> slots;
  std::vector<PlannedCommand> commands;
  std::vector<uint64_t> inputBytes, outputBytes;
  std::vector<std::vector<int64_t>> outputShapes;
  uint64_t workspaceOffset = 0; // in the arena, after the program's own part
  uint64_t workspaceBytes = 0;
  uint64_t streamWorkspaceBytes = 0; // on a GPU: of the stream's own
  uint64_t arenaBytes = 0;

  // What --benchmark reports.
  double flops = 0;            // 2MNK over the matmuls
  uint64_t parameterBytes = 0; // of the distinct weight ranges used

  // For the cache that holds it.
  std::atomic<bool> prepared{false};
  std::atomic<uint64_t> lastUse{0};
};

/// Bytes of a raw value: E2M1 is packed along the last dimension.  nullopt on
/// overflow.
std::optional<uint64_t> getValueBytes(qmm_dtype dtype,
                                      const std::vector<int64_t> &shape);

/// What runs a module's commands.
struct Backend {
  Executor &executor;
  const KernelLibrary &kernels;
  const DeviceProgram *device; // null: the CPU runs them
};

/// Plans `entry` of a verified module for `dims`.  Errors name the entry and
/// the command: a failed Check is INVALID_ARGUMENT, and a range outside its
/// buffer is MALFORMED.
Result<std::shared_ptr<Plan>> buildPlan(const Module &module,
                                        const Entry &entry,
                                        const Backend &backend,
                                        std::vector<int64_t> dims);

/// Runs the commands in order on the calling thread and the executor.
/// Allocates nothing unless it fails.
Status runPlan(const Plan &plan, const Entry &entry, const Bases &bases,
               Executor &executor);

/// Enqueues the commands in order on `stream`.  Allocates nothing unless it
/// fails.
Status runPlan(const Plan &plan, const Entry &entry, const Bases &bases,
               const DeviceProgram &program, cuda::CUstream stream);

/// `status` with the entry and the command that it is about.
Status describeFailure(const Entry &entry, const PlannedCommand &command,
                       size_t index, const Status &status);

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_PLAN_H
