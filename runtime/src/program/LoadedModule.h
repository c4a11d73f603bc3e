//===- program/LoadedModule.h - The C handles in C++ ---------- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C handles of qmm/module.h, as C++ sees them.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_LOADEDMODULE_H
#define QMMRT_PROGRAM_LOADEDMODULE_H

#include "program/Artifact.h"
#include "program/Parameters.h"
#include "program/Plan.h"
#include "qmm/module.h"

#include <shared_mutex>

namespace qmmrt::program {

/// Plans kept per entry; the least recently used makes room.
constexpr size_t kMaxPlans = 64;

/// Zeroed memory for the packed weights, 64-byte aligned each.
class PackedBuffers {
public:
  PackedBuffers() = default;
  PackedBuffers(const PackedBuffers &) = delete;
  PackedBuffers &operator=(const PackedBuffers &) = delete;
  ~PackedBuffers();
  /// OUT_OF_MEMORY names the size.
  Status allocate(const std::vector<uint64_t> &sizes);
  void *const *get() const { return pointers.data(); }

private:
  void *base = nullptr;
  size_t bytes = 0;
  std::vector<void *> pointers;
};

} // namespace qmmrt::program

struct qmm_entry {
  qmm_entry(qmm_module &module, const qmmrt::program::Entry &program)
      : module(module), program(program) {}

  using PlanPtr = std::shared_ptr<qmmrt::program::Plan>;

  /// The plan for the inputs' shapes, built when there is none yet.
  qmmrt::Result<PlanPtr> getPlan(const qmm_tensor *inputs);
  /// As above but nullptr when none is prepared; allocates nothing then either.
  qmmrt::Status findPrepared(const qmm_tensor *inputs, PlanPtr &plan);
  qmmrt::Status invoke(const qmm_tensor *inputs, const qmm_tensor *outputs,
                       void *arena, size_t arenaBytes, void *stream);

  qmm_module &module;
  const qmmrt::program::Entry &program;

private:
  qmmrt::Status bindShapes(const qmm_tensor *inputs, int64_t *dims) const;
  PlanPtr lookUp(const int64_t *dims);
  qmmrt::Status checkOutputs(const qmmrt::program::Plan &plan,
                             const qmm_tensor *outputs) const;
  qmmrt::Status checkMemory(const qmmrt::program::Plan &plan,
                            const qmm_tensor *inputs, const qmm_tensor *outputs,
                            const void *arena, size_t arenaBytes) const;
  qmmrt::Status checkDevicePointers(const qmmrt::program::Plan &plan,
                                    const qmm_tensor *inputs,
                                    const qmm_tensor *outputs,
                                    const void *arena) const;

  std::shared_mutex mutex; // guards plans
  std::vector<PlanPtr> plans;
  std::atomic<uint64_t> clock{0};
};

struct qmm_module {
  explicit qmm_module(qmm_context &context) : context(context) {}

  /// Opens, verifies, binds parameters, loads kernels and runs init.
  qmmrt::Status load(const std::string &path, const char *weightsDir);
  qmmrt::Executor &getExecutor() const;
  qmmrt::program::Backend getBackend() const;
  qmmrt::program::Bases getBases() const;

  qmm_context &context;
  qmmrt::program::LoadedArtifact artifact;
  qmmrt::program::KernelLibrary kernels;
  qmmrt::program::ParameterSet parameters;
  qmmrt::program::PackedBuffers packed;
  std::unique_ptr<qmmrt::program::DeviceProgram> device; // on a GPU
  std::vector<std::unique_ptr<qmm_entry>> entries;

private:
  qmmrt::Status loadForDevice();
  qmmrt::Status runInit();
  qmmrt::Status runInitOnDevice(const qmmrt::program::Plan &plan,
                                qmmrt::program::Bases bases);
};

#endif // QMMRT_PROGRAM_LOADEDMODULE_H
