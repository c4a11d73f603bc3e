//===- Passes.td - Recognition passes ---------------------*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes that turn other compilers' IR into the dialect's ops.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_RECOGNIZE_PASSES_TD
#define QMM_RECOGNIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def RecognizeContractions
    : InterfacePass<"qmm-recognize-contractions", "FunctionOpInterface"> {
  let summary = "Contractions of linalg to qmm.scaled_matmul";
  let description = [{
    Looks at what each operand of a linalg contraction is computed from, element
    by element through elementwise ops and broadcasts, and rewrites

    - `convert(codes) * scale`, the codes a value or themselves
      `convert(clamp(x / scale'))`, into a quantized operand (a `qmm.quantize`
      for the latter), with the scale in the precision the program computes it;
    - codes without a scale into a quantized operand of scale 1;
    - anything else into a wide operand.

    The sum becomes f32, and the product of element and scale isn't rounded any
    more: `qmm.notes` on the new op lists what the rewrite removed.  A contraction
    that isn't rewritten gets `qmm.reason` and a remark.

    With `roundings=keep` it is: the op's `a_precision` and `b_precision` say to
    what.  An operand that is rounded between two scales is wide then, and a
    contraction that rounds each product stays.

    Before:
    ```mlir
    #mk = affine_map<(m, n, k) -> (m, k)>
    #nk = affine_map<(m, n, k) -> (n, k)>
    #mn = affine_map<(m, n, k) -> (m, n)>
    func.func @f(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>) -> tensor<8x16xbf16> {
      %zero = arith.constant 0.0 : bf16
      %e = tensor.empty() : tensor<8x16xbf16>
      %z = linalg.fill ins(%zero : bf16) outs(%e : tensor<8x16xbf16>) -> tensor<8x16xbf16>
      %y = linalg.contract indexing_maps = [#mk, #nk, #mn]
        ins(%x, %w : tensor<8x32xbf16>, tensor<16x32xbf16>)
        outs(%z : tensor<8x16xbf16>) -> tensor<8x16xbf16>
      return %y : tensor<8x16xbf16>
    }
    ```
    After:
    ```mlir
    func.func @f(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>) -> tensor<8x16xbf16> {
      %y = qmm.scaled_matmul %x, %w {qmm.notes = ["sum accumulated in f32, not bf16"]}
        : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
      return %y : tensor<8x16xbf16>
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::affine::AffineDialect"];
  let options = [
    ListOption<"families", "families", "std::string",
               "Rewrite only products that are 'quantized' (both operands), "
               "'weight-only' (one) or 'wide' (neither); all if none is given">,
    Option<"roundings", "roundings", "::mlir::qmm::Roundings",
           /*default=*/"::mlir::qmm::Roundings::Relax",
           "What becomes of roundings to bf16 and f16",
           "::mlir::qmm::getRoundingsValues()">];
  let statistics = [
    Statistic<"numRewritten", "rewritten", "contractions rewritten">,
    Statistic<"numRefused", "refused", "contractions left with a reason">];
}

def RecognizeDynamicQuantization
    : InterfacePass<"qmm-recognize-dynamic-quantization",
                    "FunctionOpInterface"> {
  let summary = "Largest magnitudes to qmm.amax, and scales computed from them";
  let description = [{
    A reduction max |x| over a whole tensor becomes `qmm.amax`.  A
    `qmm.quantize` whose scale is what its scheme computes - amax over the
    largest number, and 1 where that is 0 - computes it itself.  A scale that is
    computed otherwise (without the guard against zeros, with an epsilon, with
    bounds) gives other codes for some tensors, and stays the program's
    arithmetic on the amax.

    Before:
    ```mlir
    func.func @f(%x: tensor<8x32xf32>) -> tensor<f32> {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<f32>
      %z = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
      %m = linalg.generic {
          indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>],
          iterator_types = ["reduction", "reduction"]}
        ins(%x : tensor<8x32xf32>) outs(%z : tensor<f32>) {
      ^bb0(%v: f32, %o: f32):
        %a = math.absf %v : f32
        %r = arith.maximumf %o, %a : f32
        linalg.yield %r : f32
      } -> tensor<f32>
      return %m : tensor<f32>
    }
    ```
    After:
    ```mlir
    func.func @f(%x: tensor<8x32xf32>) -> tensor<f32> {
      %m = qmm.amax %x : tensor<8x32xf32> -> tensor<f32>
      return %m : tensor<f32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
}

def FuseEpilogue : InterfacePass<"qmm-fuse-epilogue", "FunctionOpInterface"> {
  let summary = "What follows a product becomes its epilogue";
  let description = [{
    Looks forward from each `qmm.scaled_matmul`, through elementwise ops, fused
    or not, and makes of what is computed from its result alone

    - factors or divisors, one value, one a column or one a row: the scale of an
      operand that is assembled from codes;
    - one value a column, and a tensor of the result's shape, added in any order:
      bias and residual;
    - ReLU, GELU (tanh, erf) and SiLU in any arithmetic spelling: the activation;
    - `convert(clamp(y / s))` with the type's own bounds, or a `qmm.quantize`
      whose scales a product can have: a quantized result, and max |y| beside it
      the second result.

    Reshapes stay behind the product.  `qmm.notes` lists the roundings that go
    away.  A product that something else uses too stays as it is; that and every
    other epilogue that isn't one is a remark.  With `roundings=keep`, so is one
    that a value rounded to bf16 or f16 goes into.

    Before:
    ```mlir
    func.func @f(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %b: tensor<16xbf16>) -> tensor<8x16xbf16> {
      %y = qmm.scaled_matmul %x, %w
        : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
      %e = tensor.empty() : tensor<8x16xbf16>
      %z = linalg.generic {
          indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                           affine_map<(i, j) -> (i, j)>],
          iterator_types = ["parallel", "parallel"]}
        ins(%y, %b : tensor<8x16xbf16>, tensor<16xbf16>) outs(%e : tensor<8x16xbf16>) {
      ^bb0(%p: bf16, %q: bf16, %o: bf16):
        %s = arith.addf %p, %q : bf16
        linalg.yield %s : bf16
      } -> tensor<8x16xbf16>
      return %z : tensor<8x16xbf16>
    }
    ```
    After:
    ```mlir
    func.func @f(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %b: tensor<16xbf16>) -> tensor<8x16xbf16> {
      %z = qmm.scaled_matmul %x, %w bias(%b : tensor<16xbf16>)
        {qmm.notes = ["product rounded to bf16 before the bias"]}
        : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
      return %z : tensor<8x16xbf16>
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::affine::AffineDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
  let options = [
    Option<"roundings", "roundings", "::mlir::qmm::Roundings",
           /*default=*/"::mlir::qmm::Roundings::Relax",
           "What becomes of roundings to bf16 and f16",
           "::mlir::qmm::getRoundingsValues()">];
  let statistics = [Statistic<"numFused", "rewrites", "rewrites of a product">];
}

#endif // QMM_RECOGNIZE_PASSES_TD
