//===- PhysicalTypesTest.cpp - Physical types against the runtime's sizes -===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A buffer that the compiler allocates by its type has the bytes that the
// runtime expects by its descriptor.
//
//===----------------------------------------------------------------------===//
#include "qmm/IR/QMM.h"

#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::qmm;

namespace {

constexpr int64_t kDynamic = ShapedType::kDynamic;

class PhysicalTypesTest : public ::testing::Test {
protected:
  PhysicalTypesTest() { context.loadDialect<QMMDialect>(); }

  QuantizedTensorType get(ArrayRef<int64_t> shape, StringRef preset,
                          LayoutAttr layout = {}) {
    SchemeAttr scheme = SchemeAttr::getPreset(&context, preset);
    if (!layout)
      layout = LayoutAttr::getPlain(&context, scheme.isFloat4()
                                                  ? NibbleOrder::LoFirst
                                                  : NibbleOrder::None);
    return QuantizedTensorType::get(shape, BFloat16Type::get(&context), scheme,
                                    layout);
  }

  LayoutAttr getLayout(ScaleLayout scales, NibbleOrder nibbles,
                       int64_t padOuter = 1, int64_t padK = 1,
                       int64_t scalePad = 1) {
    return LayoutAttr::get(&context, scales, nibbles, padOuter, padK, scalePad);
  }

  /// The physical types' bytes, and the runtime's for the same descriptor.
  void expectRuntimeSizes(QuantizedTensorType type) {
    qmm_tensor tensor = {};
    tensor.struct_size = sizeof(qmm_tensor);
    tensor.rank = type.getRank();
    llvm::copy(type.getShape(), tensor.shape);
    tensor.scheme = type.getScheme().toRuntime();
    tensor.layout = type.getLayout().toRuntime();
    size_t sizes[3] = {};
    ASSERT_EQ(qmm_tensor_sizes(&tensor, &sizes[0], &sizes[1], &sizes[2]),
              QMM_STATUS_OK)
        << qmm_last_error();
    auto physical = type.getPhysicalTypes();
    ASSERT_EQ(physical.size(), sizes[2] == 0 ? 2u : 3u);
    for (auto [index, part] : llvm::enumerate(physical))
      EXPECT_EQ(static_cast<size_t>(part.getNumElements() *
                                    part.getElementTypeBitWidth() / 8),
                sizes[index])
          << "part " << index << " of " << type.getScheme().getName();
  }

  MLIRContext context;
};

TEST_F(PhysicalTypesTest, EveryPresetHasTheRuntimesSizes) {
  const int64_t shapes[][3] = {{1, 8, 256},  {1, 130, 384}, {3, 1, 32},
                               {2, 129, 96}, {1, 0, 64},    {0, 5, 32}};
  for (StringRef preset :
       {"fp8", "fp8_e5m2", "fp8_row", "fp8_1x128", "fp8_128x128", "mxfp8",
        "mxfp8_e5m2", "mxfp4", "nvfp4", "int8", "int8_row", "int8_128x128"})
    for (auto &shape : shapes) {
      expectRuntimeSizes(get(shape, preset));
      expectRuntimeSizes(get(ArrayRef(shape).drop_front(), preset));
    }
}

TEST_F(PhysicalTypesTest, EveryLayoutHasTheRuntimesSizes) {
  auto tiled = [&](NibbleOrder nibbles) {
    return getLayout(ScaleLayout::Tiled128x4, nibbles, 16, 32);
  };
  for (int64_t outer : {1, 127, 128, 129})
    for (int64_t k : {32, 96, 160}) {
      expectRuntimeSizes(
          get({2, outer, k}, "nvfp4", tiled(NibbleOrder::HiFirst)));
      expectRuntimeSizes(get({outer, k}, "mxfp8", tiled(NibbleOrder::None)));
      expectRuntimeSizes(
          get({outer, k}, "fp8_1x128",
              getLayout(ScaleLayout::OuterMajor, NibbleOrder::None, 1, 1, 4)));
      expectRuntimeSizes(
          get({outer, k}, "fp8_128x128",
              getLayout(ScaleLayout::Blocks128x128, NibbleOrder::None, 1, 16)));
    }
}

TEST_F(PhysicalTypesTest, TypesOfParts) {
  auto type = [&](ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  };
  Type f32 = Float32Type::get(&context);
  Type e4m3 = Float8E4M3FNType::get(&context);
  Type i8 = IntegerType::get(&context, 8);

  auto fp8 = get({2, 8, 256}, "fp8").getPhysicalTypes();
  ASSERT_EQ(fp8.size(), 2u);
  EXPECT_EQ(fp8[0], type({2, 8, 256}, e4m3));
  EXPECT_EQ(fp8[1], type({}, f32));

  // 4-bit elements are packed; the scales are swizzled and padded.
  auto nvfp4 =
      get({3, 130, 96}, "nvfp4",
          getLayout(ScaleLayout::Tiled128x4, NibbleOrder::HiFirst, 16, 16))
          .getPhysicalTypes();
  ASSERT_EQ(nvfp4.size(), 3u);
  EXPECT_EQ(nvfp4[0], type({3, 144, 48}, i8));
  EXPECT_EQ(nvfp4[1], type({3, 256, 8}, e4m3));
  EXPECT_EQ(nvfp4[2], type({}, f32));

  // outer_major: columns first, rows padded.
  auto outerMajor =
      get({6, 256}, "fp8_1x128",
          getLayout(ScaleLayout::OuterMajor, NibbleOrder::None, 1, 1, 4))
          .getPhysicalTypes();
  EXPECT_EQ(outerMajor[1], type({2, 8}, f32));
}

TEST_F(PhysicalTypesTest, DynamicExtents) {
  auto row = get({kDynamic, kDynamic, 256}, "fp8_row").getPhysicalTypes();
  EXPECT_EQ(row[0].getShape(), ArrayRef<int64_t>({kDynamic, kDynamic, 256}));
  EXPECT_EQ(row[1].getShape(), ArrayRef<int64_t>({kDynamic, kDynamic, 1}));

  auto tiled = get({kDynamic, 96}, "mxfp8",
                   getLayout(ScaleLayout::Tiled128x4, NibbleOrder::None))
                   .getPhysicalTypes();
  EXPECT_EQ(tiled[0].getShape(), ArrayRef<int64_t>({kDynamic, 96}));
  EXPECT_EQ(tiled[1].getShape(), ArrayRef<int64_t>({kDynamic, 4}));

  auto dynamicK = get({4, kDynamic}, "fp8").getPhysicalTypes();
  EXPECT_EQ(dynamicK[0].getShape(), ArrayRef<int64_t>({4, kDynamic}));
  EXPECT_EQ(dynamicK[1].getRank(), 0);
}

} // namespace
