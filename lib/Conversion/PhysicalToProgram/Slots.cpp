//===- Slots.cpp - Buffers as slots --------------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Views of contiguous memory become an offset into their base; parameters are
// told apart by key.
//
//===----------------------------------------------------------------------===//

#include "Slots.h"

#include "qmm/IR/QMM.h"
#include "qmm/Transforms/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mlir::qmm;
using ::qmmrt::program::Expr;
namespace program = ::qmmrt::program;

std::optional<::qmm_dtype> mlir::qmm::getBufferDType(Type element) {
  ::qmm_dtype dtype = getRuntimeDType(element);
  if (dtype == QMM_DTYPE_NONE || dtype == QMM_DTYPE_E2M1)
    return std::nullopt;
  return dtype;
}

bool mlir::qmm::isViewOp(Operation *op) {
  return isa<memref::ViewOp, memref::CastOp, memref::ExpandShapeOp,
             memref::CollapseShapeOp, memref::SubViewOp,
             memref::ReinterpretCastOp>(op);
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// The bytes of a constant, row-major; empty for a splat or unknown storage.
static ArrayRef<char> getRawBytes(ElementsAttr constant) {
  if (auto dense = dyn_cast<DenseIntOrFPElementsAttr>(constant);
      dense && !dense.isSplat())
    return dense.getRawData();
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant))
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      return blob->getData();
  return {};
}

FailureOr<uint32_t> ParameterTable::get(Operation *op) {
  if (auto parameter = dyn_cast<ParameterOp>(op)) {
    auto type = cast<ShapedType>(parameter.getResult().getType());
    ElementsAttr constant;
    if (parameter.getScope() == "const") {
      auto constants =
          module->getAttrOfType<DictionaryAttr>(QMMDialect::kConstantsAttr);
      constant = constants ? constants.getAs<ElementsAttr>(parameter.getName())
                           : ElementsAttr();
      if (!constant)
        return op->emitOpError("names '")
               << parameter.getKey() << "', which the module's '"
               << QMMDialect::kConstantsAttr << "' lacks";
    }
    return add(op, parameter.getKey(), constant, type.getShape(),
               type.getElementType(), parameter.getDigest().value_or(0));
  }
  auto global = cast<memref::GetGlobalOp>(op);
  auto symbol = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(
      op, global.getNameAttr());
  auto constant =
      symbol ? dyn_cast_or_null<ElementsAttr>(symbol.getConstantInitValue())
             : ElementsAttr();
  if (!constant)
    return op->emitOpError("reads a global that isn't a constant");
  auto type = cast<MemRefType>(global.getType());
  return add(op, ("global::" + global.getName()).str(), constant,
             type.getShape(), type.getElementType(), 0);
}

FailureOr<uint32_t> ParameterTable::add(Operation *op, StringRef key,
                                        ElementsAttr constant,
                                        ArrayRef<int64_t> shape, Type element,
                                        uint64_t digest) {
  std::optional<::qmm_dtype> dtype = getBufferDType(element);
  if (!dtype)
    return op->emitOpError("has element type ")
           << element << ", which programs don't hold";
  auto [it, isNew] = indices.try_emplace(key, program.parameters.size());
  if (!isNew) {
    const program::Parameter &known = program.parameters[it->second];
    if (known.dtype != *dtype || ArrayRef<int64_t>(known.shape) != shape)
      return op->emitOpError("reads parameter '")
             << key << "' with another type than an earlier op";
    return it->second;
  }
  program::Parameter parameter;
  parameter.key = key.str();
  parameter.dtype = *dtype;
  parameter.shape = shape.vec();
  parameter.digest = digest;
  parameter.bytes = ShapedType::getNumElements(shape) *
                    llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  if (constant) {
    ArrayRef<char> bytes = getRawBytes(constant);
    if (bytes.size() != parameter.bytes) {
      // A splat, or sub-byte packing: spell the elements out once, in the
      // context, so that the bytes live as long as the module.
      auto dense = dyn_cast<DenseIntOrFPElementsAttr>(constant);
      if (!dense || dense.getElementType().getIntOrFloatBitWidth() % 8 != 0)
        return op->emitOpError(
            "reads a constant whose bytes can't be laid out");
      std::string spelled;
      while (spelled.size() < parameter.bytes)
        spelled.append(dense.getRawData().begin(), dense.getRawData().end());
      auto kept = StringAttr::get(op->getContext(), spelled);
      bytes = ArrayRef<char>(kept.getValue().data(), kept.getValue().size());
    }
    parameter.data = bytes.data();
    parameter.digest = llvm::xxh3_64bits(ArrayRef<uint8_t>(
        reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
  } else {
    auto [scope, name] = key.split("::");
    auto files =
        module->getAttrOfType<DictionaryAttr>(QMMDialect::kParameterFilesAttr);
    auto path = files ? files.getAs<StringAttr>(scope) : StringAttr();
    if (!path)
      return op->emitOpError("names scope '")
             << scope << "', for which the module's '"
             << QMMDialect::kParameterFilesAttr
             << "' has no file; pass --checkpoint";
    auto it = llvm::find(program.files, path.str());
    parameter.file = it - program.files.begin();
    if (it == program.files.end())
      program.files.push_back(path.str());
    parameter.fileKey = name.str();
  }
  program.parameters.push_back(std::move(parameter));
  return it->second;
}

FailureOr<uint32_t> ParameterTable::getPacked(ParameterOp op) {
  uint32_t index = 0;
  if (op.getName().getAsInteger(10, index) || index >= program.packed.size()) {
    op.emitOpError("names '")
        << op.getKey() << "', but '@" << kInitFunction << "' has "
        << program.packed.size() << " results";
    return failure();
  }
  auto type = cast<MemRefType>(op.getResult().getType());
  uint64_t bytes = type.getNumElements() *
                   llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  if (bytes != program.packed[index]) {
    op.emitOpError("reads ") << bytes << " bytes of '" << op.getKey()
                             << "', which has " << program.packed[index];
    return failure();
  }
  return index;
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

void SlotTable::addArgument(Value argument, program::Slot::Kind kind,
                            uint32_t index) {
  arguments[argument] = {kind, index};
}

FailureOr<Expr> SlotTable::getBytes(Operation *user, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  Expr bytes =
      Expr::constant(type.getElementType().isIndex()
                         ? 8
                         : llvm::divideCeil(type.getElementTypeBitWidth(), 8));
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    FailureOr<Expr> extent = dims.getExtent(user, buffer, axis);
    if (failed(extent))
      return failure();
    bytes = combine(Expr::Op::Mul, *extent, bytes);
  }
  return bytes;
}

/// Bytes from the source's first element to the view's.
FailureOr<Expr> SlotTable::getOffset(Operation *user, memref::SubViewOp view) {
  MemRefType type = view.getSourceType();
  if (!isContiguous(type))
    return user->emitOpError("uses a part of a buffer of type ")
           << type << ", which has gaps";
  Expr stride =
      Expr::constant(llvm::divideCeil(type.getElementTypeBitWidth(), 8));
  Expr offset = Expr::constant(0);
  SmallVector<OpFoldResult> offsets = view.getMixedOffsets();
  for (int64_t axis = type.getRank() - 1; axis >= 0; --axis) {
    FailureOr<Expr> start = failure();
    if (auto constant = dyn_cast<Attribute>(offsets[axis]))
      start = Expr::constant(cast<IntegerAttr>(constant).getInt());
    else
      start = dims.get(user, cast<Value>(offsets[axis]));
    FailureOr<Expr> extent = dims.getExtent(user, view.getSource(), axis);
    if (failed(start) || failed(extent))
      return failure();
    offset =
        combine(Expr::Op::Add, combine(Expr::Op::Mul, *start, stride), offset);
    stride = combine(Expr::Op::Mul, *extent, stride);
  }
  return offset;
}

FailureOr<int32_t> SlotTable::get(Operation *user, Value buffer) {
  if (auto it = indices.find(buffer); it != indices.end())
    return it->second;
  FailureOr<program::Slot> slot = create(user, buffer);
  if (failed(slot))
    return failure();
  entry.slots.push_back(std::move(*slot));
  return indices[buffer] = static_cast<int32_t>(entry.slots.size() - 1);
}

FailureOr<program::Slot> SlotTable::create(Operation *user, Value buffer) {
  program::Slot slot;
  slot.offset = Expr::constant(0);
  FailureOr<Expr> bytes = getBytes(user, buffer);
  if (failed(bytes))
    return failure();
  slot.bytes = *bytes;
  if (auto it = arguments.find(buffer); it != arguments.end()) {
    slot.kind = it->second.kind;
    slot.index = it->second.index;
    return slot;
  }
  Operation *op = buffer.getDefiningOp();
  if (auto parameter = dyn_cast_or_null<ParameterOp>(op);
      parameter && parameter.getScope() == kPackedScope) {
    FailureOr<uint32_t> index = parameters.getPacked(parameter);
    if (failed(index))
      return failure();
    slot.kind = program::Slot::Kind::Packed;
    slot.index = *index;
    return slot;
  }
  if (op && isa<ParameterOp, memref::GetGlobalOp>(op)) {
    FailureOr<uint32_t> parameter = parameters.get(op);
    if (failed(parameter))
      return failure();
    slot.kind = program::Slot::Kind::Parameter;
    slot.index = *parameter;
    return slot;
  }
  if (auto view = buffer.getDefiningOp<memref::ViewOp>();
      view && view.getSource() == arena) {
    FailureOr<Expr> offset = dims.get(user, view.getByteShift());
    if (failed(offset))
      return failure();
    slot.offset = *offset;
    return slot; // Arena
  }
  // A part of another buffer, or another name for its bytes.
  if (op &&
      isa<memref::CastOp, memref::ExpandShapeOp, memref::CollapseShapeOp,
          memref::SubViewOp>(op) &&
      isContiguous(cast<MemRefType>(buffer.getType()))) {
    FailureOr<int32_t> source = get(user, op->getOperand(0));
    if (failed(source))
      return failure();
    program::Slot part = entry.slots[*source];
    part.bytes = slot.bytes;
    if (auto view = dyn_cast<memref::SubViewOp>(op)) {
      FailureOr<Expr> offset = getOffset(user, view);
      if (failed(offset))
        return failure();
      part.offset = combine(Expr::Op::Add, *offset, part.offset);
    }
    return part;
  }
  return user->emitOpError("uses a buffer of type ")
         << buffer.getType()
         << ", which isn't contiguous memory of an argument, the arena or a "
            "parameter";
}
