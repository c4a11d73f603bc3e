//===- checkpoint/ComfyDeclarations.cpp - ComfyUI's JSON -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layer's declaration is JSON in a u8 tensor beside its weight, in the
// header's metadata, or in both; both must then agree.  Unknown formats and
// fields change what the bytes mean, so they are refused, never ignored.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Family.h"

#include <algorithm>

using namespace qmmrt;

static constexpr FormatRule kFormats[] = {
    {"float8_e4m3fn", QMM_DTYPE_E4M3, ScaleKind::Tensor, 0, true},
    {"float8_e5m2", QMM_DTYPE_E5M2, ScaleKind::Tensor, 0, true},
    {"float8_e4m3fn_rowwise", QMM_DTYPE_E4M3, ScaleKind::Row, 0, false},
    {"float8_e4m3fn_blockwise", QMM_DTYPE_E4M3, ScaleKind::Block, 64, false},
    {"nvfp4", QMM_DTYPE_E2M1, ScaleKind::NVFP4, 16, true},
    {"mxfp8", QMM_DTYPE_E4M3, ScaleKind::MX, 32, false},
    {"hybrid_mxfp8", QMM_DTYPE_E4M3, ScaleKind::MX, 32, false},
    {"int8_tensorwise", QMM_DTYPE_I8, ScaleKind::TensorOrRow, 0, false},
    {"int8_blockwise", QMM_DTYPE_I8, ScaleKind::Block, 128, false},
};

namespace {
struct UnreadFormat {
  const char *name, *reason;
};
} // namespace

// ComfyUI's formats that no scheme of this project describes exactly.
static constexpr UnreadFormat kUnread[] = {
    {"convrot_w4a4", "its weights are rotated INT4"},
    {"asym_w4a8_int8", "its weights are rotated and mapped by a codebook"},
    {"awq_w4a16", "its weights are INT4 with zero points"},
    {"svdquant_w4a4", "its weights have a low-rank part"},
    {"int8_rowwise", "its tensors aren't documented"},
};

qmm_dtype qmmrt::getTorchDType(std::string_view name) {
  constexpr std::string_view kPrefix = "torch.";
  if (name.substr(0, kPrefix.size()) == kPrefix)
    name.remove_prefix(kPrefix.size());
  return name == "bfloat16"  ? QMM_DTYPE_BF16
         : name == "float16" ? QMM_DTYPE_F16
         : name == "float32" ? QMM_DTYPE_F32
                             : QMM_DTYPE_NONE;
}

FamilyRules qmmrt::getComfyRules() {
  FamilyRules rules;
  rules.tiled = true;
  rules.wideScales = false;
  rules.trustsShapes = true;
  rules.hasCacheScales = false;
  return rules;
}

Result<FormatRule> qmmrt::getComfyFormat(const Declaration &declaration) {
  for (const FormatRule &rule : kFormats)
    if (declaration.format == rule.name)
      return rule;
  std::string reason = " is unknown";
  for (const UnreadFormat &unread : kUnread)
    if (declaration.format == unread.name)
      reason =
          std::string(" is not read by this version (") + unread.reason + ")";
  std::string expected;
  for (const FormatRule &rule : kFormats)
    expected += std::string(expected.empty() ? "" : ", ") + rule.name;
  return Status(QMM_STATUS_UNSUPPORTED, declaration.source + ": the format " +
                                            quoteName(declaration.format) +
                                            reason + ", expected one of " +
                                            expected);
}

namespace {
/// One layer's JSON object being turned into a Declaration.
struct FieldReader {
  Declaration &result;
  Status error = {};

  bool fail(qmm_status code, const std::string &text) {
    error = Status(code, result.source + ": " + text);
    return false;
  }
  bool wrongKind(const JsonMember &member, const char *expected) {
    return fail(QMM_STATUS_MALFORMED,
                "the field " + quoteName(member.key) + " is " +
                    getKindName(member.value.kind) + ", expected " + expected);
  }
  bool readBool(const JsonMember &member, bool &value) {
    if (member.value.kind != JsonValue::Kind::Bool)
      return wrongKind(member, "true or false");
    value = member.value.boolean;
    return true;
  }
  bool readString(const JsonMember &member, std::string &value) {
    if (member.value.kind != JsonValue::Kind::String)
      return wrongKind(member, "a string");
    value = member.value.string;
    return true;
  }
  bool readDType(const JsonMember &member) {
    std::string name;
    if (!readString(member, name))
      return false;
    result.origDtype = getTorchDType(name);
    return result.origDtype != QMM_DTYPE_NONE ||
           fail(QMM_STATUS_UNSUPPORTED,
                "the original type " + quoteName(name) +
                    " is unknown, expected torch.bfloat16, torch.float16 or "
                    "torch.float32");
  }
  bool readShape(const JsonMember &member) {
    const std::vector<JsonValue> &extents = member.value.elements;
    bool valid = extents.size() == 2 &&
                 std::all_of(extents.begin(), extents.end(),
                             [](const JsonValue &extent) {
                               return extent.kind == JsonValue::Kind::Integer &&
                                      extent.integer > 0;
                             });
    if (!valid)
      return fail(QMM_STATUS_MALFORMED,
                  "the field 'orig_shape' isn't two extents above 0");
    result.origShape = {extents[0].integer, extents[1].integer};
    return true;
  }
  bool readField(const JsonMember &member) {
    if (member.key == "format")
      return readString(member, result.format);
    if (member.key == "group_size") {
      if (member.value.kind != JsonValue::Kind::Integer ||
          member.value.integer <= 0)
        return wrongKind(member, "an integer above 0");
      result.groupSize = member.value.integer;
      return true;
    }
    if (member.key == "orig_dtype")
      return readDType(member);
    if (member.key == "orig_shape")
      return readShape(member);
    if (member.key == "full_precision_matrix_mult")
      return readBool(member, result.fullPrecision);
    bool flag = false;
    if (member.key == "per_row") {
      if (!readBool(member, flag))
        return false;
      result.perRow = flag;
      return true;
    }
    if (member.key == "convrot")
      return readBool(member, flag) &&
             (!flag || fail(QMM_STATUS_UNSUPPORTED,
                            "'convrot': true (rotated weights) is not read by "
                            "this version"));
    return fail(QMM_STATUS_UNSUPPORTED,
                "the field " + quoteName(member.key) + " is unknown");
  }
};

using Declarations = std::map<std::string, Declaration, std::less<>>;
using Objects = std::map<std::string, JsonValue, std::less<>>;
} // namespace

static constexpr char kMetadataKey[] = "_quantization_metadata";
static constexpr unsigned kMaxDepth = 8;

/// `_quantization_metadata`'s object of each layer, added to `layers`.
static Status readMetadata(const SafetensorsFile &file, Objects &layers) {
  auto it = file.getMetadata().find(kMetadataKey);
  if (it == file.getMetadata().end())
    return {};
  std::string source =
      file.getName() + ": header metadata '" + kMetadataKey + "'";
  Result<JsonValue> value = parseJson(it->second, kMaxDepth);
  if (!value.ok())
    return Status(value.getStatus().getCode(),
                  source + ": " + value.getStatus().getMessage());
  if (value->kind != JsonValue::Kind::Object)
    return Status(QMM_STATUS_MALFORMED, source + ": is " +
                                            getKindName(value->kind) +
                                            ", expected an object");
  for (JsonMember &member : value->members) {
    if (member.key == "format_version") {
      if (member.value.string != "1.0")
        return Status(QMM_STATUS_UNSUPPORTED,
                      source + ": the format_version is " +
                          (member.value.kind == JsonValue::Kind::String
                               ? quoteName(member.value.string)
                               : getKindName(member.value.kind)) +
                          ", expected '1.0'");
    } else if (member.key == "layers") {
      if (member.value.kind != JsonValue::Kind::Object)
        return Status(QMM_STATUS_MALFORMED, source + ": 'layers' is " +
                                                getKindName(member.value.kind) +
                                                ", expected an object");
      for (JsonMember &layer : member.value.members) {
        auto [known, isNew] =
            layers.emplace(std::move(layer.key), std::move(layer.value));
        if (!isNew && !(known->second == layer.value))
          return Status(QMM_STATUS_MALFORMED,
                        source + ": declares layer " + quoteName(known->first) +
                            " otherwise than another file of the checkpoint");
      }
    } else {
      return Status(QMM_STATUS_UNSUPPORTED, source + ": the field " +
                                                quoteName(member.key) +
                                                " is unknown");
    }
  }
  return {};
}

/// The JSON in every `X.comfy_quant` tensor, by X.
static Result<Objects> readMarkers(const Checkpoint &checkpoint) {
  Objects layers;
  for (const SafetensorsTensor *it : checkpoint.getTensors()) {
    const SafetensorsTensor &tensor = *it;
    if (getLastComponent(tensor.name) != "comfy_quant")
      continue;
    if (tensor.dtype != QMM_DTYPE_U8 || tensor.shape.size() != 1)
      return malformed(checkpoint, tensor,
                       "found " + describeTensor(tensor) +
                           ", expected U8 of one dimension");
    Result<JsonValue> value = parseJson(
        {reinterpret_cast<const char *>(tensor.data), tensor.bytes}, kMaxDepth);
    if (!value.ok())
      return malformed(checkpoint, tensor, value.getStatus().getMessage());
    layers.emplace(std::string(getModule(tensor.name)), std::move(*value));
  }
  return layers;
}

/// More fields than any declaration has: they are searched one by one.
static constexpr size_t kMaxFields = 64;

static Status checkFields(const std::string &source, const JsonValue &object) {
  if (object.kind != JsonValue::Kind::Object)
    return Status(QMM_STATUS_MALFORMED, source + ": is " +
                                            getKindName(object.kind) +
                                            ", expected an object");
  if (object.members.size() > kMaxFields)
    return Status(QMM_STATUS_MALFORMED,
                  source + ": has " + std::to_string(object.members.size()) +
                      " fields, expected at most " +
                      std::to_string(kMaxFields));
  return {};
}

/// Both declarations of a layer as one object; fields in one only are kept.
static Status merge(const std::string &file, const std::string &layer,
                    JsonValue &marker, const JsonValue &metadata) {
  for (const JsonMember &member : metadata.members) {
    const JsonValue *other = marker.find(member.key);
    if (!other)
      marker.members.push_back(member);
    else if (!(*other == member.value))
      return Status(QMM_STATUS_MALFORMED,
                    file + ": tensor " + quoteName(layer + ".comfy_quant") +
                        " and header metadata '" + kMetadataKey +
                        "' disagree on the field " + quoteName(member.key) +
                        " of layer " + quoteName(layer) +
                        (other->kind == JsonValue::Kind::String &&
                                 member.value.kind == JsonValue::Kind::String
                             ? ": " + quoteName(other->string) + " and " +
                                   quoteName(member.value.string)
                             : ""));
  }
  return {};
}

Result<Declarations>
qmmrt::readComfyDeclarations(const Checkpoint &checkpoint) {
  Objects metadata;
  for (const SafetensorsFile &file : checkpoint.getFiles()) {
    Status status = readMetadata(file, metadata);
    if (!status.ok())
      return status;
  }
  Result<Objects> objects = readMarkers(checkpoint);
  if (!objects.ok())
    return objects.getStatus();

  Declarations result;
  for (const auto &[layer, object] : *objects) {
    std::string &source = result[layer].source;
    source =
        checkpoint.getName() + ": tensor " + quoteName(layer + ".comfy_quant");
    Status status = checkFields(source, object);
    if (!status.ok())
      return status;
  }
  for (auto &[layer, object] : metadata) {
    std::string source = checkpoint.getName() + ": header metadata '" +
                         kMetadataKey + "', layer " + quoteName(layer);
    Status status = checkFields(source, object);
    auto marker = objects->find(layer);
    if (status.ok() && marker != objects->end())
      status = merge(checkpoint.getName(), layer, marker->second, object);
    if (!status.ok())
      return status;
    if (marker != objects->end())
      continue;
    objects->emplace(layer, std::move(object));
    result[layer].source = std::move(source);
  }

  for (const auto &[layer, object] : *objects) {
    Declaration &declaration = result[layer];
    FieldReader reader{declaration};
    // The format first: it is the better name of what isn't read.
    for (const JsonMember &member : object.members)
      if (member.key == "format" && !reader.readField(member))
        return reader.error;
    if (!object.find("format"))
      return Status(QMM_STATUS_MALFORMED,
                    declaration.source + ": has no field 'format'");
    Result<FormatRule> rule = getComfyFormat(declaration);
    if (!rule.ok())
      return rule.getStatus();
    for (const JsonMember &member : object.members)
      if (!reader.readField(member))
        return reader.error;
  }
  return result;
}
