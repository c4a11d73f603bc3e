# ===- Differential/runner.py - Compiles, runs and compares cases ---------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# Many functions are compiled as one module, and each is run on its own.  A
# module that doesn't compile is halved until what is to blame stands alone.
#
# ===-----------------------------------------------------------------------===#
"""Runs cases through the tools and compares with their evaluation."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Inputs"))
import tensor_file
from build import build
from floats import STORAGE, decode, encode
from inputs import inputs_of
from scalars import Permissions


class Outcome:
    """What became of a case.  `kind` is "ok", or the kind of failure."""

    def __init__(self, case, kind="ok", detail="", matmuls=(), neighbours=0):
        self.case, self.kind, self.detail = case, kind, detail
        self.matmuls, self.neighbours = list(matmuls), neighbours

    @property
    def failed(self):
        return self.kind not in ("ok", "unsupported")


def write_tensors(path, tensors):
    """tensors: {name: (element type, float64 array)}."""
    tensor_file.write(path, {
        name: (STORAGE[element][0],
               encode(element, array).astype(STORAGE[element][1]))
        for name, (element, array) in tensors.items()})


_CRASH = re.compile(r"PLEASE submit a bug report|Assertion `|Stack dump|"
                    r"UNREACHABLE|LLVM ERROR|AddressSanitizer|runtime error:")


class Tools:
    """The programs under test, and where their files go."""

    def __init__(self, directory=None, isa="", timeout=120, roundings="relax"):
        self.directory, self.isa, self.timeout = directory, isa, timeout
        self.roundings = roundings

    def path(self, tool):
        return str(pathlib.Path(self.directory) / tool) if self.directory \
            else tool

    def call(self, tool, *arguments):
        try:
            done = subprocess.run([self.path(tool), *arguments],
                                  capture_output=True, timeout=self.timeout)
        except subprocess.TimeoutExpired:
            return -1, "", "no answer within %d s" % self.timeout
        return (done.returncode, done.stdout.decode(errors="replace"),
                done.stderr.decode(errors="replace"))

    def compile(self, mlir, work):
        """(artefact, report by function) or (None, (kind, message))."""
        source, program = work / "in.mlir", work / "out.qmm"
        report = work / "report.json"
        source.write_text(mlir)
        arguments = ["--roundings=" + self.roundings]
        if self.isa:
            arguments.append("--isa=" + self.isa)
        code, out, err = self.call("quant-compile", str(source), "-o",
                                   str(program), "--report=%s" % report,
                                   *arguments)
        if code != 0:
            crashed = code < 0 or code > 100 or _CRASH.search(err + out)
            kind = "crash" if crashed else "error" if "error:" in err \
                else "no diagnostic"
            return None, (kind, err + out)
        matmuls = {}
        for entry in json.loads(report.read_text())["matmuls"]:
            matmuls.setdefault(entry["function"], []).append(entry)
        return program, matmuls


# Programs that are known not to compile: which, and what must be said of them.
UNSUPPORTED = [
    (lambda case: "f4E2M1FN" in (case["a"]["element"], case["b"]["element"]),
     "share a byte"),
    (lambda case: any(move.get("runtime") for side in "ab"
                      for move in case[side].get("moves") or []),
     "a program can't read data to decide sizes"),
]


def classify(case, kind, message):
    """The outcome of a case that doesn't compile."""
    for applies, text in UNSUPPORTED:
        if kind == "error" and applies(case) and text in message:
            return Outcome(case, "unsupported", text)
    return Outcome(case, kind, message)


def permissions_of(matmuls):
    """What the notes of the report say that the rewrite does: types that values
    were rounded to, in an operand, in products of elements or behind the sum;
    that the sum is in f32 is what is always permitted."""
    roundings, reciprocal = set(), False
    for matmul in matmuls:
        for note in matmul.get("notes") or []:
            region = ("sum" if note.startswith("sum accumulated")
                      else "operand" if note[:3] in ("a: ", "b: ")
                      else "product" if note.startswith("product of elements")
                      else "epilogue")
            for element in re.findall(r"\b(bf16|f16)\b", note):
                roundings.add((region, element))
                if region == "product":
                    # Of which operand a scale is can't always be told.
                    roundings.add(("operand", element))
            reciprocal |= "reciprocal" in note
    refused = any(m["reason"] is not None for m in matmuls)
    rewritten = any(m["reason"] is None for m in matmuls)
    return Permissions(rewritten, refused, roundings, reciprocal)


def describe(index, value, got, interval):
    """Where an output differs, and by how much."""
    wrong = ~interval.accepts(got)
    where = tuple(int(i[0]) for i in np.nonzero(wrong)) if wrong.ndim else ()
    at = (lambda x: float(x[where]))
    with np.errstate(all="ignore"):
        norm = np.linalg.norm(np.nan_to_num(interval.ref))
        error = np.linalg.norm(np.nan_to_num(got - interval.ref)) / norm \
            if norm else float("inf")
    return ("out%d (%s): %d of %d elements; at %s %r, expected %r within "
            "[%r, %r]; relative 2-norm of the error %.2e" % (
                index, value.type, wrong.sum(), wrong.size, list(where),
                at(got), at(interval.ref), at(interval.lo), at(interval.hi),
                error))


def run_one(tools, case, program, artefact, matmuls, work):
    inputs = inputs_of(case, program)
    inFile, outFile = work / "in.safetensors", work / "out.safetensors"
    if outFile.exists():
        outFile.unlink()
    write_tensors(inFile, {v.name[1:]: (v.element, x) for (v, _), x
                           in zip(program.inputs, inputs)})
    code, out, err = tools.call(
        "quant-run", str(artefact), "--entry=" + program.name,
        "--inputs=%s" % inFile, "--outputs=%s" % outFile, "--threads=1")
    if code != 0:
        crashed = code < 0 or code > 100 or _CRASH.search(err)
        return Outcome(case, "run crash" if crashed else "run error", err + out,
                       matmuls)
    for matmul in matmuls:
        if matmul["reason"] == "":
            return Outcome(case, "no reason", "a matmul is left alone without "
                           "a reason", matmuls)
    if len(matmuls) != program.contractions:
        return Outcome(case, "report", "the report has %d matmuls, the program "
                       "%d" % (len(matmuls), program.contractions), matmuls)
    permissions = permissions_of(matmuls)
    if tools.roundings == "keep" and any(
            region != "sum" for region, _ in permissions.roundings):
        return Outcome(case, "not kept", "a note says that a rounding is gone",
                       matmuls)
    results = program.evaluate(inputs, permissions)
    tensors = tensor_file.read(outFile)
    neighbours = 0
    for i, (value, interval) in enumerate(zip(program.outputs, results)):
        dtype, shape, data = tensors["out%d" % i]
        if tuple(shape) != value.shape:
            return Outcome(case, "shape", "out%d is %s, expected %s"
                           % (i, shape, list(value.shape)), matmuls)
        raw = np.frombuffer(data, STORAGE[value.element][1]).reshape(shape)
        got = decode(value.element, raw)
        interval.ref = np.broadcast_to(interval.ref, got.shape) \
            if interval.ref.shape != got.shape else interval.ref
        if not interval.accepts(got).all():
            return Outcome(case, "mismatch", describe(i, value, got, interval),
                           matmuls)
        if value.element in ("f8E4M3FN", "f8E5M2"):
            neighbours += int((got != interval.ref).sum()
                              - (np.isnan(got) & np.isnan(interval.ref)).sum())
    return Outcome(case, "ok", "", matmuls, neighbours)


def run_cases(tools, cases, work=None):
    """Outcomes, in the order of the cases."""
    if work is None:
        with tempfile.TemporaryDirectory() as directory:
            return run_cases(tools, cases, pathlib.Path(directory))
    programs = [build(case, "f%d" % i) for i, case in enumerate(cases)]
    outcomes = [None] * len(cases)

    def group(indices):
        artefact, found = tools.compile(
            "\n".join(programs[i].text() for i in indices), work)
        if artefact is None:
            if len(indices) == 1:
                outcomes[indices[0]] = classify(cases[indices[0]], *found)
                return
            middle = len(indices) // 2
            group(indices[:middle])
            group(indices[middle:])
            return
        for i in indices:
            outcomes[i] = run_one(tools, cases[i], programs[i], artefact,
                                  found.get(programs[i].name, []), work)
    doubtful = [i for i, case in enumerate(cases)
                if any(applies(case) for applies, _ in UNSUPPORTED)]
    for i in doubtful:
        group([i])
    rest = [i for i in range(len(cases)) if i not in doubtful]
    if rest:
        group(rest)
    return outcomes


def is_idempotent(tools, cases):
    """Recognition of recognized IR changes nothing: "" or what it changed."""
    text = "\n".join(build(case, "f%d" % i).text()
                     for i, case in enumerate(cases))
    once = ("qmm-recognize-contractions{roundings=%s},"
            "qmm-recognize-dynamic-quantization,qmm-fuse-epilogue{roundings=%s}"
            % (tools.roundings, tools.roundings))
    results = []
    with tempfile.TemporaryDirectory() as directory:
        source = pathlib.Path(directory) / "in.mlir"
        source.write_text(text)
        for passes in (once, once + "," + once):
            code, out, err = tools.call(
                "quant-opt", str(source),
                "--pass-pipeline=builtin.module(func.func("
                "%s,canonicalize,cse))" % passes)
            if code != 0:
                return "quant-opt fails: " + err
            results.append(out)
    if results[0] == results[1]:
        return ""
    for first, second in zip(results[0].splitlines(), results[1].splitlines()):
        if first != second:
            return "once:  %s\ntwice: %s" % (first, second)
    return "one is longer than the other"
