//===- Passes.td - Import passes --------------------------*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes that bring other dialects to linalg and qmm.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_IMPORT_PASSES_TD
#define QMM_IMPORT_PASSES_TD

include "mlir/Pass/PassBase.td"

def ImportStableHLO : Pass<"qmm-import-stablehlo", "::mlir::ModuleOp"> {
  let summary = "StableHLO to linalg, tensor, arith, math and qmm";
  let description = [{
    Ops are matched by name and attributes read from the op's dictionary and
    their printed text, so that StableHLO may be unregistered (generic form) or
    registered.  `custom_call @__op$block_scaled_dot` and the composite
    `xla.scaled_dot` become `qmm.scaled_matmul`; calls stay calls.  An op that
    isn't imported is an error at its location that names it and the reason.
    Attributes of StableHLO's neighbours (`mhlo`, `sdy`, `jax`, `tf`) on the
    module, its functions and their arguments go away.

    Runs before anything that inlines: passes that don't know an op's regions or
    symbols can't move it.  `docs/stablehlo.md` lists what is imported.

    Before:
    ```mlir
    func.func @f(%x: tensor<8x32xbf16>, %w: tensor<32x16xbf16>) -> tensor<8x16xbf16> {
      %y = "stablehlo.dot"(%x, %w)
        : (tensor<8x32xbf16>, tensor<32x16xbf16>) -> tensor<8x16xbf16>
      return %y : tensor<8x16xbf16>
    }
    ```
    After:
    ```mlir
    #mk = affine_map<(m, n, k) -> (m, k)>
    #kn = affine_map<(m, n, k) -> (k, n)>
    #mn = affine_map<(m, n, k) -> (m, n)>
    func.func @f(%x: tensor<8x32xbf16>, %w: tensor<32x16xbf16>) -> tensor<8x16xbf16> {
      %zero = arith.constant 0.0 : bf16
      %e = tensor.empty() : tensor<8x16xbf16>
      %z = linalg.fill ins(%zero : bf16) outs(%e : tensor<8x16xbf16>) -> tensor<8x16xbf16>
      %y = linalg.generic {indexing_maps = [#mk, #kn, #mn],
                           iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x, %w : tensor<8x32xbf16>, tensor<32x16xbf16>)
        outs(%z : tensor<8x16xbf16>) {
      ^bb0(%a: bf16, %b: bf16, %sum: bf16):
        %p = arith.mulf %a, %b : bf16
        %s = arith.addf %sum, %p : bf16
        linalg.yield %s : bf16
      } -> tensor<8x16xbf16>
      return %y : tensor<8x16xbf16>
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numImported", "imported", "ops imported">];
}

def ImportQuant : Pass<"qmm-import-quant", "::mlir::ModuleOp"> {
  let summary = "Casts and types of the quant dialect to arithmetic on codes";
  let description = [{
    Values of quantized type become their storage, and `quant.qcast` and
    `quant.dcast` one `linalg.generic` each, whose scales are constants: one for
    the tensor, one for each index of an axis, or one for each block.
    `quant.scast` goes away.  Zero points that are all 0 leave no trace, so that
    recognition sees codes times a scale.

    Runs before anything that folds: upstream takes `dcast(qcast(x))` for `x`.
    `docs/quant-dialect.md` has the arithmetic and what is refused.

    Before:
    ```mlir
    func.func @f(%q: tensor<?x32x!quant.uniform<i8:f32, 0.5>>) -> tensor<?x32xf32> {
      %x = quant.dcast %q
        : tensor<?x32x!quant.uniform<i8:f32, 0.5>> to tensor<?x32xf32>
      return %x : tensor<?x32xf32>
    }
    ```
    After:
    ```mlir
    #id = affine_map<(i, j) -> (i, j)>
    func.func @f(%q: tensor<?x32xi8>) -> tensor<?x32xf32> {
      %c0 = arith.constant 0 : index
      %m = tensor.dim %q, %c0 : tensor<?x32xi8>
      %e = tensor.empty(%m) : tensor<?x32xf32>
      %x = linalg.generic {indexing_maps = [#id, #id],
                           iterator_types = ["parallel", "parallel"]}
        ins(%q : tensor<?x32xi8>) outs(%e : tensor<?x32xf32>) {
      ^bb0(%code: i8, %o: f32):
        %s = arith.constant 0.5 : f32
        %c = arith.sitofp %code : i8 to f32
        %v = arith.mulf %c, %s : f32
        linalg.yield %v : f32
      } -> tensor<?x32xf32>
      return %x : tensor<?x32xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numImported", "imported",
                              "ops that had quantized values">];
}

#endif // QMM_IMPORT_PASSES_TD
