"""How the model reads a sound."""

from __future__ import annotations

import json

import numpy as np
from frames import padded
from log_mel import LogMel
from sounds import read_sound, resample


class Reader:
    """Turns sounds to what the graph takes: the path of a file, or (samples, rate).

    Args:
        graphs: the model.
    """

    def __init__(self, graphs):
        self.stack = graphs.facts["reading"]["stack"]
        kept = json.loads((graphs.folder / "audio.json").read_text(encoding="utf-8"))
        self.bands = LogMel(kept["rate"], kept["bands"])
        self.means, self.scales = (np.array(kept[n], np.float32) for n in ("means", "scales"))

    def parse(self, line):
        """Take a line of input: the path of a file."""
        return line

    def steps(self, given):
        """Give what the graph reads of a sound, [T, stack · bands]."""
        samples, rate = given if isinstance(given, tuple) else read_sound(given)
        frames = self.bands(resample(samples, rate, self.bands.rate))
        frames = (frames - self.means) / self.scales
        whole = np.pad(frames, ((0, -len(frames) % self.stack), (0, 0)), "edge")
        return whole.reshape(-1, self.stack * self.bands.bands)

    def batch(self, inputs):
        """Lay sounds out as a batch, with their lengths."""
        return padded([self.steps(each) for each in inputs])
