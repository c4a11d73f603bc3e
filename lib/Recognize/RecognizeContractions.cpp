//===- RecognizeContractions.cpp - linalg contractions to scaled_matmul --===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Any batch, row, column and contracting loops become those of one product, and
// its result gets their shape back.
//
//===----------------------------------------------------------------------===//

#include "OperandMatch.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Support/DebugStringHelper.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_RECOGNIZECONTRACTIONS
#include "qmm/Recognize/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

namespace {
/// What the product adds beside its sum.
struct Initial {
  const ElementExpr *bias = nullptr;
  const ElementExpr *residual = nullptr;
};

class Rewriter {
public:
  Rewriter(linalg::LinalgOp op, ElementTracer &tracer, ProductFamilies families,
           Roundings roundings)
      : op(op), tracer(tracer), families(families), roundings(roundings),
        builder(op), loc(op.getLoc()) {}

  LogicalResult run(Refusal &refusal);

private:
  LogicalResult checkResult(Refusal &refusal);
  LogicalResult matchInitial(const Contraction &contraction, Refusal &refusal);
  LoopGroups getGroups(const Contraction &contraction, ArrayRef<unsigned> rows,
                       bool collapse);
  Value restoreShape(const Contraction &contraction, Value product);
  void addNotes(ScaledMatmulOp matmul, ArrayRef<std::string> notes);
  void convertUsers(Value result);

  linalg::LinalgOp op;
  ElementTracer &tracer;
  ProductFamilies families;
  Roundings roundings;
  OpBuilder builder;
  Location loc;
  Initial initial;
  Type resultElement; // of the product
};
} // namespace

/// An i32 sum is left to conversions to float, which the product replaces.
static bool hasOnlyFloatUses(Value result) {
  return llvm::all_of(result.getUses(), [](OpOperand &use) {
    auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
    if (!generic || !generic.isDpsInput(&use))
      return false;
    return llvm::all_of(
        generic.getMatchingBlockArgument(&use).getUsers(), [](Operation *user) {
          return isa<arith::SIToFPOp>(user) &&
                 isWideElementType(user->getResult(0).getType());
        });
  });
}

LogicalResult Rewriter::checkResult(Refusal &refusal) {
  Value result = op->getResult(0);
  resultElement = getElementTypeOrSelf(result.getType());
  if (isWideElementType(resultElement))
    return success();
  if (!resultElement.isSignlessInteger(32))
    return refusal.set("its result has element type " +
                       debugString(resultElement));
  if (!hasOnlyFloatUses(result))
    return refusal.set("its result has element type i32, and isn't only "
                       "converted to a float");
  resultElement = builder.getF32Type();
  return success();
}

/// What the sum starts from: nothing, a value a column, or a whole tensor.
LogicalResult Rewriter::matchInitial(const Contraction &contraction,
                                     Refusal &refusal) {
  const ElementExpr *init = contraction.init;
  if (init->isConstant(0))
    return success();
  const ElementExpr *value = stripExtensions(init);
  if (!isWideElementType(value->type) || !value->isMaterializable)
    return refusal.set("it accumulates into values of type " +
                       debugString(init->type) + " that aren't zeros");
  bool perColumn = llvm::none_of(
      contraction.m, [&](unsigned loop) { return init->dependsOn(loop); });
  perColumn &= llvm::none_of(
      contraction.batch, [&](unsigned loop) { return init->dependsOn(loop); });
  (perColumn ? initial.bias : initial.residual) = value;
  return success();
}

/// [batch..., rows..., K]: rows in one dimension, if asked for, and so are the
/// contracting loops.
LoopGroups Rewriter::getGroups(const Contraction &contraction,
                               ArrayRef<unsigned> rows, bool collapse) {
  LoopGroups groups;
  for (unsigned loop : contraction.batch)
    groups.push_back({loop});
  if (collapse || rows.empty()) {
    groups.emplace_back(rows);
  } else {
    for (unsigned loop : rows)
      groups.push_back({loop});
  }
  groups.emplace_back(contraction.k);
  return groups;
}

/// [batch..., m..., n...] of the product's [batch..., rows, columns], in the
/// order of the result.
Value Rewriter::restoreShape(const Contraction &contraction, Value product) {
  auto productType = cast<RankedTensorType>(product.getType());
  int64_t numBatch = contraction.batch.size(), m = contraction.m.size(),
          n = contraction.n.size();
  bool rowsApart =
      productType.getRank() == numBatch + std::max<int64_t>(m, 1) + 1 && m > 1;
  // Dimensions of the product by those of the whole.
  SmallVector<ReassociationIndices> groups;
  SmallVector<unsigned> loops = contraction.batch;
  llvm::append_range(loops, contraction.m);
  llvm::append_range(loops, contraction.n);
  int64_t next = 0;
  auto addGroup = [&](int64_t count) {
    groups.emplace_back(
        llvm::to_vector<2>(llvm::seq<int64_t>(next, next + count)));
    next += count;
  };
  for (int64_t i = 0; i < numBatch; ++i)
    addGroup(1);
  if (rowsApart)
    for (int64_t i = 0; i < m; ++i)
      addGroup(1);
  else
    addGroup(m);
  addGroup(n);

  // Extents of 1 that no loop stands for.
  if (llvm::any_of(groups, [](const auto &group) { return group.empty(); })) {
    SmallVector<ReassociationIndices> collapse;
    ReassociationIndices pending;
    for (auto [dim, group] : llvm::enumerate(groups)) {
      pending.push_back(dim);
      if (!group.empty()) {
        collapse.push_back(pending);
        pending.clear();
      }
    }
    if (!pending.empty() && !collapse.empty())
      llvm::append_range(collapse.back(), pending);
    product = tensor::CollapseShapeOp::create(builder, loc, product, collapse);
    llvm::erase_if(groups, [](const auto &group) { return group.empty(); });
  }
  if (static_cast<int64_t>(loops.size()) >
      static_cast<int64_t>(groups.size())) {
    SmallVector<OpFoldResult> sizes;
    SmallVector<int64_t> shape;
    for (unsigned loop : loops) {
      sizes.push_back(getLoopSize(builder, op, loop));
      shape.push_back(contraction.extents[loop]);
    }
    product = tensor::ExpandShapeOp::create(
        builder, loc, RankedTensorType::get(shape, resultElement), product,
        groups, sizes);
  }
  return transpose(builder, loc, product, contraction.resultPermutation);
}

void Rewriter::addNotes(ScaledMatmulOp matmul, ArrayRef<std::string> notes) {
  if (notes.empty())
    return;
  SmallVector<StringRef> refs(notes.begin(), notes.end());
  matmul->setAttr(QMMDialect::kNotesAttr, builder.getStrArrayAttr(refs));
}

/// The conversions of an i32 sum, now of an f32 one.
void Rewriter::convertUsers(Value result) {
  for (OpOperand &use : result.getUses()) {
    auto generic = cast<linalg::GenericOp>(use.getOwner());
    BlockArgument argument = generic.getMatchingBlockArgument(&use);
    argument.setType(builder.getF32Type());
    for (Operation *user : llvm::make_early_inc_range(argument.getUsers())) {
      Value converted = argument;
      if (!user->getResult(0).getType().isF32()) {
        OpBuilder body(user);
        converted = arith::TruncFOp::create(
            body, user->getLoc(), user->getResult(0).getType(), argument);
      }
      user->getResult(0).replaceAllUsesWith(converted);
      user->erase();
    }
  }
}

static TypeAttr getPrecision(const OperandMatch &match) {
  return match.precision ? TypeAttr::get(match.precision) : TypeAttr();
}

LogicalResult Rewriter::run(Refusal &refusal) {
  FailureOr<Contraction> contraction = matchContraction(op, tracer, refusal);
  if (failed(contraction) || failed(checkResult(refusal)) ||
      failed(matchInitial(*contraction, refusal)))
    return failure();
  if (roundings == Roundings::Keep && !contraction->notes.empty())
    return refusal.set(contraction->notes.front() +
                       " inside of it, and roundings are kept");
  FailureOr<OperandMatch> a = matchOperand(
      tracer, contraction->a, contraction->aRounding, roundings, refusal);
  if (failed(a))
    return failure();
  FailureOr<OperandMatch> b = matchOperand(
      tracer, contraction->b, contraction->bRounding, roundings, refusal);
  if (failed(b))
    return failure();

  auto refuseFamily = [&](StringRef family) {
    return refusal.set("it is a " + family +
                       " product, and those aren't asked for");
  };
  if (a->codes && b->codes && !families.quantized)
    return refuseFamily("quantized");
  if (!a->codes && !b->codes && !families.wide)
    return refuseFamily("wide");
  if (!a->codes != !b->codes && !families.weightOnly)
    return refuseFamily("weight-only");

  // Rows stay apart as batch dimensions of one right side, unless a block
  // covers several of them.
  bool collapse = !contraction->batch.empty() || contraction->m.size() == 1 ||
                  initial.residual || contraction->m.size() + 1 > QMM_MAX_RANK;
  for (const ScaleFactor &scale : a->scales)
    collapse |= !scale.expr->isUniform();

  // What is built before a refusal is dead, and goes.
  Operation *before = op->getPrevNode();
  auto undo = [&] {
    while (op->getPrevNode() != before)
      op->getPrevNode()->erase();
    return failure();
  };
  OperandBuilder operands(builder, tracer, *contraction, resultElement);
  FailureOr<Value> aValue = operands.build(
      *a, getGroups(*contraction, contraction->m, collapse), refusal);
  if (failed(aValue))
    return undo();
  FailureOr<Value> bValue = operands.build(
      *b, getGroups(*contraction, contraction->n, true), refusal);
  if (failed(bValue))
    return undo();
  Value bias, residual;
  if (initial.bias || initial.residual) {
    LoopGroups groups{contraction->n};
    if (initial.residual) {
      groups = getGroups(*contraction, contraction->m, true);
      groups.back() = contraction->n;
    }
    operands.setGroups(groups);
    FailureOr<Value> built = operands.buildTensor(
        initial.bias ? initial.bias : initial.residual, refusal);
    if (failed(built))
      return undo();
    (initial.bias ? bias : residual) = *built;
  }

  auto resultType = ScaledMatmulOp::inferResultType(
      cast<ShapedType>(aValue->getType()), cast<ShapedType>(bValue->getType()),
      resultElement);
  auto matmul = ScaledMatmulOp::create(
      builder, loc, TypeRange{resultType}, *aValue, *bValue, bias, residual,
      /*out_scale=*/Value(), /*alpha=*/Value(), Activation::None,
      getPrecision(*a), getPrecision(*b));
  SmallVector<std::string> notes = contraction->notes;
  for (std::string &note : a->notes)
    notes.push_back("a: " + note);
  for (std::string &note : b->notes)
    notes.push_back("b: " + note);
  if (!resultElement.isF32())
    notes.push_back("sum accumulated in f32, not " +
                    debugString(resultElement));
  addNotes(matmul, notes);
  Value result = op->getResult(0);
  if (result.getType() !=
      RankedTensorType::get(cast<RankedTensorType>(result.getType()).getShape(),
                            resultElement))
    convertUsers(result);
  result.replaceAllUsesWith(restoreShape(*contraction, matmul.getResult()));
  return success();
}

RecognitionCounts mlir::qmm::recognizeContractions(Operation *root,
                                                   ProductFamilies families,
                                                   Roundings roundings) {
  RecognitionCounts counts;
  SmallVector<linalg::LinalgOp> candidates;
  root->walk([&](linalg::LinalgOp op) {
    if (isContraction(op) && !op->hasAttr(QMMDialect::kReasonAttr))
      candidates.push_back(op);
  });
  ElementTracer tracer;
  SmallVector<Operation *> dead;
  for (linalg::LinalgOp op : candidates) {
    Refusal refusal;
    if (succeeded(Rewriter(op, tracer, families, roundings).run(refusal))) {
      ++counts.rewritten;
      dead.push_back(op);
      continue;
    }
    ++counts.refused;
    op->setAttr(QMMDialect::kReasonAttr,
                StringAttr::get(op->getContext(), refusal.reason));
    InFlightDiagnostic remark = emitRemark(op.getLoc());
    remark << "matmul not rewritten: " << refusal.reason;
    if (refusal.where && *refusal.where != op.getLoc()) {
      remark.attachNote(*refusal.where) << "here";
      op->setAttr(kReasonLocationAttr, LocationAttr(*refusal.where));
    }
  }
  // Only now: the tracer knows values by their addresses.
  for (Operation *op : dead)
    op->erase();
  return counts;
}

namespace {
struct RecognizeContractions
    : qmm::impl::RecognizeContractionsBase<RecognizeContractions> {
  using RecognizeContractionsBase::RecognizeContractionsBase;

  void runOnOperation() override {
    ProductFamilies asked{families.empty(), families.empty(), families.empty()};
    for (StringRef family : families) {
      if (family == "quantized") {
        asked.quantized = true;
      } else if (family == "weight-only") {
        asked.weightOnly = true;
      } else if (family == "wide") {
        asked.wide = true;
      } else {
        emitError(getOperation()->getLoc())
            << "unknown family '" << family
            << "'; there are quantized, weight-only and wide";
        return signalPassFailure();
      }
    }
    RecognitionCounts counts =
        recognizeContractions(getOperation(), asked, roundings);
    numRewritten += counts.rewritten;
    numRefused += counts.refused;
    if (counts.rewritten == 0 && counts.refused == 0)
      markAllAnalysesPreserved();
  }
};
} // namespace
