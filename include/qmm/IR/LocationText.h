//===- LocationText.h - Locations in artefacts and reports ------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both outlive the module, so a location in them is text.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_IR_LOCATIONTEXT_H
#define QMM_IR_LOCATIONTEXT_H

#include "mlir/IR/Location.h"

#include <string>

namespace mlir::qmm {

/// The location as MLIR prints it, without `loc(` and `)`.
std::string getLocationText(Location loc);

} // namespace mlir::qmm

#endif // QMM_IR_LOCATIONTEXT_H
