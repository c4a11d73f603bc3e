#!/usr/bin/env python3
# ===- Integration/reference.py - A float64 evaluation of a checkpoint -------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# Computes y = x W^T + bias of one layer from the file's own bytes.  It shares
# nothing with the project's readers, decoders or quantizers, so that a mistake
# in one of them can't hide in the other.  Needs numpy.
#
# ===-----------------------------------------------------------------------===#
"""usage:
  reference.py CKPT --list
  reference.py CKPT LAYER INPUT.safetensors [--activations=wide|checkpoint]
               [--dtype=F64|F32] -o EXPECTED.safetensors
  reference.py --compare A.safetensors B.safetensors --rel 4e-3

--list prints one line a layer: name, format ("-" when unquantized), N, K and
what `--activations=checkpoint` makes of the activation, separated by tabs.
--compare prints |A - B| / |A| (2-norm) of each tensor of A and exits with 1
when one is above --rel."""

import argparse
import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, "Inputs"))
import tensor_file

# --------------------------------------------------------------------------
# Element types, from their definitions: sign, exponent and mantissa bits.
# --------------------------------------------------------------------------


def _small_float(exponent_bits, mantissa_bits, bias, nan_codes=(), inf_code=None):
    """The values of all codes without sign bit, then with it."""
    values = []
    for code in range(1 << (exponent_bits + mantissa_bits)):
        exponent = code >> mantissa_bits
        fraction = (code & ((1 << mantissa_bits) - 1)) / (1 << mantissa_bits)
        if code in nan_codes:
            values.append(float("nan"))
        elif code == inf_code:
            values.append(float("inf"))
        elif exponent == 0:
            values.append(fraction * 2.0 ** (1 - bias))
        else:
            values.append((1 + fraction) * 2.0 ** (exponent - bias))
    positive = np.array(values)
    return np.concatenate([positive, -positive])


E4M3 = _small_float(4, 3, 7, nan_codes=(0x7F,))
E5M2 = _small_float(5, 2, 15, nan_codes=(0x7D, 0x7E, 0x7F), inf_code=0x7C)
E2M1 = _small_float(2, 1, 1)
E8M0 = np.array([2.0 ** (code - 127) for code in range(255)] + [float("nan")])

E4M3_MAX = 448.0
E2M1_MAX = 6.0


def _round_to(table, limit, x):
    """x (float64, each a float32's value) to the nearest entry, ties to the
    even code, saturating at `limit`."""
    steps = table[: len(table) // 2]
    steps = steps[steps <= limit]  # drops NaN and infinity
    middles = (steps[:-1] + steps[1:]) / 2
    magnitude = np.minimum(np.abs(x), limit)
    code = np.searchsorted(middles, magnitude, side="left")
    inner = np.minimum(code, len(middles) - 1)
    tie = (middles[inner] == magnitude) & (code < len(middles))
    code = code + (tie & (code % 2 == 1))
    return np.copysign(steps[code], x)


# --------------------------------------------------------------------------
# Safetensors.
# --------------------------------------------------------------------------

_NUMPY = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I8": "i1",
    "U8": "u1",
    "F8_E4M3": "u1",
    "F8_E5M2": "u1",
    "F8_E8M0": "u1",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
}


class Tensors:
    """A file's tensors: `raw` gives codes, `values` numbers."""

    def __init__(self, path):
        self.entries, self.metadata, self.start = tensor_file.read_header(path)
        self.bytes = np.memmap(path, dtype=np.uint8, mode="r")

    def __contains__(self, name):
        return name in self.entries

    def dtype(self, name):
        return self.entries[name]["dtype"]

    def shape(self, name):
        return self.entries[name]["shape"]

    def raw(self, name):
        entry = self.entries[name]
        begin, end = entry["data_offsets"]
        data = bytes(self.bytes[self.start + begin : self.start + end])
        kind = _NUMPY[entry["dtype"]]
        return np.frombuffer(data, dtype=kind).reshape(entry["shape"])

    def values(self, name):
        """As float64."""
        raw, dtype = self.raw(name), self.dtype(name)
        if dtype == "BF16":
            return (raw.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
        tables = {"F8_E4M3": E4M3, "F8_E5M2": E5M2, "F8_E8M0": E8M0}
        if dtype in tables:
            return tables[dtype][raw]
        return raw.astype(np.float64)

    def scalar(self, name):
        return float(self.values(name).reshape(-1)[0])


def write(path, name, array, dtype):
    tensor_file.write(path, {name: (dtype, array.astype(_NUMPY[dtype]))})


# --------------------------------------------------------------------------
# Layers.
# --------------------------------------------------------------------------


def _untile(scales):
    """Scales stored in tiles of 128 x 4, each 32 runs of 4 rows 32 apart."""
    rows, columns = scales.shape
    tiles = scales.reshape(rows // 128, columns // 4, 32, 4, 4)
    return tiles.transpose(0, 3, 2, 1, 4).reshape(rows, columns)


class Layer:
    """One layer's weight, as numbers, and how its activation is quantized."""

    def __init__(self, tensors, name, declared):
        self.tensors, self.name = tensors, name
        self.format = declared.get("format", "")
        self.full_precision = declared.get("full_precision_matrix_mult", False)
        self.declared = declared
        self.legacy = declared.get("legacy", False)
        weight = tensors.shape(self._key("weight"))
        self.n, self.k = weight[0], weight[1] * (2 if self.format == "nvfp4" else 1)
        if "orig_shape" in declared:
            self.n, self.k = declared["orig_shape"]
        elif self._has("bias"):
            self.n = tensors.shape(self._key("bias"))[0]

    def _key(self, part):
        return self.name + "." + part

    def _has(self, part):
        return self._key(part) in self.tensors

    def _scale_key(self):
        return self._key("scale_weight" if self.legacy else "weight_scale")

    def _input_scale(self):
        key = self._key("scale_input" if self.legacy else "input_scale")
        if key not in self.tensors:
            return None
        value = self.tensors.scalar(key)
        # Legacy files write 1 where they measured nothing.
        return None if self.legacy and value == 1.0 else value

    def weight(self):
        """N x K, float64."""
        tensors = self.tensors
        key = self._key("weight")
        if self.format == "":
            return tensors.values(key)
        if self.format == "nvfp4":
            raw = tensors.raw(key)
            codes = np.stack([raw >> 4, raw & 15], axis=-1)
            elements = E2M1[codes.reshape(raw.shape[0], -1)]
            table, block = E4M3, 16
        elif self.format == "mxfp8":
            elements = tensors.values(key)
            table, block = E8M0, 32
        else:
            return self._scaled_by_f32(tensors.values(key))
        scales = table[_untile(tensors.raw(self._scale_key()))]
        scales = scales[: elements.shape[0], : elements.shape[1] // block]
        elements = elements * np.repeat(scales, block, axis=1)
        if self.format == "nvfp4":
            elements = elements * tensors.scalar(self._key("weight_scale_2"))
        return elements[: self.n, : self.k]

    def _scaled_by_f32(self, elements):
        scales = self.tensors.values(self._scale_key())
        if scales.size == 1:
            return elements * scales.reshape(-1)[0]
        if scales.size == self.n:
            return elements * scales.reshape(self.n, 1)
        block = self.k // scales.shape[1]
        scales = np.repeat(np.repeat(scales, block, axis=0), block, axis=1)
        return elements * scales[: self.n]

    def activation_kind(self):
        """The scheme of the quantized activation, or "wide"."""
        if self.full_precision or self.format == "":
            return "wide"
        if self.format in ("nvfp4", "mxfp8"):
            return self.format
        if self.format.startswith("int8"):
            return "int8_row"
        # FP8 by the scales that are there: a blockwise label may lie over row
        # scales.
        shape = self.tensors.shape(self._scale_key())
        if int(np.prod(shape)) == 1:
            return "fp8"
        return "fp8_row" if int(np.prod(shape)) == self.n else "wide"

    def activation(self, x):
        """x (M x K, float64) after quantization and back.  Scales and quotients
        are float32, as the formats define."""
        kind = self.activation_kind()
        x = x.astype(np.float32)
        given = self._input_scale()
        if kind == "fp8":
            scale = np.float32(given) if given else np.abs(x).max() / np.float32(448)
            scale = scale if scale > 0 else np.float32(1)
            return _quantize(E4M3, E4M3_MAX, x, scale)
        if kind == "fp8_row":
            scale = np.abs(x).max(axis=1, keepdims=True) / np.float32(448)
            return _quantize(E4M3, E4M3_MAX, x, np.where(scale > 0, scale, 1))
        if kind == "int8_row":
            scale = np.abs(x).max(axis=1, keepdims=True) / np.float32(127)
            scale = np.maximum(scale, np.float32(1e-30)).astype(np.float32)
            codes = np.clip(np.rint(x / scale), -127, 127)
            return codes.astype(np.float64) * scale.astype(np.float64)
        if kind == "mxfp8":
            return _quantize_mxfp8(x)
        if kind == "nvfp4":
            return _quantize_nvfp4(x, given)
        return x.astype(np.float64)

    def evaluate(self, x, activations):
        if x.ndim < 2 or x.shape[-1] != self.k:
            raise SystemExit(
                "layer %s: the input is %s, expected [..., %d]"
                % (self.name, list(x.shape), self.k)
            )
        flat = x.reshape(-1, self.k)
        if self._has("pre_quant_scale"):
            flat = flat * self.tensors.values(self._key("pre_quant_scale"))
        if activations == "checkpoint":
            flat = self.activation(flat)
        y = flat @ self.weight().T
        if self._has("bias"):
            y = y + self.tensors.values(self._key("bias"))
        return y.reshape(x.shape[:-1] + (self.n,))


def _quantize(table, limit, x, scale):
    scale = np.asarray(scale, dtype=np.float32)
    codes = _round_to(table, limit, (x / scale).astype(np.float64))
    return codes * scale.astype(np.float64)


def _blocks(x, size):
    padded = np.pad(x, ((0, 0), (0, -x.shape[1] % size)))
    return padded.reshape(x.shape[0], -1, size)


def _quantize_mxfp8(x):
    blocks = _blocks(x, 32)
    ratio = np.abs(blocks).max(axis=2, keepdims=True) / np.float32(448)
    # ratio = fraction * 2^exponent with fraction in [0.5, 1).
    fraction, exponent = np.frexp(ratio)
    exponent = np.where(fraction == 0.5, exponent - 1, exponent)
    exponent = np.clip(np.where(ratio > 0, exponent, -127), -127, 127)
    result = _quantize(E4M3, E4M3_MAX, blocks, np.ldexp(np.float32(1), exponent))
    return result.reshape(x.shape[0], -1)[:, : x.shape[1]]


def _quantize_nvfp4(x, given):
    tensor_scale = np.float32(given) if given else np.abs(x).max() / np.float32(2688)
    if not tensor_scale > 0:
        return np.zeros(x.shape)
    blocks = _blocks(x, 16)
    amax = np.abs(blocks).max(axis=2, keepdims=True)
    wanted = (amax / np.float32(6)) / tensor_scale
    block_scale = _round_to(E4M3, E4M3_MAX, wanted.astype(np.float64))
    # The product of two float32 is rounded to float32 before it divides.
    divisor = block_scale.astype(np.float32) * tensor_scale
    safe = np.where(divisor > 0, divisor, np.float32(1))
    codes = _round_to(E2M1, E2M1_MAX, (blocks / safe).astype(np.float64))
    codes = np.where(divisor > 0, codes, 0)
    result = codes * block_scale * np.float64(tensor_scale)
    return result.reshape(x.shape[0], -1)[:, : x.shape[1]]


def read_layers(tensors):
    """All layers by name, in the order of their weights."""
    declared = {}
    quantization = json.loads(tensors.metadata.get("_quantization_metadata", "{}"))
    for name, fields in quantization.get("layers", {}).items():
        declared[name] = dict(fields)
    for key in tensors.entries:
        if key.endswith(".comfy_quant"):
            fields = json.loads(tensors.raw(key).tobytes().decode())
            declared.setdefault(key[: -len(".comfy_quant")], {}).update(fields)
    marks = [key for key in tensors.entries if key.split(".")[-1] == "scaled_fp8"]
    layers = {}
    weights = [key for key in tensors.entries if key.endswith(".weight")]
    for key in sorted(weights, key=lambda k: tensors.entries[k]["data_offsets"]):
        name = key[: -len(".weight")]
        fields = declared.get(name)
        if fields is None and name + ".scale_weight" in tensors:
            mark = next(m for m in marks if key.startswith(m[: -len("scaled_fp8")]))
            fields = {
                "legacy": True,
                "format": "float8_" + {"F8_E4M3": "e4m3fn", "F8_E5M2": "e5m2"}[
                    tensors.dtype(key)],
                "full_precision_matrix_mult": tensors.shape(mark) == [2],
            }
        if fields is None and len(tensors.shape(key)) != 2:
            continue
        layers[name] = Layer(tensors, name, fields or {})
    return layers


# --------------------------------------------------------------------------
# Command line.
# --------------------------------------------------------------------------


def relative_error(expected, found):
    """|expected - found| / |expected|; 0 for two zeros."""
    if expected.shape != found.shape:
        raise SystemExit("shapes differ: %s and %s"
                         % (list(expected.shape), list(found.shape)))
    distance = np.linalg.norm((expected - found).reshape(-1))
    norm = np.linalg.norm(expected.reshape(-1))
    if distance == 0:
        return 0.0
    return float(distance / norm) if norm else float("inf")


def _compare(first, second, bound):
    a, b = Tensors(first), Tensors(second)
    pairs = [(name, name) for name in a.entries if name in b]
    if not pairs and len(a.entries) == len(b.entries) == 1:
        pairs = [(next(iter(a.entries)), next(iter(b.entries)))]
    if len(pairs) != len(a.entries) or not pairs:
        raise SystemExit("%s has %s, %s has %s"
                         % (first, list(a.entries), second, list(b.entries)))
    good = True
    for left, right in pairs:
        error = relative_error(a.values(left), b.values(right))
        within = error <= bound  # false for NaN
        good = good and within
        print("%s: relative error %.3e %s %g"
              % (left, error, "<=" if within else "is above", bound))
    return 0 if good else 1


def main(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="CKPT LAYER INPUT")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"))
    parser.add_argument("--rel", type=float, default=4e-3)
    parser.add_argument("--activations", choices=("wide", "checkpoint"), default="wide")
    parser.add_argument("--dtype", choices=("F64", "F32"), default="F64")
    parser.add_argument("--name", default="y", help="name of the output tensor")
    parser.add_argument("-o", "--output")
    options = parser.parse_args(arguments)
    if options.compare:
        return _compare(*options.compare, options.rel)
    if len(options.files) != (1 if options.list else 3):
        parser.error("expected CKPT with --list, or CKPT LAYER INPUT")
    layers = read_layers(Tensors(options.files[0]))
    if options.list:
        for layer in layers.values():
            print("\t".join([layer.name, layer.format or "-", str(layer.n),
                             str(layer.k), layer.activation_kind()]))
        return 0
    if options.files[1] not in layers:
        parser.error("no layer %s, expected one of %s"
                     % (options.files[1], ", ".join(layers)))
    if not options.output:
        parser.error("no output: give -o")
    inputs = Tensors(options.files[2])
    if len(inputs.entries) != 1:
        parser.error("%s has %d tensors, expected one"
                     % (options.files[2], len(inputs.entries)))
    x = inputs.values(next(iter(inputs.entries)))
    y = layers[options.files[1]].evaluate(x, options.activations)
    write(options.output, options.name, y, options.dtype)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
