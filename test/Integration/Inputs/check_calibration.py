# ===- Inputs/check_calibration.py - A calibration against numpy ------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: check_calibration.py CALIBRATION.json LAYER INPUT.safetensors

A percentile may be up to a bin (3.2 %) above the magnitude at its rank."""

import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, os.pardir, "Inputs"))
import tensor_file  # noqa: E402

calibration, layer, path = sys.argv[1:]
measured = json.load(open(calibration))["layers"][layer]
(dtype, shape, data), = tensor_file.read(path).values()
assert dtype == "BF16"
bits = np.frombuffer(data, np.uint16).astype(np.uint32) << 16
values = np.sort(np.abs(bits.view(np.float32)))
assert measured["amax"] == values[-1], (measured["amax"], values[-1])
for percent, found in measured["percentiles"].items():
    rank = int(np.ceil(float(percent) / 100 * values.size)) - 1
    exact = values[rank]
    assert exact <= found <= exact * (1 + 1 / 31), (percent, found, exact)
