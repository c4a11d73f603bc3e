//===- FuseEpilogueApply.cpp - Products with their epilogues -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The new product stands behind the last of its operands, which may come after
// the old one.
//
//===----------------------------------------------------------------------===//

#include "Fuser.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Support/DebugStringHelper.h"

using namespace mlir;
using namespace mlir::qmm;

//===----------------------------------------------------------------------===//
// The new product
//===----------------------------------------------------------------------===//

Operation *Fuser::getLatest(Operation *latest, Value value) {
  Operation *definition = value.getDefiningOp();
  definition = definition
                   ? latest->getBlock()->findAncestorOpInBlock(*definition)
                   : nullptr;
  return definition && latest->isBeforeInBlock(definition) ? definition
                                                           : latest;
}

Operation *Fuser::getLatest(Operation *latest, const ElementExpr *expr) {
  if (!expr)
    return latest;
  if (expr->origin.tensor && expr->kind != ElementExpr::Kind::Constant)
    latest = getLatest(latest, expr->origin.tensor);
  if (expr->kind == ElementExpr::Kind::Moved)
    expr->op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        latest = getLatest(latest, operand);
    });
  for (const ElementExpr *operand : expr->operands)
    latest = getLatest(latest, operand);
  return latest;
}

const ElementExpr *Fuser::toVector(const ElementExpr *expr, unsigned dim) {
  auto type = cast<RankedTensorType>(base.getType());
  MLIRContext *context = type.getContext();
  SmallVector<AffineExpr> dims(type.getRank(),
                               getAffineConstantExpr(0, context));
  dims[dim] = getAffineDimExpr(0, context);
  // The extent is given as unknown, so that a vector of one keeps its dim.
  return tracer.substitute(expr, dims, {ShapedType::kDynamic});
}

/// The number of columns of the product.
OpFoldResult Fuser::getColumns(OpBuilder &builder) {
  auto type = cast<ShapedType>(product.getResult().getType());
  int64_t columns = type.getShape().back();
  if (!ShapedType::isDynamic(columns))
    return builder.getIndexAttr(columns);
  ReifiedRankedShapedTypeDims shapes;
  // Never fails: extents are those of the operands.
  (void)product.reifyResultShapes(builder, shapes);
  return shapes.front().back();
}

/// One value a column as a vector: where it stands, without dimensions of 1.
Value Fuser::buildBias(OpBuilder &builder, const ElementExpr *expr) {
  if (!expr)
    return product.getBias();
  Location loc = product.getLoc();
  auto domain = cast<RankedTensorType>(base.getType());
  expr = toVector(expr, domain.getRank() - 1);
  int64_t n = cast<ShapedType>(product.getResult().getType()).getShape().back();
  auto isVector = [&](RankedTensorType type) {
    for (auto [extent, index] :
         llvm::zip_equal(type.getShape(), expr->origin.index.getResults()))
      if (isa<AffineConstantExpr>(index) ? extent != 1
                                         : !isa<AffineDimExpr>(index))
        return false;
    return type.getNumElements() == n;
  };
  if (expr->kind == ElementExpr::Kind::Leaf && expr->origin.index) {
    auto type = cast<RankedTensorType>(expr->origin.tensor.getType());
    if (type.getRank() == 1 &&
        isa<AffineDimExpr>(expr->origin.index.getResult(0))) {
      if (type.getDimSize(0) == n)
        return expr->origin.tensor;
      // The trace looks through a slice.
      OpFoldResult zero = builder.getIndexAttr(0),
                   one = builder.getIndexAttr(1);
      return tensor::ExtractSliceOp::create(builder, loc, expr->origin.tensor,
                                            zero, getColumns(builder), one);
    }
    if (type.hasStaticShape() && isVector(type) && type.getRank() > 1)
      return tensor::CollapseShapeOp::create(
          builder, loc, expr->origin.tensor,
          {llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()))});
  }
  return materialize(builder, loc, expr, getColumns(builder));
}

/// A tensor of the domain's shape, in the shape of the product.
Value Fuser::buildResidual(OpBuilder &builder, const ElementExpr *expr) {
  if (!expr)
    return product.getResidual();
  Value value = expr->origin.tensor;
  Type element = getElementTypeOrSelf(value.getType());
  for (Operation *view : llvm::reverse(views)) {
    auto source = cast<RankedTensorType>(view->getOperand(0).getType());
    auto type = source.clone(element);
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(view))
      value =
          tensor::CollapseShapeOp::create(builder, view->getLoc(), type, value,
                                          expand.getReassociationIndices());
    else
      value = tensor::ExpandShapeOp::create(
          builder, view->getLoc(), type, value,
          cast<tensor::CollapseShapeOp>(view).getReassociationIndices());
  }
  return value;
}

ScaledMatmulOp Fuser::create(OpBuilder &builder, Type type, Value a, Value b,
                             Value bias, Value residual, Value outScale,
                             Activation activation, const AmaxMatch *amax,
                             ArrayRef<std::string> notes) {
  SmallVector<Type> types = {type};
  if (amax)
    types.push_back(RankedTensorType::get({}, builder.getF32Type()));
  auto op = ScaledMatmulOp::create(builder, product.getLoc(), types, a, b, bias,
                                   residual, outScale, product.getAlpha(),
                                   activation, product.getAPrecisionAttr(),
                                   product.getBPrecisionAttr());
  op->setDiscardableAttrs(product->getDiscardableAttrDictionary());
  llvm::SmallSetVector<Attribute, 4> all;
  if (auto old = product->getAttrOfType<ArrayAttr>(QMMDialect::kNotesAttr))
    all.insert(old.begin(), old.end());
  for (const std::string &note : notes)
    all.insert(builder.getStringAttr(note));
  if (!all.empty())
    op->setAttr(QMMDialect::kNotesAttr,
                builder.getArrayAttr(all.getArrayRef()));
  if (amax) {
    Value replacement = convertAmax(builder, product.getLoc(), op.getAmax(),
                                    amax->result.getType());
    Value(amax->result).replaceAllUsesWith(replacement);
  }
  return op;
}

/// What the new product has to stand behind.
Operation *Fuser::getLatest(const Epilogue &epilogue) {
  Operation *latest = product;
  latest = getLatest(latest, epilogue.bias);
  latest = getLatest(latest, epilogue.residual);
  for (const auto &factors : epilogue.factors)
    for (const ProductFactor &factor : factors)
      latest = getLatest(latest, factor.expr);
  if (epilogue.quantize)
    latest = getLatest(latest, epilogue.quantize->operand);
  for (Operation *view : views)
    for (Value operand : llvm::drop_begin(view->getOperands()))
      latest = getLatest(latest, operand);
  return latest;
}

/// Is `amax` needed where the new product can stand at the earliest?
bool Fuser::isUsedBefore(const AmaxMatch &amax, Operation *latest) {
  return llvm::is_contained(amax.ops, latest) ||
         llvm::any_of(getLiveUsers(amax.result), [&](Operation *user) {
           Operation *ancestor =
               latest->getBlock()->findAncestorOpInBlock(*user);
           return ancestor &&
                  (ancestor == latest || ancestor->isBeforeInBlock(latest));
         });
}

void Fuser::apply(const Epilogue &epilogue, Value end, const Followers &region,
                  const AmaxMatch *amax, Operation *latest) {
  OpBuilder builder(product->getContext());
  builder.setInsertionPointAfter(latest);
  Location loc = product.getLoc();

  Value operands[2] = {product.getA(), product.getB()};
  for (unsigned i : {0, 1}) {
    SmallVector<ProductFactor> factors(epilogue.factors[i]);
    unsigned rank = cast<RankedTensorType>(base.getType()).getRank();
    for (ProductFactor &factor : factors)
      if (factor.extent != Extent::Tensor)
        factor.expr = toVector(factor.expr, i == 0 ? rank - 2 : rank - 1);
    operands[i] = scaleOperand(builder, loc, operands[i], factors);
  }
  Value bias = buildBias(builder, epilogue.bias);
  Value residual = buildResidual(builder, epilogue.residual);
  Activation activation = epilogue.activation == Activation::None
                              ? product.getActivation()
                              : epilogue.activation;
  auto wide = cast<RankedTensorType>(product.getResult().getType());
  Type element = getElementTypeOrSelf(end.getType());
  Type type = wide.clone(element);
  Value outScale;
  if (epilogue.quantize) {
    outScale = materializeOutScale(builder, loc, epilogue.quantize->operand,
                                   !epilogue.quantize->divides &&
                                       epilogue.quantize->operand);
    auto scheme = SchemeAttr::get(builder.getContext(), element, 0, 0,
                                  builder.getF32Type(), false);
    type =
        QuantizedTensorType::get(wide.getShape(), wide.getElementType(), scheme,
                                 LayoutAttr::getPlain(builder.getContext()));
  }
  ScaledMatmulOp op =
      create(builder, type, operands[0], operands[1], bias, residual, outScale,
             activation, amax, epilogue.notes);
  Value result = op.getResult();
  if (epilogue.quantize)
    result = DisassembleOp::create(builder, loc, result).getResult(0);
  SmallVector<Operation *> newViews;
  for (Operation *view : views) {
    IRMapping mapping;
    mapping.map(view->getOperand(0), result);
    Operation *copy = builder.clone(*view, mapping);
    copy->getResult(0).setType(
        cast<RankedTensorType>(view->getResult(0).getType()).clone(element));
    newViews.push_back(copy);
    result = copy->getResult(0);
  }
  end.replaceAllUsesWith(result);

  replace(op, newViews, result, region.ops.getArrayRef(), amax);
}

/// Goes on with the new product; what is left of the old one is dead.
void Fuser::replace(ScaledMatmulOp op, ArrayRef<Operation *> newViews,
                    Value result, ArrayRef<Operation *> ops,
                    const AmaxMatch *amax) {
  ++fused;
  for (Operation *old : llvm::reverse(ops))
    markDead(old);
  if (amax)
    for (Operation *old : llvm::reverse(amax->ops))
      markDead(old);
  for (Operation *old : llvm::reverse(views))
    markDead(old);
  markDead(product);
  product = op;
  views.assign(newViews.begin(), newViews.end());
  base = result;
}

//===----------------------------------------------------------------------===//
// qmm.quantize of a product
//===----------------------------------------------------------------------===//

bool Fuser::fuseQuantizeOp() {
  std::optional<AmaxMatch> amax = findAmax();
  QuantizeOp quantize;
  for (Operation *user : getLiveUsers(base)) {
    if (amax && user == amax->ops.front())
      continue;
    auto op = dyn_cast<QuantizeOp>(user);
    if (!op || quantize || op->getBlock() != product->getBlock())
      return false;
    quantize = op;
  }
  if (!quantize)
    return false;
  std::string reason;
  FailureOr<Value> outScale = getOutScale(quantize, reason);
  if (succeeded(outScale) && !getDomain().hasColumns) {
    reason = "is reshaped to other columns before it is quantized";
    outScale = failure();
  }
  auto wide = cast<RankedTensorType>(product.getResult().getType());
  if (succeeded(outScale) && roundings == Roundings::Keep &&
      !wide.getElementType().isF32()) {
    reason = getLostRounding(wide.getElementType(), "before its quantization");
    outScale = failure();
  }
  if (failed(outScale)) {
    remark(quantize, reason);
    return false;
  }
  Operation *latest = product;
  if (*outScale)
    latest = getLatest(latest, *outScale);
  if (amax && isUsedBefore(*amax, latest)) {
    remark(quantize, "is quantized with a scale that depends on its amax");
    return false;
  }

  OpBuilder builder(product->getContext());
  builder.setInsertionPointAfter(latest);
  SmallVector<std::string> notes;
  if (!wide.getElementType().isF32()) {
    notes.push_back("result rounded to " + debugString(wide.getElementType()) +
                    " before its quantization");
    if (amax)
      notes.push_back("result rounded to " +
                      debugString(wide.getElementType()) + " before its amax");
  }
  QuantizedTensorType old = quantize.getResult().getType();
  auto type = QuantizedTensorType::get(wide.getShape(), old.getExpressed(),
                                       old.getScheme(), old.getLayout());
  ScaledMatmulOp op =
      create(builder, type, product.getA(), product.getB(), product.getBias(),
             product.getResidual(), *outScale, product.getActivation(),
             amax ? &*amax : nullptr, notes);
  Value result = op.getResult();
  if (type != old)
    result = ReshapeOp::create(builder, quantize.getLoc(), old, result);
  quantize.getResult().replaceAllUsesWith(result);
  replace(op, {}, result, {quantize}, amax ? &*amax : nullptr);
  return true;
}
