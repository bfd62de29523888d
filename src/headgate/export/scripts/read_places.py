"""How the model reads features of places."""

from __future__ import annotations

import json

import numpy as np
from frames import padded


class Reader:
    """Turns features [S, M], a row for each place, to what the graph takes.

    Args:
        graphs: the model.
    """

    def __init__(self, graphs):
        kept = json.loads((graphs.folder / "pixels.json").read_text(encoding="utf-8"))
        self.features = len(kept["mean"])

    def parse(self, line):
        """Take a line of input: JSON such as [[0.5, 2], [1, 3]], a list a place."""
        return json.loads(line)

    def batch(self, inputs):
        """Lay features out as a batch, with their lengths."""
        return padded([self._checked(each) for each in inputs])

    def _checked(self, given):
        try:
            found = np.array(given, np.float32)
        except (TypeError, ValueError):
            raise ValueError(f"features of places were wanted, and {given!r:.60} came") from None
        if found.ndim != 2 or found.shape[1] != self.features or not len(found):
            raise ValueError(
                f"features [places, {self.features}] were wanted, and {found.shape} came"
            )
        if not np.isfinite(found).all():
            raise ValueError("a feature is no finite number")
        return found
