//===- test/program/ProgramBuilder.h - Programs made by hand -- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small modules as the compiler would emit them, and a folder for their files.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_PROGRAM_PROGRAMBUILDER_H
#define QMMRT_TEST_PROGRAM_PROGRAMBUILDER_H

#include "program/Expr.h"
#include "program/Program.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace qmmrt::program {

inline Expr c(int64_t value) { return Expr::constant(value); }
inline Expr d(int64_t index) { return Expr::dim(index); }
inline Expr mul(const Expr &lhs, const Expr &rhs) {
  return makeBinary(Expr::Op::Mul, lhs, rhs);
}
inline Expr add(const Expr &lhs, const Expr &rhs) {
  return makeBinary(Expr::Op::Add, lhs, rhs);
}

inline int32_t addSlot(Entry &entry, Slot::Kind kind, uint32_t index,
                       Expr bytes, Expr offset = c(0)) {
  entry.slots.push_back({kind, index, std::move(offset), std::move(bytes)});
  return int32_t(entry.slots.size()) - 1;
}

inline TensorRef wide(qmm_dtype dtype, std::vector<Expr> shape, int32_t slot) {
  TensorRef tensor;
  tensor.scheme.element = dtype;
  tensor.shape = std::move(shape);
  tensor.data = slot;
  return tensor;
}

/// A tensor of f32 scale for the whole tensor and E4M3 elements.
inline TensorRef fp8(std::vector<Expr> shape, int32_t data, int32_t scale) {
  TensorRef tensor;
  tensor.scheme.element = QMM_DTYPE_E4M3;
  tensor.scheme.scale = QMM_DTYPE_F32;
  tensor.shape = std::move(shape);
  tensor.data = data;
  tensor.scale = scale;
  return tensor;
}

inline void embed(Module &module, std::string key, qmm_dtype dtype,
                  std::vector<int64_t> shape, const void *data,
                  uint64_t bytes) {
  Parameter parameter;
  parameter.key = std::move(key);
  parameter.dtype = dtype;
  parameter.shape = std::move(shape);
  parameter.data = data;
  parameter.bytes = bytes;
  module.parameters.push_back(std::move(parameter));
}

/// y[M, N] = relu(x[M, K] * w[N, K]^T + bias[N]) in f32, M dynamic; `w` and
/// `bias` are embedded and borrowed.
inline Module makeLinear(int64_t n, int64_t k, const std::vector<float> &w,
                         const std::vector<float> &bias) {
  Module module;
  module.target = "cpu";
  module.report = "{\"linear\": true}";
  embed(module, "model::w", QMM_DTYPE_F32, {n, k}, w.data(), w.size() * 4);
  embed(module, "model::bias", QMM_DTYPE_F32, {n}, bias.data(),
        bias.size() * 4);
  Entry entry;
  entry.name = "main";
  entry.numDims = 1;
  entry.inputs = {{"x", QMM_DTYPE_F32, {d(0), c(k)}}};
  entry.outputs = {{"y", QMM_DTYPE_F32, {d(0), c(n)}}};
  int32_t x = addSlot(entry, Slot::Kind::Input, 0, mul(d(0), c(4 * k)));
  int32_t y = addSlot(entry, Slot::Kind::Output, 0, mul(d(0), c(4 * n)));
  int32_t weight = addSlot(entry, Slot::Kind::Parameter, 0, c(4 * n * k));
  int32_t offset = addSlot(entry, Slot::Kind::Parameter, 1, c(4 * n));
  Command matmul;
  matmul.kind = Command::Kind::ScaledMatmul;
  matmul.tensors = {wide(QMM_DTYPE_F32, {d(0), c(k)}, x),
                    wide(QMM_DTYPE_F32, {c(n), c(k)}, weight),
                    wide(QMM_DTYPE_F32, {d(0), c(n)}, y),
                    wide(QMM_DTYPE_F32, {c(n)}, offset)};
  matmul.hasBias = true;
  matmul.activation = QMM_ACTIVATION_RELU;
  matmul.location = "linear.mlir:3:8";
  entry.commands.push_back(std::move(matmul));
  entry.arenaBytes = c(0);
  module.entries.push_back(std::move(entry));
  return module;
}

/// A folder that goes away with the test.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = testing::TempDir() + "qmm-test-XXXXXX";
    if (!::mkdtemp(pattern.data()))
      std::abort();
    path = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string &name) const { return path + "/" + name; }
  size_t countFiles() const {
    size_t count = 0;
    for (const auto &entry : std::filesystem::directory_iterator(path)) {
      (void)entry;
      ++count;
    }
    return count;
  }
  std::string path;
};

inline std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}
inline void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

} // namespace qmmrt::program

#endif // QMMRT_TEST_PROGRAM_PROGRAMBUILDER_H
