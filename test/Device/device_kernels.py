#!/usr/bin/env python3
# ===- Device/device_kernels.py - Device kernels against the numerics -------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# The kernels alone, launched through the driver as the runtime launches them:
# what they compute has to be what the shared library computes, byte for byte.
#
# ===-----------------------------------------------------------------------===#
"""Device kernels of the physical ops against the runtime's numerics.

  device_kernels.py generate --quant-opt=BIN --out=DIR [--chip=sm_90]
  device_kernels.py run DIR --runtime=libqmm_runtime.so [--bench]

`generate` needs the compiler and no GPU: it writes the kernels and what each
case launches.  `run` needs a GPU, numpy and cupy, and no compiler: every case
is compared with the shared library on the same input, then (--bench) kernels
are timed in CUDA graphs against a copy.  Exits with 1 if a byte differs."""

import argparse
import ctypes
import json
import os
import re
import subprocess
import sys

DTYPES = {"none": 0, "f32": 1, "bf16": 2, "f16": 3, "f8E4M3FN": 4,
          "f8E5M2": 5, "f4E2M1FN": 6, "f8E8M0FNU": 7, "i8": 8}
BYTES = {"f32": 4, "bf16": 2, "f16": 2, "f8E4M3FN": 1, "f8E5M2": 1,
         "f8E8M0FNU": 1, "i8": 1, "i32": 4}
LAYOUTS = {"linear": 0, "outer_major": 1, "blocks_128x128": 2, "tiled_128x4": 3}
NIBBLES = {"none": 0, "hi_first": 1, "lo_first": 2}

# Name: element, scale, block outer, block K, tensor scale.
SCHEMES = {
    "fp8": ("f8E4M3FN", "f32", 0, 0, 0),
    "fp8_e5m2": ("f8E5M2", "f32", 0, 0, 0),
    "fp8_row": ("f8E4M3FN", "f32", 1, 0, 0),
    "fp8_1x128": ("f8E4M3FN", "f32", 1, 128, 0),
    "fp8_128x128": ("f8E4M3FN", "f32", 128, 128, 0),
    "f8E4M3FN block = [64, 64] scale = f32": ("f8E4M3FN", "f32", 64, 64, 0),
    "f8E5M2 block = [1, 40] scale = f32": ("f8E5M2", "f32", 1, 40, 0),
    "i8 block = [*, 32] scale = f32": ("i8", "f32", 0, 32, 0),
    "f4E2M1FN block = [1, *] scale = f8E4M3FN tensor_scale":
        ("f4E2M1FN", "f8E4M3FN", 1, 0, 1),
    "f4E2M1FN block = [*, *] scale = f32": ("f4E2M1FN", "f32", 0, 0, 0),
    "mxfp8": ("f8E4M3FN", "f8E8M0FNU", 1, 32, 0),
    "mxfp8_e5m2": ("f8E5M2", "f8E8M0FNU", 1, 32, 0),
    "mxfp4": ("f4E2M1FN", "f8E8M0FNU", 1, 32, 0),
    "nvfp4": ("f4E2M1FN", "f8E4M3FN", 1, 16, 1),
    "int8": ("i8", "f32", 0, 0, 0),
    "int8_row": ("i8", "f32", 1, 0, 0),
    "int8_128x128": ("i8", "f32", 128, 128, 0),
}
MAX_FINITE = {"f8E4M3FN": 448.0, "f8E5M2": 57344.0, "f4E2M1FN": 6.0,
              "i8": 127.0}


def ceil_div(a, b):
    return -(-a // b)


def round_up(a, b):
    return ceil_div(a, b) * b


class Tensor:
    """A quantized tensor type: its text, and the shapes of its buffers."""

    def __init__(self, shape, wide, scheme, scales="linear", nibbles=None,
                 pad=(1, 1), scale_pad=1):
        self.shape, self.wide, self.scheme_name = list(shape), wide, scheme
        self.scheme = SCHEMES[scheme]
        self.element, self.scale, self.bo, self.bk, self.ts = self.scheme
        self.is4 = self.element == "f4E2M1FN"
        self.nibbles = nibbles or ("lo_first" if self.is4 else "none")
        self.scales, self.pad, self.scale_pad = scales, pad, scale_pad
        *batch, outer, k = shape
        self.whole = not self.bo and not self.bk
        stored_k = round_up(k, pad[1])
        self.data_shape = batch + [round_up(outer, pad[0]),
                                   ceil_div(stored_k, 2) if self.is4
                                   else stored_k]
        self.data_type = "i8" if self.is4 else self.element
        rows = ceil_div(outer, self.bo) if self.bo else 1
        cols = ceil_div(k, self.bk) if self.bk else 1
        if scales == "outer_major":
            rows, cols = cols, round_up(rows, scale_pad)
        elif scales == "blocks_128x128":
            cols = round_up(cols, 4)
        elif scales == "tiled_128x4":
            rows, cols = round_up(rows, 128), round_up(cols, 4)
        self.scale_shape = [] if self.whole else batch + [rows, cols]

    def text(self, dynamic=False):
        shape = [str(x) for x in self.shape]
        if dynamic:
            shape[-2] = "?"
        fields = []
        if self.scales != "linear":
            fields.append(f"scales = {self.scales}")
        if self.is4:
            fields.append(f"nibbles = {self.nibbles}")
        if self.pad != (1, 1):
            fields.append(f"pad = [{self.pad[0]}, {self.pad[1]}]")
        if self.scale_pad != 1:
            fields.append(f"scale_pad = {self.scale_pad}")
        return (f"!qmm.tensor<{'x'.join(shape)}x{self.wide}, "
                f"{', '.join([self.scheme_name] + fields)}>")

    def buffers(self):
        """(name, shape, type) of data, scales, tensor scale."""
        result = [("data", self.data_shape, self.data_type),
                  ("scale", self.scale_shape, self.scale)]
        if self.ts:
            result.append(("tensor_scale", [], "f32"))
        return result

    def descriptor(self):
        return {"shape": self.shape, "wide": self.wide,
                "scheme": [DTYPES[self.element], DTYPES[self.scale], self.bo,
                           self.bk, self.ts],
                "element": self.element,
                "layout": [LAYOUTS[self.scales], NIBBLES[self.nibbles],
                           self.pad[0], self.pad[1], self.scale_pad]}


def memref(shape, element, dynamic_axes=()):
    dims = ["?" if i in dynamic_axes else str(x) for i, x in enumerate(shape)]
    return "memref<" + "x".join(dims + [element]) + ">"


class Case:
    def __init__(self, kind, name, buffers, text, **info):
        self.kind, self.name, self.buffers, self.text = (kind, name, buffers,
                                                         text)
        self.info = info


def build_function(op, name, ins, outs, in_types, out_types, attributes,
                   dynamic):
    """Text of a function; ins and outs are (name, shape, type)."""
    def typed(buffer):
        shape = buffer[1]
        follows = dynamic and len(shape) >= 2 and buffer[0] in dynamic
        axes = [len(shape) - dynamic[buffer[0]]] if follows else []
        return memref(shape, buffer[2], axes)
    args = ", ".join(f"%a{i}: {typed(b)}" for i, b in enumerate(ins + outs))
    def group(buffers, first):
        names = ", ".join(f"%a{first + i}" for i in range(len(buffers)))
        types = ", ".join(typed(b) for b in buffers)
        return f"({names} : {types})"
    extra = "".join(f", {a}" for a in attributes)
    return (f"func.func @{name}({args}) {{\n"
            f"  qmm.phys.{op} ins{group(ins, 0)} outs{group(outs, len(ins))}"
            f" {{input_types = [{in_types}], output_types = [{out_types}]"
            f"{extra}}}\n  return\n}}\n")


def wide_text(shape, wide, dynamic):
    shape = [str(x) for x in shape]
    if dynamic:
        shape[-2] = "?"
    return f"tensor<{'x'.join(shape + [wide])}>"


def dynamic_axes(tensor):
    """Which buffers have the outer extent, as an axis from the end."""
    axes = {"x": 2, "data": 2}
    if tensor.bo == 1:
        axes["scale"] = 1 if tensor.scales == "outer_major" else 2
    return axes


def make_quantize(name, tensor, mode="computed", precision=None,
                  rounding="ceil", precise=False, dynamic=False):
    """mode: computed, tensor (scale given), given."""
    ins, outs = [("x", tensor.shape, tensor.wide)], []
    attributes = []
    for buffer in tensor.buffers():
        given = (mode == "given" and buffer[0] != "data" or
                 mode == "tensor" and buffer[0] == "tensor_scale")
        (ins if given else outs).append(buffer)
    if mode == "given":
        attributes.append("scale_given")
    if tensor.ts and mode != "computed":
        attributes.append("tensor_scale_given")
    if precision:
        attributes.append(f"precision = {precision}")
    if rounding != "ceil":
        attributes.append(f"e8m0_rounding = #qmm.e8m0_rounding<{rounding}>")
    if precise:
        attributes.append("scale_precision_input")
    text = build_function(
        "quantize", name, ins, outs,
        wide_text(tensor.shape, tensor.wide, dynamic), tensor.text(dynamic),
        attributes, dynamic_axes(tensor) if dynamic else None)
    params = [{"computed": 0, "tensor": 1, "given": 2}[mode],
              {"ceil": 0, "floor": 1, "even": 2}[rounding],
              DTYPES[precision] if precision else 0, int(precise)]
    return Case("quantize", name, ins + outs, text, num_inputs=len(ins),
                tensor=tensor.descriptor(), params=params)


def make_dequantize(name, tensor, dynamic=False):
    ins, outs = tensor.buffers(), [("x", tensor.shape, tensor.wide)]
    text = build_function(
        "dequantize", name, ins, outs, tensor.text(dynamic),
        wide_text(tensor.shape, tensor.wide, dynamic), [],
        dynamic_axes(tensor) if dynamic else None)
    return Case("dequantize", name, ins + outs, text, num_inputs=len(ins),
                tensor=tensor.descriptor())


def make_relayout(name, source, target):
    ins, outs = source.buffers(), target.buffers()[:2]
    text = build_function("relayout", name, ins, outs, source.text(),
                          target.text(), [], None)
    return Case("relayout", name, ins + outs, text, num_inputs=len(ins),
                tensor=source.descriptor(), target=target.descriptor())


def make_amax(name, shape, wide, dynamic=False):
    ins, outs = [("x", list(shape), wide)], [("amax", [], "f32")]
    axes = {"x": 2} if dynamic else None
    text = build_function("amax", name, ins, outs,
                          wide_text(shape, wide, dynamic), "tensor<f32>", [],
                          axes)
    return Case("amax", name, ins + outs, text, num_inputs=1,
                tensor={"shape": list(shape), "wide": wide})


def make_cases():
    cases = []
    def add(make, *args, **kwargs):
        cases.append(make(f"c{len(cases)}", *args, **kwargs))
    T = Tensor
    wides = ["bf16", "f16", "f32"]
    for scheme in SCHEMES:
        element, scale, bo, bk, ts = SCHEMES[scheme]
        narrow = scale != "f32" or element == "f4E2M1FN"
        odd_k = max(bk, 1) * 3 if narrow and bk else 171
        for wide in wides:
            add(make_quantize, T([37, 256], wide, scheme), dynamic=True)
            add(make_quantize, T([5, odd_k], wide, scheme))
            add(make_quantize, T([5, odd_k], wide, scheme), "given")
            add(make_quantize, T([70, 384], wide, scheme), "given",
                dynamic=True)
            add(make_dequantize, T([37, 256], wide, scheme), dynamic=True)
            add(make_dequantize, T([5, odd_k], wide, scheme))
            if ts:
                add(make_quantize, T([37, 256], wide, scheme), "tensor")
        add(make_quantize, T([3, 130, 256], "bf16", scheme))
        add(make_quantize, T([2, 300, 2048], "bf16", scheme), dynamic=True)
        add(make_quantize, T([9, 256], "bf16", scheme), "given",
            precision="bf16")
        add(make_quantize, T([9, 256], "f32", scheme), "given",
            precision="f16")
        add(make_quantize, T([13, 208 if not bk or bk == 16 else bk * 3],
                             "bf16", scheme, pad=(16, 256)))
        add(make_dequantize, T([3, 130, 256], "f16", scheme))
    for rounding in ("floor", "even"):
        for scheme in ("mxfp8", "mxfp8_e5m2", "mxfp4"):
            for wide in wides:
                add(make_quantize, T([37, 256], wide, scheme),
                    rounding=rounding)
    for scheme in ("fp8", "nvfp4", "fp8_e5m2", "int8"):
        for wide in ("bf16", "f16"):
            add(make_quantize, T([8, 128], wide, scheme), precise=True)
            add(make_quantize, T([8, 128], wide, scheme), precision=wide)
    tiled = dict(scales="tiled_128x4")
    for scheme in ("mxfp8", "mxfp4", "nvfp4"):
        for shape in ([1, 256], [37, 480], [129, 96], [2, 130, 256]):
            tensor = T(shape, "bf16", scheme, **tiled)
            add(make_quantize, tensor, dynamic=len(shape) == 2)
            add(make_dequantize, tensor)
            add(make_relayout, T(shape, "bf16", scheme), tensor)
            add(make_relayout, tensor, T(shape, "bf16", scheme))
            add(make_relayout, tensor,
                T(shape, "bf16", scheme, pad=(16, 32)))
    for scheme, layouts in (
            ("fp8_1x128", [dict(scales="outer_major"),
                           dict(scales="outer_major", scale_pad=4)]),
            ("fp8_row", [dict(scales="outer_major", scale_pad=4)]),
            ("fp8_128x128", [dict(scales="blocks_128x128"),
                             dict(scales="outer_major", scale_pad=4)]),
            ("int8_128x128", [dict(scales="blocks_128x128")])):
        for layout in layouts:
            for shape in ([37, 640], [130, 200], [3, 129, 256]):
                tensor = T(shape, "bf16", scheme, **layout)
                plain = T(shape, "bf16", scheme)
                add(make_quantize, tensor)
                add(make_quantize, tensor, "given")
                add(make_dequantize, tensor)
                add(make_relayout, plain, tensor)
                add(make_relayout, tensor, plain)
    hi, lo = dict(nibbles="hi_first"), dict(nibbles="lo_first")
    for shape in ([16, 256], [5, 48]):
        add(make_quantize, T(shape, "bf16", "nvfp4", **hi))
        add(make_dequantize, T(shape, "bf16", "nvfp4", **hi))
        add(make_relayout, T(shape, "bf16", "nvfp4", **hi),
            T(shape, "bf16", "nvfp4", **lo))
    odd = "f4E2M1FN block = [*, *] scale = f32"
    add(make_relayout, T([5, 15], "bf16", odd, **hi),
        T([5, 15], "bf16", odd, **lo))
    add(make_relayout, T([5, 100], "bf16", "fp8"),
        T([5, 100], "bf16", "fp8", pad=(16, 32)))
    # Empty tensors, long rows, sizes around that of one launch.
    for scheme in ("fp8", "fp8_row", "fp8_1x128", "nvfp4", "mxfp8"):
        add(make_quantize, T([0, 256], "bf16", scheme))
    add(make_quantize, T([4, 0], "bf16", "fp8"))
    add(make_quantize, T([4, 0], "bf16", "fp8_row"))
    for wide in wides:
        add(make_quantize, T([3, 40000], wide, "fp8_row"))
        add(make_quantize, T([3, 12288], wide, "fp8_row"))
        add(make_amax, [7, 93], wide)
        add(make_amax, [700, 1031], wide)
        add(make_amax, [700, 1031], wide, dynamic=True)
        add(make_amax, [0, 16], wide)
        add(make_quantize, T([700, 1031], wide, "fp8"), dynamic=True)
    return cases


def make_bench():
    cases = []
    for shape in ([16384, 8192], [16, 4096], [128, 8192], [1024, 8192]):
        def add(label, make, *args, **kwargs):
            case = make(f"b{len(cases)}", *args, **kwargs)
            case.info["label"] = label
            cases.append(case)
        def T(scheme, **layout):
            return Tensor(shape, "bf16", scheme, **layout)
        tiled = dict(scales="tiled_128x4")
        add("fp8 given", make_quantize, T("fp8"), "given", dynamic=True)
        add("fp8 dynamic", make_quantize, T("fp8"), dynamic=True)
        add("fp8_row", make_quantize, T("fp8_row"), dynamic=True)
        add("fp8_1x128", make_quantize, T("fp8_1x128"), dynamic=True)
        add("fp8_128x128", make_quantize, T("fp8_128x128"), dynamic=True)
        add("mxfp8 tiled", make_quantize, T("mxfp8", **tiled), dynamic=True)
        add("mxfp4 tiled", make_quantize, T("mxfp4", **tiled), dynamic=True)
        add("nvfp4 tiled, ts given", make_quantize, T("nvfp4", **tiled),
            "tensor", dynamic=True)
        add("nvfp4 tiled, dynamic", make_quantize, T("nvfp4", **tiled),
            dynamic=True)
        add("int8_row", make_quantize, T("int8_row"), dynamic=True)
        add("dequantize fp8", make_dequantize, T("fp8"), dynamic=True)
        add("dequantize nvfp4", make_dequantize, T("nvfp4", **tiled),
            dynamic=True)
        add("relayout nvfp4", make_relayout, T("nvfp4"), T("nvfp4", **tiled))
        add("amax", make_amax, shape, "bf16", dynamic=True)
    return cases


# ----------------------------------------------------------------------------
# From the compiler's output to lists of launches
# ----------------------------------------------------------------------------

BINARY = {"addi": lambda a, b: a + b, "subi": lambda a, b: a - b,
          "muli": lambda a, b: a * b, "divui": lambda a, b: a // b,
          "remui": lambda a, b: a % b, "maxui": max, "minui": min}


def count(shape):
    total = 1
    for extent in shape:
        total *= extent
    return total


def read_function(text, case):
    """The steps of a function: launches and copies, as plain data."""
    values, buffers = {}, {}
    sizes = [count(b[1]) * BYTES[b[2]] for b in case.buffers]
    shapes = [b[1] for b in case.buffers]
    steps = []
    header = re.search(r"func\.func @\w+\(([^{]*)\) \{", text)[1]
    for i, name in enumerate(re.findall(r"(%\w+): memref", header)):
        buffers[name] = i
    extents = [count(s) for s in shapes]
    for line in text.splitlines()[1:]:
        line = line.strip()
        if m := re.match(r"(%\w+) = arith\.constant (-?\d+) : index", line):
            values[m[1]] = int(m[2])
        elif m := re.match(r"(%\w+) = arith\.(\w+) (%\w+), (%\w+) : index",
                           line):
            values[m[1]] = BINARY[m[2]](values[m[3]], values[m[4]])
        elif m := re.match(r"(%\w+) = memref\.dim (%\w+), (%\w+)", line):
            values[m[1]] = shapes[buffers[m[2]]][values[m[3]]]
        elif m := re.match(r"(%\w+) = memref\.alloc\(\).* : memref<(\d+)x(\w+)>",
                           line):
            buffers[m[1]] = len(sizes)
            sizes.append(int(m[2]) * BYTES[m[3]])
            shapes.append([int(m[2])])
            extents.append(int(m[2]))
        elif m := re.match(
                r"(%\w+) = memref\.(?:cast|collapse_shape|expand_shape) (%\w+)",
                line):
            buffers[m[1]] = buffers[m[2]]
        elif m := re.match(r"memref\.copy (%\w+), (%\w+)", line):
            steps.append({"copy": [buffers[m[1]], buffers[m[2]]]})
        elif m := re.match(r"qmm\.launch @qmm\.device::@(\w+)\(([^:]*) : .*\) "
                           r"integers\(([^)]*)\) extent\((%\w+)\)", line):
            used = [buffers[x] for x in m[2].split(", ")]
            integers = [values[x] for x in m[3].split(", ") if x]
            steps.append({"kernel": m[1], "buffers": used,
                          "sizes": [extents[x] for x in used],
                          "integers": integers, "extent": values[m[4]]})
        elif line not in ("return", "}", ""):
            raise SystemExit(f"device_kernels.py: can't read '{line}'")
    return {"kind": case.kind, "name": case.name, "sizes": sizes,
            "buffers": case.buffers, "steps": steps, **case.info}


def run_tool(command, text):
    done = subprocess.run(command, input=text, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(f"device_kernels.py: {' '.join(command)}\n"
                         + done.stderr[:4000])
    return done.stdout


def generate(args):
    cases = make_cases() + make_bench()
    os.makedirs(args.out, exist_ok=True)
    # A cubin where there is a ptxas, so that nothing is compiled on the GPU's
    # machine.
    code = (f"qmm-device-to-ptx{{chips={args.chip} format={args.format} "
            f"directory={args.out}}}")
    built = run_tool(
        [args.quant_opt,
         "--pass-pipeline=builtin.module(qmm-build-device-kernels,"
         f"canonicalize,cse,{code})"],
        "".join(case.text for case in cases))
    functions, _, kernels = built.partition("gpu.module @qmm.device")
    texts = {re.match(r"@(\w+)", part)[1]: "func.func " + part
             for part in functions.split("func.func ")[1:]}
    launches = dict(re.findall(
        r"gpu\.func @(\w+)\(.*qmm\.launch = \{([^}]*)\}", kernels))
    shapes = {name: {key: int({"true": 1, "false": 0}.get(value, value))
                     for key, value in re.findall(
                         r"(\w+) = (\w+)", attributes)}
              for name, attributes in launches.items()}
    with open(os.path.join(args.out, "cases.json"), "w") as file:
        json.dump({"launches": shapes, "code": f"{args.chip}.{args.format}",
                   "cases": [read_function(texts[case.name], case)
                             for case in cases]}, file)
    print(f"{len(cases)} cases, {len(shapes)} kernels")


# ----------------------------------------------------------------------------
# On the GPU
# ----------------------------------------------------------------------------


class Scheme(ctypes.Structure):
    _fields_ = [("element", ctypes.c_uint32), ("scale", ctypes.c_uint32),
                ("block_outer", ctypes.c_int64), ("block_k", ctypes.c_int64),
                ("has_tensor_scale", ctypes.c_uint32),
                ("reserved", ctypes.c_uint32)]


class Layout(ctypes.Structure):
    _fields_ = [("scales", ctypes.c_uint32), ("nibbles", ctypes.c_uint32),
                ("pad_outer", ctypes.c_int64), ("pad_k", ctypes.c_int64),
                ("scale_pad", ctypes.c_int64)]


class Descriptor(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("rank", ctypes.c_uint32),
                ("shape", ctypes.c_int64 * 8), ("scheme", Scheme),
                ("layout", Layout), ("data", ctypes.c_void_p),
                ("scale", ctypes.c_void_p), ("tensor_scale", ctypes.c_void_p)]


class QuantizeParams(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32),
                ("scale_source", ctypes.c_uint32),
                ("e8m0_rounding", ctypes.c_uint32),
                ("divide_precision", ctypes.c_uint32),
                ("scale_precision_input", ctypes.c_uint32)]


def describe(shape, scheme, layout, pointers):
    tensor = Descriptor(struct_size=ctypes.sizeof(Descriptor),
                        rank=len(shape))
    for i, extent in enumerate(shape):
        tensor.shape[i] = extent
    tensor.scheme = Scheme(*scheme, 0)
    tensor.layout = Layout(*layout)
    fields = ("data", "scale", "tensor_scale")
    for field, pointer in zip(fields, pointers):
        setattr(tensor, field, pointer)
    return tensor


class Reference:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.context = ctypes.c_void_p()
        self.check(self.library.qmm_context_create(
            None, ctypes.byref(self.context)))

    def check(self, status):
        if status:
            raise SystemExit(f"device_kernels.py: the runtime says {status}")

    def run(self, case, arrays):
        """Runs the case on numpy arrays, in place."""
        pointers = [a.ctypes.data for a in arrays]
        library, info = self.library, case["tensor"]
        names = [b[0] for b in case["buffers"]]
        def wide(index):
            return describe(info["shape"], [DTYPES[info["wide"]], 0, 0, 0, 0],
                            [0, 0, 0, 0, 0], [pointers[index], None, None])
        def quantized(description, indices):
            return describe(description["shape"], description["scheme"],
                            description["layout"],
                            [pointers[i] for i in indices])
        if case["kind"] == "amax":
            return self.check(library.qmm_amax(
                self.context, ctypes.byref(wide(0)),
                ctypes.c_void_p(pointers[1])))
        if case["kind"] == "relayout":
            split = case["num_inputs"]
            target = quantized(case["target"],
                               range(split, len(case["buffers"])))
            spare = ctypes.c_float()
            if info["scheme"][4]:
                target.tensor_scale = ctypes.addressof(spare)
            return self.check(library.qmm_relayout(
                self.context, ctypes.byref(quantized(info, range(split))),
                ctypes.byref(target)))
        parts = [names.index(n) for n in ("data", "scale", "tensor_scale")
                 if n in names]
        x, q = wide(names.index("x")), quantized(info, parts)
        if case["kind"] == "dequantize":
            return self.check(library.qmm_dequantize(
                self.context, ctypes.byref(q), ctypes.byref(x)))
        params = QuantizeParams(ctypes.sizeof(QuantizeParams), *case["params"])
        self.check(library.qmm_quantize(self.context, ctypes.byref(x),
                                        ctypes.byref(params), ctypes.byref(q)))


def to_wide(np, values, wide):
    """f32 values as bytes of a wide type, rounded to nearest even."""
    values = values.astype(np.float32)
    if wide == "f32":
        return values.view(np.uint8)
    if wide == "f16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16).view(np.uint8)
    bits = values.view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    nan = np.isnan(values)
    rounded[nan] = (bits[nan] >> 16) | 0x40
    return rounded.astype(np.uint16).view(np.uint8)


PATTERNS = ["random", "ties", "zeros", "nan", "tiny", "huge"]


def make_wide(np, random, pattern, case, size):
    wide = case["tensor"]["wide"]
    n = size // BYTES[wide]
    limit = MAX_FINITE.get(case["tensor"].get("element"), 448.0)
    x = random.standard_normal(n).astype(np.float32) * 3
    if pattern == "ties":
        # Midpoints of neighbouring codes, under scales that are powers of 2.
        mantissa = random.integers(8, 32, n).astype(np.float32)
        exponent = random.integers(-9, 9, n)
        x = np.clip(np.ldexp(mantissa, exponent - 4), 0, limit)
        if limit == 6.0:
            x = random.choice(np.float32([0, .25, .5, .75, 1, 1.25, 1.5, 1.75,
                                          2, 2.5, 3, 3.5, 4, 5, 6]), n)
        if limit == 127.0:
            x = random.integers(0, 254, n).astype(np.float32) / 2
        x = x.astype(np.float32) * random.choice(np.float32([-1, 1]), n)
        x[::16] = limit
    elif pattern == "zeros":
        x[random.random(n) < 0.3] = 0
        for first in range(0, n, 512):
            x[first:first + 256] = random.choice(np.float32([0.0, -0.0]))
    elif pattern == "nan":
        special = np.array([0x7FC00000, 0xFFC00000, 0x7F800000, 0xFF800000],
                           np.uint32).view(np.float32)
        at = random.random(n) < 0.002
        x[at] = random.choice(special, int(at.sum()))
    elif pattern == "tiny":
        low = {"f16": -26, "bf16": -135, "f32": -150}[wide]
        x = np.ldexp(x.astype(np.float64),
                     random.integers(low, low + 16, n)).astype(np.float32)
    elif pattern == "huge":
        high = {"f16": 13, "bf16": 124, "f32": 124}[wide]
        x = np.ldexp(x, random.integers(high - 6, high, n)).astype(np.float32)
        x[~np.isfinite(x)] = 1
    return to_wide(np, x, wide).copy()


def make_scale(np, random, pattern, buffer, size):
    """Given scales."""
    n = size // BYTES[buffer[2]]
    if buffer[2] == "f32":
        x = np.exp2(random.uniform(-8, 8, n)).astype(np.float32)
        if pattern == "ties":
            x = np.exp2(random.integers(-3, 3, n)).astype(np.float32)
        elif pattern == "zeros":
            x[::3] = 0
        elif pattern == "nan":
            x[::5] = np.nan
            x[1::7] = np.inf
        elif pattern == "tiny":
            x = np.exp2(random.uniform(-149, -120, n)).astype(np.float32)
        elif pattern == "huge":
            x = np.exp2(random.uniform(100, 127, n)).astype(np.float32)
        return x.view(np.uint8).copy()
    if pattern == "nan":
        return random.integers(0, 256, n, dtype=np.uint8)
    if buffer[2] == "f8E8M0FNU":
        low, high = (0, 4) if pattern == "tiny" else (
            (250, 255) if pattern == "huge" else (120, 134))
        return random.integers(low, high, n, dtype=np.uint8)
    return random.integers(0, 0x7F, n, dtype=np.uint8)


class Machine:
    def __init__(self, directory):
        import cupy
        import numpy
        self.cupy, self.u64 = cupy, numpy.uint64
        with open(os.path.join(directory, "cases.json")) as file:
            loaded = json.load(file)
        self.cases, self.shapes = loaded["cases"], loaded["launches"]
        self.module = cupy.RawModule(
            path=os.path.join(directory, loaded["code"]))
        self.functions = {}

    def launch(self, case, buffers):
        for step in case["steps"]:
            if "copy" in step:
                source, target = step["copy"]
                if buffers[target].size:
                    buffers[target][...] = buffers[source]
                continue
            if step["extent"] == 0:
                continue
            name = step["kernel"]
            shape = self.shapes[name]
            if name not in self.functions:
                self.functions[name] = self.module.get_function(name)
            arguments, extents = [], []
            for index, size in zip(step["buffers"], step["sizes"]):
                arguments.append(buffers[index].data.ptr)
                extents.append(size)
            arguments += extents + step["integers"] + [step["extent"]]
            grid = ceil_div(step["extent"], shape["items_per_block"])
            self.functions[name]((grid,), (shape["threads"],), tuple(
                self.u64(x) for x in arguments),
                shared_mem=shape["shared_bytes"])


def check(machine, reference):
    import numpy as np
    cupy = machine.cupy
    random = np.random.default_rng(1)
    failures = runs = 0
    for case in machine.cases:
        if "label" in case:
            continue
        patterns = PATTERNS if case["kind"] != "relayout" else ["random"]
        for pattern in patterns:
            arrays = []
            for i, size in enumerate(case["sizes"]):
                if i >= case["num_inputs"]:
                    # Nothing may be left as it was.
                    arrays.append(np.full(size, 0xAB, np.uint8))
                    continue
                buffer = case["buffers"][i]
                if buffer[0] == "x":
                    arrays.append(make_wide(np, random, pattern, case, size))
                elif buffer[0] == "data":
                    arrays.append(random.integers(0, 256, size,
                                                  dtype=np.uint8))
                else:
                    arrays.append(make_scale(np, random, pattern, buffer,
                                             size))
            # What is beyond the end is checked too.
            device = [cupy.concatenate([cupy.asarray(a), cupy.full(
                64, 0xCD, cupy.uint8)]) for a in arrays]
            views = [d[:a.size] for d, a in zip(device, arrays)]
            machine.launch(case, views)
            expected = [a.copy() for a in arrays[:len(case["buffers"])]]
            reference.run(case, expected)
            runs += 1
            for i, wanted in enumerate(expected):
                found = cupy.asnumpy(views[i])
                beyond = cupy.asnumpy(device[i][arrays[i].size:])
                wrong = np.flatnonzero(found != wanted)
                if not wrong.size and (beyond == 0xCD).all():
                    continue
                failures += 1
                if failures <= 60:
                    at = int(wrong[0]) if wrong.size else -1
                    print(f"{case['name']} {case['kind']} {pattern} "
                          f"{case['tensor']} {case.get('params')} "
                          f"{case.get('target', '')} buffer "
                          f"{case['buffers'][i][0]}: {wrong.size} of "
                          f"{wanted.size} bytes differ, first {at}: found "
                          f"{found[at:at + 8].tolist()}, expected "
                          f"{wanted[at:at + 8].tolist()}")
    print(f"{runs} runs of {len(machine.cases)} cases, {failures} failures")
    return failures == 0


def time_graph(cupy, body, repeat):
    """Median microseconds of one `body`, in a graph of `repeat`."""
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        body()
        stream.synchronize()
        stream.begin_capture()
        for _ in range(repeat):
            body()
        graph = stream.end_capture()
        times = []
        for i in range(12):
            start, end = cupy.cuda.Event(), cupy.cuda.Event()
            start.record(stream)
            graph.launch(stream)
            end.record(stream)
            end.synchronize()
            if i >= 2:
                times.append(cupy.cuda.get_elapsed_time(start, end))
    return sorted(times)[len(times) // 2] * 1000 / repeat


def bench(machine):
    import numpy as np
    cupy = machine.cupy
    # The better of the driver's copy and a kernel's.
    large = cupy.random.randint(0, 1 << 30, 1 << 28, dtype=cupy.int32)
    target = cupy.empty_like(large)
    def copy():
        cupy.cuda.runtime.memcpyAsync(target.data.ptr, large.data.ptr,
                                      large.nbytes, 3,
                                      cupy.cuda.get_current_stream().ptr)
    def copy_elements():
        cupy.add(large, 1, out=target)
    speed = 2 * large.nbytes / 1e3 / min(
        time_graph(cupy, body, 4) for body in (copy, copy_elements))
    del large, target
    print(f"copy: {speed:.0f} GB/s")
    print(f"{'':24}{'shape':>12}{'us':>9}{'floor':>9}{'GB/s':>8}{'of copy':>9}")
    random = np.random.default_rng(2)
    for case in machine.cases:
        if "label" not in case:
            continue
        buffers = []
        for i, size in enumerate(case["sizes"]):
            buffer = case["buffers"][i] if i < len(case["buffers"]) else None
            if i < case["num_inputs"] and buffer[0] == "x":
                piece = make_wide(np, random, "random", case, 1 << 22)
                buffers.append(cupy.asarray(np.resize(piece, size)))
            elif i < case["num_inputs"] and buffer[0] == "data":
                buffers.append(cupy.random.randint(
                    0, 256, size, dtype=cupy.uint8))
            elif i < case["num_inputs"]:
                buffers.append(cupy.asarray(make_scale(
                    np, random, "random", buffer, size)))
            else:
                buffers.append(cupy.empty(size, cupy.uint8))
        # Every input and output once, what is temporary not at all.
        moved = sum(case["sizes"][:len(case["buffers"])])
        repeat = 4 if moved > 1 << 28 else 40
        us = time_graph(cupy, lambda: machine.launch(case, buffers), repeat)
        shape = "x".join(map(str, case["tensor"]["shape"]))
        rate = moved / us / 1e3
        print(f"{case['label']:24}{shape:>12}{us:9.2f}{moved / 2.9e6:9.2f}"
              f"{rate:8.0f}{rate / speed:9.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("generate")
    make.add_argument("--quant-opt", required=True)
    make.add_argument("--out", required=True)
    make.add_argument("--chip", default="sm_90")
    make.add_argument("--format", default="cubin", choices=["cubin", "ptx"])
    run = commands.add_parser("run")
    run.add_argument("directory")
    run.add_argument("--runtime", required=True)
    run.add_argument("--bench", action="store_true")
    args = parser.parse_args()
    if args.command == "generate":
        return generate(args)
    machine = Machine(args.directory)
    good = check(machine, Reference(args.runtime))
    if args.bench:
        bench(machine)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
