//===- program/DeviceRunner.cpp - Runs a plan on a GPU -------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The hot loop: each command is one call that enqueues work on the caller's
// stream.
//
//===----------------------------------------------------------------------===//
#include "program/DeviceProgram.h"
#include "program/Plan.h"
#include "program/Verify.h"

namespace qmmrt::program {

namespace {

class DeviceRunner {
public:
  DeviceRunner(const Plan &plan, const Bases &bases,
               const DeviceProgram &program, cuda::CUstream stream,
               void *workspace)
      : plan(plan), bases(bases), device(program.getDevice()), stream(stream),
        workspace(workspace) {}

  Status run(const PlannedCommand &planned) const;

private:
  void *resolve(int32_t slot) const { return plan.resolve(bases, slot); }
  const float *resolveFloat(int32_t slot) const {
    return static_cast<const float *>(resolve(slot));
  }
  Status runMatmul(const PlannedCommand &planned) const;
  Status runKernel(const PlannedCommand &planned) const;
  Status runCopy(const PlannedCommand &planned) const;

  const Plan &plan;
  const Bases &bases;
  const cuda::Device &device;
  cuda::CUstream stream;
  void *workspace;
};

} // namespace

Status DeviceRunner::runMatmul(const PlannedCommand &planned) const {
  const Command &command = *planned.command;
  auto bind = [&](const PlannedTensor &tensor) {
    return cuda::Buffers{resolve(tensor.data), resolve(tensor.scale),
                         resolve(tensor.tensorScale)};
  };
  cuda::MatmulBuffers buffers;
  buffers.a = bind(planned.tensors[0]);
  buffers.b = bind(planned.tensors[1]);
  buffers.d = resolve(planned.tensors[2].data);
  size_t next = 3;
  if (command.hasBias)
    buffers.bias = resolve(planned.tensors[next++].data);
  if (command.hasResidual)
    buffers.residual = resolve(planned.tensors[next].data);
  buffers.alpha = resolveFloat(command.alpha);
  buffers.outputScale = resolveFloat(command.inverseOutScale);
  buffers.amax = static_cast<float *>(resolve(command.amax));
  return cuda::runMatmul(device, *planned.deviceMatmul, buffers, workspace,
                         stream);
}

Status DeviceRunner::runKernel(const PlannedCommand &planned) const {
  if (planned.launch.grid == 0)
    return Status();
  const Command &command = *planned.command;
  void *buffers[kMaxKernelBuffers];
  void *params[kMaxKernelParameters];
  size_t count = 0;
  for (size_t i = 0; i < command.slots.size(); ++i) {
    buffers[i] = resolve(command.slots[i]);
    params[count++] = &buffers[i];
  }
  for (const int64_t &integer : planned.integers)
    params[count++] = const_cast<int64_t *>(&integer);
  params[count] = const_cast<int64_t *>(&planned.extent);
  return cuda::launch(device, planned.function, planned.launch, stream, params);
}

Status DeviceRunner::runCopy(const PlannedCommand &planned) const {
  const void *from = resolve(planned.command->slots[0]);
  void *to = resolve(planned.command->slots[1]);
  if (planned.extent == 0 || from == to)
    return Status();
  return device.copy(to, from, size_t(planned.extent), stream);
}

Status DeviceRunner::run(const PlannedCommand &planned) const {
  switch (planned.command->kind) {
  case Command::Kind::ScaledMatmul:
    return runMatmul(planned);
  case Command::Kind::Kernel:
    return runKernel(planned);
  case Command::Kind::Copy:
    return runCopy(planned);
  case Command::Kind::Quantize:
  case Command::Kind::Dequantize:
  case Command::Kind::Relayout:
  case Command::Kind::Amax:
    break; // the verifier refuses them
  }
  return Status(QMM_STATUS_INTERNAL, "a host command in a CUDA program");
}

Status runPlan(const Plan &plan, const Entry &entry, const Bases &bases,
               const DeviceProgram &program, cuda::CUstream stream) {
  void *workspace = nullptr;
  if (plan.streamWorkspaceBytes != 0) {
    Result<void *> found = program.getDevice().getWorkspace(stream);
    if (!found.ok())
      return found.getStatus();
    workspace = *found;
  }
  DeviceRunner runner(plan, bases, program, stream, workspace);
  for (size_t i = 0; i < plan.commands.size(); ++i)
    if (Status status = runner.run(plan.commands[i]); !status.ok())
      return describeFailure(entry, plan.commands[i], i, status);
  return Status();
}

} // namespace qmmrt::program
