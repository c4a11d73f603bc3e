//===- program/Plan.cpp - An entry for particular shapes -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever an artefact says, a built plan's commands stay inside the buffers
// they were given (emitted kernels excepted: they are code).
//
//===----------------------------------------------------------------------===//
#include "program/Plan.h"

#include "numerics/Elements.h"
#include "numerics/Quantize.h"
#include "program/Expr.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace qmmrt::program {

static Status malformed(std::string message) {
  return Status(QMM_STATUS_MALFORMED, std::move(message));
}

std::optional<uint64_t> getValueBytes(qmm_dtype dtype,
                                      const std::vector<int64_t> &shape) {
  uint64_t bytes = dtype == QMM_DTYPE_E2M1 ? 1 : getBitWidth(dtype) / 8;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0)
      return std::nullopt;
    uint64_t extent = uint64_t(shape[i]);
    if (dtype == QMM_DTYPE_E2M1 && i + 1 == shape.size())
      extent = extent / 2 + extent % 2;
    if (__builtin_mul_overflow(bytes, extent, &bytes))
      return std::nullopt;
  }
  return bytes;
}

namespace {

class Planner {
public:
  Planner(const Module &module, const Entry &entry, const Backend &backend,
          Plan &plan)
      : module(module), entry(entry), backend(backend), plan(plan) {}

  Status build();

private:
  Status checkShapes();
  Status planSlots();
  Status planTensor(const TensorRef &ref, PlannedTensor &tensor);
  Status checkBuffer(int32_t slot, uint64_t bytes, uint64_t alignment,
                     const char *what);
  Status planCommand(const Command &command, PlannedCommand &planned);
  Status checkDisjoint(const Command &command);
  Status planMatmul(const Command &command, PlannedCommand &planned);
  Status planKernel(const Command &command, PlannedCommand &planned);
  Status planCopy(const Command &command, PlannedCommand &planned);
  void countParameterBytes();

  /// A size: evaluated, and not negative.
  Status evaluateSize(const Expr &expr, const char *what, uint64_t &value) {
    Result<int64_t> result = evaluate(expr, plan.dims);
    if (!result.ok())
      return Status(result.getStatus().getCode(),
                    std::string(what) + ": " + result.getStatus().getMessage());
    if (*result < 0)
      return malformed(std::string(what) + " is " + std::to_string(*result) +
                       ", expected at least 0");
    value = uint64_t(*result);
    return Status();
  }

  const Module &module;
  const Entry &entry;
  const Backend &backend;
  Plan &plan;
  uint64_t programArenaBytes = 0;
};

} // namespace

Status Planner::checkShapes() {
  for (const Check &check : entry.checks) {
    Result<int64_t> lhs = evaluate(check.lhs, plan.dims);
    Result<int64_t> rhs = evaluate(check.rhs, plan.dims);
    if (!lhs.ok() || !rhs.ok())
      return Status(QMM_STATUS_INVALID_ARGUMENT,
                    check.message + " (" +
                        (lhs.ok() ? rhs : lhs).getStatus().getMessage() + ")");
    if (*lhs != *rhs)
      return Status(QMM_STATUS_INVALID_ARGUMENT,
                    check.message + " (" + print(check.lhs) + " is " +
                        std::to_string(*lhs) + ", " + print(check.rhs) +
                        " is " + std::to_string(*rhs) + ")");
  }
  auto measure = [&](const Value &value, std::vector<int64_t> &shape,
                     std::vector<uint64_t> &bytes) {
    for (const Expr &extent : value.shape) {
      uint64_t size;
      if (Status status = evaluateSize(extent, "extent", size); !status.ok())
        return Status(status.getCode(),
                      "'" + value.name + "': " + status.getMessage());
      shape.push_back(int64_t(size));
    }
    std::optional<uint64_t> total = getValueBytes(value.dtype, shape);
    if (!total)
      return Status(QMM_STATUS_INVALID_ARGUMENT,
                    "'" + value.name + "': its size overflows");
    bytes.push_back(*total);
    return Status();
  };
  for (const Value &input : entry.inputs) {
    std::vector<int64_t> shape;
    if (Status status = measure(input, shape, plan.inputBytes); !status.ok())
      return status;
  }
  for (const Value &output : entry.outputs) {
    plan.outputShapes.emplace_back();
    if (Status status =
            measure(output, plan.outputShapes.back(), plan.outputBytes);
        !status.ok())
      return status;
  }
  return Status();
}

Status Planner::planSlots() {
  for (size_t i = 0; i < entry.slots.size(); ++i) {
    const Slot &slot = entry.slots[i];
    PlannedSlot planned{slot.kind, slot.index, 0, 0};
    std::string what = "slot " + std::to_string(i);
    if (Status status = evaluateSize(slot.offset, (what + "'s offset").c_str(),
                                     planned.offset);
        !status.ok())
      return status;
    if (Status status =
            evaluateSize(slot.bytes, (what + "'s size").c_str(), planned.bytes);
        !status.ok())
      return status;
    uint64_t limit = 0;
    switch (slot.kind) {
    case Slot::Kind::Input:
      limit = plan.inputBytes[slot.index];
      break;
    case Slot::Kind::Output:
      limit = plan.outputBytes[slot.index];
      break;
    case Slot::Kind::Arena:
      limit = programArenaBytes;
      break;
    case Slot::Kind::Parameter:
      limit = module.parameters[slot.index].bytes;
      break;
    case Slot::Kind::Packed:
      limit = module.packed[slot.index];
      break;
    }
    if (planned.offset > limit || planned.bytes > limit - planned.offset)
      return malformed(what + " covers bytes " +
                       std::to_string(planned.offset) + " to " +
                       std::to_string(planned.offset + planned.bytes) +
                       " of a buffer of " + std::to_string(limit));
    plan.slots.push_back(planned);
  }
  return Status();
}

Status Planner::checkBuffer(int32_t slot, uint64_t bytes, uint64_t alignment,
                            const char *what) {
  const PlannedSlot &planned = plan.slots[size_t(slot)];
  if (bytes > planned.bytes)
    return malformed(std::string(what) + " needs " + std::to_string(bytes) +
                     " bytes, slot " + std::to_string(slot) + " has " +
                     std::to_string(planned.bytes));
  if (alignment > 1 && planned.offset % alignment != 0)
    return malformed(std::string(what) + " is at offset " +
                     std::to_string(planned.offset) +
                     ", expected a multiple of " + std::to_string(alignment));
  return Status();
}

Status Planner::planTensor(const TensorRef &ref, PlannedTensor &tensor) {
  tensor = {};
  qmm_tensor &descriptor = tensor.descriptor;
  descriptor.struct_size = sizeof(qmm_tensor);
  descriptor.rank = uint32_t(ref.shape.size());
  descriptor.scheme = ref.scheme;
  descriptor.layout = ref.layout;
  for (size_t i = 0; i < ref.shape.size(); ++i) {
    uint64_t extent;
    if (Status status = evaluateSize(ref.shape[i], "extent", extent);
        !status.ok())
      return status;
    descriptor.shape[i] = int64_t(extent);
  }
  tensor.data = ref.data;
  tensor.scale = ref.scale;
  tensor.tensorScale = ref.tensorScale;

  size_t dataBytes, scaleBytes, tensorScaleBytes;
  if (qmm_status code = qmm_tensor_sizes(&descriptor, &dataBytes, &scaleBytes,
                                         &tensorScaleBytes))
    return Status(code, qmm_last_error());
  if (Status status =
          checkBuffer(ref.data, dataBytes,
                      getBitWidth(qmm_dtype(ref.scheme.element)) / 8, "data");
      !status.ok())
    return status;
  if (ref.scale != kNoSlot)
    if (Status status =
            checkBuffer(ref.scale, scaleBytes,
                        getBitWidth(qmm_dtype(ref.scheme.scale)) / 8, "scale");
        !status.ok())
      return status;
  if (ref.tensorScale != kNoSlot)
    return checkBuffer(ref.tensorScale, tensorScaleBytes, sizeof(float),
                       "tensor scale");
  return Status();
}

/// Outputs may not overlap inputs: the matmul reads them while it writes.
Status Planner::checkDisjoint(const Command &command) {
  auto slots = [](const TensorRef &tensor) {
    return std::array<int32_t, 3>{tensor.data, tensor.scale,
                                  tensor.tensorScale};
  };
  auto overlap = [&](int32_t lhs, int32_t rhs) {
    if (lhs == kNoSlot || rhs == kNoSlot)
      return false;
    const PlannedSlot &a = plan.slots[size_t(lhs)];
    const PlannedSlot &b = plan.slots[size_t(rhs)];
    return a.kind == b.kind && a.index == b.index && a.bytes != 0 &&
           b.bytes != 0 && a.offset < b.offset + b.bytes &&
           b.offset < a.offset + a.bytes;
  };
  for (size_t i = 0; i < command.tensors.size(); ++i) {
    if (i == 2)
      continue;
    for (int32_t read : slots(command.tensors[i]))
      if (overlap(read, command.tensors[2].data) || overlap(read, command.amax))
        return malformed("its result overlaps tensor " + std::to_string(i));
  }
  return Status();
}

Status Planner::planMatmul(const Command &command, PlannedCommand &planned) {
  if (Status status = checkDisjoint(command); !status.ok())
    return status;
  qmm_scaled_matmul_args args = {};
  args.struct_size = sizeof(args);
  args.activation = command.activation;
  args.a_precision = command.aPrecision;
  args.b_precision = command.bPrecision;
  args.a = &planned.tensors[0].descriptor;
  args.b = &planned.tensors[1].descriptor;
  args.d = &planned.tensors[2].descriptor;
  size_t next = 3;
  if (command.hasBias)
    args.bias = &planned.tensors[next++].descriptor;
  if (command.hasResidual)
    args.residual = &planned.tensors[next].descriptor;
  float present; // only whether there is one matters here
  if (command.amax != kNoSlot)
    args.amax = &present;
  if (command.alpha != kNoSlot)
    args.alpha = &present;
  if (backend.device) {
    auto matmul = backend.device->planMatmul(args);
    if (!matmul.ok())
      return matmul.getStatus();
    planned.deviceMatmul = std::move(*matmul);
    const cuda::MatmulProblem &problem = planned.deviceMatmul->getProblem();
    plan.flops += 2.0 * double(problem.batch) * double(problem.m) *
                  double(problem.n) * double(problem.k);
    plan.streamWorkspaceBytes =
        std::max(plan.streamWorkspaceBytes,
                 uint64_t(planned.deviceMatmul->getWorkspaceBytes()));
    return Status();
  }
  Result<cpu::MatmulPlan> matmul =
      cpu::planMatmul(args, backend.executor.getNumWorkers());
  if (!matmul.ok())
    return matmul.getStatus();
  plan.workspaceBytes =
      std::max(plan.workspaceBytes, uint64_t(matmul->workspaceBytes));
  plan.flops += 2.0 * double(matmul->batch) * double(matmul->m) *
                double(matmul->n) * double(matmul->k);
  planned.matmul = std::move(*matmul);
  return Status();
}

Status Planner::planKernel(const Command &command, PlannedCommand &planned) {
  if (!backend.device)
    planned.kernel = backend.kernels.get(command.kernel);
  for (const Expr &expr : command.integers) {
    Result<int64_t> value = evaluate(expr, plan.dims);
    if (!value.ok())
      return value.getStatus();
    planned.integers.push_back(*value);
  }
  uint64_t extent;
  if (Status status = evaluateSize(command.extent, "extent", extent);
      !status.ok())
    return status;
  planned.extent = int64_t(extent);
  if (backend.device) {
    Result<cuda::LaunchConfig> launch =
        backend.device->getLaunch(command.kernel, extent);
    if (!launch.ok())
      return launch.getStatus();
    planned.launch = *launch;
    planned.function = backend.device->getFunction(command.kernel);
    return Status();
  }
  // About 64 KiB of data a range: enough to pay for handing it out, and small
  // enough to balance.
  uint64_t bytes = 0;
  for (int32_t slot : command.slots)
    bytes += plan.slots[size_t(slot)].bytes;
  uint64_t bytesPerStep =
      std::max<uint64_t>(1, bytes / std::max<uint64_t>(1, extent));
  planned.grain = int64_t(std::max<uint64_t>(1, 65536 / bytesPerStep));
  return Status();
}

Status Planner::planCopy(const Command &command, PlannedCommand &planned) {
  uint64_t bytes;
  if (Status status = evaluateSize(command.integers[0], "size", bytes);
      !status.ok())
    return status;
  if (Status status = checkBuffer(command.slots[0], bytes, 1, "source");
      !status.ok())
    return status;
  if (Status status = checkBuffer(command.slots[1], bytes, 1, "destination");
      !status.ok())
    return status;
  planned.extent = int64_t(bytes);
  planned.grain = 1 << 20;
  return Status();
}

Status Planner::planCommand(const Command &command, PlannedCommand &planned) {
  planned.command = &command;
  for (size_t i = 0; i < command.tensors.size(); ++i) {
    planned.tensors.emplace_back();
    if (Status status = planTensor(command.tensors[i], planned.tensors.back());
        !status.ok())
      return Status(status.getCode(),
                    "tensor " + std::to_string(i) + ": " + status.getMessage());
  }
  for (auto [slot, what] :
       {std::pair(command.amax, "amax"), std::pair(command.alpha, "alpha"),
        std::pair(command.inverseOutScale, "inverse output scale")})
    if (slot != kNoSlot)
      if (Status status = checkBuffer(slot, sizeof(float), sizeof(float), what);
          !status.ok())
        return status;
  switch (command.kind) {
  case Command::Kind::ScaledMatmul:
    return planMatmul(command, planned);
  case Command::Kind::Quantize:
    planned.quantize = {sizeof(qmm_quantize_params), command.scaleSource,
                        command.e8m0Rounding, command.dividePrecision,
                        command.scalePrecisionInput};
    return Status();
  case Command::Kind::Kernel:
    return planKernel(command, planned);
  case Command::Kind::Copy:
    return planCopy(command, planned);
  case Command::Kind::Dequantize:
  case Command::Kind::Relayout:
  case Command::Kind::Amax:
    return Status();
  }
  return Status();
}

void Planner::countParameterBytes() {
  std::set<std::tuple<int, uint32_t, uint64_t, uint64_t>> ranges;
  auto use = [&](int32_t slot) {
    if (slot == kNoSlot)
      return;
    const PlannedSlot &used = plan.slots[size_t(slot)];
    if ((used.kind == Slot::Kind::Parameter ||
         used.kind == Slot::Kind::Packed) &&
        ranges.insert({int(used.kind), used.index, used.offset, used.bytes})
            .second)
      plan.parameterBytes += used.bytes;
  };
  for (const Command &command : entry.commands) {
    for (const TensorRef &tensor : command.tensors) {
      use(tensor.data);
      use(tensor.scale);
      use(tensor.tensorScale);
    }
    for (int32_t slot : command.slots)
      use(slot);
  }
}

Status Planner::build() {
  if (Status status = checkShapes(); !status.ok())
    return status;
  if (!entry.arenaBytes.terms.empty())
    if (Status status =
            evaluateSize(entry.arenaBytes, "arena size", programArenaBytes);
        !status.ok())
      return status;
  if (Status status = planSlots(); !status.ok())
    return status;
  plan.commands.resize(entry.commands.size());
  for (size_t i = 0; i < entry.commands.size(); ++i) {
    const Command &command = entry.commands[i];
    if (Status status = planCommand(command, plan.commands[i]); !status.ok())
      return Status(status.getCode(),
                    "command " + std::to_string(i) +
                        (command.location.empty()
                             ? std::string()
                             : " (" + command.location + ")") +
                        ": " + status.getMessage());
  }
  constexpr uint64_t kLimit = uint64_t(1) << 62;
  if (programArenaBytes > kLimit || plan.workspaceBytes > kLimit)
    return Status(QMM_STATUS_INVALID_ARGUMENT, "the arena's size overflows");
  plan.workspaceOffset = (programArenaBytes + 63) / 64 * 64;
  plan.arenaBytes = plan.workspaceBytes == 0
                        ? programArenaBytes
                        : plan.workspaceOffset + plan.workspaceBytes;
  countParameterBytes();
  return Status();
}

Result<std::shared_ptr<Plan>> buildPlan(const Module &module,
                                        const Entry &entry,
                                        const Backend &backend,
                                        std::vector<int64_t> dims) {
  auto plan = std::make_shared<Plan>();
  plan->dims = std::move(dims);
  if (Status status = Planner(module, entry, backend, *plan).build();
      !status.ok())
    return Status(status.getCode(),
                  (&entry == &module.init ? std::string("init")
                                          : "entry '" + entry.name + "'") +
                      ": " + status.getMessage());
  return plan;
}

} // namespace qmmrt::program
