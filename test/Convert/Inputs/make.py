# ===- Inputs/make.py - Checkpoints of tests -------------------------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: make.py KIND OUT"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Inputs"))
import numpy as np  # noqa: E402
import tensor_file  # noqa: E402

weight = np.linspace(-2, 3, 32 * 64, dtype=np.float32).reshape(32, 64)


def nonfinite():
    bad = weight.copy()
    bad[3, 5] = bad[3, 6] = np.nan
    bad[7, 1] = -np.inf
    return {"blocks.0.fc.weight": ("F32", bad),
            "blocks.1.fc.weight": ("F32", weight)}


def embedding():
    return {"tok_embeddings.weight": ("F32", weight),
            "layers.0.fc.weight": ("F32", weight),
            "layers.0.norm.weight": ("F32", weight[0]),
            "lm_head.weight": ("F32", weight)}


def legacy():
    codes = (np.arange(32 * 64) % 120).astype(np.uint8).reshape(32, 64)
    return {"scaled_fp8": ("F8_E4M3", np.zeros(0, np.uint8)),
            "blocks.0.fc.weight": ("F8_E4M3", codes),
            "blocks.0.fc.scale_weight": ("F32", np.float32(0.25)),
            "blocks.0.fc.scale_input": ("F32", np.float32(0.5)),
            "blocks.0.fc.bias": ("F32", weight[:, 0])}


def huge():
    return {"blocks.0.fc.weight": ("F32", weight * np.float32(1e6))}


def quantized_huge():
    codes = np.full((32, 64), 0x7E, np.uint8)
    return {"scaled_fp8": ("F8_E4M3", np.zeros(0, np.uint8)),
            "blocks.0.fc.weight": ("F8_E4M3", codes),
            "blocks.0.fc.scale_weight": ("F32", np.float32(1e6))}


tensor_file.write(sys.argv[2], globals()[sys.argv[1]]())
