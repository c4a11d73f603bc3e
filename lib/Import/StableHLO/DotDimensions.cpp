//===- DotDimensions.cpp - Dimension numbers of products ------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Those of dot_general, and those that a block-scaled call's backend_config
// gives as JSON.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/IR/TypeUtilities.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::qmm;

SmallVector<int64_t> *DotDimensions::getList(StringRef name) {
  if (name == "lhs_batching_dimensions" || name == "lhs_batch_dimensions")
    return &lhsBatch;
  if (name == "rhs_batching_dimensions" || name == "rhs_batch_dimensions")
    return &rhsBatch;
  if (name == "lhs_contracting_dimensions")
    return &lhsContracting;
  if (name == "rhs_contracting_dimensions")
    return &rhsContracting;
  return nullptr;
}

SmallVector<int64_t> DotDimensions::getFree(int64_t rank,
                                            ArrayRef<int64_t> batch,
                                            ArrayRef<int64_t> contracting) {
  SmallVector<int64_t> free;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(batch, dim) &&
        !llvm::is_contained(contracting, dim))
      free.push_back(dim);
  return free;
}

/// Are the numbers of one side distinct dimensions of `type`?
static LogicalResult verifySide(Operation *op, StringRef side,
                                RankedTensorType type, ArrayRef<int64_t> batch,
                                ArrayRef<int64_t> contracting) {
  llvm::SmallSet<int64_t, 8> seen;
  for (int64_t dim : llvm::concat<const int64_t>(batch, contracting)) {
    if (dim < 0 || dim >= type.getRank())
      return op->emitOpError("names dimension ")
             << dim << " of its " << side << ", " << type << ", expected 0 to "
             << type.getRank() - 1;
    if (!seen.insert(dim).second)
      return op->emitOpError("names dimension ")
             << dim << " of its " << side << " twice, expected once";
  }
  return success();
}

LogicalResult mlir::qmm::verifyDotDimensions(Operation *op,
                                             const DotDimensions &dims,
                                             RankedTensorType lhs,
                                             RankedTensorType rhs,
                                             RankedTensorType result) {
  if (failed(verifySide(op, "left operand", lhs, dims.lhsBatch,
                        dims.lhsContracting)) ||
      failed(verifySide(op, "right operand", rhs, dims.rhsBatch,
                        dims.rhsContracting)))
    return failure();
  auto verifyPairs = [&](StringRef kind, ArrayRef<int64_t> left,
                         ArrayRef<int64_t> right) -> LogicalResult {
    if (left.size() != right.size())
      return op->emitOpError("has ")
             << left.size() << " " << kind << " dimensions on the left and "
             << right.size() << " on the right, expected as many";
    for (auto [l, r] : llvm::zip_equal(left, right))
      if (failed(verifyCompatibleShape(lhs.getDimSize(l), rhs.getDimSize(r))))
        return op->emitOpError("has ")
               << kind << " dimensions of extents " << lhs.getDimSize(l)
               << " and " << rhs.getDimSize(r) << ", expected equal extents";
    return success();
  };
  if (failed(verifyPairs("batch", dims.lhsBatch, dims.rhsBatch)) ||
      failed(
          verifyPairs("contracting", dims.lhsContracting, dims.rhsContracting)))
    return failure();

  SmallVector<int64_t> shape;
  for (int64_t dim : dims.lhsBatch)
    shape.push_back(lhs.getDimSize(dim));
  for (int64_t dim : DotDimensions::getFree(lhs.getRank(), dims.lhsBatch,
                                            dims.lhsContracting))
    shape.push_back(lhs.getDimSize(dim));
  for (int64_t dim : DotDimensions::getFree(rhs.getRank(), dims.rhsBatch,
                                            dims.rhsContracting))
    shape.push_back(rhs.getDimSize(dim));
  return verifyShape(op, "the result", result.getShape(), shape);
}

//===----------------------------------------------------------------------===//
// backend_config
//===----------------------------------------------------------------------===//

FailureOr<ScaledDotConfig> mlir::qmm::readScaledDotConfig(Operation *op,
                                                          int64_t lhsRank,
                                                          int64_t rhsRank) {
  static constexpr StringLiteral kName = "backend_config";
  ScaledDotConfig config;
  DotDimensions &dims = config.dims;
  dims.lhsContracting = {lhsRank - 1};
  dims.rhsContracting = {rhsRank - 1};
  if (lhsRank == 3 && rhsRank == 3)
    dims.lhsBatch = dims.rhsBatch = {0};
  Attribute attribute = op->getAttr(kName);
  if (!attribute)
    return config;
  auto text = dyn_cast<StringAttr>(attribute);
  if (!text)
    return emitMalformed(op, kName, debugString(attribute), "a string of JSON");
  if (text.getValue().trim().empty())
    return config;
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(text.getValue());
  if (!parsed)
    return emitMalformed(op, kName, text.getValue(),
                         "JSON: " + toString(parsed.takeError()));
  auto malformed = [&](const Twine &expected) {
    return emitMalformed(op, kName, text.getValue(), expected.str());
  };
  const llvm::json::Object *root = parsed->getAsObject();
  if (!root)
    return malformed("an object");
  for (const auto &section : *root) {
    StringRef sectionName = section.first;
    const llvm::json::Object *fields = section.second.getAsObject();
    if (sectionName == "block_scaled_dot_backend_config" && fields) {
      for (const auto &field : *fields) {
        std::optional<int64_t> value = field.second.getAsInteger();
        if (StringRef(field.first) != "block_size" || !value || *value <= 0)
          return malformed("'block_size', a positive integer, alone in '" +
                           sectionName + "'");
        config.blockSize = *value;
      }
      continue;
    }
    if (sectionName != "scaled_dot_backend_config" || !fields)
      return malformed("an object 'scaled_dot_backend_config' or "
                       "'block_scaled_dot_backend_config' in place of '" +
                       sectionName + "'");
    for (const auto &field : *fields) {
      StringRef name = field.first;
      // Element times scale is exact in each of these but F16, and the sum is
      // f32 here.
      if (name == "dequantize_type") {
        std::optional<StringRef> type = field.second.getAsString();
        if (!type || !llvm::is_contained({"BF16", "F16", "F32"}, *type))
          return malformed("a 'dequantize_type' of BF16, F16 or F32");
        continue;
      }
      SmallVector<int64_t> *list = dims.getList(name);
      const llvm::json::Array *array = field.second.getAsArray();
      if (!list || !array)
        return malformed("{lhs,rhs}_{batch,contracting}_dimensions or "
                         "dequantize_type in place of '" +
                         name + "'");
      list->clear();
      for (const llvm::json::Value &element : *array) {
        std::optional<int64_t> dim = element.getAsInteger();
        if (!dim)
          return malformed("integers in '" + name + "'");
        list->push_back(*dim);
      }
    }
  }
  return config;
}
