//===- PlaceBuffers.cpp - One arena for all buffers ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program allocates nothing while it runs: its caller gives it one arena,
// and every buffer is a view of it.
//
//===----------------------------------------------------------------------===//

#include "qmm/IR/QMM.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Analysis/Liveness.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_PLACEBUFFERS
#include "qmm/Transforms/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

/// Every slot starts at a multiple of this.
static constexpr int64_t kAlignment = 64;

/// Are two sizes the same constant, or the same expression of the same values?
static bool isSameSize(OpFoldResult lhs, OpFoldResult rhs) {
  if (lhs == rhs)
    return true;
  auto lhsValue = dyn_cast<Value>(lhs), rhsValue = dyn_cast<Value>(rhs);
  if (!lhsValue || !rhsValue)
    return false;
  auto lhsApply = lhsValue.getDefiningOp<affine::AffineApplyOp>();
  auto rhsApply = rhsValue.getDefiningOp<affine::AffineApplyOp>();
  return lhsApply && rhsApply &&
         lhsApply.getAffineMap() == rhsApply.getAffineMap() &&
         lhsApply.getOperands() == rhsApply.getOperands();
}

/// The last op of the entry block in which `buffer`, through any view, is used.
static Operation *getLastUse(Value buffer, Block *block) {
  Operation *last = nullptr;
  SmallVector<Value> worklist{buffer};
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      Operation *ancestor = block->findAncestorOpInBlock(*user);
      if (!last || last->isBeforeInBlock(ancestor))
        last = ancestor;
      if (isa<ViewLikeOpInterface>(user))
        llvm::append_range(worklist, user->getResults());
    }
  return last;
}

/// The dynamic extents of `buffer`, as they were given where it was made.
static void appendExtents(OpBuilder &builder, Value buffer,
                          SmallVectorImpl<Value> &extents) {
  if (auto alloc = buffer.getDefiningOp<memref::AllocOp>()) {
    llvm::append_range(extents, alloc.getDynamicSizes());
    return;
  }
  auto type = cast<MemRefType>(buffer.getType());
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      extents.push_back(
          memref::DimOp::create(builder, buffer.getLoc(), buffer, i));
}

/// Turns the results into output arguments.  An allocation that is returned
/// becomes its argument when nothing hinders; otherwise it is copied at the
/// end. Returns the outputs' dynamic extents.
static SmallVector<Value> addOutputs(FunctionOpInterface function) {
  Block &block = function.getFunctionBody().front();
  Operation *terminator = block.getTerminator();
  OpBuilder builder(terminator);
  SmallVector<Value> extents;
  unsigned numResults = terminator->getNumOperands();
  for (unsigned i = 0; i < numResults; ++i) {
    Value result = terminator->getOperand(i);
    appendExtents(builder, result, extents);
    Value output = block.addArgument(result.getType(), result.getLoc());
    if (auto alloc = result.getDefiningOp<memref::AllocOp>()) {
      for (Operation *user : llvm::make_early_inc_range(alloc->getUsers()))
        if (isa<memref::DeallocOp>(user))
          user->erase();
      result.replaceAllUsesWith(output);
      alloc.erase();
    } else {
      memref::CopyOp::create(builder, terminator->getLoc(), result, output);
    }
  }
  return extents;
}

LogicalResult mlir::qmm::placeBuffers(FunctionOpInterface function) {
  if (function->hasAttr(kNumOutputsAttr) || function.isExternal())
    return success();
  Region &body = function.getFunctionBody();
  if (!body.hasOneBlock())
    return function.emitOpError(
        "has branches between blocks, which a flat program can't have");
  Block &block = body.front();
  MLIRContext *context = function.getContext();
  OpBuilder builder(context);
  unsigned numOutputs = block.getTerminator()->getNumOperands();
  SmallVector<DictionaryAttr> attributes;
  function.getAllArgAttrs(attributes);
  attributes.resize(function.getNumArguments());
  for (unsigned i = 0; i < numOutputs; ++i)
    attributes.push_back(function.getResultAttrDict(i));
  SmallVector<Value> results = addOutputs(function);
  Type arenaType = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
  Value arena = block.addArgument(arenaType, function.getLoc());
  attributes.push_back(builder.getDictionaryAttr(builder.getNamedAttr(
      QMMDialect::kNameAttr, builder.getStringAttr("arena"))));

  struct Place {
    OpFoldResult offset, bytes;
    Operation *freeAfter;
  };
  SmallVector<Place> places;
  OpFoldResult end = builder.getIndexAttr(0);
  SmallVector<memref::AllocOp> allocs(block.getOps<memref::AllocOp>());
  WalkResult nested = function->walk([&](memref::AllocOp op) {
    if (op->getBlock() == &block)
      return WalkResult::advance();
    op.emitOpError("allocates inside of control flow: its buffer has no place "
                   "in the arena");
    return WalkResult::interrupt();
  });
  if (nested.wasInterrupted())
    return failure();

  for (memref::AllocOp alloc : allocs) {
    MemRefType bufferType = alloc.getType();
    Location loc = alloc.getLoc();
    if (!bufferType.getLayout().isIdentity() ||
        !bufferType.getElementType().isIntOrIndexOrFloat())
      return alloc.emitOpError("has type ")
             << bufferType << ", where an identity layout of numbers is "
             << "expected";
    SmallVector<Operation *> deallocs;
    for (Operation *user : alloc->getUsers())
      if (isa<memref::DeallocOp>(user))
        deallocs.push_back(user);
    for (Operation *dealloc : deallocs)
      dealloc->erase();
    builder.setInsertionPoint(alloc);
    // bytes = roundup(elements * width, alignment)
    int64_t width =
        bufferType.getElementType().isIndex()
            ? 8
            : llvm::divideCeil(bufferType.getElementTypeBitWidth(), 8);
    AffineExpr bytes = builder.getAffineConstantExpr(width);
    SmallVector<OpFoldResult> symbols;
    for (int64_t extent : bufferType.getShape()) {
      if (ShapedType::isDynamic(extent)) {
        bytes = bytes * builder.getAffineSymbolExpr(symbols.size());
        symbols.push_back(alloc.getDynamicSizes()[symbols.size()]);
      } else {
        bytes = bytes * extent;
      }
    }
    bytes = bytes.ceilDiv(kAlignment) * kAlignment;
    OpFoldResult size =
        affine::makeComposedFoldedAffineApply(builder, loc, bytes, symbols);

    // A place that is free by now and just as large, or the arena's end.
    Operation *lastUse = getLastUse(alloc.getResult(), &block);
    if (!lastUse)
      lastUse = alloc;
    OpFoldResult offset;
    for (Place &place : places)
      if (isSameSize(place.bytes, size) &&
          place.freeAfter->isBeforeInBlock(alloc)) {
        offset = place.offset;
        place.freeAfter = lastUse;
        break;
      }
    if (!offset) {
      offset = end;
      places.push_back({offset, size, lastUse});
      AffineExpr a, b;
      bindSymbols(context, a, b);
      end = affine::makeComposedFoldedAffineApply(builder, loc, a + b,
                                                  {end, size});
    }
    Value view = memref::ViewOp::create(
        builder, loc, bufferType, arena,
        getValueOrCreateConstantIndexOp(builder, loc, offset),
        alloc.getDynamicSizes());
    for (Place &place : places)
      if (place.freeAfter == alloc)
        place.freeAfter = view.getDefiningOp();
    alloc.replaceAllUsesWith(view);
    alloc.erase();
  }

  Operation *terminator = block.getTerminator();
  builder.setInsertionPoint(terminator);
  results.push_back(
      getValueOrCreateConstantIndexOp(builder, function.getLoc(), end));
  terminator->setOperands(results);
  function.setAllResultAttrs(ArrayRef<DictionaryAttr>{});
  function.setFunctionTypeAttr(TypeAttr::get(FunctionType::get(
      context, block.getArgumentTypes(), ValueRange(results).getTypes())));
  function.setAllArgAttrs(attributes);
  function->setAttr(kNumOutputsAttr, builder.getI64IntegerAttr(numOutputs));
  return success();
}

namespace {
struct PlaceBuffers : qmm::impl::PlaceBuffersBase<PlaceBuffers> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<FunctionOpInterface>())
      if (function.isPublic() && failed(placeBuffers(function)))
        return signalPassFailure();
  }
};
} // namespace
