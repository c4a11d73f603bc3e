# ===- Differential/scalars.py - Scalar ops: MLIR and values -------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""The ops in the body of a linalg op."""

import math

import numpy as np

from floats import FLOATS, Interval, combine, round_to


def literal(value, element):
    if element in FLOATS:
        value = float(round_to(element, np.float64(value)))
        if math.isinf(value):
            bits = {"f32": "7F800000", "bf16": "7F80", "f16": "7C00"}[element]
            return "0x" + (bits if value > 0 else "F" + bits[1:])
        return "%.17e" % value
    return str(int(value))


class Permissions:
    """What a rewrite said that it does.  `rewritten`, `refused`: some products
    are; `roundings`: types that values may keep more digits than, by region."""

    def __init__(self, rewritten, refused, roundings, reciprocal):
        self.rewritten, self.refused = rewritten, refused
        self.roundings = set(roundings)
        self.reciprocal = reciprocal


# ---------------------------------------------------------------------------
# Scalar ops: name -> (text, values).
# ---------------------------------------------------------------------------

_erf = np.vectorize(lambda x: math.erf(x), otypes=[np.float64])
# Of functions that libraries approximate, in f32.
_LIBRARY_ERROR = 2.0 ** -20


class Body:
    """The scalars of a linalg body: text and values at once."""

    def __init__(self, program, region):
        self.program, self.region = program, region
        self.lines = []

    def _name(self):
        self.program.counter += 1
        return "%%v%d" % self.program.counter

    def _emit(self, text, element, compute):
        name = self._name()
        self.lines.append("%s = %s" % (name, text))
        return Scalar(name, element, compute)

    def constant(self, value, element):
        name = self.program.constant(value, element)
        value = np.asarray(np.float64(value))
        if element not in FLOATS:
            return Scalar(name, element, lambda env: Interval(value))
        rounded = round_to(element, value)

        def compute(env):
            # What computes in f32 may take the constant's own digits.
            if (self.region, element) in env.permissions.roundings:
                return Interval(rounded).hull(value, value)
            return Interval(rounded)
        return Scalar(name, element, compute)

    def _rounded(self, interval, element, free):
        """Rounded to a type; `free`: or not."""
        rounded = interval.map(lambda x: round_to(element, x))
        if not free:
            return rounded
        return rounded.hull(interval.lo, interval.hi)

    def _round_after(self, env, interval, element):
        """The rounding of an operation's result."""
        permissions = env.permissions
        region = self.region
        if region == "quantize" or not permissions.rewritten:
            return self._rounded(interval, element, False)
        if element == "f32":
            # Scales are gathered and multiplied in another order.
            return self._rounded(interval, element, False).widen(2.0 ** -22)
        free = (region, element) in permissions.roundings
        return self._rounded(interval, element, free)

    def convert(self, x, element):
        """Between any two types; by way of f32 where one op can't."""
        if x.element == element:
            return x
        if {x.element, element} == {"bf16", "f16"}:
            x = self.convert(x, "f32")
        source, target = x.element in FLOATS, element in FLOATS
        if source and target or x.element == "f8E8M0FNU":
            if x.element == "f8E8M0FNU" or \
                    FLOATS[element].digits > FLOATS[x.element].digits:
                return self._emit("arith.extf %s : %s to %s"
                                  % (x.name, x.element, element), element,
                                  lambda env: self._exact(x(env), element))
            return self._emit(
                "arith.truncf %s : %s to %s" % (x.name, x.element, element),
                element, lambda env: self._round_after(env, x(env), element))
        if target:
            return self._emit(
                "arith.sitofp %s : %s to %s" % (x.name, x.element, element),
                element, lambda env: self._rounded(x(env), element, False))
        if source:
            return self._emit(
                "arith.fptosi %s : %s to %s" % (x.name, x.element, element),
                element, lambda env: x(env).map(np.trunc))
        return self._emit("arith.extsi %s : %s to %s"
                          % (x.name, x.element, element), element, x.compute)

    @staticmethod
    def _exact(interval, element):
        """An extension; the scale type's range may exceed the target's."""
        return interval.map(lambda x: round_to(element, x))

    def scaling_extf(self, x, scale, element):
        return self._emit(
            "arith.scaling_extf %s, %s : %s, %s to %s"
            % (x.name, scale.name, x.element, scale.element, element), element,
            lambda env: self._round_after(
                env, combine(np.multiply, x(env), scale(env)), element))

    def binary(self, op, a, b):
        """mulf, divf, addf, subf, maximumf, minimumf, maxnumf, minnumf, muli,
        addi."""
        assert a.element == b.element, (op, a.element, b.element)
        element = a.element
        function = {
            "mulf": np.multiply, "divf": np.divide, "addf": np.add,
            "subf": np.subtract, "maximumf": np.maximum,
            "minimumf": np.minimum, "maxnumf": np.fmax, "minnumf": np.fmin,
            "muli": np.multiply, "addi": np.add}[op]

        def compute(env):
            result = combine(function, a(env), b(env))
            if op.startswith("m") and op != "mulf" or element not in FLOATS:
                return result
            if op == "divf" and env.permissions.reciprocal \
                    and self.region == "operand":
                result = result.widen(2.0 ** -22)
            return self._round_after(env, result, element)
        return self._emit("arith.%s %s, %s : %s" % (op, a.name, b.name, element),
                          element, compute)

    def unary(self, op, a):
        """negf, absf, tanh, erf, exp, roundeven."""
        element = a.element
        if op == "negf":
            return self._emit("arith.negf %s : %s" % (a.name, element), element,
                              lambda env: a(env).negate())
        function = {"absf": np.abs, "tanh": np.tanh, "erf": _erf, "exp": np.exp,
                    "roundeven": np.rint}[op]

        def compute(env):
            x = a(env)
            if op == "absf":
                result = Interval(np.abs(x.ref))
                if x.exact:
                    return result
                lo, hi = np.abs(x.lo), np.abs(x.hi)
                crosses = (x.lo <= 0) & (x.hi >= 0)
                return Interval(result.ref,
                                np.where(crosses, 0, np.minimum(lo, hi)),
                                np.maximum(lo, hi))
            with np.errstate(all="ignore"):
                result = x.map(function)
            if op != "roundeven":
                result = result.widen(_LIBRARY_ERROR)
            return self._round_after(env, result, element)
        return self._emit("math.%s %s : %s" % (op, a.name, element), element,
                          compute)

    def compare(self, predicate, a, b):
        function = {"ogt": np.greater, "oge": np.greater_equal,
                    "olt": np.less}[predicate]

        def compute(env):
            x, y = a(env), b(env)
            ref = function(x.ref, y.ref).astype(np.float64)
            if x.exact and y.exact:
                return Interval(ref)
            low, high = ((x.lo, x.hi) if predicate != "olt" else (x.hi, x.lo))
            y_low, y_high = ((y.hi, y.lo) if predicate != "olt"
                             else (y.lo, y.hi))
            free = np.isnan(x.lo) | np.isnan(x.hi)
            return Interval(ref, np.where(free, 0, function(low, y_low)),
                            np.where(free, 1, function(high, y_high)))
        return self._emit("arith.cmpf %s, %s, %s : %s"
                          % (predicate, a.name, b.name, a.element), "i1",
                          compute)

    def select(self, condition, a, b):
        """Both sides' bounds where the condition isn't sure."""
        def compute(env):
            c, x, y = condition(env), a(env), b(env)
            sure = c.ref != 0
            result = Interval(np.where(sure, x.ref, y.ref))
            if c.exact and x.exact and y.exact:
                return result
            may, must = c.hi != 0, c.lo != 0
            lo = np.where(must, x.lo, np.where(may, np.minimum(x.lo, y.lo),
                                               y.lo))
            hi = np.where(must, x.hi, np.where(may, np.maximum(x.hi, y.hi),
                                               y.hi))
            return Interval(result.ref, lo, hi)
        return self._emit("arith.select %s, %s, %s : %s"
                          % (condition.name, a.name, b.name, a.element),
                          a.element, compute)


class Scalar:
    def __init__(self, name, element, compute):
        self.name, self.element, self.compute = name, element, compute

    def __call__(self, env):
        memo = env.scalars
        if id(self) not in memo:
            memo[id(self)] = (self, self.compute(env))
        return memo[id(self)][1]


class Environment:
    """Values of one evaluation."""

    def __init__(self, permissions):
        self.permissions = permissions
        self.tensors = {}
        self.scalars = {}
