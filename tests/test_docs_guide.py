"""The course: every block of every chapter runs and prints what it says; every figure is made."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.guides import DOCS, Block, blocks, run_page

GUIDE, KOREAN = DOCS / "guide", DOCS / "ko" / "guide"
CHAPTERS = sorted(GUIDE.glob("[1-9]-*.md"))
SAME = {"attention-by-hand.svg"}  # of arithmetic alone; the others are drawn of a small training
SVG = "{http://www.w3.org/2000/svg}"
FIGURE = re.compile(r"^!\[([^\]]+)\]\(figures/([\w-]+\.svg)\)$", flags=re.MULTILINE)


def figures(page: Path) -> list[str]:
    return [name for _, name in FIGURE.findall(page.read_text(encoding="utf-8"))]


def kind_of(drawing: str) -> tuple[str, str | None]:
    """Which of headgate's drawings it is, and of an experiment which one."""
    root = ElementTree.fromstring(drawing)
    kind = root.attrib["class"]
    assert any(root.iter(f"{SVG}{mark}") for mark in ("path", "rect", "circle", "line"))
    return kind, root.findtext(f"{SVG}title") if kind == "hg-study" else None


@pytest.mark.slow
@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_every_block_prints_what_follows_it_and_every_figure_is_made(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "from PIL import" in page.read_text(encoding="utf-8"):
        pytest.importorskip("PIL", reason="pillow is not installed: headgate[image]")
    monkeypatch.chdir(tmp_path)
    Path("figures").mkdir()
    run_page(page, capsys)
    assert {path.name for path in Path("figures").iterdir()} == set(figures(page))
    for name in figures(page):
        made = Path("figures", name).read_text(encoding="utf-8")
        kept = (GUIDE / "figures" / name).read_text(encoding="utf-8")
        assert kind_of(made) == kind_of(kept)
        if name in SAME:
            assert made == kept


def test_there_are_nine_chapters_and_each_leads_to_the_next_of_the_list() -> None:
    listed = re.findall(r"\]\((\d-[\w-]+\.md)\)", (GUIDE / "index.md").read_text(encoding="utf-8"))
    assert listed == [page.name for page in CHAPTERS]
    assert len(CHAPTERS) == 9


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_a_chapter_says_what_will_be_known_and_ends_with_exercises(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    title, first = text.split("\n\n")[:2]
    assert re.fullmatch(rf"# {page.name[0]} .+", title)
    assert first.startswith("At the end you ")
    exercises = text.partition("\n## Exercises\n")[2]
    assert len(re.findall(r"^\d\. ", exercises, flags=re.MULTILINE)) >= 3
    assert "## " not in exercises


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_what_a_block_prints_stands_below_it(page: Path) -> None:
    for block, after in pairwise([*blocks(page), Block("", "", "", 0)]):
        if block.language == "python" and re.search(r"^ *print\(", block.text, flags=re.MULTILINE):
            assert after.language == "text", f"{page}:{block.line}"


def test_every_figure_of_the_folder_stands_in_a_chapter() -> None:
    used = [name for page in CHAPTERS for name in figures(page)]
    assert sorted(used) == sorted(path.name for path in (GUIDE / "figures").glob("*"))


def test_the_korean_chapters_have_the_same_blocks() -> None:
    """Comments may be translated; what is run and what it prints may not."""
    for page in sorted(KOREAN.glob("[1-9]-*.md")):
        assert [bare(block) for block in blocks(page)] == [
            bare(block) for block in blocks(GUIDE / page.name)
        ], page


def bare(block: Block) -> tuple[str, str, str]:
    text = block.text
    if block.language in ("python", "sh"):
        text = re.sub(r"\s*# .*$", "", text, flags=re.MULTILINE)
    # a figure lies beside the English chapter; a Korean page may name it from where it stands
    return block.language, block.file, text
