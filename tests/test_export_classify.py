from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.exported import run_alone

import headgate as hg
from headgate.tasks import exporting
from headgate.tasks.classify import Classify

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

GOLDEN = Path(__file__).parent / "golden"
TEXTS = ["a warm film", "dull", "따뜻한 영화 number 7"]


def test_a_text_classifier_answers_alone_as_it_does_here(tmp_path: Path) -> None:
    model = hg.load(GOLDEN / "classify")
    task: Any = model.task
    assert isinstance(task, Classify)
    exporting.export(task, tmp_path / "out", stream=False, source=None)
    assert exporting.verify(task, tmp_path / "out") < exporting.TOLERANCE
    found = run_alone(tmp_path / "out", text="\n".join(TEXTS) + "\n")
    wanted = model.predict(TEXTS)
    assert [each["class"] for each in found] == [each.label for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one["probabilities"] == pytest.approx(other.probabilities, abs=1e-5)
