#!/usr/bin/env python3
"""Writes quant_blocks.bin: random blocks of every tensor format and the values that gguf-py
(pip install gguf; run with 0.19.0, numpy 2.4) decodes them to.

A record is  u32 ggml type | u32 blocks | u32 block bytes | u32 block elements, then the blocks,
then the values as f32.  All little-endian.
"""
import os
import struct

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

HALVES = {  # where a block has half-precision numbers: random bytes there could be infinite
    'Q4_0': [0], 'Q4_1': [0, 2], 'Q5_0': [0], 'Q5_1': [0, 2], 'Q8_0': [0], 'Q2_K': [80, 82],
    'Q3_K': [108], 'Q4_K': [0, 2], 'Q5_K': [0, 2], 'Q6_K': [208], 'IQ4_NL': [0], 'IQ4_XS': [0],
}

rng = np.random.default_rng(20260131)
with open(os.path.join(os.path.dirname(__file__), 'quant_blocks.bin'), 'wb') as out:
    for name, offsets in HALVES.items():
        kind = T[name]
        elements, size = GGML_QUANT_SIZES[kind]
        count = 6 if elements == 256 else 16
        blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
        blocks[0], blocks[1] = 0, 255
        for at in offsets:
            scale = (rng.standard_normal(count) * 10.0 ** rng.uniform(-7, 2, count))
            scale[2] = 65504.0   # the largest half
            scale[3] = 2.0 ** -24  # the smallest
            blocks[:, at:at + 2] = scale.astype(np.float16).view(np.uint8).reshape(count, 2)
        values = dequantize(blocks.reshape(1, -1), kind).astype('<f4')
        assert np.isfinite(values).all()
        out.write(struct.pack('<4I', kind, count, size, elements))
        out.write(blocks.tobytes())
        out.write(values.tobytes())
