#!/usr/bin/env python3
# ===- Differential/generate.py - Random programs against float64 ---------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Draws programs with quantized matmuls, compiles and runs them, and compares
with an evaluation of the program as it was written.

  generate.py --seed 1 --count 300            # a few hundred cases
  generate.py --seed 2 --time 3600 --keep K   # an hour; failures go to K
  generate.py --replay FILE.json ...          # kept cases again
  generate.py --show FILE.json                # a case's MLIR

Exit status: 0 all cases hold, 1 some fail."""

import argparse
import collections
import json
import pathlib
import platform
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from build import build
from grammar import draw, features
from runner import Tools, is_idempotent, run_cases
from shrink import shrink, signature

GROUP = 30  # cases compiled as one module


def draw_case(seed, number, only=(), without=()):
    """The case of a number: the first with some features and none of others."""
    for attempt in range(10000):
        case = draw(random.Random("%d:%d:%d" % (seed, number, attempt)))
        found = features(case)
        if all(any(word in f for f in found) for word in only) and \
                not any(word in f for f in found for word in without):
            return case
    raise SystemExit("no such case within 10000 attempts; --list-features "
                     "lists what there is")


def host_isa():
    """One instruction set compiles three times as fast as all."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return "aarch64"
    info = pathlib.Path("/proc/cpuinfo")
    flags = info.read_text() if info.exists() else ""
    return "x86-64-v3" if "avx2" in flags else "x86-64"


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100, metavar="N")
    parser.add_argument("--time", type=float, metavar="S",
                        help="go on for S seconds instead of N cases")
    parser.add_argument("--only", action="append", default=[], metavar="FEATURE",
                        help="only cases with this feature (repeat for more)")
    parser.add_argument("--without", action="append", default=[],
                        metavar="FEATURE", help="no cases with this feature")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR",
                        help="write failures there, shrunk")
    parser.add_argument("--jobs", type=int, default=1, metavar="N")
    parser.add_argument("--tools", metavar="DIR",
                        help="where the tools are (default: the PATH)")
    parser.add_argument("--isa", default="", metavar="NAME",
                        help="compile for this instruction set (default: the "
                        "machine's)")
    parser.add_argument("--roundings", default="relax",
                        choices=("relax", "keep"),
                        help="what becomes of roundings to bf16 and f16")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--replay", nargs="+", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--show", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--list-features", action="store_true")
    return parser.parse_args(arguments)


def report_failure(outcome, label, options, tools):
    print("FAILED %s: %s\n%s" % (label, outcome.kind, outcome.detail.strip()))
    if not options.no_shrink and not options.replay:
        outcome = shrink(outcome, lambda case: run_cases(tools, [case])[0])
        print("shrunk: %s" % outcome.detail.strip())
    program = build(outcome.case, "f")
    print("case: %s\n%s" % (json.dumps(outcome.case), program.text()))
    for matmul in outcome.matmuls:
        print("matmul: %s" % json.dumps(
            {key: matmul[key] for key in ("scheme_a", "scheme_b", "reason",
                                          "notes")}))
    print(flush=True)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        stem = options.keep / label.replace(" ", "-")
        stem.with_suffix(".json").write_text(json.dumps(
            {"failure": outcome.kind, "detail": outcome.detail.strip(),
             "case": outcome.case}, indent=1) + "\n")
        stem.with_suffix(".mlir").write_text(program.text() + "\n")


class Failures:
    """Reports the first few failures of each kind, and counts the others."""

    SHOWN = 3

    def __init__(self, options, tools):
        self.options, self.tools = options, tools
        self.counts = collections.Counter()

    def add(self, outcome, label):
        kind = signature(outcome)
        self.counts[kind] += 1
        limit = self.SHOWN if outcome.kind == "mismatch" else 1
        if self.options.replay or self.counts[kind] <= limit:
            report_failure(outcome, label, self.options, self.tools)

    def summarize(self):
        for (kind, text), count in self.counts.most_common():
            print("  %5d  %s%s" % (count, kind, text))


def summarize(outcomes, failures, seconds):
    """What was covered."""
    found, became = collections.Counter(), collections.Counter()
    for outcome in outcomes:
        found.update(features(outcome.case))
        for matmul in outcome.matmuls:
            became[matmul["reason"] or "rewritten"] += 1
        if outcome.kind == "unsupported":
            became["unsupported: " + outcome.detail] += 1
    print("features:")
    line = ""
    for feature, count in sorted(found.items()):
        item = "%s %d" % (feature, count)
        if len(line) + len(item) > 76:
            print("  " + line.rstrip(", ") + ",")
            line = ""
        line += item + ", "
    print("  " + line.rstrip(", "))
    print("matmuls:")
    for reason, count in became.most_common():
        print("  %5d  %s" % (count, reason))
    print("neighbouring codes of requantized products: %d"
          % sum(outcome.neighbours for outcome in outcomes))
    if failures.counts:
        print("failures:")
        failures.summarize()
    failed = sum(outcome.failed for outcome in outcomes)
    print("%d cases in %.0f s" % (len(outcomes), seconds))
    print("%d passed, %d failed" % (len(outcomes) - failed, failed))


def load(path):
    kept = json.loads(path.read_text())
    return kept.get("case", kept)


def main(arguments):
    options = parse(arguments)
    if options.list_features:
        seen = collections.Counter()
        for number in range(2000):
            seen.update(features(draw(random.Random(number))))
        print("\n".join(sorted(seen)))
        return 0
    if options.show:
        print(build(load(options.show), "f").text())
        return 0
    tools = Tools(options.tools, options.isa or host_isa(),
                  roundings=options.roundings)
    start = time.monotonic()
    outcomes, pool = [], ThreadPoolExecutor(options.jobs)
    failures = Failures(options, tools)

    def run_group(first):
        numbers = range(first, min(first + GROUP, options.count)
                        if not options.time else first + GROUP)
        drawn = [draw_case(options.seed, n, options.only, options.without)
                 for n in numbers]
        found = run_cases(tools, drawn)
        # One group in four, of what compiles.
        changed = ""
        if (first // GROUP) % 4 == 0:
            changed = is_idempotent(tools, [o.case for o in found
                                            if o.kind in ("ok", "mismatch")])
        return numbers, found, changed

    failed = False
    if options.replay:
        for path in options.replay:
            outcome = run_cases(tools, [load(path)])[0]
            outcomes.append(outcome)
            if outcome.failed:
                failures.add(outcome, path.stem)
    else:
        first = 0
        while options.time or first < options.count:
            if options.time and time.monotonic() - start > options.time:
                break
            firsts = [first + GROUP * job for job in range(options.jobs)]
            for numbers, found, changed in pool.map(run_group, firsts):
                outcomes += found
                for number, outcome in zip(numbers, found):
                    if outcome.failed:
                        failures.add(outcome, "seed %d case %d"
                                     % (options.seed, number))
                if changed:
                    failed = True
                    print("FAILED: recognition isn't idempotent in cases %d to "
                          "%d:\n%s" % (numbers[0], numbers[-1], changed))
            first += GROUP * options.jobs
    summarize(outcomes, failures, time.monotonic() - start)
    return int(failed or any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
