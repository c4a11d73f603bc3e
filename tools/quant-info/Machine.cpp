//===- Machine.cpp - Devices, libraries and routes ------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The answers come from what a context and a plan would ask, not from a list of
// its own.
//
//===----------------------------------------------------------------------===//
#include "Info.h"

#include "capability/Capability.h"
#include "cuda/Device.h"
#include "numerics/Convert.h"
#include "numerics/Layouts.h"

#include <thread>

using namespace qmmrt;
using namespace qmmrt::info;

static const char *const kSchemes[] = {
    "bf16",        "fp8",      "fp8_e5m2",    "fp8_row", "fp8_1x128",
    "fp8_128x128", "mxfp8",    "mxfp8_e5m2",  "mxfp4",   "nvfp4",
    "int8",        "int8_row", "int8_128x128"};

static const char *getKindName(RouteKind kind) {
  switch (kind) {
  case RouteKind::Library:
    return "library";
  case RouteKind::Kernel:
    return "kernel";
  case RouteKind::Widen:
    return "widen";
  case RouteKind::Host:
    return "host";
  }
  return "";
}

static std::string spellVersion(unsigned version) {
  return std::to_string(version / 10000) + "." +
         std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

/// Every GPU that opens; where none does, why.
static Json describeGPUs(const std::string &cublasLt, std::string &error,
                         unsigned &libraryVersion) {
  Json gpus = Json::array();
  Result<cuda::CudaLibraries> libraries = cuda::CudaLibraries::load(cublasLt);
  if (!libraries.ok()) {
    error = libraries.getStatus().getMessage();
    return gpus;
  }
  for (int ordinal = 0;; ++ordinal) {
    auto device = cuda::Device::open(*libraries, ordinal);
    if (!device.ok()) {
      if (ordinal == 0)
        error = device.getStatus().getMessage();
      return gpus;
    }
    const cuda::DeviceProperties &gpu = (*device)->getProperties();
    libraryVersion = gpu.cublasLtVersion;
    gpus.push_back(
        {{"device", "cuda:" + std::to_string(ordinal)},
         {"name", gpu.name},
         {"chip", gpu.chip},
         {"multiprocessors", gpu.smCount},
         {"memory_bytes", gpu.memoryBytes},
         {"driver", std::to_string(gpu.driverVersion / 1000) + "." +
                        std::to_string(gpu.driverVersion % 1000 / 10)},
         {"cublaslt", spellVersion(gpu.cublasLtVersion)},
         {"cublaslt_file", libraries->cublasLtFile}});
  }
}

Result<Json> qmmrt::info::describeMachine(const std::string &wantedChip,
                                          const std::string &cublasLt) {
  Json machine;
  machine["cpu"] = std::string(getSimdTargetName(getSimdTarget())) + ", " +
                   std::to_string(std::thread::hardware_concurrency()) +
                   " threads";
  std::string error;
  unsigned version = 0;
  machine["gpus"] = describeGPUs(cublasLt, error, version);
  machine["cuda_error"] = error.empty() ? Json(nullptr) : Json(error);
  std::string chip = wantedChip;
  if (chip.empty())
    chip = machine["gpus"].empty()
               ? "cpu"
               : machine["gpus"][0]["chip"].get<std::string>();
  if (!isKnownChip(chip)) {
    std::string known;
    for (std::string_view name : getKnownChips())
      known += (known.empty() ? "" : ", ") + std::string(name);
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "chip '" + chip + "' isn't known; there are " + known);
  }
  machine["chip"] = chip;
  machine["measured"] = isMeasuredChip(chip);
  Json routes = Json::array();
  for (const char *a : kSchemes)
    for (const char *b : kSchemes) {
      RouteQuery query;
      query.chip = chip;
      query.libraryVersion = version;
      if (qmm_scheme_from_name(a, &query.a) != QMM_STATUS_OK ||
          qmm_scheme_from_name(b, &query.b) != QMM_STATUS_OK)
        return Status(QMM_STATUS_INTERNAL, qmm_last_error());
      Json list = Json::array();
      for (const Route &route : queryRoutes(query))
        list.push_back({{"kind", getKindName(route.kind)},
                        {"reason", route.reason},
                        {"constraint", route.constraint}});
      routes.push_back({{"a", a}, {"b", b}, {"routes", std::move(list)}});
    }
  machine["routes"] = std::move(routes);
  return machine;
}

std::string qmmrt::info::printMachine(const Json &machine) {
  auto text = [](const Json &value) { return value.get<std::string>(); };
  std::string out = "cpu     " + text(machine["cpu"]) + "\n";
  for (const Json &gpu : machine["gpus"]) {
    out += text(gpu["device"]) + "  " + text(gpu["name"]) + ", " +
           text(gpu["chip"]) + ", " +
           std::to_string(gpu["multiprocessors"].get<int>()) +
           " multiprocessors, " +
           std::to_string(gpu["memory_bytes"].get<int64_t>() >> 30) +
           " GiB, driver " + text(gpu["driver"]) + "\n        cuBLASLt " +
           text(gpu["cublaslt"]) + " from " + text(gpu["cublaslt_file"]) + "\n";
  }
  if (!machine["cuda_error"].is_null())
    out += "no GPU  " + text(machine["cuda_error"]) + "\n";
  std::string chip = text(machine["chip"]);
  if (chip == "cpu")
    return out +
           "\nThe CPU multiplies every pair of schemes: it decodes them as "
           "it reads them.\n--chip=sm_90 shows a GPU's routes.\n";
  out += "\nWhat multiplies a by b on " + chip +
         (machine["measured"].get<bool>()
              ? " (run on such a chip)\n"
              : " (assembled and checked, not run on such a chip)\n");
  for (const Json &pair : machine["routes"]) {
    const Json &route = pair["routes"][0];
    if (route["kind"] != "library")
      continue;
    std::string name = text(pair["a"]) + " x " + text(pair["b"]);
    name.resize(std::max<size_t>(name.size() + 1, 28), ' ');
    out += "  " + name + "cuBLASLt: " + text(route["reason"]);
    if (!text(route["constraint"]).empty())
      out += " (" + text(route["constraint"]) + ")";
    out += "\n";
  }
  return out + "  any other pair              widened to bf16, then cuBLASLt "
               "(--json says why)\n";
}
