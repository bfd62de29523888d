"""Files of sound to samples, at the rate that is wanted."""

from __future__ import annotations

import math
import os
import wave

import numpy as np

CROSSINGS = 16  # zeros of the sinc on each side
ROLL_OFF = 0.95  # of the lower of both Nyquist frequencies, where the filter's edge is
AT_ONCE = 1 << 15  # samples that are computed together


def read_sound(path):
    """Read a file: samples of one channel from -1 to 1, [S], and samples a second."""
    if not os.path.isfile(path):
        raise ValueError(f"{path}: there is no such file")
    try:
        samples, rate = _wave(path)
    except (wave.Error, EOFError) as error:
        samples, rate = _other(path, error)
    if not len(samples):
        raise ValueError(f"{path}: the sound has no samples")
    mono = samples.mean(1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise ValueError(f"{path}: the sound has samples that are no numbers")
    return mono, rate


def _wave(path):
    with wave.open(os.fspath(path), "rb") as file:
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
        data = file.readframes(file.getnframes())
    data = data[: len(data) - len(data) % (width * channels)]
    if width == 1:  # the only one without a sign
        samples = np.frombuffer(data, np.uint8).astype(np.float32) / 128 - 1
    else:  # the bytes at the top of four
        wide = np.zeros((len(data) // width, 4), np.uint8)
        wide[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
        samples = wide.view("<i4")[:, 0].astype(np.float32) / 2**31
    return samples.reshape(-1, channels), rate


def _other(path, error):
    try:
        import soundfile
    except (ImportError, OSError):
        raise ValueError(
            f"{path}: is no WAV of whole numbers ({error}); the package soundfile reads others"
        ) from None
    try:
        return soundfile.read(os.fspath(path), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path}: is no sound that can be read ({error})") from None


def resample(samples, rate, wanted):
    """Give samples at another rate: a sinc under Hann's window, of as many phases as repeat."""
    if rate == wanted:
        return samples
    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    count = -(-len(samples) * up // down)
    edge = ROLL_OFF * min(1.0, up / down)
    reach = math.ceil(CROSSINGS / edge)  # samples on each side
    weights = _weights(np.arange(min(up, count)) * down % up, up, edge, reach)
    whole = np.pad(samples, (reach, reach))
    windows = np.lib.stride_tricks.sliding_window_view(whole, 2 * reach)
    pieces = []
    for first in range(0, count, AT_ONCE):
        numbers = np.arange(first, min(first + AT_ONCE, count))
        near = windows[numbers * down // up + 1]  # from the sample after `reach` before the place
        pieces.append((near * weights[numbers % up]).sum(1))
    return np.concatenate(pieces)


def _weights(offsets, up, edge, reach):
    """Give the filter for each phase, [phases, 2·reach]; each lets a constant through as it is."""
    t = offsets[:, None] / up - np.arange(1 - reach, 1 + reach)
    window = np.cos(np.pi / 2 * t / reach) ** 2 * (np.abs(t) < reach)
    weights = edge * np.sinc(edge * t) * window
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
