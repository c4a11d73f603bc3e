# ===- Inputs/compare.py - Two checkpoints, tensor by tensor ---------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: compare.py A B [--but=COMPONENT]...

Prints whether the metadata are equal, then each tensor that isn't in both or
differs, and how many bytes of it; tensors with such a last component aside."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Inputs"))
import tensor_file  # noqa: E402

paths = [arg for arg in sys.argv[1:] if not arg.startswith("--")]
but = {arg[6:] for arg in sys.argv[1:] if arg.startswith("--but=")}
left, right = map(tensor_file.read, paths)
metadata = [tensor_file.read_header(path)[1] for path in paths]
print("metadata", "equal" if metadata[0] == metadata[1] else "differ")
same = 0
for name in sorted({*left, *right}):
    if name.rsplit(".", 1)[-1] in but:
        continue
    if name not in left or name not in right:
        print("only in", "B" if name in right else "A", name)
    elif left[name] != right[name]:
        a, b = left[name], right[name]
        count = sum(x != y for x, y in zip(a[2], b[2]))
        print(name, *a[:2], *b[:2], count, "bytes differ")
    else:
        same += 1
print(same, "tensors equal")
