"""Pictures and videos as an exported model reads them, beside the package's own reading."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.exported import run_alone, script
from tests.pictures import block, nobody, save, write_blocks, write_rows
from tests.tolerances import assert_equal

from headgate.data.images import PictureFile, fitted
from headgate.errors import StreamError
from headgate.export.comparison import compare
from headgate.export.parts import Input, Part
from headgate.model import train
from headgate.tasks import exporting
from headgate.tasks.pixels import Pixels
from headgate.tasks.video_reading import VideoFolder, VideoReading, VideoSettings

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")
Image = pytest.importorskip("PIL.Image", reason="pillow is not installed")

TINY: dict[str, Any] = {"hidden_size": 8, "epochs": 1, "bidirectional": False}
_ORIENTATION = 0x0112


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def assert_answers(found: list[Any], wanted: Any) -> None:
    assert [each["label"] for each in found] == [each.label for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one["probabilities"] == pytest.approx(other.probabilities, abs=1e-5)


def test_pictures_are_classified_as_here(tmp_path: Path) -> None:
    rows = [(name, side) for name, _, side in write_blocks(tmp_path, 24)]
    table = write_rows(tmp_path / "list.csv", ("picture", "side"), rows)
    model, out = train(table, input="picture", target="side", say=nobody, **TINY), tmp_path / "out"
    exporting.export(model.task, out, stream=False, source=None)
    assert exporting.verify(model.task, out) < exporting.TOLERANCE
    names = [str(save(tmp_path / f"{seed}.png", random(3, 9 + seed, 40))) for seed in (1, 70)]
    assert_answers(run_alone(out, *names), model.predict(names))
    with pytest.raises(StreamError):
        exporting.export(model.task, tmp_path / "step", stream=True, source=None)
    assert not (tmp_path / "step").exists()


def test_videos_are_judged_as_here(tmp_path: Path) -> None:
    rows = []
    for number in range(20):
        for step in range(3 + number % 3):
            frame = block("red", ("left", "right")[number % 2], seed=9 * number + step)
            save(tmp_path / f"clips/{number}/frame{7 + step}.png", frame)
        rows.append((f"clips/{number}", str(number)))
    table = write_rows(tmp_path / "list.csv", ("clip", "number"), rows)
    named: dict[str, Any] = {"input": "clip", "target": "number", "task": "regress"}
    model = train(table, say=nobody, frame_size=12, longest=4, **named, **TINY)
    out = tmp_path / "out"
    exporting.export(model.task, out, stream=False, source=None)
    assert exporting.verify(model.task, out) < exporting.TOLERANCE
    clips: list[Any] = [str(tmp_path / f"clips/{number}") for number in (0, 1, 2)]
    arrays = [random(6, 3, 16, 24).numpy(), np.zeros((2, 20, 24, 3), np.uint8)]
    found = run_alone(out, *clips, json.dumps(arrays[0].tolist()))
    found += script("run", out).Model().predict([*arrays, clips[0]])
    wanted = model.predict([*clips, arrays[0], *arrays, clips[0]])
    assert_equal(
        torch.tensor([each["value"] for each in found]),
        torch.tensor([each.value for each in wanted]),
        "output",
    )
    with pytest.raises(StreamError):
        exporting.export(model.task, tmp_path / "step", stream=True, source=None)


@pytest.mark.parametrize(("height", "width"), [(9, 7), (3, 2), (8, 6), (1, 1)])
def test_an_adaptive_pool_is_written(height: int, width: int) -> None:
    import onnxruntime

    given = (Input("x", ("B", 2, height, width)),)
    part = Part("pool", torch.nn.AdaptiveAvgPool2d((4, 3)), given, ("y",))
    made = part.to_onnx().SerializeToString()
    opened = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    for found in compare(part, opened):
        assert found.difference < exporting.TOLERANCE, found


@pytest.mark.parametrize("seed", range(20))
def test_another_size_is_the_same_to_the_bit(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    own_height, own_width, height, width = torch.randint(2, 90, (4,), generator=generator).tolist()
    pixels = random((1, 3, 4)[seed % 3], own_height, own_width, seed=seed)
    own = script("pictures").fitted
    found = torch.from_numpy(own(pixels.numpy(), height, width))
    assert_equal(found, fitted(pixels, height=height, width=width), "bits")
    # torch has the floats of a picture that becomes one pixel wide wrong
    if min(height / own_height, width / own_width) * own_width >= 1.5:
        several = torch.stack([pixels, pixels.flip(1)]).float() + 0.25
        found = torch.from_numpy(own(several.numpy(), height, width))
        assert_equal(found, fitted(several, height=height, width=width), "gradient")


def write_picture(path: Path, mode: str, *, turned: bool) -> Path:
    levels = random(37, 52, 4, seed=len(mode)).numpy()
    if mode == "I;16":
        image = Image.fromarray(levels[..., 0].astype(np.uint16) * 256 + levels[..., 1])
    else:
        image = Image.fromarray(levels).convert(mode)  # of four channels, so RGBA
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    image.save(path, **({"exif": exif} if turned else {}))
    return path


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.png", "L"), ("a.png", "RGBA"), ("a.png", "LA"), ("a.png", "P"), ("a.png", "1"),
        ("a.png", "I;16"), ("a.jpg", "RGB"), ("a.jpg", "L"), ("a.jpeg", "CMYK"),
    ],
)  # fmt: skip
def test_a_file_is_the_same_to_the_bit(tmp_path: Path, name: str, mode: str) -> None:
    pictures = script("pictures")
    for channels, turned in ((1, False), (3, True)):
        file = write_picture(tmp_path / name, mode, turned=turned)
        form = Pixels(16, 20, (9.0,) * channels, (9.0,) * channels)
        (tmp_path / "pixels.json").write_text(json.dumps(form.to_dict()))
        found = pictures.Pixels(tmp_path).read(str(file))
        assert_equal(torch.tensor(found), form.read(PictureFile(file)), "bits")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    form = Pixels(16, 20, (9.0,) * 3, (9.0,) * 3)
    (tmp_path / "pixels.json").write_text(json.dumps(form.to_dict()))
    read = script("pictures").Pixels(tmp_path).read
    with pytest.raises(ValueError, match=r"none\.png: there is no such file"):
        read(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"text\.png: this is no PNG or JPEG"):
        read(tmp_path / "text.png")
    whole = save(tmp_path / "whole.png", random(3, 40, 40)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.png: the picture is broken or too large"):
        read(tmp_path / "cut.png")


def reader(folder: Path) -> Any:
    reading = VideoReading(VideoSettings(), Pixels(16, 20, (9.0,) * 3, (9.0,) * 3))
    for name, text in reading.files().items():
        (folder / name).write_text(text, encoding="utf-8")
    facts = {"reading": reading.exported().facts}
    return script("read_video").Reader(SimpleNamespace(folder=folder, facts=facts))


def test_the_frames_of_a_folder_are_in_their_order(tmp_path: Path) -> None:
    names = ["2.png", "10.png", "1b.png", "1.png", "a.png", "01.png"]
    for level, name in enumerate(names):
        save(tmp_path / "clip" / name, torch.full((3, 16, 20), 20 * level, dtype=torch.uint8))
    (tmp_path / "clip" / ".hidden.png").write_text("")
    frames, _ = reader(tmp_path).batch([tmp_path / "clip"])
    wanted = [file.path.name for file in VideoFolder.of(tmp_path / "clip").frames]
    assert [names[int(level) // 20] for level in frames[0, :, 0, 0, 0]] == wanted


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((2, 9, 9)), "frames of 3 channels were wanted, as in training, and 2 of 1 came"),
        (np.zeros((2, 2, 9, 9)), r"frames \[T, H, W\].* were wanted, and \(2, 2, 9, 9\) came"),
        (np.zeros((0, 9, 9)), "the video is empty"),
        (np.full((2, 9, 9, 3), np.nan), "pixels that are no numbers"),
        ("nowhere", "nowhere: a folder of pictures was wanted"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reader(tmp_path).batch([given])
