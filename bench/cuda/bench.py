#!/usr/bin/env python3
# ===- bench/cuda/bench.py - FP8 linear layers against torch -----------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: bench.py linears.qmm libqmm_runtime.so [--seconds=480] [--json=FILE]
                [--shapes=NxK,...] [--m=1,16,...] [--no-compile]

FP8 linear layers (bf16 in and out, bias) and the GEMM alone: ours, torch eager
and torch.compile, in one run, on random data.  Inside CUDA graphs of 20 calls
or more, weights rotated through 150 MB or more, activations hot; candidates
interleaved A B B A, medians of replays.  Microseconds a call."""

import argparse
import json
import statistics
import sys
import time

import torch

from qmm import Program

SHAPES = [(3072, 3072), (12288, 3072), (3072, 12288), (8192, 8192)]
ROWS = [1, 16, 128, 1024, 4096]
FP8_MAX = 448.0


def quantize(x, scale):
    return (x.float() / scale).clamp(-FP8_MAX, FP8_MAX).to(torch.float8_e4m3fn)


def torch_static(x, w, ws, xs, b):
    return torch._scaled_mm(quantize(x, xs), w.t(), xs, ws, bias=b,
                            out_dtype=torch.bfloat16, use_fast_accum=True)


def torch_dynamic(x, w, ws, b):
    scale = x.abs().amax().float() / FP8_MAX
    return torch._scaled_mm(quantize(x, scale), w.t(), scale.reshape(1, 1), ws, bias=b,
                            out_dtype=torch.bfloat16, use_fast_accum=True)


class Layer:
    """The operands of one shape: weights in as many copies as 150 MB need."""

    def __init__(self, m, n, k):
        self.m, self.n, self.k = m, n, k
        copies = max(2, -(-150_000_000 // (n * k)))
        make = lambda *shape: torch.randn(*shape, device="cuda")
        self.x = make(m, k).bfloat16()
        self.xs = (self.x.abs().amax().float() / FP8_MAX).reshape(())
        self.x8 = quantize(self.x, self.xs)
        self.b = make(n).bfloat16()
        self.w, self.ws = [], []
        for _ in range(copies):
            w = make(n, k) * 0.05
            scale = (w.abs().amax() / FP8_MAX).reshape(())
            self.w.append(quantize(w, scale))
            self.ws.append(scale)
        self.out = torch.empty(m, n, device="cuda", dtype=torch.bfloat16)
        self.reference = (
            self.x8.double() * self.xs.double() @
            (self.w[0].double() * self.ws[0].double()).t() + self.b.double())

    def candidates(self, program, compiled):
        one = lambda t: t.reshape(1, 1)
        ours = lambda kind, inputs: [
            program.call(f"{kind}_{self.n}_{self.k}", inputs(w, ws), [self.out])
            for w, ws in zip(self.w, self.ws)]
        calls = lambda f: [lambda w=w, ws=ws: f(w, ws)
                           for w, ws in zip(self.w, self.ws)]
        result = {
            "gemm torch": calls(lambda w, ws: torch._scaled_mm(
                self.x8, w.t(), one(self.xs), one(ws), bias=self.b,
                out_dtype=torch.bfloat16, use_fast_accum=True)),
            "gemm ours": ours("gemm", lambda w, ws: [self.x8, w, ws, self.xs,
                                                     self.b]),
            "static ours": ours("static", lambda w, ws: [self.x, w, ws, self.xs,
                                                         self.b]),
            "dynamic ours": ours("dynamic", lambda w, ws: [self.x, w, ws,
                                                           self.b]),
        }
        if compiled:
            static = torch.compile(torch_static, dynamic=False)
            dynamic = torch.compile(torch_dynamic, dynamic=False)
            result["static compile"] = calls(
                lambda w, ws: static(self.x, w, one(ws), one(self.xs), self.b))
            result["dynamic compile"] = calls(
                lambda w, ws: dynamic(self.x, w, one(ws), self.b))
        return result


def check(name, call, reference):
    found = call().double()
    error = ((found - reference).norm() / reference.norm()).item()
    if not error < 3e-2:  # FP8's accumulation and bf16's rounding
        raise SystemExit(f"{name}: relative error {error:.3g}")
    return error


def capture(calls):
    count = max(20, len(calls))
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            for call in calls[:2]:
                call()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for i in range(count):
            calls[i % len(calls)]()
    return graph, count


def time_replay(graph, count):
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    graph.replay()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) * 1e3 / count


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("library")
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--json")
    parser.add_argument("--shapes")
    parser.add_argument("--m")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--autotune", action="store_true")
    args = parser.parse_args()
    shapes = ([tuple(map(int, s.split("x"))) for s in args.shapes.split(",")]
              if args.shapes else SHAPES)
    rows = list(map(int, args.m.split(","))) if args.m else ROWS
    deadline = time.time() + args.seconds
    program = Program(args.library, args.program, args.autotune)
    print(program.describe(), "torch", torch.__version__)
    torch.manual_seed(1)
    results = []
    for n, k in shapes:
        for m in rows:
            if time.time() > deadline:
                print("out of time")
                return
            layer = Layer(m, n, k)
            candidates = layer.candidates(program, not args.no_compile)
            errors = {name: check(name, calls[0], layer.reference)
                      for name, calls in candidates.items()}
            graphs = {name: capture(calls) for name, calls in candidates.items()}
            times = {name: [] for name in graphs}
            names = list(graphs)
            for order in (names, names[::-1]) * 6:
                for name in order:
                    times[name].append(time_replay(*graphs[name]))
            median = {name: statistics.median(t[2:]) for name, t in times.items()}
            results.append({"n": n, "k": k, "m": m, "us": median,
                            "errors": errors})
            print(f"{n}x{k} M={m}: " + ", ".join(
                f"{name} {t:.2f}" for name, t in median.items()), flush=True)
            if args.json:
                with open(args.json, "w") as stream:
                    json.dump(results, stream, indent=1)
            del graphs, candidates, layer
            torch._dynamo.reset()


if __name__ == "__main__":
    sys.exit(main())
