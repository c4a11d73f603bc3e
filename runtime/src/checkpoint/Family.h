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

#include "checkpoint/Json.h"
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
  bool needsInputScale = false; // the activations are said to be static
  std::optional<bool> perRow;
};

/// How the scales of a format are arranged.  MX: E8M0 along K.  Any: what the
/// shape says.
enum class ScaleKind { Tensor, Row, TensorOrRow, Block, NVFP4, MX, Any };

struct FormatRule {
  const char *name;
  qmm_dtype element;
  ScaleKind scales;
  int64_t defaultGroup; // Block, NVFP4, MX
  bool usesInputScale;  // the activation has one static scale
};

/// How a family writes a layer, whatever the format.
struct FamilyRules {
  // Last components of the layer's keys.
  std::string_view weight = "weight", weightScale = "weight_scale",
                   tensorScale = "weight_scale_2", inputScale = "input_scale";
  /// Byte scales lie in tiles, weights under them are padded to blocks, and of
  /// two 4-bit codes the first is high.  Otherwise rows, as they are, low.
  bool tiled = false;
  /// Tensor scale and input scale divide.
  bool divides = false;
  /// Float scales may be bf16 or f16.
  bool wideScales = true;
  /// Labels lie: where the scales' shape says otherwise, the shape is right.
  bool trustsShapes = false;
  /// `k_scale` and `v_scale`, of the key and value cache, may lie in a layer.
  bool hasCacheScales = true;
  /// An input scale of 1 says that nothing was measured.
  bool unitInputScaleIsNone = false;
};

/// A declaration with what it means.
struct DeclaredLayer {
  Declaration declaration;
  FormatRule rule;
  FamilyRules family;
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
/// How ComfyUI and convert_to_quant write.
FamilyRules getComfyRules();

/// PyTorch's name of a wide type, with or without "torch."; NONE for others.
qmm_dtype getTorchDType(std::string_view name);

/// The declaration in a config of the checkpoint's folder.
class ConfigFamily {
public:
  virtual ~ConfigFamily() = default;
  /// "compressed-tensors, by config.json": for messages.
  std::string description;
  /// The model's own wide type; NONE when the config doesn't say.
  qmm_dtype expressed = QMM_DTYPE_NONE;
  /// What it says of a layer that has quantized tensors; an error where it
  /// leaves the layer out.
  virtual Result<DeclaredLayer> declare(const std::string &layer) const = 0;
};
/// Null when no config declares a quantizer.
Result<std::unique_ptr<ConfigFamily>>
readConfigFamily(const Checkpoint &checkpoint);
/// By family; `config` is the object that says how, `source` its name.
Result<std::unique_ptr<ConfigFamily>>
readCompressedTensors(const JsonValue &config, const std::string &source);
Result<std::unique_ptr<ConfigFamily>> readModelOpt(const JsonValue &config,
                                                   const std::string &source);
Result<std::unique_ptr<ConfigFamily>>
readFineGrainedFP8(const JsonValue &config, const std::string &source);
/// How they write.
FamilyRules getCompressedTensorsRules(qmm_dtype element);
FamilyRules getModelOptRules();

/// A layer that nothing declares, by the layout that the user vouches for and
/// the shapes that are there.
Result<DeclaredLayer> inferLayer(const Checkpoint &checkpoint,
                                 const std::string &layer, FileLayout layout);

/// Has the module tensors that only a quantized layer has?
bool hasQuantizedTensors(const std::vector<const SafetensorsTensor *> &module);

/// gpt-oss: the layers of a stack of experts if `tensor` is its blocks; none
/// for any other.
Result<std::vector<LinearLayer>> readExperts(const Checkpoint &checkpoint,
                                             const SafetensorsTensor &tensor);
/// Is it the scales of such a stack?
bool areExpertScales(const Checkpoint &checkpoint,
                     const SafetensorsTensor &tensor);

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
Result<LinearLayer> readScaledLayer(const Checkpoint &checkpoint,
                                    const ModuleIndex &modules,
                                    const std::string &name,
                                    const DeclaredLayer &declared);

/// The bias of `layer` (with n and k known) into it, when the file has one.
Status readBias(const Checkpoint &checkpoint, LinearLayer &layer);

/// Refuses a tensor that belongs to a family this version doesn't read, or
/// whose family nothing declares; OK for any other.  Not for tensors of
/// declared layers.
Status refuseOtherFamily(const Checkpoint &checkpoint,
                         const ModuleIndex &modules,
                         const SafetensorsTensor &tensor);

/// UNSUPPORTED: a quantized layer's tensor that nothing declares.
Status refuseUndeclared(const Checkpoint &checkpoint,
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
