//===- Passes.h - Recognition passes ---------------------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each transformation as patterns or a function, and as a pass.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_RECOGNIZE_PASSES_H
#define QMM_RECOGNIZE_PASSES_H

#include "qmm/Recognize/Roundings.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace mlir::qmm {

/// Is `op` a sum of products over loops, which recognition rewrites or refuses?
bool isContraction(linalg::LinalgOp op);

/// The location of the op that is to blame for a refusal, where that isn't the
/// contraction.
inline constexpr llvm::StringLiteral kReasonLocationAttr =
    "qmm.reason_location";

/// Which products recognition rewrites: those of quantized operands on both
/// sides, on one, on none.
struct ProductFamilies {
  bool quantized = true, weightOnly = true, wide = true;
};

/// Rewrites every contraction in `root`; returns how many were rewritten and
/// how many were left with a reason.
struct RecognitionCounts {
  unsigned rewritten = 0, refused = 0;
};
RecognitionCounts recognizeContractions(Operation *root,
                                        ProductFamilies families = {},
                                        Roundings roundings = Roundings::Relax);

/// Turns reductions in `root` to qmm.amax, and the scales computed from them to
/// quantizes that compute theirs; returns how many of either.
unsigned recognizeDynamicQuantization(Operation *root);

/// Makes what follows the products in `root` their epilogues; returns how many
/// rewrites there were.
unsigned fuseEpilogues(Operation *root, Roundings roundings = Roundings::Relax);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qmm/Recognize/Passes.h.inc"

} // namespace mlir::qmm

#endif // QMM_RECOGNIZE_PASSES_H
