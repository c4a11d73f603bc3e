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

static std::string_view view(StringRef text) {
  return {text.data(), text.size()};
}

static ::qmm_scheme getScheme(Type type) {
  if (auto quantized = dyn_cast<QuantizedTensorType>(type))
    return quantized.getScheme().toRuntime();
  ::qmm_scheme wide = {};
  Type element = getElementTypeOrSelf(type);
  wide.element = element.isF32()    ? QMM_DTYPE_F32
                 : element.isBF16() ? QMM_DTYPE_BF16
                                    : QMM_DTYPE_F16;
  return wide;
}

bool mlir::qmm::multipliesNatively(StringRef chip, SchemeAttr a, SchemeAttr b) {
  ::qmmrt::RouteQuery query;
  query.chip = view(chip);
  query.a = a.toRuntime();
  query.b = b.toRuntime();
  std::vector<::qmmrt::Route> routes = ::qmmrt::queryRoutes(query);
  return !routes.empty() && routes.front().kind == ::qmmrt::RouteKind::Library;
}

static bool roundsOperands(ScaledMatmulOp matmul) {
  auto isNarrow = [](std::optional<Type> precision) {
    return precision && !precision->isF32();
  };
  return isNarrow(matmul.getAPrecision()) || isNarrow(matmul.getBPrecision());
}

FailureOr<SmallVector<RouteAttr>>
mlir::qmm::queryRoutes(ScaledMatmulOp matmul, ArrayRef<StringRef> chips) {
  SmallVector<RouteAttr> result;
  for (StringRef chip : chips) {
    ::qmmrt::RouteQuery query;
    query.chip = view(chip);
    query.a = getScheme(matmul.getA().getType());
    query.b = getScheme(matmul.getB().getType());
    query.roundsOperands = roundsOperands(matmul);
    std::string refusal;
    std::vector<::qmmrt::Route> routes = ::qmmrt::queryRoutes(query, &refusal);
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
