"""The lit suite of the compiler and the tools.

quant-opt verifies in every test that the module it was given survives a round
trip through text and through bytecode.  A test whose input can't (it isn't a
module that parses twice, or the round trip is what fails by design) says
`quant-opt-no-roundtrip` instead, and why.
"""
import os
import re
import shutil

import lit.formats

config.name = "QMM"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".c", ".cpp", ".py"]
config.test_source_root = os.path.join(config.qmm_src_root, "test")
# Unit is a suite of its own; Inputs and data hold no tests, and some scripts
# are what tests run.
config.excludes = [
    "Unit", "Inputs", "data", "CMakeLists.txt", "lit.cfg.py",
    "lit.site.cfg.py.in", "check_family.py", "check_layers.py", "reference.py"
]

config.environment["FILECHECK_OPTS"] = (
    "--enable-var-scope --dump-input-filter=all")
config.environment["PATH"] = os.path.pathsep.join(
    [config.qmm_tools_dir, config.llvm_tools_dir,
     config.environment.get("PATH", "")])
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "ASAN_OPTIONS",
             "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]


def substitute(word, command):
    """Replaces `word` where it is a command or an argument of its own."""
    config.substitutions.append(
        (r"(?<![\w./%-])" + re.escape(word) + r"(?![\w./-])", command))


quant_opt = os.path.join(config.qmm_tools_dir, "quant-opt")
substitute("quant-opt", quant_opt + " --verify-roundtrip")
substitute("quant-opt-no-roundtrip", quant_opt)
for tool in ("quant-import", "quant-compile", "quant-run", "quant-info",
             "quant-convert", "quant-lsp-server", "quant-reduce"):
    substitute(tool, os.path.join(config.qmm_tools_dir, tool))

config.substitutions += [
    ("%python", '"%s"' % config.python_executable),
    ("%data", os.path.join(config.test_source_root, "data")),
    ("%checkpoints",
     os.path.join(config.test_source_root, "data", "checkpoints")),
    ("%examples", os.path.join(config.qmm_src_root, "examples")),
    ("%runtime_include",
     os.path.join(config.qmm_src_root, "runtime", "include")),
    ("%qmm_src_root", config.qmm_src_root),
    ("%qmm_obj_root", config.qmm_obj_root),
    ("%qmm_lib_dir", config.qmm_lib_dir),
    ("%qmm_tools_dir", config.qmm_tools_dir),
    ("%mlir_dir", config.mlir_dir),
    ("%host_cc", config.host_cc),
    ("%host_cxx", config.host_cxx),
    ("%cmake_generator", '"%s"' % config.cmake_generator),
    ("%cmake", config.cmake_command),
]

config.available_features.add("host-" + config.host_arch)

# As findPtxas looks for it.
ptxas = shutil.which("ptxas") or next(
    (path for variable in ("CUDA_PATH", "CUDA_HOME")
     if variable in os.environ
     and os.access(path := os.path.join(os.environ[variable], "bin", "ptxas"),
                   os.X_OK)), None)
if ptxas:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", ptxas))
