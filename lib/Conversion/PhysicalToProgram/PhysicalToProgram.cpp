//===- PhysicalToProgram.cpp - IR to a flat program ----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function is walked once: index arithmetic becomes expressions, views
// become slots, physical ops become commands.
//
//===----------------------------------------------------------------------===//

#include "qmm/Conversion/PhysicalToProgram.h"

#include "DimExpr.h"
#include "Slots.h"
#include "qmm/IR/LocationText.h"
#include "qmm/IR/QMM.h"
#include "qmm/Plan/Targets.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::qmm;
namespace program = ::qmmrt::program;

bool mlir::qmm::isProgramOp(Operation *op) {
  if (isa<PhysQuantizeOp, PhysDequantizeOp, PhysRelayoutOp, PhysAmaxOp,
          PhysScaledMatmulOp, LaunchOp, memref::CopyOp, ParameterOp,
          memref::GetGlobalOp, func::ReturnOp>(op))
    return true;
  return isIndexArithmetic(op) || isViewOp(op);
}

namespace {

/// Translates one function into one entry.
class EntryBuilder {
public:
  EntryBuilder(FunctionOpInterface function, ParameterTable &parameters,
               std::vector<program::Kernel> &kernels)
      : function(function), kernels(kernels), dims(entry),
        slots(entry, dims, parameters) {}

  FailureOr<program::Entry> build();
  /// The function that runs when the program is loaded: its outputs become
  /// the module's packed buffers.
  FailureOr<program::Entry> buildInit(std::vector<uint64_t> &packed);

private:
  LogicalResult addCommands();
  LogicalResult addArguments();
  void addChecks();
  LogicalResult addResults(Operation *terminator);
  LogicalResult addCommand(Operation *op);
  LogicalResult addTensor(program::Command &command, Operation *op,
                          Type logical, ArrayRef<Value> buffers);
  template <typename PhysOp>
  LogicalResult addTensors(program::Command &command, PhysOp op);
  LogicalResult addLaunch(program::Command &command, LaunchOp op);
  FailureOr<int32_t> getSlot(Operation *op, Value buffer) {
    return slots.get(op, buffer);
  }

  FunctionOpInterface function;
  std::vector<program::Kernel> &kernels;
  program::Entry entry;
  DimExprs dims;
  SlotTable slots;
};

} // namespace

LogicalResult EntryBuilder::addArguments() {
  Block &block = function.getFunctionBody().front();
  auto numOutputs = function->getAttrOfType<IntegerAttr>(kNumOutputsAttr);
  if (!numOutputs)
    return function.emitOpError("has no '")
           << kNumOutputsAttr << "': run --qmm-place-buffers first";
  unsigned outputs = numOutputs.getInt();
  unsigned inputs = block.getNumArguments() - 1 - outputs;
  for (auto [i, argument] : llvm::enumerate(block.getArguments())) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || !type.getLayout().isIdentity())
      return function.emitOpError("has argument ")
             << i << " of type " << argument.getType()
             << ", where a memref with identity layout is expected";
    if (i == inputs + outputs) {
      slots.addArena(argument);
      break;
    }
    bool isInput = i < inputs;
    std::optional<qmm_dtype> dtype = getBufferDType(type.getElementType());
    if (!dtype)
      return function.emitOpError("has argument ")
             << i << " of element type " << type.getElementType()
             << ", which programs don't take";
    program::Value value;
    value.dtype = *dtype;
    auto name = function.getArgAttrOfType<StringAttr>(i, QMMDialect::kNameAttr);
    value.name = name      ? name.str()
                 : isInput ? ("arg" + Twine(i)).str()
                           : ("out" + Twine(i - inputs)).str();
    // Callers see the codes that the bytes hold.
    SmallVector<int64_t> shape(type.getShape());
    if (auto element =
            function.getArgAttrOfType<TypeAttr>(i, QMMDialect::kElementAttr)) {
      if (!isa<Float4E2M1FNType>(element.getValue()) ||
          !type.getElementType().isInteger(8) || shape.empty() ||
          ShapedType::isDynamic(shape.back()))
        return function.emitOpError("has argument ")
               << i << " of type " << type << " that holds "
               << element.getValue()
               << ", where bytes of f4E2M1FN in a static last extent are "
                  "expected";
      value.dtype = QMM_DTYPE_E2M1;
      shape.back() *= 2;
    }
    for (auto [axis, extent] : llvm::enumerate(shape)) {
      if (!ShapedType::isDynamic(extent))
        value.shape.push_back(program::Expr::constant(extent));
      else if (isInput)
        value.shape.push_back(dims.addInputDim(argument, axis));
      else
        value.shape.emplace_back(); // from the terminator
    }
    slots.addArgument(argument,
                      isInput ? program::Slot::Kind::Input
                              : program::Slot::Kind::Output,
                      isInput ? i : i - inputs);
    (isInput ? entry.inputs : entry.outputs).push_back(std::move(value));
  }
  entry.numDims = dims.getNumDims();
  return success();
}

/// What the ops assume about the inputs' dynamic extents
/// (--qmm-record-extents).
void EntryBuilder::addChecks() {
  llvm::DenseMap<int64_t, std::pair<program::Expr, std::string>> first;
  for (auto [i, input] : llvm::enumerate(entry.inputs)) {
    auto codes = function.getArgAttrOfType<DenseI64ArrayAttr>(i, kExtentsAttr);
    if (!codes || codes.size() != int64_t(input.shape.size()))
      continue;
    for (auto [dim, code] : llvm::enumerate(codes.asArrayRef())) {
      const program::Expr &extent = input.shape[dim];
      std::string name =
          ("dimension " + Twine(dim) + " of '" + input.name + "'").str();
      if (code <= -2) {
        if (extent.terms.front().op == program::Expr::Op::Dim)
          entry.checks.push_back(
              {extent, program::Expr::constant(-2 - code),
               name + " must be " + std::to_string(-2 - code)});
        continue;
      }
      if (code < 0)
        continue;
      auto [it, isNew] = first.try_emplace(code, extent, name);
      if (!isNew)
        entry.checks.push_back({it->second.first, extent,
                                it->second.second + " must equal " + name});
    }
  }
}

LogicalResult EntryBuilder::addResults(Operation *terminator) {
  unsigned next = 0;
  for (program::Value &output : entry.outputs)
    for (program::Expr &extent : output.shape)
      if (extent.terms.empty()) {
        FailureOr<program::Expr> expr =
            dims.get(terminator, terminator->getOperand(next++));
        if (failed(expr))
          return failure();
        extent = *expr;
      }
  FailureOr<program::Expr> bytes =
      dims.get(terminator, terminator->getOperand(next));
  if (failed(bytes))
    return failure();
  entry.arenaBytes = *bytes;
  return success();
}

LogicalResult EntryBuilder::addTensor(program::Command &command, Operation *op,
                                      Type logical, ArrayRef<Value> buffers) {
  program::TensorRef tensor;
  ArrayRef<int64_t> shape;
  if (auto quantized = dyn_cast<QuantizedTensorType>(logical)) {
    shape = quantized.getShape();
    tensor.scheme = quantized.getScheme().toRuntime();
    tensor.layout = quantized.getLayout().toRuntime();
  } else {
    auto wide = cast<RankedTensorType>(logical);
    shape = wide.getShape();
    std::optional<qmm_dtype> dtype = getBufferDType(wide.getElementType());
    if (!dtype)
      return op->emitOpError("has an operand of element type ")
             << wide.getElementType() << ", which the runtime doesn't know";
    tensor.scheme.element = *dtype;
  }
  // A dynamic extent is never padded, so it is the buffer's own.
  for (auto [axis, extent] : llvm::enumerate(shape)) {
    if (!ShapedType::isDynamic(extent)) {
      tensor.shape.push_back(program::Expr::constant(extent));
      continue;
    }
    FailureOr<program::Expr> expr = dims.getExtent(op, buffers[0], axis);
    if (failed(expr))
      return failure();
    tensor.shape.push_back(*expr);
  }
  int32_t *fields[] = {&tensor.data, &tensor.scale, &tensor.tensorScale};
  for (auto [field, buffer] : llvm::zip(fields, buffers)) {
    if (!buffer)
      continue;
    FailureOr<int32_t> slot = getSlot(op, buffer);
    if (failed(slot))
      return failure();
    *field = *slot;
  }
  command.tensors.push_back(std::move(tensor));
  return success();
}

/// Buffers of a logical type: data, scale, tensor scale; null where absent.
static unsigned getNumBuffers(Type logical) {
  if (auto quantized = dyn_cast<QuantizedTensorType>(logical))
    return quantized.getPhysicalTypes().size();
  return 1;
}

template <typename PhysOp>
LogicalResult EntryBuilder::addTensors(program::Command &command, PhysOp op) {
  // Inputs, in groups; what is left over are an output's given scales.
  SmallVector<Value> inputs(op.getInputs()), outputs(op.getOutputs());
  ArrayRef<Value> rest(inputs);
  auto inputTypes = op.getInputTypes().template getAsValueRange<TypeAttr>();
  auto outputTypes = op.getOutputTypes().template getAsValueRange<TypeAttr>();
  SmallVector<std::pair<Type, ArrayRef<Value>>> groups;
  for (Type type : inputTypes) {
    unsigned count = getNumBuffers(type);
    groups.emplace_back(type, rest.take_front(count));
    rest = rest.drop_front(count);
  }
  // The output: its own buffers, then those given among the inputs, in the
  // place of the physical types they are.
  Type outputType = *outputTypes.begin();
  SmallVector<Value> output(3);
  output[0] = outputs[0];
  ArrayRef<Value> computed = ArrayRef<Value>(outputs).drop_front();
  if (auto quantized = dyn_cast<QuantizedTensorType>(outputType)) {
    bool perTensor = quantized.getScheme().isPerTensor();
    bool hasTensorScale = quantized.getScheme().getTensorScale();
    bool scaleGiven = false, tensorScaleGiven = false;
    if constexpr (std::is_same_v<PhysOp, PhysQuantizeOp>) {
      scaleGiven = op.getScaleGiven();
      tensorScaleGiven = op.getTensorScaleGiven();
    } else if constexpr (std::is_same_v<PhysOp, PhysScaledMatmulOp>) {
      scaleGiven = perTensor;
      tensorScaleGiven = hasTensorScale;
    }
    auto take = [](ArrayRef<Value> &values) {
      Value front = values.front();
      values = values.drop_front();
      return front;
    };
    output[1] = scaleGiven ? take(rest) : take(computed);
    if (hasTensorScale && !std::is_same_v<PhysOp, PhysRelayoutOp>)
      output[2] = tensorScaleGiven ? take(rest) : take(computed);
    // Relayout copies scales only; the tensor scale is the input's.
    if (hasTensorScale && std::is_same_v<PhysOp, PhysRelayoutOp>)
      output[2] = groups[0].second[2];
  }
  auto addGroup = [&](unsigned i) {
    return addTensor(command, op, groups[i].first, groups[i].second);
  };
  bool isMatmul = std::is_same_v<PhysOp, PhysScaledMatmulOp>;
  for (unsigned i = 0, e = isMatmul ? 2 : groups.size(); i < e; ++i)
    if (failed(addGroup(i)))
      return failure();
  if constexpr (!std::is_same_v<PhysOp, PhysAmaxOp>)
    if (failed(addTensor(command, op, outputType, output)))
      return failure();
  Value amax, alpha;
  unsigned numTensors = groups.size();
  if constexpr (std::is_same_v<PhysOp, PhysScaledMatmulOp>) {
    if (op.getHasAlpha())
      alpha = groups[--numTensors].second.front();
    if (op.getHasAmax())
      amax = outputs.back();
  } else if constexpr (std::is_same_v<PhysOp, PhysAmaxOp>) {
    amax = outputs[0];
  }
  for (unsigned i = 2; isMatmul && i < numTensors; ++i)
    if (failed(addGroup(i)))
      return failure();
  auto setSlot = [&](Value buffer, int32_t &field) -> LogicalResult {
    if (!buffer)
      return success();
    FailureOr<int32_t> slot = getSlot(op, buffer);
    if (succeeded(slot))
      field = *slot;
    return slot;
  };
  return success(succeeded(setSlot(amax, command.amax)) &&
                 succeeded(setSlot(alpha, command.alpha)));
}

/// What the kernel's `qmm.launch` says; the verifier has seen it.
static program::LaunchShape getLaunchShape(LaunchOp op) {
  program::LaunchShape shape;
  Operation *kernel = SymbolTable::lookupNearestSymbolFrom(op, op.getKernel());
  auto launch =
      kernel ? kernel->getAttrOfType<DictionaryAttr>(QMMDialect::kLaunchAttr)
             : DictionaryAttr();
  if (!launch)
    return shape; // a host kernel
  auto get = [&](StringRef name) {
    auto value = launch.getAs<IntegerAttr>(name);
    return value ? value.getInt() : 0;
  };
  shape.threads = get("threads");
  shape.itemsPerBlock = get("items_per_block");
  shape.sharedBytes = get("shared_bytes");
  shape.blocksPerSM = get("blocks_per_sm");
  auto cooperative = launch.getAs<BoolAttr>("cooperative");
  shape.cooperative = cooperative && cooperative.getValue();
  return shape;
}

LogicalResult EntryBuilder::addLaunch(program::Command &command, LaunchOp op) {
  command.kind = program::Command::Kind::Kernel;
  std::string name = op.getKernel().getLeafReference().str();
  auto it = llvm::find_if(kernels, [&](const program::Kernel &kernel) {
    return kernel.name == name;
  });
  command.kernel = it - kernels.begin();
  if (it == kernels.end())
    kernels.push_back({name, getLaunchShape(op)});
  for (Value buffer : op.getBuffers()) {
    FailureOr<int32_t> slot = getSlot(op, buffer);
    if (failed(slot))
      return failure();
    command.slots.push_back(*slot);
    // The wrapper rebuilds the memref from its dynamic extents.
    auto type = cast<MemRefType>(buffer.getType());
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      if (!type.isDynamicDim(axis))
        continue;
      FailureOr<program::Expr> extent = dims.getExtent(op, buffer, axis);
      if (failed(extent))
        return failure();
      command.integers.push_back(*extent);
    }
  }
  for (Value integer : op.getIntegers()) {
    FailureOr<program::Expr> expr = dims.get(op, integer);
    if (failed(expr))
      return failure();
    command.integers.push_back(*expr);
  }
  FailureOr<program::Expr> extent = dims.get(op, op.getExtent());
  if (failed(extent))
    return failure();
  command.extent = *extent;
  return success();
}

LogicalResult EntryBuilder::addCommand(Operation *op) {
  program::Command command;
  command.location = getLocationText(op->getLoc());
  using Kind = program::Command::Kind;
  LogicalResult result = success();
  if (auto quantize = dyn_cast<PhysQuantizeOp>(op)) {
    command.kind = Kind::Quantize;
    command.scaleSource = quantize.getScaleGiven() ? QMM_SCALES_GIVEN
                          : quantize.getTensorScaleGiven()
                              ? QMM_SCALES_TENSOR_SCALE_GIVEN
                              : QMM_SCALES_COMPUTED;
    command.e8m0Rounding =
        static_cast<qmm_e8m0_rounding>(quantize.getE8m0Rounding());
    if (std::optional<Type> precision = quantize.getPrecision())
      command.dividePrecision = getRuntimeDType(*precision);
    command.scalePrecisionInput = quantize.getScalePrecisionInput();
    result = addTensors(command, quantize);
  } else if (auto dequantize = dyn_cast<PhysDequantizeOp>(op)) {
    command.kind = Kind::Dequantize;
    result = addTensors(command, dequantize);
  } else if (auto relayout = dyn_cast<PhysRelayoutOp>(op)) {
    command.kind = Kind::Relayout;
    result = addTensors(command, relayout);
  } else if (auto amax = dyn_cast<PhysAmaxOp>(op)) {
    command.kind = Kind::Amax;
    result = addTensors(command, amax);
  } else if (auto matmul = dyn_cast<PhysScaledMatmulOp>(op)) {
    command.kind = Kind::ScaledMatmul;
    command.activation = static_cast<qmm_activation>(matmul.getActivation());
    command.hasBias = matmul.getHasBias();
    command.hasResidual = matmul.getHasResidual();
    if (std::optional<Type> precision = matmul.getAPrecision())
      command.aPrecision = getRuntimeDType(*precision);
    if (std::optional<Type> precision = matmul.getBPrecision())
      command.bPrecision = getRuntimeDType(*precision);
    result = addTensors(command, matmul);
  } else if (auto launch = dyn_cast<LaunchOp>(op)) {
    result = addLaunch(command, launch);
  } else if (auto copy = dyn_cast<memref::CopyOp>(op)) {
    command.kind = Kind::Copy;
    for (Value buffer : {copy.getSource(), copy.getTarget()}) {
      FailureOr<int32_t> slot = getSlot(op, buffer);
      if (failed(slot))
        return failure();
      command.slots.push_back(*slot);
    }
    command.integers.push_back(entry.slots[command.slots[1]].bytes);
  } else {
    return op->emitOpError("isn't a command of a program");
  }
  if (succeeded(result))
    entry.commands.push_back(std::move(command));
  return result;
}

FailureOr<program::Entry> EntryBuilder::build() {
  entry.name = function.getName().str();
  if (failed(addArguments()))
    return failure();
  addChecks();
  if (failed(addCommands()))
    return failure();
  return std::move(entry);
}

FailureOr<program::Entry>
EntryBuilder::buildInit(std::vector<uint64_t> &packed) {
  Block &block = function.getFunctionBody().front();
  auto numOutputs = function->getAttrOfType<IntegerAttr>(kNumOutputsAttr);
  if (!numOutputs || numOutputs.getInt() + 1 != block.getNumArguments())
    return function.emitOpError("has inputs, or its buffers aren't placed: it "
                                "runs when a program is loaded");
  entry.name = "init";
  for (BlockArgument argument : block.getArguments().drop_back()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || !type.hasStaticShape() || !type.getLayout().isIdentity() ||
        !type.getElementType().isIntOrFloat())
      return function.emitOpError("has a result of type ")
             << argument.getType()
             << ", where numbers of a static shape are expected";
    slots.addArgument(argument, program::Slot::Kind::Packed, packed.size());
    packed.push_back(type.getNumElements() *
                     llvm::divideCeil(type.getElementTypeBitWidth(), 8));
  }
  slots.addArena(block.getArguments().back());
  if (failed(addCommands()))
    return failure();
  return std::move(entry);
}

LogicalResult EntryBuilder::addCommands() {
  for (Operation &op : function.getFunctionBody().front()) {
    if (isa<func::ReturnOp>(op)) {
      if (failed(addResults(&op)))
        return failure();
    } else if (isIndexArithmetic(&op) || isViewOp(&op) ||
               isa<ParameterOp, memref::GetGlobalOp>(op)) {
      continue; // translated where it is used
    } else if (failed(addCommand(&op))) {
      return failure();
    }
  }
  return success();
}

FailureOr<program::Module> mlir::qmm::translateToProgram(ModuleOp module) {
  program::Module result;
  result.target = isForGPU(module) ? "cuda" : "cpu";
  result.init.name = "init";
  result.init.arenaBytes = program::Expr::constant(0);
  ParameterTable parameters(module, result);
  auto isInit = [](FunctionOpInterface function) {
    return function.getName() == kInitFunction;
  };
  // First: the entries' packed parameters are checked against it.
  for (auto function : module.getOps<FunctionOpInterface>()) {
    if (!isInit(function))
      continue;
    FailureOr<program::Entry> init =
        EntryBuilder(function, parameters, result.kernels)
            .buildInit(result.packed);
    if (failed(init))
      return failure();
    result.init = std::move(*init);
  }
  for (auto function : module.getOps<FunctionOpInterface>()) {
    if (!function.isPublic() || function.isExternal() || isInit(function))
      continue;
    FailureOr<program::Entry> entry =
        EntryBuilder(function, parameters, result.kernels).build();
    if (failed(entry))
      return failure();
    result.entries.push_back(std::move(*entry));
  }
  if (result.entries.empty())
    return module.emitError("has no public function to run");
  return result;
}
