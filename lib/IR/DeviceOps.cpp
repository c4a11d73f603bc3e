//===- DeviceOps.cpp - Conversions inside device kernels ------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verification.
//
//===----------------------------------------------------------------------===//
#include "qmm/IR/QMM.h"

using namespace mlir;
using namespace mlir::qmm;

static bool isElement(Type type) {
  return isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType>(type) ||
         type.isSignlessInteger(8);
}

/// Is the order of codes in a byte, and are the extents, those of `element`?
static LogicalResult verifyCodes(Operation *op, Type element,
                                 NibbleOrder nibbles, VectorType values,
                                 VectorType codes) {
  bool packed = isa<Float4E2M1FNType>(element);
  if (packed != (nibbles != NibbleOrder::None))
    return op->emitOpError()
           << "nibbles is " << stringifyNibbleOrder(nibbles) << ", expected "
           << (packed ? "hi_first or lo_first" : "none")
           << " for elements of type " << element;
  int64_t expected = codes.getNumElements() * (packed ? 2 : 1);
  if (values.getNumElements() != expected)
    return op->emitOpError()
           << "has " << values.getNumElements() << " values and "
           << codes.getNumElements() << " bytes, expected " << expected
           << " values of type " << element;
  return success();
}

LogicalResult EncodeOp::verify() {
  if (!isElement(getElement()))
    return emitOpError() << "element is " << getElement()
                         << ", expected f8E4M3FN, f8E5M2, f4E2M1FN or i8";
  return verifyCodes(*this, getElement(), getNibbles(), getInput().getType(),
                     getResult().getType());
}

LogicalResult DecodeOp::verify() {
  if (!isElement(getElement()) && !isa<Float8E8M0FNUType>(getElement()))
    return emitOpError()
           << "element is " << getElement()
           << ", expected f8E4M3FN, f8E5M2, f8E8M0FNU, f4E2M1FN or i8";
  return verifyCodes(*this, getElement(), getNibbles(), getResult().getType(),
                     getInput().getType());
}

LogicalResult EncodeScaleOp::verify() {
  if (!isElement(getElement()))
    return emitOpError() << "element is " << getElement()
                         << ", expected f8E4M3FN, f8E5M2, f4E2M1FN or i8";
  return success();
}
