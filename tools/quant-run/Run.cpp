//===- quant-run/Run.cpp - One entry, its buffers and its time -----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Uses the C ABI as any program would; only the cost of a run, which the ABI
// doesn't tell, comes from the plan.
//
//===----------------------------------------------------------------------===//
#include "Run.h"

#include "checkpoint/SafetensorsWriter.h"
#include "program/LoadedModule.h"

#include "context/Context.h"
#include "qmm/memory.h"
#include <algorithm>
#include <chrono>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace qmmrt::run {

void showProgress(const std::string &what) {
  if (::isatty(STDERR_FILENO))
    std::fprintf(stderr, "quant-run: %s...\n", what.c_str());
}

static Status fromCall(qmm_status status) {
  return status == QMM_STATUS_OK ? Status() : Status(status, qmm_last_error());
}

Program::~Program() {
  qmm_module_destroy(module);
  qmm_context_destroy(context);
}

Status Program::open(const Options &options) {
  qmm_context_options contextOptions = {};
  contextOptions.struct_size = sizeof(contextOptions);
  contextOptions.num_threads = options.threads;
  contextOptions.device = options.device.c_str();
  return fromCall(qmm_context_create(&contextOptions, &context));
}

std::string Program::getTarget() const {
  return context->device ? "cuda:" + context->device->getProperties().chip
                         : "cpu";
}

Status Program::load(const Options &options, const std::string &path) {
  qmm_module_options moduleOptions = {
      sizeof(moduleOptions), 0,
      options.weightsDir.empty() ? nullptr : options.weightsDir.c_str()};
  Status status =
      fromCall(qmm_module_load(context, path.c_str(), &moduleOptions, &module));
  if (status.getCode() != QMM_STATUS_UNSUPPORTED || options.device != "auto" ||
      !context->device)
    return status;
  // A GPU is here, but the program may be the CPU's.
  qmm_context_destroy(context);
  context = nullptr;
  Options onCPU = options;
  onCPU.device = "cpu";
  if (Status created = open(onCPU); !created.ok())
    return created;
  return fromCall(
             qmm_module_load(context, path.c_str(), &moduleOptions, &module))
                 .ok()
             ? Status()
             : status;
}

Result<qmm_entry *> Program::findEntry(const std::string &name) const {
  qmm_entry *entry = nullptr;
  if (!name.empty()) {
    if (Status status =
            fromCall(qmm_module_find_entry(module, name.c_str(), &entry));
        !status.ok())
      return status;
    return entry;
  }
  size_t count = qmm_module_entry_count(module);
  if (count == 1)
    return qmm_module_entry_at(module, 0);
  std::string names;
  for (size_t i = 0; i < count; ++i)
    names += std::string("\n  --entry=") +
             qmm_entry_name(qmm_module_entry_at(module, i));
  return Status(QMM_STATUS_INVALID_ARGUMENT,
                "the program has " + std::to_string(count) +
                    " functions, say which one to run:" + names);
}

std::vector<qmm_value_info> getInputs(const qmm_entry *entry) {
  std::vector<qmm_value_info> infos(qmm_entry_input_count(entry));
  for (size_t i = 0; i < infos.size(); ++i) {
    infos[i].struct_size = sizeof(qmm_value_info);
    (void)qmm_entry_input_info(entry, i, &infos[i]); // i is in range
  }
  return infos;
}

std::vector<qmm_value_info> getOutputs(const qmm_entry *entry) {
  std::vector<qmm_value_info> infos(qmm_entry_output_count(entry));
  for (size_t i = 0; i < infos.size(); ++i) {
    infos[i].struct_size = sizeof(qmm_value_info);
    (void)qmm_entry_output_info(entry, i, &infos[i]); // i is in range
  }
  return infos;
}

void Call::Free::operator()(void *memory) const { std::free(memory); }

Result<Call::Buffer> Call::allocate(uint64_t bytes) {
  uint64_t rounded = (std::max<uint64_t>(bytes, 1) + 63) / 64 * 64;
  Buffer buffer(std::aligned_alloc(64, size_t(rounded)));
  if (!buffer)
    return Status(QMM_STATUS_OUT_OF_MEMORY,
                  "cannot allocate " + std::to_string(bytes) + " bytes");
  // Touched here, so that no run pays for the pages.
  std::memset(buffer.get(), 0, size_t(rounded));
  return buffer;
}

DeviceMemory::~DeviceMemory() {
  (void)qmm_memory_free(context, memory); // nobody is left to tell
}

Status DeviceMemory::allocate(qmm_context *owner, size_t bytes) {
  context = owner;
  return fromCall(qmm_memory_allocate(context, bytes, &memory));
}

Call::Call(qmm_entry *entry)
    : entry(entry), context(&entry->module.context),
      onDevice(entry->module.device != nullptr), inputInfos(getInputs(entry)),
      outputInfos(getOutputs(entry)) {}

Status Call::moveToDevice() {
  auto move = [&](qmm_tensor &tensor, uint64_t bytes, bool copies) -> Status {
    auto memory = std::make_unique<DeviceMemory>();
    if (Status status = memory->allocate(context, bytes); !status.ok())
      return status;
    if (copies)
      if (Status status = fromCall(qmm_memory_to_device(
              context, memory->get(), tensor.data, bytes, nullptr));
          !status.ok())
        return status;
    tensor.data = memory->get();
    deviceBuffers.push_back(std::move(memory));
    return Status();
  };
  for (qmm_tensor &tensor : inputs)
    if (Status status =
            move(tensor,
                 getBytes(qmm_dtype(tensor.scheme.element),
                          {tensor.shape, tensor.shape + tensor.rank}),
                 /*copies=*/true);
        !status.ok())
      return status;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Status status = move(outputs[i], getBytes(getDType(i), outputShapes[i]),
                             /*copies=*/false);
        !status.ok())
      return status;
  return Status();
}

Status Call::fetch() {
  if (!onDevice)
    return Status();
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Status status = fromCall(qmm_memory_to_host(
            context, buffers[i].get(), outputs[i].data,
            getBytes(getDType(i), outputShapes[i]), nullptr));
        !status.ok())
      return status;
  return Status();
}

Status Call::prepare(const std::string &inputsPath) {
  if (!inputInfos.empty()) {
    if (inputsPath.empty()) {
      std::string wanted;
      for (size_t i = 0; i < inputInfos.size(); ++i)
        wanted += "\n  " + describe(inputInfos[i], Role::Input, i) + ": " +
                  describe(inputInfos[i]);
      return Status(QMM_STATUS_INVALID_ARGUMENT,
                    std::string("'") + qmm_entry_name(entry) +
                        "' takes arguments, give --inputs:" + wanted);
    }
    Result<SafetensorsFile> opened = SafetensorsFile::open(inputsPath);
    if (!opened.ok())
      return opened.getStatus();
    file = std::make_unique<SafetensorsFile>(std::move(*opened));
    Result<std::vector<const SafetensorsTensor *>> tensors =
        matchTensors(*file, inputInfos, Role::Input);
    if (!tensors.ok())
      return tensors.getStatus();
    for (size_t i = 0; i < inputInfos.size(); ++i) {
      Result<BoundTensor> input =
          bindTensor(*(*tensors)[i], inputInfos[i], Role::Input, i);
      if (!input.ok())
        return Status(input.getStatus().getCode(),
                      inputsPath + ": " + input.getStatus().getMessage());
      bound.push_back(std::move(*input));
      qmm_tensor tensor = {};
      tensor.struct_size = sizeof(tensor);
      tensor.rank = uint32_t(bound[i].shape.size());
      std::copy(bound[i].shape.begin(), bound[i].shape.end(), tensor.shape);
      tensor.scheme.element = inputInfos[i].dtype;
      // Inputs are never written.
      tensor.data = const_cast<void *>(bound[i].data);
      inputs.push_back(tensor);
    }
  }
  outputs.resize(outputInfos.size());
  if (Status status = fromCall(
          qmm_entry_query(entry, inputs.data(), outputs.data(), &arenaBytes));
      !status.ok())
    return status;
  for (qmm_tensor &output : outputs) {
    outputShapes.emplace_back(output.shape, output.shape + output.rank);
    Result<Buffer> buffer = allocate(
        getBytes(qmm_dtype(output.scheme.element), outputShapes.back()));
    if (!buffer.ok())
      return buffer.getStatus();
    output.data = buffer->get();
    buffers.push_back(std::move(*buffer));
  }
  if (onDevice) {
    if (Status status = moveToDevice(); !status.ok())
      return status;
    if (Status status = deviceArena.allocate(context, arenaBytes); !status.ok())
      return status;
  } else {
    Result<Buffer> memory = allocate(arenaBytes);
    if (!memory.ok())
      return memory.getStatus();
    arena = std::move(*memory);
  }
  return fromCall(qmm_entry_prepare(entry, inputs.data()));
}

Status Call::run() {
  Status status = fromCall(qmm_entry_invoke(
      entry, inputs.data(), outputs.data(),
      onDevice ? deviceArena.get() : arena.get(), arenaBytes, nullptr));
  return status.ok() && onDevice
             ? fromCall(qmm_stream_synchronize(context, nullptr))
             : status;
}

Result<Timing> Call::benchmark(unsigned runs) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  for (unsigned i = 0; i <= runs; ++i) {
    Clock::time_point start = Clock::now();
    if (Status status = run(); !status.ok())
      return status;
    if (i != 0) // the first one warms up
      seconds.push_back(
          std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  Timing timing;
  timing.runs = runs;
  timing.minSeconds = seconds.front();
  timing.medianSeconds = (seconds[(runs - 1) / 2] + seconds[runs / 2]) / 2;
  Result<qmm_entry::PlanPtr> plan = entry->getPlan(inputs.data());
  if (!plan.ok())
    return plan.getStatus();
  timing.flops = (*plan)->flops;
  timing.bytes = (*plan)->parameterBytes;
  for (uint64_t bytes : (*plan)->inputBytes)
    timing.bytes += bytes;
  for (uint64_t bytes : (*plan)->outputBytes)
    timing.bytes += bytes;
  return timing;
}

std::string Call::getName(size_t output) const {
  const char *name = outputInfos[output].name;
  return *name ? name : "out" + std::to_string(output);
}

qmm_value_info Call::getInfo(size_t output) const {
  qmm_value_info info = outputInfos[output];
  std::copy(outputShapes[output].begin(), outputShapes[output].end(),
            info.shape);
  return info;
}

Status Call::write(const std::string &path) const {
  SafetensorsWriter writer;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Status status =
            writer.add(getName(i), getDType(i), outputShapes[i], getData(i),
                       getBytes(getDType(i), outputShapes[i]));
        !status.ok())
      return Status(status.getCode(), path + ": " + status.getMessage());
  return writer.write(path);
}

} // namespace qmmrt::run
