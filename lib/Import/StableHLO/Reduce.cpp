//===- Reduce.cpp - Reductions -------------------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One linalg.generic over all dimensions, whose body is the op's own, one
// element at a time.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::qmm;

/// Constants and elementwise ops on scalars, and a return of one scalar per
/// result.
static LogicalResult verifyBody(Operation *op, Block &block) {
  unsigned count = op->getNumResults();
  if (block.getNumArguments() != 2 * count)
    return op->emitOpError("has a body of ")
           << block.getNumArguments() << " arguments, expected " << 2 * count;
  for (auto [i, argument] : llvm::enumerate(block.getArguments())) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    Type element = getResultType(op, i % count).getElementType();
    if (!type || type.getRank() != 0 || type.getElementType() != element)
      return op->emitOpError("has a body with an argument of type ")
             << argument.getType() << ", expected tensor<" << element << ">";
  }
  for (Operation &inner : block) {
    bool isReturn = getOpName(&inner) == "return";
    if (inner.getNumRegions() != 0 || (&inner == &block.back()) != isReturn)
      return op->emitOpError("has a body with '")
             << inner.getName()
             << "', expected elementwise ops and one return at its end";
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != &block)
        return inner.emitOpError("uses a value from outside of the body, "
                                 "expected its arguments");
    for (Type type :
         llvm::concat<const Type>(llvm::to_vector(inner.getOperandTypes()),
                                  llvm::to_vector(inner.getResultTypes())))
      if (auto tensor = dyn_cast<RankedTensorType>(type);
          !tensor || tensor.getRank() != 0)
        return inner.emitOpError("has a value of type ")
               << type << " in the body of a reduction, expected a scalar";
    if (isReturn) {
      for (auto [i, operand] : llvm::enumerate(inner.getOperands()))
        if (i >= count || operand.getType() != block.getArgument(i).getType())
          return inner.emitOpError("returns other types than the reduction's");
      if (inner.getNumOperands() != count)
        return inner.emitOpError("returns ")
               << inner.getNumOperands() << " values, expected " << count;
      continue;
    }
    DenseElementsAttr value;
    if (getOpName(&inner) == "constant" && inner.getNumResults() == 1 &&
        (value = dyn_cast_or_null<DenseElementsAttr>(inner.getAttr("value"))) &&
        value.getType() == inner.getResult(0).getType())
      continue;
    if (!isElementwise(&inner))
      return op->emitOpError("has a body with '")
             << inner.getName() << "', expected elementwise ops and constants";
    if (failed(verifySignature(&inner, -1)) ||
        failed(verifyElementwise(&inner)))
      return failure();
  }
  return success();
}

/// The body's ops on `accumulators` and `elements`.
static SmallVector<Value> createBody(OpBuilder &builder, Block &block,
                                     ValueRange elements,
                                     ValueRange accumulators) {
  IRMapping map;
  unsigned count = elements.size();
  for (unsigned i = 0; i < count; ++i) {
    map.map(block.getArgument(i), accumulators[i]);
    map.map(block.getArgument(count + i), elements[i]);
  }
  SmallVector<Value> values;
  for (Operation &inner : block) {
    SmallVector<Value> operands;
    for (Value operand : inner.getOperands())
      operands.push_back(map.lookup(operand));
    if (&inner == &block.back())
      return operands;
    if (inner.getNumOperands() == 0) {
      auto value = cast<DenseElementsAttr>(inner.getAttr("value"));
      map.map(inner.getResult(0),
              arith::ConstantOp::create(builder, inner.getLoc(),
                                        value.getSplatValue<TypedAttr>()));
      continue;
    }
    map.map(inner.getResult(0), createScalar(builder, &inner, operands));
  }
  return values;
}

static Imported importReduce(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, -1, -1)))
    return failure();
  unsigned count = op->getNumResults();
  if (count == 0 || op->getNumOperands() != 2 * count)
    return op->emitOpError("has ")
           << op->getNumOperands() << " operands and " << count
           << " results, expected a tensor and an initial value for each";
  if (op->getNumRegions() != 1 || !op->getRegion(0).hasOneBlock() ||
      op->getRegion(0).front().empty())
    return op->emitOpError("has no body");
  RankedTensorType first = getOperandType(op, 0);
  FailureOr<SmallVector<int64_t>> dims = readIntegers(op, "dimensions");
  if (failed(dims))
    return failure();
  int64_t rank = first.getRank();
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  for (int64_t dim : *dims) {
    if (dim < 0 || dim >= rank ||
        iterators[dim] == utils::IteratorType::reduction)
      return op->emitOpError("reduces dimension ")
             << dim << " of " << first << ", expected each of 0 to " << rank - 1
             << " at most once";
    iterators[dim] = utils::IteratorType::reduction;
  }
  SmallVector<AffineExpr> kept;
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (iterators[dim] == utils::IteratorType::parallel) {
      kept.push_back(builder.getAffineDimExpr(dim));
      shape.push_back(first.getDimSize(dim));
    }
  for (unsigned i = 0; i < count; ++i) {
    RankedTensorType input = getOperandType(op, i);
    RankedTensorType init = getOperandType(op, count + i);
    RankedTensorType result = getResultType(op, i);
    if (failed(verifyShape(op, "operand " + std::to_string(i), input.getShape(),
                           first.getShape())) ||
        failed(verifyShape(op, "operand " + std::to_string(count + i),
                           init.getShape(), {})) ||
        failed(verifyShape(op, "result " + std::to_string(i), result.getShape(),
                           shape)))
      return failure();
    if (input.getElementType() != result.getElementType() ||
        init.getElementType() != result.getElementType())
      return op->emitOpError("reduces ")
             << input << " from " << init << " to " << result
             << ", expected one element type";
    if (!result.hasStaticShape())
      return op->emitOpError("yields ")
             << result << ", expected a static shape";
  }
  Block &block = op->getRegion(0).front();
  if (failed(verifyBody(op, block)))
    return failure();

  Location loc = op->getLoc();
  MLIRContext *context = builder.getContext();
  ValueRange inputs = op->getOperands().take_front(count);
  SmallVector<Value> inits;
  for (unsigned i = 0; i < count; ++i)
    inits.push_back(createSplat(builder, loc, getResultType(op, i),
                                op->getOperand(count + i), Value()));
  SmallVector<AffineMap> maps(count,
                              AffineMap::getMultiDimIdentityMap(rank, context));
  maps.append(count, AffineMap::get(rank, 0, kept, context));
  auto generic = linalg::GenericOp::create(
      builder, loc, op->getResultTypes(), inputs, inits, maps, iterators,
      [&](OpBuilder &body, Location, ValueRange arguments) {
        linalg::YieldOp::create(body, loc,
                                createBody(body, block,
                                           arguments.take_front(count),
                                           arguments.drop_front(count)));
      });
  return llvm::to_vector_of<Value>(generic.getResults());
}

void mlir::qmm::addReduceHandlers(ImportTable &table) {
  table["reduce"] = importReduce;
}
