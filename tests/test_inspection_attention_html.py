from __future__ import annotations

import pytest
import torch
from tests.pages import Page

from headgate.inspection.attention import AttentionMap, attention_map
from headgate.inspection.attention_html import as_html


@pytest.fixture
def small() -> AttentionMap:
    return attention_map([[0.75, 0.25], [0.5, 0.5]], source="년 ", target="xy")


def test_the_page_is_whole_and_says_its_language(small: AttentionMap) -> None:
    text = as_html([small], title="눈길", intro="하나\n\n둘", language="ko")
    page = Page(text)
    assert text.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": "ko"}]
    assert "<title>눈길</title>" in text
    assert "<p>하나</p>\n<p>둘</p>" in text
    assert {"charset": "utf-8"} in page.all("meta")


def test_the_table_has_the_numbers_of_the_picture(small: AttentionMap) -> None:
    cells = Page(as_html([small], title="t")).texts("td", "th")
    head = ["target", "strongest source", "its weight", "entropy", "년", "␣"]
    first = ["x", "년", "0.750", "0.81", "0.750", "0.250"]
    second = ["y", "년", "0.500", "1.00", "0.500", "0.500"]
    assert cells == [*head, *first, *second]


def test_headers_and_regions_are_marked_for_readers(small: AttentionMap) -> None:
    page = Page(as_html([small, small], title="t"))
    assert {cell.get("scope") for cell in page.all("th")} == {"row", "col"}
    regions = [area for area in page.all("div") if area.get("role") == "region"]
    assert all(area.get("tabindex") == "0" for area in regions)
    assert len({area.get("aria-label") for area in regions}) == 4


def test_ids_are_unique_and_references_are_met(small: AttentionMap) -> None:
    page = Page(as_html([small, small, small], title="t"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) == 9
    for _, attributes in page.tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in ids


def test_text_is_escaped_and_storable() -> None:
    nasty = ["<script>x</script>", "</style>", "\ud800", "\x00"]
    attention = attention_map(torch.rand(4, 4), source=nasty, target=nasty)
    text = as_html([attention], title="<b>\ud800", intro="a & <i>", language='"><script>')
    Page(text)
    text.encode("utf-8")
    assert "<script" not in text
    assert "<h1>&lt;b&gt;?</h1>" in text
    assert "<p>a &amp; &lt;i&gt;</p>" in text


def test_the_page_fetches_nothing(small: AttentionMap) -> None:
    text = as_html([small], title="t").replace("http://www.w3.org/2000/svg", "")
    for fetching in ("http:", "https:", "url(", "href", "src=", "@import", "<script"):
        assert fetching not in text
    assert "default-src 'none'" in text


def test_a_large_map_has_a_short_table() -> None:
    tokens = ["x"] * 101
    attention = attention_map(torch.eye(101), source=tokens, target=tokens)
    assert len(Page(as_html([attention], title="t")).texts("td", "th")) == 4 + 101 * 4


def test_no_maps_and_empty_maps() -> None:
    assert "There is no map to show." in as_html([], title="t")
    empty = attention_map([[], []], source="", target="xy")
    cells = Page(as_html([empty], title="t")).texts("td", "th")
    assert cells[4:] == ["x", "∅", "0.000", "0.00", "y", "∅", "0.000", "0.00"]
