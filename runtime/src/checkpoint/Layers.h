//===- checkpoint/Layers.h - The linear layers -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a file's tensors mean: each family of quantizers has its own keys,
// layouts and traps, and all come out as the same description.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_LAYERS_H
#define QMMRT_CHECKPOINT_LAYERS_H

#include "checkpoint/Checkpoint.h"

namespace qmmrt {

/// y[m, n] = sum_k x[m, k] * (preQuantScale[k]) * weight[n, k] + bias[n].
/// Keys name tensors of the checkpoint, or derive them (DerivedTensors.h) where
/// a family stores another form; "" where the layer has none.
struct LinearLayer {
  std::string name;   // the weight's key without ".weight"
  std::string format; // as declared: "nvfp4", ...; "" for an unquantized layer

  /// Logical extents, without padding: from the recorded original shape, else N
  /// from the bias, else from the weight's storage.  A file that pads K and
  /// records nothing gives the padded K.
  int64_t n = 0, k = 0;

  /// What the weight's and its scales' bytes are.  Where the label and the
  /// scales' shape disagree this follows the shape, and so should the choice of
  /// the activation's scheme.
  qmm_scheme scheme = {};
  qmm_layout layout = {};

  /// The wide type the weight stands for: the recorded original type, else the
  /// bias's, else bf16; an unquantized weight's own.
  qmm_dtype expressed = QMM_DTYPE_BF16;

  std::string weight;
  std::string weightScale;   // block, row or whole-tensor scales
  std::string tensorScale;   // f32, one element
  std::string bias;          // wide, [n]
  std::string inputScale;    // f32, one element: a static activation scale
  std::string preQuantScale; // wide, [k]: multiplies the activation first

  /// Dequantize the weight and leave the activation alone.
  bool fullPrecision = false;

  /// What was decided where the file left a choice or contradicts its label.
  std::vector<std::string> notes;
};

/// Of the weight and its scales.
uint64_t getStoredBytes(const Checkpoint &checkpoint, const LinearLayer &layer);

/// A tensor named like a weight that isn't read as a linear layer, and why.
struct SkippedWeight {
  std::string key, reason;
};

/// Whose layout a checkpoint has that declares none.
enum class FileLayout { Declared, Comfy, ModelOpt, CompressedTensors };

/// All linear layers, in the order of their weights in the files:
///  - layers that a ComfyUI declaration (`comfy_quant` tensors, header metadata
///    `_quantization_metadata`) or the legacy mark `scaled_fp8` quantizes;
///  - layers that a config in the checkpoint's folder quantizes: config.json's
///    `quantization_config` or hf_quant_config.json (docs/checkpoints.md);
///  - the experts of a stack `X.blocks` or `X_blocks` with its scales
///  (gpt-oss),
///    each a layer `X.EXPERT`;
///  - unquantized 2-D weights `X.weight` of f32, bf16 or f16.  An embedding
///    can't be told from a linear layer: a weight whose module's own name
///    contains "embed" (but not "embedder"), "wte" or "wpe" is skipped.
/// UNSUPPORTED for a format, field or family that this version doesn't read,
/// by name; MALFORMED for a contradiction, naming the tensor, what was found
/// and what was expected.  Scales are scanned: NaN, infinite, negative, and
/// where that loses the tensor zero, are errors.
/// `layout` speaks for quantized layers that nothing declares;
/// INVALID_ARGUMENT when something does.
Result<std::vector<LinearLayer>>
readLinearLayers(const Checkpoint &checkpoint,
                 std::vector<SkippedWeight> *skipped = nullptr,
                 FileLayout layout = FileLayout::Declared);

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_LAYERS_H
