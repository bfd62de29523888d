"""Every task leaves: the saved model of each is exported and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

import headgate as hg
from headgate.export.comparison import SIZES, TOLERANCE, Compared
from headgate.tasks import TASKS

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("task", TASKS)
def test_every_task_leaves_as_it_is(task: str, tmp_path: Path) -> None:
    model, said = hg.load(GOLDEN / task), list[Compared]()
    model.export(tmp_path / "out")
    assert model.verify(tmp_path / "out", said.append) <= TOLERANCE
    graphs = {each.graph for each in said}
    assert len(said) == len(SIZES) * len(graphs)
    assert {f"{name}.onnx" for name in graphs} <= {
        each.name for each in (tmp_path / "out").iterdir()
    }
