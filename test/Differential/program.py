# ===- Differential/program.py - Tensor programs: MLIR and their values ---===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# A program is a list of ops.  Adding one appends its MLIR and remembers how to
# compute it, so that text and value can't drift apart.
#
# ===-----------------------------------------------------------------------===#
"""Builds a function of tensors as MLIR text and evaluates it in numpy."""

import numpy as np

from floats import FLOATS, Interval, round_to
from scalars import Body, Environment, Scalar, literal
from sums import CONST0, spread, sum_products


class Value:
    """An SSA value: a tensor of a concrete shape, some of whose extents the
    program doesn't know."""

    def __init__(self, name, shape, element, dynamic=None):
        self.name, self.shape, self.element = name, tuple(shape), element
        self.dynamic = tuple(dynamic or [False] * len(self.shape))

    @property
    def type(self):
        dims = ["?" if d else str(n) for n, d in zip(self.shape, self.dynamic)]
        return "tensor<%s>" % "x".join(dims + [self.element])


def affine_map(loops, indices):
    text = ["d%d" % i if i != CONST0 else "0" for i in indices]
    return "affine_map<(%s) -> (%s)>" % (
        ", ".join("d%d" % i for i in range(loops)), ", ".join(text))


class Program:
    """One function."""

    def __init__(self, name):
        self.name = name
        self.counter = 0
        self.inputs = []   # (Value, how it is filled)
        self.lines = []
        self.steps = []    # functions of the environment
        self.outputs = []  # Values
        self.constants = {}
        self.dims = {}
        self.contractions = 0

    # ---- values ----------------------------------------------------------

    def value(self, shape, element, dynamic=None):
        self.counter += 1
        return Value("%%t%d" % self.counter, shape, element, dynamic)

    def input(self, shape, element, fill, dynamic=None):
        value = Value("%%in%d" % len(self.inputs), shape, element, dynamic)
        self.inputs.append((value, fill))
        return value

    def constant(self, number, element):
        key = (literal(number, element), element)
        if key not in self.constants:
            self.constants[key] = "%%c%d" % len(self.constants)
        return self.constants[key]

    def index(self, number):
        return self.constant(number, "index")

    def dim(self, value, d):
        """An extent as it is written among sizes."""
        if not value.dynamic[d]:
            return str(value.shape[d])
        key = (value.name, d)
        if key not in self.dims:
            self.counter += 1
            self.dims[key] = "%%n%d" % self.counter
            self.lines.append("%s = tensor.dim %s, %s : %s" % (
                self.dims[key], value.name, self.index(d), value.type))
        return self.dims[key]

    def empty(self, shape, element, dynamic, sizes):
        value = self.value(shape, element, dynamic)
        names = [s for s, d in zip(sizes, value.dynamic) if d]
        self.lines.append("%s = tensor.empty(%s) : %s"
                          % (value.name, ", ".join(names), value.type))
        return value

    def fill(self, number, shape, element, dynamic, sizes):
        empty = self.empty(shape, element, dynamic, sizes)
        result = self.value(shape, element, dynamic)
        self.lines.append("%s = linalg.fill ins(%s : %s) outs(%s : %s) -> %s" % (
            result.name, self.constant(number, element), element, empty.name,
            empty.type, empty.type))
        self._compute(result, lambda env: Interval(
            np.full(result.shape, float(number))))
        return result

    def splat(self, number, shape, element):
        """A constant tensor."""
        result = self.value(shape, element)
        self.lines.append("%s = arith.constant dense<%s> : %s" % (
            result.name, literal(number, element), result.type))
        self._compute(result, lambda env: Interval(
            np.full(result.shape, round_to(element, np.float64(number)))))
        return result

    def _compute(self, result, function):
        def step(env):
            env.tensors[result.name] = function(env)
        self.steps.append(step)

    # ---- elementwise -----------------------------------------------------

    def generic(self, inputs, body, region, order=None):
        """inputs: [(value, indices)]; body(b, scalars) gives scalars, one a
        result.  The results' dimensions are the loops, in `order`."""
        loops = 1 + max([i for _, indices in inputs for i in indices
                         if i != CONST0], default=-1)
        order = list(order or range(loops))
        sources = {}
        for value, indices in inputs:
            for d, i in enumerate(indices):
                if i != CONST0:
                    sources.setdefault(i, (value, d))
        shape = [sources[i][0].shape[sources[i][1]] for i in range(loops)]
        builder = Body(self, region)

        def load(value, indices):
            def compute(env):
                return env.tensors[value.name].map(
                    lambda x: spread(x, indices, loops))
            return compute
        scalars, header = [], []
        for value, indices in inputs:
            name = builder._name()
            header.append("%s: %s" % (name, value.element))
            scalars.append(Scalar(name, value.element, load(value, indices)))
        yielded = body(builder, scalars)
        if isinstance(yielded, Scalar):
            yielded = [yielded]
        results, empties = [], []
        for scalar in yielded:
            dynamic = [sources[i][0].dynamic[sources[i][1]] for i in order]
            sizes = [self.dim(*sources[i]) for i in order]
            result_shape = [shape[i] for i in order]
            empties.append(self.empty(result_shape, scalar.element, dynamic,
                                      sizes))
            results.append(self.value(result_shape, scalar.element, dynamic))
            header.append("%s: %s" % (builder._name(), scalar.element))

            def compute(env, scalar=scalar):
                full = tuple(shape)
                return scalar(env).map(
                    lambda x: np.broadcast_to(x, full).transpose(order))
            self._compute(results[-1], compute)
        maps = [affine_map(loops, indices) for _, indices in inputs]
        maps += [affine_map(loops, order)] * len(results)
        self._linalg_generic(
            results, maps, ["parallel"] * loops, [v for v, _ in inputs],
            empties, header, builder.lines, [s for s in yielded])
        return results[0] if len(results) == 1 else results

    def _linalg_generic(self, results, maps, iterators, inputs, outs, header,
                        body, yielded):
        def operands(values):
            return "%s : %s" % (", ".join(v.name for v in values),
                                ", ".join(v.type for v in values))
        types = ", ".join(v.type for v in results)
        if len(results) > 1:
            types = "(%s)" % types
        ins = " ins(%s)" % operands(inputs) if inputs else ""
        self.lines.append(
            "%s = linalg.generic {indexing_maps = [%s], iterator_types = [%s]}"
            "%s outs(%s) {" % (
                ", ".join(v.name for v in results), ", ".join(maps),
                ", ".join('"%s"' % i for i in iterators), ins, operands(outs)))
        self.lines.append("^bb0(%s):" % ", ".join(header))
        self.lines += ["  " + line for line in body]
        self.lines.append("  linalg.yield %s : %s" % (
            ", ".join(s.name for s in yielded),
            ", ".join(s.element for s in yielded)))
        self.lines.append("} -> %s" % types)

    def named(self, op, a, b, region):
        """linalg.mul, div, add, sub, max of two tensors."""
        out = self.empty(a.shape, a.element, a.dynamic,
                         [self.dim(a, d) for d in range(len(a.shape))])
        result = self.value(a.shape, a.element, a.dynamic)
        self.lines.append("%s = linalg.%s ins(%s, %s : %s, %s) outs(%s : %s) "
                          "-> %s" % (result.name, op, a.name, b.name, a.type,
                                     b.type, out.name, out.type, out.type))
        body = Body(self, region)
        left, right = (Scalar("", v.element, lambda env, v=v:
                              env.tensors[v.name]) for v in (a, b))
        scalar = body.binary({"mul": "mulf", "div": "divf", "add": "addf",
                              "sub": "subf", "max": "maximumf"}[op], left, right)
        self._compute(result, scalar)
        return result

    def dequantize(self, codes, expressed, scales, zero, axis):
        """quant.dcast of i8 codes: a scale, or one for each index of `axis`."""
        texts = ["%r:%d" % (float(s), zero) for s in scales]
        kind = "!quant.uniform<i8:%s%s, %s>" % (
            expressed, "" if axis is None else ":%d" % axis,
            texts[0] if axis is None else "{%s}" % ", ".join(texts))
        cast = Value(codes.name + "q", codes.shape, kind, codes.dynamic)
        result = self.value(codes.shape, expressed, codes.dynamic)
        self.lines.append("%s = quant.scast %s : %s to %s" % (
            cast.name, codes.name, codes.type, cast.type))
        self.lines.append("%s = quant.dcast %s : %s to %s" % (
            result.name, cast.name, cast.type, result.type))
        shape = [1] * len(codes.shape)
        if axis is not None:
            shape[axis] = len(scales)
        factor = round_to(expressed, np.array(scales, dtype=float)).reshape(shape)
        body = Body(self, "operand")
        product = body.binary(
            "mulf", Scalar("", expressed, lambda env: env.tensors[
                codes.name].map(lambda x: x - zero)),
            Scalar("", expressed, lambda env: Interval(factor)))
        self._compute(result, product)
        return result

    # ---- data movement ---------------------------------------------------

    def _move(self, result, source, function):
        self._compute(result, lambda env: env.tensors[source.name].map(function))
        return result

    def transpose(self, x, permutation):
        shape = [x.shape[p] for p in permutation]
        dynamic = [x.dynamic[p] for p in permutation]
        out = self.empty(shape, x.element, dynamic,
                         [self.dim(x, p) for p in permutation])
        result = self.value(shape, x.element, dynamic)
        self.lines.append("%s = linalg.transpose ins(%s : %s) outs(%s : %s) "
                          "permutation = [%s]" % (
                              result.name, x.name, x.type, out.name, out.type,
                              ", ".join(map(str, permutation))))
        return self._move(result, x, lambda v: v.transpose(permutation))

    def broadcast(self, x, shape, dynamic, sizes, added):
        out = self.empty(shape, x.element, dynamic, sizes)
        result = self.value(shape, x.element, dynamic)
        self.lines.append("%s = linalg.broadcast ins(%s : %s) outs(%s : %s) "
                          "dimensions = [%s]" % (
                              result.name, x.name, x.type, out.name, out.type,
                              ", ".join(map(str, added))))
        return self._move(result, x, lambda v: np.broadcast_to(
            np.expand_dims(v, tuple(added)), shape))

    @staticmethod
    def _groups(groups):
        return "[%s]" % ", ".join("[%s]" % ", ".join(map(str, g))
                                  for g in groups)

    def expand(self, x, groups, shape):
        """Splits dimensions: of each group, the first takes what is dynamic."""
        dynamic = [False] * len(shape)
        sizes = [str(n) for n in shape]
        for d, group in enumerate(groups):
            if not x.dynamic[d]:
                continue
            dynamic[group[0]] = True
            inner = int(np.prod([shape[i] for i in group[1:]]))
            sizes[group[0]] = self.dim(x, d)
            if inner > 1:
                self.counter += 1
                name = "%%n%d" % self.counter
                self.lines.append("%s = arith.divui %s, %s : index" % (
                    name, self.dim(x, d), self.index(inner)))
                sizes[group[0]] = name
        result = self.value(shape, x.element, dynamic)
        self.lines.append("%s = tensor.expand_shape %s %s output_shape [%s] : "
                          "%s into %s" % (
                              result.name, x.name, self._groups(groups),
                              ", ".join(sizes), x.type, result.type))
        return self._move(result, x, lambda v: v.reshape(shape))

    def collapse(self, x, groups):
        shape = [int(np.prod([x.shape[i] for i in g])) for g in groups]
        dynamic = [any(x.dynamic[i] for i in g) for g in groups]
        result = self.value(shape, x.element, dynamic)
        self.lines.append("%s = tensor.collapse_shape %s %s : %s into %s" % (
            result.name, x.name, self._groups(groups), x.type, result.type))
        return self._move(result, x, lambda v: v.reshape(shape))

    def slice(self, x, offsets, shape, strides, runtime=()):
        """`runtime`: {dimension: an i32 tensor of rank 0 with its offset}."""
        texts = [str(o) for o in offsets]
        for d, tensor in dict(runtime).items():
            self.counter += 1
            number, name = "%%s%d" % self.counter, "%%i%d" % self.counter
            self.lines.append("%s = tensor.extract %s[] : %s"
                              % (number, tensor.name, tensor.type))
            self.lines.append("%s = arith.index_cast %s : %s to index"
                              % (name, number, tensor.element))
            texts[d] = name
        sizes = [self.dim(x, d) if x.dynamic[d] else str(n)
                 for d, n in enumerate(shape)]
        result = self.value(shape, x.element, x.dynamic)
        self.lines.append("%s = tensor.extract_slice %s[%s] [%s] [%s] : %s to %s"
                          % (result.name, x.name, ", ".join(texts),
                             ", ".join(sizes), ", ".join(map(str, strides)),
                             x.type, result.type))
        where = tuple(slice(o, o + (n - 1) * s + 1, s)
                      for o, n, s in zip(offsets, shape, strides))
        return self._move(result, x, lambda v: v[where])

    def pad(self, x, low, high, number=0.0):
        shape = [n + a + b for n, a, b in zip(x.shape, low, high)]
        result = self.value(shape, x.element, x.dynamic)
        arguments = ", ".join("%%p%d_%d: index" % (self.counter, d)
                              for d in range(len(shape)))
        self.lines += [
            "%s = tensor.pad %s low[%s] high[%s] {" % (
                result.name, x.name, ", ".join(map(str, low)),
                ", ".join(map(str, high))),
            "^bb0(%s):" % arguments,
            "  tensor.yield %s : %s" % (self.constant(number, x.element),
                                        x.element),
            "} : %s to %s" % (x.type, result.type)]
        return self._move(result, x, lambda v: np.pad(
            v, list(zip(low, high)), constant_values=number))

    # ---- reductions ------------------------------------------------------

    def amax(self, x, kept):
        """The largest magnitude over all dimensions but `kept`."""
        zero = self.fill(0.0, [x.shape[d] for d in kept], x.element,
                         [x.dynamic[d] for d in kept],
                         [self.dim(x, d) for d in kept])
        result = self.value(zero.shape, x.element, zero.dynamic)
        rank = len(x.shape)
        body = Body(self, "quantize")
        source = Scalar(body._name(), x.element,
                        lambda env: env.tensors[x.name])
        out = body._name()
        magnitude = body.unary("absf", source)
        name = body._name()
        body.lines.append("%s = arith.maximumf %s, %s : %s" % (
            name, out, magnitude.name, x.element))
        self._linalg_generic(
            [result], [affine_map(rank, range(rank)), affine_map(rank, kept)],
            ["parallel" if d in kept else "reduction" for d in range(rank)],
            [x], [zero],
            ["%s: %s" % (source.name, x.element), "%s: %s" % (out, x.element)],
            body.lines, [Scalar(name, x.element, None)])
        summed = tuple(d for d in range(rank) if d not in kept)

        def compute(env):
            return magnitude(env).map(
                lambda v: v.max(axis=summed).transpose(
                    np.argsort(np.argsort(kept))))
        self._compute(result, compute)
        return result

    # ---- contraction -----------------------------------------------------

    def contract(self, spelling, operands, maps, loops, reductions, init,
                 result_map, product_type, factor):
        """Sums of products.  `factor(body, scalars)` gives the two factors;
        `init` is the tensor that is added to."""
        self.contractions += 1
        element = init.element
        result = self.value(init.shape, element, init.dynamic)
        body = Body(self, "operand")
        names, header = [], []
        for value, indices in zip(operands, maps):
            name = body._name()
            header.append("%s: %s" % (name, value.element))
            names.append(Scalar(
                name, value.element, lambda env, v=value, i=indices:
                env.tensors[v.name].map(lambda x: spread(x, i, loops))))
        accumulator = body._name()
        header.append("%s: %s" % (accumulator, element))
        a, b = (body.convert(x, product_type) for x in factor(body, names))
        isInt = element not in FLOATS
        product = body.binary("muli" if isInt else "mulf", a, b)
        wide = Scalar(product.name, product_type, None)
        if product_type != element:
            wide = body.convert(wide, element)
        name = body._name()
        body.lines.append("%s = arith.%s %s, %s : %s" % (
            name, "addi" if isInt else "addf", accumulator, wide.name, element))
        texts = [affine_map(loops, m) for m in list(maps) + [result_map]]
        if spelling == "generic":
            self._linalg_generic(
                [result], texts,
                ["reduction" if i in reductions else "parallel"
                 for i in range(loops)],
                operands, [init], header, body.lines,
                [Scalar(name, element, None)])
        else:
            attribute = ""
            op = spelling
            if spelling.endswith("+maps"):
                op = spelling[:-5]
                attribute = " indexing_maps = [%s]" % ", ".join(texts)
            self.lines.append("%s = linalg.%s%s ins(%s, %s : %s, %s) "
                              "outs(%s : %s) -> %s" % (
                                  result.name, op, attribute, operands[0].name,
                                  operands[1].name, operands[0].type,
                                  operands[1].type, init.name, init.type,
                                  init.type))

        def compute(env):
            return sum_products(env, a(env), b(env), env.tensors[init.name],
                             result_map, sorted(reductions), loops, product_type,
                             element)
        self._compute(result, compute)
        return result

    # ---- the whole -------------------------------------------------------

    def text(self):
        arguments = ", ".join(
            '%s: %s {qmm.name = "%s"}' % (v.name, v.type, v.name[1:])
            for v, _ in self.inputs)
        types = ", ".join(v.type for v in self.outputs)
        if len(self.outputs) > 1:
            types = "(%s)" % types
        lines = ["func.func @%s(%s) -> %s {" % (self.name, arguments, types)]
        for (number, element), name in self.constants.items():
            lines.append("  %s = arith.constant %s%s" % (
                name, number, "" if element == "index"
                else " : " + element))
            if element == "index":
                lines[-1] += " : index"
        lines += ["  " + line for line in self.lines]
        lines.append("  return %s : %s" % (
            ", ".join(v.name for v in self.outputs),
            ", ".join(v.type for v in self.outputs)))
        return "\n".join(lines + ["}"])

    def evaluate(self, inputs, permissions):
        """inputs: float64 arrays.  The outputs as intervals."""
        env = Environment(permissions)
        for (value, _), array in zip(self.inputs, inputs):
            env.tensors[value.name] = Interval(array)
        with np.errstate(all="ignore"):
            for step in self.steps:
                step(env)
        return [env.tensors[v.name] for v in self.outputs]
