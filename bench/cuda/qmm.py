# ===- bench/cuda/qmm.py - The runtime's C API for benchmarks ----------------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Runs compiled programs on torch's tensors and streams, through ctypes.  The
structures are those of qmm/context.h, qmm/tensor.h and qmm/module.h."""

import ctypes as c

import torch


class Scheme(c.Structure):
    _fields_ = [("element", c.c_uint32), ("scale", c.c_uint32),
                ("block_outer", c.c_int64), ("block_k", c.c_int64),
                ("has_tensor_scale", c.c_uint32), ("reserved", c.c_uint32)]


class Layout(c.Structure):
    _fields_ = [("scales", c.c_uint32), ("nibbles", c.c_uint32),
                ("pad_outer", c.c_int64), ("pad_k", c.c_int64),
                ("scale_pad", c.c_int64)]


class Tensor(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("rank", c.c_uint32),
                ("shape", c.c_int64 * 8), ("scheme", Scheme),
                ("layout", Layout), ("data", c.c_void_p),
                ("scale", c.c_void_p), ("tensor_scale", c.c_void_p)]


class ContextOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("num_threads", c.c_uint32),
                ("device", c.c_char_p), ("cublaslt", c.c_char_p),
                ("cache_dir", c.c_char_p), ("autotune", c.c_uint32),
                ("full_accumulation", c.c_uint32)]


_DTYPES = {torch.float32: 1, torch.bfloat16: 2, torch.float16: 3,
           torch.float8_e4m3fn: 4, torch.float8_e5m2: 5, torch.int8: 8}


class Program:
    def __init__(self, library, path, autotune=False):
        self.lib = c.CDLL(library)
        self.lib.qmm_last_error.restype = c.c_char_p
        self.lib.qmm_context_description.restype = c.c_char_p
        options = ContextOptions()
        options.struct_size = c.sizeof(options)
        options.device = b"cuda"
        options.cache_dir = b""
        options.autotune = autotune
        self.context = c.c_void_p()
        self.check(self.lib.qmm_context_create(c.byref(options),
                                               c.byref(self.context)))
        self.module = c.c_void_p()
        self.check(self.lib.qmm_module_load(self.context, path.encode(), None,
                                            c.byref(self.module)))

    def check(self, status):
        if status:
            raise RuntimeError(self.lib.qmm_last_error().decode())

    def describe(self):
        return self.lib.qmm_context_description(self.context).decode()

    def call(self, name, inputs, outputs):
        """A function that enqueues the entry on torch's current stream."""
        entry = c.c_void_p()
        self.check(self.lib.qmm_module_find_entry(
            self.module, name.encode(), c.byref(entry)))
        pack = lambda tensors: (Tensor * len(tensors))(*map(self.describe_tensor,
                                                            tensors))
        packed, results = pack(inputs), pack(outputs)
        queried = (Tensor * len(outputs))()
        arena_bytes = c.c_size_t()
        self.check(self.lib.qmm_entry_query(entry, packed, queried,
                                            c.byref(arena_bytes)))
        arena = torch.empty(arena_bytes.value + 64, dtype=torch.uint8,
                            device="cuda")
        self.check(self.lib.qmm_entry_prepare(entry, packed))
        invoke, size = self.lib.qmm_entry_invoke, arena_bytes
        address = c.c_void_p((arena.data_ptr() + 63) // 64 * 64)
        keep = (inputs, outputs, arena)

        def run():
            stream = c.c_void_p(torch.cuda.current_stream().cuda_stream)
            self.check(invoke(entry, packed, results, address, size, stream))
            return keep[1][0]

        return run

    @staticmethod
    def describe_tensor(tensor):
        result = Tensor()
        result.struct_size = c.sizeof(result)
        result.rank = tensor.dim()
        result.shape[: tensor.dim()] = list(tensor.shape)
        result.scheme.element = _DTYPES[tensor.dtype]
        result.data = tensor.data_ptr()
        return result
