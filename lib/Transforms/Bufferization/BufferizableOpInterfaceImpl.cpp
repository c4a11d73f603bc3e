//===- BufferizableOpInterfaceImpl.cpp - Bufferizing qmm ops --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Physical ops read their inputs and write their outputs without reading them,
// which is what lets One-Shot give them uninitialized buffers.  Parameters are
// buffers that nobody may write.
//
//===----------------------------------------------------------------------===//

#include "qmm/Transforms/BufferizableOpInterfaceImpl.h"

#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::qmm;

namespace {

/// A copy of a part of a buffer, row-major.
FailureOr<Value> copyToContiguous(RewriterBase &rewriter, Location loc,
                                  Value buffer,
                                  const BufferizationOptions &options) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      sizes.push_back(memref::DimOp::create(rewriter, loc, buffer, dim));
  FailureOr<Value> copy = options.createAlloc(
      rewriter, loc, MemRefType::get(type.getShape(), type.getElementType()),
      sizes);
  if (succeeded(copy))
    memref::CopyOp::create(rewriter, loc, buffer, *copy);
  return copy;
}

template <typename OpTy>
struct PhysicalOpModel
    : public DstBufferizableOpInterfaceExternalModel<PhysicalOpModel<OpTy>,
                                                     OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return cast<DestinationStyleOpInterface>(op).isDpsInput(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto physical = cast<OpTy>(op);
    SmallVector<Value> buffers;
    size_t firstOutput = physical.getInputs().size();
    rewriter.setInsertionPoint(op);
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      if (!isa<TensorType>(operand.getType())) {
        buffers.push_back(operand);
        continue;
      }
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      if (auto type = dyn_cast<MemRefType>(buffer->getType());
          type && index < firstOutput && !isContiguous(type))
        buffer = copyToContiguous(rewriter, op->getLoc(), *buffer, options);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    OpTy::create(rewriter, op->getLoc(), TypeRange(), buffers,
                 physical.getProperties(),
                 op->getDiscardableAttrDictionary().getValue());
    replaceOpWithBufferizedValues(
        rewriter, op,
        ArrayRef<Value>(buffers).drop_front(
            op->getNumResults() ? firstOutput : buffers.size()));
    return success();
  }
};

struct ParameterModel
    : public BufferizableOpInterface::ExternalModel<ParameterModel,
                                                    ParameterOp> {
  bool isWritable(Operation *, Value, const AnalysisState &) const {
    return false;
  }

  FailureOr<BufferLikeType> getBufferType(Operation *, Value value,
                                          const BufferizationOptions &,
                                          const BufferizationState &,
                                          SmallVector<Value> &) const {
    return cast<BufferLikeType>(getMemRefTypeWithStaticIdentityLayout(
        cast<TensorType>(value.getType())));
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &,
                          BufferizationState &) const {
    auto parameter = cast<ParameterOp>(op);
    auto type = dyn_cast<TensorType>(parameter.getResult().getType());
    if (!type) // a memref already
      return success();
    replaceOpWithNewBufferizedOp<ParameterOp>(
        rewriter, op, TypeRange(getMemRefTypeWithStaticIdentityLayout(type)),
        ValueRange(), parameter.getProperties(),
        op->getDiscardableAttrDictionary().getValue());
    return success();
  }
};

} // namespace

void mlir::qmm::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, QMMDialect *) {
    PhysQuantizeOp::attachInterface<PhysicalOpModel<PhysQuantizeOp>>(*context);
    PhysDequantizeOp::attachInterface<PhysicalOpModel<PhysDequantizeOp>>(
        *context);
    PhysRelayoutOp::attachInterface<PhysicalOpModel<PhysRelayoutOp>>(*context);
    PhysAmaxOp::attachInterface<PhysicalOpModel<PhysAmaxOp>>(*context);
    PhysScaledMatmulOp::attachInterface<PhysicalOpModel<PhysScaledMatmulOp>>(
        *context);
    ParameterOp::attachInterface<ParameterModel>(*context);
  });
}
