"""Sounds as an exported model reads them, beside the package's own reading of them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.exported import run_alone, script
from tests.sounds import RATE, tone, write_wav
from tests.tiny import write_csv
from tests.tolerances import assert_equal

from headgate.data.audio import read_sound, resample
from headgate.data.mel import LogMel
from headgate.model import Model, train
from headgate.tasks import exporting
from headgate.tasks.audio_reading import AudioReading, AudioSettings

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")
soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")


def spoken(number: int, *, rate: int = RATE, seconds: float = 0.2) -> torch.Tensor:
    """A tone of two pitches in noise."""
    generator = torch.Generator().manual_seed(number)
    sound = tone(300 + 500 * (number % 2), seconds, rate=rate, loud=0.3)
    return sound + 0.05 * torch.randn(len(sound), generator=generator)


def trained(folder: Path, **settings: Any) -> Model:
    rows = []
    for number in range(24):
        file = write_wav(folder / f"{number}.wav", spoken(number, seconds=0.1 + 0.01 * number))
        rows.append((file.name, ("low", "high")[number % 2]))
    data = write_csv(folder / "list.csv", rows, ["sound", "pitch"])
    named: dict[str, Any] = {"input": "sound", "target": "pitch", "task": "classify"}
    small: dict[str, Any] = {"hidden_size": 8, "epochs": 1, "bands": 20}
    return train(data, say=lambda _: None, **(named | small | settings))


def assert_answers(found: list[Any], wanted: Any) -> None:
    assert [each["label"] for each in found] == [each.label for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one["probabilities"] == pytest.approx(other.probabilities, abs=2e-5)


def test_sounds_of_any_rate_are_classified_as_here(tmp_path: Path) -> None:
    model, out = trained(tmp_path, bidirectional=True), tmp_path / "out"
    sounds = [tmp_path / "1.wav", write_wav(tmp_path / "new.wav", spoken(30, rate=11025), 11025)]
    exporting.export(model.task, out, stream=False, source=None)
    assert exporting.verify(model.task, out) < exporting.TOLERANCE
    names = [str(each) for each in sounds]
    assert_answers(run_alone(out, *names), model.predict(names))


def test_a_step_of_a_sound_is_answered_as_the_stream_does_here(tmp_path: Path) -> None:
    model, out = trained(tmp_path, bidirectional=False, stack=3), tmp_path / "out"
    exporting.export(model.task, out, stream=True, source=None)
    assert exporting.verify(model.task, out) < exporting.TOLERANCE
    alone, sound = script("run", out).Model(), spoken(31)
    names = [str(tmp_path / "4.wav"), str(tmp_path / "5.wav")]
    assert_answers(alone.predict(names), model.predict(names))
    steps = model.task.reading.encode(sound, RATE)  # type: ignore[attr-defined]
    found = list(alone.stream((sound.numpy(), RATE)))
    assert len(found) == len(steps) > 4
    assert_answers(found, model.stream().steps(steps))


@pytest.mark.parametrize(("rate", "bands"), [(8000, 40), (11025, 44), (16000, 80), (44100, 512)])
def test_the_bands_are_the_same(rate: int, bands: int) -> None:
    wanted, found = LogMel(rate, bands), script("log_mel").LogMel(rate, bands)
    for sound in (spoken(2, rate=rate), torch.zeros(7), spoken(3, rate=rate, seconds=21)):
        assert_equal(torch.from_numpy(found(sound.numpy())), wanted(sound), "output")


@pytest.mark.parametrize(
    ("rate", "wanted"), [(44100, 16000), (8000, 16000), (16000, 8000), (48000, 44100), (8, 8)]
)
def test_another_rate_is_the_same(rate: int, wanted: int) -> None:
    for sound in (spoken(5, rate=rate, seconds=1), torch.ones(3)):
        found = script("sounds").resample(sound.numpy(), rate, wanted)
        assert_equal(torch.from_numpy(found), resample(sound, rate, wanted), "output")


@pytest.mark.parametrize("stack", [1, 3])
def test_the_steps_of_a_file_are_the_same(tmp_path: Path, stack: int) -> None:
    files = [write_wav(tmp_path / f"{n}.wav", spoken(n)) for n in range(3)]
    reading = AudioReading.learn(files, AudioSettings(stack=stack))
    for name, text in reading.files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    facts = {"reading": reading.exported().facts}
    alone = script("read_audio").Reader(SimpleNamespace(folder=tmp_path, facts=facts))
    files.append(write_wav(tmp_path / "longer.wav", spoken(7, rate=16000, seconds=0.43), 16000))
    wanted, lengths = reading.pad(list(reading.encode_rows(files)))
    found, counts = alone.batch([str(each) for each in files])
    assert counts.tolist() == lengths.tolist()
    assert_equal(torch.from_numpy(found), wanted, "gradient")  # in units of a band's deviation


@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_a_wav_is_read_without_another_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (99, 2))
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype=kind)
    wanted = read_sound(tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    found, rate = script("sounds").read_sound(tmp_path / "a.wav")
    assert rate == wanted.rate
    assert_equal(torch.from_numpy(found), wanted.samples, "bits")


def test_other_files_need_soundfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, file = script("sounds").read_sound, write_wav(tmp_path / "a.wav", spoken(1))
    assert_equal(torch.from_numpy(read(file)[0]), read_sound(file).samples, "bits")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ValueError, match=r"a\.wav: is no WAV of whole numbers .*soundfile"):
        read(file)


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    read = script("sounds").read_sound
    with pytest.raises(ValueError, match=r"none\.wav: there is no such file"):
        read(tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(ValueError, match=r"text\.wav: is no sound that can be read"):
        read(tmp_path / "text.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), RATE, subtype="PCM_16")
    with pytest.raises(ValueError, match=r"empty\.wav: the sound has no samples"):
        read(tmp_path / "empty.wav")
    with pytest.raises(ValueError, match=r"nan\.wav: the sound has samples that are no numbers"):
        read(write_wav(tmp_path / "nan.wav", [0.0, float("nan")]))
