//===- Info.h - What quant-info knows -*- C++ -*- -------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each question is answered as JSON; the text for people is made from that.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_QUANT_INFO_INFO_H
#define QMM_QUANT_INFO_INFO_H

#include "support/Status.h"

#include <nlohmann/json.hpp>
#include <string>

namespace qmmrt::info {

/// In the order in which fields were added.
using Json = nlohmann::ordered_json;

/// {"cpu", "gpus": [...], "cuda_error", "chip", "measured", "routes": [...]}:
/// devices, libraries, and the route of every pair of schemes.  `chip`: whose
/// routes; "" is the first GPU's, else the CPU's.
Result<Json> describeMachine(const std::string &chip,
                             const std::string &cublasLt);
std::string printMachine(const Json &machine);

/// {"kind": "checkpoint" | "program", ...} of a safetensors file or an
/// artefact.
Result<Json> describeFile(const std::string &path);
std::string printFile(const Json &file);

} // namespace qmmrt::info

#endif // QMM_QUANT_INFO_INFO_H
