"""The timeline: its formulas are what the commands above them print, and its commands run."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.guides import DOCS, Block, blocks, run_commands
from tests.sounds import tone, write_wav
from tests.tiny import command, write_csv, write_norms, write_reviews

from headgate.equations import CELLS
from headgate.model import load

PAGE = DOCS / "timeline.md"
FOUND = blocks(PAGE)
COMMANDS = [
    block.text.strip()
    for block in FOUND
    if block.language == "sh" and not block.text.startswith("headgate cells ")
]


class Entry(NamedTuple):
    year: int
    name: str
    text: str


def entries() -> list[Entry]:
    parts = re.split(r"^## (\d{4}) (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[
        1:
    ]
    return [
        Entry(int(year), name, text)
        for year, name, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]


def printed_formula(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The formula that headgate cells prints for one cell: what stands between two empty lines."""
    assert command(*shlex.split(line)[1:]) == 0
    lines = capsys.readouterr().out.split("\n\n")[1].splitlines()
    return "".join(f"{text.removeprefix('    ')}\n" for text in lines)


def test_the_years_go_forward() -> None:
    years = [entry.year for entry in entries()]
    assert years[0] == 1986
    assert all(before <= after for before, after in pairwise(years))


def test_the_table_lists_every_entry_in_its_order() -> None:
    head = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    rows = re.findall(r"^\| (\d{4}) \| \[(.+?)\]\(#(.+?)\) \|$", head, flags=re.MULTILINE)
    assert [(int(year), name) for year, name, _ in rows] == [each[:2] for each in entries()]
    for year, _, anchor in rows:
        assert anchor.startswith(f"{year}-")


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: f"{entry.year} {entry.name}")
def test_each_entry_has_its_paper_a_formula_and_a_command(entry: Entry) -> None:
    paper, said = entry.text.strip().split("\n\n")[:2]
    assert re.search(r'"[^"]{10,}"', paper), "the title of a paper"
    assert " ".join(said.split()).count(". ") == 1, "two sentences"
    assert said.endswith(".")
    assert re.search(r"^```sh\nheadgate (train|study) ", entry.text, flags=re.MULTILINE)
    if "study" not in entry.text:
        assert "```text" in entry.text or "\n    " in entry.text


def test_every_cell_and_every_option_of_the_lstm_that_has_a_paper_is_there() -> None:
    asked = [block.text.split() for block in FOUND if block.text.startswith("headgate cells ")]
    assert {words[2] for words in asked} == set(CELLS)
    options = {words[4].partition("=")[0] for words in asked if words[2] == "lstm" and words[3:]}
    assert options == {"forget", "peephole", "projection", "coupled"}


@pytest.mark.parametrize(
    ("block", "after"),
    [pair for pair in pairwise(FOUND) if pair[1].language == "text"],
    ids=lambda block: str(block.line),
)
def test_a_formula_is_what_the_block_above_it_prints(
    block: Block, after: Block, capsys: pytest.CaptureFixture[str]
) -> None:
    if block.language == "sh":
        said = printed_formula(block.text, capsys)
    else:
        exec(compile(block.text, str(PAGE), "exec"), {})
        said = capsys.readouterr().out
    assert said == after.text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small data under the names that the commands have."""
    folder = tmp_path_factory.mktemp("timeline")
    write_reviews(folder)
    write_norms(folder)
    rows = []
    for number in range(12):
        write_wav(folder / f"{number}.wav", tone(300 + 200 * (number % 3)))
        rows.append([f"{number}.wav", "abc"[number % 3]])
    write_csv(folder / "sounds.csv", rows, ["sound", "said"])
    return folder


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_runs(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    words = shlex.split(line)
    if words[1] != "train":
        run_commands(line)
        return
    small = "--epochs 1 --valid 0.2 --test 0.2 --set embedding_size=8"
    if "transcribe" in line:
        small = "--epochs 1 --valid 0.2 --test 0.2"
    run_commands(f"{line} {small}")
    assert load(folder / words[words.index("--out") + 1]).metrics["test"]
