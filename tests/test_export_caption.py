from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.exported import run_alone
from tests.golden import write_bar
from tests.pictures import block, save

import headgate as hg
from headgate.data.examples import Examples
from headgate.data.images import PictureFile
from headgate.errors import StreamError
from headgate.tasks import exporting
from headgate.tasks.caption import Caption

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")
pytest.importorskip("PIL", reason="pillow is not installed")

GOLDEN = Path(__file__).parent / "golden"
SMALL: dict[str, Any] = {
    "hidden_size": 8,
    "embedding_size": 6,
    "place_size": 8,
    "convolutions": 4,
    "min_frequency": 1,
}
WORDS = ("one", "two of them", "three things there", "a block")


def lively(inputs: list[Any], kind: str, **settings: Any) -> Caption:
    """A captioner that learned nothing, with weights wide enough to say different things."""
    torch.manual_seed(3)
    captions = [f"{WORDS[n % 4]} {WORDS[n // 2 % 4]}" for n in range(len(inputs))]
    task = Caption.learn(Examples(inputs, captions, kind=kind), SMALL | settings)
    with torch.no_grad():
        for weight in task.network.parameters():
            weight.mul_(2)
    return task


def compared(task: Any, folder: Path, inputs: list[Any], lines: list[str]) -> set[str]:
    """Export a task and compare what both say; give the captions."""
    exporting.export(task, folder, stream=False, source=None)
    assert exporting.verify(task, folder) < exporting.TOLERANCE
    found, wanted = run_alone(folder, text="\n".join(lines) + "\n"), task.predict(inputs)
    assert [(each["text"], each["finished"]) for each in found] == [
        (each.text, each.finished) for each in wanted
    ]
    numbers = [each.log_probability for each in wanted]
    assert [each["log_probability"] for each in found] == pytest.approx(numbers, abs=1e-4)
    return {each.text for each in wanted}


def test_a_saved_captioner_answers_alone_as_it_does_here(tmp_path: Path) -> None:
    large = save(tmp_path / "large.png", block("red", "left", height=40, width=60))
    files = [write_bar(tmp_path, "lying"), write_bar(tmp_path, "standing"), str(large)]
    said = compared(hg.load(GOLDEN / "caption").task, tmp_path / "out", files, files)
    assert {"a bar is lying", "a bar is standing"} <= said


@pytest.mark.parametrize(
    "settings",
    [
        {"attention": "location", "order": "bahdanau", "cell": "gru"},
        {"attention": None, "beam_width": 1, "num_layers": 2},
    ],
    ids=lambda settings: str(settings["attention"]),
)
def test_pictures_of_several_places(settings: dict[str, Any], tmp_path: Path) -> None:
    files = [
        str(save(tmp_path / f"{n}.png", block("red", "left", height=24, width=40, seed=n)))
        for n in range(6)
    ]
    pictures = [PictureFile(Path(file)) for file in files]
    task = lively(pictures, "image", **settings)
    compared(task, tmp_path / "out", files, files)


def test_features_of_as_many_places_as_there_are(tmp_path: Path) -> None:
    torch.manual_seed(0)
    features = [torch.randn(1 + n % 4, 3) for n in range(12)]
    task = lively(features, "series", attention="additive", order="input_feeding", min_length=2)
    lines = [json.dumps(each.tolist()) for each in features]
    assert len(compared(task, tmp_path / "out", features, lines)) > 1


def test_a_captioner_has_no_stream(tmp_path: Path) -> None:
    task: Any = hg.load(GOLDEN / "caption").task
    with pytest.raises(StreamError, match=r"\(caption\) is no chain that takes one step"):
        exporting.export(task, tmp_path / "out", stream=True, source=None)
    assert not (tmp_path / "out").exists()
