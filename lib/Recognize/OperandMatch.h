//===- OperandMatch.h - What a contraction's operand is --------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes with scales, or wide values: read from the factors of one side, and
// built as an operand of qmm.scaled_matmul.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_RECOGNIZE_OPERANDMATCH_H
#define QMM_LIB_RECOGNIZE_OPERANDMATCH_H

#include "Contraction.h"
#include "qmm/IR/QMM.h"
#include "qmm/Recognize/Roundings.h"

namespace mlir::qmm {

/// A factor of a dequantization, multiplied or divided by.
struct ScaleFactor {
  const ElementExpr *expr;
  bool inverse;
};

/// codes = convert(clamp(input / scale)), dividing in `precision`.
struct QuantizeMatch {
  const ElementExpr *input;
  const ElementExpr *scale;
  Type precision;
};

/// One side of a contraction.  Expressions are over the contraction's loops.
struct OperandMatch {
  const ElementExpr *codes = nullptr; // null: wide
  SmallVector<ScaleFactor> scales;
  std::optional<QuantizeMatch> quantize;
  Type precision; // what codes times scales stay rounded to; null: nothing
  const ElementExpr *wide = nullptr; // the one factor
  SmallVector<std::string> notes;
};

/// The quantize that `codes`, of an 8-bit float type, are the result of.
std::optional<QuantizeMatch> matchQuantize(const ElementExpr *codes);

/// `rounding`: what the product of the factors is rounded to; null: nothing.
FailureOr<OperandMatch> matchOperand(ElementTracer &tracer,
                                     ArrayRef<const ElementExpr *> factors,
                                     Type rounding, Roundings roundings,
                                     Refusal &refusal);

/// The dimensions of an operand: the loops of each, from the outermost; none
/// for an extent of 1.  The last two are the rows and K.
using LoopGroups = SmallVector<SmallVector<unsigned>>;

/// Builds one operand at `op`.
class OperandBuilder {
public:
  OperandBuilder(OpBuilder &builder, ElementTracer &tracer,
                 Contraction &contraction, Type expressed)
      : builder(builder), tracer(tracer), contraction(contraction),
        expressed(expressed), loc(contraction.op.getLoc()) {}

  /// The operand of dimensions `groups`.
  FailureOr<Value> build(const OperandMatch &match, const LoopGroups &groups,
                         Refusal &refusal);
  /// An expression as a tensor of those dimensions.
  FailureOr<Value> buildTensor(const ElementExpr *expr, Refusal &refusal);
  void setGroups(const LoopGroups &groups);

private:
  /// A scheme, and its scales in the order of its physical types.
  struct Scales {
    SchemeAttr scheme;
    SmallVector<Value> values;
  };
  const ElementExpr *normalize(const ElementExpr *expr);
  int64_t findBlock(ArrayRef<ScaleFactor> factors, unsigned dim);
  FailureOr<Scales> buildScales(ArrayRef<ScaleFactor> factors, Type element,
                                Refusal &refusal);
  Value buildFactors(ArrayRef<ScaleFactor> factors,
                     ArrayRef<OpFoldResult> sizes);
  FailureOr<Value> buildCodes(const OperandMatch &match, bool wholeBlocks,
                              SmallVector<int64_t> &permutation,
                              Refusal &refusal);

  OpBuilder &builder;
  ElementTracer &tracer;
  Contraction &contraction;
  Type expressed;
  Location loc;

  LoopGroups groups;
  SmallVector<int64_t> extents;         // of the groups
  bool isNormal = false;                // are loops functions of the groups?
  SmallVector<AffineExpr> replacements; // loops by groups
  SmallVector<OpFoldResult> loopSizes;  // flat, in the order of the groups
};

} // namespace mlir::qmm

#endif // QMM_LIB_RECOGNIZE_OPERANDMATCH_H
