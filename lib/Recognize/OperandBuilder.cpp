//===- OperandBuilder.cpp - Operands of qmm.scaled_matmul ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A scheme is read off the scale's indices: which loops it depends on, and in
// what steps.
//
//===----------------------------------------------------------------------===//

#include "OperandMatch.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace mlir::qmm;

void OperandBuilder::setGroups(const LoopGroups &loopGroups) {
  groups = loopGroups;
  MLIRContext *context = builder.getContext();
  extents.clear();
  loopSizes.clear();
  replacements.assign(contraction.extents.size(),
                      getAffineConstantExpr(0, context));
  isNormal = true;
  for (auto [position, group] : llvm::enumerate(groups)) {
    AffineExpr dim = getAffineDimExpr(position, context);
    int64_t stride = 1;
    for (unsigned loop : llvm::reverse(group)) {
      if (ShapedType::isDynamic(stride)) {
        isNormal = false;
        break;
      }
      int64_t extent = contraction.extents[loop];
      replacements[loop] = dim.floorDiv(stride);
      if (loop != group.front())
        replacements[loop] = replacements[loop] % extent;
      stride = ShapedType::isDynamic(extent) ? extent : stride * extent;
    }
    extents.push_back(stride);
    for (unsigned loop : group)
      loopSizes.push_back(getLoopSize(builder, contraction.op, loop));
  }
}

/// `expr` over the groups.
const ElementExpr *OperandBuilder::normalize(const ElementExpr *expr) {
  return tracer.substitute(expr, replacements, extents);
}

FailureOr<Value> OperandBuilder::buildTensor(const ElementExpr *expr,
                                             Refusal &refusal) {
  unsigned rank = groups.size();
  expr = tracer.getLeaf(expr);
  if (isa<Float4E2M1FNType>(expr->type)) {
    if (ShapedType::isDynamic(extents.back()) || extents.back() % 2 != 0)
      return refusal.set(
          "its 4-bit codes have a K that isn't even: two share a "
          "byte");
    const ElementExpr *normal = isNormal ? normalize(expr) : expr;
    if (!isNormal || normal->kind != ElementExpr::Kind::Leaf ||
        !getPermutation(normal->origin, extents) ||
        !isIdentityPermutation(*getPermutation(normal->origin, extents)))
      return refusal.set("its 4-bit codes aren't stored along K, in the order "
                         "of the product's rows");
    return normal->origin.tensor;
  }
  if (isNormal) {
    const ElementExpr *normal = normalize(expr);
    auto permutation =
        normal->origin.tensor && normal->kind != ElementExpr::Kind::Moved
            ? getPermutation(normal->origin, extents)
            : std::nullopt;
    if (permutation)
      return transpose(builder, loc, normal->origin.tensor, *permutation);
  }
  // Over the loops, and reshaped from there.
  SmallVector<AffineExpr> positions(contraction.extents.size(),
                                    builder.getAffineConstantExpr(0));
  SmallVector<int64_t> flatExtents;
  SmallVector<ReassociationIndices> collapse;
  for (const auto &group : groups) {
    if (!group.empty())
      collapse.emplace_back();
    for (unsigned loop : group) {
      collapse.back().push_back(flatExtents.size());
      positions[loop] = builder.getAffineDimExpr(flatExtents.size());
      flatExtents.push_back(contraction.extents[loop]);
    }
  }
  Value flat = materialize(
      builder, loc, tracer.substitute(expr, positions, flatExtents), loopSizes);
  if (collapse.size() < flatExtents.size())
    flat = tensor::CollapseShapeOp::create(builder, loc, flat, collapse);
  if (collapse.size() == rank)
    return flat;
  // Extents of 1 for what has no loops: before a dimension that has.
  SmallVector<ReassociationIndices> expand;
  SmallVector<OpFoldResult> sizes;
  SmallVector<int64_t> shape;
  int64_t next = 0;
  ReassociationIndices pending;
  for (auto [position, group] : llvm::enumerate(groups)) {
    pending.push_back(position);
    if (group.empty()) {
      sizes.push_back(builder.getIndexAttr(1));
      shape.push_back(1);
      continue;
    }
    sizes.push_back(tensor::getMixedSize(builder, loc, flat, next));
    shape.push_back(cast<RankedTensorType>(flat.getType()).getDimSize(next++));
    expand.push_back(pending);
    pending.clear();
  }
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(flat));
  return tensor::ExpandShapeOp::create(builder, loc, type, flat, expand, sizes)
      .getResult();
}

/// The constants that loop indices are divided by in `expr`.
static void collectDivisors(const ElementExpr *expr,
                            SmallVectorImpl<int64_t> &divisors) {
  if (expr->origin.tensor && expr->origin.index)
    expr->origin.index.walkExprs([&](AffineExpr e) {
      auto binary = dyn_cast<AffineBinaryOpExpr>(e);
      auto divisor = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS())
                            : AffineConstantExpr();
      if (divisor && e.getKind() == AffineExprKind::FloorDiv)
        divisors.push_back(divisor.getValue());
    });
  for (const ElementExpr *operand : expr->operands)
    if (expr->kind == ElementExpr::Kind::Op)
      collectDivisors(operand, divisors);
}

/// The largest block of dimension `dim` in which the factors don't change; 0
/// for all of it.  The factors are over the groups.
int64_t OperandBuilder::findBlock(ArrayRef<ScaleFactor> factors, unsigned dim) {
  SmallVector<int64_t> candidates;
  bool depends = false;
  for (const ScaleFactor &factor : factors) {
    depends |= factor.expr->dependsOn(dim);
    collectDivisors(factor.expr, candidates);
  }
  if (!depends)
    return 0;
  llvm::sort(candidates, std::greater<int64_t>());
  // dim = block * quotient + rest, the rest being one more dim.
  unsigned rank = groups.size();
  SmallVector<AffineExpr> split;
  for (unsigned i = 0; i < rank; ++i)
    split.push_back(builder.getAffineDimExpr(i));
  for (int64_t block : candidates) {
    SmallVector<int64_t> splitExtents(extents);
    if (!ShapedType::isDynamic(extents[dim]))
      splitExtents[dim] = llvm::divideCeil(extents[dim], block);
    splitExtents.push_back(block);
    split[dim] =
        builder.getAffineDimExpr(dim) * block + builder.getAffineDimExpr(rank);
    if (llvm::none_of(factors, [&](const ScaleFactor &factor) {
          return tracer.substitute(factor.expr, split, splitExtents)
              ->dependsOn(rank);
        }))
      return block;
  }
  return 1;
}

/// The product of the factors over a domain, in f32.
Value OperandBuilder::buildFactors(ArrayRef<ScaleFactor> factors,
                                   ArrayRef<OpFoldResult> sizes) {
  unsigned rank = sizes.size();
  SmallVector<Factor> values;
  for (const ScaleFactor &factor : factors) {
    if (factor.expr->isConstant(1) && factors.size() > 1)
      continue;
    bool isUniform = factor.expr->isUniform();
    values.push_back({isUniform ? materializeScalar(builder, loc, factor.expr)
                                : materialize(builder, loc, factor.expr, sizes,
                                              builder.getF32Type()),
                      isUniform ? AffineMap::get(rank, 0, builder.getContext())
                                : builder.getMultiDimIdentityMap(rank),
                      factor.inverse});
  }
  return multiply(builder, loc, values, sizes);
}

static SchemeAttr getScheme(Type element, int64_t blockOuter, int64_t blockK,
                            Type scale, bool tensorScale) {
  return SchemeAttr::get(element.getContext(), element, blockOuter, blockK,
                         scale, tensorScale);
}

FailureOr<OperandBuilder::Scales>
OperandBuilder::buildScales(ArrayRef<ScaleFactor> factors, Type element,
                            Refusal &refusal) {
  Type f32 = builder.getF32Type();
  bool uniform = llvm::all_of(
      factors, [](const ScaleFactor &f) { return f.expr->isUniform(); });
  if (uniform)
    return Scales{getScheme(element, 0, 0, f32, false),
                  {buildFactors(factors, {})}};
  if (!isNormal)
    return refusal.set("its scales vary, and its rows or K are several loops "
                       "of dynamic extents");

  SmallVector<ScaleFactor> whole, varying;
  for (const ScaleFactor &factor : factors) {
    if (factor.expr->isUniform())
      whole.push_back(factor);
    else
      varying.push_back({normalize(factor.expr), factor.inverse});
  }
  unsigned rank = groups.size(), outer = rank - 2, k = rank - 1;
  int64_t blockK = findBlock(varying, k),
          blockOuter = findBlock(varying, outer);
  if (blockK == 1)
    return refusal.set("its scale differs from element to element along K");
  if (blockOuter == 0)
    blockOuter = 1;

  // The domain of the blocks.
  SmallVector<AffineExpr> corners;
  SmallVector<int64_t> blockExtents;
  SmallVector<OpFoldResult> sizes;
  size_t nextLoop = 0;
  for (unsigned dim = 0; dim < rank; ++dim) {
    int64_t block = dim == outer ? blockOuter : dim == k ? blockK : 1;
    OpFoldResult size = builder.getIndexAttr(extents[dim]);
    if (ShapedType::isDynamic(extents[dim])) {
      // The product of its loops.
      Value product;
      for (size_t i = 0; i < groups[dim].size(); ++i) {
        Value loop = getValueOrCreateConstantIndexOp(builder, loc,
                                                     loopSizes[nextLoop + i]);
        product =
            product
                ? arith::MulIOp::create(builder, loc, product, loop).getResult()
                : loop;
      }
      if (block > 1) {
        Value step = arith::ConstantIndexOp::create(builder, loc, block);
        product = arith::CeilDivSIOp::create(builder, loc, product, step);
      }
      size = block == 0 ? OpFoldResult(builder.getIndexAttr(1))
                        : OpFoldResult(product);
      blockExtents.push_back(block == 0 ? 1 : ShapedType::kDynamic);
    } else {
      blockExtents.push_back(
          block == 0 ? 1 : llvm::divideCeil(extents[dim], block));
      size = builder.getIndexAttr(blockExtents.back());
    }
    nextLoop += groups[dim].size();
    sizes.push_back(size);
    corners.push_back(block == 0 ? builder.getAffineConstantExpr(0)
                                 : builder.getAffineDimExpr(dim) * block);
  }
  for (ScaleFactor &factor : varying)
    factor.expr = tracer.substitute(factor.expr, corners, blockExtents);

  // One narrow scale a block stays as it is.
  if (varying.size() == 1 && !varying.front().inverse) {
    const ElementExpr *scale = stripExtensions(varying.front().expr);
    bool isE8M0 = isa<Float8E8M0FNUType>(scale->type);
    if (isE8M0 || isa<Float8E4M3FNType>(scale->type)) {
      bool tensorScale =
          !whole.empty() ||
          (!isE8M0 && isa<Float4E2M1FNType>(element) && blockK == 16);
      Scales scales{
          getScheme(element, blockOuter, blockK, scale->type, tensorScale),
          {materialize(builder, loc, scale, sizes)}};
      if (tensorScale)
        scales.values.push_back(buildFactors(whole, {}));
      return scales;
    }
  }
  varying.append(whole);
  return Scales{getScheme(element, blockOuter, blockK, f32, false),
                {buildFactors(varying, sizes)}};
}

/// The type, or what is wrong with it.
static FailureOr<QuantizedTensorType>
getOperandType(Location loc, ArrayRef<int64_t> shape, Type expressed,
               SchemeAttr scheme, Refusal &refusal) {
  auto layout = LayoutAttr::getPlain(loc.getContext(),
                                     scheme.isFloat4() ? NibbleOrder::LoFirst
                                                       : NibbleOrder::None);
  std::string text;
  ScopedDiagnosticHandler handler(loc.getContext(),
                                  [&](Diagnostic &diagnostic) {
                                    text = diagnostic.str();
                                    return success();
                                  });
  auto type = QuantizedTensorType::getChecked(
      [&] { return mlir::emitError(loc); }, shape, expressed, scheme, layout);
  if (!type)
    return refusal.set(text);
  return type;
}

/// The codes, and how their dimensions are permuted to get the operand's.
FailureOr<Value> OperandBuilder::buildCodes(const OperandMatch &match,
                                            bool wholeBlocks,
                                            SmallVector<int64_t> &permutation,
                                            Refusal &refusal) {
  permutation = llvm::to_vector(llvm::seq<int64_t>(0, groups.size()));
  // One scale goes with any order: the dialect's transpose moves no byte yet.
  auto inPlace = [&](const ElementExpr *expr) -> Value {
    if (!isNormal || !wholeBlocks || isa<Float4E2M1FNType>(expr->type))
      return {};
    const ElementExpr *normal = normalize(tracer.getLeaf(expr));
    if (normal->kind == ElementExpr::Kind::Moved || !normal->origin.tensor ||
        getElementTypeOrSelf(normal->origin.tensor) != expr->type)
      return {};
    auto order = getPermutation(normal->origin, extents);
    if (!order)
      return {};
    permutation = *order;
    return normal->origin.tensor;
  };
  if (match.quantize) {
    const QuantizeMatch &quantize = *match.quantize;
    Value input;
    if (quantize.scale->isUniform())
      input = inPlace(quantize.input);
    if (!input) {
      FailureOr<Value> built = buildTensor(quantize.input, refusal);
      if (failed(built))
        return failure();
      input = *built;
    }
    Refusal ignored;
    FailureOr<Scales> scales =
        buildScales({{quantize.scale, false}}, match.codes->type, ignored);
    auto inputType = cast<RankedTensorType>(input.getType());
    FailureOr<QuantizedTensorType> type = failure();
    if (succeeded(scales) && scales->values.size() == 1)
      type =
          getOperandType(loc, inputType.getShape(), inputType.getElementType(),
                         scales->scheme, ignored);
    if (succeeded(type)) {
      TypeAttr precision = quantize.precision.isF32()
                               ? TypeAttr()
                               : TypeAttr::get(quantize.precision);
      Value quantized = QuantizeOp::create(
          builder, loc, *type, input, scales->values[0],
          /*tensor_scale=*/Value(), precision, E8M0Rounding::Ceil,
          /*scale_precision_input=*/false);
      return DisassembleOp::create(builder, loc, quantized).getResult(0);
    }
    permutation = llvm::to_vector(llvm::seq<int64_t>(0, groups.size()));
  }
  if (Value codes = inPlace(match.codes))
    return codes;
  return buildTensor(match.codes, refusal);
}

FailureOr<Value> OperandBuilder::build(const OperandMatch &match,
                                       const LoopGroups &loopGroups,
                                       Refusal &refusal) {
  setGroups(loopGroups);
  if (!match.codes)
    return buildTensor(match.wide, refusal);
  FailureOr<Scales> scales =
      buildScales(match.scales, match.codes->type, refusal);
  if (failed(scales))
    return failure();
  // Before anything is built of it.
  if (failed(getOperandType(loc, extents, expressed, scales->scheme, refusal)))
    return failure();
  SmallVector<int64_t> permutation;
  FailureOr<Value> codes =
      buildCodes(match, scales->scheme.hasWholeBlocks(), permutation, refusal);
  if (failed(codes))
    return failure();
  ArrayRef<int64_t> shape = cast<RankedTensorType>(codes->getType()).getShape();
  FailureOr<QuantizedTensorType> type =
      getOperandType(loc, shape, expressed, scales->scheme, refusal);
  if (failed(type))
    return failure();
  SmallVector<Value> components{*codes};
  llvm::append_range(components, scales->values);
  Value operand = AssembleOp::create(builder, loc, *type, components);
  if (isIdentityPermutation(permutation))
    return operand;
  return TransposeOp::create(builder, loc, operand, permutation).getResult();
}
