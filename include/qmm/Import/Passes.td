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

#endif // QMM_IMPORT_PASSES_TD
