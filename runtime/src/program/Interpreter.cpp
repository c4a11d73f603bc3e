//===- program/Interpreter.cpp - Runs a plan's commands ------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The hot loop: a plan is shared by threads, so addresses go into copies of its
// descriptors on the stack.
//
//===----------------------------------------------------------------------===//
#include "numerics/Quantize.h"
#include "program/Plan.h"
#include "program/Verify.h"

#include <cstring>

namespace qmmrt::program {

namespace {

class Runner {
public:
  Runner(const Plan &plan, const Bases &bases, Executor &executor)
      : plan(plan), bases(bases), executor(executor) {}

  Status run(const PlannedCommand &planned);

private:
  void *resolve(int32_t slot) const { return plan.resolve(bases, slot); }

  qmm_tensor bind(const PlannedTensor &tensor) const {
    qmm_tensor bound = tensor.descriptor;
    bound.data = resolve(tensor.data);
    bound.scale = resolve(tensor.scale);
    bound.tensor_scale = static_cast<float *>(resolve(tensor.tensorScale));
    return bound;
  }

  Status runMatmul(const PlannedCommand &planned);
  Status runKernel(const PlannedCommand &planned);
  Status runCopy(const PlannedCommand &planned);

  const Plan &plan;
  const Bases &bases;
  Executor &executor;
};

} // namespace

Status Runner::runMatmul(const PlannedCommand &planned) {
  auto bindBuffers = [&](const PlannedTensor &tensor) {
    return cpu::Buffers{resolve(tensor.data), resolve(tensor.scale),
                        resolve(tensor.tensorScale)};
  };
  const Command &command = *planned.command;
  cpu::MatmulBuffers buffers;
  buffers.a = bindBuffers(planned.tensors[0]);
  buffers.b = bindBuffers(planned.tensors[1]);
  buffers.d = bindBuffers(planned.tensors[2]);
  size_t next = 3;
  if (command.hasBias)
    buffers.bias = resolve(planned.tensors[next++].data);
  if (command.hasResidual)
    buffers.residual = resolve(planned.tensors[next].data);
  buffers.alpha = static_cast<const float *>(resolve(command.alpha));
  buffers.amax = static_cast<float *>(resolve(command.amax));
  cpu::runMatmul(executor, *planned.matmul, buffers,
                 bases.arena + plan.workspaceOffset);
  return Status();
}

Status Runner::runKernel(const PlannedCommand &planned) {
  void *buffers[kMaxKernelBuffers];
  size_t count = planned.command->slots.size();
  for (size_t i = 0; i < count; ++i)
    buffers[i] = resolve(planned.command->slots[i]);
  const int64_t *integers = planned.integers.data();
  HostKernel kernel = planned.kernel;
  executor.parallelFor(planned.extent, planned.grain,
                       [&](int64_t begin, int64_t end, unsigned) {
                         kernel(buffers, integers, begin, end);
                       });
  return Status();
}

Status Runner::runCopy(const PlannedCommand &planned) {
  const char *source =
      static_cast<const char *>(resolve(planned.command->slots[0]));
  char *destination = static_cast<char *>(resolve(planned.command->slots[1]));
  int64_t bytes = planned.extent;
  if (bytes == 0 || source == destination)
    return Status();
  auto from = reinterpret_cast<uintptr_t>(source);
  auto to = reinterpret_cast<uintptr_t>(destination);
  if (from < to + uint64_t(bytes) && to < from + uint64_t(bytes)) {
    // Pieces of an overlapping copy would overwrite each other's sources.
    std::memmove(destination, source, size_t(bytes));
    return Status();
  }
  executor.parallelFor(
      bytes, planned.grain, [&](int64_t begin, int64_t end, unsigned) {
        std::memcpy(destination + begin, source + begin, size_t(end - begin));
      });
  return Status();
}

Status Runner::run(const PlannedCommand &planned) {
  const Command &command = *planned.command;
  switch (command.kind) {
  case Command::Kind::ScaledMatmul:
    return runMatmul(planned);
  case Command::Kind::Quantize:
    return quantize(executor, bind(planned.tensors[0]), planned.quantize,
                    bind(planned.tensors[1]));
  case Command::Kind::Dequantize:
    return dequantize(executor, bind(planned.tensors[0]),
                      bind(planned.tensors[1]));
  case Command::Kind::Relayout:
    return relayout(executor, bind(planned.tensors[0]),
                    bind(planned.tensors[1]));
  case Command::Kind::Amax:
    return amax(executor, bind(planned.tensors[0]),
                *static_cast<float *>(resolve(command.amax)));
  case Command::Kind::Kernel:
    return runKernel(planned);
  case Command::Kind::Copy:
    return runCopy(planned);
  }
  return Status();
}

void *Plan::resolve(const Bases &bases, int32_t index) const {
  if (index == kNoSlot)
    return nullptr;
  const PlannedSlot &slot = slots[size_t(index)];
  void *base = nullptr;
  switch (slot.kind) {
  case Slot::Kind::Input:
    base = bases.inputs[slot.index].data;
    break;
  case Slot::Kind::Output:
    base = bases.outputs[slot.index].data;
    break;
  case Slot::Kind::Arena:
    base = bases.arena;
    break;
  case Slot::Kind::Parameter:
    base = const_cast<void *>(bases.parameters[slot.index]);
    break;
  case Slot::Kind::Packed:
    base = bases.packed[slot.index];
    break;
  }
  // An empty value may have no address at all.
  return base ? static_cast<char *>(base) + slot.offset : nullptr;
}

Status describeFailure(const Entry &entry, const PlannedCommand &command,
                       size_t index, const Status &status) {
  const std::string &location = command.command->location;
  return Status(status.getCode(),
                (entry.name.empty() ? std::string("init")
                                    : "entry '" + entry.name + "'") +
                    ", command " + std::to_string(index) +
                    (location.empty() ? "" : " (" + location + ")") + ": " +
                    status.getMessage());
}

Status runPlan(const Plan &plan, const Entry &entry, const Bases &bases,
               Executor &executor) {
  Runner runner(plan, bases, executor);
  for (size_t i = 0; i < plan.commands.size(); ++i) {
    Status status = runner.run(plan.commands[i]);
    if (!status.ok())
      return describeFailure(entry, plan.commands[i], i, status);
  }
  return Status();
}

} // namespace qmmrt::program
