//===- Importer.h - What the files of the import share ----------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An op is imported by the handler of its name.  Nothing of an unregistered op
// has been verified: a handler checks what it reads and reports at the op.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_LIB_IMPORT_STABLEHLO_IMPORTER_H
#define QMM_LIB_IMPORT_STABLEHLO_IMPORTER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::qmm {

/// What an op's results become.
using Imported = FailureOr<SmallVector<Value>>;
/// Creates the op's replacement at the builder's place, in front of it.
using ImportHandler = Imported (*)(OpBuilder &builder, Operation *op);
/// By the name without its dialect: `add`.
using ImportTable = llvm::StringMap<ImportHandler>;

void addElementwiseHandlers(ImportTable &table);
void addStructureHandlers(ImportTable &table);
void addMovementHandlers(ImportTable &table);
void addReduceHandlers(ImportTable &table);
void addDotHandlers(ImportTable &table);
void addCustomCallHandlers(ImportTable &table);

/// The name without its dialect.
StringRef getOpName(Operation *op);

/// Makes tensors of ui8 that are only cast to one 8-bit float type tensors of
/// that: arguments of functions that nothing calls, and constants.  Returns how
/// many casts are gone.
unsigned retypeBytes(ModuleOp module);

//===----------------------------------------------------------------------===//
// Operands and results
//===----------------------------------------------------------------------===//

/// Has the op so many operands and results (-1: any number), all of them ranked
/// tensors of numbers that arith knows?  f4E2M1FN is for ops that only carry
/// it.
LogicalResult verifySignature(Operation *op, int numOperands,
                              int numResults = 1, bool takesFloat4 = false);

RankedTensorType getOperandType(Operation *op, unsigned index);
RankedTensorType getResultType(Operation *op, unsigned index = 0);

/// Are the extents of both equal, or dynamic on either side?
LogicalResult verifyShape(Operation *op, StringRef what,
                          ArrayRef<int64_t> found, ArrayRef<int64_t> expected);

/// `[2, ?]`
std::string getText(ArrayRef<int64_t> shape);

/// A tensor.empty of `type`, dynamic extents being those of `like`.
Value createEmptyLike(OpBuilder &builder, Location loc, RankedTensorType type,
                      Value like);

/// The tensor of `type` that has `scalar`, a 0-D tensor, everywhere; `like` has
/// its dynamic extents.
Value createSplat(OpBuilder &builder, Location loc, RankedTensorType type,
                  Value scalar, Value like);

/// A generic that moves elements: `value`'s element at `map` of the loops.
Value createGather(OpBuilder &builder, Location loc, Value value, AffineMap map,
                   Value empty);

/// The tensor with the dimensions of `value` in this order.
Value createTranspose(OpBuilder &builder, Location loc, Value value,
                      ArrayRef<int64_t> permutation);

/// `value` with the static shape of `type`, through one dimension if need be.
Value createReshape(OpBuilder &builder, Location loc, Value value,
                    RankedTensorType type);

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// The elementwise ops, and whether `op` is one: by its name, or a custom call
/// by its target's.
SmallVector<StringRef> getElementwiseNames();
bool isElementwise(Operation *op);

/// One linalg.generic of an elementwise op.
Imported importElementwise(OpBuilder &builder, Operation *op);

/// What the elementwise `op` computes of one element of each operand.  The op
/// has passed verifyElementwise.
Value createScalar(OpBuilder &builder, Operation *op, ValueRange arguments);

/// The constraints of an elementwise op on types and attributes.
LogicalResult verifyElementwise(Operation *op);

/// StableHLO's `convert` of one element.
Value convertScalar(OpBuilder &builder, Location loc, Value value, Type type);

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// An error: attribute `name` is `found`, and what is expected.
InFlightDiagnostic emitMalformed(Operation *op, StringRef name, StringRef found,
                                 StringRef expected);

/// The integers of `array<i64: ...>`, `dense<...>` or `[...]`.
FailureOr<SmallVector<int64_t>> readIntegers(Operation *op, StringRef name);

/// The same, of one integer per dimension of a tensor.
FailureOr<SmallVector<int64_t>> readIntegers(Operation *op, StringRef name,
                                             int64_t count);

FailureOr<int64_t> readInteger(Operation *op, StringRef name);

/// The word of `#stablehlo<KIND WORD>`; one of `expected`.
FailureOr<std::string> readEnum(Operation *op, StringRef name, StringRef kind,
                                ArrayRef<StringRef> expected);

struct DotDimensions {
  SmallVector<int64_t> lhsBatch, rhsBatch, lhsContracting, rhsContracting;

  /// The list that is called `lhs_batching_dimensions` or so, else null.
  SmallVector<int64_t> *getList(StringRef name);

  /// Dimensions of a tensor of `rank` that are neither.
  static SmallVector<int64_t> getFree(int64_t rank, ArrayRef<int64_t> batch,
                                      ArrayRef<int64_t> contracting);
};

/// `#stablehlo.dot<...>`.
FailureOr<DotDimensions> readDotDimensions(Operation *op, StringRef name);

/// Do the numbers fit the operands' shapes, and the result's?
LogicalResult verifyDotDimensions(Operation *op, const DotDimensions &dims,
                                  RankedTensorType lhs, RankedTensorType rhs,
                                  RankedTensorType result);

/// `backend_config` of `@__op$block_scaled_dot`.  Dimensions that it doesn't
/// give are those of `rank`: the last one contracts, and the first of three is
/// a batch.
struct ScaledDotConfig {
  DotDimensions dims;
  std::optional<int64_t> blockSize;
};
FailureOr<ScaledDotConfig> readScaledDotConfig(Operation *op, int64_t lhsRank,
                                               int64_t rhsRank);

//===----------------------------------------------------------------------===//
// Scaled products
//===----------------------------------------------------------------------===//

struct ScaledDot {
  Value lhs, rhs;
  Value lhsScale, rhsScale; // null: a wide operand
  Value globalScale;        // may be null
  DotDimensions dims;
  std::optional<int64_t> blockSize;
};

/// A qmm.scaled_matmul.
Imported createScaledDot(OpBuilder &builder, Operation *op,
                         const ScaledDot &dot);

} // namespace mlir::qmm

#endif // QMM_LIB_IMPORT_STABLEHLO_IMPORTER_H
