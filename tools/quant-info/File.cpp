//===- File.cpp - Checkpoints and programs --------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a file is, is told by its first bytes.
//
//===----------------------------------------------------------------------===//
#include "Info.h"

#include "checkpoint/Layers.h"
#include "numerics/Elements.h"
#include "numerics/Layouts.h"
#include "program/Artifact.h"
#include "program/Expr.h"

#include <fstream>

using namespace qmmrt;
using namespace qmmrt::info;

static Json describeValues(const std::vector<program::Value> &values) {
  Json list = Json::array();
  for (const program::Value &value : values) {
    Json shape = Json::array();
    for (const program::Expr &extent : value.shape) {
      int64_t constant;
      if (program::isConstant(extent, constant))
        shape.push_back(constant);
      else
        shape.push_back(program::print(extent));
    }
    list.push_back({{"name", value.name},
                    {"dtype", getDTypeName(value.dtype)},
                    {"shape", std::move(shape)}});
  }
  return list;
}

static Result<Json> describeProgram(const std::string &path) {
  Result<program::LoadedArtifact> loaded = program::readArtifact(path);
  if (!loaded.ok())
    return loaded.getStatus();
  const program::Module &module = loaded->module;
  uint64_t embedded = 0, referenced = 0;
  for (const program::Parameter &parameter : module.parameters)
    (parameter.file < 0 ? embedded : referenced) += parameter.bytes;
  Json objects = Json::array();
  for (const program::Object &object : module.objects)
    objects.push_back({{"isa", object.isa}, {"bytes", object.bytes.size()}});
  Json entries = Json::array();
  for (const program::Entry &entry : module.entries)
    entries.push_back({{"name", entry.name},
                       {"inputs", describeValues(entry.inputs)},
                       {"outputs", describeValues(entry.outputs)},
                       {"commands", entry.commands.size()}});
  return Json{{"kind", "program"},
              {"path", path},
              {"target", module.target},
              {"entries", std::move(entries)},
              {"kernels", module.kernels.size()},
              {"objects", std::move(objects)},
              {"embedded_bytes", embedded},
              {"referenced_bytes", referenced},
              {"files", module.files}};
}

static Result<Json> describeCheckpoint(const std::string &path) {
  Result<Checkpoint> checkpoint = Checkpoint::open(path);
  if (!checkpoint.ok())
    return checkpoint.getStatus();
  std::vector<SkippedWeight> skippedWeights;
  Result<std::vector<LinearLayer>> found =
      readLinearLayers(*checkpoint, &skippedWeights);
  if (!found.ok())
    return found.getStatus();
  Json layers = Json::array();
  for (const LinearLayer &layer : *found)
    layers.push_back(
        {{"name", layer.name},
         {"scheme", layer.format.empty() ? getDTypeName(layer.expressed)
                                         : describeScheme(layer.scheme)},
         {"n", layer.n},
         {"k", layer.k}});
  Json skipped = Json::array();
  for (const SkippedWeight &weight : skippedWeights)
    skipped.push_back({{"key", weight.key}, {"reason", weight.reason}});
  return Json{{"kind", "checkpoint"},
              {"path", path},
              {"layers", std::move(layers)},
              {"skipped", std::move(skipped)}};
}

Result<Json> qmmrt::info::describeFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    return Status(QMM_STATUS_NOT_FOUND, path + ": can't be opened");
  char magic[4] = {};
  stream.read(magic, sizeof(magic));
  return std::string(magic + 1, 3) == "QMM" ? describeProgram(path)
                                            : describeCheckpoint(path);
}

static std::string printValues(const Json &values) {
  std::string out;
  for (const Json &value : values) {
    out += (out.empty() ? "" : ", ") + value["name"].get<std::string>() + ": " +
           value["dtype"].get<std::string>() + "[";
    std::string shape;
    for (const Json &extent : value["shape"])
      shape += (shape.empty() ? "" : ", ") +
               (extent.is_string() ? extent.get<std::string>() : extent.dump());
    out += shape + "]";
  }
  return out;
}

std::string qmmrt::info::printFile(const Json &file) {
  auto text = [](const Json &value) { return value.get<std::string>(); };
  std::string out = text(file["path"]) + ": ";
  if (file["kind"] == "checkpoint") {
    out += "checkpoint, " + std::to_string(file["layers"].size()) +
           " linear layers\n";
    for (const Json &layer : file["layers"])
      out += "  " + text(layer["name"]) + ": " + text(layer["scheme"]) + ", " +
             layer["n"].dump() + " x " + layer["k"].dump() + "\n";
    for (const Json &weight : file["skipped"])
      out += "  skipped " + text(weight["key"]) + ": " +
             text(weight["reason"]) + "\n";
    return out + "quant-import --list says more of each layer.\n";
  }
  out += "program for " + text(file["target"]) + ", " + file["kernels"].dump() +
         " kernels, " + file["embedded_bytes"].dump() +
         " bytes of weights inside, " + file["referenced_bytes"].dump() +
         " referenced\n";
  for (const Json &entry : file["entries"])
    out += "  " + text(entry["name"]) + "(" + printValues(entry["inputs"]) +
           ") -> " + printValues(entry["outputs"]) + ", " +
           entry["commands"].dump() + " commands\n";
  for (const Json &object : file["objects"])
    out += "  code for " + text(object["isa"]) + ", " + object["bytes"].dump() +
           " bytes\n";
  return out;
}
