//===- Slots.h - Buffers as slots ------------------------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A slot is a range of bytes of an input, an output, the arena or a parameter.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_CONVERSION_PHYSICALTOPROGRAM_SLOTS_H
#define QMM_LIB_CONVERSION_PHYSICALTOPROGRAM_SLOTS_H

#include "DimExpr.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <optional>

namespace mlir::qmm {
class ParameterOp;

/// The runtime's name for a buffer's elements, if it has one; f4E2M1FN in a
/// buffer isn't packed, as the runtime's is.
std::optional<::qmm_dtype> getBufferDType(Type element);

/// Is `op` a view of a buffer that a slot can be?
bool isViewOp(Operation *op);

/// The parameters of a program, each once.
class ParameterTable {
public:
  ParameterTable(ModuleOp module, ::qmmrt::program::Module &program)
      : module(module), program(program) {}

  /// Of the op, a qmm.parameter or a memref.get_global.
  FailureOr<uint32_t> get(Operation *op);
  /// Of a parameter that the program's init computes.
  FailureOr<uint32_t> getPacked(ParameterOp op);

private:
  FailureOr<uint32_t> add(Operation *op, StringRef key, ElementsAttr constant,
                          ArrayRef<int64_t> shape, Type element,
                          uint64_t digest);

  ModuleOp module;
  ::qmmrt::program::Module &program;
  llvm::StringMap<uint32_t> indices;
};

/// The slots of one entry.  Failures are reported at `user`.
class SlotTable {
public:
  SlotTable(::qmmrt::program::Entry &entry, DimExprs &dims,
            ParameterTable &parameters)
      : entry(entry), dims(dims), parameters(parameters) {}

  void addArena(Value arena) { this->arena = arena; }
  void addArgument(Value argument, ::qmmrt::program::Slot::Kind kind,
                   uint32_t index);
  FailureOr<int32_t> get(Operation *user, Value buffer);

private:
  FailureOr<::qmmrt::program::Expr> getBytes(Operation *user, Value buffer);
  FailureOr<::qmmrt::program::Expr> getOffset(Operation *user,
                                              memref::SubViewOp view);
  FailureOr<::qmmrt::program::Slot> create(Operation *user, Value buffer);

  ::qmmrt::program::Entry &entry;
  DimExprs &dims;
  ParameterTable &parameters;
  Value arena;
  llvm::DenseMap<Value, int32_t> indices;
  struct Argument {
    ::qmmrt::program::Slot::Kind kind;
    uint32_t index;
  };
  llvm::DenseMap<Value, Argument> arguments;
};

} // namespace mlir::qmm

#endif // QMM_LIB_CONVERSION_PHYSICALTOPROGRAM_SLOTS_H
