//===- program/Entry.cpp - Query, prepare, invoke ------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a caller passed is checked here, once per call, before any command runs:
// a failed call leaves the outputs as they were.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Safetensors.h"
#include "numerics/Elements.h"
#include "program/LoadedModule.h"
#include "program/Verify.h"

#include <algorithm>
#include <mutex>

using namespace qmmrt;
using namespace qmmrt::program;

static Status invalid(const Entry &entry, const std::string &message) {
  return Status(QMM_STATUS_INVALID_ARGUMENT,
                "entry '" + entry.name + "': " + message);
}

static std::string describe(const char *kind, size_t index,
                            const Value &value) {
  std::string text = std::string(kind) + " " + std::to_string(index);
  return value.name.empty() ? text : text + " '" + value.name + "'";
}

static std::string describeShape(const qmm_tensor &tensor) {
  return describeShape(
      std::vector<int64_t>(tensor.shape, tensor.shape + tensor.rank));
}

/// Of a caller's field, which may hold anything.
static const char *nameDType(uint32_t dtype) {
  return dtype > QMM_DTYPE_BOOL ? "unknown" : getDTypeName(qmm_dtype(dtype));
}

/// Struct size, dtype, scheme and rank: what doesn't depend on dimensions.
static Status checkDescriptor(const Entry &entry, const char *kind,
                              size_t index, const Value &value,
                              const qmm_tensor &tensor) {
  if (tensor.struct_size != sizeof(qmm_tensor))
    return invalid(entry, describe(kind, index, value) +
                              ": its descriptor's struct_size is " +
                              std::to_string(tensor.struct_size) +
                              ", expected " +
                              std::to_string(sizeof(qmm_tensor)));
  if (tensor.scheme.scale != QMM_DTYPE_NONE ||
      tensor.scheme.element != uint32_t(value.dtype) ||
      tensor.layout.nibbles == QMM_NIBBLES_HI_FIRST)
    return invalid(
        entry,
        describe(kind, index, value) + " is " +
            (tensor.scheme.scale != QMM_DTYPE_NONE ? "scaled " : "") +
            (tensor.layout.nibbles == QMM_NIBBLES_HI_FIRST ? "hi_first " : "") +
            nameDType(tensor.scheme.element) + ", expected " +
            getDTypeName(value.dtype));
  if (tensor.rank != value.shape.size())
    return invalid(entry, describe(kind, index, value) + " has rank " +
                              std::to_string(tensor.rank) + ", expected " +
                              std::to_string(value.shape.size()));
  return Status();
}

static Status checkData(const Entry &entry, const char *kind, size_t index,
                        const Value &value, const qmm_tensor &tensor,
                        uint64_t bytes) {
  if (bytes != 0 && !tensor.data)
    return invalid(entry, describe(kind, index, value) + " has no data");
  unsigned alignment = std::max(1u, getBitWidth(value.dtype) / 8);
  if (reinterpret_cast<uintptr_t>(tensor.data) % alignment != 0)
    return invalid(entry, describe(kind, index, value) +
                              "'s data isn't aligned to its elements, " +
                              std::to_string(alignment) + " bytes");
  return Status();
}

/// Dimension d's value from the first input extent naming it; later ones agree.
Status qmm_entry::bindShapes(const qmm_tensor *inputs, int64_t *dims) const {
  if (!inputs && !program.inputs.empty())
    return invalid(program, "inputs is NULL, expected " +
                                std::to_string(program.inputs.size()));
  constexpr int64_t kUnset = -1;
  std::fill(dims, dims + program.numDims, kUnset);
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    const Value &input = program.inputs[i];
    const qmm_tensor &tensor = inputs[i];
    if (Status status = checkDescriptor(program, "argument", i, input, tensor);
        !status.ok())
      return status;
    for (size_t axis = 0; axis < input.shape.size(); ++axis) {
      const Expr::Term &wanted = input.shape[axis].terms[0];
      int64_t found = tensor.shape[axis];
      if (found < 0)
        return invalid(
            program, describe("argument", i, input) +
                         " has a negative extent: " + ::describeShape(tensor));
      bool isDim = wanted.op == Expr::Op::Dim;
      if (isDim && dims[wanted.value] == kUnset) {
        dims[wanted.value] = found;
        continue;
      }
      int64_t expected = isDim ? dims[wanted.value] : wanted.value;
      if (found != expected)
        return invalid(program, describe("argument", i, input) + " is " +
                                    ::describeShape(tensor) + ": dimension " +
                                    std::to_string(axis) + " is " +
                                    std::to_string(found) + ", expected " +
                                    std::to_string(expected));
    }
  }
  return Status();
}

qmm_entry::PlanPtr qmm_entry::lookUp(const int64_t *dims) {
  std::shared_lock<std::shared_mutex> lock(mutex);
  for (const PlanPtr &plan : plans)
    if (std::equal(plan->dims.begin(), plan->dims.end(), dims)) {
      plan->lastUse.store(++clock, std::memory_order_relaxed);
      return plan;
    }
  return nullptr;
}

Result<qmm_entry::PlanPtr> qmm_entry::getPlan(const qmm_tensor *inputs) {
  int64_t dims[kMaxDims];
  if (Status status = bindShapes(inputs, dims); !status.ok())
    return status;
  if (PlanPtr plan = lookUp(dims))
    return plan;
  Result<PlanPtr> built =
      buildPlan(module.artifact.module, program, module.getBackend(),
                std::vector<int64_t>(dims, dims + program.numDims));
  if (!built.ok())
    return built;
  (*built)->lastUse = ++clock;
  std::unique_lock<std::shared_mutex> lock(mutex);
  for (const PlanPtr &plan : plans)
    if (plan->dims == (*built)->dims)
      return plan; // another thread was faster
  if (plans.size() < kMaxPlans) {
    plans.push_back(*built);
  } else {
    *std::min_element(plans.begin(), plans.end(),
                      [](const PlanPtr &lhs, const PlanPtr &rhs) {
                        return lhs->lastUse < rhs->lastUse;
                      }) = *built;
  }
  return built;
}

Status qmm_entry::findPrepared(const qmm_tensor *inputs, PlanPtr &plan) {
  int64_t dims[kMaxDims];
  if (Status status = bindShapes(inputs, dims); !status.ok())
    return status;
  plan = lookUp(dims);
  if (plan && plan->prepared)
    return Status();
  std::string shapes;
  for (size_t i = 0; i < program.inputs.size(); ++i)
    shapes += (i ? ", " : "") + ::describeShape(inputs[i]);
  return Status(QMM_STATUS_UNPREPARED,
                "entry '" + program.name + "' isn't prepared for " +
                    (shapes.empty() ? "a call" : "the input shapes " + shapes) +
                    ": call qmm_entry_prepare first");
}

Status qmm_entry::checkOutputs(const Plan &plan,
                               const qmm_tensor *outputs) const {
  if (!outputs && !program.outputs.empty())
    return invalid(program, "outputs is NULL, expected " +
                                std::to_string(program.outputs.size()));
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const Value &output = program.outputs[i];
    if (Status status =
            checkDescriptor(program, "output", i, output, outputs[i]);
        !status.ok())
      return status;
    const std::vector<int64_t> &shape = plan.outputShapes[i];
    if (!std::equal(shape.begin(), shape.end(), outputs[i].shape))
      return invalid(program, describe("output", i, output) + " is " +
                                  ::describeShape(outputs[i]) + ", expected " +
                                  qmmrt::describeShape(shape));
  }
  return Status();
}

namespace {
struct Range {
  uintptr_t begin, end;
  Range(const void *data, uint64_t bytes)
      : begin(reinterpret_cast<uintptr_t>(data)), end(begin + bytes) {}
  bool overlaps(const Range &other) const {
    return begin < end && other.begin < other.end && begin < other.end &&
           other.begin < end;
  }
};
} // namespace

Status qmm_entry::checkMemory(const Plan &plan, const qmm_tensor *inputs,
                              const qmm_tensor *outputs, const void *arena,
                              size_t arenaBytes) const {
  if (arenaBytes < plan.arenaBytes)
    return invalid(program, "the arena has " + std::to_string(arenaBytes) +
                                " bytes, expected at least " +
                                std::to_string(plan.arenaBytes));
  if (plan.arenaBytes != 0 &&
      (!arena || reinterpret_cast<uintptr_t>(arena) % 64 != 0))
    return invalid(program, arena ? "the arena isn't 64-byte aligned"
                                  : "the arena is NULL");
  Range arenaRange(arena, plan.arenaBytes);
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    if (Status status = checkData(program, "argument", i, program.inputs[i],
                                  inputs[i], plan.inputBytes[i]);
        !status.ok())
      return status;
    if (Range(inputs[i].data, plan.inputBytes[i]).overlaps(arenaRange))
      return invalid(program, describe("argument", i, program.inputs[i]) +
                                  " overlaps the arena");
  }
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    if (Status status = checkData(program, "output", i, program.outputs[i],
                                  outputs[i], plan.outputBytes[i]);
        !status.ok())
      return status;
    Range range(outputs[i].data, plan.outputBytes[i]);
    std::string other;
    if (range.overlaps(arenaRange))
      other = "the arena";
    for (size_t j = 0; j < program.inputs.size(); ++j)
      if (range.overlaps(Range(inputs[j].data, plan.inputBytes[j])))
        other = describe("argument", j, program.inputs[j]);
    for (size_t j = 0; j < i; ++j)
      if (range.overlaps(Range(outputs[j].data, plan.outputBytes[j])))
        other = describe("output", j, program.outputs[j]);
    if (!other.empty())
      return invalid(program, describe("output", i, program.outputs[i]) +
                                  " overlaps " + other);
  }
  return Status();
}

/// Kernels access 16 bytes at a time, and an address that isn't the GPU's would
/// end every later call of the process.
Status qmm_entry::checkDevicePointers(const Plan &plan,
                                      const qmm_tensor *inputs,
                                      const qmm_tensor *outputs,
                                      const void *arena) const {
  constexpr unsigned kAlignment = 16;
  const cuda::Device &device = module.device->getDevice();
  auto check = [&](const char *kind, size_t index, const Value &value,
                   const void *data, uint64_t bytes) {
    if (bytes == 0)
      return Status();
    if (reinterpret_cast<uintptr_t>(data) % kAlignment != 0)
      return invalid(program, describe(kind, index, value) +
                                  "'s data isn't aligned to " +
                                  std::to_string(kAlignment) + " bytes");
    Status status = device.verifyPointer(data, kind);
    return status.ok() ? status
                       : Status(status.getCode(),
                                "entry '" + program.name +
                                    "': " + describe(kind, index, value) +
                                    ": " + status.getMessage());
  };
  for (size_t i = 0; i < program.inputs.size(); ++i)
    if (Status status = check("argument", i, program.inputs[i], inputs[i].data,
                              plan.inputBytes[i]);
        !status.ok())
      return status;
  for (size_t i = 0; i < program.outputs.size(); ++i)
    if (Status status = check("output", i, program.outputs[i], outputs[i].data,
                              plan.outputBytes[i]);
        !status.ok())
      return status;
  return plan.arenaBytes == 0 ? Status()
                              : device.verifyPointer(arena, "the arena");
}

Status qmm_entry::invoke(const qmm_tensor *inputs, const qmm_tensor *outputs,
                         void *arena, size_t arenaBytes, void *stream) {
  PlanPtr plan;
  if (Status status = findPrepared(inputs, plan); !status.ok())
    return status;
  if (Status status = checkOutputs(*plan, outputs); !status.ok())
    return status;
  if (Status status = checkMemory(*plan, inputs, outputs, arena, arenaBytes);
      !status.ok())
    return status;
  Bases bases = module.getBases();
  bases.inputs = inputs;
  bases.outputs = outputs;
  bases.arena = static_cast<char *>(arena);
  if (module.device) {
    if (Status status = checkDevicePointers(*plan, inputs, outputs, arena);
        !status.ok())
      return status;
    return runPlan(*plan, program, bases, *module.device,
                   static_cast<cuda::CUstream>(stream));
  }
  if (stream)
    return invalid(program, "stream is given, expected NULL on the CPU");
  return runPlan(*plan, program, bases, module.getExecutor());
}
