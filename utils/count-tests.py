#!/usr/bin/env python3
# count-tests.py - Sums the results of several test runners.
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: count-tests.py FILE...

A FILE is CTest's JUnit output (.xml), lit's -o output (.json), or a saved
closing line 'N passed, N failed[, N skipped]' (.txt).  Prints the sum on one
line, the names of the failures before it.  A missing or unreadable file counts
as one failure.  Exits 0 when something ran and nothing failed.
"""
import json
import re
import sys
import xml.etree.ElementTree as xml

LIT_PASSED = {"PASS", "XFAIL", "FLAKYPASS"}
LIT_SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}


def from_lit(path):
    with open(path, encoding="utf-8") as file:
        tests = json.load(file)["tests"]
    for test in tests:
        code = test["code"]
        kind = ("passed" if code in LIT_PASSED else
                "skipped" if code in LIT_SKIPPED else "failed")
        yield kind, test["name"], 1


def from_ctest(path):
    for case in xml.parse(path).getroot().iter("testcase"):
        status = case.get("status")
        # CTest 3.25 calls a test that didn't start "notrun"; a test that asked
        # to be skipped has a <skipped> element as well.
        skipped = (status == "disabled" or
                   (case.find("skipped") is not None and status != "fail"))
        kind = ("failed" if status == "fail" or case.find("failure") is not None
                else "skipped" if skipped else
                "passed" if status == "run" else "failed")
        yield kind, "runtime :: " + case.get("name"), 1


def from_line(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().strip().splitlines()
    line = re.fullmatch(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?",
                        lines[-1] if lines else "")
    if not line:
        raise ValueError("its last line isn't 'N passed, N failed'")
    for kind, count in zip(("passed", "failed", "skipped"), line.groups()):
        if count:
            yield kind, "", int(count)


READERS = {".json": from_lit, ".xml": from_ctest, ".txt": from_line}


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in sys.argv[1:]:
        try:
            for kind, name, count in READERS[path[path.rindex("."):]](path):
                counts[kind] += count
                if kind == "failed" and name:
                    print("FAILED:", name)
        except (OSError, ValueError, KeyError, xml.ParseError) as error:
            print("FAILED: no results in %s: %s" % (path, error))
            counts["failed"] += 1
    line = "%d passed, %d failed" % (counts["passed"], counts["failed"])
    if counts["skipped"]:
        line += ", %d skipped" % counts["skipped"]
    print(line)
    return 0 if counts["failed"] == 0 and counts["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
