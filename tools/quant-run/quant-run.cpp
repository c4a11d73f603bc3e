//===- quant-run/quant-run.cpp - Runs compiled programs ------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The main job's last step: tensors in, tensors out, and whether they are the
// expected ones.
//
//===----------------------------------------------------------------------===//
#include "Calibrate.h"
#include "Compare.h"
#include "Compile.h"
#include "Run.h"

#include "numerics/Elements.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace qmmrt;
using namespace qmmrt::run;
using Json = nlohmann::ordered_json;

namespace {

enum ExitCode { kOk = 0, kComparisonFailed = 1, kError = 2 };

int fail(const Status &status) {
  std::fprintf(stderr, "quant-run: error: %s\n", status.getMessage().c_str());
  return kError;
}

std::string spellValues(const std::vector<qmm_value_info> &values, Role role) {
  std::string text = "(";
  for (size_t i = 0; i < values.size(); ++i) {
    std::string name = values[i].name;
    if (name.empty())
      name = (role == Role::Input ? "in" : "out") + std::to_string(i);
    text += (i ? ", " : "") + name + ": " + describe(values[i]);
  }
  return text + ")";
}

Json toJson(const std::vector<qmm_value_info> &values) {
  Json list = Json::array();
  for (const qmm_value_info &value : values) {
    Json shape = Json::array();
    for (uint32_t i = 0; i < value.rank; ++i)
      shape.push_back(value.shape[i] < 0 ? Json() : Json(value.shape[i]));
    list.push_back({{"name", value.name},
                    {"dtype", getDTypeName(qmm_dtype(value.dtype))},
                    {"shape", shape}});
  }
  return list;
}

std::string dump(const Json &json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

void list(const Program &program, bool json) {
  Json entries = Json::array();
  for (size_t i = 0; i < qmm_module_entry_count(program.getModule()); ++i) {
    const qmm_entry *entry = qmm_module_entry_at(program.getModule(), i);
    if (json)
      entries.push_back({{"name", qmm_entry_name(entry)},
                         {"inputs", toJson(getInputs(entry))},
                         {"outputs", toJson(getOutputs(entry))}});
    else
      std::printf("%s%s -> %s\n", qmm_entry_name(entry),
                  spellValues(getInputs(entry), Role::Input).c_str(),
                  spellValues(getOutputs(entry), Role::Output).c_str());
  }
  if (json)
    std::printf("%s\n", dump({{"entries", entries}}).c_str());
}

/// Compares every result; false when one failed.
Result<bool> compare(const Call &call, const Options &options, Json &report) {
  Result<SafetensorsFile> file = SafetensorsFile::open(options.compare);
  if (!file.ok())
    return file.getStatus();
  std::vector<qmm_value_info> infos;
  for (size_t i = 0; i < call.getNumOutputs(); ++i)
    infos.push_back(call.getInfo(i));
  Result<std::vector<const SafetensorsTensor *>> tensors =
      matchTensors(*file, infos, Role::Output);
  if (!tensors.ok())
    return tensors.getStatus();
  bool pass = true;
  report = Json::array();
  for (size_t i = 0; i < infos.size(); ++i) {
    Result<BoundTensor> expected =
        bindTensor(*(*tensors)[i], infos[i], Role::Output, i);
    if (!expected.ok())
      return Status(expected.getStatus().getCode(),
                    options.compare + ": " + expected.getStatus().getMessage());
    uint64_t rows = 1, k = 1;
    for (size_t axis = 0; axis < call.getShape(i).size(); ++axis)
      (axis + 1 == call.getShape(i).size() ? k : rows) *=
          uint64_t(call.getShape(i)[axis]);
    Comparison result =
        compareValues(call.getDType(i), rows, k, call.getData(i),
                      expected->data, options.rtol, options.atol);
    pass &= result.pass;
    report.push_back({{"name", call.getName(i)},
                      {"tensor", (*tensors)[i]->name},
                      {"relative_error", result.relativeError},
                      {"max_abs_error", result.maxAbsError},
                      {"mismatches", result.mismatches},
                      {"elements", result.elements},
                      {"pass", result.pass}});
    if (!options.json)
      std::printf("%s: relative error %.3e, max abs error %.3e, %llu of %llu "
                  "elements differ: %s\n",
                  call.getName(i).c_str(), result.relativeError,
                  result.maxAbsError,
                  static_cast<unsigned long long>(result.mismatches),
                  static_cast<unsigned long long>(result.elements),
                  result.pass ? "PASS" : "FAIL");
  }
  return pass;
}

Json reportTiming(const Timing &timing, bool json) {
  double gflops = timing.flops / timing.medianSeconds / 1e9;
  double bandwidth = double(timing.bytes) / timing.medianSeconds;
  if (!json)
    std::printf("%u runs: min %.3f us, median %.3f us, %.2f GFLOP/s, %.2f GB/s "
                "(at the median)\n",
                timing.runs, timing.minSeconds * 1e6,
                timing.medianSeconds * 1e6, gflops, bandwidth / 1e9);
  return {{"runs", timing.runs},
          {"min_seconds", timing.minSeconds},
          {"median_seconds", timing.medianSeconds},
          {"flops", timing.flops},
          {"bytes", timing.bytes},
          {"gflop_per_second", gflops},
          {"bytes_per_second", bandwidth}};
}

int execute(const Options &options) {
  Program program;
  if (Status status = program.open(options); !status.ok())
    return fail(status);
  TemporaryArtifact temporary;
  std::string path = options.program;
  if (isMlir(path)) {
    if (Status status = temporary.create(); !status.ok())
      return fail(status);
    showProgress("compiling");
    if (Status status =
            compile(options, program.getTarget(), temporary.getPath());
        !status.ok())
      return fail(status);
    path = temporary.getPath();
  }
  showProgress("loading");
  if (Status status = program.load(options, path); !status.ok())
    return fail(status);
  if (options.list) {
    list(program, options.json);
    return kOk;
  }
  Result<qmm_entry *> entry = program.findEntry(options.entry);
  if (!entry.ok())
    return fail(entry.getStatus());
  if (!options.calibrate.empty()) {
    Status status = calibrate(*entry, options);
    return status.ok() ? kOk : fail(status);
  }
  Call call(*entry);
  if (Status status =
          call.prepare(options.inputs.empty() ? "" : options.inputs.front());
      !status.ok())
    return fail(status);
  showProgress("running");
  if (Status status = call.run(); !status.ok())
    return fail(status);
  if (Status status = call.fetch(); !status.ok())
    return fail(status);
  if (!options.outputs.empty())
    if (Status status = call.write(options.outputs); !status.ok())
      return fail(status);

  Json report = {{"entry", qmm_entry_name(*entry)},
                 {"device", program.getDevice()}};
  std::vector<qmm_value_info> outputs;
  for (size_t i = 0; i < call.getNumOutputs(); ++i)
    outputs.push_back(call.getInfo(i));
  report["outputs"] = toJson(outputs);
  bool pass = true;
  if (!options.compare.empty()) {
    Result<bool> result = compare(call, options, report["compare"]);
    if (!result.ok())
      return fail(result.getStatus());
    report["pass"] = pass = *result;
  }
  if (options.benchmark != 0) {
    showProgress("timing");
    Result<Timing> timing = call.benchmark(options.benchmark);
    if (!timing.ok())
      return fail(timing.getStatus());
    report["benchmark"] = reportTiming(*timing, options.json);
  }
  if (options.json)
    std::printf("%s\n", dump(report).c_str());
  return pass ? kOk : kComparisonFailed;
}

} // namespace

int main(int argc, char **argv) {
  try {
    Result<Options> options = parseOptions(argc, argv);
    if (!options.ok())
      return fail(options.getStatus());
    if (options->help) {
      std::fputs(getHelp().c_str(), stdout);
      return kOk;
    }
    if (options->version) {
      uint32_t version = qmm_version();
      std::printf("quant-run %u.%u.%u\n", version >> 16, version >> 8 & 255,
                  version & 255);
      return kOk;
    }
    int code = execute(*options);
    // Lost output is an error too.
    if (std::fflush(stdout) != 0)
      return fail(Status(QMM_STATUS_IO, "cannot write to standard output"));
    return code;
  } catch (const std::bad_alloc &) {
    return fail(Status(QMM_STATUS_OUT_OF_MEMORY, "out of memory"));
  }
}
