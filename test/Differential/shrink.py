# ===- Differential/shrink.py - The smallest case that still fails --------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Drops what a failing case doesn't need to fail."""

import copy
import re

from grammar import names

# What each field of a part is at its simplest.
_CASE = {"chain": None, "gate": None, "dynamic": [], "init": "zeros",
         "swap": False, "loop_order": None}
_OPERAND = {"moves": [], "scale": None, "via": None, "special": False,
            "stored": None, "quant": None,
            "spelling": "fused", "compute": "f32", "to": "f32",
            "element": "f8E4M3FN"}
_SCALE = {"tensor": False, "constant": None, "extreme": False, "keep": False,
          "first": False, "rank": 0, "op": "mul", "broadcast": "map",
          "layout": "split", "type": "f32"}
_QUANTIZE = {"zeros": False, "dynamic": None, "returned": False,
             "fused": True, "how": "div", "same": True, "input": "f32",
             "divide": "f32", "clamp": "minmax"}
_MOVE = {"runtime": False, "extra": 0, "offset": 0, "stride": 1, "low": 0,
         "high": 0}


def signature(outcome):
    """What is the same in two failures of one cause."""
    if outcome.kind in ("error", "run error", "no diagnostic"):
        errors = [line for line in outcome.detail.splitlines()
                  if "error" in line] or [outcome.detail[:200]]
        text = errors[0].split("error:")[-1]
        return outcome.kind, re.sub(r"'[^']*'|\d+", "#", text)
    return outcome.kind, ""


def _simplest(part, fields):
    for field, value in fields.items():
        if part.get(field) not in (value, None):
            yield field, value


def candidates(case):
    """Simpler cases, the boldest first."""
    def changed(change):
        copied = copy.deepcopy(case)
        change(copied)
        return copied

    for side in "ab":
        if case[side]["kind"] != "wide" and case["result"] != "i32":
            yield changed(lambda c: c.update({side: {
                "order": c[side]["order"], "kind": "wide", "element": "f32",
                "to": "f32", "moves": []}}))
    for i in range(len(case["epilogue"])):
        yield changed(lambda c: c["epilogue"].pop(i))
    for field, value in _simplest(case, _CASE):
        yield changed(lambda c: c.update({field: value}))
    free = case["form"] in ("generic", "contract+maps")
    for kind in "bmnk":
        extents = case["loops"][kind]
        for i in range(len(extents)):
            if free and (kind != "k" or len(extents) > 1):
                def drop(c):
                    c["loops"][kind].pop(i)
                    for order in (c["order"], c["a"]["order"], c["b"]["order"],
                                  c.get("loop_order") or [], c["dynamic"]):
                        last = kind + str(len(extents) - 1)
                        gone = kind + str(i)
                        if gone in order:
                            order.remove(gone)
                        order[:] = [l if l != last or last == gone
                                    else gone for l in order]
                yield changed(drop)
            for smaller in (1, 2, extents[i] // 2):
                if 0 < smaller < extents[i]:
                    yield changed(lambda c: c["loops"][kind].__setitem__(
                        i, smaller))
    natural = {"a": names(case, "bmk"), "b": names(case, "bnk")}
    for side in "ab":
        spec = case[side]
        for i in range(len(spec.get("moves") or [])):
            yield changed(lambda c: c[side]["moves"].pop(i))
            for field, value in _simplest(spec["moves"][i], _MOVE):
                yield changed(lambda c: c[side]["moves"][i].update(
                    {field: value}))
        if "quantize" in spec:
            def given(c):
                c[side]["kind"] = "codes"
                del c[side]["quantize"]
            yield changed(given)
            for field, value in _simplest(spec["quantize"], _QUANTIZE):
                yield changed(lambda c: c[side]["quantize"].update(
                    {field: value}))
        for field, value in _simplest(spec.get("quant") or {},
                                      {"axis": None, "zero": 0}):
            yield changed(lambda c: c[side]["quant"].update({field: value}))
        for field, value in _simplest(spec, _OPERAND):
            if field == "element" and spec["kind"] == "wide":
                value = "f32"
            if case["result"] == "i32" or value == spec.get(field):
                continue
            yield changed(lambda c: c[side].update({field: value}))
        scales = [(lambda c: c[side]["scale"], spec.get("scale"))]
        if "quantize" in spec:
            scales.append((lambda c: c[side]["quantize"]["scale"],
                           spec["quantize"]["scale"]))
        for find, scale in scales:
            if not scale:
                continue
            for field, value in _simplest(scale, _SCALE):
                yield changed(lambda c: find(c).update({field: value}))
            for i, block in enumerate(scale["dims"]):
                for value in (0, 1):
                    if value < block:
                        yield changed(lambda c: find(c)["dims"].__setitem__(
                            i, value))
        if free and spec["order"] != natural[side]:
            yield changed(lambda c: c[side].update(order=natural[side]))
    if free and case["order"] != names(case, "bmn"):
        yield changed(lambda c: c.update(order=names(c, "bmn")))
    if case["result"] in ("bf16", "f16"):
        yield changed(lambda c: c.update(result="f32", product="f32"))
    if case["form"] == "generic" and case["product"] != case["result"]:
        yield changed(lambda c: c.update(product=c["result"]))
    for i, step in enumerate(case["epilogue"]):
        for field in ("fused", "returned", "named"):
            if step.get(field):
                yield changed(lambda c: c["epilogue"][i].update({field: False}))


def shrink(outcome, run, limit=150):
    """`run` gives the outcome of a case; at most `limit` times."""
    wanted, best = signature(outcome), outcome
    progress = True
    while progress and limit > 0:
        progress = False
        for case in candidates(best.case):
            if limit <= 0:
                break
            limit -= 1
            try:
                found = run(case)
            except (KeyError, IndexError, ValueError, AssertionError):
                continue  # a combination that the grammar doesn't draw
            if found.failed and signature(found) == wanted:
                best, progress = found, True
                break
    return best
