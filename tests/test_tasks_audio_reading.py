from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.sounds import RATE, tone, write_wav
from tests.tiny import command, write_csv
from tests.tolerances import assert_equal

from headgate.data.columns import Table
from headgate.data.mel import LogMel
from headgate.data.sources import read_table
from headgate.errors import DataError, HeadgateError
from headgate.model import load, train
from headgate.tasks.audio_reading import AudioReading, AudioSettings


def _files(folder: Path, rates: tuple[int, ...] = (RATE, RATE, 16000)) -> list[Path]:
    return [
        write_wav(folder / f"{n}.wav", tone(300 + 200 * n, 0.1 + 0.05 * n, rate=rate), rate)
        for n, rate in enumerate(rates)
    ]


def test_frames_are_scaled_by_the_training_part(tmp_path: Path) -> None:
    files = _files(tmp_path, (RATE,) * 3)
    reading = AudioReading.learn(files, AudioSettings(stack=1))
    rows = reading.encode_rows(files)
    whole = torch.cat(list(rows))
    assert_equal(whole.mean(0), torch.zeros(40), "gradient")
    assert_equal(whole.std(0, correction=0), torch.ones(40), "gradient")
    plain = LogMel(RATE, 40)(tone(500, 0.15))
    assert_equal(rows[1] * reading.scales + reading.means, plain, "gradient")


def test_a_step_is_of_several_frames_the_last_one_filled(tmp_path: Path) -> None:
    files = _files(tmp_path)
    one = AudioReading.learn(files, AudioSettings(stack=1))
    three = AudioReading(AudioSettings(stack=3), one.bands, one.means, one.scales)
    frames, steps = one.encode_rows(files)[0], three.encode_rows(files)[0]
    assert (len(frames), steps.shape) == (9, (3, 120))
    assert_equal(steps.view(9, 40)[:9], frames, "gradient")
    assert three.encode(tone(300, 0.11), RATE).shape == (4, 120)
    assert three.embedding.output_size == 120


def test_the_rate_is_that_of_most_and_the_others_are_brought_to_it(tmp_path: Path) -> None:
    files = _files(tmp_path)
    reading = AudioReading.learn(files, AudioSettings())
    assert (reading.bands.rate, reading.bands.bands) == (RATE, 40)
    assert reading.notes() == ["sounds at 8000 Hz as 40 mel bands, a step each 20 ms"]
    asked = AudioReading.learn(files, AudioSettings(sample_rate=16000, bands=20))
    assert (asked.bands.rate, asked.bands.bands) == (16000, 20)
    # the same tone at two rates is nearly the same to the ear
    at_8, at_16 = (reading.encode(tone(700, 0.3, rate=rate), rate) for rate in (RATE, 16000))
    loud = at_8 > at_8.amax(1, keepdim=True) - 2
    assert float((at_8 - at_16)[2:-2][loud[2:-2]].abs().max()) < 0.05


def test_what_is_saved_reads_the_same(tmp_path: Path) -> None:
    files = _files(tmp_path)
    reading = AudioReading.learn(files, AudioSettings())
    again = AudioReading.restore(AudioSettings(), reading.files())
    for one, other in zip(reading.encode_rows(files), again.encode_rows(files), strict=True):
        assert_equal(one, other, "bits")
    assert again.bands == reading.bands


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    files = _files(tmp_path)
    reading = AudioReading.learn(files, AudioSettings())
    before = reading.encode_rows(files[:1])[0].clone()
    write_wav(files[0], tone(2000, 0.5))
    assert len(reading.encode_rows(files[:1])[0]) > len(before)


def test_silence_is_read_and_no_scale_is_zero(tmp_path: Path) -> None:
    files = [write_wav(tmp_path / "a.wav", torch.zeros(RATE))]
    reading = AudioReading.learn(files, AudioSettings())
    assert_equal(reading.encode_rows(files)[0], torch.zeros(50, 80), "output")
    assert float(reading.scales.min()) == 1


def test_features_are_of_one_size_and_steps_are_named_by_their_time(tmp_path: Path) -> None:
    files = _files(tmp_path)
    reading = AudioReading.learn(files, AudioSettings())
    assert reading.features(files).shape == (3, 32 * 80)
    assert reading.labels(files[0]) == ("0.00", "0.02", "0.04", "0.06", "0.08")


def test_a_base_keeps_its_bands(tmp_path: Path) -> None:
    files = _files(tmp_path)
    base = AudioReading.learn(files, AudioSettings())
    again = AudioReading.learn(files[2:], AudioSettings(), base)
    assert_equal(again.means, base.means, "bits")
    for wrong in ({"sample_rate": 16000}, {"bands": 41}, {"stack": 3}):
        with pytest.raises(
            HeadgateError, match="reads 40 bands at 8000 Hz, 2 frames a step: leave"
        ):
            AudioReading.learn(files, AudioSettings(**wrong), base)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"stack": 0}, "stack"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"bands": 999}, "512, not 999"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(HeadgateError, match=said):
        AudioSettings(**wrong)


def _tones(folder: Path, count: int = 16) -> Path:
    """A folder of high and low tones, one folder a class."""
    for n in range(count):
        for name, frequency in (("낮은", 300), ("high", 1500)):
            write_wav(folder / name / f"{n}.wav", tone(frequency + 9 * n, 0.08 + 0.005 * (n % 4)))
    return folder


SMALL: dict[str, Any] = {"hidden_size": 8, "epochs": 6, "say": lambda line: None}


def test_classes_of_sounds_are_learned_from_a_folder_and_saved(tmp_path: Path) -> None:
    folder = _tones(tmp_path / "tones")
    model = train(folder, **SMALL)
    assert model.task.name == "classify"
    assert model.metrics["test"]["accuracy"]["value"] == 1
    files = [folder / "낮은" / "0.wav", folder / "high" / "1.wav"]
    answers = model.predict([str(file) for file in files])
    assert [each.label for each in answers] == ["낮은", "high"]
    model.save(tmp_path / "model")
    again = load(tmp_path / "model").predict([str(file) for file in files])
    assert [each.probabilities for each in again] == [each.probabilities for each in answers]
    seen = model.inspect(str(files[0]))
    assert seen.tokens[:2] == ("0.00", "0.02")
    assert seen.trace["update"].shape == (2, len(seen.tokens), 8)
    assert model.evaluate(folder).scores["accuracy"].value == 1


def test_a_file_of_answers_is_written_for_sounds(tmp_path: Path) -> None:
    folder, place = _tones(tmp_path / "tones", 8), tmp_path / "model"
    train(folder, out=place, **{**SMALL, "epochs": 30})
    assert command("predict", place, folder, "--out", tmp_path / "all.csv") == 0
    rows = read_table(tmp_path / "all.csv", columns=["path", "label", "prediction"])
    assert rows.column("path")[0] == "high/0.wav"
    assert rows.column("prediction") == rows.column("label")
    # a manifest's paths are those of its own folder, wherever the command runs
    data = write_csv(tmp_path / "tones" / "list.csv", [["낮은/1.wav"]], ["file"])
    assert command("predict", place, data, "--input", "file", "--out", tmp_path / "one.csv") == 0
    assert read_table(tmp_path / "one.csv").column("prediction") == ["낮은"]


def test_a_stream_of_steps_gives_the_class_of_the_whole(tmp_path: Path) -> None:
    folder = _tones(tmp_path / "tones", 8)
    model = train(folder, bidirectional=False, **SMALL)
    file = folder / "high" / "0.wav"
    reading: Any = model.task.reading  # type: ignore[attr-defined]
    stream = model.stream()
    last = stream.steps(reading.encode_rows([file])[0])[-1]
    whole = model.predict(str(file))
    assert last.label == whole.label
    assert last.probability == pytest.approx(whole.probability, abs=1e-5)
    with pytest.raises(
        DataError, match=r"steps \[T, 80\] were wanted, as encode gives them: \(1, 3"
    ):
        stream.step([1.0, 2.0, 3.0])


def test_numbers_of_sounds_are_learned_from_a_manifest(tmp_path: Path) -> None:
    folder = _tones(tmp_path / "tones")
    rows = [[f"tones/high/{n}.wav", str(1500 + 9 * n)] for n in range(16)]
    rows += [[f"tones/낮은/{n}.wav", str(300 + 9 * n)] for n in range(16)]
    data = write_csv(tmp_path / "list.csv", rows, ["sound", "pitch"])
    model = train(data, input="sound", target="pitch", **SMALL)
    assert model.task.name == "regress"
    assert math.isfinite(model.predict([str(folder / "high" / "0.wav")])[0].value)


def test_a_broken_row_is_named(tmp_path: Path) -> None:
    _tones(tmp_path / "tones", 4)
    (tmp_path / "tones" / "high" / "2.wav").write_bytes(b"nothing")
    rows = [[f"tones/high/{n}.wav", "high"] for n in range(4)]
    table = read_table(write_csv(tmp_path / "list.csv", rows, ["sound", "label"]))
    assert isinstance(table, Table)
    assert AudioReading.reads(table, "sound")
    assert not AudioReading.reads(table, "label")
    with pytest.raises(DataError, match=r"list\.csv, row 4, column 'sound': .*2\.wav: is no sound"):
        AudioReading.read(table, "sound")
