# ===- Inputs/tensor_file.py - safetensors files of tests ------------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# Bytes only: what they mean is for each test to know.  Shares nothing with the
# project's own reader and writer, which it tests.
#
# ===-----------------------------------------------------------------------===#
"""Reads and writes safetensors files."""

import json
import struct

import numpy as np


def read_header(path):
    """({name: entry}, metadata, where the data begins)."""
    with open(path, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        entries = json.loads(stream.read(length))
    metadata = entries.pop("__metadata__", {})
    return entries, metadata, 8 + length


def read(path):
    """{name: (dtype, shape, bytes)}."""
    entries, _, start = read_header(path)
    with open(path, "rb") as stream:
        stream.seek(start)
        data = stream.read()
    return {name: (entry["dtype"], entry["shape"],
                   data[slice(*entry["data_offsets"])])
            for name, entry in entries.items()}


def write(path, tensors):
    """tensors: {name: (dtype, array of that dtype's width)}."""
    header, data = {}, b""
    for name, (dtype, array) in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": dtype, "shape": list(np.shape(array)),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    write_raw(path, header, data)


def write_raw(path, header, data):
    """header: as the file has it, offsets included."""
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text + data)
