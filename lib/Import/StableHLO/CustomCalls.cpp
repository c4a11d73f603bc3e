//===- CustomCalls.cpp - Custom calls and composites ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Known by the name of what they call.  A composite that isn't known is what it
// is composed of.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace mlir::qmm;

/// Targets that say where a value is, not what it is.
static bool isAnnotation(StringRef target) {
  return llvm::is_contained({"Sharding", "SPMDFullToShardShape",
                             "SPMDShardToFullShape", "LayoutConstraint",
                             "annotate_device_placement", "MoveToHost",
                             "MoveToDevice"},
                            target);
}

/// A, B, scale of A [, scale of B [, global scale]].
static Imported importBlockScaledDot(OpBuilder &builder, Operation *op) {
  unsigned count = op->getNumOperands();
  if (count < 3 || count > 5)
    return op->emitOpError("calls '__op$block_scaled_dot' with ")
           << count << " operands, expected 3 to 5";
  auto getRank = [&](unsigned index) -> int64_t {
    auto type = dyn_cast<RankedTensorType>(op->getOperand(index).getType());
    return type ? type.getRank() : 0;
  };
  FailureOr<ScaledDotConfig> config =
      readScaledDotConfig(op, getRank(0), getRank(1));
  if (failed(config))
    return failure();
  ScaledDot dot;
  dot.lhs = op->getOperand(0);
  dot.rhs = op->getOperand(1);
  dot.lhsScale = op->getOperand(2);
  if (count > 3)
    dot.rhsScale = op->getOperand(3);
  if (count > 4)
    dot.globalScale = op->getOperand(4);
  dot.dims = config->dims;
  dot.blockSize = config->blockSize;
  return createScaledDot(builder, op, dot);
}

static Imported importCustomCall(OpBuilder &builder, Operation *op) {
  auto target = dyn_cast_or_null<StringAttr>(op->getAttr("call_target_name"));
  if (!target)
    return op->emitOpError("lacks attribute 'call_target_name', a string");
  if (target.getValue() == "__op$block_scaled_dot")
    return importBlockScaledDot(builder, op);
  if (isElementwise(op))
    return importElementwise(builder, op);
  if (!isAnnotation(target.getValue()))
    return op->emitOpError("calls '")
           << target.getValue()
           << "', which isn't among the calls that are imported";
  if (op->getOperandTypes() != op->getResultTypes())
    return op->emitOpError("calls '")
           << target.getValue()
           << "' with results of other types than its operands, expected the "
              "same";
  return llvm::to_vector_of<Value>(op->getOperands());
}

//===----------------------------------------------------------------------===//
// Composites
//===----------------------------------------------------------------------===//

/// [[[lhs contracting], [rhs contracting]], [[lhs batch], [rhs batch]]]
static std::optional<DotDimensions> getDotDimensions(Attribute attribute) {
  DotDimensions dims;
  SmallVector<int64_t> *lists[2][2] = {
      {&dims.lhsContracting, &dims.rhsContracting},
      {&dims.lhsBatch, &dims.rhsBatch}};
  auto outer = dyn_cast_or_null<ArrayAttr>(attribute);
  if (!outer || outer.size() != 2)
    return std::nullopt;
  for (unsigned i : {0, 1}) {
    auto pair = dyn_cast<ArrayAttr>(outer[i]);
    if (!pair || pair.size() != 2)
      return std::nullopt;
    for (unsigned j : {0, 1}) {
      auto list = dyn_cast<ArrayAttr>(pair[j]);
      if (!list)
        return std::nullopt;
      for (Attribute element : list) {
        auto integer = dyn_cast<IntegerAttr>(element);
        if (!integer || integer.getValue().getSignificantBits() > 64)
          return std::nullopt;
        lists[i][j]->push_back(integer.getValue().getSExtValue());
      }
    }
  }
  return dims;
}

/// A wide operand has an operand for its scale too, which says nothing.
static Value getScale(Value operand, Value scale) {
  Type type = getElementTypeOrSelf(operand.getType());
  return isWideElementType(type) ? Value() : scale;
}

static Imported importScaledDot(OpBuilder &builder, Operation *op) {
  auto attributes =
      dyn_cast_or_null<DictionaryAttr>(op->getAttr("composite_attributes"));
  std::optional<DotDimensions> dims = getDotDimensions(
      attributes ? attributes.get("dimension_numbers") : Attribute());
  if (!dims)
    return op->emitOpError("attribute 'composite_attributes' is ")
           << attributes
           << ", expected dimension_numbers = [[[lhs contracting], [rhs "
              "contracting]], [[lhs batch], [rhs batch]]]";
  if (op->getNumOperands() != 4)
    return op->emitOpError("composes 'xla.scaled_dot' of ")
           << op->getNumOperands() << " operands, expected 4";
  ScaledDot dot;
  dot.lhs = op->getOperand(0);
  dot.rhs = op->getOperand(1);
  dot.lhsScale = getScale(dot.lhs, op->getOperand(2));
  dot.rhsScale = getScale(dot.rhs, op->getOperand(3));
  dot.dims = *dims;
  return createScaledDot(builder, op, dot);
}

static Imported importComposite(OpBuilder &builder, Operation *op) {
  auto name = dyn_cast_or_null<StringAttr>(op->getAttr("name"));
  if (!name)
    return op->emitOpError("lacks attribute 'name', a string");
  if (name.getValue() == "xla.scaled_dot")
    return importScaledDot(builder, op);
  auto symbol =
      dyn_cast_or_null<FlatSymbolRefAttr>(op->getAttr("decomposition"));
  auto function =
      symbol ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, symbol)
             : func::FuncOp();
  if (!function)
    return op->emitOpError("composes '")
           << name.getValue()
           << "', which isn't known, and its decomposition isn't a function";
  if (function.getFunctionType() != FunctionType::get(op->getContext(),
                                                      op->getOperandTypes(),
                                                      op->getResultTypes()))
    return op->emitOpError("has a decomposition of type ")
           << function.getFunctionType()
           << ", expected the composite's operands and results";
  auto call =
      func::CallOp::create(builder, op->getLoc(), function, op->getOperands());
  return llvm::to_vector_of<Value>(call.getResults());
}

void mlir::qmm::addCustomCallHandlers(ImportTable &table) {
  table["composite"] = importComposite;
  table["custom_call"] = importCustomCall;
}
