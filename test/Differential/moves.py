# ===- Differential/moves.py - Data movement on the way to a contraction -===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Reshapes, transposes, slices, pads and masks."""

import numpy as np

from floats import FLOATS


def plan_moves(moves, shape, dynamic):
    """The moves that fit, and the shape before each and after the last."""
    kept, shapes = [], [(list(shape), list(dynamic))]
    for move in reversed(moves):
        before = _shape_before(move, *shapes[0])
        if before and len(before[0]) <= 7:
            kept.insert(0, move)
            shapes.insert(0, before)
    return kept, shapes


def _shape_before(move, shape, dynamic):
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


def apply_moves(p, x, moves, shapes):
    for move, (shape, _) in zip(moves, shapes[1:]):
        x = _move_once(p, x, move, shape)
    return x


def _move_once(p, x, move, shape):
    kind, d = move["kind"], move["dim"]
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
