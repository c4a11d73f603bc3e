//===- QMMAttributes.td - Scheme, layout, target, route -*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The attributes that the type and the ops are made of.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_IR_QMMATTRIBUTES_TD
#define QMM_IR_QMMATTRIBUTES_TD

include "qmm/IR/QMMDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class QMM_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::qmm";
  let genSpecializedAttr = 0;
}

// The values equal the runtime's (qmm/tensor.h, qmm/ops.h).
def QMM_ScaleLayout : QMM_Enum<"ScaleLayout", "where a scale is stored", [
  I32EnumAttrCase<"Linear", 0, "linear">,
  I32EnumAttrCase<"OuterMajor", 1, "outer_major">,
  I32EnumAttrCase<"Blocks128x128", 2, "blocks_128x128">,
  I32EnumAttrCase<"Tiled128x4", 3, "tiled_128x4">]>;

def QMM_NibbleOrder : QMM_Enum<"NibbleOrder", "order of two codes in a byte", [
  I32EnumAttrCase<"None", 0, "none">,
  I32EnumAttrCase<"HiFirst", 1, "hi_first">,
  I32EnumAttrCase<"LoFirst", 2, "lo_first">]>;

def QMM_E8M0Rounding : QMM_Enum<"E8M0Rounding", "rounding of an E8M0 scale", [
  I32EnumAttrCase<"Ceil", 0, "ceil">,
  I32EnumAttrCase<"Floor", 1, "floor">,
  I32EnumAttrCase<"Even", 2, "even">]>;

def QMM_Activation : QMM_Enum<"Activation", "activation of an epilogue", [
  I32EnumAttrCase<"None", 0, "none">,
  I32EnumAttrCase<"ReLU", 1, "relu">,
  I32EnumAttrCase<"GELUTanh", 2, "gelu_tanh">,
  I32EnumAttrCase<"GELUErf", 3, "gelu_erf">,
  I32EnumAttrCase<"SiLU", 4, "silu">]>;

def QMM_RouteKind : QMM_Enum<"RouteKind", "what executes a matmul", [
  I32EnumAttrCase<"Library", 0, "library">,
  I32EnumAttrCase<"Kernel", 1, "kernel">,
  I32EnumAttrCase<"Widen", 2, "widen">,
  I32EnumAttrCase<"Host", 3, "host">]>;

class QMM_EnumAttr<EnumAttrInfo info, string mnemonic>
    : EnumAttr<QMM_Dialect, info, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}
def QMM_E8M0RoundingAttr : QMM_EnumAttr<QMM_E8M0Rounding, "e8m0_rounding">;
def QMM_ActivationAttr : QMM_EnumAttr<QMM_Activation, "activation">;

class QMM_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<QMM_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def QMM_SchemeAttr : QMM_Attr<"Scheme", "scheme"> {
  let summary = "How real numbers become elements and scales.";
  let description = [{
    Element type, block extents (outer x K; 0, spelled `*`, is the whole
    dimension), type of the block scales, and whether one more f32 factor
    (`tensor_scale`) covers the whole tensor.  All scales multiply:
    real = element * block scale (* tensor scale).

    A scheme with a preset's name is spelled by that name: `fp8`, `fp8_e5m2`,
    `fp8_row`, `fp8_1x128`, `fp8_128x128`, `mxfp8`, `mxfp8_e5m2`, `mxfp4`,
    `nvfp4`, `int8`, `int8_row`, `int8_128x128`.

    Constraints:
    1. The element type is f8E4M3FN, f8E5M2, f4E2M1FN or i8.
    2. The scale type is f32, f8E4M3FN or f8E8M0FNU.
    3. Block extents aren't negative.

    ```mlir
    "test.op"() {a = #qmm.scheme<nvfp4>,
                 b = #qmm.scheme<f8E4M3FN block = [64, 64] scale = f32>,
                 c = #qmm.scheme<f4E2M1FN block = [1, *] scale = f8E4M3FN
                                 tensor_scale>} : () -> ()
    ```
  }];
  let parameters = (ins "Type":$element, "int64_t":$blockOuter,
                        "int64_t":$blockK, "Type":$scale, "bool":$tensorScale);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The preset `name`, or null.
    static SchemeAttr getPreset(MLIRContext *context, StringRef name);
    /// From and to the runtime's description (qmm/tensor.h).
    static SchemeAttr get(MLIRContext *context, const ::qmm_scheme &scheme);
    ::qmm_scheme toRuntime() const;
    /// One scale for the whole tensor, and no tensor scale beside it.
    bool isPerTensor() const;
    /// Blocks of the whole tensor, whether or not a tensor scale is beside it.
    bool hasWholeBlocks() const;
    bool isFloat4() const;
    /// The preset's name or the spelled-out scheme.
    std::string getName() const;
  }];
}

def QMM_LayoutAttr : QMM_Attr<"Layout", "layout"> {
  let summary = "Where elements and scales are in memory.";
  let description = [{
    Scale layout, nibble order (4-bit elements only), the multiples that the
    stored outer and K extents are rounded up to, and for `outer_major` the
    multiple of the leading dimension.  Every field has a default, so that the
    plain row-major layout is `#qmm.layout<>`.

    Constraints:
    1. Pad multiples are from 1 to 2^31.

    ```mlir
    "test.op"() {a = #qmm.layout<>,
                 b = #qmm.layout<scales = tiled_128x4, nibbles = hi_first,
                                 pad = [16, 16]>,
                 c = #qmm.layout<scales = outer_major, scale_pad = 4>}
      : () -> ()
    ```
  }];
  let parameters = (ins "ScaleLayout":$scales, "NibbleOrder":$nibbles,
                        "int64_t":$padOuter, "int64_t":$padK,
                        "int64_t":$scalePad);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Linear scales, no padding, and `nibbles`.
    static LayoutAttr getPlain(MLIRContext *context,
                               NibbleOrder nibbles = NibbleOrder::None);
    static LayoutAttr get(MLIRContext *context, const ::qmm_layout &layout);
    ::qmm_layout toRuntime() const;
    /// Linear scales and no padding, in any nibble order.
    bool isPlain() const;
    bool isPadded() const;
  }];
}

def QMM_TargetAttr : QMM_Attr<"Target", "target"> {
  let summary = "A chip to compile for.";
  let description = [{
    A chip string: `cpu`, or an NVIDIA architecture as LLVM names it (`sm_90`,
    `sm_90a`, `sm_100f`).  What a chip can do is the runtime's capability
    table's to say; no pass compares these strings.

    Constraints:
    1. The capability table knows the chip.

    ```mlir
    module attributes {qmm.targets = [#qmm.target<"cpu">]} {}
    ```
  }];
  let parameters = (ins StringRefParameter<"chip">:$chip);
  let assemblyFormat = "`<` $chip `>`";
  let genVerifyDecl = 1;
}

def QMM_RouteAttr : QMM_Attr<"Route", "route"> {
  let summary = "One way to execute a matmul, for a range of M.";
  let description = [{
    An element of the ordered list `qmm.routes`: on `chip`, for M in
    [minM, maxM] (maxM -1: unbounded), this kind of route, and why it stands
    where it does in the list.

    Constraints:
    1. 0 <= minM, and maxM is -1 or at least minM.
    2. The capability table knows the chip.

    ```mlir
    "test.op"() {r = #qmm.route<host on "cpu", m = [0, *], "the only route">}
      : () -> ()
    ```
  }];
  let parameters = (ins "RouteKind":$kind, StringRefParameter<"chip">:$chip,
                        "int64_t":$minM, "int64_t":$maxM,
                        StringRefParameter<"why it is here">:$reason);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // QMM_IR_QMMATTRIBUTES_TD
