//===- QMMOps.cpp - Verifiers of the logical ops --------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The constraints of QMMOps.td in its order and numbering.  Ops on shapes are
// in QMMShapes.cpp, folders in QMMCanonicalization.cpp.
//
//===----------------------------------------------------------------------===//
#include "Verify.h"
#include "qmm/IR/QMM.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::qmm;

/// `custom<FullType>`: a type as it is spelled anywhere else.
static ParseResult parseFullType(OpAsmParser &parser, Type &type) {
  return parser.parseType(type);
}
static void printFullType(OpAsmPrinter &printer, Operation *, Type type) {
  printer << type;
}

#define GET_OP_CLASSES
#include "qmm/IR/QMMOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Shared by logical and physical ops
//===----------------------------------------------------------------------===//

LogicalResult qmm::verifySameShape(Operation *op, StringRef lhsName,
                                   ShapedType lhs, StringRef rhsName,
                                   ShapedType rhs) {
  if (succeeded(verifyCompatibleShape(lhs.getShape(), rhs.getShape())))
    return success();
  return op->emitOpError() << rhsName << " is " << rhs
                           << ", expected the shape of " << lhsName << ", "
                           << lhs;
}

LogicalResult qmm::verifyQuantize(Operation *op, const QuantizeSpec &spec) {
  SchemeAttr scheme = spec.result.getScheme();
  if (failed(verifySameShape(op, "the input", spec.input, "the result",
                             spec.result)))
    return failure();
  if (spec.input.getElementType() != spec.result.getExpressed())
    return op->emitOpError()
           << "the input's element type is " << spec.input.getElementType()
           << ", expected the result's expressed type, "
           << spec.result.getExpressed();
  if (spec.tensorScaleGiven && !scheme.getTensorScale())
    return op->emitOpError()
           << "a tensor scale is given, expected none: scheme "
           << scheme.getName() << " has no tensor scale";
  if (spec.scaleGiven && scheme.getTensorScale() && !spec.tensorScaleGiven)
    return op->emitOpError() << "the block scales are given without a tensor "
                                "scale, expected one: "
                                "scheme "
                             << scheme.getName() << " has a tensor scale";
  if (spec.precision && !isWideElementType(*spec.precision))
    return op->emitOpError() << "precision is " << *spec.precision
                             << ", expected f32, bf16 or f16";
  if (spec.rounding != E8M0Rounding::Ceil) {
    if (!isa<Float8E8M0FNUType>(scheme.getScale()))
      return op->emitOpError()
             << "e8m0_rounding is " << stringifyE8M0Rounding(spec.rounding)
             << ", expected ceil: the scales of scheme " << scheme.getName()
             << " are " << scheme.getScale();
    if (spec.scaleGiven)
      return op->emitOpError()
             << "e8m0_rounding is " << stringifyE8M0Rounding(spec.rounding)
             << ", expected ceil: the scales are given";
  }
  if (spec.scalePrecisionInput && (spec.scaleGiven || spec.tensorScaleGiven))
    return op->emitOpError() << "scale_precision_input is set and a scale is "
                                "given, expected computed scales";
  return success();
}

LogicalResult qmm::verifyRelayout(Operation *op, QuantizedTensorType input,
                                  QuantizedTensorType result) {
  if (input.withLayout(result.getLayout()) == result)
    return success();
  return op->emitOpError() << "the result is " << result << ", expected "
                           << input << " in another layout";
}

bool qmm::needsOutScale(Type result) {
  auto quantized = dyn_cast<QuantizedTensorType>(result);
  return quantized && (quantized.getScheme().hasWholeBlocks() ||
                       quantized.getScheme().getTensorScale());
}

/// Constraint 5: what a quantized result may be.
static LogicalResult verifyQuantizedResult(Operation *op,
                                           QuantizedTensorType result,
                                           bool outScaleGiven) {
  SchemeAttr scheme = result.getScheme();
  if (needsOutScale(result)) {
    if (!outScaleGiven)
      return op->emitOpError()
             << "the result is " << result
             << " and no out_scale is given, expected its "
             << (scheme.getTensorScale() ? "tensor scale" : "scale");
  } else {
    if (outScaleGiven)
      return op->emitOpError()
             << "out_scale is given, expected none: every scale of the result, "
             << result << ", is computed";
    if (scheme.getScale().isF32())
      return op->emitOpError()
             << "the result is " << result
             << ", expected a scheme of one scale, or of E8M0 or E4M3 scales";
  }
  if (result.getLayout().isPadded())
    return op->emitOpError() << "the result is " << result
                             << ", expected a layout without padding";
  return success();
}

bool qmm::isRawTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor &&
         (tensor.getElementType().isInteger(8) ||
          isa<Float8E4M3FNType, Float8E5M2Type>(tensor.getElementType()));
}

/// Constraint 7 of qmm.scaled_matmul.
static LogicalResult verifyRawOperands(Operation *op,
                                       const ScaledMatmulSpec &spec) {
  auto isInteger = [](ShapedType type) {
    return type.getElementType().isInteger();
  };
  bool aRaw = isRawTensor(spec.a), bRaw = isRawTensor(spec.b);
  if (aRaw != bRaw || (aRaw && isInteger(spec.a) != isInteger(spec.b)))
    return op->emitOpError()
           << "a is " << spec.a << " and b is " << spec.b
           << ", expected both or neither to be raw codes, of integers or of "
              "floats";
  bool isExact = aRaw && isInteger(spec.a);
  if (isInteger(spec.result) != isExact)
    return op->emitOpError()
           << "the result is " << spec.result
           << ", expected i32 exactly where both operands are tensors of i8";
  if (isExact && (spec.bias || spec.residual || spec.alphaGiven ||
                  spec.activation != Activation::None))
    return op->emitOpError() << "the result is the exact sum, " << spec.result
                             << ", expected no epilogue";
  return success();
}

/// Constraint 8 of qmm.scaled_matmul.
static LogicalResult verifyPrecision(Operation *op, StringRef name,
                                     ShapedType operand,
                                     std::optional<Type> precision) {
  if (!precision)
    return success();
  if (!isWideElementType(*precision))
    return op->emitOpError() << name << "_precision is " << *precision
                             << ", expected f32, bf16 or f16";
  if (!isa<QuantizedTensorType>(operand))
    return op->emitOpError()
           << name << "_precision is given, expected none: " << name << " is "
           << operand << ", which has no scales";
  return success();
}

LogicalResult qmm::verifyScaledMatmul(Operation *op,
                                      const ScaledMatmulSpec &spec) {
  ShapedType a = spec.a, b = spec.b;
  if (a.getRank() < 2)
    return op->emitOpError() << "a is " << a << ", expected at least 2 "
                             << "dimensions";
  if (b.getRank() != 2 && b.getRank() != a.getRank())
    return op->emitOpError()
           << "b is " << b << ", expected rank 2 or a's rank, " << a.getRank();
  auto agree = [](int64_t x, int64_t y) {
    return x == y || ShapedType::isDynamic(x) || ShapedType::isDynamic(y);
  };
  if (!agree(a.getShape().back(), b.getShape().back()))
    return op->emitOpError() << "a is " << a << " and b is " << b
                             << ", expected the same last extent, K";
  if (b.getRank() != 2 &&
      failed(verifyCompatibleShape(a.getShape().drop_back(2),
                                   b.getShape().drop_back(2))))
    return op->emitOpError() << "a is " << a << " and b is " << b
                             << ", expected the same batch dimensions";

  SmallVector<int64_t> shape = ScaledMatmulOp::inferResultShape(a, b);
  auto expected = RankedTensorType::get(shape, spec.result.getElementType());
  if (failed(verifyCompatibleShape(shape, spec.result.getShape())))
    return op->emitOpError() << "the result is " << spec.result
                             << ", expected the shape of " << expected;
  int64_t n = shape.back();
  if (spec.bias &&
      (spec.bias.getRank() != 1 || !agree(spec.bias.getDimSize(0), n)))
    return op->emitOpError() << "bias is " << spec.bias
                             << ", expected rank 1 of N, the second-to-last "
                                "extent of b, "
                             << b;
  if (spec.residual && failed(verifySameShape(op, "the result", spec.result,
                                              "residual", spec.residual)))
    return failure();

  if (auto quantized = dyn_cast<QuantizedTensorType>(spec.result)) {
    if (failed(verifyQuantizedResult(op, quantized, spec.outScaleGiven)))
      return failure();
  } else if (spec.outScaleGiven) {
    return op->emitOpError()
           << "out_scale is given, expected none: the result, " << spec.result
           << ", is wide";
  }

  if (failed(verifyRawOperands(op, spec)) ||
      failed(verifyPrecision(op, "a", a, spec.aPrecision)) ||
      failed(verifyPrecision(op, "b", b, spec.bPrecision)))
    return failure();

  auto aQuantized = dyn_cast<QuantizedTensorType>(a);
  auto bQuantized = dyn_cast<QuantizedTensorType>(b);
  if (aQuantized && bQuantized && aQuantized.getScheme().isFloat4() &&
      bQuantized.getScheme().isFloat4()) {
    NibbleOrder aOrder = aQuantized.getLayout().getNibbles();
    NibbleOrder bOrder = bQuantized.getLayout().getNibbles();
    if (aOrder != bOrder)
      return op->emitOpError()
             << "a's nibble order is " << stringifyNibbleOrder(aOrder)
             << " and b's is " << stringifyNibbleOrder(bOrder)
             << ", expected the same (qmm.relayout swaps them)";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Values from files, and between the type and its parts
//===----------------------------------------------------------------------===//

LogicalResult ParameterOp::verify() {
  if (getScope().empty() || getName().empty() || !getKey().contains("::"))
    return emitOpError() << "key is \"" << getKey()
                         << "\", expected scope::name, both non-empty";
  return success();
}

LogicalResult AssembleOp::verify() {
  auto physical = getResult().getType().getPhysicalTypes();
  if (getComponents().size() != physical.size())
    return emitOpError() << "has " << getComponents().size()
                         << " components, expected " << physical.size()
                         << " for " << getResult().getType();
  for (auto [index, component, expected] :
       llvm::enumerate(getComponents().getTypes(), physical)) {
    auto type = cast<RankedTensorType>(component);
    if (index == 0 && isFloat4Tensor(type) &&
        getResult().getType().getLayout().getNibbles() == NibbleOrder::LoFirst)
      if (RankedTensorType packed = getPackedFloat4Type(type))
        type = packed;
    if (!areCompatible(type, expected))
      return emitOpError() << "component " << index << " is " << component
                           << ", expected " << expected << " for "
                           << getResult().getType();
  }
  return success();
}

LogicalResult DisassembleOp::verify() {
  auto physical = getInput().getType().getPhysicalTypes();
  if (getComponents().size() != physical.size())
    return emitOpError() << "has " << getComponents().size()
                         << " results, expected " << physical.size() << " for "
                         << getInput().getType();
  for (auto [index, component, expected] :
       llvm::enumerate(getComponents().getTypes(), physical))
    if (component != expected)
      return emitOpError() << "result " << index << " is " << component
                           << ", expected " << expected << " for "
                           << getInput().getType();
  return success();
}

void DisassembleOp::build(OpBuilder &builder, OperationState &state,
                          Value input) {
  auto physical = cast<QuantizedTensorType>(input.getType()).getPhysicalTypes();
  build(builder, state, SmallVector<Type>(physical.begin(), physical.end()),
        input);
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

LogicalResult QuantizeOp::verify() {
  QuantizedTensorType result = getResult().getType();
  QuantizeSpec spec{getInput().getType(),    result,         bool(getScale()),
                    bool(getTensorScale()),  getPrecision(), getE8m0Rounding(),
                    getScalePrecisionInput()};
  if (failed(verifyQuantize(*this, spec)))
    return failure();
  RankedTensorType scaleType = result.getPhysicalTypes()[1];
  if (getScale() &&
      !areCompatible(cast<ShapedType>(getScale().getType()), scaleType))
    return emitOpError() << "scale is " << getScale().getType() << ", expected "
                         << scaleType << " for " << result;
  return success();
}

LogicalResult DequantizeOp::verify() {
  return verifySameShape(*this, "the input", getInput().getType(), "the result",
                         getResult().getType());
}

LogicalResult RelayoutOp::verify() {
  return verifyRelayout(*this, getInput().getType(), getResult().getType());
}

QuantizedTensorType RelayoutOp::inferResultType(QuantizedTensorType input,
                                                LayoutAttr layout) {
  return input.withLayout(layout);
}

void RelayoutOp::build(OpBuilder &builder, OperationState &state, Value input,
                       LayoutAttr layout) {
  build(builder, state,
        inferResultType(cast<QuantizedTensorType>(input.getType()), layout),
        input);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static ShapedType getTypeOrNull(Value value) {
  return value ? cast<ShapedType>(value.getType()) : ShapedType();
}

LogicalResult ScaledMatmulOp::verify() {
  return verifyScaledMatmul(
      *this,
      {cast<ShapedType>(getA().getType()), cast<ShapedType>(getB().getType()),
       cast<ShapedType>(getResult().getType()), getTypeOrNull(getBias()),
       getTypeOrNull(getResidual()), bool(getOutScale()), bool(getAlpha()),
       getActivation(), getAPrecision(), getBPrecision()});
}

SmallVector<int64_t> ScaledMatmulOp::inferResultShape(ShapedType a,
                                                      ShapedType b) {
  SmallVector<int64_t> shape(a.getShape().drop_back());
  shape.push_back(b.getDimSize(b.getRank() - 2));
  return shape;
}

RankedTensorType ScaledMatmulOp::inferResultType(ShapedType a, ShapedType b,
                                                 Type elementType) {
  return RankedTensorType::get(inferResultShape(a, b), elementType);
}

QuantizedTensorType ScaledMatmulOp::inferResultType(ShapedType a, ShapedType b,
                                                    Type expressed,
                                                    SchemeAttr scheme,
                                                    LayoutAttr layout) {
  return QuantizedTensorType::get(inferResultShape(a, b), expressed, scheme,
                                  layout);
}

LogicalResult LinearOp::verify() {
  auto input = getInput().getType();
  auto weight = cast<ShapedType>(getWeight().getType());
  auto result = getResult().getType();
  auto agree = [](int64_t x, int64_t y) {
    return x == y || ShapedType::isDynamic(x) || ShapedType::isDynamic(y);
  };
  if (input.getRank() < 1)
    return emitOpError() << "the input is " << input
                         << ", expected at least 1 dimension";
  if (weight.getRank() != 2)
    return emitOpError() << "the weight is " << weight
                         << ", expected rank 2, N x K";
  if (!agree(input.getShape().back(), weight.getDimSize(1)))
    return emitOpError() << "the input is " << input << " and the weight is "
                         << weight << ", expected the same last extent, K";
  SmallVector<int64_t> shape(input.getShape().drop_back());
  shape.push_back(weight.getDimSize(0));
  if (failed(verifyCompatibleShape(shape, result.getShape())))
    return emitOpError() << "the result is " << result
                         << ", expected the shape of "
                         << RankedTensorType::get(shape,
                                                  result.getElementType());
  auto isVectorOf = [&](Value value, int64_t extent) {
    auto type = cast<ShapedType>(value.getType());
    return type.getRank() == 1 && agree(type.getDimSize(0), extent);
  };
  if (getBias() && !isVectorOf(getBias(), weight.getDimSize(0)))
    return emitOpError() << "bias is " << getBias().getType()
                         << ", expected rank 1 of N, the first extent of the "
                            "weight, "
                         << weight;
  if (getPreQuantScale() &&
      !isVectorOf(getPreQuantScale(), weight.getDimSize(1)))
    return emitOpError() << "pre_quant_scale is "
                         << getPreQuantScale().getType()
                         << ", expected rank 1 of K, the last extent of the "
                            "weight, "
                         << weight;
  return success();
}
