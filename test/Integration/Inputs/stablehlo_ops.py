#!/usr/bin/env python3
"""usage: stablehlo_ops.py write|check DIR

write: one function with a result per StableHLO op, DIR/ops.mlir, and its inputs
DIR/in.safetensors.  check: compares DIR/out.safetensors with numpy, special
values included; says what differs and fails."""
import math
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, os.pardir, "Inputs"))
import tensor_file

DTYPES = {"F32": np.float32, "I32": np.int32, "I8": np.int8, "BOOL": np.bool_}
MLIR = {np.dtype(np.float32): "f32", np.dtype(np.int32): "i32",
        np.dtype(np.int8): "i8", np.dtype(np.bool_): "i1"}

x = np.array([[0.5, -1.25, 2.5, -0.0], [3.5, -2.5, 0.75, 100.0],
              [-7.0, 1e-3, 1.5, -0.5]], np.float32)
y = np.array([[1.5, 2.0, -3.0, 0.25], [0.5, 7.0, -0.75, 3.0],
              [2.0, 5.0, -1.5, 4.0]], np.float32)
odd = np.array([np.nan, np.inf, -np.inf, -0.0, 448.0, 465.0, -3e9, 2.5],
               np.float32)
i = np.array([7, -7, 5, -2147483648, 9, -8], np.int32)
j = np.array([2, 2, 0, -1, -3, 3], np.int32)
p = np.array([True, False, True, True, False, False])
q = np.array([True, True, False, True, False, True])
k = np.array(9, np.int32)
s = np.array(0.25, np.float32)
t = np.array(True)
w = np.array([[1, -2], [3, 4], [-5, 6], [7, 8]], np.float32)
INPUTS = {"x": x, "y": y, "odd": odd, "i": i, "j": j, "p": p, "q": q, "k": k,
          "s": s, "t": t, "w": w}

CASES = []  # (op, operands, attributes, region, expected, tolerance)


def case(op, operands, expected, attributes="", region="", tolerance=0.0):
    CASES.append((op, operands.split(), attributes, region,
                  np.asarray(expected), tolerance))


def unary(op, function, operand="x", tolerance=1e-6, dialect="stablehlo"):
    value = INPUTS[operand].astype(np.float64)
    with np.errstate(all="ignore"):
        case(f"{dialect}.{op}", operand, function(value).astype(np.float32),
             tolerance=tolerance)


def ints(name, values):
    return f"{name} = array<i64{': ' if values else ''}" + ", ".join(
        str(value) for value in values) + ">"


def body(op, element):
    scalar = f"tensor<{element}>"
    return (f"({{ ^bb0(%a: {scalar}, %b: {scalar}): "
            f'%r = "stablehlo.{op}"(%a, %b) : ({scalar}, {scalar}) -> {scalar} '
            f'"stablehlo.return"(%r) : ({scalar}) -> () }})')


def compare(direction, kind=""):
    text = ("comparison_direction = #stablehlo<comparison_direction "
            f"{direction}>")
    return text + (f", compare_type = #stablehlo<comparison_type {kind}>"
                   if kind else "")


def erf(value):
    return np.vectorize(math.erf)(value)


unary("abs", np.abs)
unary("negate", np.negative)
unary("sign", np.sign, "odd", 0)
unary("exponential", np.exp)
unary("exponential_minus_one", np.expm1)
unary("log", np.log, tolerance=1e-5)
unary("log_plus_one", np.log1p, tolerance=1e-5)
unary("logistic", lambda v: 1 / (1 + np.exp(-v)))
unary("tanh", np.tanh)
unary("sqrt", np.sqrt)
unary("rsqrt", lambda v: 1 / np.sqrt(v), "y")
unary("cbrt", np.cbrt)
unary("sine", np.sin, tolerance=1e-5)
unary("cosine", np.cos, tolerance=1e-5)
unary("floor", np.floor, tolerance=0)
unary("ceil", np.ceil, tolerance=0)
unary("round_nearest_even", np.rint, tolerance=0)
unary("round_nearest_afz", lambda v: np.sign(v) * np.floor(np.abs(v) + 0.5),
      tolerance=0)
unary("erf", erf, dialect="chlo")
unary("erfc", lambda v: 1 - erf(v), dialect="chlo", tolerance=1e-5)
case("stablehlo.is_finite", "odd", np.isfinite(odd))

with np.errstate(all="ignore"):
    for op, function in (("add", np.add), ("subtract", np.subtract),
                         ("multiply", np.multiply), ("divide", np.divide),
                         ("maximum", np.maximum), ("minimum", np.minimum),
                         ("remainder", np.fmod)):
        case(f"stablehlo.{op}", "x y", function(x, y), tolerance=1e-6)
    case("stablehlo.power", "x y", np.power(x, y), tolerance=1e-5)
case("stablehlo.add", "i j", i + j)
case("stablehlo.multiply", "j j", j * j)
# Division by 0 gives -1 and the dividend, the smallest number by -1 itself.
case("stablehlo.divide", "i j", np.array([3, -3, -1, -2147483648, -3, -2],
                                         np.int32))
case("stablehlo.remainder", "i j", np.array([1, -1, 5, 0, 0, -2], np.int32))
case("stablehlo.maximum", "i j", np.maximum(i, j))
case("stablehlo.minimum", "i j", np.minimum(i, j))
case("stablehlo.sign", "j", np.sign(j))
case("stablehlo.abs", "j", np.abs(j))
case("stablehlo.and", "i j", i & j)
case("stablehlo.or", "i j", i | j)
case("stablehlo.xor", "i j", i ^ j)
case("stablehlo.not", "i", ~i)
case("stablehlo.and", "p q", p & q)
case("stablehlo.or", "p q", p | q)
case("stablehlo.xor", "p q", p ^ q)
case("stablehlo.not", "p", ~p)
case("stablehlo.add", "p q", p | q)
case("stablehlo.multiply", "p q", p & q)

for direction, function in (("EQ", np.equal), ("NE", np.not_equal),
                            ("GE", np.greater_equal), ("GT", np.greater),
                            ("LE", np.less_equal), ("LT", np.less)):
    case("stablehlo.compare", "odd odd", function(odd, odd),
         compare(direction, "FLOAT"))
    case("stablehlo.compare", "i j", function(i, j), compare(direction))
case("stablehlo.compare", "i j", i.view(np.uint32) < j.view(np.uint32),
     compare("LT", "UNSIGNED"))
case("stablehlo.compare", "p q", p < q, compare("LT"))
case("stablehlo.compare", "odd odd", np.full(8, True), compare("EQ", "TOTALORDER"))

case("stablehlo.select", "p i j", np.where(p, i, j))
case("stablehlo.select", "t x y", x)
case("stablehlo.clamp", "s x y", np.minimum(np.maximum(x, s), y))
case("stablehlo.clamp", "y x s", np.minimum(np.maximum(x, y), s))

case("stablehlo.convert", "odd",
     np.array([0, 2147483647, -2147483648, 0, 448, 465, -2147483648, 2],
              np.int32))
case("stablehlo.convert", "odd",
     np.array([0, 127, -128, 0, 127, 127, -128, 2], np.int8))
case("stablehlo.convert", "odd", odd != 0)
case("stablehlo.convert", "i", i.astype(np.float32))
case("stablehlo.convert", "i", i.astype(np.int8))
case("stablehlo.convert", "p", p.astype(np.float32))
case("stablehlo.convert", "p", p.astype(np.int32))
case("stablehlo.bitcast_convert", "y", y.view(np.int32))

case("stablehlo.broadcast_in_dim", "s", np.full((2, 3), s),
     ints("broadcast_dimensions", []))
case("stablehlo.broadcast_in_dim", "i", np.broadcast_to(i[:, None], (6, 2)),
     ints("broadcast_dimensions", [0]))
case("stablehlo.reshape", "x", x.reshape(2, 6))
case("stablehlo.reshape", "s", s.reshape(1, 1))
case("stablehlo.transpose", "x", x.T, ints("permutation", [1, 0]))
case("stablehlo.slice", "x", x[1:3, 0:4:2], ", ".join(
    (ints("start_indices", [1, 0]), ints("limit_indices", [3, 4]),
     ints("strides", [1, 2]))))
# Clamped: from 1 and from 2 on.
case("stablehlo.dynamic_slice", "x k k", x[1:3, 2:4],
     ints("slice_sizes", [2, 2]))
case("stablehlo.reverse", "x", x[:, ::-1], ints("dimensions", [1]))
padded = np.full((6, 8), s, np.float32)
padded[1:6:2, 0:7:2] = x
case("stablehlo.pad", "x s", padded[:, 1:], ", ".join(
    (ints("edge_padding_low", [1, -1]), ints("edge_padding_high", [0, 1]),
     ints("interior_padding", [1, 1]))))
case("stablehlo.concatenate", "x y", np.concatenate([x, y], 1),
     "dimension = 1 : i64")
case("stablehlo.iota", "", np.broadcast_to(np.arange(3, dtype=np.float32)[:, None],
                                           (3, 2)), "iota_dimension = 0 : i64")

reduce_all = ints("dimensions", [0, 1])
case("stablehlo.reduce", "x s", np.float32(x.sum() + s), reduce_all,
     body("add", "f32"), 1e-6)
case("stablehlo.reduce", "x s", np.maximum(x.max(1), s), ints("dimensions", [1]),
     body("maximum", "f32"))
case("stablehlo.reduce", "x s", np.minimum(x.min(0), s), ints("dimensions", [0]),
     body("minimum", "f32"))
case("stablehlo.reduce", "p t", p.all(), ints("dimensions", [0]),
     body("and", "i1"))
case("stablehlo.reduce", "p t", True, ints("dimensions", [0]), body("or", "i1"))
case("stablehlo.reduce", "j k", np.int32(9 * np.prod(j)), ints("dimensions", [0]),
     body("multiply", "i32"))

case("stablehlo.dot", "x w", x @ w, tolerance=1e-6)
case("stablehlo.dot_general", "x y", np.einsum("bk,bk->b", x, y),
     "dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0], "
     "rhs_batching_dimensions = [0], lhs_contracting_dimensions = [1], "
     "rhs_contracting_dimensions = [1]>", tolerance=1e-6)
case("stablehlo.dot_general", "w x", np.einsum("kn,mk->nm", w, x),
     "dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0], "
     "rhs_contracting_dimensions = [1]>", tolerance=1e-6)
case("stablehlo.dot_general", "x y", np.einsum("ab,ab->", x, y),
     "dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = "
     "[0, 1], rhs_contracting_dimensions = [0, 1]>", tolerance=1e-6)
case("stablehlo.dot_general", "i j", np.multiply.outer(i, j),
     "dot_dimension_numbers = #stablehlo.dot<>")


def mlir_type(array):
    return "tensor<" + "".join(f"{extent}x" for extent in array.shape) + \
        MLIR[array.dtype] + ">"


def write_safetensors(path, tensors):
    names = {value: key for key, value in DTYPES.items()}
    tensor_file.write(path, {name: (names[array.dtype.type], array)
                             for name, array in tensors.items()})


def read_safetensors(path):
    return {name: np.frombuffer(data, DTYPES.get(dtype, np.bool_)).reshape(shape)
            for name, (dtype, shape, data) in tensor_file.read(path).items()}


def write(folder):
    arguments = ", ".join(
        f'%{name}: {mlir_type(value)} {{qmm.name = "{name}"}}'
        for name, value in INPUTS.items())
    lines, values, types = [], [], []
    for n, (op, operands, attributes, region, expected, _) in enumerate(CASES):
        result = mlir_type(expected)
        signature = ", ".join(mlir_type(INPUTS[name]) for name in operands)
        names = ", ".join("%" + name for name in operands)
        lines.append(f'  %r{n} = "{op}"({names}) <{{{attributes}}}> {region} : '
                     f"({signature}) -> {result}")
        values.append(f"%r{n}")
        types.append(result)
    with open(folder + "/ops.mlir", "w") as stream:
        stream.write(f"func.func @ops({arguments}) -> ({', '.join(types)}) {{\n"
                     + "\n".join(lines) + f"\n  return {', '.join(values)} : "
                     f"{', '.join(types)}\n}}\n")
    write_safetensors(folder + "/in.safetensors", INPUTS)


def check(folder):
    found = read_safetensors(folder + "/out.safetensors")
    failures = 0
    for n, (op, operands, attributes, _, expected, tolerance) in enumerate(CASES):
        value = found[f"out{n}"].reshape(expected.shape)
        with np.errstate(all="ignore"):
            same = np.allclose(value.astype(np.float64),
                               expected.astype(np.float64), rtol=tolerance,
                               atol=tolerance, equal_nan=True)
        if not same:
            failures += 1
            print(f"{op} {operands} {attributes}: {value.tolist()}, expected "
                  f"{expected.tolist()}")
    print(f"{len(CASES)} ops, {failures} wrong")
    return failures


if __name__ == "__main__":
    sys.exit(write(sys.argv[2]) if sys.argv[1] == "write"
             else check(sys.argv[2]) != 0)
