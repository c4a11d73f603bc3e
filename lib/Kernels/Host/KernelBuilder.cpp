//===- KernelBuilder.cpp - One host kernel under construction -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See KernelBuilder.h.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "BufferOverlap.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "qmm/Kernels/Host/Passes.h"

using namespace mlir;
using namespace mlir::qmm;

KernelBuilder::KernelBuilder(Operation *first, ModuleOp kernels,
                             const MemberSet &members,
                             const MemberSet &inserted)
    : first(first), kernels(kernels), members(members), inserted(inserted),
      body(first->getContext()) {
  Location loc = first->getLoc();
  func = func::FuncOp::create(loc, "kernel",
                              FunctionType::get(first->getContext(), {}, {}));
  Block *entry = new Block;
  func->getBody().push_back(entry);
  Type index = body.getIndexType();
  entry->addArguments({index, index}, {loc, loc});
  body.setInsertionPointToEnd(entry);
}

KernelBuilder::~KernelBuilder() = default;

Value KernelBuilder::addBuffer(Value buffer) {
  BlockArgument argument = func->getBody().front().insertArgument(
      buffers.size(), buffer.getType(), buffer.getLoc());
  buffers.push_back(buffer);
  map.map(buffer, argument);
  return argument;
}

Value KernelBuilder::addInteger(Value integer) {
  BlockArgument argument = func->getBody().front().insertArgument(
      buffers.size() + integers.size(), integer.getType(), integer.getLoc());
  integers.push_back(integer);
  map.map(integer, argument);
  return argument;
}

/// The value in the kernel.  `user` is who needs it, for messages.
FailureOr<Value> KernelBuilder::materialize(Value value, Operation *user) {
  if (Value known = map.lookupOrNull(value))
    return known;
  if (isa<BaseMemRefType>(value.getType()))
    return materializeMemRef(value, user);
  Operation *producer = value.getDefiningOp();
  bool isConstant = producer && producer->hasTrait<OpTrait::ConstantLike>();
  if (value.getType().isIndex() && !isConstant &&
      !(producer && members.contains(producer)))
    return addInteger(value);
  return repeat(value, user);
}

FailureOr<Value> KernelBuilder::materializeMemRef(Value value,
                                                  Operation *user) {
  Operation *producer = value.getDefiningOp();
  if (producer && locals.contains(producer)) {
    Value local = memref::AllocaOp::create(
        body, producer->getLoc(), cast<MemRefType>(value.getType()),
        ValueRange(), body.getI64IntegerAttr(64));
    map.map(value, local);
    return local;
  }
  if (producer && (isRepeatedView(producer) || members.contains(producer) ||
                   isa<memref::GetGlobalOp>(producer)))
    return repeat(value, user);
  auto type = dyn_cast<MemRefType>(value.getType());
  if (!type || !type.getLayout().isIdentity())
    return user->emitOpError("uses a buffer of type ")
           << value.getType()
           << ": a host kernel takes buffers of known rank and identity layout";
  return addBuffer(value);
}

/// Is the value that `producer` computes in the function still what it would
/// compute at the start of the kernel?
LogicalResult KernelBuilder::checkRepeatable(Operation *producer,
                                             Operation *user) {
  auto refuse = [&](const Twine &why) {
    InFlightDiagnostic diag = user->emitOpError("needs the result of '")
                              << producer->getName()
                              << "', which can't be passed to a host kernel "
                                 "and can't be computed there: "
                              << why;
    diag.attachNote(producer->getLoc()) << "computed here";
    return failure();
  };
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects =
      getEffectsRecursively(producer);
  if (!effects)
    return refuse("its effects are unknown");
  for (const MemoryEffects::EffectInstance &effect : *effects) {
    if (!isa<MemoryEffects::Read>(effect.getEffect()) || !effect.getValue())
      return refuse("it doesn't only read");
    auto writes = [&](Operation *op) {
      return !inserted.contains(op) && mayWrite(op, effect.getValue());
    };
    Operation *op = producer->getNextNode();
    while (op && op != first && !writes(op))
      op = op->getNextNode();
    if (op && op != first)
      return refuse("'" + op->getName().getStringRef() +
                    "' may write what it reads");
    // Ranges of a linalg op run at the same time, and one could write before
    // another reads: such an op isn't split.
    if (op && isa<linalg::LinalgOp>(op) && writes(op))
      sequential = true;
  }
  return success();
}

FailureOr<Value> KernelBuilder::repeat(Value value, Operation *user) {
  Operation *producer = value.getDefiningOp();
  if (!producer || producer->getBlock() != first->getBlock())
    return user->emitOpError("uses a function argument of type ")
           << value.getType() << ": a program passes buffers and index values";
  auto getGlobal = dyn_cast<memref::GetGlobalOp>(producer);
  if (!getGlobal && failed(checkRepeatable(producer, user)))
    return failure();
  FailureOr<Operation *> copy = clone(producer);
  if (failed(copy))
    return failure();
  if (getGlobal) {
    FailureOr<memref::GlobalOp> global = cloneGlobal(getGlobal);
    if (failed(global))
      return failure();
    cast<memref::GetGlobalOp>(*copy).setName(global->getSymName());
  }
  return map.lookup(value);
}

FailureOr<memref::GlobalOp> KernelBuilder::cloneGlobal(memref::GetGlobalOp op) {
  auto global = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(
      op, op.getNameAttr());
  if (!global || !global.getConstant() || !global.getInitialValue())
    return op.emitOpError("names a global that isn't constant: ")
           << op.getName() << "; a host kernel keeps no state";
  for (auto known : kernels.getOps<memref::GlobalOp>())
    if (known.getInitialValue() == global.getInitialValue() &&
        known.getType() == global.getType())
      return known;
  auto copy = cast<memref::GlobalOp>(global->clone());
  SymbolTable(kernels).insert(copy);
  return copy;
}

FailureOr<Operation *> KernelBuilder::clone(Operation *op) {
  SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value value : used)
    if (failed(materialize(value, op)))
      return failure();
  return body.clone(*op, map);
}

/// How many leading loops are one loop over contiguous memory for all operands.
static unsigned getCollapsibleLoops(linalg::LinalgOp op) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  unsigned count = 0;
  while (count < iterators.size() &&
         linalg::isParallelIterator(iterators[count]))
    ++count;
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (type && !type.getLayout().isIdentity())
      return 1;
  }
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!llvm::all_of(maps,
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return 1;
  for (; count > 1; --count) {
    ReassociationIndices loops =
        llvm::to_vector_of<int64_t>(llvm::seq<int64_t>(0, count));
    if (linalg::areDimSequencesPreserved(maps, {loops}))
      return count;
  }
  return 1;
}

/// The extent of `loop` in the function; null if no operand has it as its own
/// dimension.
static Value getTripCount(OpBuilder &builder, linalg::LinalgOp op,
                          unsigned loop) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [position, expr] : llvm::enumerate(map.getResults()))
      if (expr == builder.getAffineDimExpr(loop)) {
        Value which =
            arith::ConstantIndexOp::create(builder, op.getLoc(), position);
        return builder.createOrFold<memref::DimOp>(op.getLoc(), operand.get(),
                                                   which);
      }
  }
  return {};
}

/// Turns leading loops over contiguous memory into one.  Returns, for each loop
/// of the op as it is then, the loops of the original that it is.
FailureOr<SmallVector<ReassociationIndices>>
KernelBuilder::collapseLoops(linalg::LinalgOp &op, IRRewriter &rewriter) {
  unsigned collapsible = getCollapsibleLoops(op);
  SmallVector<ReassociationIndices> single, groups;
  for (unsigned i = 0; i < op.getNumLoops(); ++i)
    single.push_back({static_cast<int64_t>(i)});
  if (collapsible <= 1)
    return single;
  if (!isa<linalg::GenericOp, linalg::CopyOp>(op.getOperation())) {
    FailureOr<linalg::GenericOp> generic =
        linalg::generalizeNamedOp(rewriter, op);
    if (failed(generic))
      return op.emitOpError("can't be turned into loops");
    op = *generic;
    rewriter.setInsertionPoint(op);
  }
  groups.push_back(
      llvm::to_vector_of<int64_t>(llvm::seq<int64_t>(0, collapsible)));
  for (unsigned i = collapsible; i < op.getNumLoops(); ++i)
    groups.push_back({static_cast<int64_t>(i)});
  FailureOr<linalg::CollapseResult> collapsed =
      linalg::collapseOpIterationDims(op, groups, rewriter);
  if (failed(collapsed))
    return single;
  rewriter.eraseOp(op);
  op = collapsed->collapsedOp;
  rewriter.setInsertionPoint(op);
  return groups;
}

FailureOr<Value> KernelBuilder::splitLoop(linalg::LinalgOp op,
                                          linalg::LinalgOp original,
                                          OpBuilder &caller, LoopSplit split) {
  Location loc = op.getLoc();
  Value one = arith::ConstantIndexOp::create(caller, loc, 1);
  if (sequential)
    return one;
  IRRewriter rewriter(body);
  rewriter.setInsertionPoint(op);
  FailureOr<SmallVector<ReassociationIndices>> groups =
      collapseLoops(op, rewriter);
  if (failed(groups))
    return failure();

  // What may run at the same time: parallel loops that tell results apart.
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<unsigned> loops;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    AffineExpr dim = rewriter.getAffineDimExpr(loop);
    if (linalg::isParallelIterator(op.getIteratorTypesArray()[loop]) &&
        ranges[loop] != 1 &&
        llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &output) {
          return llvm::is_contained(
              op.getMatchingIndexingMap(&output).getResults(), dim);
        }))
      loops.push_back(loop);
  }
  if (loops.empty())
    return one;
  if (split == LoopSplit::First)
    loops.truncate(1);

  Value extent;
  for (unsigned loop : loops)
    for (int64_t part : (*groups)[loop]) {
      Value count = getTripCount(caller, original, part);
      extent = extent ? caller.createOrFold<arith::MulIOp>(loc, extent, count)
                      : count;
    }

  auto range = func->getBody().front().getArguments().take_back(2);
  SmallVector<OpFoldResult> bounds;
  for (const Range &loopRange : op.createLoopRanges(rewriter, loc))
    bounds.push_back(loopRange.size);
  SmallVector<OpFoldResult> starts;
  OpFoldResult length = rewriter.getIndexAttr(1);
  if (split == LoopSplit::First) {
    starts.push_back(range[0]);
    length =
        arith::SubIOp::create(rewriter, loc, range[1], range[0]).getResult();
  } else {
    // One point at a time, the last loop the fastest.
    auto points =
        scf::ForOp::create(rewriter, loc, range[0], range[1],
                           arith::ConstantIndexOp::create(rewriter, loc, 1));
    rewriter.setInsertionPointToStart(points.getBody());
    Value rest = points.getInductionVar();
    for (unsigned i = loops.size(); i-- > 1;) {
      Value bound =
          getValueOrCreateConstantIndexOp(rewriter, loc, bounds[loops[i]]);
      starts.push_back(
          arith::RemUIOp::create(rewriter, loc, rest, bound).getResult());
      rest = arith::DivUIOp::create(rewriter, loc, rest, bound);
    }
    starts.push_back(rest);
    std::reverse(starts.begin(), starts.end());
  }

  SmallVector<OpFoldResult> offsets(op.getNumLoops(), rewriter.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes(op.getNumLoops(), rewriter.getIndexAttr(0));
  for (auto [loop, start] : llvm::zip_equal(loops, starts)) {
    offsets[loop] = start;
    sizes[loop] = length;
  }
  SmallVector<Value> operands = linalg::makeTiledShapes(
      rewriter, loc, op, op->getOperands(), starts, sizes, bounds,
      /*omitPartialTileCheck=*/true);
  auto tiled =
      cast<linalg::LinalgOp>(mlir::clone(rewriter, op, TypeRange(), operands));
  linalg::offsetIndices(rewriter, tiled, offsets);
  rewriter.eraseOp(op);
  for (Operation &dead :
       llvm::make_early_inc_range(llvm::reverse(func->getBody().front())))
    if (isOpTriviallyDead(&dead))
      rewriter.eraseOp(&dead);
  return extent;
}

/// Equal but for name and locations.
static bool isSameKernel(func::FuncOp lhs, func::FuncOp rhs) {
  return lhs.getFunctionType() == rhs.getFunctionType() &&
         OperationEquivalence::isRegionEquivalentTo(
             &lhs.getBody(), &rhs.getBody(),
             OperationEquivalence::IgnoreLocations);
}

LaunchOp KernelBuilder::finish(OpBuilder &caller, Value extent,
                               const Twine &name) {
  Location loc = first->getLoc();
  func::ReturnOp::create(body, loc);
  func->setFunctionType(
      body.getFunctionType(func->getBody().front().getArgumentTypes(), {}));
  func::FuncOp kernel;
  for (auto known : kernels.getOps<func::FuncOp>())
    if (isSameKernel(known, *func)) {
      kernel = known;
      break;
    }
  if (!kernel) {
    func->setSymName(name.str());
    kernel = func.release();
    SymbolTable(kernels).insert(kernel);
  }
  auto symbol = SymbolRefAttr::get(kernels.getSymNameAttr(),
                                   FlatSymbolRefAttr::get(kernel));
  return LaunchOp::create(caller, loc, symbol, buffers, integers, extent);
}
