# ===- Inputs/family.py - NVFP4 of three families --------------------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: family.py COMFY MODELOPT

Whether each nvfp4 layer of the first file, untiled, unpadded and with its
nibbles swapped, is the second's."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Inputs"))
import numpy as np  # noqa: E402
import tensor_file  # noqa: E402


def untile(scales, rows, columns):
    """From tiles of 128 x 4: offset ((r / 128) * C / 4 + c / 4) * 512 +
    (r % 32) * 16 + (r % 128) / 32 * 4 + c % 4."""
    r, c = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    tiles = -(-columns // 4)
    return scales.reshape(-1)[((r // 128) * tiles + c // 4) * 512
                              + (r % 32) * 16 + (r % 128) // 32 * 4 + c % 4]


comfy, other = map(tensor_file.read, sys.argv[1:3])
layers = [name[:-12] for name in comfy if name.endswith(".comfy_quant")]
for layer in layers:
    n, k = json.loads(comfy[layer + ".comfy_quant"][2])["orig_shape"]
    _, shape, raw = comfy[layer + ".weight"]
    codes = np.frombuffer(raw, np.uint8).reshape(shape)[:n, :k // 2]
    scales = np.frombuffer(comfy[layer + ".weight_scale"][2], np.uint8)
    expected = {
        ".weight": (codes << 4 | codes >> 4).tobytes(),
        ".weight_scale": untile(scales, n, k // 16).tobytes(),
        ".weight_scale_2": comfy[layer + ".weight_scale_2"][2]}
    for component, data in expected.items():
        if other[layer + component][2] != data:
            sys.exit(f"{layer}{component} differs")
    print(layer, n, k, "is equal")
extra = [name for name in other if "comfy" in name]
print(len(layers), "layers,", len(extra), "declarations of ComfyUI's")
