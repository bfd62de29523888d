from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch
from tests.sounds import RATE, tone, write_wav
from tests.tolerances import assert_equal

from headgate.data.audio import Sound, rate_of, read_sound, read_sounds, resample
from headgate.data.columns import Table
from headgate.errors import DataError, HeadgateError, MissingExtraError

soundfile = pytest.importorskip("soundfile")


def slow(samples: list[float], rate: int, wanted: int) -> list[float]:
    """The sum over all samples of the docstring of ``resample``, its weights made to sum to one."""
    edge = 0.95 * min(1.0, wanted / rate)
    reach = math.ceil(16 / edge)
    found = []
    for n in range(math.ceil(len(samples) * wanted / rate)):
        place = n * rate / wanted
        weights = {}
        for k in range(math.floor(place) + 1 - reach, math.floor(place) + 1 + reach):
            t = place - k
            angle = math.pi * edge * t
            sinc = 1.0 if angle == 0 else math.sin(angle) / angle
            weights[k] = edge * sinc * (0.5 + 0.5 * math.cos(math.pi * t / reach))
        total = sum(weights.values())
        found.append(
            sum(w / total * samples[k] for k, w in weights.items() if 0 <= k < len(samples))
        )
    return found


@pytest.mark.parametrize(
    ("rate", "wanted"), [(8, 8), (8, 16), (16, 8), (44, 16), (16, 44), (7, 5), (8000, 8001)]
)
def test_resampling_is_the_slow_sum(rate: int, wanted: int) -> None:
    samples = torch.randn(60)
    found = resample(samples, rate, wanted)
    expected = torch.tensor(slow(samples.tolist(), rate, wanted))
    if rate == wanted:
        assert_equal(found, samples, "bits")
    else:
        assert_equal(found, expected, "output")


@pytest.mark.parametrize(("rate", "wanted"), [(44100, 16000), (8000, 16000), (16000, 8000)])
def test_a_tone_stays_and_one_that_the_new_rate_cannot_hold_goes(rate: int, wanted: int) -> None:
    low = resample(tone(1000, 0.2, rate=rate), rate, wanted)
    expected = tone(1000, 0.2, rate=wanted)
    middle = slice(len(low) // 4, -len(low) // 4)
    assert float((low - expected)[middle].abs().max()) < 0.5e-3
    if wanted < rate:
        high = resample(tone(0.6 * wanted, 0.2, rate=rate), rate, wanted)
        assert float(high[middle].abs().max()) < 0.5e-3


def test_pieces_of_a_long_sound_are_one_whole() -> None:
    sound = torch.randn(70_000)
    found = resample(sound, 3, 2)
    assert len(found) == 46_667
    # the 32,768th sample begins a piece of its own
    assert_equal(found[32_700:32_900], resample(sound[48_000:], 3, 2)[700:900], "output")


def test_no_samples_stay_none_and_a_rate_of_zero_is_refused() -> None:
    assert len(resample(torch.zeros(0), 3, 2)) == 0
    with pytest.raises(HeadgateError, match="a rate is 1 or more, got 8000 and 0"):
        resample(torch.zeros(3), 8000, 0)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_files_of_each_kind_are_read(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"소리.{ending}"
    soundfile.write(path, tone(440).numpy(), RATE)
    found = read_sound(path)
    assert (found.rate, len(found.samples), rate_of(path)) == (RATE, 1600, RATE)
    if ending != "ogg":  # which loses some
        assert float((found.samples - tone(440)).abs().max()) < 1e-4


def test_several_channels_are_averaged(tmp_path: Path) -> None:
    both = torch.stack([tone(300), tone(500)], 1)
    found = read_sound(write_wav(tmp_path / "a.wav", both)).samples
    assert_equal(found, both.mean(1), "bits")


def test_a_sound_at_another_rate(tmp_path: Path) -> None:
    found = Sound(tone(440), RATE).at(16000)
    assert (found.rate, len(found.samples)) == (16000, 3200)


def test_silence_is_a_sound(tmp_path: Path) -> None:
    assert not read_sound(write_wav(tmp_path / "a.wav", torch.zeros(10))).samples.any()


def _table(folder: Path, *names: str) -> Table:
    rows = [[name, "x"] for name in names]
    lines = list(range(2, 2 + len(rows)))
    return Table(str(folder / "list.csv"), ("sound", "text"), rows, lines, True)


def test_sounds_of_a_table(tmp_path: Path) -> None:
    write_wav(tmp_path / "a" / "one.wav", tone(440))
    table = _table(tmp_path, "a/one.wav", str(tmp_path / "a" / "one.wav"))
    assert read_sounds(table, "sound") == [tmp_path / "a" / "one.wav"] * 2


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("two.wav", None, r"there is no such file as '.*two\.wav'; did you mean 'twa\.wav'\?"),
        ("b.wav", b"", r"is no sound that can be read"),
        ("b.wav", b"RIFF\x00\x00\x00\x00WAVEjunk", r"is no sound that can be read"),
        ("b.flac", b"fLaC\x00\x00", r"is no sound that can be read"),
        (
            "b.wav",
            [0.0, math.nan, 0.5, math.inf],
            r"sample 1 is nan, which is no number: 2 such of 4",
        ),
        ("b.wav", [], r"the sound has no samples"),
    ],
)
def test_a_bad_sound_is_refused_with_its_row(
    name: str, data: bytes | list[float] | None, said: str, tmp_path: Path
) -> None:
    write_wav(tmp_path / "twa.wav", tone(440))
    if isinstance(data, bytes):
        (tmp_path / name).write_bytes(data)
    elif data is not None:
        write_wav(tmp_path / name, data)
    table = _table(tmp_path, "twa.wav", name)
    with pytest.raises(DataError, match=rf"list\.csv, row 3, column 'sound': .*{said}"):
        read_sounds(table, "sound")


def test_a_truncated_file_is_read_to_where_it_ends(tmp_path: Path) -> None:
    whole = write_wav(tmp_path / "a.wav", tone(440)).read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[:-4000])
    assert len(read_sound(tmp_path / "a.wav").samples) == 600


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtraError, match=r"soundfile.*pip install 'headgate\[audio\]'"):
        read_sound("a.wav")
