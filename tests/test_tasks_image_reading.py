"""Pictures row by row, through the tasks that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.pictures import block, nobody, save, write_blocks, write_rows
from tests.tolerances import assert_equal

from headgate.data.columns import Table
from headgate.data.images import PictureFile
from headgate.errors import DataError, HeadgateError, StreamError
from headgate.model import load, train
from headgate.tasks import pixels
from headgate.tasks.image_reading import ImageReading, ImageSettings
from headgate.tasks.pixels import Pixels
from headgate.tasks.readings import reading_of

pytest.importorskip("PIL", reason="pillow is not installed")


def manifest(folder: Path, count: int = 48) -> Path:
    rows = [(name, side) for name, _, side in write_blocks(folder, count)]
    return write_rows(folder / "list.csv", ("picture", "side"), rows)


def table_of(folder: Path, names: list[str]) -> Table:
    rows = [[name, "x"] for name in names]
    return Table(
        str(folder / "list.csv"), ("picture", "side"), rows, list(range(2, 2 + len(rows))), True
    )


def read(folder: Path, count: int = 6) -> list[PictureFile]:
    names = [name for name, *_ in write_blocks(folder, count)]
    return list(ImageReading.read(table_of(folder, names), "picture"))


def test_pictures_are_classified(tmp_path: Path) -> None:
    model = train(
        manifest(tmp_path), input="picture", target="side", say=nobody, hidden_size=16,
        bidirectional=False, epochs=20, learning_rate=0.01, dropout=0.0,
    )  # fmt: skip
    new = save(tmp_path / "new.png", block("blue", "right", seed=77))
    assert model.predict([str(new)])[0].label == "right"
    assert model.config["task"] == "classify"
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.predict([str(new)]) == model.predict([str(new)])
    assert len(again.task.inspect(str(new)).tokens) == 16  # a step for each row of pixels
    with pytest.raises(StreamError, match="a picture is read from its file, whole"):
        again.stream()


def test_a_folder_of_classes_is_a_manifest(tmp_path: Path) -> None:
    for number in range(24):
        side = ("left", "right")[number % 2]
        save(tmp_path / side / f"{number}.png", block("red", side, seed=number))
    said: list[str] = []
    model = train(tmp_path, say=said.append, hidden_size=4, epochs=1)
    assert any("each folder is a class of pictures" in line for line in said)
    assert any("made to 16 by 24 pixels, colours" in line for line in said)
    assert "nearest neighbour" in model.metrics["baselines"]


def test_a_row_of_pixels_is_a_step(tmp_path: Path) -> None:
    files = read(tmp_path)
    reading = ImageReading.learn(files, ImageSettings())
    frames = reading.encode_rows(files)
    assert frames.lengths == [16] * 6
    batch, lengths = reading.pad([frames[2]])
    assert lengths.tolist() == [16]
    assert batch.shape == (1, 16, 24 * 3)
    whole = torch.stack([file.read(height=16, width=24) for file in files]).double()
    picture = whole[2]
    for row, column, channel in ((0, 0, 0), (5, 9, 1), (15, 23, 2)):
        values = whole[:, channel]
        wanted = (picture[channel, row, column] - values.mean()) / values.std(correction=0)
        found = batch[0, row, 3 * column + channel]
        assert float(found) == pytest.approx(float(wanted), abs=1e-5)


def test_pictures_without_colours_are_read_as_grey(tmp_path: Path) -> None:
    grey = torch.randint(0, 256, (1, 8, 8), dtype=torch.uint8)
    names = ["a.png", "b.png"]
    save(tmp_path / "a.png", grey.expand(3, -1, -1))
    save(tmp_path / "b.png", grey)
    files = ImageReading.read(table_of(tmp_path, names), "picture")
    assert ImageReading.learn(files, ImageSettings()).pixels.channels == 1
    assert ImageReading.learn(files, ImageSettings(grey=False)).pixels.channels == 3
    save(tmp_path / "b.png", block("green", "left", height=12))
    files = ImageReading.read(table_of(tmp_path, names), "picture")
    assert ImageReading.learn(files, ImageSettings()).pixels.channels == 3
    assert ImageReading.learn(files, ImageSettings(grey=True)).pixels.channels == 1


def test_the_size_is_the_most_frequent_one_or_what_was_asked_for(tmp_path: Path) -> None:
    for number, (height, width) in enumerate([(16, 24), (16, 24), (20, 20), (200, 100)]):
        pixels_ = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
        save(tmp_path / f"{number}.png", pixels_)
    files = ImageReading.read(table_of(tmp_path, [f"{n}.png" for n in range(4)]), "picture")
    form = ImageReading.learn(files, ImageSettings()).pixels
    assert (form.height, form.width) == (16, 24)
    form = ImageReading.learn(files[3:], ImageSettings()).pixels
    assert (form.height, form.width) == (64, 32)
    form = ImageReading.learn(files, ImageSettings(height=10)).pixels
    assert (form.height, form.width) == (10, 24)
    with pytest.raises(HeadgateError, match="width"):
        ImageSettings(width=0)


def test_what_was_learned_comes_back(tmp_path: Path) -> None:
    files = read(tmp_path)
    reading = ImageReading.learn(files, ImageSettings())
    again = ImageReading.restore(ImageSettings(), reading.files())
    assert again.pixels == reading.pixels
    assert ImageReading.learn(files[:1], ImageSettings(), reading).pixels == reading.pixels
    assert_equal(again.features(files), reading.features(files), "bits")
    assert reading.features(files).shape == (6, 3 * 12 * 12)
    assert reading.shown(files[0]) == "0.png"


@pytest.mark.usefixtures("unchecked")  # a checker of types reads rows, too
def test_many_pictures_are_read_a_batch_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = read(tmp_path)
    reading = ImageReading.learn(files, ImageSettings())
    seen: list[Any] = []
    monkeypatch.setattr(Pixels, "read", lambda self, file: _counted(self, file, seen))
    in_memory = reading.encode_rows(files)
    assert len(seen) == 6
    monkeypatch.setattr(pixels, "MOST_BYTES", 1000)
    lazy = reading.encode_rows(files)
    assert len(seen) == 6
    assert torch.equal(lazy[3], in_memory[3])
    assert len(seen) == 7


def _counted(form: Pixels, file: PictureFile, seen: list[Any]) -> torch.Tensor:
    seen.append(file)
    return file.read(height=form.height, width=form.width, grey=form.channels == 1)


def test_a_row_that_names_no_picture_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", block("red", "left"))
    table = table_of(tmp_path, ["a.png", "a.png", "b.png"])
    assert reading_of(table, "picture") is ImageReading
    with pytest.raises(DataError, match=r"row 4, column 'picture': there is no such file"):
        ImageReading.read(table, "picture")
    reading = ImageReading.learn([PictureFile(tmp_path / "a.png")], ImageSettings())
    with pytest.raises(DataError, match="the path of a picture was wanted, and 3 came"):
        reading.encode_rows([3])


def test_a_constant_channel_has_no_infinite_scale(tmp_path: Path) -> None:
    save(tmp_path / "a.png", torch.zeros(1, 4, 4, dtype=torch.uint8))
    reading = ImageReading.learn([PictureFile(tmp_path / "a.png")], ImageSettings())
    batch, _ = reading.pad([reading.encode_rows([tmp_path / "a.png"])[0]])
    assert batch.tolist() == torch.zeros(1, 4, 4).tolist()
