//===- test/program/RunHelpers.h - Calls as a user makes ------ -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A context, a loaded module and one call of an entry, through the C ABI.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_PROGRAM_RUNHELPERS_H
#define QMMRT_TEST_PROGRAM_RUNHELPERS_H

#include "ProgramBuilder.h"
#include "program/Artifact.h"
#include "qmm/module.h"

#include <memory>

namespace qmmrt::program {

inline qmm_tensor tensorOf(qmm_dtype dtype, std::vector<int64_t> shape,
                           const void *data) {
  qmm_tensor tensor = {};
  tensor.struct_size = sizeof(tensor);
  tensor.rank = uint32_t(shape.size());
  std::copy(shape.begin(), shape.end(), tensor.shape);
  tensor.scheme.element = dtype;
  tensor.data = const_cast<void *>(data);
  return tensor;
}

/// 64-byte aligned memory of exactly the size asked for.
class Arena {
public:
  explicit Arena(size_t bytes)
      : bytes(bytes), memory(std::aligned_alloc(64, (bytes + 63) / 64 * 64)) {}
  ~Arena() { std::free(memory); }
  Arena(const Arena &) = delete;
  size_t bytes;
  void *memory;
};

/// Tests with a context and modules loaded from a temporary folder.
class ModuleTest : public testing::Test {
protected:
  ModuleTest() {
    qmm_context_options options = {};
    options.struct_size = sizeof(options);
    options.num_threads = 2;
    EXPECT_EQ(qmm_context_create(&options, &context), QMM_STATUS_OK);
  }
  ~ModuleTest() override {
    qmm_module_destroy(loaded);
    qmm_context_destroy(context);
  }

  qmm_status load(const Module &module, const char *weightsDir = nullptr) {
    std::string path = folder.file("m.qmm");
    Status status = writeArtifact(module, path);
    EXPECT_TRUE(status.ok()) << status.getMessage();
    qmm_module_destroy(loaded);
    loaded = nullptr;
    qmm_module_options options = {sizeof(options), 0, weightsDir};
    return qmm_module_load(context, path.c_str(), &options, &loaded);
  }

  /// The only entry of a module that must load.
  qmm_entry *loadEntry(const Module &module) {
    EXPECT_EQ(load(module), QMM_STATUS_OK) << qmm_last_error();
    return qmm_module_entry_at(loaded, 0);
  }

  /// Query, prepare, invoke with one input and one output.
  static qmm_status run(qmm_entry *entry, const qmm_tensor &input,
                        std::vector<float> &output) {
    qmm_tensor result;
    size_t bytes = 0;
    if (qmm_status status = qmm_entry_query(entry, &input, &result, &bytes))
      return status;
    size_t count = 1;
    for (uint32_t i = 0; i < result.rank; ++i)
      count *= size_t(result.shape[i]);
    output.assign(count, -1.0f);
    result.data = output.data();
    if (qmm_status status = qmm_entry_prepare(entry, &input))
      return status;
    Arena arena(bytes);
    return qmm_entry_invoke(entry, &input, &result, arena.memory, bytes,
                            nullptr);
  }

  static testing::AssertionResult lastErrorHas(const std::string &text) {
    std::string message = qmm_last_error();
    if (message.find(text) != std::string::npos)
      return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << "the error is: " << message << "\nexpected: " << text;
  }

  TemporaryFolder folder;
  qmm_context *context = nullptr;
  qmm_module *loaded = nullptr;
};

} // namespace qmmrt::program

#endif // QMMRT_TEST_PROGRAM_RUNHELPERS_H
