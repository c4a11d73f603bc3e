//===- Elementwise.cpp - Elementwise ops on tensors ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every elementwise op is one linalg.generic around what ScalarOps.cpp computes
// of one element; a scalar predicate or bound is an operand of rank 0, since a
// program can't read data to decide anything.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::qmm;

/// May operand `index` be of rank 0 where the others aren't?
static bool mayBeScalar(Operation *op, unsigned index) {
  StringRef name = getOpName(op);
  return (name == "select" && index == 0) || (name == "clamp" && index != 1);
}

Imported mlir::qmm::importElementwise(OpBuilder &builder, Operation *op) {
  if (failed(verifySignature(op, -1)) || failed(verifyElementwise(op)))
    return failure();
  RankedTensorType type = getResultType(op);
  unsigned rank = type.getRank();
  MLIRContext *context = builder.getContext();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank, context);
  SmallVector<AffineMap> maps;
  Value like;
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i) {
    RankedTensorType operand = getOperandType(op, i);
    if (operand.getRank() == 0 && mayBeScalar(op, i)) {
      maps.push_back(AffineMap::get(rank, 0, context));
      continue;
    }
    if (failed(verifyShape(op, "operand " + std::to_string(i),
                           operand.getShape(), type.getShape())))
      return failure();
    maps.push_back(identity);
    like = op->getOperand(i);
  }
  maps.push_back(identity);
  Location loc = op->getLoc();
  Value empty = createEmptyLike(builder, loc, type, like);
  auto generic = linalg::GenericOp::create(
      builder, loc, empty.getType(), op->getOperands(), empty, maps,
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](OpBuilder &body, Location, ValueRange arguments) {
        Value value = createScalar(body, op, arguments.drop_back());
        linalg::YieldOp::create(body, loc, value);
      });
  return SmallVector<Value>{generic.getResult(0)};
}

void mlir::qmm::addElementwiseHandlers(ImportTable &table) {
  for (StringRef name : getElementwiseNames())
    table[name] = importElementwise;
}
