//===- SchemeTest.cpp - Attributes, conversions and builders --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What text can't reach: conversions to the runtime's structs, verification of
// attributes built in C++, and builders that infer result types.
//
//===----------------------------------------------------------------------===//
#include "qmm/IR/QMM.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::qmm;

namespace {

class SchemeTest : public ::testing::Test {
protected:
  SchemeTest() : builder(&context), loc(builder.getUnknownLoc()) {
    context.loadDialect<QMMDialect>();
    module = ModuleOp::create(loc);
    builder.setInsertionPointToEnd(module->getBody());
  }

  /// A value of any type.
  Value getValue(Type type) {
    return UnrealizedConversionCastOp::create(builder, loc, type, ValueRange{})
        .getResult(0);
  }

  MLIRContext context;
  OpBuilder builder;
  Location loc;
  OwningOpRef<ModuleOp> module;
};

TEST_F(SchemeTest, PresetsRoundTripThroughTheRuntime) {
  for (StringRef name :
       {"fp8", "fp8_e5m2", "fp8_row", "fp8_1x128", "fp8_128x128", "mxfp8",
        "mxfp8_e5m2", "mxfp4", "nvfp4", "int8", "int8_row", "int8_128x128"}) {
    SchemeAttr scheme = SchemeAttr::getPreset(&context, name);
    ASSERT_TRUE(scheme) << name.str();
    EXPECT_EQ(scheme.getName(), name);
    EXPECT_EQ(SchemeAttr::get(&context, scheme.toRuntime()), scheme);
    // The message of an unknown scheme names them all.
    EXPECT_TRUE(StringRef(", " + getPresetNames() + ",")
                    .contains((", " + name + ",").str()));
  }
  for (StringRef name : {"", "f32", "bf16", "f16", "fp9", "FP8"})
    EXPECT_FALSE(SchemeAttr::getPreset(&context, name)) << name.str();
}

TEST_F(SchemeTest, LayoutsRoundTripThroughTheRuntime) {
  auto layout = LayoutAttr::get(&context, ScaleLayout::OuterMajor,
                                NibbleOrder::HiFirst, 16, 32, 4);
  EXPECT_EQ(LayoutAttr::get(&context, layout.toRuntime()), layout);
  // All zeros is the runtime's plain layout.
  EXPECT_EQ(LayoutAttr::get(&context, qmm_layout{}),
            LayoutAttr::getPlain(&context));
}

TEST_F(SchemeTest, TypesRoundTripThroughTheRuntime) {
  for (qmm_dtype dtype :
       {QMM_DTYPE_F32, QMM_DTYPE_BF16, QMM_DTYPE_F16, QMM_DTYPE_E4M3,
        QMM_DTYPE_E5M2, QMM_DTYPE_E2M1, QMM_DTYPE_E8M0, QMM_DTYPE_I8,
        QMM_DTYPE_I16, QMM_DTYPE_I32, QMM_DTYPE_I64, QMM_DTYPE_F64,
        QMM_DTYPE_BOOL})
    EXPECT_EQ(getRuntimeDType(getBuiltinType(&context, dtype)), dtype);
  EXPECT_EQ(getRuntimeDType(builder.getIndexType()), QMM_DTYPE_NONE);
  EXPECT_FALSE(getBuiltinType(&context, QMM_DTYPE_NONE));
}

TEST_F(SchemeTest, BadSchemesAreRefused) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto check = [&](Type element, Type scale, int64_t block) {
    message.clear();
    auto emitError = [&] { return mlir::emitError(loc); };
    return SchemeAttr::getChecked(emitError, &context, element, block, block,
                                  scale, false);
  };
  Type f32 = builder.getF32Type(), i8 = builder.getI8Type();
  EXPECT_TRUE(check(i8, f32, 0));
  EXPECT_FALSE(check(f32, f32, 0));
  EXPECT_EQ(message, "scheme has element type 'f32', expected f8E4M3FN, "
                     "f8E5M2, f4E2M1FN or i8");
  EXPECT_FALSE(check(builder.getIntegerType(8, /*isSigned=*/false), f32, 0));
  EXPECT_FALSE(check(i8, i8, 0));
  EXPECT_FALSE(check(i8, f32, -1));
  EXPECT_EQ(message, "scheme has blocks of -1 x -1, expected positive extents, "
                     "or * for a whole dimension");
  EXPECT_FALSE(check(i8, Type(), 0));
}

TEST_F(SchemeTest, BuildersInferResultTypes) {
  auto scheme = SchemeAttr::getPreset(&context, "fp8");
  auto plain = LayoutAttr::getPlain(&context);
  auto get = [&](ArrayRef<int64_t> shape, LayoutAttr layout) {
    return QuantizedTensorType::get(shape, builder.getBF16Type(), scheme,
                                    layout);
  };
  constexpr int64_t kDynamic = ShapedType::kDynamic;
  Value x = getValue(get({2, kDynamic, 64}, plain));
  Value w = getValue(get({32, 64}, plain));

  EXPECT_EQ(SliceOp::create(builder, loc, x, {1, 0, 16}, {1, -1, 32}).getType(),
            get({1, kDynamic, 32}, plain));
  EXPECT_EQ(TransposeOp::create(builder, loc, x, {2, 0, 1}).getType(),
            get({64, 2, kDynamic}, plain));
  EXPECT_EQ(PadOp::create(builder, loc, x, {6, 0, 64}).getType(),
            get({8, kDynamic, 128}, plain));
  auto padded = LayoutAttr::get(&context, ScaleLayout::Linear,
                                NibbleOrder::None, 16, 16, 1);
  EXPECT_EQ(RelayoutOp::create(builder, loc, w, padded).getType(),
            get({32, 64}, padded));
  auto parts = DisassembleOp::create(builder, loc, w);
  EXPECT_EQ(parts.getNumResults(), 2u);
  auto xType = cast<ShapedType>(x.getType()),
       wType = cast<ShapedType>(w.getType());
  auto wide =
      ScaledMatmulOp::inferResultType(xType, wType, builder.getF32Type());
  EXPECT_EQ(wide,
            RankedTensorType::get({2, kDynamic, 32}, builder.getF32Type()));
  EXPECT_EQ(ScaledMatmulOp::inferResultType(xType, wType, builder.getBF16Type(),
                                            scheme, plain),
            get({2, kDynamic, 32}, plain));
  EXPECT_TRUE(succeeded(verify(*module)));
}

TEST_F(SchemeTest, PhysicalBuildersAndGroups) {
  auto w = QuantizedTensorType::get(
      {32, 64}, builder.getBF16Type(), SchemeAttr::getPreset(&context, "nvfp4"),
      LayoutAttr::getPlain(&context, NibbleOrder::LoFirst));
  auto d = QuantizedTensorType::get({8, 32}, builder.getBF16Type(),
                                    SchemeAttr::getPreset(&context, "mxfp8"),
                                    LayoutAttr::getPlain(&context));
  Type x = RankedTensorType::get({8, 64}, builder.getBF16Type());
  Type bias = RankedTensorType::get({32}, builder.getF32Type());
  Type amax = RankedTensorType::get({}, builder.getF32Type());

  SmallVector<Type> inputTypes{x, w, bias}, outputTypes{d, amax};
  auto getBuffers = [&](ArrayRef<Type> types) {
    SmallVector<Value> buffers;
    for (Type type : types)
      for (Type buffer : getBufferTypes(type))
        buffers.push_back(getValue(buffer));
    return buffers;
  };
  SmallVector<Value> inputs = getBuffers(inputTypes);
  SmallVector<Value> outputs = getBuffers(outputTypes);
  auto op = PhysScaledMatmulOp::create(
      builder, loc, inputs, outputs, inputTypes, outputTypes,
      {builder.getNamedAttr("has_bias", builder.getUnitAttr()),
       builder.getNamedAttr("has_amax", builder.getUnitAttr())});
  EXPECT_TRUE(succeeded(verify(*module)));
  EXPECT_EQ(op.getInputType(1), w);
  EXPECT_EQ(op.getNumResults(), 3u);
  auto expectGroup = [](OperandRange group, ArrayRef<Value> expected) {
    EXPECT_EQ(SmallVector<Value>(group), SmallVector<Value>(expected));
  };
  ArrayRef<Value> in(inputs), out(outputs);
  expectGroup(op.getInputGroup(0), in.take_front(1));
  expectGroup(op.getInputGroup(1), in.slice(1, 3));
  expectGroup(op.getInputGroup(2), in.take_back(1));
  expectGroup(op.getOutputGroup(0), out.take_front(2));
  expectGroup(op.getOutputGroup(1), out.take_back(1));
}

} // namespace
