//===- QMMOps.td - Ops on logical tensors -*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What recognition produces and planning works on.  The physical forms are in
// QMMPhysicalOps.td.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_IR_QMMOPS_TD
#define QMM_IR_QMMOPS_TD

include "qmm/IR/QMMTypes.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// Formats spell a quantized tensor's type by `custom<FullType>`: with
// `!qmm.tensor`, which `type` leaves out.
class QMM_Op<string mnemonic, list<Trait> traits = []>
    : Op<QMM_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Values from files, and between the type and its parts
//===----------------------------------------------------------------------===//

def QMM_ParameterOp : QMM_Op<"parameter", [Pure]> {
  let summary = "A constant tensor that stays in its file.";
  let description = [{
    Stands for the bytes under `key`, spelled `scope::name`: the tensor `name`
    of the file that the module's `qmm.parameter_files` gives for `scope`.  Scope
    `const` names the module's own `qmm.constants`.  IR never holds the bytes.
    With a digest (xxh3-64 of the bytes) whoever reads them checks it.  A file may
    be a checkpoint of many, and a name may derive a tensor from another:
    `NAME@reciprocal`, `NAME@f32`, `NAME@[I]` (`docs/checkpoints.md`).

    The file's shape equals the result's up to extents of 1; its dtype is the
    result's element type, where i8 stands for packed 4-bit codes too and a
    one-byte float may be stored as U8.  The memref form, which bufferization
    produces, is read-only.

    Constraints:
    1. The key has the form `scope::name`, both non-empty.
    2. The result is a tensor or a memref of static shape.

    ```mlir
    %w = qmm.parameter "model::fc1.weight" : tensor<1024x128xi8>
    ```
  }];
  let arguments = (ins StrAttr:$key, OptionalAttr<I64Attr>:$digest);
  let results = (outs AnyTypeOf<[AnyStaticShapeTensor, AnyStaticShapeMemRef],
                                "tensor or memref of static shape">:$result);
  let assemblyFormat = [{
    $key (`digest` $digest^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    StringRef getScope() { return getKey().split("::").first; }
    StringRef getName() { return getKey().split("::").second; }
  }];
}

def QMM_AssembleOp : QMM_Op<"assemble", [Pure]> {
  let summary = "A quantized tensor from its parts.";
  let description = [{
    Declares that data, block scales and tensor scale together are a tensor of
    the result's type.  No byte changes.

    The data of 4-bit elements is packed i8, or a tensor of f4E2M1FN, which
    stands for those bytes with the first of two codes in the low nibble: the
    spelling of programs that have no bytes.  Canonicalization packs a constant
    one, `--qmm-to-physical` any other; no other op of this dialect takes such a
    tensor.

    Constraints:
    1. The operands' types are the result's physical types
       (`QuantizedTensorType::getPhysicalTypes`); a dynamic extent matches any.
       Where elements are 4-bit and `lo_first`, the data may be a tensor of
       f4E2M1FN with twice the last extent.

    ```mlir
    %w = qmm.assemble %data, %scale
      : tensor<1024x256xf8E4M3FN>, tensor<f32> -> !qmm.tensor<1024x256xbf16, fp8>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$components);
  let results = (outs QMM_Tensor:$result);
  let assemblyFormat = [{
    $components attr-dict `:` type($components)
    `->` custom<FullType>(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1; // assemble(disassemble(x)) of the same type is x
  let hasCanonicalizer = 1; // constant f4E2M1FN codes are bytes
}

def QMM_DisassembleOp : QMM_Op<"disassemble", [Pure]> {
  let summary = "The parts of a quantized tensor.";
  let description = [{
    The inverse of `qmm.assemble`.

    Constraints:
    1. The result types are the operand's physical types.

    ```mlir
    %data, %scale = qmm.disassemble %w
      : !qmm.tensor<1024x256xbf16, fp8> -> tensor<1024x256xf8E4M3FN>, tensor<f32>
    ```
  }];
  let arguments = (ins QMM_Tensor:$input);
  let results = (outs Variadic<AnyRankedTensor>:$components);
  let assemblyFormat = [{
    $input attr-dict `:` custom<FullType>(type($input)) `->` type($components)
  }];
  let builders = [OpBuilder<(ins "Value":$input)>];
  let hasVerifier = 1;
  let hasFolder = 1; // disassemble(assemble(xs)) is xs
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

def QMM_QuantizeOp : QMM_Op<"quantize", [
    Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>]> {
  let summary = "Wide to quantized: round to nearest even, saturate.";
  let description = [{
    Without `scale` the scales are computed from the data by the scheme's rule
    (`docs/numerics.md`); with `tensor_scale` alone the block scales are computed
    under that tensor scale; with `scale` (and `tensor_scale` where the scheme
    has one) nothing is.  Given scales become the result's scales.

    `precision` (f32 when absent) is the type that the quotient input / scale,
    and the scale it divides by, are rounded to before the element is rounded:
    programs that divide in bf16 keep their codes.  `scale_precision_input`
    computes amax / constant in the input's type, as comfy-kitchen does.
    Computed E8M0 scales round by `e8m0_rounding`.

    The op saturates.  It isn't `arith.truncf`, which gives NaN on overflow, and
    `dequantize` of it isn't the identity.

    Constraints:
    1. Input and result have the same shape, and the input's element type is
       the result's expressed type.
    2. `scale` has the result's second physical type.
    3. `tensor_scale` needs a scheme that has one, and such a scheme with
       `scale` needs `tensor_scale`.
    4. `precision` is f32, bf16 or f16.
    5. `e8m0_rounding` other than `ceil` needs a scheme with E8M0 scales that
       are computed.
    6. `scale_precision_input` needs the scale of the whole tensor computed:
       neither `scale` nor `tensor_scale` is given.

    ```mlir
    %q = qmm.quantize %x : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, fp8>
    %r = qmm.quantize %x scale(%s : tensor<f32>) {precision = bf16}
      : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, fp8>
    ```
  }];
  let arguments = (ins
    QMM_WideTensor:$input,
    Optional<AnyRankedTensor>:$scale,
    Optional<QMM_ScaleValue>:$tensor_scale,
    OptionalAttr<TypeAttr>:$precision,
    DefaultValuedAttr<QMM_E8M0RoundingAttr, "E8M0Rounding::Ceil">:$e8m0_rounding,
    UnitAttr:$scale_precision_input);
  let results = (outs QMM_Tensor:$result);
  let assemblyFormat = [{
    $input (`scale` `(` $scale^ `:` type($scale) `)`)?
    (`tensor_scale` `(` $tensor_scale^ `:` type($tensor_scale) `)`)?
    attr-dict `:` type($input) `->` custom<FullType>(type($result))
  }];
  let hasVerifier = 1;
}

def QMM_DequantizeOp : QMM_Op<"dequantize", [
    Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>]> {
  let summary = "Quantized to wide.";
  let description = [{
    element * block scale (* tensor scale), computed in f32 and rounded once to
    the result's element type.

    Constraints:
    1. Input and result have the same shape.

    ```mlir
    %x = qmm.dequantize %w : !qmm.tensor<1024x256xbf16, fp8> -> tensor<1024x256xbf16>
    ```
  }];
  let arguments = (ins QMM_Tensor:$input);
  let results = (outs QMM_WideTensor:$result);
  let assemblyFormat = [{
    $input attr-dict `:` custom<FullType>(type($input))
    `->` type($result)
  }];
  let hasVerifier = 1;
}

def QMM_RelayoutOp : QMM_Op<"relayout", [Pure]> {
  let summary = "The same values in another layout.";
  let description = [{
    Moves scales, swaps nibbles, adds or drops padding.  No value changes, so
    two in a row are one, and one back to where it came from is none.

    Constraints:
    1. Input and result differ in the layout only.

    ```mlir
    %v = qmm.relayout %w
      : !qmm.tensor<1024x256xbf16, mxfp8>
     -> !qmm.tensor<1024x256xbf16, mxfp8, scales = tiled_128x4>
    ```
  }];
  let arguments = (ins QMM_Tensor:$input);
  let results = (outs QMM_Tensor:$result);
  let assemblyFormat = [{
    $input attr-dict `:` custom<FullType>(type($input))
    `->` custom<FullType>(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;        // same type: the input
  let hasCanonicalizer = 1; // relayout(relayout(x))
  let extraClassDeclaration = [{
    static QuantizedTensorType inferResultType(QuantizedTensorType input,
                                               LayoutAttr layout);
  }];
  let builders = [OpBuilder<(ins "Value":$input, "LayoutAttr":$layout)>];
}

def QMM_AmaxOp : QMM_Op<"amax", [Pure]> {
  let summary = "The largest magnitude of a tensor.";
  let description = [{
    max |x| over all elements, in f32: NaN if any is NaN, 0 for none.

    ```mlir
    %m = qmm.amax %x : tensor<?x256xbf16> -> tensor<f32>
    ```
  }];
  let arguments = (ins QMM_WideTensor:$input);
  let results = (outs QMM_ScaleValue:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

def QMM_ScaledMatmulOp : QMM_Op<"scaled_matmul", [
    Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>]> {
  let summary =
      "activation(alpha * A * B^T + bias + residual), quantized or wide.";
  let description = [{
    `a` is [batch..., M, K], `b` is [batch..., N, K] or [N, K] for all batches;
    each is wide, quantized, or raw: codes that are their own values.  `bias` is
    [N], `residual` has the result's shape; `alpha` is a factor of the sum, 1
    when absent.  The sum over K is f32 (i32 for int8 by int8), whatever the
    expressed types say; alpha, bias and residual come before the activation, in
    f32; the result is rounded once.  A quantized result with one scale takes it
    from `out_scale`, one with block scales computes them (under `out_scale` as
    its tensor scale, where the scheme has one).  The second result, if asked
    for, is max |result| before it is quantized.  An i32 result is the exact sum.

    With `a_precision` (`b_precision`), each element times its scales is rounded
    to that type before it is multiplied, to infinity where it overflows; f32 when
    absent.  Programs that dequantize to bf16 have the rounding, hardware that
    multiplies codes doesn't.

    Constraints:
    1. `a` has rank at least 2, and `b` rank 2 or `a`'s.
    2. K of both agrees, and so do batch dimensions.
    3. The result's shape is [batch..., M, N].
    4. `bias` is rank 1 of N; `residual` has the result's shape.
    5. `out_scale` is given exactly when the result is quantized by a scheme
       with a per-tensor scale or a tensor scale; other f32-scaled schemes and
       padded layouts aren't outputs.
    6. With 4-bit operands on both sides, both have the same nibble order.
    7. A raw operand has a raw one beside it, both i8 or both floats.  The result
       is i32 exactly where both are raw i8, and then nothing else is given.
    8. `a_precision` (`b_precision`) is f32, bf16 or f16, and absent where `a`
       (`b`) isn't quantized.

    ```mlir
    %y = qmm.scaled_matmul %x, %w bias(%bias : tensor<1024xbf16>) {activation = #qmm.activation<relu>}
      : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8>
     -> tensor<?x1024xbf16>
    ```
  }];
  let arguments = (ins
    QMM_Factor:$a,
    QMM_Factor:$b,
    Optional<QMM_WideTensor>:$bias,
    Optional<QMM_WideTensor>:$residual,
    Optional<QMM_ScaleValue>:$out_scale,
    Optional<QMM_ScaleValue>:$alpha,
    DefaultValuedAttr<QMM_ActivationAttr, "Activation::None">:$activation,
    OptionalAttr<TypeAttr>:$a_precision,
    OptionalAttr<TypeAttr>:$b_precision);
  let results = (outs QMM_Product:$result, Optional<QMM_ScaleValue>:$amax);
  let assemblyFormat = [{
    $a `,` $b (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`residual` `(` $residual^ `:` type($residual) `)`)?
    (`out_scale` `(` $out_scale^ `:` type($out_scale) `)`)?
    (`alpha` `(` $alpha^ `:` type($alpha) `)`)?
    attr-dict `:` type($a) `,` type($b) `->` type($result)
    (`,` type($amax)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// [batch..., M, N] of valid operand types.
    static SmallVector<int64_t> inferResultShape(ShapedType a, ShapedType b);
    /// The wide result.
    static RankedTensorType inferResultType(ShapedType a, ShapedType b,
                                            Type elementType);
    /// The quantized result.
    static QuantizedTensorType inferResultType(ShapedType a, ShapedType b,
                                               Type expressed,
                                               SchemeAttr scheme,
                                               LayoutAttr layout);
  }];
}

def QMM_LinearOp : QMM_Op<"linear", [
    Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>]> {
  let summary = "A linear layer whose activation isn't decided yet.";
  let description = [{
    activation(input * weight^T + bias), as a checkpoint describes it: `input` is
    wide, `weight` [N, K] wide or quantized.  Whether the input is quantized, and
    how, is decided by `--qmm-quantize-activations` when the target is known;
    `input_scale` is the scale the file records for that.  `pre_quant_scale` [K]
    multiplies the input first.  `full_precision` says the input stays wide.

    Constraints:
    1. `input` is [..., K], `weight` [N, K], the result [..., N].
    2. `bias` is rank 1 of N, `pre_quant_scale` rank 1 of K.

    ```mlir
    %y = qmm.linear %x, %w bias(%bias : tensor<1024xbf16>) input_scale(%s : tensor<f32>)
      : tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
    ```
  }];
  let arguments = (ins
    QMM_WideTensor:$input,
    QMM_Operand:$weight,
    Optional<QMM_WideTensor>:$bias,
    Optional<QMM_ScaleValue>:$input_scale,
    Optional<QMM_WideTensor>:$pre_quant_scale,
    DefaultValuedAttr<QMM_ActivationAttr, "Activation::None">:$activation,
    UnitAttr:$full_precision);
  let results = (outs QMM_WideTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`input_scale` `(` $input_scale^ `:` type($input_scale) `)`)?
    (`pre_quant_scale` `(` $pre_quant_scale^ `:` type($pre_quant_scale) `)`)?
    attr-dict `:` type($input) `,` type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

def QMM_DimOp : QMM_Op<"dim", [Pure]> {
  let summary = "An extent of a quantized tensor.";
  let description = [{
    The logical extent of dimension `index`.

    Constraints:
    1. `index` is less than the rank.

    ```mlir
    %m = qmm.dim %q, 0 : !qmm.tensor<?x256xbf16, fp8>
    ```
  }];
  let arguments = (ins QMM_Tensor:$input, I64Attr:$index);
  let results = (outs Index:$result);
  let assemblyFormat = [{
    $input `,` $index attr-dict `:` custom<FullType>(type($input))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;        // a static extent is a constant
  let hasCanonicalizer = 1; // dim of an op that can compute it
}

def QMM_SliceOp : QMM_Op<"slice", [Pure]> {
  let summary = "A part of a quantized tensor, along whole blocks.";
  let description = [{
    Elements [offset, offset + size) of every dimension, with their scales.

    Constraints:
    1. One offset and one size a dimension, inside the input; a dynamic
       dimension is taken whole (offset 0, size -1).
    2. Offsets are multiples of the scheme's blocks (and even along K for 4-bit
       elements); sizes too, or they reach the end.  Blocks of a whole dimension
       don't restrict it.
    3. The layout is plain: linear scales and no padding.
    4. The result differs from the input in the shape only, which is the sizes.

    ```mlir
    %h = qmm.slice %w [512, 0] [512, 256]
      : !qmm.tensor<1024x256xbf16, mxfp8> -> !qmm.tensor<512x256xbf16, mxfp8>
    ```
  }];
  let arguments = (ins QMM_Tensor:$input, DenseI64ArrayAttr:$offsets,
                       DenseI64ArrayAttr:$sizes);
  let results = (outs QMM_Tensor:$result);
  let assemblyFormat = [{
    $input $offsets $sizes attr-dict `:` custom<FullType>(type($input))
    `->` custom<FullType>(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1; // the whole
  let extraClassDeclaration = [{
    static QuantizedTensorType inferResultType(QuantizedTensorType input,
                                               ArrayRef<int64_t> sizes);
  }];
  let builders = [OpBuilder<(ins "Value":$input, "ArrayRef<int64_t>":$offsets,
                                 "ArrayRef<int64_t>":$sizes)>];
}

def QMM_ReshapeOp : QMM_Op<"reshape", [Pure]> {
  let summary = "Another shape of the dimensions before K.";
  let description = [{
    The same elements in row-major order.

    Constraints:
    1. Same scheme, expressed type, nibble order and K, plain layouts, equal
       number of elements, and one dynamic dimension on both sides or none.
    2. A scheme of multi-row blocks keeps its last two dimensions, and so
       does one whose blocks span the whole outer dimension but not all of K.

    ```mlir
    %f = qmm.reshape %x
      : !qmm.tensor<4x?x256xbf16, fp8_row> -> !qmm.tensor<?x256xbf16, fp8_row>
    ```
  }];
  let arguments = (ins QMM_Tensor:$input);
  let results = (outs QMM_Tensor:$result);
  let assemblyFormat = [{
    $input attr-dict `:` custom<FullType>(type($input))
    `->` custom<FullType>(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;        // same type
  let hasCanonicalizer = 1; // reshape(reshape(x))
}

def QMM_TransposeOp : QMM_Op<"transpose", [Pure]> {
  let summary = "Permuted dimensions.";
  let description = [{
    Result dimension i is input dimension `permutation[i]`.  Batch dimensions may
    be permuted for any scheme; moving K or the outer dimension needs one scale
    for the whole tensor, since blocks run along K.

    Constraints:
    1. `permutation` is a permutation of the dimensions.
    2. It keeps the last two dimensions, unless the scheme is per tensor and its
       elements have 8 bits.
    3. The layout is plain, and the result differs from the input in the shape
       only, which is the permuted one.

    ```mlir
    %t = qmm.transpose %w [1, 0]
      : !qmm.tensor<256x1024xbf16, fp8> -> !qmm.tensor<1024x256xbf16, fp8>
    ```
  }];
  let arguments = (ins QMM_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs QMM_Tensor:$result);
  let assemblyFormat = [{
    $input $permutation attr-dict `:` custom<FullType>(type($input))
    `->` custom<FullType>(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;        // the identity
  let hasCanonicalizer = 1; // transpose(transpose(x))
  let extraClassDeclaration = [{
    static QuantizedTensorType inferResultType(QuantizedTensorType input,
                                               ArrayRef<int64_t> permutation);
  }];
  let builders = [OpBuilder<(ins "Value":$input,
                                 "ArrayRef<int64_t>":$permutation)>];
}

def QMM_PadOp : QMM_Op<"pad", [Pure]> {
  let summary = "Zeros after the end of dimensions.";
  let description = [{
    Appends `high[i]` zeros to dimension i: zero codes, and zero scales where
    whole new blocks appear.

    Constraints:
    1. One amount a dimension, none negative; a dynamic dimension isn't padded.
    2. The layout is plain; a padded extent along which blocks run is whole
       blocks before and after, and even along K for 4-bit elements.
    3. The result differs from the input in the shape only, which is the padded
       one.

    ```mlir
    %p = qmm.pad %w [6, 0]
      : !qmm.tensor<130x96xbf16, fp8_row> -> !qmm.tensor<136x96xbf16, fp8_row>
    ```
  }];
  let arguments = (ins QMM_Tensor:$input, DenseI64ArrayAttr:$high);
  let results = (outs QMM_Tensor:$result);
  let assemblyFormat = [{
    $input $high attr-dict `:` custom<FullType>(type($input))
    `->` custom<FullType>(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1; // nothing to pad
  let extraClassDeclaration = [{
    static QuantizedTensorType inferResultType(QuantizedTensorType input,
                                               ArrayRef<int64_t> high);
  }];
  let builders = [OpBuilder<(ins "Value":$input, "ArrayRef<int64_t>":$high)>];
}

#endif // QMM_IR_QMMOPS_TD
