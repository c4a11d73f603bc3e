//===- OutlineKernels.cpp - Whatever isn't a command becomes a kernel -----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime has commands for quantized work and none for the rest of a model:
// the rest is compiled.  This file decides what goes where; KernelBuilder makes
// the kernels.
//
//===----------------------------------------------------------------------===//

#include "BufferOverlap.h"
#include "KernelBuilder.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "qmm/Kernels/Host/Passes.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "qmm/Kernels/Host/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

namespace {

/// What an allocation on a kernel's stack may have.
constexpr int64_t kMaxLocalBytes = 4096;

class FunctionOutliner {
public:
  FunctionOutliner(FunctionOpInterface function,
                   llvm::function_ref<ModuleOp()> getKernels, LoopSplit split)
      : function(function), getKernels(getKernels), split(split) {}

  LogicalResult run();

private:
  enum class Kind {
    Command,     // the program's: ends a run
    Transparent, // stays, and a run goes on across it
    Member,      // of a run
    Linalg       // a kernel of its own
  };
  FailureOr<Kind> classify(Operation *op);
  bool isShapeArithmetic(Operation *op);
  void saveOverwrittenLoads(Block &block);
  LogicalResult outlineRun(ArrayRef<Operation *> run);
  LogicalResult outlineLinalg(linalg::LinalgOp op);
  bool isLocal(Operation *allocation, ArrayRef<Operation *> run);
  LogicalResult eraseOutlined(Block &block);
  std::string getKernelName();

  FunctionOpInterface function;
  llvm::function_ref<ModuleOp()> getKernels;
  LoopSplit split;
  llvm::SmallPtrSet<Operation *, 32> members; // and linalg ops
  llvm::SmallPtrSet<Operation *, 8> inserted; // launches
  unsigned numKernels = 0;
};

/// Integers computed from extents and constants: the program's own expressions.
bool FunctionOutliner::isShapeArithmetic(Operation *op) {
  auto isShapeValue = [&](Value value) {
    if (!value.getType().isSignlessIntOrIndex())
      return false;
    Operation *producer = value.getDefiningOp();
    if (!producer)
      return value.getType().isIndex();
    return producer->hasTrait<OpTrait::ConstantLike>() ||
           !members.contains(producer);
  };
  return op->getNumRegions() == 0 && isPure(op) &&
         llvm::all_of(op->getResultTypes(),
                      [](Type type) { return type.isSignlessIntOrIndex(); }) &&
         llvm::all_of(op->getOperands(), isShapeValue);
}

FailureOr<FunctionOutliner::Kind> FunctionOutliner::classify(Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  if (dialect == QMMDialect::getDialectNamespace() ||
      op->hasTrait<OpTrait::IsTerminator>())
    return Kind::Command;
  if (dialect == linalg::LinalgDialect::getDialectNamespace()) {
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (!linalgOp)
      return op->emitOpError("can't become a host kernel: it has no loops; "
                             "decompose it first");
    if (!linalgOp.hasPureBufferSemantics())
      return op->emitOpError("can't become a host kernel: it works on tensors; "
                             "bufferize first");
    return Kind::Linalg;
  }
  if (isRepeatedView(op) || op->hasTrait<OpTrait::ConstantLike>() ||
      isa<memref::DimOp, memref::GetGlobalOp, memref::AllocOp, memref::AllocaOp,
          memref::ViewOp>(op) ||
      isShapeArithmetic(op))
    return Kind::Transparent;
  if (isa<memref::CopyOp, memref::DeallocOp>(op) ||
      !llvm::is_contained(
          {"affine", "arith", "index", "math", "memref", "scf", "ub", "vector"},
          dialect))
    return Kind::Command;

  WalkResult walk = op->walk([&](Operation *nested) {
    if (nested == op)
      return WalkResult::advance();
    if (isa<QMMDialect>(nested->getDialect())) {
      InFlightDiagnostic diag =
          op->emitOpError("contains '")
          << nested->getName()
          << "': control flow around quantized matmuls can't be flattened into "
             "a program";
      diag.attachNote(nested->getLoc()) << "the contained op";
      return WalkResult::interrupt();
    }
    if (isa<CallOpInterface>(nested)) {
      op->emitOpError("contains '") << nested->getName()
                                    << "': a host kernel can't call functions "
                                       "of the program; inline them "
                                       "first";
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  return Kind::Member;
}

/// The last op of `block` that needs the number `value`, through what computes
/// with it.
static Operation *getLastUser(Value value, Block &block) {
  Operation *last = nullptr;
  SmallVector<Value> worklist{value};
  llvm::SmallPtrSet<Operation *, 8> seen;
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      Operation *ancestor = block.findAncestorOpInBlock(*user);
      if (!ancestor || !seen.insert(ancestor).second)
        continue;
      if (!last || last->isBeforeInBlock(ancestor))
        last = ancestor;
      for (Value result : ancestor->getResults())
        if (!isa<BaseMemRefType>(result.getType()) || isRepeatedView(ancestor))
          worklist.push_back(result);
    }
  return last;
}

/// A kernel repeats the loads that it needs.  Where something else is written
/// over what a load reads before the number is needed, the number is kept in a
/// buffer of its own, which is loaded instead.
void FunctionOutliner::saveOverwrittenLoads(Block &block) {
  for (auto load : llvm::make_early_inc_range(block.getOps<memref::LoadOp>())) {
    Operation *last = getLastUser(load.getResult(), block);
    Operation *op = load->getNextNode();
    while (last && op != last && !mayWrite(op, load.getMemRef()))
      op = op->getNextNode();
    if (!last || op == last)
      continue;
    OpBuilder builder(load);
    builder.setInsertionPointAfter(load);
    Location loc = load.getLoc();
    auto type = MemRefType::get({}, load.getType());
    Value saved = memref::AllocOp::create(builder, loc, type);
    auto store = memref::StoreOp::create(builder, loc, load.getResult(), saved);
    for (OpOperand &use : llvm::make_early_inc_range(load->getUses())) {
      if (use.getOwner() == store)
        continue;
      builder.setInsertionPoint(block.findAncestorOpInBlock(*use.getOwner()));
      use.set(memref::LoadOp::create(builder, loc, saved));
    }
  }
}

std::string FunctionOutliner::getKernelName() {
  // A symbol of an ELF object, where '@' would start a version, or of PTX,
  // which takes no '.'.
  std::string name;
  for (char c : function.getName())
    name += llvm::isAlnum(c) || c == '_' ? c : '_';
  return name + "_kernel_" + std::to_string(numKernels++);
}

/// May the allocation move to the stack of the kernel made from `run`?
bool FunctionOutliner::isLocal(Operation *allocation,
                               ArrayRef<Operation *> run) {
  auto type = cast<MemRefType>(allocation->getResult(0).getType());
  Type element = type.getElementType();
  if (!type.hasStaticShape() || !type.getLayout().isIdentity() ||
      !element.isIntOrIndexOrFloat())
    return false;
  int64_t bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  if (type.getNumElements() > kMaxLocalBytes * 8 / bits)
    return false;
  SmallVector<Operation *> worklist(allocation->user_begin(),
                                    allocation->user_end());
  while (!worklist.empty()) {
    Operation *user = worklist.pop_back_val();
    Operation *ancestor = allocation->getBlock()->findAncestorOpInBlock(*user);
    if (llvm::is_contained(run, ancestor))
      continue;
    if (!isRepeatedView(user))
      return false;
    worklist.append(user->user_begin(), user->user_end());
  }
  return true;
}

LogicalResult FunctionOutliner::outlineRun(ArrayRef<Operation *> run) {
  // What only computes or reads is repeated where it is used.
  if (llvm::all_of(run, [](Operation *op) {
        auto effects = getEffectsRecursively(op);
        return effects && llvm::all_of(*effects, [](const auto &effect) {
                 return isa<MemoryEffects::Read>(effect.getEffect());
               });
      }))
    return success();

  KernelBuilder kernel(run.front(), getKernels(), members, inserted);
  for (Operation &op : *run.front()->getBlock())
    if (isa<memref::AllocOp, memref::AllocaOp>(op) && isLocal(&op, run))
      kernel.addLocal(&op);
  for (Operation *op : run)
    if (failed(kernel.clone(op)))
      return failure();
  OpBuilder caller(run.back());
  caller.setInsertionPointAfter(run.back());
  Value one = arith::ConstantIndexOp::create(caller, run.front()->getLoc(), 1);
  inserted.insert(kernel.finish(caller, one, getKernelName()));
  return success();
}

LogicalResult FunctionOutliner::outlineLinalg(linalg::LinalgOp op) {
  KernelBuilder kernel(op, getKernels(), members, inserted);
  FailureOr<Operation *> copy = kernel.clone(op);
  if (failed(copy))
    return failure();
  OpBuilder caller(op);
  FailureOr<Value> extent =
      kernel.splitLoop(cast<linalg::LinalgOp>(*copy), op, caller, split);
  if (failed(extent))
    return failure();
  inserted.insert(kernel.finish(caller, *extent, getKernelName()));
  return success();
}

/// Removes what kernels now do, and what only they used.
LogicalResult FunctionOutliner::eraseOutlined(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (!members.contains(&op)) {
      if (isOpTriviallyDead(&op))
        op.erase();
      continue;
    }
    if (op.use_empty()) {
      op.erase();
      continue;
    }
    Operation *user = *op.user_begin();
    InFlightDiagnostic diag =
        op.emitOpError("computes what '")
        << user->getName()
        << "' needs: a program can't read data to decide sizes or commands";
    diag.attachNote(user->getLoc()) << "needed here";
    return failure();
  }
  return success();
}

LogicalResult FunctionOutliner::run() {
  if (!function.getFunctionBody().hasOneBlock()) {
    Operation *branch = function.getFunctionBody().front().getTerminator();
    return branch->emitOpError("branches: unstructured control flow can't be "
                               "flattened into a program");
  }
  Block &block = function.getFunctionBody().front();

  for (auto copy : llvm::make_early_inc_range(block.getOps<memref::CopyOp>())) {
    auto isIdentity = [](Value value) {
      auto type = dyn_cast<MemRefType>(value.getType());
      return type && type.getLayout().isIdentity();
    };
    if (isIdentity(copy.getSource()) && isIdentity(copy.getTarget()))
      continue;
    OpBuilder builder(copy);
    linalg::CopyOp::create(builder, copy.getLoc(), copy.getSource(),
                           copy.getTarget());
    copy.erase();
  }

  saveOverwrittenLoads(block);

  // Members first: whether an op is one depends on earlier ones only.
  SmallVector<std::pair<Operation *, Kind>> kinds;
  for (Operation &op : block) {
    FailureOr<Kind> kind = classify(&op);
    if (failed(kind))
      return failure();
    if (*kind == Kind::Member || *kind == Kind::Linalg)
      members.insert(&op);
    kinds.push_back({&op, *kind});
  }

  SmallVector<Operation *> run;
  auto endRun = [&] {
    LogicalResult result = run.empty() ? success() : outlineRun(run);
    run.clear();
    return result;
  };
  for (auto [op, kind] : kinds) {
    if (kind == Kind::Transparent)
      continue;
    if (kind == Kind::Member) {
      run.push_back(op);
      continue;
    }
    if (failed(endRun()))
      return failure();
    if (kind == Kind::Linalg &&
        failed(outlineLinalg(cast<linalg::LinalgOp>(op))))
      return failure();
  }
  return failed(endRun()) ? failure() : eraseOutlined(block);
}

struct OutlineKernels : mlir::qmm::impl::OutlineKernelsBase<OutlineKernels> {
  using OutlineKernelsBase::OutlineKernelsBase;
  void runOnOperation() override {
    if (failed(outlineKernels(getOperation(),
                              points ? LoopSplit::Points : LoopSplit::First)))
      return signalPassFailure();
  }
};

} // namespace

LogicalResult mlir::qmm::outlineKernels(ModuleOp module, LoopSplit split) {
  ModuleOp kernels = module.lookupSymbol<ModuleOp>(QMMDialect::kKernelsModule);
  auto getKernels = [&] {
    if (!kernels) {
      OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
      kernels = ModuleOp::create(builder, module.getLoc(),
                                 QMMDialect::kKernelsModule);
    }
    return kernels;
  };
  for (auto function : llvm::to_vector(module.getOps<FunctionOpInterface>())) {
    if (function.isExternal())
      continue;
    FunctionOutliner outliner(function, getKernels, split);
    if (failed(outliner.run()))
      return failure();
  }
  return success();
}
