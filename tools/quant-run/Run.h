//===- quant-run/Run.h - One entry, its buffers and its time -- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Owns what a call of an entry needs, from the files' tensors to the arena.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_QUANT_RUN_RUN_H
#define QMM_QUANT_RUN_RUN_H

#include "Binding.h"
#include "Options.h"

#include <vector>

namespace qmmrt::run {

/// For a person who waits, not for a log.
void showProgress(const std::string &what);

struct Timing {
  unsigned runs = 0;
  double minSeconds = 0;
  double medianSeconds = 0;
  double flops = 0;   // of one run: 2MNK over its matmuls
  uint64_t bytes = 0; // of one run: inputs, outputs, weights
};

/// The context and module of a program, for the life of the process.
class Program {
public:
  Program() = default;
  Program(const Program &) = delete;
  Program &operator=(const Program &) = delete;
  ~Program();

  /// Creates the context of --device.
  Status open(const Options &options);
  /// Loads a program; with --device=auto one for the CPU, too.
  Status load(const Options &options, const std::string &path);
  /// What to compile for: "cpu" or "cuda:sm_90".
  std::string getTarget() const;
  /// NOT_FOUND lists the entries when none or the wrong one is named.
  Result<qmm_entry *> findEntry(const std::string &name) const;
  qmm_module *getModule() const { return module; }
  const char *getDevice() const { return qmm_context_description(context); }

private:
  qmm_context *context = nullptr;
  qmm_module *module = nullptr;
};

std::vector<qmm_value_info> getInputs(const qmm_entry *entry);
std::vector<qmm_value_info> getOutputs(const qmm_entry *entry);

/// Memory of a context's device.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;
  ~DeviceMemory();
  Status allocate(qmm_context *owner, size_t bytes);
  void *get() const { return memory; }

private:
  qmm_context *context = nullptr;
  void *memory = nullptr;
};

/// A call of an entry for the tensors of a file.
class Call {
public:
  explicit Call(qmm_entry *entry);

  /// Binds the inputs, allocates outputs and arena, prepares.
  Status prepare(const std::string &inputsPath);
  /// Returns when the work is done; the outputs are then the device's.
  Status run();
  /// Brings them to the host.
  Status fetch();
  Result<Timing> benchmark(unsigned runs);

  size_t getNumOutputs() const { return outputs.size(); }
  const std::vector<int64_t> &getShape(size_t output) const {
    return outputShapes[output];
  }
  qmm_dtype getDType(size_t output) const {
    return qmm_dtype(outputInfos[output].dtype);
  }
  const void *getData(size_t output) const { return buffers[output].get(); }
  /// The result's own name, or "outN".
  std::string getName(size_t output) const;
  /// With the shape of this call.
  qmm_value_info getInfo(size_t output) const;

  Status write(const std::string &path) const;

private:
  /// Zeroed and 64-byte aligned.
  struct Free {
    void operator()(void *memory) const;
  };
  using Buffer = std::unique_ptr<void, Free>;
  static Result<Buffer> allocate(uint64_t bytes);
  Status moveToDevice();

  qmm_entry *entry;
  qmm_context *context;
  bool onDevice;
  std::vector<qmm_value_info> inputInfos, outputInfos;
  std::unique_ptr<SafetensorsFile> file; // the inputs lie in it
  std::vector<BoundTensor> bound;
  std::vector<qmm_tensor> inputs, outputs;
  std::vector<std::vector<int64_t>> outputShapes;
  std::vector<Buffer> buffers;
  Buffer arena;
  std::vector<std::unique_ptr<DeviceMemory>> deviceBuffers;
  DeviceMemory deviceArena;
  size_t arenaBytes = 0;
};

} // namespace qmmrt::run

#endif // QMM_QUANT_RUN_RUN_H
