//===- ImportCheckpoint.cpp - Linear layers to functions -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing is decided here: the weight is what the file says, and the
// activation scale is recorded beside it.
//
//===----------------------------------------------------------------------===//

#include "qmm/Import/ImportCheckpoint.h"

#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::qmm;

static Type getWideType(MLIRContext *context, ::qmm_dtype dtype) {
  switch (dtype) {
  case QMM_DTYPE_F32:
    return Float32Type::get(context);
  case QMM_DTYPE_F16:
    return Float16Type::get(context);
  default:
    return BFloat16Type::get(context);
  }
}

namespace {
/// Builds the function of one layer.
class LayerImporter {
public:
  LayerImporter(OpBuilder &builder, const ::qmmrt::Checkpoint &checkpoint,
                const ::qmmrt::LinearLayer &layer, Location loc)
      : builder(builder), checkpoint(checkpoint), layer(layer), loc(loc) {}

  LogicalResult import(Type inputType);

private:
  Value parameter(const std::string &key, RankedTensorType type) {
    return ParameterOp::create(builder, loc, type,
                               builder.getStringAttr("model::" + key),
                               /*digest=*/nullptr);
  }
  Type getStoredWideType(const std::string &key) {
    return getWideType(builder.getContext(), checkpoint.find(key)->dtype);
  }
  /// The bias or another wide vector; null if the layer has none.
  Value vector(const std::string &key, int64_t size) {
    return key.empty() ? Value()
                       : parameter(key, RankedTensorType::get(
                                            {size}, getStoredWideType(key)));
  }
  FailureOr<Value> weight();

  OpBuilder &builder;
  const ::qmmrt::Checkpoint &checkpoint;
  const ::qmmrt::LinearLayer &layer;
  Location loc;
};
} // namespace

FailureOr<Value> LayerImporter::weight() {
  MLIRContext *context = builder.getContext();
  if (layer.format.empty())
    return parameter(layer.weight,
                     RankedTensorType::get({layer.n, layer.k},
                                           getStoredWideType(layer.weight)));
  auto type =
      QuantizedTensorType::getChecked([&] { return emitError(loc); }, context,
                                      ArrayRef<int64_t>{layer.n, layer.k},
                                      getWideType(context, layer.expressed),
                                      SchemeAttr::get(context, layer.scheme),
                                      LayoutAttr::get(context, layer.layout));
  if (!type)
    return failure();
  SmallVector<Value> components;
  const std::string *keys[] = {&layer.weight, &layer.weightScale,
                               &layer.tensorScale};
  for (auto [key, physical] : llvm::zip(keys, type.getPhysicalTypes()))
    components.push_back(parameter(*key, physical));
  return Value(AssembleOp::create(builder, loc, type, components));
}

LogicalResult LayerImporter::import(Type inputType) {
  OpBuilder::InsertionGuard guard(builder);
  int64_t dynamic = ShapedType::kDynamic;
  auto input = RankedTensorType::get({dynamic, layer.k}, inputType);
  auto output = RankedTensorType::get({dynamic, layer.n}, inputType);
  auto function = func::FuncOp::create(
      builder, loc, layer.name, builder.getFunctionType({input}, {output}));
  function.setArgAttr(0, QMMDialect::kNameAttr, builder.getStringAttr("x"));
  function.setResultAttr(0, QMMDialect::kNameAttr, builder.getStringAttr("y"));
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToStart(block);
  FailureOr<Value> weightValue = weight();
  if (failed(weightValue))
    return failure();
  Value bias = vector(layer.bias, layer.n);
  Value inputScale =
      layer.inputScale.empty()
          ? Value()
          : parameter(layer.inputScale,
                      RankedTensorType::get({}, builder.getF32Type()));
  Value preQuantScale = vector(layer.preQuantScale, layer.k);
  auto linear = LinearOp::create(builder, loc, output, block->getArgument(0),
                                 *weightValue, bias, inputScale, preQuantScale,
                                 Activation::None, layer.fullPrecision);
  SmallVector<StringRef> notes(layer.notes.begin(), layer.notes.end());
  if (!notes.empty())
    linear->setAttr(QMMDialect::kNotesAttr, builder.getStrArrayAttr(notes));
  func::ReturnOp::create(builder, loc, linear.getResult());
  return success();
}

OwningOpRef<ModuleOp> mlir::qmm::importCheckpoint(
    MLIRContext *context, const ::qmmrt::Checkpoint &checkpoint, StringRef path,
    ArrayRef<::qmmrt::LinearLayer> layers, Type inputType) {
  context->loadDialect<QMMDialect, func::FuncDialect>();
  OpBuilder builder(context);
  auto fileLoc = FileLineColLoc::get(context, path, 0, 0);
  OwningOpRef<ModuleOp> module = ModuleOp::create(fileLoc);
  module->getOperation()->setAttr(
      QMMDialect::kParameterFilesAttr,
      builder.getDictionaryAttr(
          builder.getNamedAttr("model", builder.getStringAttr(path))));
  builder.setInsertionPointToStart(module->getBody());
  for (const ::qmmrt::LinearLayer &layer : layers) {
    Location loc = NameLoc::get(builder.getStringAttr(layer.name), fileLoc);
    if (failed(
            LayerImporter(builder, checkpoint, layer, loc).import(inputType)))
      return nullptr;
  }
  return module;
}
