#!/usr/bin/env python3
"""usage: write_f32.py FILE.safetensors NAME SHAPE [NAME SHAPE...]

Writes f32 tensors of small numbers; a shape is extents with x between them."""
import json
import struct
import sys

header, data = {}, b""
for name, shape in zip(sys.argv[2::2], sys.argv[3::2]):
    extents = [int(extent) for extent in shape.split("x")]
    count = 1
    for extent in extents:
        count *= extent
    values = struct.pack(f"<{count}f", *((i % 9) - 4.0 for i in range(count)))
    header[name] = {"dtype": "F32", "shape": extents,
                    "data_offsets": [len(data), len(data) + len(values)]}
    data += values
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as stream:
    stream.write(struct.pack("<Q", len(text)) + text + data)
