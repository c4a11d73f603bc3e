# ===- Differential/build.py - The program of a case ---------------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Builds the program of a case."""

from epilogue import activation, apply_epilogue
from floats import WIDE
from grammar import names
from operands import OperandBuilder
from program import CONST0


class _Builder(OperandBuilder):
    """Builds the contraction, and what follows it."""

    # ---- the contraction -------------------------------------------------

    def initial(self, order, like):
        """What is summed into."""
        case, p = self.case, self.p
        shape, dynamic = self.shape(order)
        sizes = []
        for loop in order:
            value, d = like[loop]
            sizes.append(p.dim(value, d))
        element = case["result"]
        if case["init"] == "full":
            return p.input(shape, element, ("wide",), dynamic)
        columns = [i for i, l in enumerate(order) if l[0] == "n"]
        if case["init"] == "bias" and columns:
            bias = p.input([shape[i] for i in columns], element, ("wide",),
                           [dynamic[i] for i in columns])
            added = [i for i in range(len(order)) if i not in columns]
            if not added:
                return bias
            return p.broadcast(bias, shape, dynamic, sizes, added)
        return p.fill(0.0, shape, element, dynamic, sizes)

    def run(self):
        case, p = self.case, self.p
        sides = ["b", "a"] if case.get("swap") and case["form"] in (
            "generic", "contract+maps") else ["a", "b"]
        parts = [self.operand(side) for side in sides]
        loop_names = [l for l in case.get("loop_order") or
                      names(case, "bmnk") if l in self.extents]
        position = {l: i for i, l in enumerate(loop_names)}
        like = {}
        values, maps = [], []
        # The factors first, their scales after.
        for part in (0, 1):
            values.append(parts[part][0][0])
            maps.append(parts[part][1][0])
        extra = [[], []]
        for part in (0, 1):
            for value, indices in list(zip(parts[part][0], parts[part][1]))[1:]:
                extra[part].append(len(values))
                values.append(value)
                maps.append(indices)
        for value, indices in zip(values, maps):
            for d, loop in enumerate(indices):
                if loop != CONST0:
                    like.setdefault(loop, (value, d))
        order = [l for l in case["order"] if l in self.extents]
        init = self.initial(order, like)
        numbers = [[position[l] if l != CONST0 else l for l in indices]
                   for indices in maps]

        def factor(body, s):
            return [parts[i][2](body, [s[i]] + [s[j] for j in extra[i]])
                    for i in (0, 1)]
        numbers_of_k = [position[l] for l in names(case, "k")]
        number_order = [position[l] for l in order]

        def multiply(values):
            return p.contract(case["form"], values, numbers, len(loop_names),
                              numbers_of_k, init, number_order, case["product"],
                              factor)
        product = multiply(values)
        if case.get("gate"):
            product = self.gate(product, sides, values, multiply)
        result = apply_epilogue(p, case["epilogue"], product, order,
                                self.returned)
        if case.get("chain"):
            result = self.chain(result, case["chain"])
        p.outputs = [result] + [v for v in self.returned if v is not result]
        return p

    # ---- second products ---------------------------------------------------

    def gate(self, product, sides, values, multiply):
        """One product through an activation times another one, of the same
        left side."""
        p = self.p
        other = self.operand("b")[0]
        mine = list(values)
        mine[sides.index("b")] = other[0]
        # Scales that the body takes come after the two factors, side by side.
        count = len(other) - 1
        if count:
            mine[-1 if sides[1] == "b" else 2] = other[1]
        second = multiply(mine)
        every = list(range(len(product.shape)))
        return p.generic(
            [(product, every), (second, every)], lambda b, s: b.binary(
                "mulf", activation(b, s[0], self.case["gate"]), s[1]),
            "epilogue")

    def chain(self, x, spec):
        """The result, dequantized if it is codes, times another weight."""
        p, rank = self.p, len(x.shape)
        every = list(range(rank))
        if x.element not in WIDE:
            self.returned.append(x)
            scale = p.input([], "f32", ("scale", False, 0.0))
            x = p.generic([(x, every), (scale, [])], lambda b, s: b.binary(
                "mulf", b.convert(s[0], "f32"), s[1]), "operand")
        depth = x.shape[-1]
        weight = p.input([spec["columns"], depth], spec["element"],
                         ("wide",) if spec["element"] in WIDE
                         else ("codes", False), [False, x.dynamic[-1]])
        if spec["element"] not in WIDE:
            inputs = [(weight, [0, 1])]
            if spec["scaled"]:
                inputs.append((p.input([], "f32", ("scale", False, 0.0)), []))
            weight = p.generic(
                inputs, lambda b, s: b.binary(
                    "mulf", b.convert(s[0], "f32"), s[1])
                if len(s) > 1 else b.convert(s[0], "f32"), "operand")
        # Loops: the rows, the columns, K.
        rows = every[:-1]
        column, k = rank - 1, rank
        shape = list(x.shape[:-1]) + [spec["columns"]]
        dynamic = list(x.dynamic[:-1]) + [False]
        sizes = [p.dim(x, d) for d in rows] + [str(spec["columns"])]
        zeros = p.fill(0.0, shape, "f32", dynamic, sizes)
        return p.contract("generic", [x, weight], [rows + [k], [column, k]],
                          rank + 1, [k], zeros, rows + [column], "f32",
                          lambda body, s: s)


def build(case, name):
    return _Builder(case, name).run()


# --------------------------------------------------------------------------
