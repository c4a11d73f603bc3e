# ===- Differential/floats.py - Element types and intervals of them -------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# Every value is held in float64, which has all values of the types below, and
# is rounded to its type after each operation.  float64 has more than twice the
# digits of f32, so that rounding twice is rounding once.
#
# ===-----------------------------------------------------------------------===#
"""Element types of MLIR, exact conversions between them, and intervals."""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent
                       / "Integration"))
from reference import E2M1, E4M3, E5M2, E8M0  # noqa: E402


class FloatType:
    """Digits (with the hidden one), the least exponent of a normal number, the
    largest value and what lies beyond it."""

    def __init__(self, digits, least, largest, beyond):
        self.digits, self.least, self.largest = digits, least, largest
        self.beyond = beyond

    @property
    def unit(self):
        """Half a unit in the last place of 1."""
        return 2.0 ** -self.digits


FLOATS = {
    "f32": FloatType(24, -126, float(np.finfo(np.float32).max), np.inf),
    "bf16": FloatType(8, -126, (2 - 2.0 ** -7) * 2.0 ** 127, np.inf),
    "f16": FloatType(11, -14, 65504.0, np.inf),
    "f8E4M3FN": FloatType(4, -6, 448.0, np.nan),
    "f8E5M2": FloatType(3, -14, 57344.0, np.inf),
    # APFloat has no other value to give.
    "f4E2M1FN": FloatType(2, 0, 6.0, 6.0),
}
INTEGERS = {"i1": 1, "i8": 8, "i32": 32, "i64": 64}
TABLES = {"f8E4M3FN": E4M3, "f8E5M2": E5M2, "f4E2M1FN": E2M1, "f8E8M0FNU": E8M0}
CODES = ("f8E4M3FN", "f8E5M2", "f4E2M1FN", "i8")
WIDE = ("f32", "bf16", "f16")

# dtype of safetensors and of numpy.
STORAGE = {
    "f32": ("F32", "<f4"), "bf16": ("BF16", "<u2"), "f16": ("F16", "<f2"),
    "f8E4M3FN": ("F8_E4M3", "u1"), "f8E5M2": ("F8_E5M2", "u1"),
    "f8E8M0FNU": ("F8_E8M0", "u1"), "f4E2M1FN": ("U8", "u1"),
    "i8": ("I8", "i1"), "i32": ("I32", "<i4"), "i64": ("I64", "<i8"),
    "i1": ("BOOL", "u1"),
}


def round_to(element, x):
    """x to the nearest value of a float type, ties to the even one."""
    if element == "f32":
        with np.errstate(over="ignore", invalid="ignore"):
            return x.astype(np.float32).astype(np.float64)
    kind = FLOATS[element]
    _, exponent = np.frexp(x)
    quantum = np.exp2(np.maximum(exponent - 1, kind.least) - kind.digits + 1.0)
    with np.errstate(invalid="ignore"):
        rounded = np.rint(x / quantum) * quantum
    rounded = np.where(np.isfinite(x), rounded, x)
    return np.where(np.abs(rounded) > kind.largest,
                    np.copysign(kind.beyond, x), rounded)


def decode(element, raw):
    """Stored codes as float64."""
    if element in TABLES:
        return TABLES[element][raw]
    if element == "bf16":
        return (raw.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return raw.astype(np.float64)


def encode(element, x):
    """The codes of values of the type."""
    if element in TABLES:
        table = TABLES[element]
        index = {float(v): c for c, v in reversed(list(enumerate(table)))}
        nan = next((c for c, v in enumerate(table) if np.isnan(v)), 0)
        flat = [index.get(float(v), nan) for v in x.reshape(-1)]
        return np.array(flat, dtype=np.uint8).reshape(x.shape)
    if element == "bf16":
        bits = x.astype(np.float32).view(np.uint32)
        return (bits >> 16).astype(np.uint16)
    return x.astype(STORAGE[element][1])


class Interval:
    """A value, and between which bounds a permitted rewrite may put it.  A
    bound of NaN permits everything; no bounds at all, nothing but the value."""

    __slots__ = ("ref", "lo", "hi")

    def __init__(self, ref, lo=None, hi=None):
        self.ref = ref
        self.lo = ref if lo is None else lo
        self.hi = ref if hi is None else hi

    @property
    def exact(self):
        return self.lo is self.ref

    def map(self, function):
        """Of a function that never decreases, or a change of shape."""
        ref = function(self.ref)
        if self.exact:
            return Interval(ref)
        return Interval(ref, function(self.lo), function(self.hi))

    def negate(self):
        if self.exact:
            return Interval(-self.ref)
        return Interval(-self.ref, -self.hi, -self.lo)

    def hull(self, other_lo, other_hi):
        return Interval(self.ref, np.minimum(self.lo, other_lo),
                        np.maximum(self.hi, other_hi))

    def widen(self, relative):
        """Bounds of a relative error, and of one in the last digit of f32."""
        low, high = np.abs(self.lo), np.abs(self.hi)
        return Interval(self.ref, self.lo - relative * low - 2.0 ** -148,
                        self.hi + relative * high + 2.0 ** -148)

    def accepts(self, x):
        """Which elements of x are permitted."""
        same = (x == self.ref) | (np.isnan(x) & np.isnan(self.ref))
        if self.exact:
            return same
        free = np.isnan(self.lo) | np.isnan(self.hi)
        return same | free | ((x >= self.lo) & (x <= self.hi))


def combine(function, a, b):
    """Of a function of two values that is monotone in each."""
    with np.errstate(all="ignore"):
        ref = function(a.ref, b.ref)
        if a.exact and b.exact:
            return Interval(ref)
        corners = [function(x, y) for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    result = Interval(ref, np.minimum.reduce(corners),
                      np.maximum.reduce(corners))
    return result.hull(ref, ref)
