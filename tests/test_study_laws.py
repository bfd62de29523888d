"""What holds of every experiment of the table, made small."""

from __future__ import annotations

import functools
import math
import re
from xml.etree import ElementTree

import pytest
import torch
from tests.pages import Page

from headgate.errors import UnknownNameError
from headgate.study.figure import as_svg
from headgate.study.finding import Finding, Setting
from headgate.study.page import as_html, as_text
from headgate.study.running import run
from headgate.study.table import STUDIES
from headgate.study.wording import written

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?: × 10⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)?%?")


@functools.cache
def made(name: str, seed: int = 0) -> tuple[Finding, list[str]]:
    """Make an experiment once, and keep what it said meanwhile."""
    lines: list[str] = []
    return run(name, Setting(seed, True, lines.append)), lines


def found(name: str, seed: int = 0) -> Finding:
    return made(name, seed)[0]


def numbers(finding: Finding) -> set[str]:
    """Every number of the table as it is printed."""
    return {number for row in finding.cells() for cell in row for number in NUMBER.findall(cell)}


every_study = pytest.mark.parametrize("name", STUDIES)


@every_study
def test_a_finding_is_whole(name: str) -> None:
    finding = found(name)
    assert (finding.title, finding.question) == (STUDIES[name].title, STUDIES[name].question)
    assert finding.question.endswith("?")
    assert finding.setting.endswith(".")
    assert all(re.search(r"\b(19|20)\d\d\b", source) for source in finding.sources)
    assert finding.rows
    assert all(len(row) == len(finding.columns) for row in finding.rows)
    assert finding.panels


@every_study
def test_a_number_that_is_not_finite_is_said(name: str) -> None:
    finding = found(name)
    for row, cells in zip(finding.rows, finding.cells(), strict=True):
        for value, cell in zip(row, cells, strict=True):
            finite = isinstance(value, str) or math.isfinite(value)
            assert finite or cell in {"∞", "−∞", "not a number"}
            assert "nan" not in cell


@every_study
def test_the_paragraphs_say_what_was_measured(name: str) -> None:
    finding = found(name)
    for paragraph in finding.paragraphs:
        assert paragraph.endswith(".")
        assert "  " not in paragraph
    said = NUMBER.findall(finding.paragraphs[0])
    measured = numbers(finding)
    assert len([number for number in said if number in measured]) >= 2


@every_study
def test_a_figure_is_sound_and_has_words_for_who_cannot_see_it(name: str) -> None:
    finding = found(name)
    root = ElementTree.fromstring(as_svg(finding, name=name))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    title, description = root[0], root[1]
    assert (title.tag, title.text) == (f"{SVG}title", finding.title)
    assert description.tag == f"{SVG}desc"
    assert description.text is not None
    assert len(description.text) > 40
    assert root.get("aria-labelledby") == title.get("id")
    assert root.get("aria-describedby") == description.get("id")
    assert not list(root.iter(f"{SVG}script"))


@every_study
def test_everything_drawn_lies_in_the_figure(name: str) -> None:
    root = ElementTree.fromstring(as_svg(found(name)))
    width, height = (float(root.get(side, "0")) for side in ("width", "height"))
    for element in root.iter():
        for key, most in (("x", width), ("cx", width), ("x1", width), ("x2", width)):
            assert 0 <= float(element.get(key, "0")) <= most
        for key in ("y", "cy", "y1", "y2"):
            assert 0 <= float(element.get(key, "0")) <= height
        for point in element.get("points", "").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


@every_study
def test_a_seed_says_what_comes_of_it(name: str) -> None:
    torch.manual_seed(123)  # whatever came before
    again = run(name, Setting(seed=0, quick=True))
    assert as_text(again, width=80) == as_text(found(name), width=80)
    assert as_svg(again) == as_svg(found(name))


def test_another_seed_gives_other_numbers() -> None:
    assert found("vanishing", 7).rows != found("vanishing").rows


@every_study
def test_progress_names_the_experiment(name: str) -> None:
    lines = made(name)[1]
    assert lines
    assert all(line.startswith(f"{name}: ") for line in lines)


@every_study
def test_the_text_of_a_terminal_is_no_wider_than_asked(name: str) -> None:
    text = as_text(found(name), width=80)
    for paragraph in found(name).paragraphs:
        assert " ".join(paragraph.split()) in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_page_has_every_experiment_and_needs_nothing_else() -> None:
    findings = {name: found(name) for name in STUDIES}
    text = as_html(findings, {name: f"headgate study {name} --seed 0" for name in STUDIES})
    page = Page(text)
    assert [section["id"] for section in page.all("section")] == list(STUDIES)
    assert [link["href"] for link in page.all("a")] == [f"#{name}" for name in STUDIES]
    assert page.texts("h2") == [each.title for each in findings.values()]
    assert page.texts("code") == [f"headgate study {name} --seed 0" for name in STUDIES]
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(identities)) == len(identities)
    assert not page.all("script")
    assert not re.search(r"(?:src|href)=\"(?!#)", text)
    assert "url(" not in text
    assert page.all("html") == [{"lang": "en"}]
    for finding in findings.values():
        assert set(finding.paragraphs) <= set(page.texts("p"))
        assert {cell for row in finding.cells() for cell in row} <= set(page.texts("td"))


def test_a_page_of_one_is_named_after_it() -> None:
    page = Page(as_html({"memory": found("memory")}, {"memory": "headgate study memory"}))
    assert page.texts("h1") == [STUDIES["memory"].title]
    assert not page.all("nav")


def test_an_unknown_experiment_is_named_beside_the_known() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'vanishing'") as caught:
        run("vanisching", Setting())
    assert "all" in str(caught.value)


def test_a_run_leaves_the_chance_and_the_threads_of_others_alone() -> None:
    torch.manual_seed(5)
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    run("vanishing", Setting(seed=3, quick=True))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("gru", "gru"),
        (1234, "1,234"),
        (0.0, "0"),
        (0.12345, "0.123"),
        (1540.4, "1,540"),
        (-2.34e-7, "-2.3 × 10⁻⁷"),
        (3.3e36, "3.3 × 10³⁶"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "not a number"),
    ],
)
def test_numbers_are_written_to_be_read(value: str | float, text: str) -> None:
    assert written(value) == text
