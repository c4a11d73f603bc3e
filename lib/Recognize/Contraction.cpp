//===- Contraction.cpp - Sums of products over loops ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's contraction interface knows two operands of projected
// permutations; scales inside the body and split K loops are ours.
//
//===----------------------------------------------------------------------===//

#include "Contraction.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace mlir::qmm;

/// The product that the body adds to the accumulator, if it does just that.
static Value getSummand(linalg::LinalgOp op) {
  if (op->getNumResults() > 1 || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() == 0)
    return {};
  Block *body = op.getBlock();
  Value yielded = body->getTerminator()->getOperand(0);
  Operation *sum = yielded.getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum) ||
      sum->getBlock() != body)
    return {};
  Value accumulator = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  for (unsigned i : {0, 1})
    if (sum->getOperand(i) == accumulator &&
        sum->getOperand(1 - i) != accumulator)
      return sum->getOperand(1 - i);
  return {};
}

static Value stripBodyExtensions(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::ExtSIOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

bool mlir::qmm::isContraction(linalg::LinalgOp op) {
  Value summand = getSummand(op);
  if (!summand)
    return false;
  Operation *product = stripBodyExtensions(summand).getDefiningOp();
  return isa_and_nonnull<arith::MulFOp, arith::MulIOp>(product) &&
         product->getBlock() == op.getBlock();
}

namespace {
/// A product of factors [begin, end) that is rounded to `type`, and extended or
/// multiplied behind that.
struct NarrowProduct {
  Type type;
  size_t begin, end;
};
} // namespace

/// The factors of a product in the body, seen through extensions of products.
/// `isFactor`: it is one of a larger product itself.
static void collectFactors(const ElementExpr *expr, bool isFactor,
                           SmallVectorImpl<const ElementExpr *> &factors,
                           SmallVectorImpl<NarrowProduct> &narrow) {
  const ElementExpr *product = expr;
  while ((product->isOp("arith.extf") || product->isOp("arith.extsi")) &&
         !product->origin.tensor)
    product = product->operands[0];
  if ((product->isOp("arith.mulf") || product->isOp("arith.muli")) &&
      !product->origin.tensor) {
    size_t first = factors.size();
    for (const ElementExpr *operand : product->operands)
      collectFactors(operand, /*isFactor=*/true, factors, narrow);
    if (isFactor ? isa<BFloat16Type, Float16Type>(product->type)
                 : product != expr && isa<FloatType>(product->type))
      narrow.push_back({product->type, first, factors.size()});
    return;
  }
  factors.push_back(expr);
}

static llvm::SmallBitVector getLoops(const ElementExpr *expr,
                                     unsigned numLoops) {
  llvm::SmallBitVector loops = expr->loops;
  loops.resize(numLoops);
  return loops;
}

/// Is a tensor read at a sum of a parallel and a reduction loop?
static bool isConvolution(linalg::LinalgOp op) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (AffineMap map : op.getIndexingMapsArray())
    for (AffineExpr result : map.getResults()) {
      bool parallel = false, reduction = false;
      for (auto [loop, iterator] : llvm::enumerate(iterators))
        if (result.isFunctionOfDim(loop))
          (iterator == utils::IteratorType::parallel ? parallel : reduction) =
              true;
      if (parallel && reduction)
        return true;
    }
  return false;
}

static bool isCode(const ElementExpr *expr) {
  while (expr->isOp("arith.extf") || expr->isOp("arith.sitofp") ||
         expr->isOp("arith.extsi"))
    expr = expr->operands[0];
  return isCodeType(expr->type);
}

/// The factors of each side: the two of most loops, and the others with one
/// that has all their loops.
static LogicalResult splitFactors(Contraction &contraction,
                                  ArrayRef<const ElementExpr *> factors,
                                  Refusal &refusal) {
  unsigned numLoops = contraction.extents.size();
  if (factors.size() < 2)
    return refusal.set("it isn't a sum of products");
  auto countLoops = [&](const ElementExpr *factor) {
    return getLoops(factor, numLoops).count();
  };
  const ElementExpr *sides[2] = {factors[0], factors[1]};
  for (const ElementExpr *factor : factors.drop_front(2)) {
    // The one of fewer loops gives way.
    unsigned least = countLoops(sides[0]) < countLoops(sides[1]) ? 0 : 1;
    if (countLoops(factor) > countLoops(sides[least]))
      sides[least] = factor;
  }
  // In the order of the program.
  if (llvm::find(factors, sides[0]) > llvm::find(factors, sides[1]))
    std::swap(sides[0], sides[1]);
  for (const ElementExpr *factor : factors) {
    if (factor == sides[0] && contraction.a.empty()) {
      contraction.a.push_back(factor);
      continue;
    }
    if (factor == sides[1] && contraction.b.empty()) {
      contraction.b.push_back(factor);
      continue;
    }
    llvm::SmallBitVector loops = getLoops(factor, numLoops);
    bool fitsA = !loops.test(getLoops(sides[0], numLoops));
    bool fitsB = !loops.test(getLoops(sides[1], numLoops));
    // A scale goes to codes.
    if (fitsA && (!fitsB || isCode(sides[0]) || !isCode(sides[1])))
      contraction.a.push_back(factor);
    else if (fitsB)
      contraction.b.push_back(factor);
    else
      return refusal.set("a factor of its products has loops of both operands");
  }
  return success();
}

FailureOr<Contraction> mlir::qmm::matchContraction(linalg::LinalgOp op,
                                                   ElementTracer &tracer,
                                                   Refusal &refusal) {
  if (!op.hasPureTensorSemantics())
    return refusal.set("it works on buffers, not on tensors");
  if (isConvolution(op))
    return refusal.set("it is a convolution: a tensor is read at a sum of a "
                       "row and a contracting loop");
  Contraction contraction;
  contraction.op = op;
  contraction.extents = op.getStaticLoopRanges();
  unsigned numLoops = op.getNumLoops();
  MLIRContext *context = op.getContext();
  SmallVector<const ElementExpr *> factors;
  SmallVector<NarrowProduct> narrow;
  collectFactors(
      tracer.traceScalar(getSummand(op), op,
                         AffineMap::getMultiDimIdentityMap(numLoops, context)),
      /*isFactor=*/false, factors, narrow);
  if (failed(splitFactors(contraction, factors, refusal)))
    return failure();

  AffineMap resultMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!resultMap.isProjectedPermutation())
    return refusal.set("its result is written at computed indices");
  llvm::SmallBitVector a(numLoops), b(numLoops);
  for (const ElementExpr *factor : contraction.a)
    a |= getLoops(factor, numLoops);
  for (const ElementExpr *factor : contraction.b)
    b |= getLoops(factor, numLoops);
  // a is the side whose own loop comes first in the result.
  for (AffineExpr result : resultMap.getResults()) {
    unsigned loop = cast<AffineDimExpr>(result).getPosition();
    if (a.test(loop) == b.test(loop))
      continue;
    if (b.test(loop)) {
      std::swap(a, b);
      std::swap(contraction.a, contraction.b);
    }
    break;
  }
  SmallVector<unsigned> order, anybodys;
  for (AffineExpr result : resultMap.getResults()) {
    unsigned loop = cast<AffineDimExpr>(result).getPosition();
    order.push_back(loop);
    if (a.test(loop) && b.test(loop))
      contraction.batch.push_back(loop);
    else if (a.test(loop))
      contraction.m.push_back(loop);
    else if (b.test(loop))
      contraction.n.push_back(loop);
    else if (contraction.extents[loop] == 1)
      contraction.m.push_back(loop);
    else
      anybodys.push_back(loop);
  }
  // A broadcast: of the side that lacks a dimension.
  for (unsigned loop : anybodys)
    (contraction.n.empty() ? contraction.n : contraction.m).push_back(loop);
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (auto [loop, iterator] : llvm::enumerate(iterators)) {
    if (iterator == utils::IteratorType::reduction)
      contraction.k.push_back(loop);
    else if (!llvm::is_contained(order, loop) && contraction.extents[loop] != 1)
      return refusal.set("a parallel loop is none of its result's dimensions");
  }
  // Of a matrix and a vector, the vector is the row.
  if (contraction.n.empty()) {
    std::swap(contraction.a, contraction.b);
    std::swap(contraction.m, contraction.n);
  }
  for (const NarrowProduct &product : narrow) {
    auto isOf = [&](ArrayRef<const ElementExpr *> side) {
      return llvm::all_of(
          ArrayRef(factors).slice(product.begin, product.end - product.begin),
          [&](const ElementExpr *f) { return llvm::is_contained(side, f); });
    };
    size_t count = product.end - product.begin;
    bool isA = isOf(contraction.a) && count == contraction.a.size();
    bool isB = isOf(contraction.b) && count == contraction.b.size();
    if (isA || isB) {
      (isA ? contraction.aRounding : contraction.bRounding) = product.type;
      continue;
    }
    std::string text = isOf(contraction.a)   ? "a: element times scale"
                       : isOf(contraction.b) ? "b: element times scale"
                                             : "product of elements";
    text += " rounded to " + debugString(product.type);
    if (!llvm::is_contained(contraction.notes, text))
      contraction.notes.push_back(std::move(text));
  }
  SmallVector<unsigned> natural = contraction.batch;
  llvm::append_range(natural, contraction.m);
  llvm::append_range(natural, contraction.n);
  for (unsigned loop : order)
    contraction.resultPermutation.push_back(llvm::find(natural, loop) -
                                            natural.begin());
  contraction.init = tracer.trace({op.getDpsInitOperand(0)->get(), resultMap});
  return contraction;
}

OpFoldResult mlir::qmm::getLoopSize(OpBuilder &builder, linalg::LinalgOp op,
                                    unsigned loop) {
  int64_t extent = op.getStaticLoopRanges()[loop];
  if (!ShapedType::isDynamic(extent))
    return builder.getIndexAttr(extent);
  for (OpOperand &operand : op->getOpOperands())
    for (auto [dim, result] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto position = dyn_cast<AffineDimExpr>(result);
          position && position.getPosition() == loop)
        return tensor::DimOp::create(builder, op.getLoc(), operand.get(), dim)
            .getResult();
  llvm_unreachable("a loop's extent is that of some operand");
}
