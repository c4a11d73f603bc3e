#!/usr/bin/env python3
# ===- Inputs/epilogues.py - What epilogues.mlir computes, in float64 --------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: epilogues.py QUANT-RUN PROGRAM.qmm WORK-PREFIX"""

import math
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))
import reference
import tensor_file

run, program, work = sys.argv[1:]
random = np.random.default_rng(7)
inputs = {
    "x": random.normal(size=(7, 64)).astype(np.float32),
    "w": random.normal(size=(48, 64)).astype(np.float32) / 4,
    "b": random.normal(size=48).astype(np.float32),
    "r": random.normal(size=(7, 48)).astype(np.float32),
    # Codes without NaN.
    "q": (random.integers(0, 0x7F, (7, 64))
          | random.integers(0, 2, (7, 64)) << 7).astype(np.uint8),
    "v": (random.integers(0, 0x7F, (64, 48))
          | random.integers(0, 2, (64, 48)) << 7).astype(np.uint8),
    "s": np.array([0.03125], np.float32),
    "c": random.uniform(0.5, 2, size=48).astype(np.float32),
}


def write(path, names):
    tensor_file.write(path, {
        name: ("U8" if inputs[name].dtype == np.uint8 else "F32", inputs[name])
        for name in names})


x, w, b, r, c, s = (inputs[name].astype(np.float64) for name in "xwbrcs")
q, v = (reference.E4M3[inputs[name]] for name in "qv")
y = x @ w.T
erf = np.vectorize(math.erf)
positive = np.maximum(y, 0)
expected = {
    "bias_residual": ("xwbr", [y + b + r]),
    "relu": ("xw", [positive]),
    "gelu_tanh": ("xw", [0.5 * y * (1 + np.tanh(math.sqrt(2 / math.pi)
                                                * (y + 0.044715 * y ** 3)))]),
    "gelu_erf": ("xw", [0.5 * y * (1 + erf(y / math.sqrt(2)))]),
    "silu": ("xw", [y / (1 + np.exp(-y))]),
    "scales": ("qvscb", [(q @ v) * s * c + b]),
    "requantized": ("xws", [
        reference._round_to(reference.E4M3, 448, positive / s),
        positive.max()]),
}
for name, (names, results) in expected.items():
    source, output = f"{work}.in.safetensors", f"{work}.out.safetensors"
    write(source, names)
    subprocess.run([run, program, f"--entry={name}", f"--inputs={source}",
                    f"--outputs={output}"],
                   check=True, stdout=subprocess.DEVNULL)
    found = reference.Tensors(output)
    verdict = "ok"
    for index, result in enumerate(results):
        entry = f"out{index}"
        if found.dtype(entry) in ("U8", "F8_E4M3"):
            values = reference.E4M3[found.raw(entry)].reshape(result.shape)
            if np.mean(values != result) > 0.01:
                verdict = f"{np.sum(values != result)} codes differ"
        else:
            values = np.asarray(found.values(entry), np.float64)
            error = reference.relative_error(np.asarray(result).reshape(-1),
                                             values.reshape(-1))
            if not error <= 1e-5:
                verdict = f"relative error {error}"
    print(f"{name}: {verdict}")
