"""Videos: folders of frames and arrays, of several lengths, through the tasks that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from tests.pictures import block, nobody, save, write_rows
from tests.tolerances import assert_equal

from headgate.data.columns import Table
from headgate.errors import DataError, HeadgateError
from headgate.model import load, train
from headgate.tasks import pixels
from headgate.tasks.readings import reading_of
from headgate.tasks.video_reading import VideoFolder, VideoReading, VideoSettings, as_video

pytest.importorskip("PIL", reason="pillow is not installed")

SMALL: dict[str, Any] = {"hidden_size": 16, "frame_size": 12, "bidirectional": False}


def clip(way: str, length: int, seed: int) -> torch.Tensor:
    """A light square on noise that goes left or right, round the edges: [T, 12, 12]."""
    generator = torch.Generator().manual_seed(seed)
    start = int(torch.randint(12, (), generator=generator))
    frames = torch.randint(0, 50, (length, 12, 12), generator=generator, dtype=torch.uint8)
    for step in range(length):
        for column in range(4):
            place = (start + (step if way == "right" else -step) * 2 + column) % 12
            frames[step, 3:8, place] = 220
    return frames


def write_folders(folder: Path, count: int = 24) -> Path:
    rows = []
    for number in range(count):
        way = ("left", "right")[number % 2]
        for step, frame in enumerate(clip(way, 3 + number % 3, number)):
            save(folder / f"clips/{number}/{step}.png", frame[None])
        rows.append((f"clips/{number}", way))
    return write_rows(folder / "list.csv", ("clip", "way"), rows)


def arrays(count: int, *, first: int = 0) -> tuple[numpy.ndarray, numpy.ndarray, list[str]]:
    """Clips of 4 to 6 frames, zero past their ends; the lengths; which way each goes."""
    x = numpy.zeros((count, 6, 12, 12), numpy.uint8)
    lengths = numpy.array([4 + n % 3 for n in range(count)])
    ways = [("left", "right")[n % 2] for n in range(count)]
    for n in range(count):
        x[n, : lengths[n]] = clip(ways[n], int(lengths[n]), first + n).numpy()
    return x, lengths, ways


def table_of(cells: list[Any]) -> Table:
    rows = [[cell, "x"] for cell in cells]
    return Table("a.npz", ("x", "y"), rows, list(range(1, 1 + len(rows))), True)


def test_the_way_a_shape_goes_is_learned(tmp_path: Path) -> None:
    """No frame by itself tells it."""
    x, lengths, ways = arrays(240)
    numpy.savez(tmp_path / "clips.npz", x=x, lengths=lengths, y=numpy.array(ways))
    model = train(
        tmp_path / "clips.npz", task="classify", input="x", target="y", say=nobody,
        epochs=12, learning_rate=0.005, **SMALL,
    )  # fmt: skip
    assert model.metrics["test"]["accuracy"]["value"] > 0.9
    new = clip("right", 6, 999)
    assert model.predict([new])[0].label == "right"
    model.save(tmp_path / "model")
    assert load(tmp_path / "model").predict([new]) == model.predict([new])


def test_folders_of_frames_are_videos(tmp_path: Path) -> None:
    said: list[str] = []
    model = train(
        write_folders(tmp_path), input="clip", target="way", say=said.append, epochs=1, **SMALL
    )
    assert "videos, each frame made to 12 by 12 pixels, grey" in said
    found = model.predict([str(tmp_path / "clips/3"), str(tmp_path / "clips/4")])
    assert {each.label for each in found} <= {"left", "right"}
    seen = model.task.inspect(str(tmp_path / "clips/5"))
    assert len(seen.tokens) == 5  # its frames
    assert "nearest neighbour" in model.metrics["baselines"]


def test_a_folder_is_read_as_the_array_of_its_frames(tmp_path: Path) -> None:
    write_folders(tmp_path, 4)
    frames = clip("right", 4, 1)
    reading = VideoReading.learn([VideoFolder.of(tmp_path / "clips/1")], VideoSettings())
    found = reading.encode_rows([tmp_path / "clips/1", frames, frames[:, None]])
    assert found.lengths == [4, 4, 4]
    for row in range(3):
        assert torch.equal(found[row], frames[:, None])


def test_a_video_is_the_same_beside_longer_ones() -> None:
    clips = [clip("left", length, length) for length in (2, 5, 3)]
    reading = VideoReading.learn([as_video(each) for each in clips], VideoSettings(frame_size=6))
    rows = reading.encode_rows(clips)
    batch, lengths = reading.pad([rows[0], rows[1], rows[2]])
    assert batch.shape == (3, 5, 1, 12, 12)
    assert batch.dtype == torch.uint8
    together = reading.embedding(batch)
    for row, length in enumerate(lengths.tolist()):
        alone = reading.embedding(reading.pad([rows[row]])[0])
        assert_equal(together[:length, row], alone[:, 0], "output")


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((2, 8, 9), 1), ((2, 3, 8, 9), 3), ((2, 8, 9, 3), 3), ((2, 8, 9, 1), 1), ((2, 4, 8, 9), 4)],
)
def test_channels_stand_before_or_after(shape: tuple[int, ...], channels: int) -> None:
    given = torch.rand(shape)
    assert as_video(given).shape == (2, channels, 8, 9)  # type: ignore[union-attr]
    assert VideoReading.reads(table_of([given]), "x")
    reading = VideoReading.learn(VideoReading.read(table_of([given]), "x"), VideoSettings())
    assert reading.pixels.channels == channels
    if shape[-1] == 3:
        assert torch.equal(as_video(given)[1, 2], given[1, :, :, 2])  # type: ignore[index]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (torch.zeros(0, 4, 4), "the video is empty"),
        (torch.zeros(2, 5, 6, 7), r"were wanted, and \(2, 5, 6, 7\) came"),
        (torch.full((2, 4, 4), float("inf")), "pixels that are no numbers"),
        (torch.zeros(2, 2), "were wanted"),
    ],
)
def test_a_wrong_array_is_named_by_its_row(cell: torch.Tensor, said: str) -> None:
    with pytest.raises(DataError, match=f"row 2, column 'x': .*{said}"):
        VideoReading.read(table_of([torch.ones(2, 4, 4), cell]), "x")


def test_a_series_is_no_video() -> None:
    table = table_of([torch.zeros(5, 2)])
    assert not VideoReading.reads(table, "x")
    assert reading_of(table, "x").kind == "series"


def test_a_wrong_folder_is_named_by_its_row(tmp_path: Path) -> None:
    save(tmp_path / "a/0.png", block("red", "left"))
    (tmp_path / "none").mkdir()
    (tmp_path / "spoilt").mkdir()
    (tmp_path / "spoilt/0.png").write_bytes(b"x")
    for name, said in (
        ("none", "the folder has no PNG or JPEG"),
        ("a/0.png", "a folder of pictures was wanted"),
        ("b", "there is no such file"),
        ("spoilt", "this is no PNG or JPEG"),
    ):
        table = Table(str(tmp_path / "l.csv"), ("x", "y"), [["a", "y"], [name, "y"]], [2, 3], True)
        with pytest.raises(DataError, match=f"row 3, column 'x'.*{said}"):
            VideoReading.read(table, "x")


def test_long_videos_are_cut_and_many_are_read_when_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [clip("left", length, length) for length in (2, 5, 3)]
    reading = VideoReading.learn([as_video(each) for each in clips], VideoSettings(longest=4))
    assert reading.encode_rows(clips).lengths == [2, 4, 3]
    assert reading.cut(clips) == ["1 videos are read to their frame 4"]
    monkeypatch.setattr(pixels, "MOST_BYTES", 100)
    lazy = reading.encode_rows(clips)
    assert torch.equal(lazy[1], clips[1][:4, None])
    assert reading.features(clips).shape == (3, 4 * 6 * 6)
    assert reading.shown(clips[0]) == "2 frames"


@pytest.mark.usefixtures("unchecked")  # a checker of types reads rows, too
def test_other_frames_than_in_training_are_refused() -> None:
    reading = VideoReading.learn([as_video(clip("left", 3, 0))], VideoSettings())
    with pytest.raises(DataError, match="frames of 1 channels were wanted, as in training"):
        reading.encode_rows([torch.zeros(2, 3, 12, 12)])
    larger = reading.encode_rows([torch.full((2, 24, 24), 7, dtype=torch.uint8)])[0]
    assert larger.shape == (2, 1, 12, 12)
    with pytest.raises(DataError, match="frames of a video were wanted"):
        as_video(object())
    with pytest.raises(HeadgateError, match="frame_size"):
        VideoSettings(frame_size=0)
