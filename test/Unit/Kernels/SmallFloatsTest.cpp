//===- SmallFloatsTest.cpp - Every code of every small float --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The expansion of --qmm-expand-small-floats, compiled and run, against values
// that come from the formats' definitions alone: codes are decoded by ldexp,
// and rounding is a search for the nearest code.
//
//===----------------------------------------------------------------------===//

#include "HostProgram.h"

#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace mlir::qmm::test;

namespace {

enum class Overflow { NaN, Infinity, Saturate };

struct Type {
  const char *name; // in MLIR
  unsigned bits, mantissa;
  int bias;
  Overflow overflow;
  unsigned maxCode; // of the largest finite number
};

const Type kE4M3 = {"f8E4M3FN", 8, 3, 7, Overflow::NaN, 0x7e};
const Type kE5M2 = {"f8E5M2", 8, 2, 15, Overflow::Infinity, 0x7b};
const Type kE2M1 = {"f4E2M1FN", 4, 1, 1, Overflow::Saturate, 0x7};
const Type kF16 = {"f16", 16, 10, 15, Overflow::Infinity, 0x7bff};
const Type kBF16 = {"bf16", 16, 7, 127, Overflow::Infinity, 0x7f7f};

/// The number that the exponent and mantissa of `code` spell.
double spell(const Type &type, unsigned code) {
  int exponent = code >> type.mantissa;
  double mantissa = code & ((1u << type.mantissa) - 1);
  double unit = std::ldexp(1.0, type.mantissa);
  if (exponent == 0)
    return std::ldexp(mantissa, 1 - type.bias - int(type.mantissa));
  return std::ldexp((unit + mantissa) / unit, exponent - type.bias);
}

double decode(const Type &type, unsigned code) {
  unsigned sign = code >> (type.bits - 1);
  unsigned magnitude = code & ((1u << (type.bits - 1)) - 1);
  double value = spell(type, magnitude);
  if (magnitude > type.maxCode)
    value = type.overflow == Overflow::Infinity && magnitude == type.maxCode + 1
                ? INFINITY
                : NAN;
  return std::copysign(value, sign ? -1.0 : 1.0);
}

unsigned getSignBit(const Type &type, double value) {
  return std::signbit(value) ? 1u << (type.bits - 1) : 0;
}

/// Nearest code, ties to the even one, as if there were one more code above the
/// largest; what that one means is the type's overflow.
unsigned encode(const Type &type, double value) {
  double magnitude = std::fabs(value);
  unsigned sign = getSignBit(type, value);
  if (std::isnan(value)) {
    switch (type.overflow) {
    case Overflow::NaN:
      return sign | (type.maxCode + 1);
    case Overflow::Infinity: // quiet
      return sign | (type.maxCode + 1) | (1u << (type.mantissa - 1));
    case Overflow::Saturate: // ml_dtypes: a zero of the other sign
      return sign ^ (1u << (type.bits - 1));
    }
  }
  unsigned low = 0, high = type.maxCode + 1;
  if (magnitude >= spell(type, high))
    low = high;
  while (high - low > 1) {
    unsigned middle = (low + high) / 2;
    (spell(type, middle) <= magnitude ? low : high) = middle;
  }
  unsigned code = low;
  if (low < type.maxCode + 1) {
    double below = magnitude - spell(type, low);
    double above = spell(type, low + 1) - magnitude;
    if (above < below || (above == below && (low & 1)))
      code = low + 1;
  }
  if (code > type.maxCode)
    code =
        type.overflow == Overflow::Saturate ? type.maxCode : type.maxCode + 1;
  return sign | code;
}

double decodeE8M0(unsigned code) {
  return code == 0xff ? NAN : std::ldexp(1.0, int(code) - 127);
}

unsigned encodeE8M0(double value) {
  if (std::isnan(value) || value < 0 || std::isinf(value))
    return 0xff;
  if (value < std::ldexp(1.5, -127))
    return 0;
  int exponent = std::ilogb(value);
  if (value >= std::ldexp(1.5, exponent))
    ++exponent;
  return std::min(exponent + 127, 0xff);
}

/// A kernel over i`bits` inputs and outputs that applies `op`.
std::string makeKernel(const std::string &op, const std::string &from,
                       unsigned fromBits, const std::string &to,
                       unsigned toBits) {
  auto storage = [](unsigned bits) {
    return "i" + std::to_string(std::max(bits, 8u));
  };
  std::string in = storage(fromBits), out = storage(toBits);
  std::string text = "func.func @k(%x: memref<?x" + in + ">, %y: memref<?x" +
                     out +
                     ">, %b: index, %e: index) {\n"
                     "%one = arith.constant 1 : index\n"
                     "scf.for %i = %b to %e step %one {\n"
                     "%0 = memref.load %x[%i] : memref<?x" +
                     in + ">\n";
  std::string code = "%0";
  if (fromBits == 4) {
    text += "%1 = arith.trunci %0 : i8 to i4\n";
    code = "%1";
  }
  text += "%2 = arith.bitcast " + code + " : i" + std::to_string(fromBits) +
          " to " + from + "\n%3 = arith." + op + " %2 : " + from + " to " + to +
          "\n%4 = arith.bitcast %3 : " + to + " to i" + std::to_string(toBits) +
          "\n";
  code = "%4";
  if (toBits == 4) {
    text += "%5 = arith.extui %4 : i4 to i8\n";
    code = "%5";
  }
  return text + "memref.store " + code + ", %y[%i] : memref<?x" + out +
         ">\n}\nreturn\n}\n";
}

template <typename Out, typename In>
std::vector<Out> convert(const std::string &kernel, mlir::StringRef isa,
                         const std::vector<In> &inputs) {
  HostCompiler compiler;
  HostLibrary library(compiler.compileKernels(kernel, isa));
  std::vector<Out> outputs(inputs.size());
  void *buffers[] = {const_cast<In *>(inputs.data()), outputs.data()};
  int64_t extents[] = {int64_t(inputs.size()), int64_t(outputs.size())};
  if (HostKernel run = library.lookup("k"))
    run(buffers, extents, 0, inputs.size());
  return outputs;
}

template <typename To, typename From> To bitCast(From value) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To result;
  std::memcpy(&result, &value, sizeof(To));
  return result;
}

template <typename In> std::vector<In> getAllCodes(unsigned bits) {
  std::vector<In> codes(1u << bits);
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<In>(i);
  return codes;
}

bool isSame(double lhs, double rhs) {
  return std::isnan(lhs) ? std::isnan(rhs) != 0
                         : lhs == rhs && std::signbit(lhs) == std::signbit(rhs);
}

/// Every rounding boundary of the type with its neighbours, both signs; in
/// Float, an exact midpoint even where the type's are not representable
/// doubles.
template <typename Float>
void addBoundaries(const Type &type, std::vector<Float> &values) {
  constexpr Float infinity = std::numeric_limits<Float>::infinity();
  for (unsigned code = 0; code <= type.maxCode; ++code) {
    double low = spell(type, code), high = spell(type, code + 1);
    for (double point : {low, (low + high) / 2, high})
      for (double sign : {1.0, -1.0}) {
        Float value = static_cast<Float>(sign * point);
        values.insert(values.end(), {value, std::nextafter(value, infinity),
                                     std::nextafter(value, -infinity)});
      }
  }
}

template <typename Float> void addSpecials(std::vector<Float> &values) {
  using Limits = std::numeric_limits<Float>;
  for (Float value : {Float(0), Limits::min(), Limits::denorm_min(),
                      Limits::max(), Limits::infinity(), Limits::quiet_NaN()})
    values.insert(values.end(), {value, -value});
}

const Type kSmall[] = {kE4M3, kE5M2, kE2M1};

class SmallFloats : public testing::Test {};

TEST_F(SmallFloats, ExtFOfEveryCode) {
  for (mlir::StringRef isa : getRunnableISAs()) {
    for (const Type &type : {kE4M3, kE5M2, kE2M1, kF16, kBF16}) {
      SCOPED_TRACE(std::string(type.name) + " " + isa.str());
      std::vector<uint32_t> actual;
      std::string kernel = makeKernel("extf", type.name, type.bits, "f32", 32);
      if (type.bits == 16)
        actual = convert<uint32_t>(kernel, isa, getAllCodes<uint16_t>(16));
      else
        actual =
            convert<uint32_t>(kernel, isa, getAllCodes<uint8_t>(type.bits));
      for (unsigned code = 0; code < actual.size(); ++code)
        EXPECT_TRUE(isSame(bitCast<float>(actual[code]), decode(type, code)))
            << code << ": " << bitCast<float>(actual[code]);
    }
    std::vector<uint32_t> actual =
        convert<uint32_t>(makeKernel("extf", "f8E8M0FNU", 8, "f32", 32), isa,
                          getAllCodes<uint8_t>(8));
    for (unsigned code = 0; code < 256; ++code)
      EXPECT_TRUE(isSame(bitCast<float>(actual[code]), decodeE8M0(code)))
          << code;
  }
}

TEST_F(SmallFloats, ExtFToOtherWidths) {
  for (mlir::StringRef isa : getRunnableISAs())
    for (const Type &type : kSmall) {
      SCOPED_TRACE(std::string(type.name) + " " + isa.str());
      std::vector<uint8_t> codes = getAllCodes<uint8_t>(type.bits);
      for (const Type &wide : {kF16, kBF16}) {
        auto actual = convert<uint16_t>(
            makeKernel("extf", type.name, type.bits, wide.name, 16), isa,
            codes);
        for (unsigned code = 0; code < codes.size(); ++code)
          EXPECT_TRUE(isSame(decode(wide, actual[code]), decode(type, code)))
              << wide.name << " " << code;
      }
      auto actual = convert<uint64_t>(
          makeKernel("extf", type.name, type.bits, "f64", 64), isa, codes);
      for (unsigned code = 0; code < codes.size(); ++code)
        EXPECT_TRUE(isSame(bitCast<double>(actual[code]), decode(type, code)))
            << code;
    }
}

TEST_F(SmallFloats, TruncFOfEveryBF16AndF16) {
  std::vector<uint16_t> codes = getAllCodes<uint16_t>(16);
  for (mlir::StringRef isa : getRunnableISAs())
    for (const Type &wide : {kBF16, kF16}) {
      for (const Type &type : kSmall) {
        SCOPED_TRACE(std::string(type.name) + " of " + wide.name + " " +
                     isa.str());
        auto actual = convert<uint8_t>(
            makeKernel("truncf", wide.name, 16, type.name, type.bits), isa,
            codes);
        for (unsigned code = 0; code < codes.size(); ++code)
          ASSERT_EQ(actual[code], encode(type, decode(wide, code))) << code;
      }
      auto actual = convert<uint8_t>(
          makeKernel("truncf", wide.name, 16, "f8E8M0FNU", 8), isa, codes);
      for (unsigned code = 0; code < codes.size(); ++code)
        ASSERT_EQ(actual[code], encodeE8M0(decode(wide, code))) << code;
    }
}

TEST_F(SmallFloats, TruncFOfF32AtEveryBoundary) {
  for (mlir::StringRef isa : getRunnableISAs()) {
    for (const Type &type : {kE4M3, kE5M2, kE2M1, kF16, kBF16}) {
      SCOPED_TRACE(std::string(type.name) + " " + isa.str());
      std::vector<float> values;
      addBoundaries(type, values);
      addSpecials(values);
      std::string kernel =
          makeKernel("truncf", "f32", 32, type.name, type.bits);
      auto check = [&](auto actual) {
        for (size_t i = 0; i < values.size(); ++i)
          ASSERT_EQ(unsigned(actual[i]), encode(type, values[i]))
              << std::hexfloat << values[i];
      };
      if (type.bits == 16)
        check(convert<uint16_t>(kernel, isa, values));
      else
        check(convert<uint8_t>(kernel, isa, values));
    }
    std::vector<float> values;
    for (int exponent = -149; exponent < 128; ++exponent)
      for (float factor : {1.0f, 1.5f})
        for (float sign : {1.0f, -1.0f}) {
          float value = std::ldexp(sign * factor, exponent);
          values.insert(values.end(), {value, std::nextafter(value, INFINITY),
                                       std::nextafter(value, -INFINITY)});
        }
    addSpecials(values);
    auto actual = convert<uint8_t>(
        makeKernel("truncf", "f32", 32, "f8E8M0FNU", 8), isa, values);
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(actual[i], encodeE8M0(values[i])) << std::hexfloat << values[i];
  }
}

// Doubles next to a boundary would round twice on the way through f32.
TEST_F(SmallFloats, TruncFOfF64RoundsOnce) {
  for (mlir::StringRef isa : getRunnableISAs()) {
    for (const Type &type : {kE4M3, kE5M2, kE2M1, kBF16}) {
      SCOPED_TRACE(std::string(type.name) + " " + isa.str());
      std::vector<double> values;
      addBoundaries(type, values);
      addSpecials(values);
      std::string kernel =
          makeKernel("truncf", "f64", 64, type.name, type.bits);
      auto check = [&](auto actual) {
        for (size_t i = 0; i < values.size(); ++i)
          ASSERT_EQ(unsigned(actual[i]), encode(type, values[i]))
              << std::hexfloat << values[i];
      };
      if (type.bits == 16)
        check(convert<uint16_t>(kernel, isa, values));
      else
        check(convert<uint8_t>(kernel, isa, values));
    }
    std::vector<double> values;
    for (int exponent = -200; exponent < 200; ++exponent)
      for (double factor : {1.0, 1.5}) {
        double value = std::ldexp(factor, exponent);
        values.insert(values.end(),
                      {value, -value, std::nextafter(value, INFINITY),
                       std::nextafter(value, -INFINITY)});
      }
    addSpecials(values);
    auto actual = convert<uint8_t>(
        makeKernel("truncf", "f64", 64, "f8E8M0FNU", 8), isa, values);
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(actual[i], encodeE8M0(values[i])) << std::hexfloat << values[i];
  }
}

TEST_F(SmallFloats, BetweenSmallTypes) {
  for (mlir::StringRef isa : getRunnableISAs()) {
    std::vector<uint8_t> codes = getAllCodes<uint8_t>(8);
    auto narrowed = convert<uint8_t>(
        makeKernel("truncf", "f8E5M2", 8, "f4E2M1FN", 4), isa, codes);
    for (unsigned code = 0; code < 256; ++code)
      EXPECT_EQ(narrowed[code], encode(kE2M1, decode(kE5M2, code))) << code;
    codes = getAllCodes<uint8_t>(4);
    auto widened = convert<uint8_t>(
        makeKernel("extf", "f4E2M1FN", 4, "f8E4M3FN", 8), isa, codes);
    for (unsigned code = 0; code < 16; ++code)
      EXPECT_EQ(widened[code], encode(kE4M3, decode(kE2M1, code))) << code;
  }
}

// Constants, arithmetic (in f32, rounded) and vectors of small floats.
TEST_F(SmallFloats, ConstantsArithmeticVectors) {
  const char *kernel = R"(
    func.func @k(%x: memref<?xi8>, %y: memref<?xi8>, %b: index, %e: index) {
      %one = arith.constant 1 : index
      %c = arith.constant 1.5 : f8E4M3FN
      %v = arith.constant dense<[0.5, 2.0]> : vector<2xf8E4M3FN>
      %s = vector.extract %v[1] : f8E4M3FN from vector<2xf8E4M3FN>
      scf.for %i = %b to %e step %one {
        %0 = memref.load %x[%i] : memref<?xi8>
        %1 = arith.bitcast %0 : i8 to f8E4M3FN
        %2 = arith.mulf %1, %c : f8E4M3FN
        %3 = arith.addf %2, %s : f8E4M3FN
        %4 = arith.bitcast %3 : f8E4M3FN to i8
        memref.store %4, %y[%i] : memref<?xi8>
      }
      return
    })";
  for (mlir::StringRef isa : getRunnableISAs()) {
    auto actual = convert<uint8_t>(kernel, isa, getAllCodes<uint8_t>(8));
    for (unsigned code = 0; code < 256; ++code) {
      double product = decode(kE4M3, encode(kE4M3, decode(kE4M3, code) * 1.5));
      EXPECT_TRUE(isSame(decode(kE4M3, actual[code]),
                         decode(kE4M3, encode(kE4M3, product + 2.0))))
          << code;
    }
  }
}

} // namespace
