from __future__ import annotations

import cmath
import math

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.data.mel import FLOOR, LogMel, bands_for, hertz, mel
from headgate.errors import HeadgateError


def slow(samples: list[float], rate: int, bands: int) -> list[list[float]]:
    """Davis and Mermelstein's bands by the sums themselves, in double precision."""
    window, hop = round(0.025 * rate), round(0.010 * rate)
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / window) for n in range(window)]
    size = 1
    while size < window:
        size *= 2
    top = 2595 * math.log10(1 + rate / 2 / 700)
    edges = [700 * (10 ** (top * i / (bands + 1) / 2595) - 1) for i in range(bands + 2)]
    frames = []
    start = 0
    while True:
        piece = [samples[start + n] if start + n < len(samples) else 0.0 for n in range(window)]
        power = []
        for k in range(size // 2 + 1):
            total = sum(
                hann[n] / sum(hann) * piece[n] * cmath.exp(-2j * math.pi * k * n / size)
                for n in range(window)
            )
            power.append(abs(total) ** 2)
        frame = []
        for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
            energy = 0.0
            for k, p in enumerate(power):
                f = k * rate / size
                if low < f <= middle:
                    energy += p * (f - low) / (middle - low)
                elif middle < f < high:
                    energy += p * (high - f) / (high - middle)
            frame.append(math.log(energy + 1e-8))
        frames.append(frame)
        start += hop
        if start + window - hop >= len(samples):
            return frames


@pytest.mark.parametrize("count", [1, 39, 40, 41, 100, 104, 105])
def test_frames_are_those_of_the_slow_transform(count: int) -> None:
    samples = torch.randn(count) * 0.3
    found = LogMel(1600, 8)(samples)
    expected = torch.tensor(slow(samples.tolist(), 1600, 8))
    assert_equal(found.exp(), expected.exp(), "gradient")
    assert len(found) == LogMel(1600, 8).count(count)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_a_pure_tone_is_loudest_in_its_band(rate: int) -> None:
    melody = LogMel(rate, bands_for(rate))
    edges = hertz(torch.linspace(0, float(mel(torch.tensor(rate / 2))), melody.bands + 2))
    time = torch.arange(rate // 2) / rate
    for band in (3, melody.bands // 2, melody.bands - 2):
        tone = torch.sin(2 * math.pi * float(edges[band + 1]) * time)
        assert set(melody(tone)[:-3].argmax(1).tolist()) == {band}


def test_every_band_hears_something() -> None:
    for bands in (1, 40, 128, 300):
        assert LogMel(8000, bands).filters.sum(0).min() > 0


def test_silence_is_the_floor_and_more_sound_changes_no_earlier_frame() -> None:
    bands = LogMel(8000, 40)
    assert_equal(bands(torch.zeros(800)), torch.full((9, 40), math.log(FLOOR)), "output")
    sound = torch.randn(2000)
    assert_equal(bands(sound[:1000])[:10], bands(sound)[:10], "output")


def test_a_sound_of_many_frames_is_that_of_its_pieces() -> None:
    bands = LogMel(200, 2)  # of 5 and of 2 samples
    sound = torch.randn(2 * 5000)
    assert_equal(bands(sound)[2040:2060], bands(sound[2 * 2040 :])[:20], "output")


def test_twice_as_loud_is_four_times_the_power() -> None:
    bands = LogMel(8000, 40)
    sound = torch.randn(4000) * 0.1
    assert_equal(bands(2 * sound).exp() - FLOOR, 4 * (bands(sound).exp() - FLOOR), "gradient")


def test_mel_and_hertz_are_inverse_and_a_thousand_is_a_thousand() -> None:
    f = torch.linspace(0, 8000, 50, dtype=torch.float64)
    assert_equal(hertz(mel(f)), f, "gradient")
    assert float(mel(torch.tensor(1000.0))) == pytest.approx(1000, abs=0.1)


@pytest.mark.parametrize(("rate", "bands"), [(8000, 0), (40, 4)])
def test_sizes_that_mean_nothing_are_refused(rate: int, bands: int) -> None:
    with pytest.raises(HeadgateError, match=rf"got {bands} bands at {rate} Hz"):
        LogMel(rate, bands)
