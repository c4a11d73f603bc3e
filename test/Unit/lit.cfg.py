"""The gtest binaries under test/Unit, one lit test per case."""
import os

import lit.formats

config.name = "QMM-Unit"
config.suffixes = []
config.test_source_root = config.test_exec_root
config.test_format = lit.formats.GoogleTest(".", "Tests")
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "ASAN_OPTIONS",
             "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
