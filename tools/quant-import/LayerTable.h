//===- LayerTable.h - quant-import --list ----------------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a checkpoint's layers are, for people and for programs.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_TOOLS_QUANT_IMPORT_LAYERTABLE_H
#define QMM_TOOLS_QUANT_IMPORT_LAYERTABLE_H

#include "checkpoint/Layers.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::qmm {

void printLayerTable(llvm::raw_ostream &os,
                     const ::qmmrt::Checkpoint &checkpoint,
                     llvm::ArrayRef<::qmmrt::LinearLayer> layers,
                     llvm::ArrayRef<::qmmrt::SkippedWeight> skipped);
/// {"layers": [{"name", "format", "scheme", "n", "k", "expressed", "bytes",
/// "wide_bytes", "bias", "input_scale", "notes"}], "skipped": [...]}
void printLayersAsJson(llvm::raw_ostream &os,
                       const ::qmmrt::Checkpoint &checkpoint,
                       llvm::ArrayRef<::qmmrt::LinearLayer> layers,
                       llvm::ArrayRef<::qmmrt::SkippedWeight> skipped);

} // namespace mlir::qmm

#endif // QMM_TOOLS_QUANT_IMPORT_LAYERTABLE_H
