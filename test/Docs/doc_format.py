"""A lit format that executes the documentation.

Two kinds of test:
  README.md:12               the ```mlir block that starts at line 12 parses,
                             verifies and survives a round trip
  docs/generated/P.md:page   the committed page equals the generated one

A block that holds `func.func` or `module` is fed to quant-opt as it is.  Any
other block is a fragment: it becomes the body of a function (alias definitions
stay outside it), and a value that it uses without defining becomes an argument
whose type is the one that its first use names.  A fragment made only of types
(`!…`) or attributes (`#…`), one a line, becomes the types and attributes of a
function declaration.
"""
import glob
import os
import re
import subprocess
import sys

try:
    import lit.formats
    import lit.Test
    Base = lit.formats.TestFormat
except ImportError:  # run as a script, see main()
    Base = object

FLAGS = ["--verify-roundtrip", "--allow-unregistered-dialect"]
EXPECTED_TYPE = re.compile(
    r"use of value '(%[\w$.-]+)' expects different type than prior uses: "
    r"'(.*)' vs 'none'")


def documents(source_root):
    found = [os.path.join(source_root, "README.md")]
    found += glob.glob(os.path.join(source_root, "docs", "**", "*.md"),
                       recursive=True)
    return sorted(p for p in found if os.path.exists(p))


def blocks(path):
    """(first line, text) of each ```mlir block."""
    found, start, indent, lines = [], None, 0, []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fence = re.match(r"( *)```\s*(\w*)\s*$", line)
            if start is None:
                if fence and fence.group(2) == "mlir":
                    start, indent, lines = number, len(fence.group(1)), []
            elif fence:
                found.append((start, "".join(lines)))
                start = None
            else:
                lines.append(line[indent:] if not line[:indent].strip() else line)
    if start is not None:
        raise ValueError(f"{path}:{start}: ```mlir block isn't closed")
    return found


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def free_values(text):
    """Values used but not defined in a fragment, in order of first use."""
    code = re.sub(r'"(?:[^"\\]|\\.)*"', '""', without_comments(text))
    names = r"%[\w$.-]+(?::\d+)?"
    defined = set()
    for results in re.findall(rf"^\s*({names}(?:\s*,\s*{names})*)\s*=", code,
                              re.M):
        defined.update(re.findall(r"%[\w$.-]+", results))
    for arguments in re.findall(r"\^\w+\(([^)]*)\)", code):
        defined.update(re.findall(r"(%[\w$.-]+)\s*:", arguments))
    for arguments in re.findall(r"\w+_args\(([^)]*)\)", code):
        defined.update(re.findall(r"(%[\w$.-]+)\s*=", arguments))
    defined.update(re.findall(r"\bfor\s+(%[\w$.-]+)", code))
    used = []
    for name in re.findall(r"%[A-Za-z0-9_$.-]+", code):
        if name not in defined and name not in used:
            used.append(name)
    return used


def module_of(text, types):
    """The module that a block stands for; types: of the free values."""
    if re.search(r"\bfunc\.func\b|^\s*(?:builtin\.)?module\b", text, re.M):
        return text
    code = [l for l in without_comments(text).splitlines() if l.strip()]
    if code and all(re.match(r"[!#](?!.*=\s*[!#]).*", l) for l in code):
        args = ", ".join(l for l in code if l.startswith("!"))
        attrs = ", ".join("example.a%d = %s" % (i, l) for i, l in enumerate(
            l for l in code if l.startswith("#")))
        return "func.func private @example(%s)%s\n" % (
            args, " attributes {%s}" % attrs if attrs else "")
    alias = [l for l in code if re.match(r"[!#][\w.]+\s*=", l)]
    body = [l for l in text.splitlines() if l not in alias]
    returns = bool(re.match(r"\s*(func\.)?return\b", code[-1])) if code else False
    header = "func.func @example(%s) {" % ", ".join(
        "%s: %s" % (n, types.get(n, "none")) for n in free_values(text))
    return "\n".join(alias + [header] + body +
                     ([] if returns else ["return"]) + ["}"]) + "\n"


def check(text, quant_opt):
    """(ok, log) of one block."""
    types = {}
    while True:
        source = module_of(text, types)
        run = subprocess.run([quant_opt] + FLAGS, input=source, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if run.returncode == 0:
            return True, ""
        wrong = EXPECTED_TYPE.search(run.stderr)
        if not wrong or wrong.group(1) in types:
            return False, "%s\n--- as fed to quant-opt:\n%s" % (run.stderr,
                                                                source)
        types[wrong.group(1)] = wrong.group(2)


def read(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return file.read()


class DocFormat(Base):

    def __init__(self, source_root, pages, quant_opt):
        self.source_root = source_root
        self.pages = pages
        self.quant_opt = quant_opt

    def getTestsInDirectory(self, testSuite, path_in_suite, litConfig,
                            localConfig):
        committed = os.path.join(self.source_root, "docs", "generated")
        for name in sorted({
                os.path.basename(p)
                for folder in (committed, self.pages)
                for p in glob.glob(os.path.join(folder, "*.md"))
        }):
            yield lit.Test.Test(
                testSuite, path_in_suite +
                ("docs/generated/%s:page" % name,), localConfig)
        for path in documents(self.source_root):
            where = os.path.relpath(path, self.source_root)
            for line, _ in blocks(path):
                yield lit.Test.Test(testSuite, path_in_suite +
                                    ("%s:%d" % (where, line),), localConfig)

    def execute(self, test, litConfig):
        where, which = test.path_in_suite[-1].rsplit(":", 1)
        path = os.path.join(self.source_root, where)
        if which == "page":
            generated = read(os.path.join(self.pages, os.path.basename(where)))
            if generated is None:
                return lit.Test.FAIL, "no ODS file generates " + where
            if generated != read(path):
                return (lit.Test.FAIL, where + " isn't what the ODS files say; "
                        "rewrite it with `cmake --build build -t qmm-doc`")
            return lit.Test.PASS, ""
        text = dict(blocks(path))[int(which)]
        ok, log = check(text, self.quant_opt)
        return (lit.Test.PASS, "") if ok else (lit.Test.FAIL, log)


def main():
    """doc_format.py QUANT_OPT FILE.md…: the same check, by hand."""
    failed = 0
    for path in sys.argv[2:]:
        for line, text in blocks(path):
            ok, log = check(text, sys.argv[1])
            print("%s %s:%d" % ("ok  " if ok else "FAIL", path, line))
            if not ok:
                failed += 1
                print(log)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
