#!/usr/bin/env python3
"""usage: write_f32.py FILE.safetensors NAME SHAPE [NAME SHAPE...]

Writes f32 tensors of small numbers; a shape is extents with x between them."""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, os.pardir, "Inputs"))
import tensor_file

tensors = {}
for name, shape in zip(sys.argv[2::2], sys.argv[3::2]):
    extents = [int(extent) for extent in shape.split("x")]
    values = np.arange(np.prod(extents)) % 9 - 4.0
    tensors[name] = ("F32", values.astype("<f4").reshape(extents))
tensor_file.write(sys.argv[1], tensors)
