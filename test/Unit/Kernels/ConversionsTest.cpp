//===- ConversionsTest.cpp - Arithmetic of qmm.encode and qmm.decode ------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What chips without instructions run, run on the host: every code, every bf16,
// and f32 around every boundary, against the runtime's scalar reference.
//
//===----------------------------------------------------------------------===//

#include "HostProgram.h"
#include "numerics/Elements.h"
#include "qmm/Kernels/Device/Passes.h"
#include "qmm/Kernels/Host/Codegen.h"
#include "qmm/ops.h"

#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace mlir;
using namespace mlir::qmm;
using namespace mlir::qmm::test;

namespace {

struct Element {
  const char *name;
  qmm_dtype dtype;
  const char *nibbles; // null: a byte a code
};
constexpr Element kElements[] = {{"f8E4M3FN", QMM_DTYPE_E4M3, nullptr},
                                 {"f8E5M2", QMM_DTYPE_E5M2, nullptr},
                                 {"f4E2M1FN", QMM_DTYPE_E2M1, "hi_first"},
                                 {"f4E2M1FN", QMM_DTYPE_E2M1, "lo_first"},
                                 {"i8", QMM_DTYPE_I8, nullptr}};

uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

bool isNaNCode(qmm_dtype dtype, uint32_t code) {
  return std::isnan(qmmrt::decodeElement(dtype, code));
}

/// All bf16, f32 next to every code, to every middle of two and to powers of
/// two, and random bits; a multiple of 8 of them.
std::vector<float> makeInputs() {
  std::vector<float> inputs;
  for (uint32_t bits = 0; bits < 65536; ++bits)
    inputs.push_back(fromBits(bits << 16));
  auto addAround = [&](double center) {
    uint32_t bits = toBits(static_cast<float>(center));
    for (int32_t offset = -3; offset <= 3; ++offset)
      for (uint32_t sign : {0u, 0x80000000u})
        inputs.push_back(
            fromBits((bits + static_cast<uint32_t>(offset)) ^ sign));
  };
  for (const Element &element : kElements)
    for (uint32_t code = 0; code < 127; ++code) {
      double low = qmmrt::decodeElement(element.dtype, code);
      double high = qmmrt::decodeElement(element.dtype, code + 1);
      if (std::isfinite(low) && std::isfinite(high)) {
        addAround(low);
        addAround((low + high) / 2);
      }
    }
  for (uint32_t code = 0; code < 255; ++code)
    for (double factor : {1.0, 1.5, 6.0, 9.0, 127.0, 448.0, 57344.0})
      addAround(factor * std::ldexp(1.0, static_cast<int>(code) - 127));
  std::mt19937 random(1);
  for (int i = 0; i < 100000; ++i)
    inputs.push_back(fromBits(static_cast<uint32_t>(random())));
  while (inputs.size() % 8)
    inputs.push_back(0.0f);
  return inputs;
}

/// A kernel that applies `op` to vectors of `from` and writes ones of `to`.
std::string makeKernel(const std::string &op, const std::string &from,
                       int fromCount, const std::string &to, int toCount) {
  auto vector = [](const std::string &element, int count) {
    return "vector<" + std::to_string(count) + "x" + element + ">";
  };
  std::string in = vector(from, fromCount), out = vector(to, toCount);
  return "func.func @k(%x: memref<?x" + from + ">, %y: memref<?x" + to +
         ">, %b: index, %e: index) {\n"
         "%one = arith.constant 1 : index\n"
         "%m = arith.constant " +
         std::to_string(fromCount) +
         " : index\n"
         "%n = arith.constant " +
         std::to_string(toCount) +
         " : index\n"
         "scf.for %i = %b to %e step %one {\n"
         "%p = arith.muli %i, %m : index\n"
         "%q = arith.muli %i, %n : index\n"
         "%v = vector.load %x[%p] : memref<?x" +
         from + ">, " + in + "\n" + op + "\n" +
         "vector.store %r, %y[%q] : memref<?x" + to + ">, " + out +
         "\n}\nreturn\n}\n";
}

/// Runs such a kernel, lowered without instructions.
void run(const std::string &source, StringRef isa, void *x, int64_t xCount,
         void *y, int64_t yCount, int64_t extent) {
  HostCompiler compiler;
  OwningOpRef<ModuleOp> module = compiler.parse(source);
  lowerConversions(*module, ConversionFeatures());
  FailureOr<SmallVector<HostObject>> objects =
      compileHostKernels(*module, {isa});
  ASSERT_TRUE(succeeded(objects) && objects->size() == 1)
      << compiler.diagnostics;
  HostLibrary library(objects->front().bytes);
  HostKernel kernel = library.lookup("k");
  ASSERT_NE(kernel, nullptr);
  void *buffers[] = {x, y};
  int64_t integers[] = {xCount, yCount};
  kernel(buffers, integers, 0, extent);
}

std::string attributes(const Element &element) {
  std::string text = std::string("{element = ") + element.name;
  if (element.nibbles)
    text +=
        std::string(", nibbles = #qmm.nibble_order<") + element.nibbles + ">";
  return text + "}";
}

/// Code `index` of bytes that hold `element`.
uint32_t getCode(const Element &element, const std::vector<uint8_t> &bytes,
                 size_t index) {
  if (!element.nibbles)
    return bytes[index];
  bool isHigh =
      (index % 2 == 0) == (std::string(element.nibbles) == "hi_first");
  return isHigh ? bytes[index / 2] >> 4 : bytes[index / 2] & 15;
}

} // namespace

TEST(Conversions, EncodeEqualsTheRuntime) {
  std::vector<float> inputs = makeInputs();
  for (StringRef isa : getRunnableISAs())
    for (const Element &element : kElements) {
      int bytesOf8 = element.nibbles ? 4 : 8;
      std::vector<uint8_t> bytes(inputs.size() / 8 *
                                 static_cast<size_t>(bytesOf8));
      std::string op = "%r = qmm.encode %v " + attributes(element) +
                       " : vector<8xf32> -> vector<" +
                       std::to_string(bytesOf8) + "xi8>";
      run(makeKernel(op, "f32", 8, "i8", bytesOf8), isa, inputs.data(),
          static_cast<int64_t>(inputs.size()), bytes.data(),
          static_cast<int64_t>(bytes.size()),
          static_cast<int64_t>(inputs.size() / 8));
      size_t wrong = 0;
      for (size_t i = 0; i < inputs.size() && wrong < 5; ++i) {
        uint32_t expected = qmmrt::encodeElement(element.dtype, inputs[i]);
        uint32_t found = getCode(element, bytes, i);
        if (found == expected || (isNaNCode(element.dtype, expected) &&
                                  isNaNCode(element.dtype, found)))
          continue;
        ++wrong;
        ADD_FAILURE() << isa.str() << " " << element.name << " of " << inputs[i]
                      << ": " << found << ", expected " << expected;
      }
    }
}

TEST(Conversions, DecodeEqualsTheRuntime) {
  std::vector<uint8_t> codes(256);
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<uint8_t>(i);
  std::vector<Element> elements(std::begin(kElements), std::end(kElements));
  elements.push_back({"f8E8M0FNU", QMM_DTYPE_E8M0, nullptr});
  for (StringRef isa : getRunnableISAs())
    for (const Element &element : elements) {
      int valuesOf8 = element.nibbles ? 16 : 8;
      std::vector<float> values(codes.size() / 8 *
                                static_cast<size_t>(valuesOf8));
      std::string op = "%r = qmm.decode %v " + attributes(element) +
                       " : vector<8xi8> -> vector<" +
                       std::to_string(valuesOf8) + "xf32>";
      run(makeKernel(op, "i8", 8, "f32", valuesOf8), isa, codes.data(), 256,
          values.data(), static_cast<int64_t>(values.size()), 256 / 8);
      for (size_t i = 0; i < values.size(); ++i) {
        float expected =
            qmmrt::decodeElement(element.dtype, getCode(element, codes, i));
        EXPECT_TRUE(toBits(values[i]) == toBits(expected) ||
                    (std::isnan(values[i]) && std::isnan(expected)))
            << isa.str() << " " << element.name << " " << i << ": " << values[i]
            << ", expected " << expected;
      }
    }
}

TEST(Conversions, EncodeScaleEqualsTheRuntime) {
  std::vector<float> inputs = makeInputs();
  constexpr std::pair<const char *, uint32_t> kRoundings[] = {
      {"ceil", QMM_E8M0_CEIL},
      {"floor", QMM_E8M0_FLOOR},
      {"even", QMM_E8M0_EVEN}};
  StringRef isa = getRunnableISAs().back();
  for (const Element &element : kElements)
    for (auto [name, rounding] : kRoundings) {
      std::vector<uint8_t> bytes(inputs.size());
      std::string op =
          std::string("%a = vector.extract %v[0] : f32 from vector<1xf32>\n"
                      "%s = qmm.encode_scale %a {element = ") +
          element.name + ", rounding = #qmm.e8m0_rounding<" + name +
          ">} : f32 -> i8\n%r = vector.from_elements %s : vector<1xi8>";
      run(makeKernel(op, "f32", 1, "i8", 1), isa, inputs.data(),
          static_cast<int64_t>(inputs.size()), bytes.data(),
          static_cast<int64_t>(bytes.size()),
          static_cast<int64_t>(inputs.size()));
      size_t wrong = 0;
      for (size_t i = 0; i < inputs.size() && wrong < 5; ++i) {
        uint8_t expected =
            qmmrt::encodeE8M0(inputs[i], element.dtype, rounding);
        if (bytes[i] == expected)
          continue;
        ++wrong;
        ADD_FAILURE() << element.name << " " << name << " of " << inputs[i]
                      << ": " << unsigned(bytes[i]) << ", expected "
                      << unsigned(expected);
      }
    }
}
