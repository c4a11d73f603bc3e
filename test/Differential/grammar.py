# ===- Differential/grammar.py - The grammar of cases --------------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# A case is JSON: what is multiplied and how it is spelled.  Whatever in a case
# doesn't fit its shapes is left out of its program, so that any part can be
# dropped to shrink it.
#
# ===-----------------------------------------------------------------------===#
"""Draws cases, and names what they have."""

from floats import WIDE

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
