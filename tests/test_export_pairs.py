from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.exported import run_alone, script

import headgate as hg
from headgate.errors import StreamError
from headgate.tasks import exporting

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

GOLDEN = Path(__file__).parent / "golden"
TEXTS = ["no. 123", "no. 40 no. 3 !", "따뜻한 3"]


def compared(task: Any, folder: Path, texts: list[str]) -> list[Any]:
    """Export a task and compare what both say; give what was said."""
    exporting.export(task, folder, stream=False, source=None)
    assert exporting.verify(task, folder) < exporting.TOLERANCE
    found, wanted = run_alone(folder, *texts), task.predict(texts)
    assert [(each["text"], each["finished"]) for each in found] == [
        (each.text, each.finished) for each in wanted
    ]
    numbers = [each.log_probability for each in wanted]
    assert [each["log_probability"] for each in found] == pytest.approx(numbers, abs=1e-4)
    return wanted


@pytest.mark.parametrize("name", ["translate", "chat"])
def test_a_saved_model_answers_alone_as_it_does_here(name: str, tmp_path: Path) -> None:
    model = hg.load(GOLDEN / name)
    compared(model.task, tmp_path / "out", TEXTS)
    wanted = run_alone(tmp_path / "out", text="\n".join(TEXTS) + "\n")
    assert [each["text"] for each in wanted] == [str(each) for each in model.predict(TEXTS)]
    with pytest.raises(ValueError, match="the text is empty"):
        script("run", tmp_path / "out").Model().predict([" "])
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"encoder.onnx", "decoder.onnx", "model.json", "run.py"} <= names


def test_there_is_no_stream(tmp_path: Path) -> None:
    model = hg.load(GOLDEN / "translate")
    task: Any = model.task
    with pytest.raises(StreamError, match=r"\(translate\) is no chain that takes one step"):
        exporting.export(task, tmp_path / "out", stream=True, source=None)
    assert not (tmp_path / "out").exists()
