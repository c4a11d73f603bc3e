//===- Roundings.h - What recognition may remove ---------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Apart from the passes, for pipelines and tools that take it as an option.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_RECOGNIZE_ROUNDINGS_H
#define QMM_RECOGNIZE_ROUNDINGS_H

#include "llvm/Support/CommandLine.h"

namespace mlir::qmm {

/// What becomes of a program's roundings to bf16 and f16 on the way into a
/// product and out of it.
enum class Roundings { Relax, Keep };

/// Their names and meanings, for options of passes, pipelines and tools.
inline llvm::cl::ValuesClass getRoundingsValues() {
  return llvm::cl::values(
      clEnumValN(Roundings::Relax, "relax",
                 "those that a product doesn't need go"),
      clEnumValN(Roundings::Keep, "keep",
                 "all but those inside of the sum stay: slower, and fewer "
                 "epilogues"));
}

} // namespace mlir::qmm

#endif // QMM_RECOGNIZE_ROUNDINGS_H
