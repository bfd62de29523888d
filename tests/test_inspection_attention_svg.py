from __future__ import annotations

from xml.etree import ElementTree

import pytest
import torch

from headgate.inspection.attention import AttentionMap, attention_map
from headgate.inspection.attention_svg import as_svg, heading

SVG = "{http://www.w3.org/2000/svg}"


def parse(attention: AttentionMap, name: str = "attention") -> ElementTree.Element:
    return ElementTree.fromstring(as_svg(attention, name=name))


def rects(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [rect for rect in root.iter(SVG + "rect") if rect.get("class") == kind]


@pytest.fixture
def small() -> AttentionMap:
    return attention_map([[0.8, 0.2, 0.0], [0.1, 0.3, 0.4]], source="년 b", target="xy")


def test_every_cell_has_its_weight_as_opacity_and_tooltip(small: AttentionMap) -> None:
    cells = [rect for rect in rects(parse(small), "cell") if len(rect)]
    assert [cell.findtext(SVG + "title") for cell in cells] == [
        "년 → x: 0.800",
        "␣ → x: 0.200",
        "b → x: 0.000",
        "년 → y: 0.100",
        "␣ → y: 0.300",
        "b → y: 0.400",
    ]
    shares = [float(cell.get("fill-opacity", "nan")) for cell in cells]
    assert shares == pytest.approx([1.0, 0.25, 0.0, 0.125, 0.375, 0.5])
    assert len({(cell.get("x"), cell.get("y")) for cell in cells}) == 6


def test_rings_mark_the_strongest_of_each_row(small: AttentionMap) -> None:
    root = parse(small)
    cells = [rect for rect in rects(root, "cell") if len(rect)]
    places = {(ring.get("x"), ring.get("y")) for ring in rects(root, "ring")}
    assert {(cells[0].get("x"), cells[0].get("y")), (cells[5].get("x"), cells[5].get("y"))} < places
    assert len(places) == 3  # the legend has one


def test_it_tells_what_it_shows_without_eyes(small: AttentionMap) -> None:
    root = parse(small, name="first")
    assert root.get("role") == "img"
    ids = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert ids[root.get("aria-labelledby")] == "년 b → xy"
    description = ids[root.get("aria-describedby")]
    assert description is not None
    assert "2 target tokens (rows) over 3 source tokens" in description
    assert "년→x b→y" in description


def test_any_token_is_well_formed_and_inert() -> None:
    nasty = ["<script>alert(1)</script>", "&\"'", "\x00\x1b", "\ud800", "\uffff", "", "]]>"]
    attention = attention_map(torch.rand(7, 7), source=nasty, target=nasty)
    text = as_svg(attention, name='"><script>')
    assert "<script" not in text
    text.encode("utf-8")
    labels = [element.text for element in ElementTree.fromstring(text).iter(SVG + "text")]
    assert "<script>alert(1)</script"[:23] + "…" in labels


def test_it_needs_nothing_from_outside(small: AttentionMap) -> None:
    text = as_svg(small).replace('xmlns="http://www.w3.org/2000/svg"', "")
    for fetching in ("http", "url(", "href", "@import", "<image", "<script"):
        assert fetching not in text
    assert "prefers-color-scheme: dark" in text


def test_the_drawing_grows_with_the_map_and_its_labels() -> None:
    def size(length: int, count: int) -> tuple[int, int]:
        tokens = ["x" * length] * count
        root = parse(attention_map(torch.ones(count, count), source=tokens, target=tokens))
        return int(root.get("width", "0")), int(root.get("height", "0"))

    assert size(1, 20) > size(1, 12)
    assert size(9, 12) > size(1, 12)
    assert size(9, 12)[1] > size(1, 12)[1]


def test_words_are_turned_and_characters_are_not() -> None:
    attention = attention_map([[0.5, 0.3, 0.2]], source=["a", "word", "b"], target="x")
    texts = {text.text: text for text in parse(attention).iter(SVG + "text")}
    assert "rotate" in texts["word"].get("transform", "")
    assert texts["a"].get("transform") is None


def test_a_large_map_leaves_out_what_nobody_sees() -> None:
    tokens = ["x"] * 101
    attention = attention_map(torch.eye(101), source=tokens, target=tokens)
    assert len([rect for rect in rects(parse(attention), "cell") if len(rect)]) == 101


@pytest.mark.parametrize(("source", "target"), [("", ""), ("ab", ""), ("", "xy")])
def test_an_empty_map_is_drawn(source: str, target: str) -> None:
    rows: list[list[float]] = [[] for _ in target]
    root = parse(attention_map(rows, source=source, target=target))
    assert [rect for rect in rects(root, "cell") if len(rect)] == []


def test_the_heading_reads_as_people_write() -> None:
    attention = attention_map(torch.ones(2, 2), source=["the", "fox"], target=["le", "renard"])
    assert heading(attention) == "the fox → le renard"
    long = attention_map(torch.ones(1, 90), source="a" * 90, target="b")
    assert heading(long) == "a" * 59 + "… → b"
