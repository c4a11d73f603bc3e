#!/usr/bin/env python3
# ===- bench/cuda/make.py - The linear layers that bench.py times ------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: make.py > linears.mlir
       quant-compile linears.mlir --target=cuda:sm_90 -o linears.qmm

One function a scheme and weight shape.  Weights and scales are arguments, so
that a benchmark can rotate through copies that exceed the L2 cache."""

SHAPES = [(3072, 3072), (12288, 3072), (3072, 12288), (8192, 8192), (28672, 8192)]


def linear(name, n, k, scale):
    given = " scale(%xs : tensor<f32>)" if scale else ""
    argument = '%xs: tensor<f32> {qmm.name = "input_scale"}, ' if scale else ""
    return f"""
func.func @{name}_{n}_{k}(
    %x: tensor<?x{k}xbf16> {{qmm.name = "x"}},
    %w: tensor<{n}x{k}xf8E4M3FN> {{qmm.name = "weight"}},
    %ws: tensor<f32> {{qmm.name = "weight_scale"}}, {argument}
    %b: tensor<{n}xbf16> {{qmm.name = "bias"}}) -> tensor<?x{n}xbf16> {{
  %q = qmm.quantize %x{given} : tensor<?x{k}xbf16> -> !qmm.tensor<?x{k}xbf16, fp8>
  %v = qmm.assemble %w, %ws : tensor<{n}x{k}xf8E4M3FN>, tensor<f32>
    -> !qmm.tensor<{n}x{k}xbf16, fp8>
  %y = qmm.scaled_matmul %q, %v bias(%b : tensor<{n}xbf16>)
    : !qmm.tensor<?x{k}xbf16, fp8>, !qmm.tensor<{n}x{k}xbf16, fp8> -> tensor<?x{n}xbf16>
  return %y : tensor<?x{n}xbf16>
}}"""


def gemm(n, k):
    return f"""
func.func @gemm_{n}_{k}(
    %x: tensor<?x{k}xf8E4M3FN> {{qmm.name = "x"}},
    %w: tensor<{n}x{k}xf8E4M3FN> {{qmm.name = "weight"}},
    %ws: tensor<f32> {{qmm.name = "weight_scale"}},
    %xs: tensor<f32> {{qmm.name = "input_scale"}},
    %b: tensor<{n}xbf16> {{qmm.name = "bias"}}) -> tensor<?x{n}xbf16> {{
  %q = qmm.assemble %x, %xs : tensor<?x{k}xf8E4M3FN>, tensor<f32>
    -> !qmm.tensor<?x{k}xbf16, fp8>
  %v = qmm.assemble %w, %ws : tensor<{n}x{k}xf8E4M3FN>, tensor<f32>
    -> !qmm.tensor<{n}x{k}xbf16, fp8>
  %y = qmm.scaled_matmul %q, %v bias(%b : tensor<{n}xbf16>)
    : !qmm.tensor<?x{k}xbf16, fp8>, !qmm.tensor<{n}x{k}xbf16, fp8> -> tensor<?x{n}xbf16>
  return %y : tensor<?x{n}xbf16>
}}"""


if __name__ == "__main__":
    for n, k in SHAPES:
        print(gemm(n, k))
        print(linear("static", n, k, scale=True))
        print(linear("dynamic", n, k, scale=False))
