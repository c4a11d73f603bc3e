//===- checkpoint/FamilyFolder.h - Families' own files -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes layers by each family's published rule, and says in float64 what they
// stand for.  Shares nothing with the project's decoders.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_TEST_CHECKPOINT_FAMILYFOLDER_H
#define QMMRT_TEST_CHECKPOINT_FAMILYFOLDER_H

#include "TestFolder.h"

#include "numerics/Quantize.h"

#include <cmath>
#include <random>

namespace qmmrt::test {

inline double decodeE2M1(unsigned code) {
  const double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return (code & 8 ? -1 : 1) * magnitudes[code & 7];
}
inline double decodeE4M3(unsigned code) {
  int exponent = static_cast<int>(code >> 3 & 15), mantissa = code & 7;
  double magnitude = exponent ? std::ldexp(8 + mantissa, exponent - 10)
                              : std::ldexp(mantissa, -9);
  return code & 0x80 ? -magnitude : magnitude;
}
inline double decodeE8M0(unsigned code) {
  return std::ldexp(1.0, static_cast<int>(code) - 127);
}

/// Random bytes and scales, the same in every run.
class Source {
public:
  std::string packed(size_t bytes) { return make(bytes, 0, 255); }
  /// E4M3 without NaN.
  std::string e4m3(size_t count) {
    std::string codes = make(count, 0, 255);
    for (char &code : codes)
      if ((code & 0x7F) == 0x7F)
        code ^= 1;
    return codes;
  }
  std::string i8(size_t count) { return make(count, 0, 255); }
  /// E4M3 scales from 2^-3 to 448.
  std::string scales(size_t count) { return make(count, 0x20, 0x7E); }
  std::string exponents(size_t count) { return make(count, 110, 135); }
  std::vector<float> floats(size_t count) {
    std::vector<float> values(count);
    for (float &value : values)
      value = std::uniform_real_distribution<float>(0.001f, 0.1f)(engine);
    return values;
  }

private:
  std::string make(size_t count, int low, int high) {
    std::string bytes(count, '\0');
    for (char &byte : bytes)
      byte = static_cast<char>(
          std::uniform_int_distribution<int>(low, high)(engine));
    return bytes;
  }
  std::mt19937 engine{7};
};

/// The upper half of each float's bits; `values` become what that stands for.
inline std::string bf16(std::vector<float> &values) {
  std::string bytes;
  for (float &value : values) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    bits &= 0xFFFF0000u;
    std::memcpy(&value, &bits, 4);
    bytes += static_cast<char>(bits >> 16);
    bytes += static_cast<char>(bits >> 24);
  }
  return bytes;
}

using Matrix = std::vector<double>; // n x k

inline double at(const std::string &bytes, size_t i,
                 double (*decode)(unsigned)) {
  return decode(static_cast<unsigned char>(bytes[i]));
}

/// lo_first E2M1 under byte scales of rows, one for each `block` of K.
inline Matrix decodePacked(const std::string &packed, const std::string &scales,
                           double (*decodeScale)(unsigned), int64_t n,
                           int64_t k, int64_t block, double factor) {
  Matrix result(static_cast<size_t>(n * k));
  for (size_t i = 0; i < result.size(); ++i) {
    unsigned byte = static_cast<unsigned char>(packed[i / 2]);
    result[i] = decodeE2M1(i % 2 ? byte >> 4 : byte & 15) *
                at(scales, i / size_t(block), decodeScale) * factor;
  }
  return result;
}

/// A folder with one file and a config.
struct FamilyFolder : TestFolder {
  FileBuilder file;
  std::vector<SkippedWeight> skipped;

  Status status;
  std::vector<LinearLayer> layers;
  std::unique_ptr<Checkpoint> checkpoint;

  FamilyFolder &config(const std::string &quantization) {
    write("config.json", R"({"model_type": "x", "quantization_config": )" +
                             quantization + "}");
    return *this;
  }
  FamilyFolder &read(FileLayout layout = FileLayout::Declared) {
    write("model.safetensors", file.build());
    auto opened = Checkpoint::open(path);
    status = opened.getStatus();
    if (!opened.ok())
      return *this;
    checkpoint = std::make_unique<Checkpoint>(std::move(*opened));
    auto found = readLinearLayers(*checkpoint, &skipped, layout);
    status = found.getStatus();
    if (found.ok())
      layers = std::move(*found);
    return *this;
  }
  const LinearLayer &layer(const std::string &name) {
    EXPECT_TRUE(status.ok()) << status.getMessage();
    for (const LinearLayer &layer : layers)
      if (layer.name == name)
        return layer;
    ADD_FAILURE() << "no layer " << name;
    static const LinearLayer none;
    return none;
  }
  /// The layer stands for `expected`, but for the roundings of a reciprocal and
  /// of the last product: 2^-24 each.
  void expectWeight(const std::string &name, const Matrix &expected) {
    const LinearLayer &found = layer(name);
    ASSERT_EQ(static_cast<size_t>(found.n * found.k), expected.size());
    auto data = [&](const std::string &key) {
      const SafetensorsTensor *tensor =
          key.empty() ? nullptr : checkpoint->find(key);
      EXPECT_TRUE(key.empty() || tensor) << key;
      // The numerics take aligned memory, which a file's isn't.
      std::vector<uint64_t> copy(tensor ? tensor->bytes / 8 + 1 : 0);
      if (tensor)
        std::memcpy(copy.data(), tensor->data, tensor->bytes);
      return copy;
    };
    std::vector<uint64_t> weight = data(found.weight),
                          scale = data(found.weightScale),
                          tensorScale = data(found.tensorScale);
    qmm_tensor source = {};
    source.struct_size = sizeof(source);
    source.rank = 2;
    source.shape[0] = found.n;
    source.shape[1] = found.k;
    source.scheme = found.scheme;
    source.layout = found.layout;
    source.data = weight.data();
    source.scale = scale.data();
    source.tensor_scale = found.tensorScale.empty()
                              ? nullptr
                              : reinterpret_cast<float *>(tensorScale.data());
    std::vector<float> values(expected.size());
    qmm_tensor wide = {};
    wide.struct_size = sizeof(wide);
    wide.rank = 2;
    wide.shape[0] = found.n;
    wide.shape[1] = found.k;
    wide.scheme.element = QMM_DTYPE_F32;
    wide.data = values.data();
    std::unique_ptr<Executor> executor = createThreadPool(1);
    Status dequantized = dequantize(*executor, source, wide);
    ASSERT_TRUE(dequantized.ok()) << dequantized.getMessage();
    size_t wrong = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      wrong += !(std::abs(values[i] - expected[i]) <=
                 std::ldexp(std::abs(expected[i]), -22));
    EXPECT_EQ(wrong, 0u) << "of " << expected.size();
  }
  double value(const std::string &key) {
    const SafetensorsTensor *tensor = checkpoint->find(key);
    EXPECT_NE(tensor, nullptr) << key;
    float value = 0;
    if (tensor)
      std::memcpy(&value, tensor->data, 4);
    return value;
  }
};

} // namespace qmmrt::test

#endif // QMMRT_TEST_CHECKPOINT_FAMILYFOLDER_H
