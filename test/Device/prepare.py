#!/usr/bin/env python3
# ===- Device/prepare.py - Programs and expected results for a GPU ----------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# Runs where the compiler is; run.py runs what this makes where a GPU is, with
# nothing of LLVM.  Needs numpy.
#
# ===-----------------------------------------------------------------------===#
"""usage: prepare.py --bin=DIR --data=DIR --out=DIR [--target=cuda:sm_90]

Compiles every layer of every checkpoint in DATA/checkpoints, with the
activation wide and as the file says, those of model_bf16 quantized at load, and
the functions in DATA/jax; writes them to OUT with inputs, expected results (a
float64 evaluation of the file's bytes; the CPU's for what is quantized at load;
jax's own) and a list of cases, cases.json.  OUT holds quant-run too."""

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Integration"))
import reference  # noqa: E402

# Relative 2-norm errors; what they are made of is in docs/cuda.md.
LAYER_BOUND = 4e-3
LOAD_SCHEMES = ["fp8_128x128", "nvfp4", "int8_row"]
JAX_BOUNDS = {
    "fp8_raw": 5e-3,
    "flax_fp8_mlp": 2e-2,
}


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        print(f"{' '.join(command)}\n{result.stderr}", file=sys.stderr)
    return result.returncode == 0


def list_layers(tool, checkpoint):
    output = subprocess.run([tool("quant-import"), checkpoint, "--list", "--json"],
                            capture_output=True, text=True, check=True).stdout
    return json.loads(output)["layers"]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--target", default="cuda:sm_90")
    args = parser.parse_args()
    tool = lambda name: os.path.join(args.bin, name)
    os.makedirs(args.out, exist_ok=True)
    shutil.copy(tool("quant-run"), args.out)
    for module in (reference, reference.tensor_file):
        shutil.copy(module.__file__, args.out)
    target = f"--target={args.target}"
    cases, failed = [], 0

    checkpoints = os.path.join(args.data, "checkpoints")
    inputs = {}
    for path in sorted(glob.glob(os.path.join(checkpoints, "model_input*"))):
        tensors = reference.Tensors(path)
        (name,) = tensors.entries
        inputs.setdefault(tensors.shape(name)[-1], os.path.basename(path))
        shutil.copy(path, args.out)
    for path in sorted(glob.glob(os.path.join(checkpoints, "*.safetensors"))):
        stem = os.path.basename(path)[: -len(".safetensors")]
        if stem.startswith("model_input"):
            continue
        mlir = os.path.join(args.out, f"{stem}.mlir")
        run([tool("quant-import"), path, "-o", mlir])
        for mode in ("wide", "checkpoint"):
            program = f"{stem}.{mode}.qmm"
            if not run([tool("quant-compile"), mlir, target,
                        f"--activations={mode}", "-o",
                        os.path.join(args.out, program)]):
                failed += 1
                continue
            for layer in list_layers(tool, path):
                expected = f"{stem}.{mode}.{layer['name']}.expected.safetensors"
                source = inputs[layer["k"]]
                reference.main([path, layer["name"],
                                os.path.join(args.out, source),
                                f"--activations={mode}", "--dtype=F32", "-o",
                                os.path.join(args.out, expected)])
                cases.append({"program": program, "entry": layer["name"],
                              "inputs": source, "expected": expected,
                              "compared": False, "bound": LAYER_BOUND})
        os.remove(mlir)

    # Weights quantized at load: what the CPU makes of them is tested elsewhere.
    wide = os.path.join(checkpoints, "model_bf16.safetensors")
    mlir = os.path.join(args.out, "model_bf16.mlir")
    run([tool("quant-import"), wide, "-o", mlir])
    for scheme in LOAD_SCHEMES:
        command = [tool("quant-compile"), mlir, f"--quantize={scheme}",
                   "--first-and-last", "--activations=wide", "-o"]
        program = os.path.join(args.out, f"load.{scheme}.qmm")
        host = program + ".cpu"
        if not run(command + [host]) or not run(command + [program, target]):
            failed += 1
            continue
        for layer in list_layers(tool, wide):
            expected = f"load.{scheme}.{layer['name']}.expected.safetensors"
            source = inputs[layer["k"]]
            run([tool("quant-run"), host, f"--entry={layer['name']}",
                 f"--inputs={os.path.join(args.out, source)}",
                 f"--outputs={os.path.join(args.out, expected)}"])
            cases.append({"program": f"load.{scheme}.qmm",
                          "entry": layer["name"], "inputs": source,
                          "expected": expected, "compared": True,
                          "bound": LAYER_BOUND})
        os.remove(host)
    os.remove(mlir)

    jax = os.path.join(args.data, "jax")
    for path in sorted(glob.glob(os.path.join(jax, "*.generic.mlir"))):
        stem = os.path.basename(path)[: -len(".generic.mlir")]
        data = f"{stem}.io.safetensors"
        shutil.copy(os.path.join(jax, data), args.out)
        if not run([tool("quant-compile"), path, target, "-o",
                    os.path.join(args.out, f"{stem}.qmm")]):
            failed += 1
            continue
        cases.append({"program": f"{stem}.qmm", "entry": "", "inputs": data,
                      "expected": data, "compared": True, "bound": JAX_BOUNDS.get(stem, 1e-2)})

    with open(os.path.join(args.out, "cases.json"), "w") as stream:
        json.dump(cases, stream, indent=1)
    print(f"{len(cases)} cases, {failed} programs didn't compile")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
