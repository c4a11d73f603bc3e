//===- HoistConstants.cpp - What depends on parameters only runs once ----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On values, not on buffers: here equal computations of two functions are
// still easily found to be one.
//
//===----------------------------------------------------------------------===//

#include "qmm/Plan/Layers.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/CSE.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_HOISTCONSTANTS
#include "qmm/Transforms/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

/// Values of up to this many bytes are kept whatever they are made of.
static constexpr int64_t kSmallBytes = 4096;

/// Bytes of a tensor of static shape; nullopt for any other type.
static std::optional<int64_t> getBytes(Type type) {
  if (auto quantized = dyn_cast<QuantizedTensorType>(type)) {
    int64_t sum = 0;
    for (RankedTensorType part : quantized.getPhysicalTypes()) {
      std::optional<int64_t> bytes = getBytes(part);
      if (!bytes)
        return std::nullopt;
      sum += *bytes;
    }
    return sum;
  }
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape() ||
      !tensor.getElementType().isIntOrFloat())
    return std::nullopt;
  return llvm::divideCeil(
      tensor.getNumElements() * tensor.getElementTypeBitWidth(), 8);
}

/// Another name for the same bytes: no work.
static bool isFree(Operation *op) {
  return isa<AssembleOp, DisassembleOp, tensor::ExpandShapeOp,
             tensor::CollapseShapeOp, tensor::CastOp>(op);
}

static bool isPacked(ParameterOp op) { return op.getScope() == kPackedScope; }

namespace {
/// The ops of one block that depend on parameters and constants only, and those
/// of them that don't have to run in the block.
class Hoisting {
public:
  explicit Hoisting(Block &block) : block(block) {
    findConstants();
    findNeeded();
  }

  /// Values computed by ops that leave the block, and used by those that stay.
  ArrayRef<Value> getHoisted() const { return hoisted.getArrayRef(); }

private:
  using Sources = llvm::SmallSetVector<Operation *, 4>;

  void findConstants();
  void findNeeded();
  bool isWorthIt(Operation *op) const;

  Block &block;
  /// Constant ops and the parameters that they depend on.
  llvm::DenseMap<Operation *, Sources> constants;
  llvm::SetVector<Value> hoisted;
};
} // namespace

void Hoisting::findConstants() {
  for (Operation &op : block) {
    if (auto parameter = dyn_cast<ParameterOp>(op)) {
      if (!isPacked(parameter))
        constants[&op].insert(&op);
      continue;
    }
    if (!isMemoryEffectFree(&op) || op.getNumResults() == 0)
      continue;
    Sources sources;
    bool isConstant = llvm::all_of(getUsedValues(&op), [&](Value operand) {
      auto it = constants.find(operand.getDefiningOp());
      if (!operand.getDefiningOp() || it == constants.end())
        return false;
      sources.insert(it->second.begin(), it->second.end());
      return true;
    });
    if (isConstant)
      constants[&op] = std::move(sources);
  }
}

/// Is it work, on parameters, whose results take no more memory than they do?
bool Hoisting::isWorthIt(Operation *op) const {
  const Sources &sources = constants.find(op)->second;
  if (sources.empty() || isFree(op) || isa<ParameterOp>(op))
    return false;
  int64_t before = 0, after = 0;
  for (Operation *source : sources)
    before += getBytes(source->getResult(0).getType()).value_or(0);
  for (Type type : op->getResultTypes()) {
    std::optional<int64_t> bytes = getBytes(type);
    if (!bytes)
      return false;
    after += *bytes;
  }
  return after <= std::max(before, kSmallBytes);
}

void Hoisting::findNeeded() {
  llvm::DenseSet<Operation *> needed;
  for (Operation &op : llvm::reverse(block)) {
    bool isConstant = constants.contains(&op);
    bool isUsed = llvm::any_of(op.getUsers(), [&](Operation *user) {
      Operation *ancestor = block.findAncestorOpInBlock(*user);
      return ancestor && needed.contains(ancestor);
    });
    if (isConstant && !isUsed)
      continue;
    if (!isConstant || !isWorthIt(&op)) {
      needed.insert(&op);
      continue;
    }
    for (Value result : op.getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return needed.contains(block.findAncestorOpInBlock(*user));
          }))
        hoisted.insert(result);
  }
}

/// Clones what `value` is computed by, in front of the builder.
static void cloneInto(OpBuilder &builder, Value value, IRMapping &mapping) {
  if (mapping.contains(value))
    return;
  // Post-order without recursion: chains may be long.
  SmallVector<std::pair<Operation *, bool>> stack{
      {value.getDefiningOp(), false}};
  while (!stack.empty()) {
    auto [op, isReady] = stack.pop_back_val();
    if (mapping.contains(op->getResult(0)))
      continue;
    if (isReady) {
      builder.clone(*op, mapping);
      continue;
    }
    stack.emplace_back(op, true);
    for (Value operand : getUsedValues(op))
      stack.emplace_back(operand.getDefiningOp(), false);
  }
}

/// The function that computes packed values, made when there is none.
static FailureOr<func::FuncOp> getInit(ModuleOp module) {
  if (Operation *found = module.lookupSymbol(kInitFunction)) {
    auto init = dyn_cast<func::FuncOp>(found);
    if (init && init.getNumArguments() == 0 && !init.isExternal() &&
        init.getFunctionBody().hasOneBlock())
      return init;
    found->emitOpError("has the name of the function that runs when a program "
                       "is loaded, which takes no arguments and has one block");
    return failure();
  }
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto init = func::FuncOp::create(builder, module.getLoc(), kInitFunction,
                                   builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(init.addEntryBlock());
  func::ReturnOp::create(builder, module.getLoc());
  return init;
}

LogicalResult mlir::qmm::hoistConstants(ModuleOp module) {
  // What each entry needs, first: there may be nothing.
  SmallVector<std::pair<func::FuncOp, Hoisting>> found;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal() || function.getName() == kInitFunction ||
        !function.getFunctionBody().hasOneBlock())
      continue;
    Hoisting hoisting(function.getFunctionBody().front());
    if (!hoisting.getHoisted().empty())
      found.emplace_back(function, std::move(hoisting));
  }
  if (found.empty())
    return success();
  FailureOr<func::FuncOp> init = getInit(module);
  if (failed(init))
    return failure();

  // Every value, in parts where it is quantized, is a result of init.
  Operation *terminator = init->getFunctionBody().front().getTerminator();
  OpBuilder builder(terminator);
  unsigned first = terminator->getNumOperands();
  SmallVector<Value> results(terminator->getOperands());
  for (auto &[function, hoisting] : found) {
    IRMapping mapping;
    for (Value value : hoisting.getHoisted()) {
      cloneInto(builder, value, mapping);
      Value copy = mapping.lookup(value);
      if (isa<QuantizedTensorType>(copy.getType()))
        llvm::append_range(results,
                           DisassembleOp::create(builder, copy.getLoc(), copy)
                               .getComponents());
      else
        results.push_back(copy);
    }
  }
  terminator->setOperands(results);
  IRRewriter rewriter(module.getContext());
  DominanceInfo dominance(*init);
  eliminateCommonSubExpressions(rewriter, dominance, *init);

  // Equal ones are kept once; earlier runs' places are in use.
  llvm::DenseMap<Value, unsigned> places;
  SmallVector<unsigned> placeOf;
  results.clear();
  for (auto [i, result] : llvm::enumerate(terminator->getOperands())) {
    auto [it, isNew] = places.try_emplace(result, results.size());
    placeOf.push_back(it->second);
    if (isNew || i < first)
      results.push_back(result);
  }
  terminator->setOperands(results);
  init->setFunctionType(
      builder.getFunctionType({}, ValueRange(results).getTypes()));

  unsigned next = first;
  for (auto &[function, hoisting] : found) {
    for (Value value : hoisting.getHoisted()) {
      builder.setInsertionPointAfterValue(value);
      auto read = [&](Type type) -> Value {
        return ParameterOp::create(
            builder, value.getLoc(), type,
            builder.getStringAttr(kPackedScope + "::" + Twine(placeOf[next++])),
            /*digest=*/nullptr);
      };
      Value packed;
      if (auto type = dyn_cast<QuantizedTensorType>(value.getType())) {
        SmallVector<Value> parts;
        for (RankedTensorType part : type.getPhysicalTypes())
          parts.push_back(read(part));
        packed = AssembleOp::create(builder, value.getLoc(), type, parts);
      } else {
        packed = read(value.getType());
      }
      rewriter.replaceAllUsesWith(value, packed);
    }
    // What only they were made of.
    Block &block = function.getFunctionBody().front();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op))
        rewriter.eraseOp(&op);
  }
  return success();
}

namespace {
struct HoistConstants : qmm::impl::HoistConstantsBase<HoistConstants> {
  void runOnOperation() override {
    if (failed(hoistConstants(getOperation())))
      signalPassFailure();
  }
};
} // namespace
