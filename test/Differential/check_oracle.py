#!/usr/bin/env python3
# ===- Differential/check_oracle.py - Would the evaluation notice? --------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Checks what the differential tests compare with: conversions against numpy
and the tables, and that wrong results lie outside of the bounds."""

import sys

import numpy as np

from build import build
from floats import FLOATS, TABLES, Interval, decode, encode, round_to
from generate import draw_case
from inputs import inputs_of
from scalars import Permissions


def check_conversions():
    rng = np.random.default_rng(1)
    x = rng.standard_normal(20000) * np.exp2(rng.integers(-160, 140, 20000))
    x = np.concatenate([x, [0.0, -0.0, np.inf, -np.inf, np.nan]])
    with np.errstate(over="ignore"):
        narrow = x.astype(np.float16).astype(np.float64)
    assert np.array_equal(round_to("f16", x), narrow, equal_nan=True)
    with np.errstate(over="ignore"):
        bits = x.astype(np.float32)
    assert np.array_equal(round_to("f32", x), bits.astype(np.float64),
                          equal_nan=True)
    # bf16: f32's upper half, rounded by integer arithmetic.
    raw = bits.view(np.uint32).astype(np.uint64)
    upper = ((raw + 0x7FFF + ((raw >> 16) & 1)) >> 16 << 16).astype(np.uint32)
    expected = np.where(np.isnan(bits), bits, upper.view(np.float32))
    assert np.array_equal(round_to("bf16", bits.astype(np.float64)),
                          expected.astype(np.float64), equal_nan=True)
    for element, table in TABLES.items():
        codes = np.arange(len(table), dtype=np.uint8)
        again = encode(element, decode(element, codes))
        assert np.array_equal(table[again], table, equal_nan=True), element
        if element not in FLOATS:
            continue
        finite = np.unique(table[np.isfinite(table)])
        assert np.array_equal(round_to(element, finite), finite), element
        # Between neighbours: the nearer one, and the even one of two.
        middles = (finite[:-1] + finite[1:]) / 2
        for at, side in ((middles - 1e-9, 0), (middles + 1e-9, 1)):
            wanted = finite[:-1] if side == 0 else finite[1:]
            assert np.array_equal(round_to(element, at), wanted), element
        down = round_to(element, middles) == finite[:-1]
        code = {float(v): c for c, v in enumerate(table)}
        even = np.array([code[float(v)] % 2 == 0 for v in finite[:-1]])
        assert np.array_equal(down[middles > 0], even[middles > 0]), element
    assert np.isnan(round_to("f8E4M3FN", np.array(465.0)))
    assert round_to("f8E4M3FN", np.array(464.0)) == 448
    assert round_to("f8E5M2", np.array(61440.0)) == np.inf


def check_bounds():
    """Changes one scale by a hundredth: the results must be noticed, unless
    they don't depend on it."""
    permitted = Permissions(rewritten=True, refused=False, roundings=(),
                            reciprocal=False)
    noticed = changed = 0
    for number in range(120):
        case = draw_case(1, number)
        program = build(case, "f")
        inputs = inputs_of(case, program)
        scales = [i for i, (value, fill) in enumerate(program.inputs)
                  if fill[0] == "scale" and value.element == "f32"]
        if not scales:
            continue
        results = program.evaluate(inputs, permitted)
        inputs[scales[0]] = round_to("f32", inputs[scales[0]] * 1.01)
        for result, other in zip(results, program.evaluate(inputs, permitted)):
            assert np.all(result.accepts(result.ref))
            differs = ~((result.ref == other.ref)
                        | (np.isnan(result.ref) & np.isnan(other.ref)))
            if np.mean(differs) < 0.5:
                continue  # codes that stay the same, or a relu of negatives
            changed += 1
            noticed += not result.accepts(other.ref).all()
    print("%d of %d wrong scales are noticed" % (noticed, changed))
    assert changed >= 30 and noticed >= 0.97 * changed


def check_intervals():
    value = Interval(np.array([1.0, np.nan]))
    assert value.accepts(np.array([1.0, np.nan])).all()
    assert not value.accepts(np.array([1.0 + 1e-16 + 2.0 ** -52, 0.0])).any()
    wide = Interval(np.array([1.0])).widen(2.0 ** -10)
    assert wide.accepts(np.array([1.0009])).all()
    assert not wide.accepts(np.array([1.001])).any()


if __name__ == "__main__":
    check_conversions()
    check_intervals()
    check_bounds()
    print("the oracle holds")
    sys.exit(0)
