//===- checkpoint/DerivedTensors.cpp - Views of tensors -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parts point into their tensor; values are computed, so they suit scales.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/DerivedTensors.h"
#include "numerics/Elements.h"

#include <charconv>
#include <cstring>

using namespace qmmrt;

static constexpr std::string_view kF32 = "@f32";
static constexpr std::string_view kReciprocal = "@reciprocal";
static constexpr std::string_view kPart = "@[";

std::string qmmrt::getF32Key(std::string_view key) {
  return std::string(key).append(kF32);
}

std::string qmmrt::getReciprocalKey(std::string_view key) {
  return std::string(key).append(kReciprocal);
}

std::string qmmrt::getPartKey(std::string_view key, int64_t part) {
  return std::string(key).append(kPart) + std::to_string(part) + "]";
}

std::optional<Derivation> qmmrt::parseDerivedKey(std::string_view key) {
  size_t at = key.rfind('@');
  if (at == std::string_view::npos)
    return std::nullopt;
  std::string_view base = key.substr(0, at), suffix = key.substr(at);
  if (suffix == kF32)
    return Derivation{base, Derivation::Kind::F32};
  if (suffix == kReciprocal)
    return Derivation{base, Derivation::Kind::Reciprocal};
  if (suffix.substr(0, kPart.size()) != kPart)
    return std::nullopt;
  std::string_view digits = suffix.substr(kPart.size());
  int64_t part = -1;
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), part);
  if (error != std::errc() || part < 0 ||
      std::string_view(end, size_t(digits.data() + digits.size() - end)) != "]")
    return std::nullopt;
  return Derivation{base, Derivation::Kind::Part, part};
}

/// Part `part` of `base` into `result`; false when there is none.
static bool takePart(const SafetensorsTensor &base, int64_t part,
                     SafetensorsTensor &result) {
  if (base.shape.size() < 2 || part >= base.shape[0] ||
      base.bytes % static_cast<uint64_t>(base.shape[0]))
    return false;
  result.dtype = base.dtype;
  result.dtypeName = base.dtypeName;
  result.shape = {base.shape[1]};
  if (base.shape.size() > 2) {
    result.shape.push_back(1);
    for (size_t i = 2; i < base.shape.size(); ++i)
      result.shape[1] *= base.shape[i];
  }
  result.bytes = base.bytes / static_cast<uint64_t>(base.shape[0]);
  uint64_t offset = result.bytes * static_cast<uint64_t>(part);
  result.data = base.data + offset;
  result.fileOffset = base.fileOffset + offset;
  return true;
}

static void computeValues(const SafetensorsTensor &base, bool reciprocal,
                          std::vector<float> &values) {
  size_t size = getBitWidth(base.dtype) / 8;
  values.resize(base.bytes / size);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, base.data + i * size, size);
    float value = decodeElement(base.dtype, bits);
    values[i] = reciprocal ? 1.0f / value : value;
  }
}

const SafetensorsTensor *DerivedTensors::get(std::string_view key,
                                             const Derivation &derivation,
                                             const SafetensorsTensor &base) {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = entries.find(key);
  if (it != entries.end())
    return &it->second->tensor;
  auto entry = std::make_unique<Entry>();
  SafetensorsTensor &tensor = entry->tensor;
  tensor.name = key;
  if (derivation.kind == Derivation::Kind::Part) {
    if (!takePart(base, derivation.part, tensor))
      return nullptr;
  } else {
    if (!isWide(base.dtype))
      return nullptr;
    computeValues(base, derivation.kind == Derivation::Kind::Reciprocal,
                  entry->values);
    tensor.dtype = QMM_DTYPE_F32;
    tensor.dtypeName = getSafetensorsDTypeName(QMM_DTYPE_F32);
    tensor.shape = base.shape;
    tensor.bytes = entry->values.size() * sizeof(float);
    tensor.data = reinterpret_cast<const uint8_t *>(entry->values.data());
    tensor.fileOffset = base.fileOffset;
  }
  return &entries.emplace(std::string(key), std::move(entry))
              .first->second->tensor;
}
