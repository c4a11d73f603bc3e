# ===- Differential/sums.py - Sums of products and their bounds ----------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""What a contraction computes."""

import numpy as np

from floats import FLOATS, Interval, round_to

# An index of an operand is a loop (int), or this.
CONST0 = "0"


def spread(x, indices, loops):
    """An operand over the loops of an op."""
    for axis in reversed(range(x.ndim)):
        if indices[axis] == CONST0:
            x = np.take(x, 0, axis=axis)
    indices = [i for i in indices if i != CONST0]
    x = x.transpose(np.argsort(indices))
    shape = [1] * loops
    for i, n in zip(sorted(indices), x.shape):
        shape[i] = n
    return x.reshape(shape)


def sum_products(env, a, b, init, result_map, reductions, loops, product_type,
              element):
    """Sums in float64; the bounds are those of a sum in f32 (or, where it
    wasn't rewritten, in its own type) in any order."""
    permissions = env.permissions
    reduced = tuple(reductions)
    k = 1
    for loop in reductions:
        k *= max(a.ref.shape[loop], b.ref.shape[loop])
    order = np.argsort(np.argsort(result_map))

    def total(x, y, f=np.multiply):
        product = f(x, y)
        shape = list(product.shape)
        # Both operands may lack a loop of extent 1.
        return product.sum(axis=reduced).reshape(
            [n for i, n in enumerate(shape) if i not in reduced]).transpose(
                order)

    if element not in FLOATS:
        return Interval(total(a.ref, b.ref) + init.ref)
    products = np.multiply
    narrow = product_type in ("bf16", "f16") and product_type != element
    if narrow and ("product", product_type) not in permissions.roundings:
        def products(x, y):
            return round_to(product_type, x * y)
    ref = round_to(element, total(a.ref, b.ref, products) + init.ref)
    # Where everything is finite: midpoints and radii.
    mids, radii, bad = [], [], []
    for x in (a, b):
        finite = np.isfinite(x.lo) & np.isfinite(x.hi) & np.isfinite(x.ref)
        mids.append(np.where(finite, (x.lo + x.hi) / 2, 0))
        radii.append(np.where(finite, (x.hi - x.lo) / 2, 0))
        bad.append(np.where(finite, 0.0, 1.0))
    radius = (total(np.abs(mids[0]), radii[1]) + total(radii[0], np.abs(mids[1]))
              + total(radii[0], radii[1]))
    absolute = radius + np.abs(init.ref) + total(np.abs(mids[0]),
                                                 np.abs(mids[1]))
    unit = FLOATS["f32"].unit * (k + 16)
    if permissions.refused:
        unit = max(unit, FLOATS[element].unit * (k + 2))
    if narrow and (not a.exact or not b.exact
                   or ("product", product_type) in permissions.roundings):
        unit += FLOATS[product_type].unit
    radius = radius + absolute * unit + 2.0 ** -140
    mid = total(mids[0], mids[1], products)
    lo, hi = mid - radius + init.lo, mid + radius + init.hi
    # A partial sum that overflows does so in some orders only.
    limit = FLOATS[element if permissions.refused else "f32"].largest
    overflows = absolute > limit
    if narrow:
        overflows = overflows | (absolute > FLOATS[product_type].largest)
    free = (total(bad[0], bad[1], np.maximum) > 0) | overflows
    lo, hi = np.where(free, np.nan, lo), np.where(free, np.nan, hi)
    if a.exact and b.exact:  # not finite, but sure
        sure = free & ~overflows
        lo, hi = np.where(sure, ref, lo), np.where(sure, ref, hi)
    result = Interval(ref, round_to(element, lo), round_to(element, hi))
    if ("epilogue", element) in permissions.roundings:
        result = result.hull(lo, hi)
    return result
