//===- PlanRoutes.cpp - The list of routes of every matmul ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The best route depends on the library found at run time, so every one that
// could be taken is listed.
//
//===----------------------------------------------------------------------===//

#include "qmm/Plan/Passes.h"
#include "qmm/Plan/Targets.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_PLANROUTES
#include "qmm/Plan/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

LogicalResult mlir::qmm::planRoutes(ModuleOp module) {
  WalkResult result = module.walk([&](ScaledMatmulOp matmul) {
    FailureOr<SmallVector<RouteAttr>> routes =
        queryRoutes(matmul, getTargetChips(matmul));
    if (failed(routes))
      return WalkResult::interrupt();
    SmallVector<Attribute> attributes(routes->begin(), routes->end());
    matmul->setAttr(QMMDialect::kRoutesAttr,
                    ArrayAttr::get(module.getContext(), attributes));
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct PlanRoutes : qmm::impl::PlanRoutesBase<PlanRoutes> {
  void runOnOperation() override {
    if (failed(planRoutes(getOperation())))
      signalPassFailure();
  }
};
} // namespace
