# ===- Differential/operands.py - Operands of a contraction --------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Codes and their dequantization, in the spelling of a case."""

import numpy as np

from floats import FLOATS, TABLES, WIDE, round_to
from moves import apply_moves, plan_moves
from program import CONST0, Program

LARGEST = {"f8E4M3FN": 448.0, "f8E5M2": 57344.0, "f4E2M1FN": 6.0, "i8": 127.0}


class OperandBuilder:
    """Builds the operands of a case's contraction."""

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
        moves, shapes = plan_moves(spec.get("moves") or [], target,
                                        target_dynamic)
        shape, dynamic = shapes[0]
        if spec["kind"] == "wide":
            source = self.p.input(shape, spec["element"], ("wide",), dynamic)
            source = self.convert(source, spec["to"], "operand")
            value = apply_moves(self.p, source, moves, shapes)
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
            return [apply_moves(self.p, value, moves, shapes)], [order], \
                lambda body, s: s[0]
        if spec.get("spelling") == "body" and not moves:
            return self.in_body(spec, codes, scale, order, quantize_scale)
        value = self.dequantize(spec, codes, scale, quantize_scale)
        return [apply_moves(self.p, value, moves, shapes)], [order], \
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
