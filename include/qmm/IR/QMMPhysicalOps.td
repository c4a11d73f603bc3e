//===- QMMPhysicalOps.td - Ops on buffers of data and scales -*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The forms that exist from the stage `bufferized` on: builtin tensors or memrefs
// in destination-passing style.  On memrefs they are the commands of a program.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_IR_QMMPHYSICALOPS_TD
#define QMM_IR_QMMPHYSICALOPS_TD

include "qmm/IR/QMMOps.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"

def QMM_Buffer : AnyTypeOf<[AnyRankedTensor, AnyMemRef], "tensor or memref">;

// Operands come in groups, one group a logical tensor: `input_types` and
// `output_types` list the logical types, each a builtin tensor type (one
// buffer) or a `!qmm.tensor` (its physical types).  `inputs` holds the groups of
// input_types in order; `outputs` those of output_types, less what an op says is
// an input instead.  Operands are all tensors or all memrefs.  Results are the
// outputs' tensors; on memrefs there are none.  Outputs are written whole and
// never read.
class QMM_PhysicalOp<string mnemonic, dag extraArguments = (ins)>
    : QMM_Op<"phys." # mnemonic,
             [AttrSizedOperandSegments, DestinationStyleOpInterface,
              DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let arguments = !con((ins Variadic<QMM_Buffer>:$inputs,
                            Variadic<QMM_Buffer>:$outputs,
                            TypeArrayAttr:$input_types,
                            TypeArrayAttr:$output_types), extraArguments);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` ($inputs^ `:` type($inputs))? `)`
    `outs` `(` $outputs `:` type($outputs) `)`
    attr-dict (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  // Results follow from `outputs`; `attributes` are the op's own.
  let builders = [
    OpBuilder<(ins "ValueRange":$inputs, "ValueRange":$outputs,
                   "TypeRange":$inputTypes, "TypeRange":$outputTypes,
                   CArg<"ArrayRef<NamedAttribute>", "{}">:$attributes)>
  ];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getOutputsMutable(); }

    /// Entry `index` of a type list.
    Type getInputType(unsigned index) {
      return cast<TypeAttr>(getInputTypes()[index]).getValue();
    }
    Type getOutputType(unsigned index) {
      return cast<TypeAttr>(getOutputTypes()[index]).getValue();
    }
    /// The buffers of entry `index`: what the op reads as that logical value,
    /// and what it writes of it.
    OperandRange getInputGroup(unsigned index) {
      return getPhysicalInputGroup(getInputs(), getInputTypes(), index);
    }
    OperandRange getOutputGroup(unsigned index) {
      return getPhysicalOutputGroup(getOutputs(), getOutputTypes(), index);
    }
  }];
}

def QMM_PhysQuantizeOp : QMM_PhysicalOp<"quantize", (ins
    OptionalAttr<TypeAttr>:$precision,
    DefaultValuedAttr<QMM_E8M0RoundingAttr, "E8M0Rounding::Ceil">:$e8m0_rounding,
    UnitAttr:$scale_precision_input,
    UnitAttr:$scale_given, UnitAttr:$tensor_scale_given)> {
  let summary = "`qmm.quantize` on buffers.";
  let description = [{
    Inputs: the wide tensor, then the scale buffer if `scale_given`, then the
    tensor scale if `tensor_scale_given`.  Outputs: the data, then the scale
    buffers that are computed.

    Constraints:
    1. One input type, wide, and one output type, quantized, of the same shape.
    2. Buffers are the types' physical ones, given ones among the inputs.
    3. The types and flags satisfy `qmm.quantize`'s constraints.

    ```mlir
    %q, %s = qmm.phys.quantize ins(%x : tensor<8x256xbf16>)
      outs(%e0, %e1 : tensor<8x256xf8E4M3FN>, tensor<f32>)
      {input_types = [tensor<8x256xbf16>],
       output_types = [!qmm.tensor<8x256xbf16, fp8>]}
      -> tensor<8x256xf8E4M3FN>, tensor<f32>
    ```
  }];
}

def QMM_PhysDequantizeOp : QMM_PhysicalOp<"dequantize"> {
  let summary = "`qmm.dequantize` on buffers.";
  let description = [{
    Constraints:
    1. One input type, quantized, and one output type, wide, of the same shape.
    2. Buffers are the types' physical ones.

    ```mlir
    %x = qmm.phys.dequantize
      ins(%q, %s : tensor<8x256xf8E4M3FN>, tensor<f32>)
      outs(%e : tensor<8x256xbf16>)
      {input_types = [!qmm.tensor<8x256xbf16, fp8>],
       output_types = [tensor<8x256xbf16>]} -> tensor<8x256xbf16>
    ```
  }];
}

def QMM_PhysRelayoutOp : QMM_PhysicalOp<"relayout"> {
  let summary = "`qmm.relayout` on buffers.";
  let description = [{
    The tensor scale isn't among the outputs: it doesn't move.

    Constraints:
    1. One input and one output type, quantized, that differ in the layout only.
    2. Inputs are the input type's buffers; outputs the data and the block
       scales.

    ```mlir
    %q, %s = qmm.phys.relayout
      ins(%d, %t : tensor<128x256xf8E4M3FN>, tensor<128x8xf8E8M0FNU>)
      outs(%e0, %e1 : tensor<128x256xf8E4M3FN>, tensor<128x8xf8E8M0FNU>)
      {input_types = [!qmm.tensor<128x256xbf16, mxfp8>],
       output_types = [!qmm.tensor<128x256xbf16, mxfp8, scales = tiled_128x4>]}
      -> tensor<128x256xf8E4M3FN>, tensor<128x8xf8E8M0FNU>
    ```
  }];
}

def QMM_PhysAmaxOp : QMM_PhysicalOp<"amax"> {
  let summary = "`qmm.amax` on buffers.";
  let description = [{
    Constraints:
    1. One input type, wide, and the output type tensor<f32>.
    2. Buffers are the types' physical ones.

    ```mlir
    %m = qmm.phys.amax ins(%x : tensor<8x256xbf16>) outs(%e : tensor<f32>)
      {input_types = [tensor<8x256xbf16>], output_types = [tensor<f32>]}
      -> tensor<f32>
    ```
  }];
}

def QMM_PhysScaledMatmulOp : QMM_PhysicalOp<"scaled_matmul", (ins
    DefaultValuedAttr<QMM_ActivationAttr, "Activation::None">:$activation,
    OptionalAttr<TypeAttr>:$a_precision, OptionalAttr<TypeAttr>:$b_precision,
    UnitAttr:$has_bias, UnitAttr:$has_residual, UnitAttr:$has_alpha,
    UnitAttr:$has_amax)> {
  let summary = "`qmm.scaled_matmul` on buffers.";
  let description = [{
    Input types: a, b, then bias, residual and alpha (tensor<f32>) where flagged.  Output types: the
    result, then tensor<f32> if `has_amax`.  `out_scale`, where the result's
    scheme needs it, is the last input and in no type list; the result's outputs
    are its physical buffers without it.

    Constraints:
    1. The type lists have as many entries as the flags say.
    2. Buffers are the types' physical ones, but for `out_scale`.
    3. The logical types satisfy `qmm.scaled_matmul`'s constraints.

    ```mlir
    %y = qmm.phys.scaled_matmul
      ins(%x, %w, %s : tensor<?x256xbf16>, tensor<1024x256xf8E4M3FN>, tensor<f32>)
      outs(%e : tensor<?x1024xbf16>)
      {input_types = [tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, fp8>],
       output_types = [tensor<?x1024xbf16>]} -> tensor<?x1024xbf16>
    ```
  }];
}

def QMM_LaunchOp : QMM_Op<"launch", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Run a kernel over a range.";
  let description = [{
    A host kernel is a function of the module's `qmm.kernels` module: its
    arguments are the buffers (memrefs with identity layout), the integers
    (index), begin and end (index).  It is called for ranges that cover
    [0, extent), in parallel.

    A device kernel is a `gpu.func` of the `gpu.module @qmm.device`: its
    arguments are the buffers, the integers and the extent (index).  Its
    attribute `qmm.launch` says how it is launched:

    | key | |
    |---|---|
    | `threads : i64` | of a block, 1 to 1024, along x |
    | `items_per_block : i64` | of the extent: the grid is ceildiv(extent, items_per_block) blocks |
    | `blocks_per_sm : i64` | if not 0, the grid is at most that many times the number of SMs |
    | `shared_bytes : i64` | dynamic shared memory |
    | `cooperative` | true or false: are all blocks resident at once? |

    Constraints:
    1. `kernel` names such a function, of the module `qmm.kernels` or
       `qmm.device`; one of the latter has the attribute `qmm.launch`.
    2. The function's arguments are the buffers' types, then an index for each
       integer, begin and end (`qmm.kernels`) or the extent (`qmm.device`); it
       has no results.

    ```mlir
    module {
      module @qmm.kernels {
        func.func @double(%x: memref<?xf32>, %n: index, %b: index, %e: index) {
          %c1 = arith.constant 1 : index
          scf.for %i = %b to %e step %c1 {
            %v = memref.load %x[%i] : memref<?xf32>
            %w = arith.addf %v, %v : f32
            memref.store %w, %x[%i] : memref<?xf32>
          }
          return
        }
      }
      func.func @f(%x: memref<?xf32>, %n: index) {
        qmm.launch @qmm.kernels::@double(%x : memref<?xf32>) integers(%n) extent(%n)
        return
      }
    }
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, Variadic<AnyMemRef>:$buffers,
                       Variadic<Index>:$integers, Index:$extent);
  let assemblyFormat = [{
    $kernel `(` ($buffers^ `:` type($buffers))? `)` `integers` `(` $integers `)`
    `extent` `(` $extent `)` attr-dict
  }];
}

#endif // QMM_IR_QMMPHYSICALOPS_TD
