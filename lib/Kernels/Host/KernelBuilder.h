//===- KernelBuilder.h - One host kernel under construction ----*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Brings what the kernel's ops use into it: as an argument where the program
// can pass it, else by repeating the ops that make it.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_HOST_KERNELBUILDER_H
#define QMM_LIB_KERNELS_HOST_KERNELBUILDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "qmm/IR/QMM.h"
#include "qmm/Kernels/Host/Passes.h"

namespace mlir::qmm {

/// Ops of the function that end up in kernels.
using MemberSet = llvm::SmallPtrSetImpl<Operation *>;

class KernelBuilder {
public:
  /// `members`: all of the function; `first`: the kernel's first op, before
  /// which whatever is repeated has to be valid; `inserted`: launches of this
  /// pass.
  KernelBuilder(Operation *first, ModuleOp kernels, const MemberSet &members,
                const MemberSet &inserted);
  ~KernelBuilder();
  KernelBuilder(const KernelBuilder &) = delete;
  KernelBuilder &operator=(const KernelBuilder &) = delete;

  /// Static allocations that move to the kernel's stack.
  void addLocal(Operation *allocation) { locals.insert(allocation); }

  /// Repeats `op` with everything that it uses.
  FailureOr<Operation *> clone(Operation *op);

  /// Restricts the linalg op in the kernel, a clone of `original`, to
  /// [begin, end) of its first parallel loop, or of the points of all; returns
  /// their number in the function, 1 if there is no such loop.
  FailureOr<Value> splitLoop(linalg::LinalgOp op, linalg::LinalgOp original,
                             OpBuilder &caller, LoopSplit split);

  /// Adds the kernel to the kernels' module, or finds an equal one, and builds
  /// the launch.
  LaunchOp finish(OpBuilder &caller, Value extent, const Twine &name);

private:
  FailureOr<SmallVector<ReassociationIndices>>
  collapseLoops(linalg::LinalgOp &op, IRRewriter &rewriter);
  FailureOr<Value> materialize(Value value, Operation *user);
  FailureOr<Value> materializeMemRef(Value value, Operation *user);
  FailureOr<Value> repeat(Value value, Operation *user);
  LogicalResult checkRepeatable(Operation *producer, Operation *user);
  Value addBuffer(Value buffer);
  Value addInteger(Value integer);
  FailureOr<memref::GlobalOp> cloneGlobal(memref::GetGlobalOp op);

  Operation *first;
  ModuleOp kernels;
  const MemberSet &members, &inserted;
  llvm::SmallPtrSet<Operation *, 4> locals;
  OwningOpRef<func::FuncOp> func;
  OpBuilder body;
  IRMapping map;
  SmallVector<Value> buffers, integers;
  bool sequential = false; // the kernel reads, first, what it may write
};

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_HOST_KERNELBUILDER_H
