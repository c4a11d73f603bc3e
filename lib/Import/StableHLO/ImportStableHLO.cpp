//===- ImportStableHLO.cpp - StableHLO to linalg and qmm ------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver: finds ops by their dialect's name and hands each to the handler
// of its own.  Types don't change, so ops are replaced one at a time.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "qmm/IR/QMM.h"
#include "qmm/Import/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_IMPORTSTABLEHLO
#include "qmm/Import/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

StringRef mlir::qmm::getOpName(Operation *op) {
  return op->getName().stripDialect();
}

static const ImportTable &getTable() {
  static const ImportTable table = [] {
    ImportTable table;
    addElementwiseHandlers(table);
    addStructureHandlers(table);
    addMovementHandlers(table);
    addReduceHandlers(table);
    addDotHandlers(table);
    addCustomCallHandlers(table);
    return table;
  }();
  return table;
}

/// Attributes that say something to StableHLO's own compilers only.
static bool isForeignAttribute(StringRef name) {
  return llvm::is_contained({"mhlo", "sdy", "jax", "tf", "stablehlo", "xla"},
                            name.split('.').first) &&
         name.contains('.');
}

static DictionaryAttr withoutForeign(DictionaryAttr attributes) {
  if (!attributes)
    return attributes;
  NamedAttrList kept;
  for (NamedAttribute attribute : attributes)
    if (!isForeignAttribute(attribute.getName()))
      kept.append(attribute);
  return kept.getDictionary(attributes.getContext());
}

static void dropForeignAttributes(Operation *op) {
  if (!isa<ModuleOp, func::FuncOp>(op))
    return;
  for (NamedAttribute attribute : llvm::to_vector(op->getDiscardableAttrs()))
    if (isForeignAttribute(attribute.getName()))
      op->removeDiscardableAttr(attribute.getName());
  auto function = dyn_cast<func::FuncOp>(op);
  if (!function)
    return;
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    function.setArgAttrs(i, withoutForeign(function.getArgAttrDict(i)));
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    function.setResultAttrs(i, withoutForeign(function.getResultAttrDict(i)));
}

static LogicalResult importOp(Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  if (dialect == "vhlo")
    return op->emitOpError(
        "is of StableHLO's versioned dialect, which needs StableHLO itself to "
        "be read: write the module in generic form instead "
        "(stablehlo-translate "
        "--deserialize, then stablehlo-opt --mlir-print-op-generic)");
  // A mesh only gives names to shardings, which are dropped.
  if (op->getName().getStringRef() == "sdy.mesh") {
    op->erase();
    return success();
  }
  auto handler = getTable().find(getOpName(op));
  if (handler == getTable().end())
    return op->emitOpError("isn't among the ops that are imported");

  OpBuilder builder(op);
  Imported values = handler->second(builder, op);
  if (failed(values))
    return failure();
  for (auto [result, value] : llvm::zip_equal(op->getResults(), *values)) {
    if (value.getType() != result.getType())
      value = tensor::CastOp::create(builder, op->getLoc(), result.getType(),
                                     value);
    result.replaceAllUsesWith(value);
  }
  op->erase();
  return success();
}

FailureOr<unsigned> mlir::qmm::importStableHLO(ModuleOp module) {
  unsigned numCasts = retypeBytes(module);
  SmallVector<Operation *> ops;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!llvm::is_contained({"stablehlo", "chlo", "vhlo", "sdy"},
                            op->getName().getDialectNamespace()))
      return WalkResult::advance();
    ops.push_back(op);
    return WalkResult::skip(); // a region belongs to its op
  });
  bool ok = true;
  for (Operation *op : ops)
    ok &= succeeded(importOp(op));
  if (!ok)
    return failure();
  if (ops.empty())
    return numCasts;
  module.walk([](Operation *op) { dropForeignAttributes(op); });
  return numCasts + static_cast<unsigned>(ops.size());
}

bool mlir::qmm::isStableHLOPortableArtifact(StringRef bytes) {
  // MLIR's bytecode starts with its magic number and version, the producer
  // follows.
  return bytes.starts_with("ML\xEFR") &&
         bytes.take_front(64).contains("StableHLO_v");
}

namespace {
struct ImportStableHLO : qmm::impl::ImportStableHLOBase<ImportStableHLO> {
  void runOnOperation() override {
    FailureOr<unsigned> imported = importStableHLO(getOperation());
    if (failed(imported))
      return signalPassFailure();
    numImported += *imported;
    if (*imported == 0)
      markAllAnalysesPreserved();
  }
};
} // namespace
