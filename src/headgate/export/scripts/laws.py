"""What is drawn of the numbers that stand for the next value of a series."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

LEAST, EDGE = 1e-4, 1e-6  # of a spread; and how near a uniform number comes to 0 and to 1


class Noise:
    """Chance for K paths, even over the paths.

    Args:
        seed: the same gives the same paths.
        paths: K.
    """

    def __init__(self, seed, paths):
        self.chance, self.paths = np.random.default_rng(seed), paths

    def uniform(self, width):
        """Give numbers between 0 and 1, [K, L]; together the paths' cover the line evenly."""
        drawn = self.chance.random((2, self.paths, width))
        found = (drawn[0].argsort(0) + drawn[1]) / self.paths
        return found.clip(EDGE, 1 - EDGE)


def sample(law, raw, noise, scale, levels):
    """Draw a scaled value for each path, [K, L], of the numbers [K, L, size]."""
    raw = raw.astype(np.float64)
    if law == "point":
        return raw[..., 0]
    if law == "negative_binomial":
        return _counts(raw, noise, scale)
    if law == "quantiles":
        return _between(raw, noise.uniform(raw.shape[1]), levels)
    place, spread = raw[..., 0], _positive(raw[..., 1])
    if law == "gaussian":
        normal = np.vectorize(NormalDist().inv_cdf, otypes=[float])
        return place + spread * normal(noise.uniform(raw.shape[1]))
    # Student's, by the polar method of Bailey (1994)
    freedom = 2 + np.logaddexp(0, raw[..., 2])
    u, v = noise.uniform(raw.shape[1]), noise.uniform(raw.shape[1])
    radius = np.sqrt(np.maximum(freedom * (u ** (-2 / freedom) - 1), 0))
    return place + spread * radius * np.cos(2 * np.pi * v)


def _positive(raw):
    return np.logaddexp(0, raw) + LEAST


def _counts(raw, noise, scale):
    mean, count = scale * _positive(raw[..., 0]), np.sqrt(scale) / _positive(raw[..., 1])
    rate = noise.chance.standard_gamma(count) * mean / count
    return noise.chance.poisson(rate) / scale


def _between(raw, u, levels):
    """Draw straight between the quantiles at some levels; the outer lines go on."""
    steps, middle, level = _positive(raw[..., 1:]), raw.shape[-1] // 2, np.array(levels)
    below = raw[..., :1] - steps[..., :middle].cumsum(-1)[..., ::-1]
    above = raw[..., :1] + steps[..., middle:].cumsum(-1)
    known = np.concatenate([below, raw[..., :1], above], -1)
    place = (np.searchsorted(level, u) - 1).clip(0, len(level) - 2)
    low, high = (np.take_along_axis(known, (place + k)[..., None], -1)[..., 0] for k in (0, 1))
    return low + (u - level[place]) / (level[place + 1] - level[place]) * (high - low)
