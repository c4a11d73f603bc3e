//===- BufferizableOpInterfaceImpl.h - Bufferizing qmm ops -----*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// External models, so that only who bufferizes depends on bufferization.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define QMM_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;

namespace qmm {
/// Models for qmm.phys.* and qmm.parameter.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);
} // namespace qmm
} // namespace mlir

#endif // QMM_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
