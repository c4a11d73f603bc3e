//===- QMMDeviceOps.td - Conversions inside device kernels -*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a chip may or may not have an instruction for.  Kernels are the same for
// every chip up to the lowering of these ops.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_IR_QMMDEVICEOPS_TD
#define QMM_IR_QMMDEVICEOPS_TD

include "qmm/IR/QMMPhysicalOps.td"

def QMM_NibbleOrderAttr : QMM_EnumAttr<QMM_NibbleOrder, "nibble_order">;

def QMM_EncodeOp : QMM_Op<"encode", [Pure]> {
  let summary = "f32 to codes, as a quantize rounds.";
  let description = [{
    Rounds to nearest, ties to even, saturating.  NaN becomes a NaN code, of
    either sign (E4M3, E5M2), else 0.  i8 saturates to -127 and 127.  Two 4-bit
    codes share a byte, in the order `nibbles`.

    Constraints:
    1. `element` is f8E4M3FN, f8E5M2, f4E2M1FN or i8.
    2. `nibbles` is hi_first or lo_first where `element` is f4E2M1FN, else none.
    3. The result has a byte for each input, or for every two of f4E2M1FN.

    ```mlir
    %c = qmm.encode %v {element = f4E2M1FN, nibbles = #qmm.nibble_order<hi_first>}
      : vector<16xf32> -> vector<8xi8>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[1], [F32]>:$input, TypeAttr:$element,
    DefaultValuedAttr<QMM_NibbleOrderAttr, "NibbleOrder::None">:$nibbles);
  let results = (outs VectorOfRankAndType<[1], [I8]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def QMM_DecodeOp : QMM_Op<"decode", [Pure]> {
  let summary = "Codes to f32, exactly.";
  let description = [{
    The inverse of `qmm.encode`; of scales too (f8E8M0FNU).  A NaN code becomes
    any NaN.

    Constraints:
    1. `element` is f8E4M3FN, f8E5M2, f8E8M0FNU, f4E2M1FN or i8.
    2. `nibbles` is hi_first or lo_first where `element` is f4E2M1FN, else none.
    3. The result has a value for each byte, or two of f4E2M1FN.

    ```mlir
    %v = qmm.decode %c {element = f8E4M3FN} : vector<16xi8> -> vector<16xf32>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[1], [I8]>:$input, TypeAttr:$element,
    DefaultValuedAttr<QMM_NibbleOrderAttr, "NibbleOrder::None">:$nibbles);
  let results = (outs VectorOfRankAndType<[1], [F32]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def QMM_EncodeScaleOp : QMM_Op<"encode_scale", [Pure]> {
  let summary = "The E8M0 scale of a block from its largest magnitude.";
  let description = [{
    The byte for elements of type `element` and a largest magnitude of `input`,
    whose sign is ignored; 0 for 0, 0xFF for NaN and infinity.  `ceil` and
    `even` round input / (largest `element`), `floor` subtracts exponents.

    Constraints:
    1. `element` is f8E4M3FN, f8E5M2, f4E2M1FN or i8.

    ```mlir
    %b = qmm.encode_scale %a {element = f8E4M3FN,
                              rounding = #qmm.e8m0_rounding<ceil>} : f32 -> i8
    ```
  }];
  let arguments = (ins F32:$input, TypeAttr:$element,
                       QMM_E8M0RoundingAttr:$rounding);
  let results = (outs I8:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

#endif // QMM_IR_QMMDEVICEOPS_TD
