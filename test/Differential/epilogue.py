# ===- Differential/epilogue.py - What follows a product -----------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Scales, biases, activations and quantization behind a product."""

from floats import FLOATS
from operands import LARGEST


def apply_epilogue(p, steps, x, order, returned):
    """What follows the product x, whose dimensions are the loops `order`.
    Appends values that the function returns in addition."""
    rank = len(x.shape)
    every, order = list(range(rank)), list(order)
    pending = []   # (inputs, function of body, scalar and theirs)

    def flush():
        nonlocal x, pending
        if pending:
            steps, pending = pending, []
            inputs = [(x, every)] + [i for more, _ in steps for i in more]

            def body(b, s):
                y, rest = s[0], s[1:]
                for more, function in steps:
                    y = function(b, y, rest[:len(more)])
                    rest = rest[len(more):]
                return y
            x = p.generic(inputs, body, "epilogue")

    element = x.element

    def own(kind):
        return [i for i, l in enumerate(order) if l[0] == kind]

    def vector(indices, kind, fill):
        return p.input([x.shape[i] for i in indices], kind, fill,
                       [x.dynamic[i] for i in indices])
    for step in steps:
        op = step["op"]
        if element not in FLOATS and op != "convert":
            break
        columns, rows = own("n"), own("m")
        if not step.get("fused"):
            flush()
        if op == "transpose":
            flush()
            turn = step["by"] % max(rank, 1)
            permutation = every[turn:] + every[:turn]
            if permutation != every:
                x = p.transpose(x, permutation)
                order = [order[i] for i in permutation]
        elif op == "convert":
            def function(b, y, s, to=step["to"]):
                return b.convert(y, to)
            pending.append(([], function))
            element = step["to"]
        elif op == "scale":
            indices = {"tensor": [], "column": columns,
                       "row": rows}[step["along"]]
            value = vector(indices, element, ("scale", False, 0.0))
            pending.append(([(value, indices)], lambda b, y, s, how=step[
                "how"]: b.binary(how + "f", y, s[0])))
        elif op == "bias":
            value = vector(columns, step["type"], ("wide",))
            if step.get("named") and step["type"] == element and columns:
                flush()
                wide = p.generic([(x, every), (value, columns)],
                                 lambda b, s: s[1], "epilogue")
                x = p.named("add", x, wide, "epilogue")
            else:
                pending.append(([(value, columns)], lambda b, y, s, to=
                                element: b.binary("addf", y,
                                                  b.convert(s[0], to))))
        elif op == "residual":
            value = vector(every, element, ("wide",))
            pending.append(([(value, every)],
                            lambda b, y, s: b.binary("addf", y, s[0])))
        elif op == "amax":
            flush()
            returned.append(p.amax(x, []))
        elif op == "requantize":
            kind = step["element"]
            value = p.input([], element, ("scale", False, 2.0 if step[
                "how"] == "div" else -2.0))

            def function(b, y, s, step=step, kind=kind, element=element):
                y = b.binary(step["how"] + "f", y, s[0])
                if step["clamp"]:
                    top = LARGEST[kind]
                    y = b.binary("minimumf", y, b.constant(top, element))
                    y = b.binary("maximumf", y, b.constant(-top, element))
                return b.convert(y, kind)
            pending.append(([(value, [])], function))
            element = kind
        else:
            pending.append(([], lambda b, y, s, op=op:
                            activation(b, y, op)))
        if step.get("returned") and op != "requantize":
            flush()
            returned.append(x)
    flush()
    return x


def activation(b, x, op):
    element = x.element

    def constant(value):
        return b.constant(value, element)

    def logistic():
        return b.binary("addf", constant(1.0), b.unary("exp",
                                                       b.unary("negf", x)))
    if op == "relu max":
        return b.binary("maximumf", x, constant(0.0))
    if op == "relu select":
        return b.select(b.compare("ogt", x, constant(0.0)), x, constant(0.0))
    if op == "silu quotient":
        return b.binary("divf", x, logistic())
    if op == "silu product":
        return b.binary("mulf", x, b.binary("divf", constant(1.0), logistic()))
    if op == "silu tanh":
        half = b.binary("mulf", x, constant(0.5))
        return b.binary("mulf", half, b.binary("addf", b.unary("tanh", half),
                                               constant(1.0)))
    if op == "gelu erf":
        inner = b.unary("erf", b.binary("mulf", x, constant(0.7071067811865476)))
    else:
        assert op == "gelu tanh", op
        cube = b.binary("mulf", x, b.binary("mulf", x, x))
        inner = b.binary("addf", x, b.binary("mulf", constant(0.044715), cube))
        inner = b.unary("tanh", b.binary("mulf", constant(0.7978845608028654),
                                         inner))
    half = b.binary("mulf", constant(0.5), x)
    return b.binary("mulf", half, b.binary("addf", constant(1.0), inner))
