//===- quant-run/Calibrate.h - What inputs of layers are like -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Magnitudes are counted in bins of their f32 bits, so that runs can be added
// and percentiles taken afterwards: 32 bins from one power of 2 to the next,
// each at most 3.2 % wide.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_QUANT_RUN_CALIBRATE_H
#define QMM_QUANT_RUN_CALIBRATE_H

#include "Run.h"

#include <map>

namespace qmmrt::run {

/// The magnitudes of one layer's inputs.
class Magnitudes {
public:
  /// `count` values of a wide `dtype`; false where one is NaN or infinite, and
  /// then nothing is counted.
  bool add(qmm_dtype dtype, const void *values, uint64_t count);
  void addBin(uint32_t bin, uint64_t count) { bins[bin] += count; }
  void addAmax(float value) { amax = std::max(amax, value); }

  float getAmax() const { return amax; }
  uint64_t getCount() const;
  /// A number that at least `percent` of the magnitudes don't exceed: the upper
  /// end of a bin, or the largest magnitude.
  float getPercentile(double percent) const;
  const std::map<uint32_t, uint64_t> &getBins() const { return bins; }

  /// The bin of a finite magnitude: the leading bits of its f32.
  static uint32_t getBin(float magnitude);
  static constexpr uint32_t kNumBins = 0x7F800000 >> 18;

private:
  float amax = 0;
  std::map<uint32_t, uint64_t> bins;
};

/// Runs the entry on every input file and writes the statistics of its results
/// named LAYER:input.  INVALID_ARGUMENT where there are none, or a file's
/// activations aren't finite; then nothing is written.
Status calibrate(qmm_entry *entry, const Options &options);

} // namespace qmmrt::run

#endif // QMM_QUANT_RUN_CALIBRATE_H
