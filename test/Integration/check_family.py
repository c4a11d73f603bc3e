#!/usr/bin/env python3
# ===- Integration/check_family.py - Checkpoint families end to end ----------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# Writes a checkpoint by a family's published rule, imports, compiles and runs
# it, and compares each layer with a float64 evaluation of that rule.  Shares
# nothing with the project's readers.  Needs numpy.
#
# ===-----------------------------------------------------------------------===#
"""usage: check_family.py FAMILY --bin=DIR --work=DIR [--activations=MODE]
       [--weights=embed|reference] [--layout=NAME] [--write-only]

The checkpoint is WORK/model, a folder."""

import argparse
import json
import os
import shutil
import subprocess
import sys

import numpy as np

import reference
from reference import E2M1, E4M3, E8M0, tensor_file

N, K, M = 96, 256, 5
random = np.random.default_rng(5)


def bf16(values):
    """The codes of values cut to bf16, and what those are."""
    codes = (np.asarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return codes, (codes.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def to_bf16(values):
    """The nearest bf16 of each value, ties to even."""
    bits = values.astype(np.float32).view(np.uint32)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(np.float64)


class Model:
    """Tensors, and of each layer its weight and how its input is treated."""

    def __init__(self):
        self.tensors, self.weights, self.biases = {}, {}, {}
        self.pre_scales, self.input_scales, self.configs = {}, {}, {}

    def add(self, name, dtype, array):
        self.tensors[name] = (dtype, array)

    def quantization(self, config):
        self.configs["config.json"] = {"model_type": "x",
                                       "quantization_config": config}

    def bias(self, layer, n):
        codes, values = bf16(random.normal(size=n))
        self.add(layer + ".bias", "BF16", codes)
        self.biases[layer] = values

    # Codes with the values they stand for.

    def packed(self, name, shape, hi_first=False):
        codes = random.integers(0, 16, size=shape, dtype=np.uint8)
        first, second = codes[..., 0::2], codes[..., 1::2]
        if hi_first:
            first, second = second, first
        self.add(name, "U8", first | second << 4)
        return E2M1[codes]

    def e4m3(self, name, shape=(N, K)):
        codes = random.integers(0, 256, size=shape, dtype=np.uint8)
        codes[(codes & 0x7F) == 0x7F] ^= 1
        self.add(name, "F8_E4M3", codes)
        return E4M3[codes]

    def e4m3_scales(self, name, shape):
        codes = random.integers(0x20, 0x7F, size=shape, dtype=np.uint8)
        self.add(name, "F8_E4M3", codes)
        return E4M3[codes]

    def e8m0_scales(self, name, shape):
        codes = random.integers(118, 130, size=shape, dtype=np.uint8)
        self.add(name, "U8", codes)
        return E8M0[codes]

    def float_scales(self, name, shape, dtype="F32"):
        values = random.uniform(0.001, 0.1, size=shape).astype(np.float32)
        if dtype == "BF16":
            codes, values = bf16(values)
            self.add(name, dtype, codes)
        else:
            self.add(name, dtype, values)
        return values.astype(np.float64)


def along_k(scales, block):
    return np.repeat(scales, block, axis=-1)


def in_blocks(scales, n, k):
    return np.repeat(np.repeat(scales, 128, axis=0), 128, axis=1)[:n, :k]


# --------------------------------------------------------------------------
# The families.
# --------------------------------------------------------------------------


def compressed_tensors(form, weights, inputs=None):
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": dict(weights, symmetric=True, dynamic=False),
                "input_activations": inputs,
                "output_activations": None,
            }
        },
    }


def ct_nvfp4(model):
    for layer in "model.layers.0.mlp.up_proj", "model.layers.0.mlp.down_proj":
        values = model.packed(layer + ".weight_packed", (N, K))
        scales = model.e4m3_scales(layer + ".weight_scale", (N, K // 16))
        divisor = np.float32(2688 / 3.7)
        model.add(layer + ".weight_global_scale", "F32", np.array([divisor]))
        model.add(layer + ".input_global_scale", "F32",
                  np.array([2688 / 4.1], np.float32))
        model.weights[layer] = values * along_k(scales, 16) / np.float64(divisor)
        # The rule divides: the nearest float32 of the reciprocal multiplies.
        model.input_scales[layer] = ("nvfp4", np.float32(1) / np.float32(2688 / 4.1))
    fp4 = {"num_bits": 4, "type": "float", "strategy": "tensor_group",
           "group_size": 16}
    model.quantization(compressed_tensors("nvfp4-pack-quantized", fp4,
                                          dict(fp4, dynamic="local")))


def ct_fp8(model, strategy, shape, dtype, inputs):
    layer = "model.layers.0.mlp.up_proj"
    values = model.e4m3(layer + ".weight")
    scales = model.float_scales(layer + ".weight_scale", shape, dtype)
    model.weights[layer] = values * (
        in_blocks(scales, N, K) if strategy == "block" else scales)
    model.bias(layer, N)
    weights = {"num_bits": 8, "type": "float", "strategy": strategy}
    if strategy == "block":
        weights["block_structure"] = [128, 128]
    if not inputs["dynamic"]:
        model.add(layer + ".input_scale", "BF16", bf16([0.0157])[0])
        model.input_scales[layer] = ("fp8", np.float32(bf16([0.0157])[1][0]))
    model.quantization(compressed_tensors(
        "float-quantized", weights, dict(inputs, num_bits=8, type="float")))


def ct_mxfp4(model):
    layer = "l"
    values = model.packed(layer + ".weight_packed", (N, K))
    scales = model.e8m0_scales(layer + ".weight_scale", (N, K // 32))
    model.weights[layer] = values * along_k(scales, 32)
    model.quantization(compressed_tensors(
        "mxfp4-pack-quantized",
        {"num_bits": 4, "type": "float", "strategy": "group", "group_size": 32}))


def ct_mxfp8(model):
    layer = "l"
    values = model.e4m3(layer + ".weight")
    scales = model.e8m0_scales(layer + ".weight_scale", (N, K // 32))
    model.weights[layer] = values * along_k(scales, 32)
    model.quantization(compressed_tensors(
        "mxfp8-quantized",
        {"num_bits": 8, "type": "float", "strategy": "group", "group_size": 32,
         "scale_dtype": "torch.uint8"}))


def ct_int8(model):
    layer = "l"
    codes = random.integers(-127, 128, size=(N, K), dtype=np.int8)
    model.add(layer + ".weight", "I8", codes)
    scales = model.float_scales(layer + ".weight_scale", (N, 1), "BF16")
    model.weights[layer] = codes * scales
    model.quantization(compressed_tensors(
        "int-quantized", {"num_bits": 8, "type": "int", "strategy": "channel"},
        {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True}))


def add_modelopt_nvfp4(model, layer):
    values = model.packed(layer + ".weight", (N, K))
    scales = model.e4m3_scales(layer + ".weight_scale", (N, K // 16))
    factor = np.float32(3.7 / 2688)
    model.add(layer + ".weight_scale_2", "F32", np.array(factor))
    model.add(layer + ".input_scale", "F32", np.array(4.1 / 2688, np.float32))
    model.weights[layer] = values * along_k(scales, 16) * np.float64(factor)
    model.input_scales[layer] = ("nvfp4", np.float32(4.1 / 2688))


def modelopt_nvfp4(model):
    layer = "model.layers.0.mlp.up_proj"
    add_modelopt_nvfp4(model, layer)
    codes, values = bf16(random.uniform(0.5, 2, size=K))
    model.add(layer + ".pre_quant_scale", "BF16", codes)
    model.pre_scales[layer] = values
    model.bias(layer, N)
    model.configs["hf_quant_config.json"] = {
        "producer": {"name": "modelopt", "version": "0.40"},
        "quantization": {"quant_algo": "NVFP4_AWQ", "group_size": 16,
                         "kv_cache_quant_algo": None,
                         "exclude_modules": ["lm_head"]}}


def modelopt_fp8(model):
    layer = "l"
    values = model.e4m3(layer + ".weight")
    scale = model.float_scales(layer + ".weight_scale", ())
    model.add(layer + ".input_scale", "F32", np.array(0.0157, np.float32))
    model.weights[layer] = values * scale
    model.input_scales[layer] = ("fp8", np.float32(0.0157))
    model.quantization({"quant_method": "modelopt", "quant_algo": "FP8"})


def undeclared(model):
    add_modelopt_nvfp4(model, "l")


def deepseek(model):
    layer = "model.layers.0.self_attn.kv_a_proj_with_mqa"
    n = 160  # the last block of rows is short
    values = model.e4m3(layer + ".weight", (n, K))
    scales = model.float_scales(layer + ".weight_scale_inv", (2, 2))
    model.weights[layer] = values * in_blocks(scales, n, K)
    model.quantization({"quant_method": "fp8", "fmt": "e4m3",
                        "activation_scheme": "dynamic",
                        "weight_block_size": [128, 128]})


def gpt_oss(model):
    experts, stem = 3, "model.layers.0.mlp.experts.gate_up_proj"
    values = model.packed(stem + "_blocks", (experts, N, K // 32, 32))
    scales = model.e8m0_scales(stem + "_scales", (experts, N, K // 32))
    codes, biases = bf16(random.normal(size=(experts, N)))
    model.add(stem + "_bias", "BF16", codes)
    weights = (values * scales[..., None]).reshape(experts, N, K)
    for expert in range(experts):
        model.weights[f"{stem}.{expert}"] = weights[expert]
        model.biases[f"{stem}.{expert}"] = biases[expert]
    model.quantization({"quant_method": "mxfp4",
                        "modules_to_not_convert": ["lm_head"]})


def hybrid_mxfp8(model):
    layer, n = "l", 128  # no padding of rows
    values = model.e4m3(layer + ".weight", (n, K))
    codes = random.integers(118, 130, size=(n, K // 32), dtype=np.uint8)
    # Tiles of 128 x 4: row r, column c at (r % 32) * 16 + (r // 32) * 4 + c.
    tiles = codes.reshape(4, 32, K // 128, 4).transpose(2, 1, 0, 3)
    model.add(layer + ".weight_scale", "U8", tiles.reshape(n, K // 32))
    model.add(layer + ".weight_scalar", "F32", np.array(4.0, np.float32))
    model.weights[layer] = values * along_k(E8M0[codes], 32)
    text = json.dumps({"format": "hybrid_mxfp8", "group_size": 32}).encode()
    model.add(layer + ".comfy_quant", "U8", np.frombuffer(text, np.uint8))


FAMILIES = {
    "ct-nvfp4": ct_nvfp4,
    "ct-fp8-tensor": lambda model: ct_fp8(model, "tensor", (1,), "BF16",
                                          {"dynamic": False}),
    "ct-fp8-channel": lambda model: ct_fp8(model, "channel", (N, 1), "BF16",
                                           {"dynamic": True, "strategy": "token"}),
    "ct-fp8-block": lambda model: ct_fp8(
        model, "block", (1, 2), "BF16",
        {"dynamic": True, "strategy": "group", "group_size": 128}),
    "ct-mxfp4": ct_mxfp4,
    "ct-mxfp8": ct_mxfp8,
    "ct-int8": ct_int8,
    "modelopt-nvfp4": modelopt_nvfp4,
    "modelopt-fp8": modelopt_fp8,
    "undeclared": undeclared,
    "deepseek": deepseek,
    "gpt-oss": gpt_oss,
    "hybrid-mxfp8": hybrid_mxfp8,
}


def write(model, folder):
    """In two shards, each key in the one that its position gives."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    shards, weight_map = [{}, {}], {}
    for i, (key, tensor) in enumerate(model.tensors.items()):
        shards[i % 2][key] = tensor
        weight_map[key] = f"model-0000{i % 2 + 1}-of-00002.safetensors"
    for i, shard in enumerate(shards):
        tensor_file.write(
            os.path.join(folder, f"model-0000{i + 1}-of-00002.safetensors"), shard)
    files = dict(model.configs)
    files["model.safetensors.index.json"] = {"metadata": {},
                                             "weight_map": weight_map}
    for name, content in files.items():
        with open(os.path.join(folder, name), "w") as stream:
            json.dump(content, stream)


def activate(x, model, layer, mode):
    if layer in model.pre_scales:
        # The product is of the input's type.
        x = to_bf16(x * model.pre_scales[layer])
    if mode != "checkpoint" or layer not in model.input_scales:
        return x
    kind, scale = model.input_scales[layer]
    x = x.astype(np.float32)
    if kind == "nvfp4":
        return reference._quantize_nvfp4(x, scale)
    return reference._quantize(E4M3, reference.E4M3_MAX, x, scale)


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("--bin", default="")
    parser.add_argument("--work", required=True)
    parser.add_argument("--activations", default="wide")
    parser.add_argument("--weights", default="embed")
    parser.add_argument("--layout")
    parser.add_argument("--write-only", action="store_true")
    args = parser.parse_args()
    model = Model()
    FAMILIES[args.family](model)
    folder = os.path.join(args.work, "model")
    write(model, folder)
    if args.write_only:
        return 0
    tool = lambda name: os.path.join(args.bin, name)
    mlir, artefact, inputs, output = (
        os.path.join(args.work, name)
        for name in ("layers.mlir", "layers.qmm", "x.safetensors", "y.safetensors"))
    codes, x = bf16(random.normal(size=(M, K)))
    tensor_file.write(inputs, {"x": ("BF16", codes)})
    run([tool("quant-import"), folder, "-o", mlir]
        + ([f"--layout={args.layout}"] if args.layout else []))
    run([tool("quant-compile"), mlir, f"--activations={args.activations}",
         f"--weights={args.weights}", "--target=cpu", "-o", artefact])
    worst, failed = 0.0, 0
    for layer, weight in model.weights.items():
        run([tool("quant-run"), artefact, f"--entry={layer}",
             f"--inputs={inputs}", f"--outputs={output}"])
        expected = activate(x, model, layer, args.activations) @ weight.T
        expected = expected + model.biases.get(layer, 0)
        (name,) = reference.Tensors(output).entries
        error = reference.relative_error(
            expected, reference.Tensors(output).values(name))
        worst = max(worst, error)
        # Rounding the exact result to bf16 alone is 1.7e-3.
        ok = error <= 4e-3
        failed += not ok
        print(f"{layer}: {error:.3e} {'ok' if ok else 'ABOVE THE BOUND'}")
    print(f"{len(model.weights)} layers, worst {worst:.3e}, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
