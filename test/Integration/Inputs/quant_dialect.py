#!/usr/bin/env python3
"""usage: quant_dialect.py write|check DIR

write: functions with casts of the quant dialect, DIR/quant.mlir, and their
inputs DIR/in.safetensors.  check: compares DIR/NAME.safetensors of each function
with numpy, codes bit by bit; says what differs and fails."""
import sys

import numpy as np

from stablehlo_ops import read_safetensors, write_safetensors

M, N, K, BLOCK = 5, 16, 64, 32
rng = np.random.default_rng(3)
f32 = np.float32

x = rng.normal(size=(M, K)).astype(f32)
# Ties, both ends of the codes, and what isn't a number.
x[0, :12] = [0.125, 0.375, -0.125, -0.375, 31.75, 32.5, -32.25, 1e30, -1e30,
             np.nan, np.inf, -np.inf]
finite = np.where(np.isfinite(x) & (abs(x) < 1e3), x, 0).astype(f32)
w = rng.integers(-127, 128, size=(N, K)).astype(np.int8)
INPUTS = {"x": x, "finite": finite, "w": w}

row_scales = rng.uniform(1e-3, 1e-2, N).astype(f32)
row_points = rng.integers(-20, 21, N)
block_scales = rng.uniform(1e-3, 1e-2, (N, K // BLOCK)).astype(f32)
block_points = rng.integers(-20, 21, block_scales.shape)
column_scales = rng.uniform(0.02, 0.04, K).astype(f32)


def text(scale, point):
    # Digits enough for the same f32.
    return f"{float(scale):.17e}" + (f":{point}" if point else "")


def per_tensor(scale, point=0, storage="i8"):
    return f"!quant.uniform<{storage}:f32, {text(scale, point)}>"


def per_axis(axis, scales, points):
    inner = ", ".join(map(text, scales, points))
    return f"!quant.uniform<i8:f32:{axis}, {{{inner}}}>"


def blocks(scales, points):
    rows = ", ".join("{" + ", ".join(map(text, *row)) + "}"
                     for row in zip(scales, points))
    return f"!quant.uniform<i8:f32:{{0:1, 1:{BLOCK}}}, {{{rows}}}>"


def spread(values):
    return np.repeat(values, BLOCK, axis=1)


def quantize(values, scale, point=0, low=-128, high=127):
    with np.errstate(all="ignore"):
        codes = np.rint(values / np.asarray(scale, f32)) + np.asarray(point, f32)
        codes = np.where(np.isnan(codes), np.asarray(point, f32), codes)
        return np.clip(codes, low, high).astype(np.int8)


def dequantize(codes, scale, point=0):
    return (codes.astype(f32) - np.asarray(point, f32)) * np.asarray(scale, f32)


A = "tensor<?x64xf32>"
FUNCTIONS = {}  # name: (text, expected, exact)


def codes_of(name, quantized, expected):
    typed = f"tensor<?x64x{quantized}>"
    FUNCTIONS[name] = (f"""
func.func @{name}(%x: {A} {{qmm.name = "x"}}) -> tensor<?x64xi8> {{
  %q = quant.qcast %x : {A} to {typed}
  %c = quant.scast %q : {typed} to tensor<?x64xi8>
  return %c : tensor<?x64xi8>
}}""", expected, True)


def values_of(name, quantized, expected):
    typed = f"tensor<16x64x{quantized}>"
    FUNCTIONS[name] = (f"""
func.func @{name}(%w: {typed} {{qmm.name = "w"}}) -> tensor<16x64xf32> {{
  %v = quant.dcast %w : {typed} to tensor<16x64xf32>
  return %v : tensor<16x64xf32>
}}""", expected, True)


def product(name, left, right, a, b):
    """Of x, through `left` unless that is None, and of w as `right`."""
    casts = "" if left is None else f"""
  %q = quant.qcast %x : {A} to tensor<?x64x{left}>
  %a = quant.dcast %q : tensor<?x64x{left}> to {A}"""
    operand = "%x" if left is None else "%a"
    typed = f"tensor<16x64x{right}>"
    FUNCTIONS[name] = (f"""
func.func @{name}(%x: {A} {{qmm.name = "finite"}},
    %w: {typed} {{qmm.name = "w"}}) -> tensor<?x16xf32> {{{casts}
  %b = quant.dcast %w : {typed} to tensor<16x64xf32>
  %y = func.call @multiply({operand}, %b)
    : ({A}, tensor<16x64xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}}""", a.astype(np.float64) @ b.astype(np.float64).T, False)


MULTIPLY = """
func.func private @multiply(%a: tensor<?x64xf32>, %b: tensor<16x64xf32>)
    -> tensor<?x16xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %a, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%m) : tensor<?x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x16xf32>)
    -> tensor<?x16xf32>
  %y = linalg.matmul
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
                     affine_map<(m, n, k) -> (n, k)>,
                     affine_map<(m, n, k) -> (m, n)>]
    ins(%a, %b : tensor<?x64xf32>, tensor<16x64xf32>)
    outs(%z : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}"""

zeros, block_zeros = 0 * row_points, 0 * block_points
codes_of("codes", per_tensor(0.25), quantize(x, 0.25))
codes_of("codes_point", per_tensor(0.25, -7), quantize(x, 0.25, -7))
codes_of("codes_narrow", per_tensor(0.25, 0, "i8<-127:127>"),
         quantize(x, 0.25, 0, -127))
codes_of("codes_axis", per_axis(1, column_scales, [0] * K),
         quantize(x, column_scales))
values_of("values_point", per_tensor(0.3, 5), dequantize(w, 0.3, 5))
values_of("values_axis", per_axis(0, row_scales, row_points),
          dequantize(w, row_scales[:, None], row_points[:, None]))
values_of("values_blocks", blocks(block_scales, block_points),
          dequantize(w, spread(block_scales), spread(block_points)))

left, xq = per_tensor(0.03), dequantize(quantize(finite, 0.03), 0.03)
shifted = per_tensor(0.03, 9)
xs = dequantize(quantize(finite, 0.03, 9), 0.03, 9)
row = per_axis(0, row_scales, zeros)
wr = dequantize(w, row_scales[:, None])
block = blocks(block_scales, block_zeros)
wb = dequantize(w, spread(block_scales))
product("per_tensor", left, per_tensor(0.01), xq, dequantize(w, 0.01))
product("per_axis", left, row, xq, wr)
product("sub_channel", left, block, xq, wb)
product("weight_only", None, per_tensor(0.01), finite, dequantize(w, 0.01))
product("weight_only_axis", None, row, finite, wr)
product("weight_only_blocks", None, block, finite, wb)
product("zero_point", shifted, row, xs, wr)


def write(folder):
    with open(folder + "/quant.mlir", "w") as stream:
        stream.write("\n".join(body for body, _, _ in FUNCTIONS.values())
                     + MULTIPLY + "\n")
    write_safetensors(folder + "/in.safetensors", INPUTS)
    print("\n".join(FUNCTIONS))


def check(folder):
    failures = 0
    for name, (_, expected, exact) in FUNCTIONS.items():
        (found,) = read_safetensors(f"{folder}/{name}.safetensors").values()
        if exact:
            same = (found.dtype == expected.dtype
                    and found.tobytes() == expected.tobytes())
        else:
            error = (np.linalg.norm(found - expected)
                     / np.linalg.norm(expected))
            same = error < 1e-6
            print(f"{name}: {error:.1e}")
        if not same:
            failures += 1
            print(f"{name}: {found.tolist()}, expected {expected.tolist()}")
    print(f"{len(FUNCTIONS)} functions, {failures} wrong")
    return failures


if __name__ == "__main__":
    sys.exit(write(sys.argv[2]) if sys.argv[1] == "write"
             else check(sys.argv[2]) != 0)
