#!/usr/bin/env python3
# layer-table.py - Runs each compiled layer and prints what quantization did.
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Used by run-checkpoint.sh, after it compiled model.qmm (and reference.qmm).

For each layer of the checkpoint: its format and shape, its bytes against
bf16's, and the relative error |y - y_ref| / |y_ref| (2-norm) of its output
against the reference's on the same input.  Needs nothing but Python.
"""
import argparse
import array
import json
import math
import os
import random
import struct
import subprocess
import sys


def read_header(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return header, 8 + size


def read_floats(path):
    """(shape, values) of the first tensor of a file that quant-run wrote."""
    header, base = read_header(path)
    tensor = min(header.values(), key=lambda t: t["data_offsets"][0])
    begin, end = tensor["data_offsets"]
    with open(path, "rb") as file:
        file.seek(base + begin)
        data = file.read(end - begin)
    if tensor["dtype"] == "F32":
        return tensor["shape"], array.array("f", data)
    if tensor["dtype"] == "F16":
        return tensor["shape"], [v for (v,) in struct.iter_unpack("<e", data)]
    if tensor["dtype"] == "BF16":
        wide = bytearray(2 * len(data))
        wide[2::4], wide[3::4] = data[0::2], data[1::2]
        return tensor["shape"], array.array("f", bytes(wide))
    raise SystemExit(f"{path}: outputs of type {tensor['dtype']} aren't read here")


def write_random(path, rows, columns):
    """A (rows, columns) bf16 tensor `x` of normal numbers, always the same."""
    source = random.Random(columns)
    data = bytearray()
    for _ in range(rows * columns):
        data += struct.pack("<f", source.gauss(0, 1))[2:]
    header = json.dumps({"x": {"dtype": "BF16", "shape": [rows, columns],
                               "data_offsets": [0, len(data)]}}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + data)
    return path


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}"
                 f"exit status {done.returncode}")
    return done.stdout


def relative_error(values, reference):
    difference = math.fsum((a - b) ** 2 for a, b in zip(values, reference))
    return math.sqrt(difference / math.fsum(b * b for b in reference))


def human(count):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024


def show(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(c.ljust(w) if i < 2 else c.rjust(w)
                        for i, (c, w) in enumerate(zip(row, widths))).rstrip())
        if number == 0:
            print("  ".join("-" * w for w in widths))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("reference", nargs="?")
    parser.add_argument("--input", action="append", default=[])
    parser.add_argument("--rows", type=int, default=37)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--work", required=True)
    args = parser.parse_args()

    inputs = {}  # K -> file
    for path in args.input:
        header, _ = read_header(path)
        inputs[next(iter(header.values()))["shape"][-1]] = path

    quant_run = os.path.join(args.bin, "quant-run")
    listing = json.loads(run(os.path.join(args.bin, "quant-import"), "--list",
                             "--json", args.checkpoint))
    table = [("layer", "format", "shape", "bytes", "in bf16", "saved", "error")]
    total = wide_total = 0
    for layer in listing["layers"]:
        name, n, k = layer["name"], layer["n"], layer["k"]
        if k not in inputs:
            inputs[k] = write_random(
                os.path.join(args.work, f"input-{k}.safetensors"), args.rows, k)
        outputs = []
        for program in ["model"] + (["reference"] if args.reference else []):
            output = os.path.join(args.work, f"{program}.{name}.safetensors")
            run(quant_run, os.path.join(args.work, program + ".qmm"),
                "--entry=" + name, "--inputs=" + inputs[k],
                "--outputs=" + output)
            outputs.append(read_floats(output))
        if args.reference and outputs[0][0] != outputs[1][0]:
            sys.exit(f"{name}: output shape {outputs[0][0]} in the checkpoint, "
                     f"{outputs[1][0]} in the reference")
        error = ("%.2e" % relative_error(outputs[0][1], outputs[1][1])
                 if args.reference else "-")
        size, wide = layer["bytes"], 2 * n * k
        total, wide_total = total + size, wide_total + wide
        table.append((name, layer["format"] or "-", f"{n} x {k}", human(size),
                      human(wide), f"{100 - 100 * size / wide:.0f} %", error))
    table.append(("all", "", "", human(total), human(wide_total),
                  f"{100 - 100 * total / wide_total:.0f} %", ""))
    show(table)
    print("\nbytes: weights with their scales. error: relative, 2-norm, of the "
          "layer's output"
          + (f"\nagainst the same layer of {os.path.basename(args.reference)}."
             if args.reference else "; needs a reference checkpoint."))


if __name__ == "__main__":
    main()
