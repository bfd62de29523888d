"""The guides: every block and every command on them runs, and prints what it says."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from tests.guides import DOCS, blocks, run_page
from tests.tiny import write_reviews

import headgate as hg
from headgate.errors import CellError

GUIDE = DOCS / "own-cell.md"


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("own-cell.md", 8),
        ("modifiers.md", 4),
        ("streams.md", 7),
        ("tasks.md", 1),
        ("inspection.md", 7),
        ("export.md", 3),
        ("weights.md", 3),
        ("serving.md", 3),
    ],
)
def test_every_block_runs_and_prints_what_follows_it(
    name: str,
    least: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    guide = DOCS / name
    if name == "export.md":
        for package in ("onnx", "onnxruntime"):
            pytest.importorskip(package, reason=f"{package} is not installed: headgate[onnx]")
    monkeypatch.chdir(tmp_path)
    write_reviews(tmp_path)
    assert [block.language for block in blocks(guide)].count("python") >= least
    run_page(guide, capsys)


def test_each_thing_that_the_guide_refuses_is_refused() -> None:
    """The table of errors names in its first column what a step may not hold."""
    table = GUIDE.read_text(encoding="utf-8").partition("| in the step | write |")[2]
    rows = re.findall(r"^\| (`.*?) \| ", table.partition("\n\n")[0], re.MULTILINE)
    wrong = [code for row in rows for code in re.findall(r"`([^`…]*)`", row) if "v" in code]
    assert len(wrong) >= 8
    for code in wrong:
        names: dict[str, Any] = {"hg": hg, "math": math, "numpy": numpy, "torch": torch}
        body = f"def bad(x, W, v):\n    {code}\n    return {code.split(' = ')[0]}\n"
        exec(compile(body, "bad.py", "exec"), names)
        with pytest.raises(CellError, match=r"^bad\.py:[23]: "):
            hg.cell(names["bad"])
