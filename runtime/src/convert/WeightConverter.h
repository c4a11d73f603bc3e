//===- convert/WeightConverter.h - One weight -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From what a layer's bytes are to what they shall be, by the numerics library,
// in buffers that are kept for the next layer.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CONVERT_WEIGHTCONVERTER_H
#define QMMRT_CONVERT_WEIGHTCONVERTER_H

#include "convert/LayerStorage.h"
#include "numerics/Statistics.h"

#include <cstdlib>
#include <memory>

namespace qmmrt {

/// Memory that grows and is not cleared.
class Scratch {
public:
  /// nullptr when there is no memory.
  uint8_t *get(uint64_t bytes);

private:
  struct Free {
    void operator()(uint8_t *memory) const { ::free(memory); }
  };
  std::unique_ptr<uint8_t, Free> memory;
  uint64_t size = 0;
};

struct WeightOptions {
  bool scalePrecisionInput = false;
  bool searchScales = false; // of least squared error
  bool allowNonfinite = false;
  bool measure = false;
};

class WeightConverter {
public:
  WeightConverter(Executor &executor, const WeightOptions &options)
      : executor(executor), options(options) {}

  struct Output {
    const uint8_t *weight = nullptr, *scale = nullptr;
    float tensorScale = 0;
    double sqnr = 0; // when measured
    NonfiniteCount nonfinite;
  };
  /// Valid until the next call.  MALFORMED for NaN or infinite values, which
  /// are named and counted, unless they are allowed.
  Result<Output> convert(const Checkpoint &checkpoint, const LinearLayer &layer,
                         const LayerStorage &storage);

private:
  Status quantizeWeight(const qmm_tensor &wide, const qmm_tensor &dst,
                        Output &output,
                        qmm_scale_source source = QMM_SCALES_COMPUTED);
  Result<Output> finish(const LinearLayer &layer, const LayerStorage &storage,
                        const qmm_tensor &wide, const qmm_tensor &dst,
                        Output &output);
  Status checkNonfinite(const LinearLayer &layer, const qmm_tensor &wide,
                        NonfiniteCount &count) const;

  Executor &executor;
  WeightOptions options;
  Scratch weight, scale, wideValues, finiteValues;
};

/// The tensor that the layer's bytes in the file are.
qmm_tensor describeSource(const Checkpoint &checkpoint,
                          const LinearLayer &layer);

} // namespace qmmrt

#endif // QMMRT_CONVERT_WEIGHTCONVERTER_H
