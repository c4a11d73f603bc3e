//===- ElementExpr.cpp - What one element is computed from ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tracing through linalg ops whose loops are all parallel, reshapes and slices.
// Materialize.cpp goes the way back.
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace mlir::qmm;

bool ElementExpr::isOp(StringRef name) const {
  return kind == Kind::Op && op->getName().getStringRef() == name;
}

bool ElementExpr::stands() const {
  Value value = origin.tensor;
  if (!value || kind == Kind::Moved)
    return false;
  if (isa<RankedTensorType>(value.getType()))
    return getElementTypeOrSelf(value.getType()) == type;
  return kind == Kind::Leaf && !isa_and_nonnull<linalg::LinalgOp>(
                                   value.getParentRegion()->getParentOp());
}

bool mlir::qmm::isCodeType(Type type) {
  return isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType>(type) ||
         type.isSignlessInteger(8);
}

double mlir::qmm::getLargest(Type type) {
  return APFloat::getLargest(cast<FloatType>(type).getFloatSemantics())
      .convertToDouble();
}

/// The operands that codes would be in, of an op that can be part of a
/// dequantization.
static ArrayRef<const ElementExpr *> getCodeOperands(const ElementExpr &expr) {
  ArrayRef<const ElementExpr *> operands(expr.operands);
  if (expr.kind == ElementExpr::Kind::Moved)
    return operands;
  if (expr.kind != ElementExpr::Kind::Op)
    return {};
  if (isa<arith::MulFOp>(expr.op))
    return operands;
  if (isa<arith::SelectOp>(expr.op))
    return operands.drop_front();
  if (isa<arith::ExtFOp, arith::TruncFOp, arith::SIToFPOp, arith::ExtSIOp,
          arith::DivFOp, arith::SubFOp, arith::ScalingExtFOp>(expr.op))
    return operands.take_front();
  return {};
}

const ElementExpr *ElementTracer::add(ElementExpr expr) {
  auto join = [&](const llvm::SmallBitVector &loops) {
    if (loops.size() > expr.loops.size())
      expr.loops.resize(loops.size());
    expr.loops |= loops;
  };
  expr.loops.clear();
  if (expr.kind == ElementExpr::Kind::Op) {
    for (const ElementExpr *operand : expr.operands)
      join(operand->loops);
  } else if (expr.kind != ElementExpr::Kind::Constant && expr.origin.index) {
    expr.loops.resize(expr.origin.index.getNumDims());
    for (unsigned dim = 0; dim < expr.loops.size(); ++dim)
      if (expr.origin.index.isFunctionOfDim(dim))
        expr.loops.set(dim);
  }
  expr.isMaterializable =
      expr.kind == ElementExpr::Kind::Constant || expr.stands() ||
      (expr.kind != ElementExpr::Kind::Leaf &&
       llvm::all_of(expr.operands, [](const ElementExpr *operand) {
         return operand->isMaterializable;
       }));
  expr.mayHoldCodes =
      isCodeType(expr.type) ||
      llvm::any_of(getCodeOperands(expr), [](const ElementExpr *operand) {
        return operand->mayHoldCodes;
      });
  nodes.push_back(std::move(expr));
  return &nodes.back();
}

/// How many tensors a trace goes through: chains of ops are no dequantizations,
/// and the stack isn't endless.
constexpr unsigned kMaxDepth = 64;

/// The value of a float or integer constant, if `attribute` is one.
static std::optional<double> getConstant(Attribute attribute) {
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(attribute))
    attribute = splat.getSplatValue<Attribute>();
  if (auto number = dyn_cast_or_null<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto number = dyn_cast_or_null<IntegerAttr>(attribute))
    return static_cast<double>(number.getValue().getSExtValue());
  return std::nullopt;
}

const ElementExpr *ElementTracer::trace(Element element) {
  ElementExpr expr;
  expr.kind = ElementExpr::Kind::Leaf;
  expr.type = getElementTypeOrSelf(element.tensor.getType());
  expr.origin = element;
  if (depth == kMaxDepth)
    return add(std::move(expr));
  auto [it, isNew] = memo.try_emplace({element.tensor, element.index}, nullptr);
  if (!isNew)
    return it->second;
  auto finish = [&](const ElementExpr *expr) {
    memo[{element.tensor, element.index}] = expr;
    return expr;
  };

  Attribute attribute;
  if (matchPattern(element.tensor, m_Constant(&attribute)))
    if (std::optional<double> value = getConstant(attribute)) {
      expr.kind = ElementExpr::Kind::Constant;
      expr.constant = *value;
      return finish(add(std::move(expr)));
    }

  if (element.index) {
    llvm::SaveAndRestore deeper(depth, depth + 1);
    const ElementExpr *traced = nullptr;
    if (auto op = element.tensor.getDefiningOp<linalg::LinalgOp>();
        op && !getMovedSource(op))
      traced = traceLinalg(element, op);
    else
      traced = traceMovement(element);
    if (traced)
      return finish(traced);
  }
  return finish(add(std::move(expr)));
}

const ElementExpr *ElementTracer::traceLinalg(Element element,
                                              linalg::LinalgOp op) {
  unsigned result = cast<OpResult>(element.tensor).getResultNumber();
  OpOperand *init = op.getDpsInitOperand(result);
  AffineMap outMap = op.getMatchingIndexingMap(init);
  if (op.getNumParallelLoops() != op.getNumLoops() || !outMap.isPermutation() ||
      llvm::any_of(op.getDpsInitsMutable(), [&](OpOperand &operand) {
        return op.payloadUsesValueFromOperand(&operand);
      }))
    return nullptr;
  AffineMap loops = inversePermutation(outMap).compose(element.index);
  const ElementExpr *body = traceScalar(
      op.getBlock()->getTerminator()->getOperand(result), op, loops);
  if (body->origin.tensor || body->kind == ElementExpr::Kind::Moved)
    return body; // a broadcast: the value already stands elsewhere
  ElementExpr expr = *body;
  expr.origin = element;
  return add(std::move(expr));
}

/// The indices into the expanded tensor of a reassociation, from those into the
/// collapsed one; nullopt if an extent that they need is dynamic.
static std::optional<SmallVector<AffineExpr>>
expandIndices(ArrayRef<ReassociationIndices> groups, ArrayRef<int64_t> shape,
              ArrayRef<AffineExpr> collapsed, MLIRContext *context) {
  SmallVector<AffineExpr> indices(shape.size(),
                                  getAffineConstantExpr(0, context));
  for (auto [group, index] : llvm::zip_equal(groups, collapsed)) {
    int64_t stride = 1;
    SmallVector<int64_t> dims = llvm::to_vector(llvm::make_filter_range(
        group, [&](int64_t d) { return shape[d] != 1; }));
    for (auto [position, dim] : llvm::enumerate(llvm::reverse(dims))) {
      bool isOuter = position + 1 == dims.size();
      if (!isOuter && ShapedType::isDynamic(shape[dim]))
        return std::nullopt;
      indices[dim] = index.floorDiv(stride);
      if (isOuter)
        break;
      indices[dim] = indices[dim] % shape[dim];
      stride *= shape[dim];
    }
  }
  return indices;
}

/// The other way round.
static std::optional<SmallVector<AffineExpr>>
collapseIndices(ArrayRef<ReassociationIndices> groups, ArrayRef<int64_t> shape,
                ArrayRef<AffineExpr> expanded, MLIRContext *context) {
  SmallVector<AffineExpr> indices;
  for (const ReassociationIndices &group : groups) {
    AffineExpr sum = getAffineConstantExpr(0, context);
    int64_t stride = 1;
    for (int64_t dim : llvm::reverse(group)) {
      if (shape[dim] == 1)
        continue;
      if (ShapedType::isDynamic(stride))
        return std::nullopt;
      sum = sum + expanded[dim] * stride;
      stride =
          ShapedType::isDynamic(shape[dim]) ? shape[dim] : stride * shape[dim];
    }
    indices.push_back(sum);
  }
  return indices;
}

/// The read that `op` yields at indices that its body computes from anything
/// but what it reads.
static tensor::ExtractOp getIndexedRead(linalg::LinalgOp op) {
  if (op->getNumResults() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
    return {};
  Block *body = op.getBlock();
  auto read =
      body->getTerminator()->getOperand(0).getDefiningOp<tensor::ExtractOp>();
  if (!read || read->getBlock() != body ||
      read.getTensor().getType().getRank() == 0 ||
      getElementTypeOrSelf(op->getResult(0)) != read.getType())
    return {};
  bool readsTwice =
      llvm::is_contained(op->getOperands(), read.getTensor()) ||
      llvm::any_of(*body, [&](Operation &other) {
        return &other != read &&
               llvm::is_contained(other.getOperands(), read.getTensor());
      });
  return readsTwice ? tensor::ExtractOp() : read;
}

Value mlir::qmm::getMovedSource(Operation *op) {
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
          tensor::ExtractSliceOp, tensor::CastOp, tensor::PadOp,
          tensor::InsertSliceOp>(op))
    return op->getOperand(0);
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    if (tensor::ExtractOp read = getIndexedRead(generic))
      return read.getTensor();
  return {};
}

const ElementExpr *ElementTracer::traceMovement(Element element) {
  Operation *op = element.tensor.getDefiningOp();
  Value source = op ? getMovedSource(op) : Value();
  if (!source)
    return nullptr;
  auto sourceType = dyn_cast<RankedTensorType>(source.getType());
  auto resultType = dyn_cast<RankedTensorType>(element.tensor.getType());
  if (!sourceType || !resultType)
    return nullptr;
  MLIRContext *context = op->getContext();
  ArrayRef<AffineExpr> index = element.index.getResults();

  std::optional<SmallVector<AffineExpr>> indices;
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    indices = collapseIndices(expand.getReassociationIndices(),
                              resultType.getShape(), index, context);
  } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    indices = expandIndices(collapse.getReassociationIndices(),
                            sourceType.getShape(), index, context);
  } else if (isa<tensor::CastOp>(op)) {
    indices = llvm::to_vector(index);
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    ArrayRef<int64_t> offsets = slice.getStaticOffsets();
    ArrayRef<int64_t> strides = slice.getStaticStrides();
    // Static, so that whoever sees the source sees that it isn't all of it.
    if (!ShapedType::isDynamicShape(offsets) &&
        !ShapedType::isDynamicShape(strides) && sourceType.hasStaticShape() &&
        slice.getType().hasStaticShape()) {
      llvm::SmallBitVector dropped = slice.getDroppedDims();
      indices.emplace();
      for (int64_t dim = 0, next = 0; dim < sourceType.getRank(); ++dim) {
        AffineExpr offset = getAffineConstantExpr(offsets[dim], context);
        indices->push_back(
            dropped.test(dim) ? offset : index[next++] * strides[dim] + offset);
      }
    }
  }
  if (indices)
    return trace(
        {source, simplifyAffineMap(AffineMap::get(element.index.getNumDims(), 0,
                                                  *indices, context))});

  // Padding with anything but zero is a value of its own.
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Value padding = pad.getConstantPaddingValue();
    if (!padding || !matchPattern(padding, m_AnyZeroFloat()))
      return nullptr;
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    if (!trace({insert.getDest(), element.index})->isConstant(0))
      return nullptr;
  ElementExpr moved;
  moved.kind = ElementExpr::Kind::Moved;
  moved.type = resultType.getElementType();
  moved.op = op;
  moved.origin = element;
  moved.operands.push_back(trace({source, AffineMap::getMultiDimIdentityMap(
                                              sourceType.getRank(), context)}));
  return add(std::move(moved));
}

const ElementExpr *ElementTracer::traceScalar(Value scalar, linalg::LinalgOp op,
                                              AffineMap loops) {
  if (auto argument = dyn_cast<BlockArgument>(scalar);
      argument && argument.getOwner() == op.getBlock()) {
    OpOperand *operand = op.getMatchingOpOperand(argument);
    if (isa<RankedTensorType>(operand->get().getType()))
      return trace(
          {operand->get(), op.getMatchingIndexingMap(operand).compose(loops)});
    return trace({operand->get(), AffineMap()}); // linalg.fill's scalar
  }
  Attribute attribute;
  if (matchPattern(scalar, m_Constant(&attribute)))
    if (std::optional<double> value = getConstant(attribute)) {
      ElementExpr expr;
      expr.kind = ElementExpr::Kind::Constant;
      expr.type = scalar.getType();
      expr.constant = *value;
      expr.origin = {scalar, AffineMap()};
      return add(std::move(expr));
    }
  Operation *definition = scalar.getDefiningOp();
  // The element of a tensor of rank 0, read inside or outside.
  if (auto extract = dyn_cast_or_null<tensor::ExtractOp>(definition);
      extract && extract.getTensor().getType().getRank() == 0)
    return trace({extract.getTensor(),
                  AffineMap::get(loops.getNumDims(), 0, op.getContext())});
  // Of a value used twice there is one node, too.
  if (const ElementExpr *known = memo.lookup({scalar, loops}))
    return known;
  if (definition && definition->getBlock() == op.getBlock() &&
      isa<arith::ArithDialect, math::MathDialect>(definition->getDialect()) &&
      definition->getNumResults() == 1) {
    SmallVector<const ElementExpr *> operands;
    for (Value operand : definition->getOperands())
      operands.push_back(traceScalar(operand, op, loops));
    // A conversion of a constant is a constant, when it is exact.
    if (operands.size() == 1 &&
        operands[0]->kind == ElementExpr::Kind::Constant &&
        isa<arith::SIToFPOp, arith::ExtFOp, arith::TruncFOp>(definition) &&
        isa<FloatType>(scalar.getType())) {
      APFloat value(operands[0]->constant);
      bool losesInfo = false;
      value.convert(cast<FloatType>(scalar.getType()).getFloatSemantics(),
                    APFloat::rmNearestTiesToEven, &losesInfo);
      if (!losesInfo) {
        ElementExpr expr;
        expr.kind = ElementExpr::Kind::Constant;
        expr.type = scalar.getType();
        expr.constant = operands[0]->constant;
        return add(std::move(expr));
      }
    }
    ElementExpr expr;
    expr.kind = ElementExpr::Kind::Op;
    expr.type = scalar.getType();
    expr.op = definition;
    expr.operands = std::move(operands);
    return memo[{scalar, loops}] = add(std::move(expr));
  }
  ElementExpr leaf;
  leaf.kind = ElementExpr::Kind::Leaf;
  leaf.type = scalar.getType();
  // linalg.index and the like depend on the loops: say so with a loop's map.
  leaf.origin = {scalar, definition && definition->getBlock() == op.getBlock()
                             ? loops
                             : AffineMap()};
  return add(std::move(leaf));
}

const ElementExpr *ElementTracer::substitute(const ElementExpr *root,
                                             ArrayRef<AffineExpr> replacements,
                                             ArrayRef<int64_t> extents) {
  llvm::DenseMap<const ElementExpr *, const ElementExpr *> done;
  std::function<const ElementExpr *(const ElementExpr *)> visit =
      [&](const ElementExpr *expr) -> const ElementExpr * {
    if (const ElementExpr *known = done.lookup(expr))
      return known;
    ElementExpr copy = *expr;
    if (copy.origin.tensor && copy.origin.index) {
      SmallVector<AffineExpr> results;
      for (AffineExpr result : copy.origin.index.getResults())
        results.push_back(simplifyInExtents(
            result.replaceDimsAndSymbols(replacements, {}), extents));
      copy.origin.index = AffineMap::get(extents.size(), 0, results,
                                         copy.origin.index.getContext());
    }
    if (expr->kind == ElementExpr::Kind::Op)
      for (const ElementExpr *&operand : copy.operands)
        operand = visit(operand);
    return done[expr] = add(std::move(copy));
  };
  return visit(root);
}

const ElementExpr *ElementTracer::getLeaf(const ElementExpr *expr) {
  if (!expr->stands() || expr->kind != ElementExpr::Kind::Op)
    return expr;
  ElementExpr leaf;
  leaf.kind = ElementExpr::Kind::Leaf;
  leaf.type = expr->type;
  leaf.origin = expr->origin;
  return add(std::move(leaf));
}

const ElementExpr *ElementTracer::move(const ElementExpr *moved,
                                       const ElementExpr *inner) {
  ElementExpr copy = *moved;
  copy.type = inner->type;
  copy.operands.assign({inner});
  return add(std::move(copy));
}

const ElementExpr *ElementTracer::mask(const ElementExpr *masked,
                                       unsigned operand,
                                       const ElementExpr *inner) {
  ElementExpr zero;
  zero.kind = ElementExpr::Kind::Constant;
  zero.type = inner->type;
  const ElementExpr *zeros = add(std::move(zero));
  ElementExpr copy;
  copy.kind = ElementExpr::Kind::Op;
  copy.type = inner->type;
  copy.op = masked->op;
  copy.operands.assign({masked->operands[0], zeros, zeros});
  copy.operands[operand] = inner;
  return add(std::move(copy));
}

const ElementExpr *mlir::qmm::stripExtensions(const ElementExpr *expr) {
  // E8M0 has more exponents than f16: what is called an extension rounds.
  while (
      expr->isOp("arith.extf") &&
      !(expr->type.isF16() && isa<Float8E8M0FNUType>(expr->operands[0]->type)))
    expr = expr->operands[0];
  return expr;
}

AffineExpr mlir::qmm::simplifyInExtents(AffineExpr expr,
                                        ArrayRef<int64_t> extents) {
  SmallVector<std::optional<int64_t>> lower, upper;
  for (int64_t extent : extents) {
    lower.push_back(0);
    upper.push_back(ShapedType::isDynamic(extent)
                        ? std::optional<int64_t>()
                        : std::optional<int64_t>(extent - 1));
  }
  auto isInside = [&](AffineExpr e, int64_t limit) {
    std::optional<int64_t> low = getBoundForAffineExpr(
        e, extents.size(), 0, lower, upper, /*isUpper=*/false);
    std::optional<int64_t> high = getBoundForAffineExpr(
        e, extents.size(), 0, lower, upper, /*isUpper=*/true);
    return low && *low >= 0 && high && *high < limit;
  };
  std::function<AffineExpr(AffineExpr)> visit = [&](AffineExpr e) {
    auto binary = dyn_cast<AffineBinaryOpExpr>(e);
    if (!binary)
      return e;
    AffineExpr lhs = visit(binary.getLHS()), rhs = visit(binary.getRHS());
    e = getAffineBinaryOpExpr(e.getKind(), lhs, rhs);
    binary = dyn_cast<AffineBinaryOpExpr>(e);
    auto divisor = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS())
                          : AffineConstantExpr();
    if (!divisor)
      return e;
    if (e.getKind() == AffineExprKind::FloorDiv &&
        isInside(binary.getLHS(), divisor.getValue()))
      return getAffineConstantExpr(0, e.getContext());
    if (e.getKind() == AffineExprKind::Mod &&
        isInside(binary.getLHS(), divisor.getValue()))
      return binary.getLHS();
    return e;
  };
  SmallVector<AffineExpr> dims;
  for (auto [position, extent] : llvm::enumerate(extents))
    dims.push_back(extent == 1 ? getAffineConstantExpr(0, expr.getContext())
                               : getAffineDimExpr(position, expr.getContext()));
  expr = simplifyAffineExpr(expr.replaceDims(dims), extents.size(), 0);
  return simplifyAffineExpr(visit(expr), extents.size(), 0);
}
