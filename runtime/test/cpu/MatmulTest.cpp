//===- MatmulTest.cpp - Scaled matmul against a naive product -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SimdTargets.h"
#include "TestTensor.h"
#include "context/Context.h"
#include "numerics/Elements.h"
#include "numerics/Quantize.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <tuple>

using namespace qmmrt;
using namespace qmmrt::test;

namespace {

struct ContextDeleter {
  void operator()(qmm_context *context) const { qmm_context_destroy(context); }
};
using ContextPtr = std::unique_ptr<qmm_context, ContextDeleter>;

ContextPtr createContext(unsigned threads) {
  qmm_context_options options = {};
  options.struct_size = sizeof(options);
  options.num_threads = threads;
  qmm_context *context = nullptr;
  EXPECT_EQ(qmm_context_create(&options, &context), QMM_STATUS_OK);
  return ContextPtr(context);
}

struct Call {
  const TestTensor *a, *b;
  const TestTensor *bias = nullptr, *residual = nullptr;
  qmm_activation activation = QMM_ACTIVATION_NONE;
  float *amax = nullptr;
  const float *alpha = nullptr;
  qmm_dtype aPrecision = QMM_DTYPE_NONE, bPrecision = QMM_DTYPE_NONE;
};

/// Runs with exactly the workspace asked for, after filling d with garbage.
void run(qmm_context *context, const Call &call, TestTensor &d) {
  qmm_scaled_matmul_args args = {};
  args.struct_size = sizeof(args);
  args.activation = call.activation;
  args.a_precision = call.aPrecision;
  args.b_precision = call.bPrecision;
  args.a = &call.a->desc;
  args.b = &call.b->desc;
  args.bias = call.bias ? &call.bias->desc : nullptr;
  args.residual = call.residual ? &call.residual->desc : nullptr;
  args.d = &d.desc;
  args.amax = call.amax;
  args.alpha = call.alpha;
  size_t bytes = 0;
  ASSERT_EQ(qmm_scaled_matmul_workspace(context, &args, &bytes), QMM_STATUS_OK)
      << qmm_last_error();
  Workspace workspace(bytes);
  args.workspace = workspace.get();
  args.workspace_bytes = bytes;
  std::fill(d.data.begin(), d.data.end(), 0xEE);
  ASSERT_EQ(qmm_scaled_matmul(context, &args), QMM_STATUS_OK)
      << qmm_last_error();
}

/// 2-norm below 1e-5, no element further off than its terms explain.  The
/// activations don't amplify errors (their slopes are below 1.13).
void checkClose(const TestTensor &d, const Product &expected,
                const std::string &what) {
  double error = 0, norm = 0;
  size_t i = 0;
  double unit = d.desc.scheme.element == QMM_DTYPE_F32    ? 6e-8
                : d.desc.scheme.element == QMM_DTYPE_BF16 ? 4e-3
                                                          : 5e-4;
  for (int64_t matrix = 0; matrix < d.extents.batch; ++matrix)
    for (int64_t m = 0; m < d.extents.outer; ++m)
      for (int64_t n = 0; n < d.extents.k; ++n, ++i) {
        double got = d.get(matrix, m, n), want = expected.values[i];
        error += (got - want) * (got - want);
        norm += want * want;
        ASSERT_LE(std::fabs(got - want),
                  4e-6 * expected.magnitudes[i] + unit * std::fabs(want) + 1e-7)
            << what << " at " << matrix << ", " << m << ", " << n << ": " << got
            << " for " << want;
      }
  if (d.desc.scheme.element == QMM_DTYPE_F32 && norm > 0) {
    EXPECT_LT(std::sqrt(error / norm), 1e-5) << what;
  }
}

const char *const kSchemes[] = {
    "f32",     "bf16",      "f16",         "fp8",      "fp8_e5m2",
    "fp8_row", "fp8_1x128", "fp8_128x128", "mxfp8",    "mxfp8_e5m2",
    "mxfp4",   "nvfp4",     "int8",        "int8_row", "int8_128x128"};

qmm_scheme makeScheme(uint32_t element, uint32_t scale, int64_t blockOuter,
                      int64_t blockK, bool hasTensorScale) {
  qmm_scheme scheme = {};
  scheme.element = element;
  scheme.scale = scale;
  scheme.block_outer = blockOuter;
  scheme.block_k = blockK;
  scheme.has_tensor_scale = hasTensorScale;
  return scheme;
}

std::vector<qmm_scheme> getSchemes() {
  std::vector<qmm_scheme> schemes;
  for (const char *name : kSchemes)
    schemes.push_back(getScheme(name));
  // Not presets: odd blocks, whole-K blocks of several rows, other scales.
  schemes.push_back(makeScheme(QMM_DTYPE_E4M3, QMM_DTYPE_F32, 64, 64, false));
  schemes.push_back(makeScheme(QMM_DTYPE_E4M3, QMM_DTYPE_F32, 3, 7, true));
  schemes.push_back(makeScheme(QMM_DTYPE_E5M2, QMM_DTYPE_F32, 5, 0, false));
  schemes.push_back(makeScheme(QMM_DTYPE_E4M3, QMM_DTYPE_F32, 0, 16, false));
  schemes.push_back(makeScheme(QMM_DTYPE_E2M1, QMM_DTYPE_F32, 1, 8, false));
  schemes.push_back(makeScheme(QMM_DTYPE_E2M1, QMM_DTYPE_F32, 0, 0, false));
  schemes.push_back(makeScheme(QMM_DTYPE_E2M1, QMM_DTYPE_F32, 1, 0, true));
  schemes.push_back(makeScheme(QMM_DTYPE_I8, QMM_DTYPE_E8M0, 1, 32, false));
  return schemes;
}

class Matmul : public SimdTargetTest {};

TEST_P(Matmul, EveryPairOfSchemes) {
  ContextPtr context = createContext(2);
  std::mt19937 random(1);
  for (const qmm_scheme &sa : getSchemes())
    for (const qmm_scheme &sb : getSchemes())
      for (int64_t m : {3, 13}) {
        TestTensor a({m, 160}, sa, getPlainLayout(sa));
        TestTensor b({37, 160}, sb, getPlainLayout(sb));
        TestTensor d({m, 37}, getScheme("f32"));
        a.fill(random);
        b.fill(random);
        run(context.get(), {&a, &b}, d);
        checkClose(d,
                   multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE),
                   describeScheme(sa) + " x " + describeScheme(sb));
      }
}

TEST_P(Matmul, EveryLayout) {
  ContextPtr context = createContext(3);
  std::mt19937 random(2);
  for (const qmm_scheme &scheme : getSchemes())
    for (const qmm_layout &layout : getLayouts(scheme))
      for (int64_t m : {1, 2, 19}) {
        // Row counts on both sides of a scale tile's 128.
        TestTensor quantized({150, 96}, scheme, layout);
        TestTensor wide({m, 96}, getScheme("f32"));
        TestTensor small({m, 96}, scheme, layout);
        quantized.fill(random);
        wide.fill(random);
        small.fill(random);
        TestTensor d({m, 150}, getScheme("f32"));
        std::string what = describeScheme(scheme) + " scales " +
                           std::to_string(layout.scales) + " nibbles " +
                           std::to_string(layout.nibbles) + " pad " +
                           std::to_string(layout.pad_k);
        for (const TestTensor *a : {&wide, &small}) {
          run(context.get(), {a, &quantized}, d);
          checkClose(d,
                     multiplyNaively(*a, quantized, nullptr, nullptr,
                                     QMM_ACTIVATION_NONE),
                     what);
        }
      }
}

/// What qmm_dequantize makes of `tensor`, whose values don't overflow.
TestTensor dequantizeTo(qmm_context *context, const TestTensor &tensor,
                        qmm_dtype type) {
  std::vector<int64_t> shape(tensor.desc.shape,
                             tensor.desc.shape + tensor.desc.rank);
  TestTensor wide(shape, makeScheme(type, QMM_DTYPE_NONE, 0, 0, false));
  EXPECT_EQ(qmm_dequantize(context, &tensor.desc, &wide.desc), QMM_STATUS_OK)
      << qmm_last_error();
  return wide;
}

TEST_P(Matmul, EveryOperandPrecision) {
  ContextPtr context = createContext(2);
  std::mt19937 random(5);
  const std::vector<qmm_scheme> schemes = getSchemes();
  for (size_t i = 0; i < schemes.size(); ++i) {
    const qmm_scheme &sb = schemes[i];
    if (isWide(sb))
      continue;
    const qmm_scheme &sa = schemes[3 + (i * 7) % (schemes.size() - 3)];
    for (const qmm_layout &layout : getLayouts(sb))
      for (int64_t m : {1, 3, 13}) {
        TestTensor a({2, m, 96}, sa, getPlainLayout(sa));
        TestTensor b({130, 96}, sb, layout);
        TestTensor d({2, m, 130}, getScheme("f32"));
        a.fill(random);
        b.fill(random);
        const qmm_dtype type = m == 3 ? QMM_DTYPE_F16 : QMM_DTYPE_BF16;
        TestTensor roundedA = dequantizeTo(context.get(), a, type);
        TestTensor roundedB = dequantizeTo(context.get(), b, type);
        const std::string what = describeScheme(sa) + " x " +
                                 describeScheme(sb) + " scales " +
                                 std::to_string(layout.scales);
        auto check = [&](qmm_dtype pa, qmm_dtype pb, const TestTensor &ra,
                         const TestTensor &rb) {
          Call call = {&a, &b};
          call.aPrecision = pa;
          call.bPrecision = pb;
          run(context.get(), call, d);
          checkClose(
              d, multiplyNaively(ra, rb, nullptr, nullptr, QMM_ACTIVATION_NONE),
              what);
        };
        check(type, type, roundedA, roundedB);
        if (m == 13)
          continue;
        check(QMM_DTYPE_F32, type, a, roundedB);
        check(type, QMM_DTYPE_NONE, roundedA, b);
      }
  }
}

// 1.125 * 183 / 2^14 = 205.875 / 2^14, of which bf16 keeps 206.
TEST_P(Matmul, PrecisionRoundsTheProductWithTheScale) {
  ContextPtr context = createContext(1);
  const qmm_scheme fp8 = getScheme("fp8");
  const float scale = 183.0f / 16384, unit = 1.0f / 16384;
  for (int64_t m : {1, 9}) {
    TestTensor a({m, 1}, fp8, getPlainLayout(fp8)), b = a;
    for (TestTensor *tensor : {&a, &b}) {
      for (int64_t r = 0; r < m; ++r)
        tensor->setCode(0, r, 0, 0x39);
      std::memcpy(tensor->scale.data(), &scale, sizeof(scale));
    }
    TestTensor d({m, m}, getScheme("f32"));
    run(context.get(), {&a, &b}, d);
    EXPECT_EQ(d.get(0, m - 1, 0), 205.875f * 205.875f * unit * unit);
    Call call = {&a, &b};
    call.aPrecision = QMM_DTYPE_BF16;
    run(context.get(), call, d);
    EXPECT_EQ(d.get(0, m - 1, 0), 206.0f * 205.875f * unit * unit);
    call.bPrecision = QMM_DTYPE_BF16;
    run(context.get(), call, d);
    EXPECT_EQ(d.get(0, m - 1, 0), 206.0f * 206.0f * unit * unit);
  }
}

// As a program's conversion, and not as an encoder: 448 * 146.25 is 65520, half
// a step above f16's largest number.
TEST_P(Matmul, PrecisionOverflowsToInfinity) {
  ContextPtr context = createContext(1);
  const qmm_scheme fp8 = getScheme("fp8");
  for (float scale : {146.25f, 146.0f})
    for (int64_t m : {1, 9}) {
      TestTensor a({m, 40}, fp8, getPlainLayout(fp8));
      TestTensor b({3, 40}, getScheme("f32"));
      for (int64_t r = 0; r < m; ++r)
        a.setCode(0, r, 33, 0xFE);
      b.set(0, 2, 33, 1.0f);
      std::memcpy(a.scale.data(), &scale, sizeof(scale));
      TestTensor d({m, 3}, getScheme("f32"));
      Call call = {&a, &b};
      call.aPrecision = QMM_DTYPE_F16;
      run(context.get(), call, d);
      EXPECT_EQ(d.get(0, m - 1, 2), scale > 146 ? -INFINITY : -65408.0);
    }
}

// Rounded elements are no integers any more.
TEST_P(Matmul, PrecisionOfInt8) {
  ContextPtr context = createContext(1);
  const qmm_scheme int8 = getScheme("int8");
  const float scale = 1.0f / 3;
  for (int64_t m : {2, 20}) {
    TestTensor a({m, 300}, int8, getPlainLayout(int8)), b = a;
    std::mt19937 random(6);
    a.fill(random);
    b.fill(random);
    std::memcpy(a.scale.data(), &scale, sizeof(scale));
    std::memcpy(b.scale.data(), &scale, sizeof(scale));
    TestTensor d({m, m}, getScheme("f32"));
    Call call = {&a, &b};
    call.aPrecision = call.bPrecision = QMM_DTYPE_BF16;
    run(context.get(), call, d);
    checkClose(d,
               multiplyNaively(dequantizeTo(context.get(), a, QMM_DTYPE_BF16),
                               dequantizeTo(context.get(), b, QMM_DTYPE_BF16),
                               nullptr, nullptr, QMM_ACTIVATION_NONE),
               "int8");
  }
}

TEST_P(Matmul, EveryDepth) {
  ContextPtr context = createContext(1);
  std::mt19937 random(3);
  for (const char *name : {"f32", "bf16", "fp8", "mxfp8", "nvfp4", "int8_row",
                           "fp8_1x128", "mxfp4"}) {
    qmm_scheme scheme = getScheme(name);
    int64_t step =
        scheme.block_k && scheme.scale != QMM_DTYPE_F32 ? scheme.block_k : 1;
    std::vector<int64_t> depths;
    for (int64_t i = 1; i < 70; i += step == 1 ? 3 : 1)
      depths.push_back(i * step);
    depths.push_back(1040 / step * step);
    for (int64_t k : depths)
      for (int64_t m : {1, 5, 9}) {
        TestTensor a({m, k}, getScheme("bf16"));
        TestTensor b({5, k}, scheme, getPlainLayout(scheme));
        TestTensor d({m, 5}, getScheme("f32"));
        a.fill(random);
        b.fill(random);
        run(context.get(), {&a, &b}, d);
        checkClose(d,
                   multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE),
                   std::string(name) + " K " + std::to_string(k));
      }
  }
}

qmm_scheme getRaw(qmm_dtype element) {
  return makeScheme(element, QMM_DTYPE_NONE, 0, 0, false);
}

TEST_P(Matmul, RawCodesAreTheirValues) {
  ContextPtr context = createContext(2);
  std::mt19937 random(5);
  for (qmm_dtype element : {QMM_DTYPE_E4M3, QMM_DTYPE_E5M2, QMM_DTYPE_I8})
    for (const char *other : {"bf16", "fp8_row", "raw"})
      for (int64_t m : {1, 3, 13}) {
        TestTensor a({m, 96}, getRaw(element));
        TestTensor b({37, 96}, std::strcmp(other, "raw") == 0
                                   ? getRaw(element)
                                   : getScheme(other));
        TestTensor d({m, 37}, getScheme("f32"));
        a.fill(random);
        b.fill(random);
        run(context.get(), {&a, &b}, d);
        checkClose(d,
                   multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE),
                   std::string("raw x ") + other);
      }
}

TEST_P(Matmul, IntegerResultsAreExact) {
  ContextPtr context = createContext(2);
  std::mt19937 random(6);
  // 1100 and more products of 2^14 pass 2^24.
  for (int64_t k : {0, 20, 1100, 3000})
    for (int64_t m : {1, 3, 13, 200}) {
      TestTensor a({m, k}, getRaw(QMM_DTYPE_I8));
      TestTensor b({37, k}, getRaw(QMM_DTYPE_I8));
      TestTensor d({m, 37}, getRaw(QMM_DTYPE_I32));
      for (uint8_t &byte : a.data)
        byte = uint8_t(random() % 4 ? 0x80 : random());
      for (uint8_t &byte : b.data)
        byte = uint8_t(random() % 4 ? 0x80 : random());
      run(context.get(), {&a, &b}, d);
      for (int64_t i = 0; i < m * 37; ++i) {
        int32_t expected = 0, got;
        for (int64_t j = 0; j < k; ++j)
          expected += int8_t(a.data[size_t(i / 37 * k + j)]) *
                      int8_t(b.data[size_t(i % 37 * k + j)]);
        std::memcpy(&got, d.data.data() + i * 4, 4);
        ASSERT_EQ(got, expected) << "M " << m << ", K " << k << " at " << i;
      }
    }
}

TEST_P(Matmul, AlphaMultipliesTheSumOnly) {
  ContextPtr context = createContext(2);
  std::mt19937 random(7);
  const float alpha = -0.75f;
  for (const char *scheme : {"fp8", "nvfp4", "int8_row"})
    for (int64_t m : {1, 13}) {
      TestTensor a({m, 96}, getScheme("bf16"));
      TestTensor b({37, 96}, getScheme(scheme),
                   getPlainLayout(getScheme(scheme)));
      TestTensor bias({37}, getScheme("f32")), d({m, 37}, getScheme("f32"));
      TestTensor residual({m, 37}, getScheme("f32"));
      for (TestTensor *tensor : {&a, &b, &bias, &residual})
        tensor->fill(random);
      Call call = {&a, &b, &bias, &residual};
      call.alpha = &alpha;
      run(context.get(), call, d);
      Product expected =
          multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE);
      for (int64_t i = 0; i < m * 37; ++i) {
        double &value = expected.values[size_t(i)];
        value = alpha * value + bias.get(0, 0, i % 37) +
                residual.get(0, i / 37, i % 37);
        expected.magnitudes[size_t(i)] += 8;
      }
      checkClose(d, expected, scheme);
    }
}

TEST_P(Matmul, RowScalesOfABatch) {
  ContextPtr context = createContext(2);
  std::mt19937 random(8);
  for (const char *scheme : {"fp8_row", "fp8_1x128"}) {
    TestTensor a({3, 5, 256}, getScheme(scheme));
    TestTensor b({37, 256}, getScheme("bf16")), d({3, 5, 37}, getScheme("f32"));
    a.fill(random);
    b.fill(random);
    run(context.get(), {&a, &b}, d);
    checkClose(d, multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE),
               scheme);
  }
}

TEST_P(Matmul, EveryEpilogueAndWideOutput) {
  ContextPtr context = createContext(2);
  std::mt19937 random(4);
  qmm_scheme sb = getScheme("nvfp4");
  for (int64_t m : {1, 17}) {
    TestTensor a({m, 64}, getScheme("bf16"));
    TestTensor b({45, 64}, sb, getPlainLayout(sb));
    a.fill(random);
    b.fill(random);
    for (const char *type : {"f32", "bf16", "f16"}) {
      TestTensor bias({45}, getScheme(type));
      TestTensor residual({m, 45}, getScheme(type));
      bias.fill(random);
      residual.fill(random);
      for (int activation = 0; activation <= QMM_ACTIVATION_SILU; ++activation)
        for (int parts = 0; parts < 4; ++parts)
          for (const char *output : {"f32", "bf16", "f16"}) {
            TestTensor d({m, 45}, getScheme(output));
            float amax = -1;
            Call call = {&a,
                         &b,
                         parts & 1 ? &bias : nullptr,
                         parts & 2 ? &residual : nullptr,
                         qmm_activation(activation),
                         &amax};
            run(context.get(), call, d);
            Product expected = multiplyNaively(a, b, call.bias, call.residual,
                                               call.activation);
            checkClose(d, expected, output);
            double largest = 0;
            for (double value : expected.values)
              largest = std::max(largest, std::fabs(value));
            EXPECT_NEAR(amax, largest, largest * 1e-5);
          }
    }
  }
}

TEST_P(Matmul, QuantizedOutputHasTheCodesOfItsF32Result) {
  ContextPtr context = createContext(2);
  std::mt19937 random(5);
  for (const qmm_scheme &scheme : getSchemes()) {
    if (isWide(scheme))
      continue;
    for (const qmm_layout &layout : getLayouts(scheme))
      for (int64_t m : {4, 30}) {
        TestTensor a({2, m, 48}, getScheme("bf16"));
        TestTensor b({64, 48}, getScheme("bf16"));
        TestTensor bias({64}, getScheme("f32"));
        a.fill(random);
        b.fill(random);
        bias.fill(random);
        TestTensor wide({2, m, 64}, getScheme("f32"));
        TestTensor d({2, m, 64}, scheme, layout), expected = d;
        bool isGiven = scheme.scale == QMM_DTYPE_F32 && !scheme.block_outer &&
                       !scheme.block_k && !scheme.has_tensor_scale;
        d.tensorScale = expected.tensorScale = 0.01f;
        if (isGiven) {
          float scale = 0.1f;
          std::memcpy(d.scale.data(), &scale, 4);
          std::memcpy(expected.scale.data(), &scale, 4);
        }
        float amaxWide = 0, amaxQuantized = 0;
        run(context.get(),
            {&a, &b, &bias, nullptr, QMM_ACTIVATION_SILU, &amaxWide}, wide);
        run(context.get(),
            {&a, &b, &bias, nullptr, QMM_ACTIVATION_SILU, &amaxQuantized}, d);
        EXPECT_EQ(amaxWide, amaxQuantized);
        qmm_quantize_params params = {};
        params.struct_size = sizeof(params);
        params.scale_source = isGiven ? QMM_SCALES_GIVEN
                              : scheme.has_tensor_scale
                                  ? QMM_SCALES_TENSOR_SCALE_GIVEN
                                  : QMM_SCALES_COMPUTED;
        ASSERT_EQ(
            qmm_quantize(context.get(), &wide.desc, &params, &expected.desc),
            QMM_STATUS_OK)
            << qmm_last_error();
        EXPECT_EQ(d.data, expected.data) << describeScheme(scheme);
        EXPECT_EQ(d.scale, expected.scale) << describeScheme(scheme);
      }
  }
}

TEST_P(Matmul, BatchWithOwnAndSharedB) {
  ContextPtr context = createContext(2);
  std::mt19937 random(6);
  for (const char *nameA : {"bf16", "fp8", "fp8_row", "nvfp4"})
    for (const char *nameB : {"f16", "fp8_128x128", "nvfp4", "mxfp8"})
      for (bool isShared : {false, true})
        for (bool isPadded : {false, true})
          for (int64_t m : {1, 4, 11}) {
            qmm_scheme sa = getScheme(nameA), sb = getScheme(nameB);
            qmm_layout la = getPlainLayout(sa), lb = getPlainLayout(sb);
            if (isPadded)
              la.pad_outer = lb.pad_outer = 8;
            TestTensor a({2, 3, m, 64}, sa, la);
            TestTensor b = isShared ? TestTensor({33, 64}, sb, lb)
                                    : TestTensor({2, 3, 33, 64}, sb, lb);
            TestTensor residual({2, 3, m, 33}, getScheme("bf16"));
            TestTensor d({2, 3, m, 33}, getScheme("f32"));
            a.fill(random);
            b.fill(random);
            residual.fill(random);
            run(context.get(), {&a, &b, nullptr, &residual}, d);
            checkClose(
                d,
                multiplyNaively(a, b, nullptr, &residual, QMM_ACTIVATION_NONE),
                std::string(nameA) + " x " + nameB);
          }
}

TEST_P(Matmul, EmptyExtents) {
  ContextPtr context = createContext(2);
  std::mt19937 random(7);
  for (const char *name : {"bf16", "fp8", "nvfp4"})
    for (int empty = 0; empty < 4; ++empty)
      for (int64_t m : {5, 40}) {
        int64_t batch = empty == 0 ? 0 : 2, rows = empty == 1 ? 0 : m;
        int64_t n = empty == 2 ? 0 : 21, k = empty == 3 ? 0 : 32;
        qmm_scheme scheme = getScheme(name);
        TestTensor a({batch, rows, k}, scheme, getPlainLayout(scheme));
        TestTensor b({n, k}, scheme, getPlainLayout(scheme));
        a.fill(random);
        b.fill(random);
        // K = 0: a scale has nothing to multiply, not even if it is NaN.
        a.tensorScale = NAN;
        TestTensor bias({n}, getScheme("f32"));
        bias.fill(random);
        TestTensor d({batch, rows, n}, getScheme("f32"));
        float amax = -1;
        run(context.get(), {&a, &b, &bias, nullptr, QMM_ACTIVATION_RELU, &amax},
            d);
        if (empty != 3) {
          EXPECT_EQ(amax, 0.0f);
          EXPECT_TRUE(d.data.empty());
          continue;
        }
        for (int64_t i = 0; i < n; ++i)
          EXPECT_EQ(d.get(1, m - 1, i), std::max(0.0, bias.get(0, 0, i)));
      }
}

TEST_P(Matmul, Int8SumsAreExact) {
  ContextPtr context = createContext(2);
  // Sums beyond 2^24, of one sign, that f32 would round.
  for (int64_t m : {2, 9}) {
    const int64_t k = 5003, n = 35;
    TestTensor a({m, k}, getScheme("int8_row"));
    TestTensor b({n, k}, getScheme("int8"));
    std::mt19937 random(8);
    a.fill(random);
    b.fill(random);
    float one = 1.0f;
    for (size_t i = 0; i < a.scale.size(); i += 4)
      std::memcpy(a.scale.data() + i, &one, 4);
    std::memcpy(b.scale.data(), &one, 4);
    for (int64_t i = 0; i < k; ++i) {
      a.setCode(0, 0, i, uint8_t(int8_t(-128)));
      b.setCode(0, 0, i, uint8_t(int8_t(i % 2 ? -128 : -127)));
    }
    TestTensor d({m, n}, getScheme("f32"));
    run(context.get(), {&a, &b}, d);
    for (int64_t r = 0; r < m; ++r)
      for (int64_t c = 0; c < n; ++c) {
        int64_t sum = 0;
        for (int64_t i = 0; i < k; ++i)
          sum += int64_t(a.get(0, r, i)) * int64_t(b.get(0, c, i));
        ASSERT_EQ(float(d.get(0, r, c)), float(sum)) << r << ", " << c;
      }
  }
}

TEST_P(Matmul, NaNAndInfinityArrive) {
  ContextPtr context = createContext(2);
  std::mt19937 random(9);
  for (const char *name :
       {"fp8", "fp8_row", "fp8_1x128", "mxfp8", "fp8_e5m2", "nvfp4", "bf16"})
    for (int64_t m : {1, 12})
      for (bool inScale : {false, true}) {
        qmm_scheme scheme = getScheme(name);
        if (inScale ? isWide(scheme) || scheme.scale == QMM_DTYPE_F32
                    : scheme.element == QMM_DTYPE_E2M1)
          continue;
        TestTensor a({m, 128}, getScheme("f32"));
        TestTensor b({40, 128}, scheme, getPlainLayout(scheme));
        a.fill(random);
        b.fill(random);
        if (inScale) {
          b.scale[(17 * 128 + 100) / scheme.block_k] = 0xFF;
        } else {
          b.setCode(0, 17, 101, isWide(scheme) ? 0x7FC0 : 0x7F);
          b.setCode(0, 19, 3, isWide(scheme) ? 0xFFC0 : 0xFF);
        }
        TestTensor d({m, 40}, getScheme("f32"));
        float amax = 0;
        run(context.get(),
            {&a, &b, nullptr, nullptr, QMM_ACTIVATION_GELU_ERF, &amax}, d);
        EXPECT_TRUE(std::isnan(amax));
        for (int64_t n = 0; n < 40; ++n)
          EXPECT_EQ(std::isnan(d.get(0, m - 1, n)),
                    n == 17 || (n == 19 && !inScale))
              << name << " at " << n;
      }
}

/// Activations by kind: what fixed point with one exponent for 16 elements must
/// not lose.
float makeActivation(int kind, int64_t k, std::mt19937 &random) {
  const float value = std::normal_distribution<float>()(random);
  switch (kind) {
  case 1: // outliers
    return k % 16 == k / 16 * 7 % 16 ? value * 1000 : value;
  case 2: // subnormal blocks only
    return value * 1e-40f;
  case 3:
    return k / 16 % 2 ? value * 1e30f : value * 1e-30f;
  case 4:
    return k / 16 % 3 ? value : value * 1e-42f;
  case 5: // one sign: a long way from the sum to its offset
    return std::fabs(value);
  case 6: // just below a power of two
    return std::copysign(0x1.fffffep+0f, value);
  default:
    return value;
  }
}

TEST_P(Matmul, OneRowTimesE2M1IsAsAccurateAsF32) {
  ContextPtr context = createContext(2);
  std::mt19937 random(12);
  for (const char *name : {"nvfp4", "mxfp4"})
    for (const qmm_layout &layout : getLayouts(getScheme(name)))
      for (const char *type : {"f32", "bf16"})
        for (int kind = 0; kind < 7; ++kind) {
          TestTensor a({1, 544}, getScheme(type));
          TestTensor b({40, 544}, getScheme(name), layout);
          TestTensor d({1, 40}, getScheme("f32"));
          b.fill(random);
          for (int64_t k = 0; k < 544; ++k)
            a.set(0, 0, k, makeActivation(kind, k, random));
          run(context.get(), {&a, &b}, d);
          Product expected =
              multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE);
          double error = 0, norm = 0;
          for (int64_t n = 0; n < 40; ++n) {
            const double difference = d.get(0, 0, n) - expected.values[n];
            error += difference * difference;
            norm += expected.values[n] * expected.values[n];
          }
          // Every subnormal term may be rounded to 2^-149.
          EXPECT_LT(std::sqrt(error), 2e-6 * std::sqrt(norm) + 2e-43)
              << name << " x " << type << " kind " << kind << " scales "
              << layout.scales;
        }
}

TEST_P(Matmul, OneRowTimesE2M1IsExactForIntegers) {
  ContextPtr context = createContext(1);
  std::mt19937 random(13);
  for (const char *name : {"nvfp4", "mxfp4"}) {
    TestTensor a({1, 416}, getScheme("f32"));
    TestTensor b({70, 416}, getScheme(name), getPlainLayout(getScheme(name)));
    TestTensor d({1, 70}, getScheme("f32"));
    b.fill(random);
    const uint8_t one = name[0] == 'n' ? 0x38 : 127;
    std::fill(b.scale.begin(), b.scale.end(), one);
    b.tensorScale = 1;
    for (int64_t k = 0; k < 416; ++k)
      a.set(0, 0, k, float(int(random() % 2047) - 1023));
    run(context.get(), {&a, &b}, d);
    Product expected =
        multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE);
    for (int64_t n = 0; n < 70; ++n)
      EXPECT_EQ(d.get(0, 0, n), expected.values[n]) << name << " at " << n;
  }
}

TEST_P(Matmul, NonFiniteArrivesThroughOneRowTimesE2M1) {
  ContextPtr context = createContext(2);
  std::mt19937 random(14);
  for (const qmm_layout &layout : getLayouts(getScheme("nvfp4"))) {
    TestTensor a({1, 208}, getScheme("f32"));
    TestTensor b({150, 208}, getScheme("nvfp4"), layout);
    TestTensor d({1, 150}, getScheme("f32"));
    a.fill(random);
    b.fill(random);
    // A NaN scale of either sign concerns its row alone, in the last step too.
    for (auto [row, column, code] :
         {std::tuple(17, 0, 0x7F), std::tuple(140, 12, 0xFF)})
      b.scale[getScaleOffset(layout, b.extents.logicalScales, row, column)] =
          uint8_t(code);
    run(context.get(), {&a, &b}, d);
    for (int64_t n = 0; n < 150; ++n)
      EXPECT_EQ(std::isnan(d.get(0, 0, n)), n == 17 || n == 140) << n;

    // Infinity times a code: its sign, or NaN.
    b.fill(random);
    a.set(0, 0, 200, INFINITY);
    b.setCode(0, 3, 200, 0x2);
    b.setCode(0, 4, 200, 0xA);
    b.setCode(0, 5, 200, 0x8);
    run(context.get(), {&a, &b}, d);
    EXPECT_EQ(d.get(0, 0, 3), INFINITY);
    EXPECT_EQ(d.get(0, 0, 4), -INFINITY);
    EXPECT_TRUE(std::isnan(d.get(0, 0, 5)));
    a.set(0, 0, 7, NAN);
    run(context.get(), {&a, &b}, d);
    for (int64_t n = 0; n < 150; ++n)
      EXPECT_TRUE(std::isnan(d.get(0, 0, n))) << n;
  }
}

TEST_P(Matmul, ManyColumnsOfOneRowTimesE2M1) {
  ContextPtr context = createContext(1);
  std::mt19937 random(16);
  qmm_scheme scheme = getScheme("nvfp4");
  for (const qmm_layout &layout : getLayouts(scheme)) {
    // Whole tiles of scales and a part of one; columns of them too.
    TestTensor a({1, 336}, getScheme("bf16"));
    TestTensor b({600, 336}, scheme, layout);
    TestTensor d({1, 600}, getScheme("f32"));
    a.fill(random);
    b.fill(random);
    run(context.get(), {&a, &b}, d);
    checkClose(d, multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE),
               "columns");
  }
}

/// The fixed-point sum overflows where the product doesn't.
TEST_P(Matmul, HugeScalesOfOneRowTimesE2M1) {
  ContextPtr context = createContext(1);
  std::mt19937 random(15);
  TestTensor a({1, 64}, getScheme("f32"));
  TestTensor b({9, 64}, getScheme("mxfp4"), getPlainLayout(getScheme("mxfp4")));
  TestTensor d({1, 9}, getScheme("f32"));
  b.fill(random);
  std::fill(b.scale.begin(), b.scale.end(), uint8_t(250));
  for (int64_t k = 0; k < 64; ++k)
    a.set(0, 0, k, makeActivation(0, k, random) * 1e-8f);
  run(context.get(), {&a, &b}, d);
  checkClose(d, multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE),
             "huge scales");
}

TEST_P(Matmul, SameBitsWithAnyThreadsAndEveryTime) {
  std::mt19937 random(10);
  for (int64_t m : {1, 3, 50}) {
    qmm_scheme sb = getScheme("nvfp4");
    TestTensor a({m, 640}, getScheme("bf16"));
    TestTensor b({300, 640}, sb, getPlainLayout(sb));
    a.fill(random);
    b.fill(random);
    std::vector<uint8_t> first;
    for (unsigned threads : {1, 2, 3, 2, 1}) {
      ContextPtr context = createContext(threads);
      TestTensor d({m, 300}, getScheme("f32"));
      run(context.get(), {&a, &b, nullptr, nullptr, QMM_ACTIVATION_GELU_TANH},
          d);
      if (first.empty())
        first = d.data;
      EXPECT_EQ(first, d.data) << threads;
    }
  }
}

TEST_P(Matmul, LargerThanABlock) {
  ContextPtr context = createContext(3);
  std::mt19937 random(11);
  qmm_scheme sa = getScheme("fp8_1x128"), sb = getScheme("fp8_128x128");
  TestTensor a({401, 700}, sa);
  TestTensor b({270, 700}, sb);
  a.fill(random);
  b.fill(random);
  TestTensor d({401, 270}, getScheme("f32"));
  run(context.get(), {&a, &b}, d);
  checkClose(d, multiplyNaively(a, b, nullptr, nullptr, QMM_ACTIVATION_NONE),
             "blocks");
}

INSTANTIATE_TEST_SUITE_P(Targets, Matmul, getSimdTargets(), getSimdTestName);

} // namespace
