//===- AsmFormat.h - Text of schemes and layouts -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One grammar for `#qmm.scheme<…>`, `#qmm.layout<…>` and the fields inside
// `!qmm.tensor<…>`:
//
//   scheme ::= preset | element `block` `=` `[` extent `,` extent `]`
//              `scale` `=` type `tensor_scale`?
//   extent ::= integer | `*`
//   layout ::= field (`,` field)*
//   field  ::= `scales` `=` name | `nibbles` `=` name
//              | `pad` `=` `[` integer `,` integer `]` | `scale_pad` `=`
//              integer
//
//===----------------------------------------------------------------------===//
#ifndef QMM_LIB_IR_ASMFORMAT_H
#define QMM_LIB_IR_ASMFORMAT_H

#include "qmm/IR/QMM.h"

namespace mlir::qmm {

ParseResult parseScheme(AsmParser &parser, SchemeAttr &scheme);
void printScheme(raw_ostream &os, SchemeAttr scheme);

/// At least one field; what isn't named has its default.
ParseResult parseLayout(AsmParser &parser, LayoutAttr &layout);
/// The fields that aren't defaults; `separator` stands before the first.
void printLayout(raw_ostream &os, LayoutAttr layout, StringRef separator);

} // namespace mlir::qmm

#endif // QMM_LIB_IR_ASMFORMAT_H
