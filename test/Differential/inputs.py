# ===- Differential/inputs.py - Values of a program's inputs -------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Fills a program's inputs."""

import numpy as np

from floats import TABLES, decode, round_to


def make_input(value, fill, rng):
    """float64 values of an input and its stored codes."""
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
            some = rng.random(shape) < 0.02
            raw = np.where(some, rng.choice(odd, shape), raw)
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
