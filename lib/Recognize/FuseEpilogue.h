//===- FuseEpilogue.h - Pieces of --qmm-fuse-epilogue ----------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is computed from a product is taken apart into steps, one after the
// other; those that an epilogue has become operands of the product.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_RECOGNIZE_FUSEEPILOGUE_H
#define QMM_LIB_RECOGNIZE_FUSEEPILOGUE_H

#include "Amax.h"
#include "qmm/IR/QMM.h"

#include "llvm/ADT/DenseSet.h"

#include <map>

namespace mlir::qmm {

/// How many values an operand of a step has: one for the tensor, one a column,
/// one a row, one an element, or none of these.
enum class Extent { Tensor, Column, Row, Element, Other };

/// The domain that elements are traced in: a product, perhaps reshaped.
struct EpilogueDomain {
  ArrayRef<int64_t> shape;
  /// The last dimension is the product's.
  bool hasColumns;
  /// The one before it is the product's too, and there is no other.
  bool hasRows;
};

/// One operation on the product's elements.
struct EpilogueStep {
  enum class Kind { Convert, Scale, Bias, Residual, Activate, Quantize };
  Kind kind;
  /// The value behind it.
  const ElementExpr *end = nullptr;
  /// Narrow types that values in front of it and inside are rounded to.
  SmallVector<Type> roundings;
  /// Factor, divisor, addend or scale, over the domain; null for scale 1.
  const ElementExpr *operand = nullptr;
  Extent extent = Extent::Other;
  bool divides = false;
  Activation activation = Activation::None;
  /// The type that the activation is computed in, if not f32.
  Type computedIn;
  bool dropsNaN = false;
};

StringRef describe(const EpilogueStep &step);

/// Why a step that drops a rounding to `type` stays where roundings are kept.
std::string getLostRounding(Type type, const Twine &where);
/// The same of `step`; empty if its product's result has the same values.
std::string getLostRounding(const EpilogueStep &step);

/// The values that every path from one element of the product to a result
/// passes through.
class EpilogueChain {
public:
  /// From `atom` to `root`, both traced over `domain`.  `own` are the tensors
  /// that are computed from the product.
  EpilogueChain(ElementTracer &tracer, const EpilogueDomain &domain,
                const ElementExpr *atom, const ElementExpr *root,
                const llvm::DenseSet<Value> &own);

  /// From the atom to the root; empty if the root isn't computed from the atom
  /// alone.
  ArrayRef<const ElementExpr *> getCuts() const { return cuts; }

  /// The step that leads from cut `from` to the nearest cut possible, and that
  /// cut.  Without one, `refusal` may say why and where.
  std::optional<std::pair<EpilogueStep, size_t>>
  matchStep(size_t from, bool wantsActivation);

  /// The conversion to a narrower type that leads from cut `from` to the next.
  std::optional<EpilogueStep> matchConversion(size_t from);

  /// The value that represents all copies of `expr`.
  const ElementExpr *represent(const ElementExpr *expr);

  std::string refusal;
  Operation *refused = nullptr;

private:
  bool isDependent(const ElementExpr *expr) {
    return dependents.contains(represent(expr));
  }
  const ElementExpr *stripConversions(const ElementExpr *expr,
                                      const ElementExpr *stop,
                                      SmallVectorImpl<Type> &roundings);
  std::optional<EpilogueStep> matchLinear(const ElementExpr *from,
                                          const ElementExpr *to);
  std::optional<EpilogueStep> matchQuantize(const ElementExpr *from,
                                            const ElementExpr *to);
  std::pair<const ElementExpr *, Extent> classify(Operation *user,
                                                  const ElementExpr *expr);
  void refuse(const ElementExpr *where, std::string reason);

  ElementTracer &tracer;
  EpilogueDomain domain;
  const ElementExpr *atom;
  const llvm::DenseSet<Value> &own;
  llvm::DenseMap<const ElementExpr *, const ElementExpr *> representatives;
  std::map<std::vector<const void *>, const ElementExpr *> unique;
  llvm::DenseSet<const ElementExpr *> dependents;
  SmallVector<const ElementExpr *> cuts;
  unsigned visited = 0;
  bool poisoned = false;
};

/// A factor of the product, to go into an operand's scale.
struct ProductFactor {
  const ElementExpr *expr;
  Extent extent;
  bool divides;
};

/// Which operand of `product` (0: a, 1: b) can take a factor of `extent` into
/// its scale; nullopt, with the reason, if neither can.
std::optional<unsigned> getScaledOperand(Value a, Value b, Extent extent,
                                         std::string &reason);

/// `operand` with `factors` in its scale.  Factors are one value, or over the
/// operand's rows as the only dim.
Value scaleOperand(OpBuilder &builder, Location loc, Value operand,
                   ArrayRef<ProductFactor> factors);

/// 1 / scale or the scale itself, as a tensor<f32>.
Value materializeOutScale(OpBuilder &builder, Location loc,
                          const ElementExpr *scale, bool inverse);

/// The out_scale that makes a product's result what `op` makes of it: null for
/// a scheme without one.  Fails with a reason if none does.
FailureOr<Value> getOutScale(QuantizeOp op, std::string &reason);

} // namespace mlir::qmm

#endif // QMM_LIB_RECOGNIZE_FUSEEPILOGUE_H
