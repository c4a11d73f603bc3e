#!/usr/bin/env python3
# ===- Integration/check_layers.py - All layers against the reference --------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# Imports and compiles a checkpoint, runs every layer, and compares each output
# with reference.py's float64 evaluation of the file's own bytes.
#
# ===-----------------------------------------------------------------------===#
"""usage: check_layers.py CKPT INPUT.safetensors... --bin=DIR --work=DIR
       [--activations=MODE] [--reference=MODE] [--rel=4e-3] [--weights=MODE]

Each layer takes the first INPUT whose last dimension is its K."""

import argparse
import json
import os
import subprocess
import sys

import reference


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stdout


def only_values(path):
    tensors = reference.Tensors(path)
    (name,) = tensors.entries
    return tensors.values(name)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--bin", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--activations", default="wide")
    parser.add_argument("--reference")
    parser.add_argument("--rel", type=float, default=4e-3)
    parser.add_argument("--weights", default="embed")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    tool = lambda name: os.path.join(args.bin, name)
    mlir = os.path.join(args.work, "layers.mlir")
    artefact = os.path.join(args.work, "layers.qmm")
    run([tool("quant-import"), args.checkpoint, "-o", mlir])
    run([tool("quant-compile"), mlir, f"--activations={args.activations}",
         f"--weights={args.weights}", "-o", artefact])
    listing = json.loads(
        run([tool("quant-import"), args.checkpoint, "--list", "--json"]))
    by_k = {}
    for path in args.inputs:
        tensors = reference.Tensors(path)
        (tensor,) = tensors.entries
        by_k.setdefault(tensors.shape(tensor)[-1], path)
    worst, failed = 0.0, 0
    for layer in listing["layers"]:
        name, k = layer["name"], layer["k"]
        output = os.path.join(args.work, f"{name}.found.safetensors")
        expected = os.path.join(args.work, f"{name}.expected.safetensors")
        run([tool("quant-run"), artefact, f"--entry={name}",
             f"--inputs={by_k[k]}", f"--outputs={output}"])
        reference.main([args.checkpoint, name, by_k[k],
                        f"--activations={args.reference or args.activations}",
                        "-o", expected])
        error = reference.relative_error(only_values(expected),
                                         only_values(output))
        worst = max(worst, error)
        ok = error <= args.rel
        failed += not ok
        print(f"{name}: {error:.3e} {'ok' if ok else 'ABOVE THE BOUND'}")
    print(f"{len(listing['layers'])} layers, worst {worst:.3e}, {failed} failed")
    return 1 if failed or not listing["layers"] else 0


if __name__ == "__main__":
    sys.exit(main())
