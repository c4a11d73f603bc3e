//===- Bytes.cpp - Unsigned bytes that stand for 8-bit floats -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Frameworks without an E8M0 type keep scales in ui8 tensors and cast them
// where they are used.  Such a tensor gets the type that it is cast to, so that
// no byte is copied and no other op meets an unsigned integer.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::qmm;

static bool isBytes(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isUnsignedInteger(8);
}

static bool isByteFloat(Type type) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
  return element && element.getWidth() == 8;
}

static bool isCast(Operation *op) {
  return op->getName().getStringRef() == "stablehlo.bitcast_convert" &&
         op->getNumOperands() == 1 && op->getNumResults() == 1;
}

/// An op that yields the elements of its one operand, moved.
static bool isMovement(Operation *op) {
  return op->getName().getDialectNamespace() == "stablehlo" &&
         llvm::is_contained(
             {"broadcast_in_dim", "reshape", "reverse", "slice", "transpose"},
             getOpName(op)) &&
         op->getNumOperands() == 1 && op->getNumResults() == 1;
}

static DenseElementsAttr getConstant(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getName().getStringRef() != "stablehlo.constant" ||
      op->getNumResults() != 1)
    return {};
  auto attribute = op->getAttrOfType<DenseElementsAttr>("value");
  return attribute && attribute.getType() == value.getType()
             ? attribute
             : DenseElementsAttr();
}

/// All that `root`, an argument or a constant, is moved to; nullopt if it has a
/// use but casts to one type, which becomes `element`.
static std::optional<llvm::SetVector<Value>> getMoved(Value root,
                                                      Type &element) {
  llvm::SetVector<Value> values;
  values.insert(root);
  for (size_t i = 0; i < values.size(); ++i)
    for (Operation *user : values[i].getUsers()) {
      if (user->getNumResults() != 1)
        return std::nullopt;
      Type type = getElementTypeOrSelf(user->getResult(0).getType());
      if (isMovement(user) && isBytes(user->getResult(0).getType()))
        values.insert(user->getResult(0));
      else if (isCast(user) && isByteFloat(type) &&
               (!element || element == type))
        element = type;
      else
        return std::nullopt;
    }
  return element ? std::optional(std::move(values)) : std::nullopt;
}

/// Returns how many casts are gone.
static unsigned retype(Value root) {
  Type element;
  std::optional<llvm::SetVector<Value>> values = getMoved(root, element);
  if (!values)
    return 0;
  if (DenseElementsAttr constant = getConstant(root))
    root.getDefiningOp()->setAttr("value", constant.bitcast(element));
  for (Value value : *values)
    value.setType(cast<RankedTensorType>(value.getType()).clone(element));
  unsigned count = 0;
  for (Value value : *values)
    for (Operation *user : llvm::make_early_inc_range(value.getUsers()))
      // One to another shape is an error of its handler.
      if (isCast(user) && user->getResult(0).getType() == value.getType()) {
        user->getResult(0).replaceAllUsesWith(value);
        user->erase();
        ++count;
      }
  return count;
}

unsigned mlir::qmm::retypeBytes(ModuleOp module) {
  SmallVector<Value> constants;
  SmallVector<func::FuncOp> functions;
  llvm::DenseSet<StringAttr> named;
  module.walk([&](Operation *op) {
    op->getAttrDictionary().walk(
        [&](SymbolRefAttr symbol) { named.insert(symbol.getLeafReference()); });
    if (auto function = dyn_cast<func::FuncOp>(op))
      functions.push_back(function);
    else if (op->getNumResults() == 1 && isBytes(op->getResult(0).getType()) &&
             getConstant(op->getResult(0)))
      constants.push_back(op->getResult(0));
  });
  unsigned count = 0;
  for (Value constant : constants)
    count += retype(constant);
  for (func::FuncOp function : functions) {
    // Callers would have to agree.
    if (function.isExternal() || named.contains(function.getSymNameAttr()))
      continue;
    for (BlockArgument argument : function.getArguments())
      if (isBytes(argument.getType()))
        count += retype(argument);
    function.setType(FunctionType::get(module.getContext(),
                                       function.getBody().getArgumentTypes(),
                                       function.getResultTypes()));
  }
  return count;
}
