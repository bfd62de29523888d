"""Video: clips of a square that moves, and which way it goes, which no single frame tells."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy

import headgate as hg

# The clips: arrays [clips, frames, height, width] of bytes, and a word for each.
chance = numpy.random.default_rng(0)


def clip(way: str) -> numpy.ndarray:
    """Draw a square on noise that moves two pixels a frame, round the edges."""
    top, left = chance.integers(0, 12, 2)
    frames = chance.integers(0, 60, (6, 16, 16), dtype=numpy.uint8)
    step = {"left": -1, "right": 1}[way]
    for time, frame in enumerate(frames):
        columns = (left + step * 2 * time + numpy.arange(4)) % 16
        frame[top : top + 4, columns] = 220
    return frames


ways = ["left", "right"] * 150
data = Path(tempfile.mkdtemp()) / "clips.npz"
numpy.savez(data, clip=numpy.stack([clip(way) for way in ways]), way=numpy.array(ways))

model = hg.train(data, task="classify", input="clip", target="way", bidirectional=False, epochs=12)
print("accuracy:", model.metrics["test"]["accuracy"]["value"])
for way in ("left", "right"):
    print(f"{way}: said {model.predict([clip(way)])[0].label}")
