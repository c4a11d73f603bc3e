//===- InitAllDialects.h - Registration of QMM's dialects -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For tools and embedders: the dialect of this project with its external
// models.  Upstream's dialects are upstream's to register.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_INITALLDIALECTS_H
#define QMM_INITALLDIALECTS_H

#include "mlir/IR/DialectRegistry.h"
#include "qmm/IR/QMM.h"
#include "qmm/Transforms/BufferizableOpInterfaceImpl.h"

namespace mlir::qmm {

inline void registerAllQMMDialects(DialectRegistry &registry) {
  registry.insert<QMMDialect>();
  registerBufferizableOpInterfaceExternalModels(registry);
}

} // namespace mlir::qmm

#endif // QMM_INITALLDIALECTS_H
