//===- checkpoint/ScaledLayer.cpp - One quantized layer -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a declaration, and from the shapes that are really there, to a scheme
// and a layout that say what the bytes are.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/DerivedTensors.h"
#include "checkpoint/Family.h"
#include "numerics/Elements.h"

#include <algorithm>

using namespace qmmrt;

using Shape = std::vector<int64_t>;

static int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

namespace {
class ScaledLayerReader {
public:
  ScaledLayerReader(const Checkpoint &checkpoint, const std::string &name,
                    const DeclaredLayer &declared)
      : checkpoint(checkpoint), declaration(declared.declaration),
        rule(declared.rule), family(declared.family) {
    layer.name = name;
    layer.format = declaration.format;
    layer.fullPrecision = declaration.fullPrecision;
  }

  Status run(const ModuleIndex &modules);
  LinearLayer layer;

private:
  const SafetensorsTensor *find(std::string_view component) const {
    return checkpoint.find(layer.name + "." + std::string(component));
  }
  bool hasByteScales() const {
    return rule.scales == ScaleKind::NVFP4 || rule.scales == ScaleKind::MX;
  }
  bool isPadded() const { return hasByteScales() && family.tiled; }
  std::string underFormat() const {
    return " under the format " + quoteName(declaration.format);
  }
  Status checkComponents(const ModuleIndex &modules) const;
  Status readWeight();
  Status readExtents();
  Status readGroup();
  Status readByteScales();
  Status readF32Scales();
  Status readTensorScale();
  Status readInputScale();
  Status readPreQuantScale();
  bool isScaleType(qmm_dtype dtype) const {
    return dtype == QMM_DTYPE_F32 || (family.wideScales && isWide(dtype));
  }
  std::string nameScaleTypes() const {
    return family.wideScales ? "F32, BF16 or F16" : "F32";
  }
  Status setFloatScale(const SafetensorsTensor &tensor, bool zeroAllowed,
                       bool divides, std::string &key) const;

  const Checkpoint &checkpoint;
  const Declaration &declaration;
  const FormatRule &rule;
  const FamilyRules &family;
  const SafetensorsTensor *weight = nullptr;
  const SafetensorsTensor *scale = nullptr;
  int64_t nStorage = 0, kStorage = 0;
  int64_t group = 0;
};
} // namespace

/// A tensor of the layer that its format doesn't have would change the result.
Status ScaledLayerReader::checkComponents(const ModuleIndex &modules) const {
  auto it = modules.find(layer.name);
  if (it == modules.end())
    return {};
  for (const SafetensorsTensor *tensor : it->second) {
    std::string_view component = getLastComponent(tensor->name);
    if (component == family.weight || component == "bias" ||
        component == "comfy_quant" || component == "pre_quant_scale" ||
        (component == "weight_scalar" &&
         declaration.format == "hybrid_mxfp8") ||
        (family.hasCacheScales &&
         (component == "k_scale" || component == "v_scale")) ||
        component == "scaled_fp8" || component == family.weightScale ||
        component == family.inputScale ||
        (component == family.tensorScale && rule.scales == ScaleKind::NVFP4))
      continue;
    return unsupported(checkpoint, *tensor,
                       "unknown tensor " + describeTensor(*tensor) +
                           " of a layer" + underFormat());
  }
  return {};
}

Status ScaledLayerReader::readWeight() {
  weight = find(family.weight);
  if (!weight)
    return Status(QMM_STATUS_MALFORMED,
                  declaration.source + ": the file has no tensor " +
                      quoteName(layer.name + "." + std::string(family.weight)));
  layer.weight = weight->name;
  bool packed = rule.element == QMM_DTYPE_E2M1;
  qmm_dtype stored = packed ? QMM_DTYPE_U8 : rule.element;
  if (weight->dtype != stored || weight->shape.size() != 2)
    return malformed(checkpoint, *weight,
                     "found " + describeTensor(*weight) + underFormat() +
                         ", expected " + getSafetensorsDTypeName(stored) +
                         (packed ? " [N, K / 2]" : " [N, K]"));
  nStorage = weight->shape[0];
  kStorage = weight->shape[1];
  if (nStorage == 0 || kStorage == 0)
    return malformed(checkpoint, *weight,
                     "found the empty " + describeTensor(*weight) +
                         underFormat());
  if (packed)
    kStorage *= 2;
  layer.scheme.element = rule.element;
  if (packed)
    layer.layout.nibbles =
        family.tiled ? QMM_NIBBLES_HI_FIRST : QMM_NIBBLES_LO_FIRST;
  return {};
}

Status ScaledLayerReader::readExtents() {
  int64_t multiple = isPadded() ? rule.defaultGroup : 1;
  const SafetensorsTensor *bias = find("bias");
  std::string origin;
  if (!declaration.origShape.empty()) {
    layer.n = declaration.origShape[0];
    layer.k = declaration.origShape[1];
    origin = "the recorded shape " + describeShape(declaration.origShape);
  } else {
    layer.k = kStorage;
    layer.n = nStorage;
    origin = "its storage";
    if (isPadded() && bias && bias->shape.size() == 1) {
      layer.n = bias->shape[0];
      origin = "the length of the bias, " + std::to_string(layer.n);
    }
  }
  auto fits = [&](int64_t storage, int64_t logical) {
    return logical > 0 && logical <= storage &&
           (storage == logical || storage == roundUp(logical, multiple));
  };
  if (!fits(nStorage, layer.n) || !fits(kStorage, layer.k))
    return malformed(
        checkpoint, *weight,
        "found " + describeTensor(*weight) + underFormat() + ", storing " +
            std::to_string(nStorage) + " x " + std::to_string(kStorage) +
            " elements; " + origin + " asks for " + std::to_string(layer.n) +
            " x " + std::to_string(layer.k) +
            (multiple > 1 ? ", each rounded up to " + std::to_string(multiple) +
                                " or exact"
                          : ""));
  if (isPadded()) {
    layer.layout.pad_outer =
        nStorage == roundUp(layer.n, multiple) ? multiple : 0;
    layer.layout.pad_k = multiple; // readGroup proves the multiple
  }
  return {};
}

Status ScaledLayerReader::readGroup() {
  if (rule.defaultGroup == 0) {
    if (declaration.groupSize)
      layer.notes.push_back("the group_size " +
                            std::to_string(*declaration.groupSize) +
                            " says nothing" + underFormat());
    return {};
  }
  group = declaration.groupSize.value_or(rule.defaultGroup);
  if (hasByteScales() && group != rule.defaultGroup)
    return Status(QMM_STATUS_UNSUPPORTED,
                  declaration.source + ": the group_size is " +
                      std::to_string(group) + underFormat() + ", expected " +
                      std::to_string(rule.defaultGroup));
  if (hasByteScales() && kStorage % group)
    return malformed(checkpoint, *weight,
                     "K is " + std::to_string(kStorage) + " in " +
                         describeTensor(*weight) + underFormat() +
                         ", expected a multiple of the block " +
                         std::to_string(group));
  return {};
}

/// NVFP4 and MX: one byte a block, as tensor cores want them or row by row.
Status ScaledLayerReader::readByteScales() {
  bool isNVFP4 = rule.scales == ScaleKind::NVFP4;
  qmm_dtype element = isNVFP4 ? QMM_DTYPE_E4M3 : QMM_DTYPE_E8M0;
  Shape linear = {nStorage, kStorage / group};
  Shape tiled = {roundUp(nStorage, 128), roundUp(linear[1], 4)};
  const Shape &expected = family.tiled ? tiled : linear;
  if ((scale->dtype != element && scale->dtype != QMM_DTYPE_U8) ||
      scale->shape != expected)
    return malformed(
        checkpoint, *scale,
        "found " + describeTensor(*scale) +
            (scale->shape == linear ? " (unpadded, so not in tiles)" : "") +
            underFormat() + ", expected " + getSafetensorsDTypeName(element) +
            " or U8 " + describeShape(expected) + " for the weight " +
            describeTensor(*weight));
  layer.scheme.scale = element;
  layer.scheme.block_outer = 1;
  layer.scheme.block_k = group;
  layer.scheme.has_tensor_scale = isNVFP4;
  layer.layout.scales =
      family.tiled ? QMM_SCALES_TILED_128X4 : QMM_SCALES_LINEAR;
  return checkScaleValues(checkpoint, *scale, element, /*zeroAllowed=*/true);
}

/// fp8 and int8: f32 for the tensor, for each row, or for each square block.
Status ScaledLayerReader::readF32Scales() {
  const Shape &shape = scale->shape;
  bool isScalar = shape.size() <= 2 && scale->getNumElements() == 1;
  bool isRow = shape == Shape{layer.n} || shape == Shape{layer.n, 1};
  bool isGrid = false;
  if (rule.scales == ScaleKind::Any && shape.size() == 2 && shape[0] > 0 &&
      shape[1] > 0 && layer.k % shape[1] == 0) {
    // The file has no name for the block: rows must give the same as columns.
    group = layer.k / shape[1];
    isGrid = shape[0] == (layer.n - 1) / group + 1;
  } else if (rule.scales == ScaleKind::Block && layer.k % group == 0) {
    isGrid = shape == Shape{(layer.n - 1) / group + 1, layer.k / group};
  }

  enum { Unknown, Tensor, Row, Grid } found = Unknown;
  std::string expected;
  switch (rule.scales) {
  case ScaleKind::Tensor:
    found = isScalar ? Tensor : Unknown;
    expected = "one value, []";
    break;
  case ScaleKind::Row:
    found = isRow ? Row : Unknown;
    expected = "one value a row, " + describeShape({layer.n});
    break;
  case ScaleKind::TensorOrRow:
    found = isScalar && !declaration.perRow.value_or(false) ? Tensor
            : isRow && declaration.perRow.value_or(true)    ? Row
                                                            : Unknown;
    expected = "one value, [], or one a row, " + describeShape({layer.n}) +
               (!declaration.perRow   ? ""
                : *declaration.perRow ? " (per_row is true)"
                                      : " (per_row is false)");
    break;
  default:
    found = isGrid                                                    ? Grid
            : rule.scales == ScaleKind::Block && !family.trustsShapes ? Unknown
            : isScalar                                                ? Tensor
            : isRow                                                   ? Row
                                                                      : Unknown;
    expected =
        "one value a block" +
        (group ? " of " + std::to_string(group) + " x " + std::to_string(group)
               : std::string()) +
        (rule.scales == ScaleKind::Block && !family.trustsShapes
             ? ""
             : ", one a row, or one");
    if (rule.scales == ScaleKind::Block && layer.k % group)
      expected += " (K = " + std::to_string(layer.k) +
                  " isn't a multiple of the block)";
    break;
  }
  if (!isScaleType(scale->dtype) || found == Unknown)
    return malformed(checkpoint, *scale,
                     "found " + describeTensor(*scale) + underFormat() +
                         ", expected " + nameScaleTypes() + ": " + expected +
                         ", for the weight " + describeTensor(*weight));
  if (rule.scales == ScaleKind::Block && found != Grid)
    layer.notes.push_back("the label " + quoteName(declaration.format) +
                          " is over scales of shape " + describeShape(shape) +
                          ": the shape is trusted");
  layer.scheme.scale = QMM_DTYPE_F32;
  layer.scheme.block_outer = found == Grid ? group : found == Row ? 1 : 0;
  layer.scheme.block_k = found == Grid ? group : 0;
  layer.layout.scales = QMM_SCALES_LINEAR;
  // A zero scale for the whole tensor loses all of it; a zero row or block is
  // how some quantizers write zeros.
  return setFloatScale(*scale, found != Tensor, /*divides=*/false,
                       layer.weightScale);
}

/// The key under which a float scale is an f32 factor; every value is checked.
Status ScaledLayerReader::setFloatScale(const SafetensorsTensor &tensor,
                                        bool zeroAllowed, bool divides,
                                        std::string &key) const {
  key = tensor.name;
  const SafetensorsTensor *values = &tensor;
  if (tensor.dtype != QMM_DTYPE_F32)
    values = checkpoint.find(getF32Key(tensor.name));
  Status status =
      checkScaleValues(checkpoint, *values, QMM_DTYPE_F32, zeroAllowed);
  if (!status.ok())
    return status;
  if (divides) {
    key = getReciprocalKey(tensor.name);
    // A subnormal divisor has no finite reciprocal.
    return checkScaleValues(checkpoint, *checkpoint.find(key), QMM_DTYPE_F32,
                            /*zeroAllowed=*/false);
  }
  if (tensor.dtype != QMM_DTYPE_F32)
    key = getF32Key(tensor.name);
  return {};
}

/// nvfp4's second factor.  Zero is what quantizers write for a zero weight.
Status ScaledLayerReader::readTensorScale() {
  if (rule.scales != ScaleKind::NVFP4)
    return {};
  const SafetensorsTensor *tensor = find(family.tensorScale);
  if (!tensor)
    return malformed(
        checkpoint, *weight,
        "the file has no tensor " +
            quoteName(layer.name + "." + std::string(family.tensorScale)) +
            ", expected one" + underFormat());
  if (!isScaleType(tensor->dtype) || tensor->getNumElements() != 1)
    return malformed(checkpoint, *tensor,
                     "found " + describeTensor(*tensor) + underFormat() +
                         ", expected one " + nameScaleTypes() + " value");
  bool isZero = !family.divides && tensor->dtype == QMM_DTYPE_F32 &&
                readF32(*tensor, 0) == 0;
  if (isZero) {
    bool codesZero =
        std::all_of(weight->data, weight->data + weight->bytes,
                    [](uint8_t codes) { return (codes & 0x77) == 0; });
    bool scalesZero =
        std::all_of(scale->data, scale->data + scale->bytes,
                    [](uint8_t code) { return (code & 0x7F) == 0; });
    if (!codesZero && !scalesZero)
      return malformed(checkpoint, *tensor,
                       "is 0 over a weight that isn't all zero, expected a "
                       "finite scale above 0");
    layer.notes.push_back("the weight is all zero");
  }
  return setFloatScale(*tensor, isZero, family.divides, layer.tensorScale);
}

Status ScaledLayerReader::readInputScale() {
  const SafetensorsTensor *tensor = find(family.inputScale);
  if (!tensor && declaration.needsInputScale)
    return malformed(
        checkpoint, *weight,
        "the file has no tensor " +
            quoteName(layer.name + "." + std::string(family.inputScale)) +
            ", expected one: its activations are declared static");
  if (!tensor)
    return {};
  if (!isScaleType(tensor->dtype))
    return malformed(checkpoint, *tensor,
                     "found " + describeTensor(*tensor) + ", expected " +
                         nameScaleTypes());
  std::string key;
  Status status =
      setFloatScale(*tensor, /*zeroAllowed=*/false, family.divides, key);
  if (!status.ok())
    return status;
  int64_t count = tensor->getNumElements();
  bool isPlaceholder = family.unitInputScaleIsNone;
  for (int64_t i = 0; i < count && isPlaceholder; ++i)
    isPlaceholder = readF32(*tensor, i) == 1.0f;
  bool staticallyScaled = rule.usesInputScale &&
                          layer.scheme.block_outer == 0 &&
                          layer.scheme.scale == QMM_DTYPE_F32;
  if (rule.scales == ScaleKind::NVFP4)
    staticallyScaled = true;
  if (isPlaceholder || !staticallyScaled) {
    layer.notes.push_back(
        std::string(family.inputScale) + " " + describeShape(tensor->shape) +
        (isPlaceholder ? " = 1 is a placeholder"
                       : " isn't used: this format's activations have no "
                         "static scale of the whole tensor"));
    return {};
  }
  if (count != 1)
    return malformed(checkpoint, *tensor,
                     "found " + describeTensor(*tensor) + underFormat() +
                         ", expected one " + nameScaleTypes() + " value");
  layer.inputScale = key;
  return {};
}

Status ScaledLayerReader::readPreQuantScale() {
  const SafetensorsTensor *tensor = find("pre_quant_scale");
  if (!tensor)
    return {};
  bool isWide = tensor->dtype == QMM_DTYPE_F32 ||
                tensor->dtype == QMM_DTYPE_BF16 ||
                tensor->dtype == QMM_DTYPE_F16;
  if (!isWide || tensor->shape != Shape{layer.k})
    return malformed(checkpoint, *tensor,
                     "found " + describeTensor(*tensor) +
                         ", expected F32, BF16 or F16 " +
                         describeShape({layer.k}) +
                         ", one factor for each "
                         "element of K");
  layer.preQuantScale = tensor->name;
  return checkFinite(checkpoint, *tensor);
}

Status ScaledLayerReader::run(const ModuleIndex &modules) {
  for (auto step :
       {&ScaledLayerReader::readWeight, &ScaledLayerReader::readExtents,
        &ScaledLayerReader::readGroup}) {
    Status status = (this->*step)();
    if (!status.ok())
      return status;
  }
  Status status = checkComponents(modules);
  if (!status.ok())
    return status;
  if (declaration.perRow && rule.scales != ScaleKind::TensorOrRow)
    return Status(QMM_STATUS_UNSUPPORTED,
                  declaration.source + ": the field 'per_row' is unknown" +
                      underFormat());
  scale = find(family.weightScale);
  if (!scale)
    return malformed(
        checkpoint, *weight,
        "the file has no tensor " +
            quoteName(layer.name + "." + std::string(family.weightScale)) +
            ", expected one" + underFormat());
  layer.weightScale = scale->name;
  status = hasByteScales() ? readByteScales() : readF32Scales();
  if (!status.ok())
    return status;
  for (auto step :
       {&ScaledLayerReader::readTensorScale, &ScaledLayerReader::readInputScale,
        &ScaledLayerReader::readPreQuantScale}) {
    status = (this->*step)();
    if (!status.ok())
      return status;
  }
  if (find("weight_scalar"))
    layer.notes.push_back(
        "weight_scalar, one scale in place of all blocks' for "
        "hardware without block scales, isn't used");
  status = readBias(checkpoint, layer);
  if (!status.ok())
    return status;
  if (declaration.origDtype != QMM_DTYPE_NONE)
    layer.expressed = declaration.origDtype;
  else if (!layer.bias.empty())
    layer.expressed = checkpoint.find(layer.bias)->dtype;
  return {};
}

Result<LinearLayer> qmmrt::readScaledLayer(const Checkpoint &checkpoint,
                                           const ModuleIndex &modules,
                                           const std::string &name,
                                           const DeclaredLayer &declared) {
  ScaledLayerReader reader(checkpoint, name, declared);
  Status status = reader.run(modules);
  if (!status.ok())
    return status;
  return std::move(reader.layer);
}
