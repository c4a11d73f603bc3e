//===- Targets.cpp - What a module is compiled for -----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Translates between the dialect's attributes and the runtime's capability
// table.
//
//===----------------------------------------------------------------------===//

#include "qmm/Plan/Targets.h"

#include "capability/Capability.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::qmm;

SmallVector<StringRef> mlir::qmm::getTargetChips(Operation *op) {
  for (Operation *scope = op; scope; scope = scope->getParentOp())
    if (auto targets =
            scope->getAttrOfType<ArrayAttr>(QMMDialect::kTargetsAttr))
      return llvm::map_to_vector(
          targets.getAsRange<TargetAttr>(),
          [](TargetAttr target) { return target.getChip(); });
  return {"cpu"};
}

bool mlir::qmm::isForGPU(ModuleOp module) {
  return llvm::any_of(getTargetChips(module),
                      [](StringRef chip) { return chip != "cpu"; });
}

static std::string_view view(StringRef text) {
  return {text.data(), text.size()};
}

static ::qmm_scheme getScheme(Type type) {
  if (auto quantized = dyn_cast<QuantizedTensorType>(type))
    return quantized.getScheme().toRuntime();
  ::qmm_scheme scheme = {};
  scheme.element = getRuntimeDType(getElementTypeOrSelf(type));
  return scheme;
}

static ::qmmrt::RouteQuery getQuery(StringRef chip, ::qmm_scheme a,
                                    ShapedType b) {
  auto orUnknown = [](int64_t extent) {
    return ShapedType::isDynamic(extent) ? 0 : extent;
  };
  ::qmmrt::RouteQuery query;
  query.chip = view(chip);
  query.a = a;
  query.b = getScheme(b);
  query.k = orUnknown(b.getShape().back());
  query.n = orUnknown(b.getDimSize(b.getRank() - 2));
  return query;
}

bool mlir::qmm::multipliesNatively(StringRef chip, SchemeAttr a,
                                   QuantizedTensorType b) {
  std::vector<::qmmrt::Route> routes =
      ::qmmrt::queryRoutes(getQuery(chip, a.toRuntime(), b));
  return !routes.empty() && routes.front().kind == ::qmmrt::RouteKind::Library;
}

static bool roundsOperands(ScaledMatmulOp matmul) {
  auto isNarrow = [](std::optional<Type> precision) {
    return precision && !precision->isF32();
  };
  return isNarrow(matmul.getAPrecision()) || isNarrow(matmul.getBPrecision());
}

std::vector<::qmmrt::Route> mlir::qmm::queryRoutes(ScaledMatmulOp matmul,
                                                   StringRef chip,
                                                   std::string &refusal) {
  ::qmmrt::RouteQuery query =
      getQuery(chip, getScheme(matmul.getA().getType()),
               cast<ShapedType>(matmul.getB().getType()));
  int64_t m =
      cast<ShapedType>(matmul.getA().getType()).getShape().drop_back().back();
  query.m = ShapedType::isDynamic(m) ? ::qmmrt::RouteQuery::kDynamic : m;
  query.roundsOperands = roundsOperands(matmul);
  return ::qmmrt::queryRoutes(query, &refusal);
}

FailureOr<SmallVector<RouteAttr>>
mlir::qmm::queryRoutes(ScaledMatmulOp matmul, ArrayRef<StringRef> chips) {
  SmallVector<RouteAttr> result;
  for (StringRef chip : chips) {
    std::string refusal;
    std::vector<::qmmrt::Route> routes = queryRoutes(matmul, chip, refusal);
    if (routes.empty()) {
      matmul.emitOpError("has no route on '") << chip << "': " << refusal;
      return failure();
    }
    for (const ::qmmrt::Route &route : routes)
      result.push_back(RouteAttr::get(matmul.getContext(),
                                      static_cast<RouteKind>(route.kind), chip,
                                      /*minM=*/0, /*maxM=*/-1, route.reason));
  }
  return result;
}
