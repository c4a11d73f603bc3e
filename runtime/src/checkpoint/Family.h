//===- checkpoint/Family.h - Shared by families -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Internal to this room.  A family turns its own declaration into a Declaration
// and its own keys into LayerKeys; one reader checks the tensors behind them.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_FAMILY_H
#define QMMRT_CHECKPOINT_FAMILY_H

#include "checkpoint/Layers.h"

#include <optional>

namespace qmmrt {

/// What a file says of one quantized layer.
struct Declaration {
  std::string source; // "tensor 'X.comfy_quant'": for messages
  std::string format;
  std::optional<int64_t> groupSize;
  qmm_dtype origDtype = QMM_DTYPE_NONE;
  std::vector<int64_t> origShape; // empty when not recorded
  bool fullPrecision = false;
  std::optional<bool> perRow;
};

/// How the scales of a format are arranged.
enum class ScaleKind { Tensor, Row, TensorOrRow, Block, NVFP4, MXFP8, Any };

struct FormatRule {
  const char *name;
  qmm_dtype element;
  ScaleKind scales;
  int64_t defaultGroup; // Block, NVFP4, MXFP8
  bool usesInputScale;  // the activation has one static scale
};

/// Last components of a layer's keys.
struct LayerKeys {
  std::string_view weightScale, inputScale;
};

/// The tensors of a file by module: "a.b" has "a.b.weight", "a.b.bias".
using ModuleIndex = std::unordered_map<std::string_view,
                                       std::vector<const SafetensorsTensor *>>;
/// The module of a key, and the rest; a key without a dot has module "".
std::string_view getModule(std::string_view key);
std::string_view getLastComponent(std::string_view key);

/// ComfyUI's declarations by layer name; UNSUPPORTED for unknown fields,
/// MALFORMED when a layer's two declarations disagree.
Result<std::map<std::string, Declaration, std::less<>>>
readComfyDeclarations(const Checkpoint &checkpoint);
/// The rule of a ComfyUI format, or a refusal that names it.
Result<FormatRule> getComfyFormat(const Declaration &declaration);
constexpr LayerKeys kComfyKeys = {"weight_scale", "input_scale"};

/// A `scaled_fp8` tensor: the mark of the files that ComfyUI read before it had
/// declarations.  It speaks for the layers whose names begin with `prefix`.
struct LegacyMark {
  std::string prefix; // "" or ending in '.'
  std::string key;
  bool fullPrecision; // the mark has two elements
};
/// MALFORMED for more marks than the parts of any model.
Result<std::vector<LegacyMark>> findLegacyMarks(const Checkpoint &checkpoint);
/// The mark that speaks for a layer; nullptr when none does.
const LegacyMark *findMark(const std::vector<LegacyMark> &marks,
                           std::string_view layer);
Result<LinearLayer> readLegacyLayer(const Checkpoint &checkpoint,
                                    const ModuleIndex &modules,
                                    const LegacyMark &mark,
                                    const SafetensorsTensor &weight);

/// Checks every tensor of a declared layer and describes it.
Result<LinearLayer>
readScaledLayer(const Checkpoint &checkpoint, const ModuleIndex &modules,
                const std::string &name, const Declaration &declaration,
                const FormatRule &rule, const LayerKeys &keys);

/// The bias of `layer` (with n and k known) into it, when the file has one.
Status readBias(const Checkpoint &checkpoint, LinearLayer &layer);

/// Refuses a tensor that belongs to a family this version doesn't read; OK for
/// any other.  Not for tensors of declared layers.
Status refuseOtherFamily(const Checkpoint &checkpoint,
                         const ModuleIndex &modules,
                         const SafetensorsTensor &tensor);

/// Every value of a scale tensor: not NaN, infinite or negative, and above zero
/// unless `zeroAllowed`.  `element` is what the bytes are (U8 may hold E4M3 or
/// E8M0).
Status checkScaleValues(const Checkpoint &checkpoint,
                        const SafetensorsTensor &tensor, qmm_dtype element,
                        bool zeroAllowed);
/// Every value finite.
Status checkFinite(const Checkpoint &checkpoint,
                   const SafetensorsTensor &tensor);
/// One f32 of any alignment.
float readF32(const SafetensorsTensor &tensor, int64_t index);

Status malformed(const Checkpoint &checkpoint, const SafetensorsTensor &tensor,
                 const std::string &text);
Status unsupported(const Checkpoint &checkpoint,
                   const SafetensorsTensor &tensor, const std::string &text);

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_FAMILY_H
