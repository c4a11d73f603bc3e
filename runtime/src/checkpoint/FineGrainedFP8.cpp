//===- checkpoint/FineGrainedFP8.cpp - DeepSeek-V3's fp8 -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `quant_method: fp8`: square blocks whose scale is called an inverse and
// multiplies, or without blocks one scale a tensor.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/ConfigFields.h"

#include <algorithm>

using namespace qmmrt;

using Kind = JsonValue::Kind;

namespace {
class FineGrainedFP8 : public ConfigFamily {
public:
  Result<DeclaredLayer> declare(const std::string &layer) const override {
    for (const std::string &name : excluded)
      if (isInModule(layer, name))
        return describeLeftOut(declared.declaration.source, layer,
                               "an excluded module, " + quoteName(name) +
                                   ", is");
    return declared;
  }
  DeclaredLayer declared;
  std::vector<std::string> excluded;
};
} // namespace

Result<std::unique_ptr<ConfigFamily>>
qmmrt::readFineGrainedFP8(const JsonValue &config, const std::string &source) {
  Status status = checkKnownFields(
      config, source,
      {"quant_method", "activation_scheme", "fmt", "weight_block_size",
       "scale_fmt", "modules_to_not_convert", "ignored_layers"});
  if (!status.ok())
    return status;
  auto family = std::make_unique<FineGrainedFP8>();
  family->description = "DeepSeek-style fp8";
  for (const char *field : {"modules_to_not_convert", "ignored_layers"}) {
    auto names = getNamesField(config, field, source);
    if (!names.ok())
      return names.getStatus();
    family->excluded.insert(family->excluded.end(), names->begin(),
                            names->end());
  }
  struct {
    const char *field;
    std::initializer_list<std::string_view> known;
  } enums[] = {{"fmt", {"", "e4m3", "float8_e4m3fn"}},
               {"activation_scheme", {"", "dynamic", "static"}},
               {"scale_fmt", {"", "float", "ue8m0"}}};
  for (const auto &[field, known] : enums) {
    Result<std::string> value = getStringField(config, field, source);
    if (!value.ok())
      return value.getStatus();
    if (std::find(known.begin(), known.end(), *value) == known.end())
      return Status(QMM_STATUS_UNSUPPORTED,
                    source + ": '" + field + "' is " + quoteName(*value) +
                        ", expected " + quoteName(*(known.begin() + 1)) +
                        " or " + quoteName(*(known.end() - 1)));
  }
  DeclaredLayer &declared = family->declared;
  declared.declaration.source = source;
  declared.declaration.format = "fp8";
  const JsonValue *scheme = config.find("activation_scheme");
  declared.declaration.needsInputScale = scheme && scheme->string == "static";
  declared.rule = {"fp8", QMM_DTYPE_E4M3, ScaleKind::Tensor, 0, true};
  const JsonValue *block = config.find("weight_block_size");
  if (block && block->kind != Kind::Null) {
    bool isSquare = block->elements.size() == 2 &&
                    block->elements[0].kind == Kind::Integer &&
                    block->elements[0].integer > 0 &&
                    block->elements[0] == block->elements[1];
    if (!isSquare)
      return Status(QMM_STATUS_UNSUPPORTED,
                    source + ": 'weight_block_size' isn't two equal extents, "
                             "expected [128, 128]");
    declared.rule = {"fp8", QMM_DTYPE_E4M3, ScaleKind::Block,
                     block->elements[0].integer, false};
    declared.declaration.groupSize = block->elements[0].integer;
    declared.declaration.needsInputScale = false;
    declared.family.weightScale = "weight_scale_inv";
  }
  return std::unique_ptr<ConfigFamily>(std::move(family));
}
