#!/usr/bin/env python3
# ===- Device/run.py - Runs prepared programs on a GPU -----------------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: run.py FOLDER [--device=cuda] [--filter=TEXT]

Runs the cases of a folder that prepare.py made and compares their results, in
float64.  Prints one line a case, and `N passed, N failed` last.  Needs numpy."""

import argparse
import json
import os
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--filter", default="")
    args = parser.parse_args()
    inside = lambda name: os.path.join(args.folder, name)
    sys.path.insert(0, args.folder)
    import reference

    with open(inside("cases.json")) as stream:
        cases = json.load(stream)
    found = inside("found.safetensors")
    passed = failed = 0
    for case in cases:
        name = f"{case['program']} {case['entry']}".strip()
        if args.filter not in name:
            continue
        command = [inside("quant-run"), inside(case["program"]),
                   f"--device={args.device}",
                   f"--inputs={inside(case['inputs'])}", f"--outputs={found}"]
        if case["compared"]:
            command += [f"--compare={inside(case['expected'])}",
                        f"--rtol={case['bound']}"]
        if case["entry"]:
            command.append(f"--entry={case['entry']}")
        result = subprocess.run(command, capture_output=True, text=True)
        what, ok = result.stderr.strip()[-400:], False
        if result.returncode == 0 and case["compared"]:
            what, ok = result.stdout.strip(), True
        elif result.returncode == 0:
            results = reference.Tensors(found)
            expected = reference.Tensors(inside(case["expected"]))
            (output,), (wanted,) = results.entries, expected.entries
            error = reference.relative_error(expected.values(wanted),
                                             results.values(output))
            what, ok = f"{error:.3e}", error <= case["bound"]
        passed += ok
        failed += not ok
        print(f"{'PASS' if ok else 'FAIL'} {name}: {what}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
