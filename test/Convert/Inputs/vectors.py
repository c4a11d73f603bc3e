# ===- Inputs/vectors.py - Another quantizer's bytes, through the tool -----===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# Needs no numbers: the inputs of the vectors become weights, and the converted
# file's bytes must be the vectors'.
#
# ===-----------------------------------------------------------------------===#
"""usage: vectors.py make VECTORS OUT | vectors.py check VECTORS SCHEME OUT"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Inputs"))
import tensor_file  # noqa: E402

KEYS = {"nvfp4": {".weight": ".q", ".weight_scale": ".bscale",
                  ".weight_scale_2": ".tscale"},
        "mxfp8": {".weight": ".q", ".weight_scale": ".bscale"}}


def cases(vectors):
    return [name[:-2] for name in vectors if name.endswith(".x")]


def make(vectors, path):
    header = {}
    data = b""
    for case in cases(vectors):
        dtype, shape, raw = vectors[case + ".x"]
        header[case + ".weight"] = {
            "dtype": dtype, "shape": shape,
            "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    tensor_file.write_raw(path, header, data)


def check(vectors, scheme, path):
    converted = tensor_file.read(path)
    equal = 0
    for case in cases(vectors):
        if scheme == "nvfp4":
            scale = vectors[f"{case}.nvfp4.tscale"][2]
            # A scale that vanished in f16 leaves nothing to compare with.
            if not any(scale):
                print(case, "has no tensor scale")
                continue
        for ours, theirs in KEYS[scheme].items():
            found = converted[case + ours][2]
            expected = vectors[f"{case}.{scheme}{theirs}"][2]
            if found != expected:
                different = sum(a != b for a, b in zip(found, expected))
                sys.exit(f"{case}{ours}: {different} of {len(found)} bytes "
                         f"differ, {len(expected)} expected")
        equal += 1
    print(equal, "vectors are equal")


def main():
    vectors = tensor_file.read(sys.argv[2])
    if sys.argv[1] == "make":
        make(vectors, sys.argv[3])
    else:
        check(vectors, sys.argv[3], sys.argv[4])


main()
