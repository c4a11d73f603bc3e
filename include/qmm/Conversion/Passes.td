//===- Passes.td - Conversion passes ----------------------*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes that leave the logical ops of the dialect behind.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_CONVERSION_PASSES_TD
#define QMM_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def QMMToPhysical : Pass<"qmm-to-physical", "::mlir::ModuleOp"> {
  let summary = "Split every !qmm.tensor into the tensors it is made of";
  let description = [{
    Replaces each value of type `!qmm.tensor` by its physical tensors (data,
    block scales, tensor scale), through functions, calls, `scf`, `cf` and
    `arith.select`, and each logical op by `qmm.phys.*` in destination-passing
    style, or by ops on builtin tensors.  Scales that an op is given pass
    through: they are the new op's operands and the result's scales.

    - The data of an argument or result keeps its attributes; its scales have
      the same ones, with `qmm.name` extended by `.scale` and `.tensor_scale`.
    - A tensor of f4E2M1FN becomes its packed bytes (i8, the first of two codes
      in the low nibble); as an argument or result it gets `qmm.element`, what
      callers see.  Only `qmm.assemble`, reshapes and what carries values take
      such a tensor.
    - Tensor arguments of public functions get `bufferization.writable = false`:
      a caller's inputs are never written.
    - Physical ops keep the locations and the discardable attributes
      (`qmm.reason`, `qmm.notes`, `qmm.routes`) of the ops they replace.
    - A slice that isn't contiguous is copied; reshapes are views; transposes
      and pads are `linalg` ops.

    `qmm.linear` is an error: `--qmm-quantize-activations` decides it first.  So
    is a `!qmm.tensor` in an op that isn't named here.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8> {qmm.name = "w"})
        -> tensor<?x64xbf16> {
      %y = qmm.scaled_matmul %x, %w
        : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
      return %y : tensor<?x64xbf16>
    }
    ```
    After:
    ```mlir
    func.func @f(%x: tensor<?x256xbf16> {bufferization.writable = false},
                 %w: tensor<64x256xf8E4M3FN> {bufferization.writable = false, qmm.name = "w"},
                 %s: tensor<f32> {bufferization.writable = false, qmm.name = "w.scale"})
        -> tensor<?x64xbf16> {
      %c0 = arith.constant 0 : index
      %m = tensor.dim %x, %c0 : tensor<?x256xbf16>
      %e = tensor.empty(%m) : tensor<?x64xbf16>
      %y = qmm.phys.scaled_matmul
        ins(%x, %w, %s : tensor<?x256xbf16>, tensor<64x256xf8E4M3FN>, tensor<f32>)
        outs(%e : tensor<?x64xbf16>)
        {input_types = [tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8>],
         output_types = [tensor<?x64xbf16>]} -> tensor<?x64xbf16>
      return %y : tensor<?x64xbf16>
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // QMM_CONVERSION_PASSES_TD
