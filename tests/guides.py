"""The pages of docs/ as programs: their blocks run in their order, and say what stands after them.

A block of python is run, one of sh is given to the command line of this process, one with a file
is written there, and a block of text is what the block before it prints, to the letter.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.tiny import command

DOCS = Path(__file__).resolve().parent.parent / "docs"
SMALL = ["--set", "hidden_size=8"]
_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_LONG = ("translate", "chat")  # of models that a page would take minutes to make


class Block(NamedTuple):
    """A block of a page: its language, its file or "", its text, and the line it begins on."""

    language: str
    file: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2] or "", found[3], text[: found.start()].count("\n") + 1)
        for found in _BLOCK.finditer(text)
    ]


def run_page(page: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run every block in the working directory and compare what it prints; its names come back."""
    names: dict[str, Any] = {"__name__": "guide"}
    found = blocks(page)
    for block, after in zip(found, [*found[1:], Block("", "", "", 0)], strict=True):
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            # its lines are those of the page
            exec(compile("\n" * block.line + block.text, str(page), "exec"), names)
        elif block.language == "sh":
            run_commands(block.text)
        said = capsys.readouterr().out
        if after.language == "text":
            assert said == after.text, f"{page}:{block.line}"
    return names


def run_commands(text: str) -> None:
    """Run lines of a shell that call python or headgate; a training and a study are small ones."""
    for line in text.splitlines():
        program, *words = shlex.split(line, comments=True)
        if program == "python":
            subprocess.run([sys.executable, *words], check=True)
            continue
        assert program == "headgate", line
        if words[0] in _LONG and not Path(words[1]).exists():
            continue
        if words[0] == "train" and not any("hidden_size=" in word for word in words):
            words += SMALL
        if words[0] == "study" and "--quick" not in words:
            words.append("--quick")
        assert command(*words) == 0, line
