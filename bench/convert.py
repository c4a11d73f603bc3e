#!/usr/bin/env python3
# ===- bench/convert.py - How fast checkpoints are converted ---------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: convert.py [--gigabytes=8] [--tools=build/bin] [--folder=DIR]
                  [--schemes=nvfp4,fp8] [--cold] [--limits]

Generates a bf16 checkpoint of that size (4096 x 4096 weights of random numbers)
in DIR, which needs twice the space, and prints the rate at which this machine
copies it (read, write, sync: what converting can't be faster than), the rate of
quant-convert, their ratio, and the most memory it held.  Rates are bytes read
and written, by the second.  Where numpy and ml_dtypes are installed, fp8 and
nvfp4 of one layer through them, too (one thread, no files).  --cold drops the file from the page cache before each run.
--limits fails under 70 % of the copy's rate or 20 times numpy's."""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "test" / "Inputs"))
import numpy as np  # noqa: E402
import tensor_file  # noqa: E402

N = K = 4096
CHUNK = 16 << 20


def generate(path, gigabytes):
    """Random bf16 weights: the high halves of normal f32 numbers."""
    layers = max(1, int(gigabytes * 1e9 / (2 * N * K)))
    header, offset = {}, 0
    for i in range(layers):
        header[f"blocks.{i}.fc.weight"] = {
            "dtype": "BF16", "shape": [N, K],
            "data_offsets": [offset, offset + 2 * N * K]}
        offset += 2 * N * K
    tensor_file.write_raw(path, header, b"")
    random = np.random.default_rng(0)
    base = (random.standard_normal(N * K, np.float32) * 0.02).view(np.uint32)
    weight = (base >> 16).astype(np.uint16)
    with open(path, "ab") as stream:
        for i in range(layers):
            np.roll(weight, i * 977).tofile(stream)
        os.fsync(stream.fileno())
    return weight.reshape(N, K)


def drop(path):
    with open(path, "rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def copy(source, target):
    start = time.monotonic()
    with open(source, "rb", buffering=0) as reader, \
            open(target, "wb", buffering=0) as writer:
        buffer = memoryview(bytearray(CHUNK))
        while count := reader.readinto(buffer):
            writer.write(buffer[:count])
        os.fsync(writer.fileno())
    return time.monotonic() - start


def convert(tool, source, target, scheme):
    start = time.monotonic()
    process = subprocess.Popen([tool, source, f"--to={scheme}", "--quiet",
                                "-o", target])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{tool} failed")
    return time.monotonic() - start, usage.ru_maxrss * 1024


def numpy_rate(weight, scheme):
    """Elements a second of one thread."""
    import ml_dtypes
    x = weight[:1024].view(ml_dtypes.bfloat16)
    start = time.monotonic()
    wide = x.astype(np.float32)
    if scheme == "fp8":
        scale = np.abs(wide).max() / np.float32(448)
        (wide / scale).astype(ml_dtypes.float8_e4m3fn)
    else:
        scale = np.abs(wide).max() / np.float32(2688)
        blocks = wide.reshape(-1, 16)
        block = (np.abs(blocks).max(1, keepdims=True) / np.float32(6)
                 / scale).astype(ml_dtypes.float8_e4m3fn)
        quotient = blocks / (scale * block.astype(np.float32))
        codes = np.clip(quotient, -6, 6).astype(
            ml_dtypes.float4_e2m1fn).view(np.uint8).reshape(x.shape)
        codes[:, 0::2] << 4 | codes[:, 1::2]
    return x.size / (time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[0][7:])
    parser.add_argument("--gigabytes", type=float, default=8)
    parser.add_argument("--tools", default="build/bin")
    parser.add_argument("--folder")
    parser.add_argument("--schemes", default="nvfp4,fp8")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--limits", action="store_true")
    args = parser.parse_args()
    tool = str(pathlib.Path(args.tools) / "quant-convert")
    failed = False
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        source = os.path.join(folder, "in.safetensors")
        target = os.path.join(folder, "out.safetensors")
        weight = generate(source, args.gigabytes)
        size = os.path.getsize(source)
        elements = size // 2

        def fresh():
            if os.path.exists(target):
                os.remove(target)
            if args.cold:
                drop(source)

        best = None
        for _ in range(2):
            fresh()
            seconds = copy(source, target)
            best = min(best or seconds, seconds)
        copy_rate = 2 * size / best
        print(f"{size / 1e9:.2f} GB, {os.cpu_count()} CPUs")
        print(f"copy   {best:7.2f} s  {copy_rate / 1e9:6.2f} GB/s")
        for scheme in args.schemes.split(","):
            best, memory = None, 0
            for _ in range(2):
                fresh()
                seconds, peak = convert(tool, source, target, scheme)
                best, memory = min(best or seconds, seconds), max(memory, peak)
            moved = size + os.path.getsize(target)
            ratio = moved / best / copy_rate
            line = (f"{scheme:6} {best:7.2f} s  {moved / best / 1e9:6.2f} GB/s"
                    f"  {100 * ratio:4.0f} % of copying,"
                    f" peak {memory / 2**20:.0f} MiB")
            failed |= ratio < 0.7
            if scheme not in ("fp8", "nvfp4"):
                print(line, flush=True)
                continue
            try:
                times = elements / best / numpy_rate(weight, scheme)
                line += f", {times:.0f} x numpy"
                failed |= times < 20
            except ImportError:
                line += ", ml_dtypes isn't installed"
            print(line, flush=True)
    return int(failed and args.limits)


sys.exit(main())
