//===- ImportCheckpoint.h - Linear layers to functions ---------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The way from a quantized checkpoint into the dialect.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_IMPORT_IMPORTCHECKPOINT_H
#define QMM_IMPORT_IMPORTCHECKPOINT_H

#include "checkpoint/Layers.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::qmm {

/// A module with one public function per layer, named as the layer:
///   @layer(%x: tensor<?xKxIN>) -> tensor<?xNxIN>
/// around a `qmm.linear` whose weight is assembled from parameters of the scope
/// `model`, which `qmm.parameter_files` maps to `path`.  `inputType` is f32,
/// bf16 or f16.  Null, with a diagnostic, if a layer's type can't be built.
OwningOpRef<ModuleOp> importCheckpoint(MLIRContext *context,
                                       const ::qmmrt::Checkpoint &checkpoint,
                                       StringRef path,
                                       ArrayRef<::qmmrt::LinearLayer> layers,
                                       Type inputType);

} // namespace mlir::qmm

#endif // QMM_IMPORT_IMPORTCHECKPOINT_H
