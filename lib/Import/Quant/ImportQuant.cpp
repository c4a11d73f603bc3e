//===- ImportQuant.cpp - The quant dialect to arithmetic on codes ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plain walk, because upstream's folders take a dequantize of a quantize for
// nothing: any driver that folds would drop the rounding in silence.
//
//===----------------------------------------------------------------------===//

#include "qmm/Import/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AttrTypeSubElements.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_IMPORTQUANT
#include "qmm/Import/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;
using namespace mlir::quant;

//===----------------------------------------------------------------------===//
// What is taken
//===----------------------------------------------------------------------===//

namespace {
/// Scales and zero points of a quantized type: one pair, or an array of them
/// and how the indices of an element lead to its own.
struct QuantParameters {
  SmallVector<double> scales;
  SmallVector<int64_t> zeroPoints;
  SmallVector<int64_t> shape; // empty: one pair

  bool isAffine() const {
    return llvm::any_of(zeroPoints, [](int64_t point) { return point != 0; });
  }
};
} // namespace

/// `type` is of one of the three uniform families.
static QuantParameters getParameters(QuantizedType type) {
  QuantParameters parameters;
  if (auto uniform = dyn_cast<UniformQuantizedType>(type)) {
    parameters.scales.push_back(uniform.getScale());
    parameters.zeroPoints.push_back(uniform.getZeroPoint());
  } else if (auto perAxis = dyn_cast<UniformQuantizedPerAxisType>(type)) {
    llvm::append_range(parameters.scales, perAxis.getScales());
    llvm::append_range(parameters.zeroPoints, perAxis.getZeroPoints());
    parameters.shape.push_back(perAxis.getScales().size());
  } else {
    auto blocks = cast<UniformQuantizedSubChannelType>(type);
    for (const APFloat &scale : blocks.getScales().getValues<APFloat>())
      parameters.scales.push_back(scale.convertToDouble());
    for (const APInt &point : blocks.getZeroPoints().getValues<APInt>())
      parameters.zeroPoints.push_back(point.getSExtValue());
    llvm::append_range(parameters.shape,
                       blocks.getScales().getType().getShape());
  }
  return parameters;
}

static QuantizedType getQuantizedType(Type type) {
  return dyn_cast<QuantizedType>(getElementTypeOrSelf(type));
}

static LogicalResult checkQuantizedType(Operation *op, QuantizedType type) {
  auto error = [&] {
    return op->emitOpError("has quantized type ") << Type(type);
  };
  if (!isa<UniformQuantizedType, UniformQuantizedPerAxisType,
           UniformQuantizedSubChannelType>(type))
    return error() << ", expected !quant.uniform";
  if (!type.isSigned() || !type.getStorageType().isSignlessInteger(8))
    return error() << " with " << (type.isSigned() ? "" : "unsigned ")
                   << "storage " << type.getStorageType()
                   << ", expected signed i8";
  if (!isa<Float32Type, BFloat16Type, Float16Type>(type.getExpressedType()))
    return error() << " that expresses " << type.getExpressedType()
                   << ", expected f32, bf16 or f16";
  for (int64_t point : getParameters(type).zeroPoints)
    if (!llvm::isInt<8>(point))
      return error() << " with zero point " << point
                     << ", expected a value of its storage i8";
  return success();
}

/// All quantized types of `type`, of a value or a function; `found` becomes one
/// of them.
static LogicalResult checkType(Operation *op, Type type, Type &found) {
  if (auto function = dyn_cast<FunctionType>(type)) {
    for (TypeRange types : {function.getInputs(), function.getResults()})
      for (Type part : types)
        if (failed(checkType(op, part, found)))
          return failure();
    return success();
  }
  QuantizedType quantized = getQuantizedType(type);
  if (!quantized)
    return success();
  found = quantized;
  if (!isa<QuantizedType, RankedTensorType>(type))
    return op->emitOpError("has a value of type ")
           << type << ", expected a scalar or a ranked tensor";
  return checkQuantizedType(op, quantized);
}

/// Does `op` leave the elements of its quantized values where they are?  A
/// yield does: it is the op around it that places them.
static bool keepsPlaces(Operation *op) {
  return isa<func::FuncDialect, scf::SCFDialect, cf::ControlFlowDialect,
             QuantDialect>(op->getDialect()) ||
         isa<tensor::CastOp, tensor::DimOp, tensor::EmptyOp, tensor::YieldOp,
             linalg::YieldOp, arith::SelectOp>(op);
}

/// Ops that move elements without a look at them; what else the body of a
/// linalg.generic does to them is up to the ops in it.
static bool movesElements(Operation *op) {
  return (isa_and_nonnull<tensor::TensorDialect>(op->getDialect()) &&
          !isa<tensor::BitcastOp>(op)) ||
         isa<linalg::GenericOp, linalg::TransposeOp, linalg::BroadcastOp,
             linalg::CopyOp, linalg::FillOp>(op);
}

/// The scales of blocks are found by dividing indices, and so the extent has to
/// be that of the blocks.
static LogicalResult checkBlocks(Operation *op, Type type) {
  auto blocks =
      dyn_cast<UniformQuantizedSubChannelType>(getElementTypeOrSelf(type));
  if (!blocks)
    return success();
  for (int32_t axis : blocks.getQuantizedDimensions())
    if (cast<RankedTensorType>(type).isDynamicDim(axis))
      return op->emitOpError("has a value of type ")
             << type << ", whose axis " << axis
             << " is in blocks and of dynamic extent, expected a static one";
  return success();
}

/// Is `op` one that takes quantized values, and of types that are known?
static LogicalResult checkOp(Operation *op, Type &found) {
  SmallVector<Type> types(op->getOperandTypes());
  llvm::append_range(types, op->getResultTypes());
  for (Region &region : op->getRegions())
    for (Block &block : region)
      llvm::append_range(types, block.getArgumentTypes());
  if (auto function = dyn_cast<FunctionOpInterface>(op))
    types.push_back(function.getFunctionType());
  for (Type type : types)
    if (failed(checkType(op, type, found)))
      return failure();
  if (!found)
    return success();

  if (op->getDialect() && keepsPlaces(op)) {
    for (Type type : types)
      if (isa<QuantizeCastOp, DequantizeCastOp>(op) &&
          failed(checkBlocks(op, type)))
        return failure();
    return success();
  }
  if (!movesElements(op))
    return op->emitOpError("has a value of quantized type ")
           << found
           << ", expected casts of the quant dialect around it, or an op that "
              "only moves elements";
  for (Type type : types)
    if (QuantizedType quantized = getQuantizedType(type);
        quantized && !isa<UniformQuantizedType>(quantized))
      return op->emitOpError("moves elements of quantized type ")
             << Type(quantized)
             << ", whose scales belong to places, expected one scale";
  return success();
}

//===----------------------------------------------------------------------===//
// Casts
//===----------------------------------------------------------------------===//

namespace {
/// Builds what one quantize or dequantize computes.
class CastBuilder {
public:
  CastBuilder(Operation *op, QuantizedType type)
      : builder(op), loc(op->getLoc()), type(type),
        parameters(getParameters(type)), isQuantize(isa<QuantizeCastOp>(op)),
        compute(isQuantize ? builder.getF32Type()
                           : cast<FloatType>(type.getExpressedType())) {}

  Value build(Value input);

private:
  Value buildTensor(Value input);
  /// The codes or values of one element.
  Value buildElement(OpBuilder &body, Value element, Value scale,
                     Value zeroPoint);
  AffineMap getMap(int64_t rank);
  APFloat convert(double value, FloatType format);
  Value constant(OpBuilder &at, double value) {
    return arith::ConstantOp::create(
        at, loc, builder.getFloatAttr(compute, convert(value, compute)));
  }
  Value constantTensor(ArrayRef<double> values);

  OpBuilder builder;
  Location loc;
  QuantizedType type;
  QuantParameters parameters;
  bool isQuantize;
  FloatType compute;
};
} // namespace

APFloat CastBuilder::convert(double value, FloatType format) {
  // A scale is one of the expressed type, so that both casts have the same.
  APFloat converted(value);
  bool losesInfo;
  for (FloatType next : {cast<FloatType>(type.getExpressedType()), format})
    converted.convert(next.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                      &losesInfo);
  return converted;
}

Value CastBuilder::constantTensor(ArrayRef<double> values) {
  SmallVector<APFloat> converted;
  for (double value : values)
    converted.push_back(convert(value, compute));
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(RankedTensorType::get(parameters.shape, compute),
                             converted));
}

/// From the indices of an element to those of its scale.
AffineMap CastBuilder::getMap(int64_t rank) {
  if (auto perAxis = dyn_cast<UniformQuantizedPerAxisType>(type))
    return AffineMap::get(
        rank, 0, builder.getAffineDimExpr(perAxis.getQuantizedDimension()));
  auto blocks = cast<UniformQuantizedSubChannelType>(type);
  SmallVector<AffineExpr> indices(rank, builder.getAffineConstantExpr(0));
  for (auto [axis, block] : blocks.getBlockSizeInfo())
    if (parameters.shape[axis] != 1)
      indices[axis] = builder.getAffineDimExpr(axis).floorDiv(block);
  return AffineMap::get(rank, 0, indices, builder.getContext());
}

Value CastBuilder::buildElement(OpBuilder &body, Value element, Value scale,
                                Value zeroPoint) {
  if (!isQuantize) {
    Value value = arith::SIToFPOp::create(body, loc, compute, element);
    if (zeroPoint)
      value = arith::SubFOp::create(body, loc, value, zeroPoint);
    return arith::MulFOp::create(body, loc, value, scale);
  }
  Value value = element;
  if (value.getType() != compute)
    value = arith::ExtFOp::create(body, loc, compute, value);
  value = arith::DivFOp::create(body, loc, value, scale);
  value = math::RoundEvenOp::create(body, loc, value);
  if (zeroPoint)
    value = arith::AddFOp::create(body, loc, value, zeroPoint);
  else
    zeroPoint = constant(body, 0);
  // A conversion of NaN to an integer has no defined result.
  Value isNaN =
      arith::CmpFOp::create(body, loc, arith::CmpFPredicate::UNO, value, value);
  value = arith::SelectOp::create(body, loc, isNaN, zeroPoint, value);
  value = arith::MaximumFOp::create(body, loc, value,
                                    constant(body, type.getStorageTypeMin()));
  value = arith::MinimumFOp::create(body, loc, value,
                                    constant(body, type.getStorageTypeMax()));
  return arith::FPToSIOp::create(body, loc, type.getStorageType(), value);
}

Value CastBuilder::buildTensor(Value input) {
  auto inputType = cast<RankedTensorType>(input.getType());
  int64_t rank = inputType.getRank();
  SmallVector<Value> inputs{input};
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  SmallVector<AffineMap> maps{identity};
  if (!parameters.shape.empty()) {
    AffineMap map = getMap(rank);
    inputs.push_back(constantTensor(parameters.scales));
    maps.push_back(map);
    if (parameters.isAffine()) {
      inputs.push_back(constantTensor(SmallVector<double>(
          parameters.zeroPoints.begin(), parameters.zeroPoints.end())));
      maps.push_back(map);
    }
  }
  maps.push_back(identity);
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, input),
      isQuantize ? type.getStorageType() : type.getExpressedType());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{empty.getType()}, inputs, empty, maps, iterators,
      [&](OpBuilder &body, Location, ValueRange arguments) {
        bool isShared = parameters.shape.empty();
        Value scale =
            isShared ? constant(body, parameters.scales[0]) : arguments[1];
        Value zeroPoint;
        if (parameters.isAffine())
          zeroPoint = isShared ? constant(body, parameters.zeroPoints[0])
                               : arguments[2];
        linalg::YieldOp::create(
            body, loc, buildElement(body, arguments[0], scale, zeroPoint));
      });
  return generic.getResult(0);
}

Value CastBuilder::build(Value input) {
  if (isa<RankedTensorType>(input.getType()))
    return buildTensor(input);
  Value zeroPoint;
  if (parameters.isAffine())
    zeroPoint = constant(builder, parameters.zeroPoints[0]);
  return buildElement(builder, input, constant(builder, parameters.scales[0]),
                      zeroPoint);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

FailureOr<unsigned> mlir::qmm::importQuant(ModuleOp module) {
  struct Cast {
    Operation *op;
    QuantizedType type;
  };
  SmallVector<Cast> casts;
  bool ok = true;
  unsigned numOps = 0;
  module.walk([&](Operation *op) {
    Type found;
    ok &= succeeded(checkOp(op, found));
    numOps += found != Type();
    if (!isa<QuantizeCastOp, DequantizeCastOp, StorageCastOp>(op))
      return;
    QuantizedType type = getQuantizedType(op->getOperand(0).getType());
    casts.push_back(
        {op, type ? type : getQuantizedType(op->getResult(0).getType())});
  });
  if (!ok)
    return failure();
  if (numOps == 0)
    return 0u;

  // Types first: then a cast's operand is codes already, whatever it is of.
  AttrTypeReplacer replacer;
  replacer.addReplacement(
      [](QuantizedType type) -> Type { return type.getStorageType(); });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
  for (Cast cast : casts) {
    Value input = cast.op->getOperand(0);
    Value result = isa<StorageCastOp>(cast.op)
                       ? input
                       : CastBuilder(cast.op, cast.type).build(input);
    cast.op->getResult(0).replaceAllUsesWith(result);
    cast.op->erase();
  }
  return numOps;
}

namespace {
struct ImportQuant : qmm::impl::ImportQuantBase<ImportQuant> {
  void runOnOperation() override {
    FailureOr<unsigned> imported = importQuant(getOperation());
    if (failed(imported))
      return signalPassFailure();
    numImported += *imported;
    if (*imported == 0)
      markAllAnalysesPreserved();
  }
};
} // namespace
