//===- Fuser.h - Products and what follows them ----------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The state of --qmm-fuse-epilogue: FuseEpilogue.cpp finds what becomes of a
// product, FuseEpilogueApply.cpp makes the new one.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_RECOGNIZE_FUSER_H
#define QMM_LIB_RECOGNIZE_FUSER_H

#include "FuseEpilogue.h"
#include "qmm/Recognize/Roundings.h"

#include "llvm/ADT/SetVector.h"

namespace mlir::qmm {

/// The elementwise ops behind a value, and those of their results that every
/// path from it passes through.
struct Followers {
  llvm::SmallSetVector<Operation *, 8> ops;
  /// The product, and all that is computed from it here.
  llvm::DenseSet<Value> values;
  SmallVector<Value> cuts;
};

/// What becomes of a product.
struct Epilogue {
  const ElementExpr *bias = nullptr, *residual = nullptr;
  SmallVector<ProductFactor> factors[2];
  Activation activation = Activation::None;
  const EpilogueStep *quantize = nullptr;
  SmallVector<std::string> notes;
};

class Fuser {
public:
  Fuser(Operation *root, Roundings roundings)
      : root(root), roundings(roundings) {}
  unsigned run();

private:
  void fuse(ScaledMatmulOp op);
  bool fuseElementwise();
  bool fuseQuantizeOp();
  bool skipMovements();
  void explainUses();
  void noteGate();

  bool isDead(Operation *op) const { return dead.contains(op); }
  SmallVector<Operation *> getLiveUsers(Value value);
  linalg::LinalgOp getElementwise(Operation *op);
  Followers collect(llvm::function_ref<bool(Operation *)> ignores);
  std::optional<AmaxMatch> findAmax();
  std::unique_ptr<EpilogueChain> getChain(const Followers &region);

  EpilogueDomain getDomain();
  bool canReshapeBack();
  size_t addSteps(ArrayRef<EpilogueStep> steps, EpilogueChain &chain,
                  Epilogue &epilogue);
  Operation *getLatest(Operation *latest, Value value);
  Operation *getLatest(Operation *latest, const ElementExpr *expr);
  Operation *getLatest(const Epilogue &epilogue);
  bool isUsedBefore(const AmaxMatch &amax, Operation *latest);
  void apply(const Epilogue &epilogue, Value end, const Followers &region,
             const AmaxMatch *amax, Operation *latest);
  ScaledMatmulOp create(OpBuilder &builder, Type type, Value a, Value b,
                        Value bias, Value residual, Value outScale,
                        Activation activation, const AmaxMatch *amax,
                        ArrayRef<std::string> notes);
  void replace(ScaledMatmulOp op, ArrayRef<Operation *> newViews, Value result,
               ArrayRef<Operation *> ops, const AmaxMatch *amax);
  OpFoldResult getColumns(OpBuilder &builder);
  Value buildBias(OpBuilder &builder, const ElementExpr *expr);
  Value buildResidual(OpBuilder &builder, const ElementExpr *expr);
  const ElementExpr *toVector(const ElementExpr *expr, unsigned dim);
  void markDead(Operation *op);
  void remark(Operation *op, StringRef reason);
  const ElementExpr *traceWhole(Value value);

  Operation *root;
  Roundings roundings;
  ElementTracer tracer;
  llvm::SetVector<Operation *> dead;
  llvm::DenseSet<Operation *> remarked;
  unsigned fused = 0;

  // The product at hand, and its result through the reshapes behind it.
  ScaledMatmulOp product;
  SmallVector<Operation *> views;
  Value base;
  const ElementExpr *baseBefore = nullptr;
};

} // namespace mlir::qmm

#endif // QMM_LIB_RECOGNIZE_FUSER_H
