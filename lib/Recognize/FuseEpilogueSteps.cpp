//===- FuseEpilogueSteps.cpp - Expressions as steps of an epilogue -------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A step leads from one value that every path passes to a later one, so it
// doesn't matter how many ops, or which bodies of fused ops, it takes.
//
//===----------------------------------------------------------------------===//

#include "Activations.h"
#include "FuseEpilogue.h"

#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::qmm;

/// More nodes than any epilogue has.
static constexpr unsigned kMaxNodes = 1024;
/// An activation ends at most so many cuts behind its input.
static constexpr size_t kMaxCuts = 10;

StringRef mlir::qmm::describe(const EpilogueStep &step) {
  switch (step.kind) {
  case EpilogueStep::Kind::Convert:
    return "conversion";
  case EpilogueStep::Kind::Scale:
    return "scale";
  case EpilogueStep::Kind::Bias:
    return "bias";
  case EpilogueStep::Kind::Residual:
    return "residual";
  case EpilogueStep::Kind::Activate:
    return stringifyActivation(step.activation);
  case EpilogueStep::Kind::Quantize:
    return "quantization";
  }
  llvm_unreachable("covered switch");
}

std::string mlir::qmm::getLostRounding(Type type, const Twine &where) {
  return ("is rounded to " + Twine(debugString(type)) + " " + where +
          ", and roundings are kept")
      .str();
}

std::string mlir::qmm::getLostRounding(const EpilogueStep &step) {
  // Rounding in front of ReLU and behind it is the same.
  if (step.activation == Activation::ReLU &&
      llvm::all_of(step.roundings,
                   [&](Type type) { return type == step.end->type; }))
    return "";
  if (!step.roundings.empty())
    return getLostRounding(step.roundings.front(),
                           "before the " + describe(step));
  return step.computedIn
             ? getLostRounding(step.computedIn, "inside of " + describe(step))
             : "";
}

static bool isNarrow(Type type) { return isa<BFloat16Type, Float16Type>(type); }

static bool isConversion(const ElementExpr *expr) {
  return expr->isOp("arith.extf") || expr->isOp("arith.truncf");
}

//===----------------------------------------------------------------------===//
// The chain
//===----------------------------------------------------------------------===//

const ElementExpr *EpilogueChain::represent(const ElementExpr *expr) {
  auto it = representatives.find(expr);
  if (it != representatives.end())
    return it->second;
  if (poisoned || ++visited > kMaxNodes) {
    poisoned = true;
    return expr;
  }
  bool dependent = false;
  std::vector<const void *> key;
  bool stands = expr->origin.tensor && expr->origin.index;
  if (expr == atom) {
    dependent = true;
  } else if (expr->kind == ElementExpr::Kind::Constant) {
    uint64_t bits = llvm::bit_cast<uint64_t>(expr->constant);
    key = {nullptr, expr->type.getAsOpaquePointer(),
           reinterpret_cast<const void *>(bits)};
  } else if (expr->kind == ElementExpr::Kind::Leaf) {
    // Other elements of the product than this one.
    if (own.contains(expr->origin.tensor))
      poisoned = true;
    key = {expr->origin.tensor.getAsOpaquePointer(),
           expr->origin.index ? expr->origin.index.getAsOpaquePointer()
                              : nullptr};
  } else if (expr->kind == ElementExpr::Kind::Moved) {
    if (own.contains(expr->origin.tensor))
      poisoned = true;
  } else if (!stands || own.contains(expr->origin.tensor)) {
    key.push_back(expr->op);
    for (const ElementExpr *operand : expr->operands) {
      const ElementExpr *representative = represent(operand);
      dependent |= dependents.contains(representative);
      key.push_back(representative);
    }
  }
  const ElementExpr *result = expr;
  if (!key.empty())
    result = unique.try_emplace(std::move(key), expr).first->second;
  if (dependent)
    dependents.insert(result);
  return representatives[expr] = result;
}

EpilogueChain::EpilogueChain(ElementTracer &tracer,
                             const EpilogueDomain &domain,
                             const ElementExpr *atom, const ElementExpr *root,
                             const llvm::DenseSet<Value> &own)
    : tracer(tracer), domain(domain), atom(atom), own(own) {
  root = represent(root);
  if (poisoned || root == atom || !dependents.contains(root))
    return;

  // Operands before users.
  llvm::SetVector<const ElementExpr *> order;
  SmallVector<std::pair<const ElementExpr *, size_t>> stack = {{root, 0}};
  llvm::DenseSet<const ElementExpr *> entered = {root};
  while (!stack.empty()) {
    auto &[node, next] = stack.back();
    if (node == atom || next == node->operands.size()) {
      order.insert(node);
      stack.pop_back();
      continue;
    }
    const ElementExpr *operand = represent(node->operands[next++]);
    if (dependents.contains(operand) && entered.insert(operand).second)
      stack.push_back({operand, 0});
  }
  llvm::DenseMap<const ElementExpr *, size_t> position;
  for (auto [index, node] : llvm::enumerate(order))
    position[node] = index;
  // A value is a cut if no use jumps over it.
  std::vector<size_t> farthest(order.size(), 0);
  for (const ElementExpr *node : order)
    if (node != atom)
      for (const ElementExpr *operand : node->operands) {
        auto it = position.find(represent(operand));
        if (it != position.end())
          farthest[it->second] = std::max(farthest[it->second], position[node]);
      }
  size_t reach = 0;
  for (auto [index, node] : llvm::enumerate(order)) {
    if (reach <= index)
      cuts.push_back(node);
    reach = std::max(reach, farthest[index]);
  }
}

const ElementExpr *
EpilogueChain::stripConversions(const ElementExpr *expr,
                                const ElementExpr *stop,
                                SmallVectorImpl<Type> &roundings) {
  expr = represent(expr);
  while (expr != stop && isConversion(expr)) {
    if (expr->isOp("arith.truncf"))
      roundings.push_back(expr->type);
    expr = represent(expr->operands[0]);
  }
  return expr;
}

void EpilogueChain::refuse(const ElementExpr *where, std::string reason) {
  if (!refused) {
    refused = where->op;
    refusal = std::move(reason);
  }
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Counts nodes, and gives up behind a few.
static bool isSmall(const ElementExpr *expr, unsigned &budget) {
  if (budget == 0)
    return false;
  --budget;
  return llvm::all_of(expr->operands, [&](const ElementExpr *operand) {
    return isSmall(operand, budget);
  });
}

/// Is `tensor` as large as the loops of the linalg op around `user`, where
/// `index` names them?  A trace looks through slices, so static extents must
/// agree, and dynamic ones are those of an operand, however converted.
static bool hasExtentsOf(Operation *user, Value tensor, AffineMap index,
                         ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(tensor.getType());
  bool isDynamic = false;
  for (auto [extent, result] :
       llvm::zip_equal(type.getShape(), index.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(result);
    if (!dim)
      continue;
    if (extent != shape[dim.getPosition()])
      return false;
    isDynamic |= ShapedType::isDynamic(extent);
  }
  if (!isDynamic)
    return true;
  auto op = dyn_cast_or_null<linalg::LinalgOp>(user->getParentOp());
  return op && llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
           Value source = operand->get();
           while (source != tensor) {
             auto elementwise = source.getDefiningOp<linalg::LinalgOp>();
             if (!elementwise || elementwise.getNumDpsInputs() != 1 ||
                 !llvm::all_of(elementwise.getIndexingMapsArray(),
                               [](AffineMap map) { return map.isIdentity(); }))
               return false;
             source = elementwise.getDpsInputOperand(0)->get();
           }
           return true;
         });
}

/// The same for all leaves that name whole loops.
static bool leavesFit(Operation *user, const ElementExpr *expr,
                      ArrayRef<int64_t> shape) {
  if (expr->kind == ElementExpr::Kind::Leaf && expr->origin.index &&
      isa<RankedTensorType>(expr->origin.tensor.getType()))
    return !expr->origin.index.isProjectedPermutation(
               /*allowZeroInResults=*/true) ||
           hasExtentsOf(user, expr->origin.tensor, expr->origin.index, shape);
  return llvm::all_of(expr->operands, [&](const ElementExpr *operand) {
    return leavesFit(user, operand, shape);
  });
}

/// What `user` has beside the product, over the domain and simplified, and its
/// extent.
std::pair<const ElementExpr *, Extent>
EpilogueChain::classify(Operation *user, const ElementExpr *expr) {
  if (expr->kind == ElementExpr::Kind::Constant)
    return {expr, Extent::Tensor};
  // A conversion to a wider type is repeated in f32 anyway.
  expr = stripExtensions(expr);
  if (!isWideElementType(expr->type))
    return {nullptr, Extent::Other};
  int64_t rank = domain.shape.size();
  auto getExtent = [&](const ElementExpr *e) {
    auto dependsOn = [&](int64_t dim) {
      return domain.shape[dim] != 1 && e->dependsOn(dim);
    };
    unsigned others =
        llvm::count_if(llvm::seq<int64_t>(0, rank - 1), dependsOn);
    bool lastOnly = others == 0 && dependsOn(rank - 1);
    if (others == 0 && !lastOnly)
      return Extent::Tensor;
    if (lastOnly && domain.hasColumns)
      return Extent::Column;
    if (others == 1 && domain.hasRows && dependsOn(rank - 2) &&
        !dependsOn(rank - 1))
      return Extent::Row;
    return Extent::Element;
  };
  SmallVector<AffineExpr> dims;
  MLIRContext *context = expr->type.getContext();
  for (int64_t dim = 0; dim < rank; ++dim)
    dims.push_back(getAffineDimExpr(dim, context));
  unsigned budget = 32;
  if (isSmall(expr, budget) && expr->isMaterializable) {
    const ElementExpr *simple = tracer.substitute(expr, dims, domain.shape);
    Extent extent = getExtent(simple);
    bool isVector = extent == Extent::Column &&
                    simple->kind == ElementExpr::Kind::Leaf &&
                    !ShapedType::isDynamic(domain.shape.back());
    if (extent != Extent::Element &&
        (isVector || leavesFit(user, simple, domain.shape)))
      return {simple, extent};
  }
  // Where it stands, however it came there.
  if (!expr->stands() || !expr->origin.index)
    return {nullptr, Extent::Other};
  const ElementExpr *simple =
      tracer.substitute(tracer.getLeaf(expr), dims, domain.shape);
  if (!leavesFit(user, simple, domain.shape))
    return {nullptr, Extent::Other};
  return {simple, getExtent(simple)};
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

std::optional<EpilogueStep> EpilogueChain::matchConversion(size_t from) {
  if (from + 1 == cuts.size())
    return std::nullopt;
  const ElementExpr *to = cuts[from + 1];
  if (!to->isOp("arith.truncf") || represent(to->operands[0]) != cuts[from] ||
      !cuts[from]->type.isF32() || !isNarrow(to->type))
    return std::nullopt;
  EpilogueStep step;
  step.kind = EpilogueStep::Kind::Convert;
  step.end = to;
  return step;
}

std::optional<EpilogueStep> EpilogueChain::matchLinear(const ElementExpr *from,
                                                       const ElementExpr *to) {
  EpilogueStep step;
  step.end = to;
  bool isSum = to->isOp("arith.addf"), isProduct = to->isOp("arith.mulf"),
       isQuotient = to->isOp("arith.divf"),
       isDifference = to->isOp("arith.subf");
  if ((!isSum && !isProduct && !isQuotient && !isDifference) ||
      !isWideElementType(to->type))
    return std::nullopt;
  unsigned side = isDependent(to->operands[0]) ? 0 : 1;
  if (isDependent(to->operands[1 - side]))
    return std::nullopt;
  if (isNarrow(from->type))
    step.roundings.push_back(from->type);
  if (stripConversions(to->operands[side], from, step.roundings) != from)
    return std::nullopt;
  if (isDifference) {
    refuse(to, side == 0 ? "has something subtracted, where only a sum is an "
                           "epilogue"
                         : "is subtracted from something, where only a sum "
                           "is an epilogue");
    return std::nullopt;
  }
  if (isQuotient && side == 1)
    return std::nullopt;
  std::tie(step.operand, step.extent) =
      classify(to->op, to->operands[1 - side]);
  if (isProduct || isQuotient) {
    step.kind = EpilogueStep::Kind::Scale;
    step.divides = isQuotient;
    if (step.extent == Extent::Element || step.extent == Extent::Other)
      return std::nullopt;
    return step;
  }
  switch (step.extent) {
  case Extent::Tensor:
  case Extent::Column:
    if (!domain.hasColumns)
      return std::nullopt;
    step.kind = EpilogueStep::Kind::Bias;
    return step;
  case Extent::Row:
    refuse(to,
           "has one value a row added, which is neither a bias (one a column) "
           "nor a residual (one an element)");
    return std::nullopt;
  case Extent::Element: {
    AffineMap index = step.operand->origin.index;
    bool isMatrix =
        index.getNumResults() == domain.shape.size() &&
        index.isProjectedPermutation(/*allowZeroInResults=*/true) &&
        llvm::all_of(llvm::enumerate(index.getResults()), [&](auto it) {
          int64_t extent =
              cast<RankedTensorType>(step.operand->origin.tensor.getType())
                  .getDimSize(it.index());
          return extent == domain.shape[it.index()] &&
                 (extent == 1 ||
                  it.value() ==
                      getAffineDimExpr(it.index(), index.getContext()));
        });
    if (!isMatrix) {
      refuse(to, "has something added that is neither one value a column nor a "
                 "tensor of its shape");
      return std::nullopt;
    }
    step.kind = EpilogueStep::Kind::Residual;
    return step;
  }
  case Extent::Other:
    refuse(to, llvm::formatv("has a value of type {0} added that stands in no "
                             "tensor of f32, bf16 or f16",
                             debugString(to->operands[1 - side]->type)));
    return std::nullopt;
  }
  llvm_unreachable("covered switch");
}

std::optional<std::pair<EpilogueStep, size_t>>
EpilogueChain::matchStep(size_t from, bool wantsActivation) {
  const ElementExpr *start = cuts[from];
  size_t last = std::min(cuts.size() - 1, from + kMaxCuts);
  // An activation may begin with what looks like a scale.
  if (wantsActivation) {
    auto isInput = [&](const ElementExpr *expr) {
      return represent(expr) == start;
    };
    for (size_t to = from + 1; to <= last; ++to) {
      if (isConversion(cuts[to]) || !isWideElementType(cuts[to]->type))
        continue;
      std::optional<ActivationMatch> match = matchActivation(cuts[to], isInput);
      if (!match)
        continue;
      EpilogueStep step;
      step.kind = EpilogueStep::Kind::Activate;
      step.end = cuts[to];
      step.activation = match->activation;
      step.computedIn = match->narrowType;
      step.dropsNaN = match->dropsNaN;
      if (isNarrow(start->type))
        step.roundings.push_back(start->type);
      for (const ElementExpr *between :
           ArrayRef(cuts).slice(from + 1, to - from - 1))
        if (between->isOp("arith.truncf"))
          step.roundings.push_back(between->type);
      return std::pair(step, to);
    }
  }
  // So may a quotient that is quantized.
  for (size_t to = from + 1; to <= last && !refused; ++to)
    if (std::optional<EpilogueStep> step = matchQuantize(start, cuts[to]))
      return std::pair(std::move(*step), to);
  if (std::optional<EpilogueStep> step = matchConversion(from);
      step && !refused)
    return std::pair(std::move(*step), from + 1);
  for (size_t to = from + 1; to <= last && !refused; ++to)
    if (std::optional<EpilogueStep> step = matchLinear(start, cuts[to]))
      return std::pair(std::move(*step), to);
  return std::nullopt;
}
