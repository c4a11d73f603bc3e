//===- VerifyStage.cpp - The contracts of the stages ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a later pass may rely on is checked where it was promised.
//
//===----------------------------------------------------------------------===//

#include "qmm/Conversion/PhysicalToProgram.h"
#include "qmm/IR/QMM.h"
#include "qmm/Pipelines/Stages.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_CHECKINPUT
#define GEN_PASS_DEF_VERIFYSTAGE
#include "qmm/Pipelines/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

static LogicalResult checkRegistered(Operation *op) {
  if (op->isRegistered())
    return success();
  return op->emitError("op '")
         << op->getName()
         << "' is of no dialect that this compiler knows; lower it to linalg "
            "on tensors first";
}

static LogicalResult checkRecognized(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || !isContraction(linalgOp) ||
      op->hasAttr(QMMDialect::kReasonAttr))
    return success();
  return op->emitOpError("is a contraction that is neither rewritten nor "
                         "refused");
}

static LogicalResult checkQuantized(Operation *op) {
  if (!isa<LinearOp>(op))
    return success();
  return op->emitOpError("is left: what its input becomes isn't decided");
}

static LogicalResult checkPlanned(Operation *op) {
  if (!isa<ScaledMatmulOp>(op))
    return success();
  auto routes = op->getAttrOfType<ArrayAttr>(QMMDialect::kRoutesAttr);
  if (routes && !routes.empty())
    return success();
  return op->emitOpError("has no routes");
}

/// What is left is what the library multiplies, or the host.
static LogicalResult checkLaidOut(Operation *op) {
  auto matmul = dyn_cast<ScaledMatmulOp>(op);
  if (!matmul)
    return success();
  auto routes = op->getAttrOfType<ArrayAttr>(QMMDialect::kRoutesAttr);
  if (routes &&
      llvm::all_of(routes.getAsRange<RouteAttr>(), [](RouteAttr route) {
        return route.getKind() == RouteKind::Host ||
               route.getKind() == RouteKind::Library;
      }))
    return success();
  return op->emitOpError("has a route other than 'library' and 'host': run "
                         "--qmm-legalize-matmuls");
}

static bool isTensor(Type type) {
  return isa<TensorType, QuantizedTensorType>(type);
}

static LogicalResult checkBufferized(Operation *op) {
  for (Value operand : op->getOperands())
    if (isTensor(operand.getType()))
      return op->emitOpError("still uses a value of type ")
             << operand.getType();
  for (Type type : op->getResultTypes())
    if (isTensor(type))
      return op->emitOpError("still yields a value of type ") << type;
  return success();
}

static LogicalResult checkLowered(Operation *op) {
  // Of the outermost module: kernels are in modules of their own.
  auto module = dyn_cast_or_null<ModuleOp>(op->getParentOp());
  if (auto entry = dyn_cast<FunctionOpInterface>(op);
      entry && entry.isPublic() && module && !module->getParentOp() &&
      !op->hasAttr(kNumOutputsAttr))
    return op->emitOpError("has no output arguments and no arena");
  auto function = dyn_cast_or_null<func::FuncOp>(op->getParentOp());
  if (!function || !function->hasAttr(kNumOutputsAttr) || isProgramOp(op))
    return success();
  return op->emitOpError("is neither a command nor a kernel's: it can't be "
                         "part of a program");
}

LogicalResult mlir::qmm::verifyStage(ModuleOp module, Stage stage) {
  LogicalResult (*check)(Operation *) = nullptr;
  switch (stage) {
  case Stage::Input:
    check = checkRegistered;
    break;
  case Stage::Recognized:
    check = checkRecognized;
    break;
  case Stage::Quantized:
    check = checkQuantized;
    break;
  case Stage::Planned:
    check = checkPlanned;
    break;
  case Stage::LaidOut:
    check = checkLaidOut;
    break;
  case Stage::Bufferized:
    check = checkBufferized;
    break;
  case Stage::Lowered:
    check = checkLowered;
    break;
  }
  bool ok = true;
  module.walk([&](Operation *op) { ok &= succeeded(check(op)); });
  return success(ok);
}

/// A program has no calls, so no function may call itself, directly or not.
static LogicalResult checkRecursion(ModuleOp module) {
  SymbolTable symbols(module);
  struct Frame {
    func::FuncOp function;
    SmallVector<func::CallOp> calls;
  };
  SmallVector<Frame> stack;
  llvm::DenseMap<Operation *, bool> isOpen; // absent: not seen
  auto enter = [&](func::FuncOp function) {
    isOpen[function] = true;
    Frame frame{function, {}};
    function.walk([&](func::CallOp call) { frame.calls.push_back(call); });
    stack.push_back(std::move(frame));
  };
  for (auto root : module.getOps<func::FuncOp>()) {
    if (isOpen.contains(root))
      continue;
    enter(root);
    while (!stack.empty()) {
      if (stack.back().calls.empty()) {
        isOpen[stack.back().function] = false;
        stack.pop_back();
        continue;
      }
      func::CallOp call = stack.back().calls.pop_back_val();
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      if (!callee)
        continue;
      auto seen = isOpen.find(callee);
      if (seen == isOpen.end())
        enter(callee);
      else if (seen->second)
        return call.emitOpError("calls '@")
               << call.getCallee()
               << "', which leads here: calls are inlined, and recursion can't "
                  "be";
    }
  }
  return success();
}

namespace {
struct CheckInput : qmm::impl::CheckInputBase<CheckInput> {
  void runOnOperation() override {
    if (failed(verifyStage(getOperation(), Stage::Input)) ||
        failed(checkRecursion(getOperation())))
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};

struct VerifyStage : qmm::impl::VerifyStageBase<VerifyStage> {
  using VerifyStageBase::VerifyStageBase;
  void runOnOperation() override {
    std::optional<Stage> which = getStage(stage);
    if (!which) {
      emitError(getOperation().getLoc())
          << "unknown stage '" << stage << "'; there are " << getStageNames();
      return signalPassFailure();
    }
    if (failed(verifyStage(getOperation(), *which)))
      return signalPassFailure();
    getOperation()->setAttr(
        QMMDialect::kStageAttr,
        StringAttr::get(&getContext(), getStageName(*which)));
  }
};
} // namespace
