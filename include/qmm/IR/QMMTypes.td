//===- QMMTypes.td - The quantized tensor type -*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `!qmm.tensor`: the only type of the dialect.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_IR_QMMTYPES_TD
#define QMM_IR_QMMTYPES_TD

include "qmm/IR/QMMAttributes.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "mlir/IR/CommonTypeConstraints.td"

def QMM_Tensor : TypeDef<QMM_Dialect, "QuantizedTensor", [ShapedTypeInterface]> {
  let mnemonic = "tensor";
  let summary = "A quantized tensor: logical shape, scheme, layout.";
  let description = [{
    A tensor of `expressed` numbers (bf16, f16 or f32) stored as elements and
    scales.  The shape is logical: padding and packing are the layout's.  The
    last dimension is K, along which blocks run; the one before it is the outer
    dimension; leading ones are batch dimensions.  Scale *values* aren't part of
    the type.

    The scheme is spelled by its preset or in `#qmm.scheme`'s long form, the
    layout by the fields that differ from the plain one.

    Constraints:
    1. Rank from 2 to 8, and no negative extents.
    2. The expressed type is bf16, f16 or f32.
    3. Scheme and layout fit each other: 4-bit elements have a nibble order and
       others none, `tiled_128x4` needs one-byte scales of one-row blocks,
       `blocks_128x128` f32 scales of two-dimensional blocks, and only
       `outer_major` has a `scale_pad`.
    4. A dynamic dimension isn't padded, and K is static where blocks divide it
       or elements have 4 bits.
    5. Where elements have 4 bits, or scales are E8M0 or E4M3, the stored K is a
       multiple of the block.
    6. The stored bytes, dynamic extents taken as 1, fit in 63 bits.

    ```mlir
    func.func private @f(!qmm.tensor<?x256xbf16, fp8>,
                         !qmm.tensor<1024x256xbf16, nvfp4, scales = tiled_128x4,
                                     nibbles = hi_first, pad = [16, 16]>)
    func.func private @g(!qmm.tensor<130x96xbf16,
                                     f8E4M3FN block = [64, 64] scale = f32>)
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "Type":$expressed,
                        "SchemeAttr":$scheme, "LayoutAttr":$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    TypeBuilderWithInferredContext<(ins "ArrayRef<int64_t>":$shape,
        "Type":$expressed, "SchemeAttr":$scheme, "LayoutAttr":$layout), [{
      return $_get(expressed.getContext(), shape, expressed, scheme, layout);
    }]>
  ];
  let extraClassDeclaration = [{
    // ShapedTypeInterface.
    Type getElementType() const { return getExpressed(); }
    bool hasRank() const { return true; }
    ShapedType cloneWith(std::optional<ArrayRef<int64_t>> shape,
                         Type elementType) const;

    int64_t getK() const { return getShape().back(); }
    int64_t getOuter() const { return getShape()[getShape().size() - 2]; }
    QuantizedTensorType withLayout(LayoutAttr layout) const;

    /// The builtin tensors this value is made of: data (4-bit elements as
    /// packed i8), block scales, and the tensor scale (tensor<f32>) where the
    /// scheme has one.  A per-tensor scale is tensor<f32>.
    SmallVector<RankedTensorType, 3> getPhysicalTypes() const;
  }];
}

def QMM_WideTensor : RankedTensorOf<[F32, BF16, F16]>;
def QMM_ScaleValue : TensorRankOf<[F32], [0]>;
// Codes without scales, each worth its own value.
def QMM_RawTensor : RankedTensorOf<[F8E4M3FN, F8E5M2, I8]>;
def QMM_Factor : AnyTypeOf<[QMM_WideTensor, QMM_Tensor, QMM_RawTensor],
                           "wide, quantized or raw tensor">;
def QMM_Product : AnyTypeOf<[QMM_WideTensor, QMM_Tensor, RankedTensorOf<[I32]>],
                            "wide, quantized or i32 tensor">;
def QMM_Operand : AnyTypeOf<[QMM_WideTensor, QMM_Tensor],
                            "wide or quantized tensor">;

#endif // QMM_IR_QMMTYPES_TD
