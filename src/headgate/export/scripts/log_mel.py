"""Sound to frames: the logarithm of the power in bands that are even to the ear.

Frame t is of the samples from t·hop on; window and hop are of 25 and 10 ms. A band is a triangle
over the frequencies; their edges are evenly spaced in mel, 2595 log10(1 + f / 700).
"""

from __future__ import annotations

import numpy as np

WINDOW, HOP, FLOOR = 0.025, 0.010, 1e-8
AT_ONCE = 2048  # frames


class LogMel:
    """Sound to frames of log-mel bands.

    Args:
        rate: samples a second.
        bands: of a frame.
    """

    def __init__(self, rate, bands):
        self.rate, self.bands = rate, bands
        self.window, self.hop = round(WINDOW * rate), round(HOP * rate)
        places = np.arange(self.window) / self.window
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * places)
        self.hann = (hann / hann.sum()).astype(np.float32)
        size = 1 << (self.window - 1).bit_length()
        while (filters := self._triangles(size)).sum(0).min() <= 0:
            size *= 2
        self.size, self.filters = size, filters

    def _triangles(self, size):
        top = self.rate / 2
        pitches = np.linspace(0.0, 1.0, self.bands + 2) * 2595.0 * np.log10(1.0 + top / 700.0)
        edges = 700.0 * (10.0 ** (pitches / 2595.0) - 1.0)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        f = np.linspace(0.0, 1.0, size // 2 + 1)[:, None] * top
        rising, falling = (f - low) / (middle - low), (high - f) / (high - middle)
        return np.minimum(rising, falling).clip(min=0).astype(np.float32)

    def __call__(self, samples):
        """Give the frames [T, bands] of a sound's samples, from -1 to 1; silence comes after it."""
        steps = 1 + max(0, -(-(len(samples) - self.window) // self.hop))
        missing = (steps - 1) * self.hop + self.window - len(samples)
        whole = np.pad(samples, (0, missing))
        windows = np.lib.stride_tricks.sliding_window_view(whole, self.window)[:: self.hop]
        parts = [
            self._log_mel(windows[first : first + AT_ONCE]) for first in range(0, steps, AT_ONCE)
        ]
        return np.concatenate(parts).astype(np.float32)

    def _log_mel(self, windows):
        power = np.abs(np.fft.rfft(windows * self.hann, self.size)) ** 2
        return np.log(power @ self.filters + FLOOR)
