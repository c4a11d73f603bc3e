//===- program/LoadedModule.cpp - Loading a program ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a path to a module whose entries can run.
//
//===----------------------------------------------------------------------===//
#include "program/LoadedModule.h"

#include "context/Context.h"

#include <sys/mman.h>

using namespace qmmrt;
using namespace qmmrt::program;

PackedBuffers::~PackedBuffers() {
  if (base)
    ::munmap(base, bytes);
}

Status PackedBuffers::allocate(const std::vector<uint64_t> &sizes) {
  constexpr uint64_t kLimit = uint64_t(1) << 62;
  uint64_t total = 0;
  std::vector<uint64_t> offsets;
  for (uint64_t size : sizes) {
    offsets.push_back(total);
    if (size > kLimit - total)
      return Status(QMM_STATUS_MALFORMED, "packed buffers' sizes overflow");
    total = (total + size + 63) / 64 * 64;
  }
  if (total != 0) {
    void *memory = ::mmap(nullptr, size_t(total), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      return Status(QMM_STATUS_OUT_OF_MEMORY, "cannot allocate " +
                                                  std::to_string(total) +
                                                  " bytes for packed weights");
    base = memory;
    bytes = size_t(total);
    // Fewer TLB misses while streaming weights; a refusal costs only speed.
    ::madvise(base, bytes, MADV_HUGEPAGE);
  }
  for (uint64_t offset : offsets)
    pointers.push_back(base ? static_cast<char *>(base) + offset : nullptr);
  return Status();
}

Executor &qmm_module::getExecutor() const { return *context.executor; }

Backend qmm_module::getBackend() const {
  return {getExecutor(), kernels, device.get()};
}

Bases qmm_module::getBases() const {
  if (device)
    return {nullptr, nullptr, nullptr, device->getParameters(),
            device->getPacked()};
  return {nullptr, nullptr, nullptr, parameters.get(), packed.get()};
}

Status qmm_module::runInit() {
  const Entry &init = artifact.module.init;
  if (init.commands.empty())
    return Status();
  Result<std::shared_ptr<Plan>> plan =
      buildPlan(artifact.module, init, getBackend(), {});
  if (!plan.ok())
    return plan.getStatus();
  Bases bases = getBases();
  if (device)
    return runInitOnDevice(**plan, bases);
  PackedBuffers arena;
  if (Status status = arena.allocate({(*plan)->arenaBytes}); !status.ok())
    return status;
  bases.arena = static_cast<char *>(arena.get()[0]);
  return runPlan(**plan, init, bases, getExecutor());
}

Status qmm_module::runInitOnDevice(const Plan &plan, Bases bases) {
  cuda::Device &gpu = device->getDevice();
  Result<void *> arena = gpu.allocate(size_t(plan.arenaBytes));
  if (!arena.ok())
    return arena.getStatus();
  bases.arena = static_cast<char *>(*arena);
  Status status =
      runPlan(plan, artifact.module.init, bases, *device, /*stream=*/nullptr);
  if (status.ok())
    status = gpu.synchronize(/*stream=*/nullptr);
  Status freed = gpu.free(*arena);
  Status released = device->releaseInit();
  return !status.ok() ? status : !freed.ok() ? freed : released;
}

Status qmm_module::loadForDevice() {
  const Module &program = artifact.module;
  bool isForGPU = program.target == "cuda";
  if (isForGPU != (context.device != nullptr))
    return Status(
        QMM_STATUS_UNSUPPORTED,
        std::string("the program was compiled for ") +
            (isForGPU ? "a GPU" : "the CPU") +
            ", but the context's device is " + context.description +
            ": compile with --target=" +
            (isForGPU ? "cpu"
                      : "cuda:" + context.device->getProperties().chip) +
            ", or create a context for " + (isForGPU ? "\"cuda\"" : "\"cpu\""));
  if (isForGPU) {
    auto loaded = DeviceProgram::load(context.device, *context.matmuls, program,
                                      parameters.get());
    if (!loaded.ok())
      return loaded.getStatus();
    device = std::move(*loaded);
    return Status();
  }
  Result<KernelLibrary> library = KernelLibrary::load(program);
  if (!library.ok())
    return library.getStatus();
  kernels = std::move(*library);
  return packed.allocate(program.packed);
}

Status qmm_module::load(const std::string &path, const char *weightsDir) {
  auto withPath = [&](const Status &status) {
    return Status(status.getCode(), path + ": " + status.getMessage());
  };
  Result<LoadedArtifact> read = readArtifact(path);
  if (!read.ok())
    return read.getStatus();
  artifact = std::move(*read);
  const Module &program = artifact.module;

  size_t slash = path.rfind('/');
  std::string folder = weightsDir                   ? weightsDir
                       : slash == std::string::npos ? "."
                       : slash == 0                 ? "/"
                                                    : path.substr(0, slash);
  Result<ParameterSet> bound =
      ParameterSet::bind(program, folder, getExecutor());
  if (!bound.ok())
    return withPath(bound.getStatus());
  parameters = std::move(*bound);

  if (Status status = loadForDevice(); !status.ok())
    return withPath(status);
  if (Status status = runInit(); !status.ok())
    return withPath(status);

  for (const Entry &entry : program.entries)
    entries.push_back(std::make_unique<qmm_entry>(*this, entry));
  return Status();
}
