"""How the model reads a series."""

from __future__ import annotations

import json

import numpy as np
from frames import padded


class Reader:
    """Turns series [T, C] to what the graph takes; NaN, in JSON null, is a value that is missing.

    Args:
        graphs: the model.
    """

    def __init__(self, graphs):
        reading = graphs.facts["reading"]
        self.differences, self.longest = reading["differences"], reading["longest"]
        self.stride = reading["stride"]
        kept = json.loads((graphs.folder / "series.json").read_text(encoding="utf-8"))
        self.means, self.scales = (np.array(kept[n], np.float32) for n in ("means", "scales"))
        self.gaps = kept["gaps"]

    def parse(self, line):
        """Take a line of input: a list of numbers for each step, in JSON."""
        try:
            return json.loads(line)
        except ValueError:
            example = "[[1.5, 2], [null, 3]]"
            raise ValueError(f"a list a step was wanted, as {example}: {line!r:.60}") from None

    def steps(self, given):
        """Give what a stream reads of steps, each as it comes."""
        return (self._encoded([step])[0] for step in given)

    def batch(self, inputs):
        """Lay series out as a batch, with their lengths."""
        return padded([self._encoded(each)[: self.longest] for each in inputs])

    def _encoded(self, given):
        series = self._series(given)
        missing = np.isnan(series)
        scaled = np.where(missing, np.float32(0), (series - self.means) / self.scales)
        parts = [scaled]
        if self.differences:
            known = ~(missing[1:] | missing[:-1])
            parts.append(
                np.concatenate([np.zeros_like(scaled[:1]), np.diff(scaled, axis=0) * known])
            )
        if self.gaps:
            parts.append(missing.astype(np.float32))
        features = np.concatenate(parts, 1)
        short = -len(features) % self.stride
        whole = np.pad(features, ((0, short), (0, 0)))
        return whole.reshape(-1, self.stride * features.shape[1])

    def _series(self, given):
        try:
            with np.errstate(over="ignore"):
                series = np.array(given, np.float32)
        except (TypeError, ValueError):
            raise ValueError(f"a series of numbers was wanted, and {given!r:.60} came") from None
        series = series[:, None] if series.ndim == 1 else series
        channels = len(self.means)
        if series.ndim != 2 or series.shape[1] != channels or not len(series):
            raise ValueError(
                f"a series [T, {channels}] was wanted, as in training: {series.shape} came"
            )
        if np.isinf(series).any():
            step = int(np.isinf(series).any(1).argmax()) + 1
            raise ValueError(f"a series has finite values, and step {step} is infinite")
        return series
