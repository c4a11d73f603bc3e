#!/usr/bin/env python3
# ===- bench/recognition.py - Time that recognition takes -----------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: recognition.py [--tools=build/bin] [--products=600] [--repeat=5]
                      [--limit=SECONDS] [--write=FILE]

Times the recognition passes on one function of about 17 ops a product, on one
of twice as many, and on one of as many ops without a product; the best of some
runs.  Fails if the first takes longer than the limit, or if twice the ops take
more than three times as long.  --write keeps the first module."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

PASSES = ("RecognizeContractions", "RecognizeDynamicQuantization",
          "FuseEpilogue")
WIDE = "tensor<64x64xbf16>"
CODES = "tensor<64x64xf8E4M3FN>"
HEAD = """#id = affine_map<(i, j) -> (i, j)>
#none = affine_map<(i, j) -> ()>
#column = affine_map<(i, j) -> (j)>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#two = ["parallel", "parallel"]
"""
# Weights dequantized by a scale, with a bias and a ReLU behind the product.
SCALED = """
  %d{i} = linalg.generic {{indexing_maps = [#id, #none, #id], iterator_types = #two}}
    ins(%q, %s : {codes}, tensor<f32>) outs(%e : {wide}) {{
  ^bb0(%a: f8E4M3FN, %b: f32, %o: bf16):
    %1 = arith.extf %a : f8E4M3FN to f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.truncf %2 : f32 to bf16
    linalg.yield %3 : bf16
  }} -> {wide}
  %y{i} = linalg.matmul indexing_maps = [#mk, #nk, #mn]
    ins(%x{i}, %d{i} : {wide}, {wide}) outs(%z : {wide}) -> {wide}
  %x{j} = linalg.generic {{indexing_maps = [#id, #column, #id], iterator_types = #two}}
    ins(%y{i}, %c : {wide}, tensor<64xbf16>) outs(%e : {wide}) {{
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %1 = arith.addf %a, %b : bf16
    %2 = arith.maximumf %1, %zero : bf16
    linalg.yield %2 : bf16
  }} -> {wide}"""
# The blocks of 1 x 16 of a weight, and SiLU.
BLOCKS = """
  %q{i} = tensor.expand_shape %q [[0], [1, 2]] output_shape [64, 4, 16]
    : {codes} into tensor<64x4x16xf8E4M3FN>
  %g{i} = linalg.generic {{
      indexing_maps = [affine_map<(n, b, i) -> (n, b, i)>, affine_map<(n, b, i) -> (n, b)>,
                       affine_map<(n, b, i) -> (n, b, i)>],
      iterator_types = ["parallel", "parallel", "parallel"]}}
    ins(%q{i}, %t : tensor<64x4x16xf8E4M3FN>, tensor<64x4xbf16>)
    outs(%f : tensor<64x4x16xbf16>) {{
  ^bb0(%a: f8E4M3FN, %b: bf16, %o: bf16):
    %1 = arith.extf %a : f8E4M3FN to bf16
    %2 = arith.mulf %1, %b : bf16
    linalg.yield %2 : bf16
  }} -> tensor<64x4x16xbf16>
  %d{i} = tensor.collapse_shape %g{i} [[0], [1, 2]]
    : tensor<64x4x16xbf16> into {wide}
  %y{i} = linalg.matmul indexing_maps = [#mk, #nk, #mn]
    ins(%x{i}, %d{i} : {wide}, {wide}) outs(%z : {wide}) -> {wide}
  %x{j} = linalg.generic {{indexing_maps = [#id, #id], iterator_types = #two}}
    ins(%y{i} : {wide}) outs(%e : {wide}) {{
  ^bb0(%a: bf16, %o: bf16):
    %1 = arith.negf %a : bf16
    %2 = math.exp %1 : bf16
    %3 = arith.addf %2, %one : bf16
    %4 = arith.divf %a, %3 : bf16
    linalg.yield %4 : bf16
  }} -> {wide}"""
# Two wide operands, a residual, and ops that no product takes.
RESIDUAL = """
  %y{i} = linalg.matmul indexing_maps = [#mk, #nk, #mn]
    ins(%x{i}, %w : {wide}, {wide}) outs(%z : {wide}) -> {wide}
  %r{i} = linalg.add ins(%y{i}, %x{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}
  %v{i} = linalg.sub ins(%r{i}, %x{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}
  %u{i} = linalg.exp ins(%v{i} : {wide}) outs(%e : {wide}) -> {wide}
  %g{i} = linalg.add ins(%u{i}, %v{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}
  %h{i} = linalg.sub ins(%g{i}, %u{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}
  %x{j} = linalg.mul ins(%h{i}, %r{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}"""
# As many ops as a product and its surroundings.
ELEMENTWISE = """
  %v{i} = linalg.sub ins(%x{i}, %w : {wide}, {wide}) outs(%e : {wide}) -> {wide}
  %r{i} = linalg.add ins(%v{i}, %x{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}
  %u{i} = linalg.mul ins(%r{i}, %v{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}
  %g{i} = linalg.sub ins(%u{i}, %v{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}
  %h{i} = linalg.add ins(%g{i}, %u{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}
  %x{j} = linalg.mul ins(%h{i}, %r{i} : {wide}, {wide}) outs(%e : {wide}) -> {wide}"""


def write_module(count, bodies):
    parts = [HEAD, f"func.func @f(%x0: {WIDE}, %w: {WIDE}, %q: {CODES}, "
             "%s: tensor<f32>, %t: tensor<64x4xbf16>, %c: tensor<64xbf16>, "
             f"%e: {WIDE}, %f: tensor<64x4x16xbf16>) -> {WIDE} {{\n"
             "  %zero = arith.constant 0.0 : bf16\n"
             "  %one = arith.constant 1.0 : bf16\n"
             f"  %z = linalg.fill ins(%zero : bf16) outs(%e : {WIDE}) -> {WIDE}"]
    for i in range(count):
        parts.append(bodies[i % len(bodies)].format(i=i, j=i + 1, wide=WIDE,
                                                    codes=CODES))
    parts.append(f"\n  return %x{count} : {WIDE}\n}}\n")
    return "".join(parts)


def run(tool, *arguments):
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True,
                          text=True)
    if done.returncode != 0:
        sys.exit(f"{tool} fails: {done.stderr[-2000:]}")
    return done


def measure(tool, text, repeat, folder):
    """(ops, products found, the best seconds of each pass)."""
    source = folder / "in.mlir"
    source.write_text(text)
    ops = sum(int(count) for count in re.findall(
        r" , (\d+)$", run(tool, source, "--print-op-stats", "-o",
                          folder / "out.mlir").stderr, re.M)) or None
    passes = ("qmm-recognize-contractions,qmm-recognize-dynamic-quantization,"
              "qmm-fuse-epilogue")
    best = {}
    for _ in range(repeat):
        done = run(tool, source, "-o", folder / "out.mlir",
                   f"--pass-pipeline=builtin.module(func.func({passes}))",
                   "--mlir-disable-threading", "--mlir-timing",
                   "--mlir-timing-display=list")
        for seconds, name in re.findall(
                r"^\s*([\d.]+) \([^)]*\)\s+(\w+)$", done.stderr, re.M):
            if name in PASSES:
                best[name] = min(best.get(name, 1e9), float(seconds))
    products = (folder / "out.mlir").read_text().count("= qmm.scaled_matmul")
    return ops, products, best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", default="build/bin", type=pathlib.Path)
    parser.add_argument("--products", default=600, type=int)
    parser.add_argument("--repeat", default=5, type=int)
    parser.add_argument("--limit", default=1.0, type=float)
    parser.add_argument("--write")
    options = parser.parse_args()
    tool = options.tools / "quant-opt"
    bodies = (SCALED, BLOCKS, RESIDUAL)
    count = options.products
    modules = [("products", count, bodies), ("twice", 2 * count, bodies),
               ("no products", count, (ELEMENTWISE,))]
    if options.write:
        pathlib.Path(options.write).write_text(write_module(count, bodies))
    totals = []
    with tempfile.TemporaryDirectory() as folder:
        for name, size, body in modules:
            ops, products, best = measure(tool, write_module(size, body),
                                          options.repeat, pathlib.Path(folder))
            if set(best) != set(PASSES):
                sys.exit(f"no time of {set(PASSES) - set(best)} in the output")
            if products != (size if body == bodies else 0):
                sys.exit(f"{name}: {products} products are recognized of {size}")
            totals.append(sum(best.values()))
            print(f"{name:12} {ops} ops, {products} products: "
                  f"{totals[-1] * 1e3:.0f} ms (" + ", ".join(
                      f"{key} {best[key] * 1e3:.0f}" for key in PASSES) + ")")
    ratio = totals[1] / totals[0]
    print(f"twice the ops take {ratio:.2f} times as long")
    return totals[0] > options.limit or ratio > 3


if __name__ == "__main__":
    sys.exit(main())
