from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.pages import Page
from tests.tiny import command

from headgate.study import running
from headgate.study.table import STUDIES

Screen = pytest.CaptureFixture[str]


def test_without_a_name_it_lists_the_experiments(capsys: Screen) -> None:
    assert command("study") == 0
    lines = capsys.readouterr().out.splitlines()
    for name, study in STUDIES.items():
        assert [line for line in lines if line.startswith(name) and line.endswith(study.question)]


def test_one_is_printed_and_its_progress_stands_beside_it(capsys: Screen) -> None:
    assert command("study", "vanishing", "--quick") == 0
    screen = capsys.readouterr()
    assert screen.out.startswith(STUDIES["vanishing"].title)
    assert "factor per step" in screen.out
    assert screen.err.splitlines()[0] == "vanishing: draw 1 of 2"


def test_a_page_and_a_figure_of_one(tmp_path: Path, capsys: Screen) -> None:
    page, figure = tmp_path / "v.html", tmp_path / "v.svg"
    words = ("study", "vanishing", "--quick", "--seed", 4, "--out", page, "--figure", figure)
    assert command(*words) == 0
    text = page.read_text("utf-8")
    assert Page(text).texts("code") == ["headgate study vanishing --seed 4 --quick"]
    drawn = figure.read_text("utf-8").strip()
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    out = capsys.readouterr().out
    assert f"the page: {page}" in out
    assert f"the figure: {figure}" in out


def test_all_of_them_on_one_page(
    tmp_path: Path, capsys: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("memory", "bottleneck", "word_order"):  # the laws make these, too
        monkeypatch.delitem(STUDIES, name)
    page = tmp_path / "study.html"
    assert command("study", "all", "--quick", "--out", page) == 0
    sections = Page(page.read_text("utf-8")).all("section")
    assert [section["id"] for section in sections] == list(STUDIES)
    printed = capsys.readouterr().out
    assert all(study.title in printed for study in STUDIES.values())


@pytest.mark.parametrize("option", ["--out", "--figure"])
def test_what_is_there_is_refused_before_anything_is_made(
    option: str, tmp_path: Path, capsys: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "run", pytest.fail)
    place = tmp_path / "mine"
    place.write_text("mine")
    assert command("study", "vanishing", option, place) == 2
    assert f"{place} is there already and was not touched" in capsys.readouterr().err
    assert place.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["all", "--figure", "a.svg"], "--figure writes the figure of one experiment"),
        (["--out", "a.html"], "name the experiment that is to be written"),
        (["vanishingg"], "unknown experiment 'vanishingg'; did you mean 'vanishing'?"),
        (["vanishing", "--seed", "-1"], "--seed"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str], said: str, capsys: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("study", *words) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_help_fits_a_terminal(capsys: Screen) -> None:
    assert command("study", "--help") == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
