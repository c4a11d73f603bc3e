//===- PhysicalOps.cpp - Ops on buffers of data and scales ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands in groups, one group a logical type: every physical op's verifier
// says which types it lists and which buffers those mean; one function
// compares.
//
//===----------------------------------------------------------------------===//
#include "Verify.h"
#include "qmm/IR/QMM.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::qmm;

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

SmallVector<RankedTensorType, 3> qmm::getBufferTypes(Type logicalType) {
  if (auto quantized = dyn_cast<QuantizedTensorType>(logicalType))
    return quantized.getPhysicalTypes();
  return {cast<RankedTensorType>(logicalType)};
}

bool qmm::isContiguous(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return false;
  int64_t expected = 1;
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    if (type.getDimSize(i) == 1)
      continue;
    // Behind a dynamic extent only extents of 1 are known to have no gaps, but
    // for the identity layout.
    if (ShapedType::isDynamic(expected))
      return type.getLayout().isIdentity();
    if (strides[i] != expected)
      return false;
    expected = type.isDynamicDim(i) ? ShapedType::kDynamic
                                    : expected * type.getDimSize(i);
  }
  return true;
}

static Type getListedType(ArrayAttr types, unsigned index) {
  return cast<TypeAttr>(types[index]).getValue();
}

/// How many buffers entries [begin, end) have.
static size_t countBuffers(ArrayAttr types, unsigned begin, unsigned end) {
  size_t count = 0;
  for (unsigned i = begin; i < end; ++i)
    count += getBufferTypes(getListedType(types, i)).size();
  return count;
}

OperandRange qmm::getPhysicalInputGroup(OperandRange inputs, ArrayAttr types,
                                        unsigned index) {
  return inputs.slice(countBuffers(types, 0, index),
                      countBuffers(types, index, index + 1));
}

OperandRange qmm::getPhysicalOutputGroup(OperandRange outputs, ArrayAttr types,
                                         unsigned index) {
  size_t later = countBuffers(types, index + 1, types.size());
  if (index == 0)
    return outputs.drop_back(later);
  size_t own = countBuffers(types, index, index + 1);
  return outputs.slice(outputs.size() - later - own, own);
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

namespace {
/// What the type lists of an op hold, position by position.
enum class Listed { Wide, Quantized, Factor, Product, Scale };
} // namespace

static StringRef spell(Listed kind) {
  switch (kind) {
  case Listed::Wide:
    return "a ranked tensor of f32, bf16 or f16";
  case Listed::Quantized:
    return "a !qmm.tensor";
  case Listed::Factor:
    return "a wide or raw tensor or a !qmm.tensor";
  case Listed::Product:
    return "a wide or i32 tensor or a !qmm.tensor";
  case Listed::Scale:
    return "tensor<f32>";
  }
  return "";
}

static bool isListed(Type type, Listed kind) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  bool wide = tensor && isWideElementType(tensor.getElementType());
  bool quantized = isa<QuantizedTensorType>(type);
  switch (kind) {
  case Listed::Wide:
    return wide;
  case Listed::Quantized:
    return quantized;
  case Listed::Factor:
    return wide || quantized || isRawTensor(type);
  case Listed::Product:
    return wide || quantized ||
           (tensor && tensor.getElementType().isInteger(32));
  case Listed::Scale:
    return tensor && tensor.getRank() == 0 && tensor.getElementType().isF32();
  }
  return false;
}

static LogicalResult verifyTypeList(Operation *op, StringRef name,
                                    ArrayAttr types, ArrayRef<Listed> kinds) {
  if (types.size() != kinds.size())
    return op->emitOpError() << name << " has " << types.size()
                             << " entries, expected " << kinds.size();
  for (auto [index, kind] : llvm::enumerate(kinds)) {
    Type type = getListedType(types, index);
    if (!isListed(type, kind))
      return op->emitOpError() << "entry " << index << " of " << name << " is "
                               << type << ", expected " << spell(kind);
  }
  return success();
}

static LogicalResult verifyBuffers(Operation *op, StringRef name,
                                   OperandRange buffers,
                                   ArrayRef<RankedTensorType> expected) {
  if (buffers.size() != expected.size())
    return op->emitOpError()
           << "has " << buffers.size() << " " << name << ", expected "
           << expected.size() << " by its type lists";
  for (auto [index, buffer, type] :
       llvm::enumerate(buffers.getTypes(), expected))
    if (!areCompatible(cast<ShapedType>(buffer), type))
      return op->emitOpError()
             << "entry " << index << " of " << name << " is " << buffer
             << ", expected the shape and element type of " << type;
  return success();
}

/// The buffers are the expected ones, and all tensors or all memrefs.
template <typename OpTy>
static LogicalResult verifyPhysical(OpTy op, ArrayRef<RankedTensorType> inputs,
                                    ArrayRef<RankedTensorType> outputs) {
  if (failed(verifyBuffers(op, "inputs", op.getInputs(), inputs)) ||
      failed(verifyBuffers(op, "outputs", op.getOutputs(), outputs)))
    return failure();
  bool tensors = llvm::all_of(op->getOperandTypes(), llvm::IsaPred<TensorType>);
  bool memrefs = llvm::all_of(op->getOperandTypes(), llvm::IsaPred<MemRefType>);
  if (!tensors && !memrefs)
    return op.emitOpError("mixes tensors and memrefs, expected one kind");
  return success();
}

static void append(SmallVectorImpl<RankedTensorType> &types, Type logicalType) {
  llvm::append_range(types, getBufferTypes(logicalType));
}

LogicalResult PhysQuantizeOp::verify() {
  if (failed(verifyTypeList(*this, "input_types", getInputTypes(),
                            {Listed::Wide})) ||
      failed(verifyTypeList(*this, "output_types", getOutputTypes(),
                            {Listed::Quantized})))
    return failure();
  auto input = cast<RankedTensorType>(getInputType(0));
  auto result = cast<QuantizedTensorType>(getOutputType(0));
  if (failed(
          verifyQuantize(*this, {input, result, getScaleGiven(),
                                 getTensorScaleGiven(), getPrecision(),
                                 getE8m0Rounding(), getScalePrecisionInput()})))
    return failure();
  SmallVector<RankedTensorType> inputs{input}, outputs;
  auto physical = result.getPhysicalTypes();
  outputs.push_back(physical[0]);
  (getScaleGiven() ? inputs : outputs).push_back(physical[1]);
  if (physical.size() == 3)
    (getTensorScaleGiven() ? inputs : outputs).push_back(physical[2]);
  return verifyPhysical(*this, inputs, outputs);
}

LogicalResult PhysDequantizeOp::verify() {
  if (failed(verifyTypeList(*this, "input_types", getInputTypes(),
                            {Listed::Quantized})) ||
      failed(verifyTypeList(*this, "output_types", getOutputTypes(),
                            {Listed::Wide})) ||
      failed(verifySameShape(*this, "the input",
                             cast<ShapedType>(getInputType(0)), "the result",
                             cast<ShapedType>(getOutputType(0)))))
    return failure();
  return verifyPhysical(*this, getBufferTypes(getInputType(0)),
                        getBufferTypes(getOutputType(0)));
}

LogicalResult PhysRelayoutOp::verify() {
  if (failed(verifyTypeList(*this, "input_types", getInputTypes(),
                            {Listed::Quantized})) ||
      failed(verifyTypeList(*this, "output_types", getOutputTypes(),
                            {Listed::Quantized})) ||
      failed(verifyRelayout(*this, cast<QuantizedTensorType>(getInputType(0)),
                            cast<QuantizedTensorType>(getOutputType(0)))))
    return failure();
  auto outputs = getBufferTypes(getOutputType(0));
  outputs.truncate(2);
  return verifyPhysical(*this, getBufferTypes(getInputType(0)), outputs);
}

LogicalResult PhysAmaxOp::verify() {
  if (failed(verifyTypeList(*this, "input_types", getInputTypes(),
                            {Listed::Wide})) ||
      failed(verifyTypeList(*this, "output_types", getOutputTypes(),
                            {Listed::Scale})))
    return failure();
  return verifyPhysical(*this, getBufferTypes(getInputType(0)),
                        getBufferTypes(getOutputType(0)));
}

LogicalResult PhysScaledMatmulOp::verify() {
  SmallVector<Listed> inputKinds{Listed::Factor, Listed::Factor};
  inputKinds.append(getHasBias() + getHasResidual(), Listed::Wide);
  inputKinds.append(getHasAlpha(), Listed::Scale);
  SmallVector<Listed> outputKinds{Listed::Product};
  outputKinds.append(getHasAmax(), Listed::Scale);
  if (failed(
          verifyTypeList(*this, "input_types", getInputTypes(), inputKinds)) ||
      failed(
          verifyTypeList(*this, "output_types", getOutputTypes(), outputKinds)))
    return failure();

  auto input = [this](unsigned index) {
    return cast<ShapedType>(getInputType(index));
  };
  Type result = getOutputType(0);
  ScaledMatmulSpec spec = {};
  spec.a = input(0);
  spec.b = input(1);
  spec.result = cast<ShapedType>(result);
  if (getHasBias())
    spec.bias = input(2);
  if (getHasResidual())
    spec.residual = input(2 + getHasBias());
  spec.alphaGiven = getHasAlpha();
  spec.activation = getActivation();
  spec.aPrecision = getAPrecision();
  spec.bPrecision = getBPrecision();
  // Its buffer is counted below.
  spec.outScaleGiven = needsOutScale(result);
  if (failed(verifyScaledMatmul(*this, spec)))
    return failure();

  SmallVector<RankedTensorType> inputs, outputs;
  for (Type type : getInputTypes().getAsValueRange<TypeAttr>())
    append(inputs, type);
  append(outputs, result);
  if (spec.outScaleGiven)
    inputs.push_back(outputs.pop_back_val());
  if (getHasAmax())
    append(outputs, getOutputType(1));
  return verifyPhysical(*this, inputs, outputs);
}

//===----------------------------------------------------------------------===//
// Effects and builders
//===----------------------------------------------------------------------===//

using Effects =
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

/// Inputs that are memrefs are read; outputs that are memrefs are written,
/// whole and without being read.
template <typename OpTy>
static void getPhysicalEffects(OpTy op, Effects &effects) {
  for (OpOperand &operand : op.getInputsMutable())
    if (isa<MemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &operand,
                           SideEffects::DefaultResource::get());
  for (OpOperand &operand : op.getOutputsMutable())
    if (isa<MemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Write::get(), &operand,
                           SideEffects::DefaultResource::get());
}

template <typename OpTy>
static void buildPhysical(OpBuilder &builder, OperationState &state,
                          ValueRange inputs, ValueRange outputs,
                          TypeRange inputTypes, TypeRange outputTypes,
                          ArrayRef<NamedAttribute> attributes) {
  state.addOperands(inputs);
  state.addOperands(outputs);
  auto &properties = state.getOrAddProperties<typename OpTy::Properties>();
  llvm::copy(ArrayRef<int32_t>({static_cast<int32_t>(inputs.size()),
                                static_cast<int32_t>(outputs.size())}),
             properties.operandSegmentSizes.begin());
  properties.input_types = builder.getTypeArrayAttr(inputTypes);
  properties.output_types = builder.getTypeArrayAttr(outputTypes);
  state.addAttributes(attributes);
  for (Value output : outputs)
    if (isa<RankedTensorType>(output.getType()))
      state.addTypes(output.getType());
}

#define QMM_PHYSICAL_OP(OpTy)                                                  \
  void OpTy::getEffects(Effects &effects) {                                    \
    getPhysicalEffects(*this, effects);                                        \
  }                                                                            \
  void OpTy::build(OpBuilder &builder, OperationState &state,                  \
                   ValueRange inputs, ValueRange outputs,                      \
                   TypeRange inputTypes, TypeRange outputTypes,                \
                   ArrayRef<NamedAttribute> attributes) {                      \
    buildPhysical<OpTy>(builder, state, inputs, outputs, inputTypes,           \
                        outputTypes, attributes);                              \
  }
QMM_PHYSICAL_OP(PhysQuantizeOp)
QMM_PHYSICAL_OP(PhysDequantizeOp)
QMM_PHYSICAL_OP(PhysRelayoutOp)
QMM_PHYSICAL_OP(PhysAmaxOp)
QMM_PHYSICAL_OP(PhysScaledMatmulOp)
#undef QMM_PHYSICAL_OP

//===----------------------------------------------------------------------===//
// launch
//===----------------------------------------------------------------------===//

void LaunchOp::getEffects(Effects &effects) {
  // What a kernel does with a buffer isn't part of its signature.
  for (OpOperand &operand : getBuffersMutable()) {
    effects.emplace_back(MemoryEffects::Read::get(), &operand,
                         SideEffects::DefaultResource::get());
    effects.emplace_back(MemoryEffects::Write::get(), &operand,
                         SideEffects::DefaultResource::get());
  }
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  SymbolRefAttr kernel = getKernel();
  auto function =
      symbolTable.lookupNearestSymbolFrom<FunctionOpInterface>(*this, kernel);
  StringAttr root = kernel.getRootReference();
  bool isHost = root == QMMDialect::kKernelsModule;
  if (!function || (!isHost && root != QMMDialect::kDeviceModule) ||
      kernel.getNestedReferences().size() != 1)
    return emitOpError() << "kernel is " << kernel
                         << ", expected a function of the module @"
                         << QMMDialect::kKernelsModule << " or @"
                         << QMMDialect::kDeviceModule;
  if (!isHost && !function->hasAttr(QMMDialect::kLaunchAttr))
    return emitOpError() << "kernel " << kernel << " has no attribute '"
                         << QMMDialect::kLaunchAttr
                         << "', expected one that says how it is launched";
  SmallVector<Type> expected(getBuffers().getTypes());
  // The integers, then begin and end, or the extent.
  expected.append(getIntegers().size() + (isHost ? 2 : 1),
                  IndexType::get(getContext()));
  auto expectedType = FunctionType::get(getContext(), expected, {});
  if (function.getArgumentTypes() != ArrayRef<Type>(expected) ||
      function.getNumResults() != 0)
    return emitOpError() << "kernel " << kernel << " has the type "
                         << function.getFunctionType() << ", expected "
                         << expectedType;
  return success();
}
