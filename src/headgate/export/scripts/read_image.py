"""How the model reads a picture."""

from __future__ import annotations

import numpy as np
from pictures import Pixels


class Reader:
    """Turns the paths of pictures to what the graph takes: pixels [B, channels, H, W].

    Args:
        graphs: the model.
    """

    def __init__(self, graphs):
        self.pixels = Pixels(graphs.folder)

    def parse(self, line):
        """Take a line of input: the path of a PNG or JPEG."""
        return line

    def batch(self, inputs):
        """Lay pictures out as a batch, with the number of their rows."""
        batch = np.stack([self.pixels.read(each) for each in inputs]).astype(np.float32)
        return batch, np.full(len(batch), self.pixels.height, np.int64)
