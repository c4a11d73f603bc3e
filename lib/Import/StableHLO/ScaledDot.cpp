//===- ScaledDot.cpp - Block-scaled products -----------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Data and scales become one quantized operand each; what their types say about
// the scheme is all there is to say.  The product's dequantization is exact in
// any type that a program names for it, and its sum is f32 here.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::qmm;

namespace {
/// One side of the product.
struct Side {
  StringRef name;
  Value data, scale; // no scale: wide
  ArrayRef<int64_t> batch, contracting;
};
} // namespace

/// The order [batch..., own, contracting].
static SmallVector<int64_t> getOrder(const Side &side, int64_t rank) {
  SmallVector<int64_t> order(side.batch);
  llvm::append_range(
      order, DotDimensions::getFree(rank, side.batch, side.contracting));
  llvm::append_range(order, side.contracting);
  return order;
}

/// The extent of one block along K.
static FailureOr<int64_t> getBlockSize(Operation *op, const Side &side,
                                       RankedTensorType data,
                                       RankedTensorType scale,
                                       std::optional<int64_t> given) {
  SmallVector<int64_t> expected(data.getShape());
  int64_t k = expected.back(), columns = scale.getShape().back();
  expected.back() = columns;
  if (scale.getRank() != data.getRank() ||
      scale.getShape() != ArrayRef(expected))
    return op->emitOpError("has ")
           << side.name << " scales of type " << scale << " for " << data
           << ", expected its shape but for the last extent (padded scales "
              "aren't imported)";
  if (columns == 0 || (!given && k % columns != 0))
    return op->emitOpError("has ")
           << columns << " " << side.name << " scales along K = " << k
           << ", expected a number that divides it";
  int64_t block = given ? *given : k / columns;
  if (llvm::divideCeil(k, block) != uint64_t(columns))
    return op->emitOpError("has ")
           << columns << " " << side.name << " scales along K = " << k
           << " for blocks of " << block << ", expected "
           << llvm::divideCeil(k, block) << " (padded scales aren't imported)";
  return block;
}

/// The operand in the order of qmm.scaled_matmul; `tensorScale` is its factor,
/// if its scheme takes one.
static FailureOr<Value> createOperand(OpBuilder &builder, Operation *op,
                                      const Side &side, Type expressed,
                                      std::optional<int64_t> blockSize,
                                      function_ref<Value()> getTensorScale) {
  Location loc = op->getLoc();
  auto dataType = cast<RankedTensorType>(side.data.getType());
  Type element = dataType.getElementType();
  SmallVector<int64_t> order = getOrder(side, dataType.getRank());
  bool inOrder = isIdentityPermutation(order);
  if (!side.scale) {
    if (!isWideElementType(element))
      return op->emitOpError("has no ")
             << side.name << " scales for " << dataType
             << ", expected f32, bf16 or f16 elements";
    return createTranspose(builder, loc, side.data, order);
  }

  if (!dataType.hasStaticShape())
    return op->emitOpError("has a ") << side.name << " operand of type "
                                     << dataType << ", expected a static shape";
  if (!isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType>(element))
    return op->emitOpError("has ")
           << side.name << " scales for " << dataType
           << ", expected f8E4M3FN, f8E5M2 or f4E2M1FN elements";
  bool isFloat4 = isa<Float4E2M1FNType>(element);
  if (isFloat4 && !inOrder)
    return op->emitOpError("has a ")
           << side.name << " operand of type " << dataType
           << " whose contracting dimension isn't the last, expected it there: "
              "two codes of it share a byte";
  auto scaleType = dyn_cast<RankedTensorType>(side.scale.getType());
  if (!scaleType || scaleType.getRank() != dataType.getRank())
    return op->emitOpError("has ")
           << side.name << " scales of type " << side.scale.getType()
           << ", expected the rank of " << dataType;
  Type scaleElement = scaleType.getElementType();
  if (!isa<Float8E8M0FNUType, Float8E4M3FNType, Float32Type>(scaleElement))
    return op->emitOpError("has ")
           << side.name << " scales of type " << scaleType
           << ", expected f8E8M0FNU, f8E4M3FN or f32 elements";

  auto ordered = RankedTensorType::get(
      applyPermutation(dataType.getShape(), order), element);
  auto orderedScale = RankedTensorType::get(
      applyPermutation(scaleType.getShape(), order), scaleElement);
  FailureOr<int64_t> block =
      getBlockSize(op, side, ordered, orderedScale, blockSize);
  if (failed(block))
    return failure();
  auto emitError = [&] { return op->emitOpError(); };
  bool hasTensorScale = isFloat4 && isa<Float8E4M3FNType>(scaleElement);
  auto scheme = SchemeAttr::getChecked(emitError, builder.getContext(), element,
                                       /*blockOuter=*/int64_t(1), *block,
                                       scaleElement, hasTensorScale);
  if (!scheme)
    return failure();
  auto type = QuantizedTensorType::getChecked(
      emitError, builder.getContext(), ArrayRef<int64_t>(ordered.getShape()),
      expressed, scheme,
      LayoutAttr::getPlain(builder.getContext(), isFloat4 ? NibbleOrder::LoFirst
                                                          : NibbleOrder::None));
  if (!type)
    return failure();

  SmallVector<Value> components;
  components.push_back(createTranspose(builder, loc, side.data, order));
  components.push_back(createTranspose(builder, loc, side.scale, order));
  if (hasTensorScale)
    components.push_back(getTensorScale());
  return AssembleOp::create(builder, loc, type, components).getResult();
}

static Value createScalarConstant(OpBuilder &builder, Location loc,
                                  float value) {
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()),
                             value));
}

/// An elementwise generic of operands, of which scalars are broadcast.
static Value createMap(OpBuilder &builder, Location loc, RankedTensorType type,
                       ValueRange operands,
                       function_ref<Value(OpBuilder &, ValueRange)> create) {
  MLIRContext *context = builder.getContext();
  int64_t rank = type.getRank();
  SmallVector<AffineMap> maps;
  for (Value operand : operands) {
    bool isScalar = cast<RankedTensorType>(operand.getType()).getRank() == 0;
    maps.push_back(isScalar ? AffineMap::get(rank, 0, context)
                            : AffineMap::getMultiDimIdentityMap(rank, context));
  }
  maps.push_back(AffineMap::getMultiDimIdentityMap(rank, context));
  Value empty = createEmptyLike(builder, loc, type, operands.front());
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), operands, empty, maps,
             SmallVector<utils::IteratorType>(rank,
                                              utils::IteratorType::parallel),
             [&](OpBuilder &body, Location, ValueRange arguments) {
               linalg::YieldOp::create(body, loc,
                                       create(body, arguments.drop_back()));
             })
      .getResult(0);
}

Imported mlir::qmm::createScaledDot(OpBuilder &builder, Operation *op,
                                    const ScaledDot &dot) {
  Location loc = op->getLoc();
  if (op->getNumResults() != 1)
    return op->emitOpError("has ")
           << op->getNumResults() << " results, expected 1";
  for (Type type :
       {dot.lhs.getType(), dot.rhs.getType(), op->getResult(0).getType()})
    if (!isa<RankedTensorType>(type))
      return op->emitOpError("multiplies a value of type ")
             << type << ", expected ranked tensors";
  auto lhs = cast<RankedTensorType>(dot.lhs.getType());
  auto rhs = cast<RankedTensorType>(dot.rhs.getType());
  RankedTensorType result = getResultType(op);
  Type expressed = result.getElementType();
  if (!isWideElementType(expressed))
    return op->emitOpError("yields ")
           << result << ", expected f32, bf16 or f16 elements";
  const DotDimensions &dims = dot.dims;
  if (failed(verifyDotDimensions(op, dims, lhs, rhs, result)))
    return failure();
  auto isMatrix = [](int64_t rank, size_t numBatch, size_t numContracting) {
    return numContracting == 1 && rank == int64_t(numBatch) + 2;
  };
  if (!isMatrix(lhs.getRank(), dims.lhsBatch.size(),
                dims.lhsContracting.size()) ||
      !isMatrix(rhs.getRank(), dims.rhsBatch.size(),
                dims.rhsContracting.size()))
    return op->emitOpError("multiplies ")
           << lhs << " and " << rhs << " over " << dims.lhsContracting.size()
           << " contracting and " << dims.lhsBatch.size()
           << " batch dimensions, expected one contracting dimension and one "
              "more of each operand";
  if (Value scale = dot.globalScale) {
    auto type = dyn_cast<RankedTensorType>(scale.getType());
    if (!type || type.getRank() != 0 ||
        !isWideElementType(type.getElementType()))
      return op->emitOpError("has a global scale of type ")
             << scale.getType() << ", expected a scalar of the result's type";
  }

  // The first operand with a tensor scale takes the global one.
  Value global = dot.globalScale;
  auto getTensorScale = [&] {
    if (!global)
      return createScalarConstant(builder, loc, 1);
    auto type = RankedTensorType::get({}, builder.getF32Type());
    Value scale = global;
    if (global.getType() != type)
      scale = createMap(builder, loc, type, global,
                        [&](OpBuilder &body, ValueRange arguments) {
                          return convertScalar(body, loc, arguments[0],
                                               body.getF32Type());
                        });
    global = Value();
    return scale;
  };
  FailureOr<Value> a = createOperand(
      builder, op,
      {"left", dot.lhs, dot.lhsScale, dims.lhsBatch, dims.lhsContracting},
      expressed, dot.blockSize, getTensorScale);
  if (failed(a))
    return failure();
  FailureOr<Value> b = createOperand(
      builder, op,
      {"right", dot.rhs, dot.rhsScale, dims.rhsBatch, dims.rhsContracting},
      expressed, dot.blockSize, getTensorScale);
  if (failed(b))
    return failure();
  auto product = ScaledMatmulOp::create(
      builder, loc, TypeRange{result}, *a, *b, /*bias=*/Value(),
      /*residual=*/Value(), /*out_scale=*/Value(), /*alpha=*/Value(),
      Activation::None, /*a_precision=*/TypeAttr(), /*b_precision=*/TypeAttr());
  Value value = product.getResult();
  if (dot.globalScale && !global && !expressed.isF32()) {
    std::string note;
    llvm::raw_string_ostream(note)
        << "product rounded to " << expressed << " before the global scale";
    product->setAttr(QMMDialect::kNotesAttr,
                     builder.getStrArrayAttr({StringRef(note)}));
  }
  if (global)
    value = createMap(
        builder, loc, result, {value, global},
        [&](OpBuilder &body, ValueRange arguments) -> Value {
          Value factor = convertScalar(body, loc, arguments[1], expressed);
          return arith::MulFOp::create(body, loc, arguments[0], factor);
        });
  return SmallVector<Value>{value};
}
