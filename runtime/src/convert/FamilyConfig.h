//===- convert/FamilyConfig.h - What declares a family -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Families other than ComfyUI's declare their layers in a file beside them.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CONVERT_FAMILYCONFIG_H
#define QMMRT_CONVERT_FAMILYCONFIG_H

#include "convert/LayerStorage.h"

namespace qmmrt {

struct ConfiguredLayer {
  std::string name;
  qmm_scheme scheme = {};     // wide: left out
  bool hasInputScale = false; // else the activation stays wide
};

/// "hf_quant_config.json" or "config.json"; "" for ComfyUI's, which needs none.
std::string getConfigName(FileLayout family);

/// The file's text.  `old` is the source's config.json ("" without one), whose
/// other fields are kept.
Result<std::string> buildConfig(FileLayout family,
                                const std::vector<ConfiguredLayer> &layers,
                                const std::string &old);

} // namespace qmmrt

#endif // QMMRT_CONVERT_FAMILYCONFIG_H
