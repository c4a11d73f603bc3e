//===- FuseEpilogueScale.cpp - Factors of a product as operand scales ----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// (codes_a * codes_b) * s_a * s_b is how programs that multiply raw codes spell
// a quantized product.  The scales belong to the operands.
//
//===----------------------------------------------------------------------===//

#include "FuseEpilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::qmm;

/// The assemble behind transposes, outermost first.
static AssembleOp getAssemble(Value operand,
                              SmallVectorImpl<TransposeOp> &transposes) {
  while (auto transpose = operand.getDefiningOp<TransposeOp>()) {
    transposes.push_back(transpose);
    operand = transpose.getInput();
  }
  return operand.getDefiningOp<AssembleOp>();
}

/// One f32 scale a row.
static bool isPerRow(SchemeAttr scheme) {
  return scheme.getBlockOuter() == 1 && scheme.getBlockK() == 0 &&
         scheme.getScale().isF32() && !scheme.getTensorScale();
}

static std::optional<float> getConstantScale(Value scale) {
  DenseElementsAttr attribute;
  if (!matchPattern(scale, m_Constant(&attribute)) || !attribute.isSplat())
    return std::nullopt;
  return attribute.getSplatValue<float>();
}

/// The component that a factor goes into: the tensor scale, or f32 scales.
static std::optional<Value> getFactorScale(AssembleOp assemble) {
  SchemeAttr scheme = assemble.getResult().getType().getScheme();
  if (!scheme.getTensorScale() && !scheme.getScale().isF32())
    return std::nullopt;
  return assemble.getComponents().back();
}

std::optional<unsigned> mlir::qmm::getScaledOperand(Value a, Value b,
                                                    Extent extent,
                                                    std::string &reason) {
  auto getSchemeName = [](AssembleOp assemble) {
    return assemble.getResult().getType().getScheme().getName();
  };
  if (extent == Extent::Tensor) {
    std::optional<unsigned> found;
    for (unsigned i : {0, 1}) {
      SmallVector<TransposeOp> transposes;
      AssembleOp assemble = getAssemble(i ? b : a, transposes);
      if (!assemble)
        continue;
      std::optional<Value> scale = getFactorScale(assemble);
      if (!scale) {
        reason =
            "the scales of scheme " + getSchemeName(assemble) + " aren't f32";
        continue;
      }
      if (getConstantScale(*scale) == 1.0f)
        return i;
      if (!found)
        found = i;
    }
    if (!found && reason.empty())
      reason = "no operand's scales are assembled here";
    return found;
  }
  unsigned index = extent == Extent::Column ? 1 : 0;
  SmallVector<TransposeOp> transposes;
  AssembleOp assemble = getAssemble(index ? b : a, transposes);
  StringRef name = index ? "b" : "a";
  if (!assemble) {
    reason = (name + "'s scales aren't assembled here").str();
    return std::nullopt;
  }
  QuantizedTensorType type = assemble.getResult().getType();
  if (type.getRank() != 2) {
    reason = (name + " has batch dimensions").str();
    return std::nullopt;
  }
  bool takes = type.getLayout().isPlain() &&
               (type.getScheme().isPerTensor() ||
                (isPerRow(type.getScheme()) && transposes.empty()));
  if (!takes || !type.getScheme().getScale().isF32()) {
    reason = ("scheme " + Twine(getSchemeName(assemble)) + " of " + name +
              " has no place for one factor a " + (index ? "column" : "row"))
                 .str();
    return std::nullopt;
  }
  return index;
}

/// `scale` times or over the factors, as `type`: the scales of rows if its rank
/// is 2 and a factor's extent says so.
static Value combine(OpBuilder &builder, Location loc, Value scale,
                     ArrayRef<OpFoldResult> sizes,
                     ArrayRef<ProductFactor> factors) {
  std::optional<float> start = getConstantScale(scale);
  bool isScalar = sizes.empty();
  if (start && isScalar) {
    float value = *start;
    bool isConstant = true;
    for (const ProductFactor &factor : factors) {
      isConstant &= factor.expr->kind == ElementExpr::Kind::Constant;
      float by = static_cast<float>(factor.expr->constant);
      value = factor.divides ? value / by : value * by;
    }
    if (isConstant)
      return createScale(builder, loc, value);
  }

  unsigned rank = sizes.size();
  MLIRContext *context = builder.getContext();
  AffineMap none = AffineMap::get(rank, 0, context);
  SmallVector<Factor> values;
  if (start != 1.0f)
    values.push_back({scale,
                      cast<RankedTensorType>(scale.getType()).getRank() == rank
                          ? AffineMap::getMultiDimIdentityMap(rank, context)
                          : none,
                      /*divides=*/false});
  for (const ProductFactor &factor : factors) {
    bool isWhole = factor.extent == Extent::Tensor;
    values.push_back(
        {isWhole ? materializeScalar(builder, loc, factor.expr)
                 : materialize(builder, loc, factor.expr, sizes[0],
                               builder.getF32Type()),
         isWhole ? none : AffineMap::get(rank, 0, getAffineDimExpr(0, context)),
         factor.divides});
  }
  return multiply(builder, loc, values, sizes);
}

Value mlir::qmm::scaleOperand(OpBuilder &builder, Location loc, Value operand,
                              ArrayRef<ProductFactor> factors) {
  if (factors.empty())
    return operand;
  SmallVector<TransposeOp> transposes;
  AssembleOp assemble = getAssemble(operand, transposes);
  QuantizedTensorType type = assemble.getResult().getType();
  SchemeAttr scheme = type.getScheme();
  SmallVector<Value> components(assemble.getComponents());
  Value scale = *getFactorScale(assemble);
  bool becomesPerRow =
      scheme.isPerTensor() && llvm::any_of(factors, [](const ProductFactor &f) {
        return f.extent != Extent::Tensor;
      });
  if (becomesPerRow) {
    // Scales of rows don't move with a transpose of K, so the codes do.
    for (TransposeOp moved : llvm::reverse(transposes))
      components[0] =
          transpose(builder, loc, components[0], moved.getPermutation());
    transposes.clear();
    scheme = SchemeAttr::get(builder.getContext(), scheme.getElement(),
                             /*blockOuter=*/1, /*blockK=*/0, scheme.getScale(),
                             /*tensorScale=*/false);
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(builder, loc, components[0]);
    sizes[1] = builder.getIndexAttr(1);
    components.back() = combine(builder, loc, scale, sizes, factors);
    type = QuantizedTensorType::get(
        cast<QuantizedTensorType>(operand.getType()).getShape(),
        type.getExpressed(), scheme, type.getLayout());
  } else {
    components.back() =
        combine(builder, loc, scale, tensor::getMixedSizes(builder, loc, scale),
                factors);
  }
  Value result = AssembleOp::create(builder, loc, type, components);
  for (TransposeOp transpose : llvm::reverse(transposes))
    result = TransposeOp::create(builder, transpose.getLoc(), result,
                                 transpose.getPermutation());
  return result;
}
