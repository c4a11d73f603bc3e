# ===- Differential/cases.py - The grammar of cases -------------------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# A case is JSON: what is multiplied and how it is spelled.  `draw` makes one,
# `build` its program.  Whatever in a case doesn't fit its shapes is left out,
# so that any part can be dropped to shrink it.
#
# ===-----------------------------------------------------------------------===#
"""Draws cases and builds their programs."""

import numpy as np

from floats import CODES, FLOATS, STORAGE, TABLES, WIDE, round_to
from program import CONST0, Program

LARGEST = {"f8E4M3FN": 448.0, "f8E5M2": 57344.0, "f4E2M1FN": 6.0, "i8": 127.0}

# --------------------------------------------------------------------------
# Drawing.
# --------------------------------------------------------------------------

_FORMS = ["matmul", "matmul", "matmul+maps", "matmul+maps", "batch_matmul",
          "batch_matmul+maps", "matvec", "vecmat", "batch_matvec",
          "batch_vecmat", "contract+maps", "contract+maps", "generic",
          "generic", "generic", "generic"]


def _shuffled(rng, items):
    items = list(items)
    rng.shuffle(items)
    return items


def names(case, kinds):
    """Loops, as "m0"."""
    return [kind + str(i) for kind in kinds
            for i in range(len(case["loops"][kind]))]


def _sizes(rng, count, choices):
    return [rng.choice(choices) for _ in range(count)]


def draw(rng):
    form = rng.choice(_FORMS)
    free = form in ("generic", "contract+maps")
    batch = form.startswith("batch")
    loops = {
        "b": _sizes(rng, rng.choice([0, 0, 0, 1, 1, 2]) if free else int(batch),
                    [1, 2, 3]),
        "m": _sizes(rng, rng.choice([1, 1, 1, 2, 0]) if free
                    else int("vecmat" not in form), [1, 2, 3, 5, 8, 16]),
        "n": _sizes(rng, rng.choice([1, 1, 1, 2]) if free
                    else int("matvec" not in form), [1, 2, 4, 7, 8, 16]),
        "k": _sizes(rng, 1, [1, 3, 8, 16, 32, 48, 64]),
    }
    if free and rng.random() < 0.35:
        loops["k"] = [rng.choice([2, 3, 4]), rng.choice([8, 16, 32])]
    case = {"seed": rng.randrange(1 << 30), "form": form, "loops": loops}
    isInt = rng.random() < 0.06
    result = "i32" if isInt else rng.choice(["f32"] * 5 + ["bf16"] * 3 + ["f16"])
    case["result"] = result
    case["order"] = names(case, "bmn")
    orders = {"a": names(case, "bmk"), "b": names(case, "bkn")}
    if free:
        if rng.random() < 0.3:
            case["order"] = _shuffled(rng, case["order"])
        orders = {side: _shuffled(rng, order) if rng.random() < 0.6 else order
                  for side, order in orders.items()}
        if rng.random() < 0.5:
            orders["b"] = names(case, "bnk")
        case["swap"] = rng.random() < 0.2
        if rng.random() < 0.2:
            case["loop_order"] = _shuffled(rng, names(case, "bmnk"))
    elif form.endswith("+maps"):
        b, m, n, k = (names(case, kind) for kind in "bmnk")
        orders["a"], orders["b"] = rng.choice([
            (b + m + k, b + n + k), (b + k + m, b + k + n)])
    case["init"] = "zeros" if isInt else rng.choice(
        ["zeros"] * 7 + ["bias", "full"])
    case["dynamic"] = []
    if rng.random() < 0.25:
        case["dynamic"] = [rng.choice(names(case, "bm") or names(case, "n"))]
        if rng.random() < 0.2:
            case["dynamic"].append(rng.choice(names(case, "nk")))
    case["product"] = "f32"
    if form == "generic" and result == "f32" and rng.random() < 0.1:
        case["product"] = rng.choice(["bf16", "f16"])
    for side in "ab":
        case[side] = _draw_operand(rng, case, orders[side], isInt)
    if isInt:
        case["product"] = "i32"
    elif form != "generic":
        case["product"] = result
    elif result != "f32":
        case["product"] = result
    case["epilogue"] = _draw_epilogue(rng, isInt)
    if not isInt and rng.random() < 0.08:
        case["gate"] = rng.choice(["silu quotient", "gelu tanh", "gelu erf"])
    if case["order"] and rng.random() < 0.12:
        case["chain"] = {"element": rng.choice(["f8E4M3FN", "bf16", "i8"]),
                         "columns": rng.choice([1, 4, 8]),
                         "scaled": rng.random() < 0.7}
    return case


def _draw_operand(rng, case, order, isInt):
    operand = {"order": order}
    if isInt:
        operand.update(kind="codes", element="i8", to="i8", scale=None)
        return operand
    kind = rng.choice(["wide", "codes", "codes", "codes", "quantized"])
    operand["kind"] = kind
    if kind == "wide":
        operand["element"] = rng.choice(WIDE)
        operand["to"] = operand["element"]
        if rng.random() < 0.1:
            operand["to"] = rng.choice(WIDE)
        operand["moves"] = _draw_moves(rng, len(order)) \
            if rng.random() < 0.3 else []
        return operand
    operand["element"] = rng.choice(["f8E4M3FN"] * 4 + ["f8E5M2"] * 2
                                    + ["i8"] * 2 + ["f4E2M1FN"])
    if kind == "quantized":
        operand["element"] = rng.choice(["f8E4M3FN"] * 3 + ["f8E5M2", "i8"])
        operand["quantize"] = _draw_quantize(rng, operand["element"], order)
    operand["compute"] = rng.choice(["f32"] * 4 + ["bf16"] * 3 + ["f16"])
    operand["to"] = rng.choice([operand["compute"]] * 3
                               + [rng.choice(WIDE), case["result"]])
    operand["scale"] = _draw_scale(rng, operand, order)
    if operand["scale"] is None and operand["element"] != "i8" \
            and rng.random() < 0.4:
        operand["to"] = operand["element"]  # the contraction takes codes
    if rng.random() < 0.1:
        operand["via"] = rng.choice(WIDE)
    operand["spelling"] = rng.choice(["fused", "fused", "unfused", "named"])
    operand["moves"] = _draw_moves(rng, len(order)) if rng.random() < 0.45 \
        else []
    if case["form"] == "generic" and not operand["moves"] \
            and rng.random() < 0.35:
        operand["spelling"] = "body"
    if operand["element"] == "i8" and kind == "codes" and rng.random() < 0.3:
        operand["quant"] = {"axis": rng.choice([None, 0, len(order) - 1]),
                            "zero": rng.choice([0, 0, 0, -3, 17])}
    if operand["element"] == "f4E2M1FN" and rng.random() < 0.9:
        # Two codes share a byte along K: little else can be done with them.
        operand["moves"] = []
        if order[-1][0] != "k" or case["loops"]["k"][-1] % 2 \
                or order[-1] in case["dynamic"] \
                or operand["to"] == "f4E2M1FN":
            operand["element"] = "f8E4M3FN"
            if operand["to"] == "f4E2M1FN":
                operand["to"] = operand["element"]
    if rng.random() < 0.04:
        operand["special"] = True
    if rng.random() < 0.08 and operand["element"] != "f4E2M1FN":
        operand["stored"] = _shuffled(rng, range(len(order)))
    return operand


def _draw_scale(rng, operand, order, in_quantize=False):
    rank = len(order)
    kind = rng.choice(["none", "tensor", "tensor", "dims", "dims", "block",
                       "block"])
    if in_quantize:
        kind = rng.choice(["tensor", "tensor", "tensor", "dims"])
    if kind == "none":
        return None
    scale = {"type": rng.choice(["f32"] * 4 + ["bf16", "f16"]),
             "op": rng.choice(["mul"] * 4 + ["div"]),
             "first": rng.random() < 0.3, "dims": [0] * rank}
    # Most often the same value all along K.
    outer = [d for d in range(rank) if order[d][0] != "k"
             or rng.random() < 0.07]
    last = max(d for d in range(rank) if order[d][0] == "k")
    if kind == "tensor":
        scale["rank"] = rng.choice([0, 0, 0, 1, 2])
        if rng.random() < 0.15:
            scale["constant"] = rng.choice([0.5, 0.0123, 3.0, 2.0 ** -6])
    elif kind == "dims":
        for d in outer if rng.random() < 0.6 else outer[:1]:
            scale["dims"][d] = 1
        scale["keep"] = rng.random() < 0.4
    else:
        scale["dims"] = [1] * rank
        if rng.random() < 0.4:
            scale["dims"] = [rng.choice([1, 2, 4, 8]) for _ in range(rank)]
        scale["dims"][last] = rng.choice([2, 8, 16, 16, 32, 32])
        scale["layout"] = rng.choice(["split", "split", "spread"])
    if kind != "tensor":
        scale["broadcast"] = rng.choice(["map", "map", "op", "generic"])
        if not in_quantize and rng.random() < 0.3:
            scale["type"] = rng.choice(["f8E8M0FNU", "f8E8M0FNU", "f8E4M3FN"])
            scale["op"] = "mul"
            if operand["element"] != "i8" and rng.random() < 0.5:
                scale["op"] = "scaling"
            if rng.random() < 0.3:
                scale["tensor"] = True
    if not in_quantize and rng.random() < 0.06:
        scale["extreme"] = True
    return scale


def _draw_quantize(rng, element, order):
    quantize = {
        "input": rng.choice(["f32", "bf16", "bf16", "f16"]),
        "divide": rng.choice(["f32", "f32", "bf16"]),
        "clamp": rng.choice(["minmax"] * 3 + ["maxmin"] * 3
                            + ["none", "tight", "minnum"]),
        "how": rng.choice(["div"] * 5 + ["mul"]),
        "same": rng.random() < 0.7,
        "returned": rng.random() < 0.5,
        "scale": _draw_scale(rng, {"element": element}, order, True),
        "fused": rng.random() < 0.5,
    }
    quantize["scale"]["op"] = "mul"
    if rng.random() < 0.3:
        quantize["dynamic"] = rng.choice(["plain", "max", "add"])
        quantize["how"] = "div"
        # An integer of 0 / 0 is nobody's.
        if element != "i8" and rng.random() < 0.15:
            quantize["zeros"] = True
    return quantize


def _draw_moves(rng, rank):
    moves = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        kind = rng.choice(["transpose", "collapse", "expand", "slice", "pad",
                           "mask"])
        move = {"kind": kind, "dim": rng.randrange(rank)}
        if kind == "transpose":
            move["permutation"] = _shuffled(rng, range(rank))
        elif kind == "collapse":
            move["factor"] = rng.choice([2, 4, 8])
        elif kind == "slice":
            move.update(offset=rng.choice([0, 1, 3, 8]),
                        extra=rng.choice([0, 0, 1, 4]),
                        stride=rng.choice([1, 1, 1, 2]),
                        runtime=rng.random() < 0.3)
        elif kind == "pad":
            move.update(low=rng.choice([0, 0, 1]), high=rng.choice([0, 1, 2]))
        moves.append(move)
    return moves


def _draw_epilogue(rng, isInt):
    steps = []
    if isInt:
        steps.append({"op": "convert", "to": "f32"})
    if rng.random() < 0.5 and not isInt:
        return steps
    if rng.random() < 0.4 or isInt:
        for _ in range(rng.choice([1, 1, 2])):
            steps.append({"op": "scale", "how": rng.choice(["mul", "mul", "div"]),
                          "along": rng.choice(["tensor", "column", "row"])})
    if rng.random() < 0.3:
        steps.append({"op": "convert", "to": rng.choice(WIDE)})
    if rng.random() < 0.5:
        steps.append({"op": "bias", "type": rng.choice(WIDE),
                      "named": rng.random() < 0.3})
    if rng.random() < 0.2:
        steps.append({"op": "convert", "to": rng.choice(WIDE)})
    if rng.random() < 0.12:
        steps.append({"op": "transpose", "by": rng.choice([1, 1, 2])})
    if rng.random() < 0.2:
        steps.append({"op": "residual"})
    if rng.random() < 0.35:
        steps.append({"op": rng.choice([
            "relu max", "relu select", "gelu tanh", "gelu erf", "silu quotient",
            "silu product", "silu tanh"])})
    if rng.random() < 0.3:
        if rng.random() < 0.4:
            steps.append({"op": "amax"})
        steps.append({"op": "requantize", "how": rng.choice(["mul", "div"]),
                      "element": rng.choice(["f8E4M3FN", "f8E4M3FN", "f8E5M2"]),
                      "clamp": rng.random() < 0.85})
    for step in steps:
        step["fused"] = rng.random() < 0.4
    if steps and rng.random() < 0.1:
        steps[0]["returned"] = True
    return steps


# --------------------------------------------------------------------------
# Inputs.
# --------------------------------------------------------------------------


def make_input(value, fill, rng):
    """float64 values of an input and its stored codes."""
    from floats import decode, encode
    kind, shape, element = fill[0], value.shape, value.element
    if kind == "codes":
        special = fill[1]
        if element == "i8":
            raw = rng.integers(-127, 128, shape)
            return raw.astype(np.float64)
        table = TABLES[element]
        allowed = np.array([c for c, v in enumerate(table)
                            if np.isfinite(v)])
        raw = rng.choice(allowed, shape)
        if special and element != "f4E2M1FN":
            odd = np.array([c for c, v in enumerate(table)
                            if not np.isfinite(v)])
            raw = np.where(rng.random(shape) < 0.02, rng.choice(odd, shape), raw)
        return decode(element, raw)
    if kind == "scale":
        extreme, center = fill[1], fill[2]
        if element == "f8E8M0FNU":
            width = 60 if extreme else 6
            return np.exp2(rng.integers(-width, width + 1, shape).astype(float))
        if element == "f8E4M3FN":
            return decode(element, rng.integers(1, 127, shape))
        width = 9 if element == "f16" else 30 if extreme else 4
        value = np.exp2(rng.uniform(-width, width, shape) + center)
        if rng.random() < 0.3:
            value = np.exp2(np.floor(np.log2(value)))
        if rng.random() < 0.1:
            value = -value
        return round_to(element, value)
    if kind == "wide":
        x = rng.standard_normal(shape)
        x = np.where(rng.random(shape) < 0.03, x * 30, x)
        if fill[1:] == ("special",):
            odd = rng.choice([np.nan, np.inf, -np.inf], shape)
            x = np.where(rng.random(shape) < 0.02, odd, x)
        if fill[1:] == ("zeros",) and x.ndim:
            x[0] = 0
        return round_to(element, x)
    if kind == "mask":
        return (rng.random(shape) < 0.7).astype(np.float64)
    assert kind == "number", kind
    return np.full(shape, float(fill[1]))


def inputs_of(case, program):
    return [make_input(value, fill, np.random.default_rng([case["seed"], i]))
            for i, (value, fill) in enumerate(program.inputs)]


# --------------------------------------------------------------------------
# Building.
# --------------------------------------------------------------------------


class _Builder:
    def __init__(self, case, name):
        self.case, self.p = case, Program(name)
        self.extents = {}
        for kind in "bmnk":
            for i, extent in enumerate(case["loops"][kind]):
                self.extents[kind + str(i)] = extent
        self.returned = []

    def shape(self, loops):
        return ([self.extents[l] for l in loops],
                [l in self.case["dynamic"] for l in loops])

    # ---- scales ----------------------------------------------------------

    def blocks(self, scale, shape, dynamic):
        """The block of each dimension: 0 all of it."""
        dims = (list(scale["dims"]) + [0] * len(shape))[:len(shape)]
        return [b if b <= 1 else
                0 if dyn or n % b or b == n else b
                for b, n, dyn in zip(dims, shape, dynamic)]

    def scale_input(self, scale, blocks, shape, dynamic, center=0.0):
        """The scale's tensor, and its indices in terms of the dimensions."""
        fill = ("scale", scale.get("extreme", False), center)
        if not any(blocks):
            rank = scale.get("rank", 0)
            if scale.get("constant"):
                return self.p.splat(scale["constant"], [1] * rank,
                                    scale["type"]), [CONST0] * rank
            value = self.p.input([1] * rank, scale["type"], fill)
            return value, [CONST0] * rank
        extents, flags, indices = [], [], []
        for d, (b, n) in enumerate(zip(blocks, shape)):
            if b == 0 and not scale.get("keep"):
                continue
            extents.append(1 if b == 0 else n // b)
            flags.append(dynamic[d] and b == 1)
            indices.append(CONST0 if b == 0 else d)
        return self.p.input(extents, scale["type"], fill, flags), indices

    def spread(self, scale, value, indices, like, region):
        """A scale without blocks at the shape of `like`, if the case asks."""
        how = scale.get("broadcast", "map")
        rank = len(like.shape)
        if how == "map" or not rank:
            return value, indices
        if how == "op" and CONST0 not in indices:
            added = [d for d in range(rank) if d not in indices]
            wide = self.p.broadcast(
                value, like.shape, like.dynamic,
                [self.p.dim(like, d) for d in range(rank)], added) \
                if added else value
            return wide, list(range(rank))
        wide = self.p.generic([(like, list(range(rank))), (value, indices)],
                              lambda b, s: s[1], region)
        return wide, list(range(rank))

    def apply_scale(self, body, x, scale, s, compute, first):
        if scale["op"] == "scaling":
            if s.element not in TABLES:
                raise ValueError("arith.scaling_extf takes narrow scales")
            return body.scaling_extf(x, s, compute)
        x, s = body.convert(x, compute), body.convert(s, compute)
        pair = (s, x) if first and scale["op"] == "mul" else (x, s)
        return body.binary(scale["op"] + "f", *pair)

    # ---- operands --------------------------------------------------------

    def operand(self, side):
        """(values, indices by loop name, factor): the values that the
        contraction takes, and what its body does with them."""
        spec = self.case[side]
        order = [l for l in spec["order"] if l in self.extents]
        # A named op converts its operands in one op.
        result = self.case["result"]
        if self.case["form"] != "generic" and {spec["to"], result} == {
                "bf16", "f16"}:
            spec = dict(spec, to=result)
        target, target_dynamic = self.shape(order)
        moves, shapes = self.plan_moves(spec.get("moves") or [], target,
                                        target_dynamic)
        shape, dynamic = shapes[0]
        if spec["kind"] == "wide":
            source = self.p.input(shape, spec["element"], ("wide",), dynamic)
            source = self.convert(source, spec["to"], "operand")
            value = self.move(source, moves, shapes)
            return [value], [order], lambda body, s: s[0]
        quantize_scale = None
        if spec["kind"] == "quantized":
            codes, quantize_scale = self.quantize(spec, shape, dynamic)
        else:
            stored = spec.get("stored") or []
            if sorted(stored) != list(range(len(shape))):
                stored = list(range(len(shape)))
            inverse = np.argsort(stored)
            codes = self.p.input([shape[i] for i in inverse], spec["element"],
                                 ("codes", spec.get("special", False)),
                                 [dynamic[i] for i in inverse])
            if list(stored) != list(range(len(shape))):
                codes = self.p.transpose(codes, stored)
        scale = spec.get("scale")
        if scale and quantize_scale and spec["quantize"]["same"]:
            scale = dict(scale, **{
                key: spec["quantize"]["scale"].get(key) for key in ("dims",)})
            scale.update(op="mul", type=quantize_scale[0].element, tensor=False)
        if spec.get("quant"):
            value = self.dcast(spec, codes, side)
            return [self.move(value, moves, shapes)], [order], \
                lambda body, s: s[0]
        if spec.get("spelling") == "body" and not moves:
            return self.in_body(spec, codes, scale, order, quantize_scale)
        value = self.dequantize(spec, codes, scale, quantize_scale)
        return [self.move(value, moves, shapes)], [order], \
            lambda body, s: s[0]

    def convert(self, x, element, region):
        if x.element == element:
            return x
        rank = len(x.shape)
        return self.p.generic([(x, list(range(rank)))],
                              lambda b, s: b.convert(s[0], element), region)

    def widened(self, body, x, spec):
        """Codes in the type that computes."""
        if spec.get("via") and (x.element == "i8" or
                                FLOATS[spec["via"]].digits >
                                FLOATS[x.element].digits):
            x = body.convert(x, spec["via"])
        return body.convert(x, spec["compute"])

    def in_body(self, spec, codes, scale, order, quantize_scale):
        values, maps = [codes], [order]
        if scale:
            blocks = [min(b, 1) for b in
                      self.blocks(scale, codes.shape, codes.dynamic)]
            if quantize_scale and spec["quantize"]["same"]:
                value, indices = quantize_scale
            else:
                value, indices = self.scale_input(scale, blocks, codes.shape,
                                                  codes.dynamic)
            values.append(value)
            maps.append([order[i] if i != CONST0 else i for i in indices])

        def factor(body, s):
            if scale and scale["op"] == "scaling":
                x = self.apply_scale(body, s[0], scale, s[1], spec["compute"],
                                     False)
            else:
                x = self.widened(body, s[0], spec)
                if scale:
                    x = self.apply_scale(body, x, scale, s[1], spec["compute"],
                                         scale.get("first"))
            if spec["to"] in WIDE:
                x = body.convert(x, spec["to"])
            return x
        return values, maps, factor

    def dcast(self, spec, codes, side):
        """Codes of the quant dialect, whose scales are constants."""
        axis = spec["quant"]["axis"]
        if axis is not None and (axis >= len(codes.shape)
                                 or codes.dynamic[axis]):
            axis = None
        count = 1 if axis is None else codes.shape[axis]
        rng = np.random.default_rng([self.case["seed"], ord(side)])
        scales = round_to("f32", np.exp2(rng.uniform(-8, 2, count)))
        value = self.p.dequantize(codes, spec["compute"], scales,
                                  spec["quant"]["zero"], axis)
        return self.convert(value, spec["to"] if spec["to"] in WIDE
                            else spec["compute"], "operand")

    def dequantize(self, spec, codes, scale, quantize_scale):
        p, rank = self.p, len(codes.shape)
        to = spec["to"]
        if not scale:
            if to == spec["element"]:
                return codes
            return self.p.generic(
                [(codes, list(range(rank)))],
                lambda b, s: b.convert(self.widened(b, s[0], spec), to)
                if spec.get("via") else b.convert(s[0], to), "operand")
        if to not in WIDE:
            to = spec["compute"]
        blocks = self.blocks(scale, codes.shape, codes.dynamic)
        if quantize_scale and spec["quantize"]["same"]:
            value, indices = quantize_scale
            blocks = [min(b, 1) for b in blocks]
        else:
            value, indices = self.scale_input(scale, blocks, codes.shape,
                                              codes.dynamic)
        x, collapse = codes, None
        if any(b > 1 for b in blocks):
            # Each dimension in blocks becomes two.
            split, groups, outer = [], [], []
            for n, b in zip(codes.shape, blocks):
                outer.append(len(split))
                groups.append([len(split)] + ([len(split) + 1] if b > 1 else []))
                split += [n // b, b] if b > 1 else [n]
            indices = [outer[i] if i != CONST0 else i for i in indices]
            if scale.get("layout") == "spread":
                value = self.spread_blocks(value, indices, split, groups, codes)
                indices = list(range(rank))
            else:
                x, collapse = p.expand(codes, groups, split), groups
        else:
            value, indices = self.spread(scale, value, indices, x, "operand")
        extra = None
        if scale.get("tensor"):
            extra = p.input([], "f32", ("scale", False, 0.0))
        x = self.scale_elements(spec, scale, x, value, indices, extra, to)
        return p.collapse(x, collapse) if collapse else x

    def spread_blocks(self, value, indices, split, groups, like):
        """Scales of blocks at the shape of the codes."""
        p = self.p
        dynamic = [False] * len(split)
        sizes = ["0"] * len(split)
        for d, group in enumerate(groups):
            if like.dynamic[d]:
                dynamic[group[0]] = True
                sizes[group[0]] = p.dim(like, d)
        if CONST0 in indices:
            kept = [i for i, d in enumerate(indices) if d != CONST0]
            value = p.generic(
                [(value, [kept.index(i) if i in kept else CONST0
                          for i in range(len(indices))])],
                lambda b, s: s[0], "operand")
            indices = [i for i in indices if i != CONST0]
        added = [d for d in range(len(split)) if d not in indices]
        wide = p.broadcast(value, split, dynamic, sizes, added)
        return p.collapse(wide, groups)

    def scale_elements(self, spec, scale, x, value, indices, extra, to):
        p, rank = self.p, len(x.shape)
        every = list(range(rank))
        compute = spec["compute"]
        spelling = spec.get("spelling", "fused")
        if scale["op"] == "scaling" or spelling in ("fused", "body"):
            def body(b, s):
                q = s[0] if scale["op"] == "scaling" \
                    else self.widened(b, s[0], spec)
                q = self.apply_scale(b, q, scale, s[1], compute,
                                     scale.get("first"))
                if extra:
                    q = b.binary("mulf", q, b.convert(s[2], compute))
                return b.convert(q, to)
            inputs = [(x, every), (value, indices)]
            if extra:
                inputs.append((extra, []))
            return p.generic(inputs, body, "operand")
        wide = p.generic([(x, every)],
                         lambda b, s: self.widened(b, s[0], spec), "operand")
        value_rank = len(value.shape)
        if value.element != compute:
            if value_rank:
                value = p.generic(
                    [(value, list(range(value_rank)))],
                    lambda b, s: b.convert(s[0], compute), "operand")
            else:
                value = p.generic([(value, [])], lambda b, s:
                                  b.convert(s[0], compute), "operand")
        if spelling == "named":
            if indices != every:
                value = p.generic([(wide, every), (value, indices)],
                                  lambda b, s: s[1], "operand")
            pair = (value, wide) if scale.get("first") \
                and scale["op"] == "mul" else (wide, value)
            result = p.named(scale["op"], *pair, "operand")
        else:
            result = p.generic(
                [(wide, every), (value, indices)],
                lambda b, s: self.apply_scale(b, s[0], scale, s[1], compute,
                                              scale.get("first")), "operand")
        if extra:
            result = p.generic(
                [(result, every), (extra, [])], lambda b, s:
                b.binary("mulf", s[0], b.convert(s[1], compute)), "operand")
        return self.convert(result, to, "operand")

    # ---- quantization ----------------------------------------------------

    def quantize(self, spec, shape, dynamic):
        """(codes, (scale, its indices))."""
        p, q, element = self.p, spec["quantize"], spec["element"]
        rank = len(shape)
        every = list(range(rank))
        kind = "zeros" if q.get("zeros") else \
            "special" if spec.get("special") and element != "i8" else None
        x = p.input(shape, q["input"], ("wide", kind), dynamic)
        scale = q["scale"]
        blocks = [min(b, 1) for b in self.blocks(scale, shape, dynamic)]
        divide, largest = q["divide"], LARGEST[element]
        if q.get("dynamic"):
            kept = [d for d in every if blocks[d]]
            wide = self.convert(x, "f32", "quantize") \
                if q["dynamic"] != "plain" else x
            amax = p.amax(wide, kept)

            def ratio(b, s):
                top = b.convert(s[0], "f32")
                if q["dynamic"] == "max":
                    top = b.binary("maximumf", top, b.constant(1e-12, "f32"))
                if q["dynamic"] == "add":
                    top = b.binary("addf", top, b.constant(1e-6, "f32"))
                return b.binary("divf", top, b.constant(largest, "f32"))
            value = p.generic([(amax, list(range(len(kept))))], ratio,
                              "quantize")
            indices = kept
        else:
            center = {"f8E5M2": -12.0, "i8": -5.0}.get(element, -6.0)
            if q["how"] == "mul":
                center = -center
            value, indices = self.scale_input(scale, blocks, shape, dynamic,
                                              center)
        used, used_indices = self.spread(scale, value, indices, x, "quantize")

        def quotient(b, s):
            op = "divf" if q["how"] == "div" else "mulf"
            return b.binary(op, b.convert(s[0], divide),
                            b.convert(s[1], divide))

        def finish(b, s):
            y = s[0]
            if element == "i8" and q["clamp"] != "maxmin":
                y = b.unary("roundeven", y)
            bound = largest * (0.5 if q["clamp"] == "tight" else 1)
            high, low = b.constant(bound, divide), b.constant(-bound, divide)
            steps = [("minimumf", high), ("maximumf", low)]
            if q["clamp"] == "maxmin":
                steps.reverse()
            if q["clamp"] == "minnum":
                steps = [("minnumf", high), ("maxnumf", low)]
            if q["clamp"] == "none" and element != "i8":
                steps = []
            for op, bound_value in steps:
                y = b.binary(op, y, bound_value)
            if element == "i8" and q["clamp"] == "maxmin":
                y = b.unary("roundeven", y)
            return b.convert(y, element)
        inputs = [(x, every), (used, used_indices)]
        if q["fused"]:
            codes = p.generic(inputs, lambda b, s: finish(b, [quotient(b, s)]),
                              "quantize")
        else:
            ratio_value = p.generic(inputs, quotient, "quantize")
            codes = p.generic([(ratio_value, every)], finish, "quantize")
        if q["returned"]:
            self.returned.append(codes)
        return codes, (value, indices)

    # ---- movement --------------------------------------------------------

    def plan_moves(self, moves, shape, dynamic):
        """The moves that fit, and the shape before each and after the last."""
        kept, shapes = [], [(list(shape), list(dynamic))]
        for move in reversed(moves):
            before = self.shape_before(move, *shapes[0])
            if before and len(before[0]) <= 7:
                kept.insert(0, move)
                shapes.insert(0, before)
        return kept, shapes

    @staticmethod
    def shape_before(move, shape, dynamic):
        rank = len(shape)
        shape, dynamic = list(shape), list(dynamic)
        d = move["dim"]
        if d >= rank:
            return None
        kind = move["kind"]
        if kind == "transpose":
            if sorted(move["permutation"]) != list(range(rank)):
                return None
            inverse = np.argsort(move["permutation"])
            return [shape[i] for i in inverse], [dynamic[i] for i in inverse]
        if kind == "collapse":
            factor = move["factor"]
            if shape[d] % factor or dynamic[d]:
                return None
            return (shape[:d] + [shape[d] // factor, factor] + shape[d + 1:],
                    dynamic[:d] + [False, False] + dynamic[d + 1:])
        if kind == "expand":
            if d + 1 >= rank or dynamic[d + 1]:
                return None
            return (shape[:d] + [shape[d] * shape[d + 1]] + shape[d + 2:],
                    dynamic[:d + 1] + dynamic[d + 2:])
        if kind == "mask":
            return shape, dynamic
        if dynamic[d]:
            return None
        if kind == "slice":
            shape[d] = (move["offset"] + (shape[d] - 1) * move["stride"] + 1
                        + move["extra"])
            return shape, dynamic
        assert kind == "pad", kind
        if shape[d] <= move["low"] + move["high"]:
            return None
        shape[d] -= move["low"] + move["high"]
        return shape, dynamic

    def move(self, x, moves, shapes):
        for move, (shape, _) in zip(moves, shapes[1:]):
            x = self.move_once(x, move, shape)
        return x

    def move_once(self, x, move, shape):
        p, kind, d = self.p, move["kind"], move["dim"]
        rank = len(x.shape)
        if kind == "transpose":
            return p.transpose(x, move["permutation"])
        if kind == "collapse":
            return p.collapse(x, [[i] for i in range(d)] + [[d, d + 1]]
                              + [[i] for i in range(d + 2, rank)])
        if kind == "expand":
            return p.expand(x, [[i] for i in range(d)] + [[d, d + 1]]
                            + [[i + 1] for i in range(d + 1, rank)], shape)
        zeros = [0] * rank
        if kind == "slice":
            offsets, strides = list(zeros), [1] * rank
            offsets[d], strides[d] = move["offset"], move["stride"]
            runtime = {}
            if move.get("runtime"):
                runtime = {d: p.input([], "i32", ("number", move["offset"]))}
            return p.slice(x, offsets, shape, strides, runtime)
        if x.element not in FLOATS:
            return x
        if kind == "pad":
            low, high = list(zeros), list(zeros)
            low[d], high[d] = move["low"], move["high"]
            return p.pad(x, low, high)
        mask = p.input(x.shape, "i1", ("mask",), x.dynamic)
        every = list(range(rank))
        return p.generic(
            [(x, every), (mask, every)], lambda b, s:
            b.select(s[1], s[0], b.constant(0.0, x.element)), "operand")

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
        result = self.epilogue(product, order)
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
                "mulf", _activation(b, s[0], self.case["gate"]), s[1]),
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

    # ---- the epilogue ----------------------------------------------------

    def epilogue(self, x, order):
        p = self.p
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
        for step in self.case["epilogue"]:
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
                self.returned.append(p.amax(x, []))
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
                                _activation(b, y, op)))
            if step.get("returned") and op != "requantize":
                flush()
                self.returned.append(x)
        flush()
        return x


def _activation(b, x, op):
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


def build(case, name):
    return _Builder(case, name).run()


# --------------------------------------------------------------------------
# Features.
# --------------------------------------------------------------------------


def features(case):
    """What a case has, for coverage and --only."""
    found = {"form:" + case["form"], "result:" + case["result"],
             "init:" + case["init"]}
    for kind in "bmnk":
        if len(case["loops"][kind]) != (0 if kind == "b" else 1):
            found.add("loops:%d%s" % (len(case["loops"][kind]), kind))
    if case["order"] != names(case, "bmn"):
        found.add("result permuted")
    if case["dynamic"]:
        found.add("dynamic")
    if case["product"] not in (case["result"], "f32"):
        found.add("product type:" + case["product"])
    for side in "ab":
        spec = case[side]
        found.add("operand:" + spec["kind"])
        found.add("element:" + spec["element"])
        scale = spec.get("scale")
        if scale:
            dims = scale["dims"]
            kind = ("block" if max(dims) > 1 else "dims" if any(dims)
                    else "tensor")
            found.update(["scale:" + kind, "scale type:" + scale["type"],
                          "scale op:" + scale["op"]])
            found.update("scale:" + key for key in ("extreme", "tensor")
                         if scale.get(key))
            if kind != "tensor":
                found.add("broadcast:" + scale["broadcast"])
            if kind == "block":
                found.add("layout:" + scale["layout"])
        if spec.get("quant"):
            found.add("quant.dcast")
        elif spec["kind"] != "wide":
            found.add("spelling:" + spec.get("spelling", "fused"))
            found.update(["compute:" + spec[key] for key in ("compute", "via")
                          if spec.get(key)])
        found.update(key for key in ("special", "stored") if spec.get(key))
        if scale and scale.get("constant"):
            found.add("scale:constant")
        if "quantize" in spec:
            q = spec["quantize"]
            found.update(["clamp:" + q["clamp"], "quantize:" + q["how"],
                          "divide:" + q["divide"]])
            if q.get("zeros"):
                found.add("quantized zeros")
            if q.get("dynamic"):
                found.add("dynamic quantization:" + q["dynamic"])
        found.update("move:" + move["kind"] for move in spec.get("moves") or [])
    found.update("epilogue:" + step["op"] for step in case["epilogue"])
    found.update("second product:" + key for key in ("gate", "chain")
                 if case.get(key))
    return found
