//===- FuseEpilogue.cpp - What follows a product, into the product -------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Looks forward from each product, over no more ops than an epilogue has, so
// the time is linear in the ops of a function.
//
//===----------------------------------------------------------------------===//

#include "Fuser.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_FUSEEPILOGUE
#include "qmm/Recognize/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;

/// More ops than any activation is spelled in.
static constexpr size_t kMaxOps = 48;

/// More than any reshape and its way back take.
static constexpr size_t kMaxMovements = 8;

static bool isReshape(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op);
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

SmallVector<Operation *> Fuser::getLiveUsers(Value value) {
  llvm::SmallSetVector<Operation *, 4> users;
  for (Operation *user : value.getUsers())
    if (!isDead(user))
      users.insert(user);
  return users.takeVector();
}

/// Counts `op` as dead, and what only it used, if nothing uses it.
void Fuser::markDead(Operation *op) {
  SmallVector<Operation *> worklist = {op};
  while (!worklist.empty()) {
    op = worklist.pop_back_val();
    if (isDead(op) || op->hasTrait<OpTrait::IsTerminator>() ||
        !llvm::all_of(op->getUsers(),
                      [&](Operation *user) { return isDead(user); }) ||
        !isMemoryEffectFree(op))
      continue;
    dead.insert(op);
    for (Value operand : op->getOperands())
      if (Operation *definition = operand.getDefiningOp())
        worklist.push_back(definition);
  }
}

/// An op that computes each element of its result from one of its inputs'.
linalg::LinalgOp Fuser::getElementwise(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || op->getBlock() != base.getParentBlock() ||
      op->getNumResults() != 1 ||
      linalgOp.getNumParallelLoops() != linalgOp.getNumLoops() ||
      !linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0))
           .isIdentity())
    return nullptr;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type ||
      type.getShape() != cast<RankedTensorType>(base.getType()).getShape())
    return nullptr;
  return linalgOp;
}

Followers Fuser::collect(llvm::function_ref<bool(Operation *)> ignores) {
  Followers region;
  llvm::SmallSetVector<Operation *, 8> pending;
  llvm::SmallSetVector<Value, 4> exposed; // values with uses of other kinds
  auto addUsers = [&](Value value) {
    region.values.insert(value);
    for (Operation *user : getLiveUsers(value)) {
      if (value == base && ignores(user))
        continue;
      if (getElementwise(user))
        pending.insert(user);
      else
        exposed.insert(value);
    }
  };
  region.values.insert(product.getResult());
  addUsers(base);
  while (true) {
    // The values that something is still to be computed from.
    llvm::SmallSetVector<Value, 4> open(exposed.begin(), exposed.end());
    for (Operation *op : pending)
      for (Value operand : op->getOperands())
        if (region.values.contains(operand))
          open.insert(operand);
    if (open.size() == 1 && open[0] != base &&
        (region.cuts.empty() || region.cuts.back() != open[0]))
      region.cuts.push_back(open[0]);
    if (pending.empty() || pending.size() > kMaxOps ||
        region.ops.size() == kMaxOps || (!exposed.empty() && open.size() > 1))
      return region;
    Operation *next = *llvm::min_element(
        pending, [](auto *x, auto *y) { return x->isBeforeInBlock(y); });
    pending.remove(next);
    region.ops.insert(next);
    addUsers(next->getResult(0));
  }
}

std::optional<AmaxMatch> Fuser::findAmax() {
  for (Operation *user : getLiveUsers(base))
    if (user->getBlock() == product->getBlock())
      if (std::optional<AmaxMatch> match = matchAmax(
              user, base, tracer, [&](Operation *op) { return isDead(op); }))
        return match;
  return std::nullopt;
}

EpilogueDomain Fuser::getDomain() {
  auto shape = cast<RankedTensorType>(base.getType()).getShape();
  auto result = cast<RankedTensorType>(product.getResult().getType());
  int64_t n = result.getShape().back();
  // A reshape in row-major order that ends in N has the same columns.
  bool hasColumns = views.empty() || (!shape.empty() && shape.back() == n &&
                                      !ShapedType::isDynamic(n));
  return {shape, hasColumns, views.empty() && result.getRank() == 2};
}

/// Goes on behind transposes, reshapes and the like that bring every element
/// back to its place.
bool Fuser::skipMovements() {
  // Of its own: what was traced before may name products that are replaced.
  ElementTracer movements;
  auto trace = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    MLIRContext *context = value.getContext();
    AffineMap whole =
        AffineMap::getMultiDimIdentityMap(type.getRank(), context);
    return movements
        .substitute(movements.trace({value, whole}), whole.getResults(),
                    type.getShape())
        ->origin;
  };
  Element start = trace(base);
  Value value = base;
  for (size_t count = 0; count < kMaxMovements; ++count) {
    SmallVector<Operation *> users = getLiveUsers(value);
    if (users.size() != 1 || users[0]->getBlock() != product->getBlock() ||
        (!isa<linalg::LinalgOp>(users[0]) && !getMovedSource(users[0])) ||
        users[0]->getNumResults() != 1)
      return false;
    value = users[0]->getResult(0);
    if (!isa<RankedTensorType>(value.getType()))
      return false;
    if (value.getType() != base.getType())
      continue;
    Element end = trace(value);
    if (end.tensor != start.tensor || end.index != start.index)
      continue;
    base = value;
    baseBefore = nullptr;
    return true;
  }
  return false;
}

/// Can a tensor of the base's shape have the product's?
bool Fuser::canReshapeBack() {
  return llvm::all_of(views, [](Operation *view) {
    auto collapse = dyn_cast<tensor::CollapseShapeOp>(view);
    return !collapse ||
           llvm::all_of(collapse.getReassociationIndices(),
                        [&](const ReassociationIndices &group) {
                          return llvm::count_if(group, [&](int64_t dim) {
                                   return collapse.getSrcType().isDynamicDim(
                                       dim);
                                 }) <= 1;
                        });
  });
}

//===----------------------------------------------------------------------===//
// From steps to an epilogue
//===----------------------------------------------------------------------===//

/// Are codes times scales of an operand rounded?
static bool isRounded(ScaledMatmulOp product, unsigned operand) {
  std::optional<Type> precision =
      operand ? product.getBPrecision() : product.getAPrecision();
  return precision && !precision->isF32();
}

/// Adds `steps` as far as an epilogue has them; returns how many.
size_t Fuser::addSteps(ArrayRef<EpilogueStep> steps, EpilogueChain &chain,
                       Epilogue &epilogue) {
  Value a = product.getA(), b = product.getB();
  bool hasBias = bool(product.getBias()),
       hasResidual = bool(product.getResidual());
  bool isActive = product.getActivation() != Activation::None;
  for (auto [index, step] : llvm::enumerate(steps)) {
    bool isPlain = !isActive && !hasBias && !hasResidual;
    StringRef subject = isActive                 ? "result"
                        : hasBias || hasResidual ? "sum"
                                                 : "product";
    StringRef article = " before the ";
    SmallVector<std::string> details;
    if (roundings == Roundings::Keep) {
      std::string reason = getLostRounding(step);
      if (!reason.empty()) {
        chain.refused = step.end->op;
        chain.refusal = std::move(reason);
        return index;
      }
    }
    switch (step.kind) {
    case EpilogueStep::Kind::Convert:
      continue;
    case EpilogueStep::Kind::Scale: {
      bool isQuantized = isa<QuantizedTensorType>(a.getType()) ||
                         isa<QuantizedTensorType>(b.getType());
      if (!isPlain || !isQuantized)
        return index;
      std::string reason;
      std::optional<unsigned> operand =
          getScaledOperand(a, b, step.extent, reason);
      if (operand && isRounded(product, *operand)) {
        reason = (Twine(*operand ? "b" : "a") +
                  "'s elements times scales are rounded")
                     .str();
        operand = std::nullopt;
      }
      if (!operand) {
        chain.refused = step.end->op;
        chain.refusal = "is multiplied by a factor that no operand's scale "
                        "can take: " +
                        reason;
        return index;
      }
      epilogue.factors[*operand].push_back(
          {step.operand, step.extent, step.divides});
      if (step.divides)
        details.push_back(
            llvm::formatv("division of the product moved into the scale of {0}",
                          *operand ? "b" : "a"));
      break;
    }
    case EpilogueStep::Kind::Bias: {
      int64_t n =
          cast<ShapedType>(product.getResult().getType()).getShape().back();
      if (isActive || hasBias ||
          (step.extent == Extent::Tensor && ShapedType::isDynamic(n)))
        return index;
      epilogue.bias = step.operand;
      hasBias = true;
      break;
    }
    case EpilogueStep::Kind::Residual:
      if (isActive || hasResidual || !canReshapeBack())
        return index;
      epilogue.residual = step.operand;
      hasResidual = true;
      break;
    case EpilogueStep::Kind::Activate:
      epilogue.activation = step.activation;
      isActive = true;
      if (step.computedIn)
        details.push_back(llvm::formatv("{0} computed in f32, not {1}",
                                        stringifyActivation(step.activation),
                                        debugString(step.computedIn)));
      if (step.dropsNaN)
        details.push_back("relu of NaN is NaN, not 0");
      break;
    case EpilogueStep::Kind::Quantize:
      epilogue.quantize = &step;
      article = " before its ";
      if (step.operand && !step.divides)
        details.push_back("out_scale is 1 / factor, rounded to f32");
      break;
    }
    llvm::SmallSetVector<Type, 2> types;
    if (roundings == Roundings::Relax)
      types.insert(step.roundings.begin(), step.roundings.end());
    for (Type type : types)
      epilogue.notes.push_back(llvm::formatv(
          "{0} rounded to {1}{2}{3}", subject, debugString(type), article,
          step.kind == EpilogueStep::Kind::Activate ? "activation"
                                                    : describe(step)));
    llvm::append_range(epilogue.notes, details);
  }
  return steps.size();
}

const ElementExpr *Fuser::traceWhole(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return tracer.trace({value, AffineMap::getMultiDimIdentityMap(
                                  type.getRank(), value.getContext())});
}

void Fuser::remark(Operation *op, StringRef reason) {
  // The ops of a named op's body have no place of their own.
  if (isa<UnknownLoc>(op->getLoc()) && isa<linalg::LinalgOp>(op->getParentOp()))
    op = op->getParentOp();
  if (remarked.insert(op).second)
    emitRemark(op->getLoc()) << "epilogue not fused: the product " << reason;
}

/// The chain from the product to the last cut of `region`; null without one.
std::unique_ptr<EpilogueChain> Fuser::getChain(const Followers &region) {
  if (region.cuts.empty())
    return nullptr;
  auto getChainFrom = [&](const ElementExpr *atom) {
    auto chain = std::make_unique<EpilogueChain>(tracer, getDomain(), atom,
                                                 traceWhole(region.cuts.back()),
                                                 region.values);
    return chain->getCuts().empty() ? nullptr : std::move(chain);
  };
  if (auto chain = getChainFrom(traceWhole(base)))
    return chain;
  // Values behind one that a product took in may have been traced before: they
  // still name it as it was, or end in front of it.
  if (baseBefore)
    if (auto chain = getChainFrom(baseBefore))
      return chain;
  tracer = ElementTracer();
  baseBefore = nullptr;
  return getChainFrom(traceWhole(base));
}

bool Fuser::fuseElementwise() {
  std::optional<AmaxMatch> amax = findAmax();
  Followers region = collect(
      [&](Operation *op) { return amax && llvm::is_contained(amax->ops, op); });
  if (region.cuts.empty() && amax) {
    amax = std::nullopt;
    region = collect([](Operation *) { return false; });
  }
  std::unique_ptr<EpilogueChain> chain = getChain(region);
  if (!chain)
    return false;

  // Where the values between ops stand.
  llvm::SmallDenseMap<const ElementExpr *, Value> standing;
  for (Value cut : region.cuts)
    standing[chain->represent(traceWhole(cut))] = cut;

  SmallVector<EpilogueStep> steps;
  for (size_t at = 0; at + 1 < chain->getCuts().size();) {
    bool isActive = product.getActivation() != Activation::None ||
                    llvm::any_of(steps, [](const EpilogueStep &step) {
                      return step.kind == EpilogueStep::Kind::Activate;
                    });
    auto step = chain->matchStep(at, !isActive);
    if (!step)
      break;
    // What takes in a rounding stays, but the product may end with that.
    if (roundings == Roundings::Keep && !getLostRounding(step->first).empty())
      if (auto conversion = chain->matchConversion(at))
        step = std::pair(std::move(*conversion), at + 1);
    steps.push_back(std::move(step->first));
    at = step->second;
  }
  Epilogue whole;
  size_t count = addSteps(steps, *chain, whole);
  while (count > 0 &&
         !standing.contains(chain->represent(steps[count - 1].end)))
    --count;
  // max |y| is of what is quantized.
  if (amax && (count != 1 || steps[0].kind != EpilogueStep::Kind::Quantize))
    count = 0;
  if (count == 0) {
    if (chain->refused)
      remark(chain->refused, chain->refusal);
    return false;
  }
  Epilogue epilogue;
  ArrayRef<EpilogueStep> taken = ArrayRef(steps).take_front(count);
  addSteps(taken, *chain, epilogue);
  Value end = standing.lookup(chain->represent(taken.back().end));

  Operation *latest = getLatest(epilogue);
  if (amax && isUsedBefore(*amax, latest)) {
    remark(end.getDefiningOp(), "is quantized with a scale that depends on its "
                                "amax");
    return false;
  }
  apply(epilogue, end, region, amax ? &*amax : nullptr, latest);
  baseBefore = taken.back().end;
  return true;
}

//===----------------------------------------------------------------------===//
// What stays
//===----------------------------------------------------------------------===//

/// A product with several uses stays, with whatever would be its epilogue.
void Fuser::explainUses() {
  SmallVector<Operation *> users = getLiveUsers(base);
  if (users.size() < 2)
    return;
  auto explain = [&](const Followers &region, size_t others) {
    std::unique_ptr<EpilogueChain> chain = getChain(region);
    if (!chain)
      return;
    auto step =
        chain->matchStep(0, product.getActivation() == Activation::None);
    Epilogue epilogue;
    if (!step || step->first.kind == EpilogueStep::Kind::Convert ||
        addSteps(step->first, *chain, epilogue) == 0)
      return;
    remark(step->first.end->op,
           llvm::formatv("has {0} other use{1}, so its {2} isn't fused", others,
                         others == 1 ? "" : "s", describe(step->first))
               .str());
  };
  size_t numElementwise = llvm::count_if(
      users, [&](Operation *op) { return bool(getElementwise(op)); });
  Followers region = collect([&](Operation *op) {
    return llvm::is_contained(users, op) && !getElementwise(op);
  });
  if (!region.cuts.empty()) {
    explain(region, users.size() - numElementwise);
  } else if (users.size() <= 4) {
    for (Operation *user : users)
      explain(collect([&](Operation *op) {
                return op != user && llvm::is_contained(users, op);
              }),
              users.size() - 1);
  }
  for (Operation *user : users)
    if (isa<QuantizeOp>(user))
      remark(user, llvm::formatv(
                       "has {0} other use{1}, so its quantization isn't fused",
                       users.size() - 1, users.size() == 2 ? "" : "s")
                       .str());
}

/// A gate, activation(product) * other, keeps its multiply.
void Fuser::noteGate() {
  if (product.getActivation() == Activation::None)
    return;
  Followers region = collect([](Operation *) { return false; });
  std::unique_ptr<EpilogueChain> chain = getChain(region);
  if (!chain)
    return;
  for (const ElementExpr *cut : chain->getCuts().drop_front()) {
    if (cut->isOp("arith.extf"))
      continue;
    if (cut->isOp("arith.mulf") && fused > 0) {
      SmallVector<Attribute> notes;
      if (auto old = product->getAttrOfType<ArrayAttr>(QMMDialect::kNotesAttr))
        notes.assign(old.begin(), old.end());
      auto note = StringAttr::get(product->getContext(),
                                  "multiply behind the activation stays an op");
      if (!llvm::is_contained(notes, note)) {
        notes.push_back(note);
        product->setAttr(QMMDialect::kNotesAttr,
                         ArrayAttr::get(product->getContext(), notes));
      }
    }
    return;
  }
}

//===----------------------------------------------------------------------===//
// The driver
//===----------------------------------------------------------------------===//

void Fuser::fuse(ScaledMatmulOp op) {
  product = op;
  views.clear();
  base = op.getResult();
  baseBefore = nullptr;
  if (!isa<RankedTensorType>(base.getType()) || op.getAmax())
    return;
  while (isa<RankedTensorType>(product.getResult().getType())) {
    if (fuseQuantizeOp() || fuseElementwise() || skipMovements())
      continue;
    SmallVector<Operation *> users = getLiveUsers(base);
    if (users.size() != 1 || !isReshape(users[0]) ||
        users[0]->getBlock() != product->getBlock() ||
        cast<RankedTensorType>(users[0]->getResult(0).getType()).getRank() == 0)
      break;
    views.push_back(users[0]);
    base = users[0]->getResult(0);
    baseBefore = nullptr;
  }
  if (!isa<RankedTensorType>(product.getResult().getType()))
    return;
  explainUses();
  noteGate();
}

unsigned Fuser::run() {
  // Recognition leaves what it replaced behind; that uses nothing.
  root->walk<WalkOrder::PostOrder, ReverseIterator>([&](Operation *op) {
    if (op != root && op->getNumResults() > 0)
      markDead(op);
  });
  SmallVector<ScaledMatmulOp> products;
  root->walk([&](ScaledMatmulOp op) {
    if (!isDead(op))
      products.push_back(op);
  });
  for (ScaledMatmulOp op : products)
    fuse(op);
  if (fused == 0)
    return 0;
  SmallVector<Operation *> worklist(dead.begin(), dead.end());
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    if (!dead.contains(op) || !op->use_empty())
      continue;
    for (Value operand : op->getOperands())
      if (Operation *definition = operand.getDefiningOp())
        worklist.push_back(definition);
    dead.remove(op);
    op->erase();
  }
  return fused;
}

unsigned mlir::qmm::fuseEpilogues(Operation *root, Roundings roundings) {
  return Fuser(root, roundings).run();
}

namespace {
struct FuseEpilogue : qmm::impl::FuseEpilogueBase<FuseEpilogue> {
  using FuseEpilogueBase::FuseEpilogueBase;

  void runOnOperation() override {
    unsigned count = fuseEpilogues(getOperation(), roundings);
    numFused += count;
    if (count == 0)
      markAllAnalysesPreserved();
  }
};
} // namespace
