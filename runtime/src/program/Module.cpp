//===- program/Module.cpp - The C ABI of qmm/module.h --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Null checks, struct sizes and the way errors leave; the work is elsewhere.
//
//===----------------------------------------------------------------------===//
#include "program/Expr.h"
#include "program/LoadedModule.h"
#include "support/ThreadError.h"

#include <algorithm>

using namespace qmmrt;
using namespace qmmrt::program;

static Status invalid(std::string message) {
  return Status(QMM_STATUS_INVALID_ARGUMENT, std::move(message));
}

static Status isNull(const char *function, const char *argument) {
  return invalid(std::string(function) + ": " + argument + " is NULL");
}

static Status wrongSize(const char *type, uint32_t found, size_t expected) {
  return invalid(std::string(type) + "'s struct_size is " +
                 std::to_string(found) + ", expected " +
                 std::to_string(expected));
}

qmm_status qmm_module_load(qmm_context *context, const char *path,
                           const qmm_module_options *options,
                           qmm_module **module) {
  return guardCall([&]() -> Status {
    if (!context || !path || !module)
      return isNull("qmm_module_load", !context ? "context"
                                       : !path  ? "path"
                                                : "module");
    *module = nullptr;
    if (options && options->struct_size != sizeof(qmm_module_options))
      return wrongSize("qmm_module_options", options->struct_size,
                       sizeof(qmm_module_options));
    auto loaded = std::make_unique<qmm_module>(*context);
    if (Status status =
            loaded->load(path, options ? options->weights_dir : nullptr);
        !status.ok())
      return status;
    *module = loaded.release();
    return Status();
  });
}

void qmm_module_destroy(qmm_module *module) { delete module; }

const char *qmm_module_report(const qmm_module *module) {
  return module ? module->artifact.module.report.c_str() : "";
}

size_t qmm_module_entry_count(const qmm_module *module) {
  return module ? module->entries.size() : 0;
}

qmm_entry *qmm_module_entry_at(qmm_module *module, size_t index) {
  return module && index < module->entries.size() ? module->entries[index].get()
                                                  : nullptr;
}

qmm_status qmm_module_find_entry(qmm_module *module, const char *name,
                                 qmm_entry **entry) {
  return guardCall([&]() -> Status {
    if (!module || !name || !entry)
      return isNull("qmm_module_find_entry", !module ? "module"
                                             : !name ? "name"
                                                     : "entry");
    *entry = nullptr;
    std::string names;
    for (const auto &candidate : module->entries) {
      if (candidate->program.name == name) {
        *entry = candidate.get();
        return Status();
      }
      names += (names.empty() ? "'" : ", '") + candidate->program.name + "'";
    }
    return Status(QMM_STATUS_NOT_FOUND, std::string("no entry '") + name +
                                            "'; the program has " +
                                            (names.empty() ? "none" : names));
  });
}

const char *qmm_entry_name(const qmm_entry *entry) {
  return entry ? entry->program.name.c_str() : "";
}

size_t qmm_entry_input_count(const qmm_entry *entry) {
  return entry ? entry->program.inputs.size() : 0;
}

size_t qmm_entry_output_count(const qmm_entry *entry) {
  return entry ? entry->program.outputs.size() : 0;
}

static Status getInfo(const qmm_entry *entry, const std::vector<Value> &values,
                      const char *kind, size_t index, qmm_value_info *info) {
  if (info->struct_size != sizeof(qmm_value_info))
    return wrongSize("qmm_value_info", info->struct_size,
                     sizeof(qmm_value_info));
  if (index >= values.size())
    return invalid("entry '" + entry->program.name + "' has " +
                   std::to_string(values.size()) + " " + kind + ", no number " +
                   std::to_string(index));
  const Value &value = values[index];
  *info = {};
  info->struct_size = sizeof(qmm_value_info);
  info->dtype = value.dtype;
  info->rank = uint32_t(value.shape.size());
  for (size_t i = 0; i < value.shape.size(); ++i)
    if (!isConstant(value.shape[i], info->shape[i]))
      info->shape[i] = -1;
  info->name = value.name.c_str();
  return Status();
}

qmm_status qmm_entry_input_info(const qmm_entry *entry, size_t index,
                                qmm_value_info *info) {
  return guardCall([&]() -> Status {
    if (!entry || !info)
      return isNull("qmm_entry_input_info", entry ? "info" : "entry");
    return getInfo(entry, entry->program.inputs, "inputs", index, info);
  });
}

qmm_status qmm_entry_output_info(const qmm_entry *entry, size_t index,
                                 qmm_value_info *info) {
  return guardCall([&]() -> Status {
    if (!entry || !info)
      return isNull("qmm_entry_output_info", entry ? "info" : "entry");
    return getInfo(entry, entry->program.outputs, "outputs", index, info);
  });
}

qmm_status qmm_entry_query(qmm_entry *entry, const qmm_tensor *inputs,
                           qmm_tensor *outputs, size_t *arena_bytes) {
  return guardCall([&]() -> Status {
    if (!entry || !arena_bytes)
      return isNull("qmm_entry_query", entry ? "arena_bytes" : "entry");
    if (!outputs && !entry->program.outputs.empty())
      return isNull("qmm_entry_query", "outputs");
    Result<qmm_entry::PlanPtr> plan = entry->getPlan(inputs);
    if (!plan.ok())
      return plan.getStatus();
    for (size_t i = 0; i < entry->program.outputs.size(); ++i) {
      const Value &value = entry->program.outputs[i];
      const std::vector<int64_t> &shape = (*plan)->outputShapes[i];
      outputs[i] = {};
      outputs[i].struct_size = sizeof(qmm_tensor);
      outputs[i].rank = uint32_t(shape.size());
      std::copy(shape.begin(), shape.end(), outputs[i].shape);
      outputs[i].scheme.element = value.dtype;
      if (value.dtype == QMM_DTYPE_E2M1)
        outputs[i].layout.nibbles = QMM_NIBBLES_LO_FIRST;
    }
    *arena_bytes = size_t((*plan)->arenaBytes);
    return Status();
  });
}

qmm_status qmm_entry_prepare(qmm_entry *entry, const qmm_tensor *inputs) {
  return guardCall([&]() -> Status {
    if (!entry)
      return isNull("qmm_entry_prepare", "entry");
    Result<qmm_entry::PlanPtr> plan = entry->getPlan(inputs);
    if (!plan.ok())
      return plan.getStatus();
    (*plan)->prepared = true;
    return Status();
  });
}

qmm_status qmm_entry_invoke(qmm_entry *entry, const qmm_tensor *inputs,
                            const qmm_tensor *outputs, void *arena,
                            size_t arena_bytes, void *stream) {
  return guardCall([&]() -> Status {
    if (!entry)
      return isNull("qmm_entry_invoke", "entry");
    return entry->invoke(inputs, outputs, arena, arena_bytes, stream);
  });
}
