"""The guides: every block and every command on them runs, and prints what it says."""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from tests.tiny import command, write_reviews

import headgate as hg
from headgate.errors import CellError

DOCS = Path(__file__).resolve().parent.parent / "docs"
GUIDE = DOCS / "own-cell.md"
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
SMALL = ["--set", "hidden_size=8"]


def blocks(guide: Path) -> list[tuple[str, str, str, int]]:
    """The language, the file, the text and the line of each block."""
    text = guide.read_text(encoding="utf-8")
    return [
        (found[1], found[2] or "", found[3], text[: found.start()].count("\n") + 1)
        for found in BLOCK.finditer(text)
    ]


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
    names: dict[str, Any] = {"__name__": "guide"}
    found = blocks(guide)
    assert [language for language, *_ in found].count("python") >= least
    for (language, file, text, line), (after, _, wanted, _) in zip(
        found, [*found[1:], ("", "", "", 0)], strict=True
    ):
        if file:
            Path(file).write_text(text, encoding="utf-8")
        elif language == "python":
            # its lines are those of the page
            exec(compile("\n" * line + text, str(guide), "exec"), names)
        elif language == "sh":
            run_commands(text)
        said = capsys.readouterr().out
        if after == "text":
            assert said == wanted, f"{guide}:{line}"


def run_commands(text: str) -> None:
    for line in text.splitlines():
        program, *words = shlex.split(line)
        if program == "python":
            subprocess.run([sys.executable, *words], check=True)
            continue
        assert program == "headgate"
        if words[0] in ("translate", "chat"):  # of models that a page would take minutes to make
            continue
        assert command(*words, *(SMALL if words[0] == "train" else [])) == 0, line


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
