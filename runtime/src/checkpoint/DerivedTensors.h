//===- checkpoint/DerivedTensors.h - Views of tensors -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Some families store a scale's reciprocal, a scale in bf16, or the weights of
// many layers in one tensor.  A key with a suffix names what a layer needs of
// such a tensor, wherever a key is looked up: in a program's parameters too.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_DERIVEDTENSORS_H
#define QMMRT_CHECKPOINT_DERIVEDTENSORS_H

#include "checkpoint/Safetensors.h"

#include <memory>
#include <mutex>
#include <optional>

namespace qmmrt {

/// What stands after a tensor's key:
///   KEY@f32         the elements of a wide tensor, widened to f32 (exact)
///   KEY@reciprocal  1 / x in f32, correctly rounded, of each element x
///   KEY@[I]         part I of the first dimension, as a matrix (all dimensions
///                   after the second are one) or a vector
struct Derivation {
  enum class Kind { F32, Reciprocal, Part };
  std::string_view base;
  Kind kind;
  int64_t part = 0;
};

std::string getF32Key(std::string_view key);
std::string getReciprocalKey(std::string_view key);
std::string getPartKey(std::string_view key, int64_t part);
/// nullopt for a key without such a suffix.
std::optional<Derivation> parseDerivedKey(std::string_view key);

/// The tensors that were asked for, each made once.
class DerivedTensors {
public:
  /// nullptr where `base` isn't wide, or has no such part.  Any thread.
  const SafetensorsTensor *get(std::string_view key,
                               const Derivation &derivation,
                               const SafetensorsTensor &base);

private:
  struct Entry {
    SafetensorsTensor tensor;
    std::vector<float> values;
  };
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries;
};

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_DERIVEDTENSORS_H
