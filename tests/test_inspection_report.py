"""The report: whole, offline, safe from its input, and never too large."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from tests.pages import Page
from tests.test_inspection_trace import model_of
from torch import Tensor

from headgate import Recurrent
from headgate.errors import DataError
from headgate.inspection import report as module
from headgate.inspection.report import report, sentences
from headgate.inspection.report_figures import Drawn, fit
from headgate.inspection.trace import Inspection, look
from headgate.inspection.view import View, graphs

pytest.importorskip("plotly")

EVIL = "</script><b onclick='x()'>&amp; 영화 \x00\x1b[31m\u2028\u202e\udc80<!--<script>"


@dataclass(frozen=True, eq=False)
class StandIn(View):
    """A view of one map."""

    title = "A <b>map</b>"

    values: Tensor
    label: str = "plain"
    text: str = "a  ▓▓\nb  ░░\n\nThe greatest value is <1> here, and that is all."

    def arrays(self) -> Mapping[str, Tensor]:
        return {"values": self.values}

    def labels(self) -> Mapping[str, Sequence[str]]:
        return {"tokens": (self.label,)}

    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        assert not colour
        assert width is not None
        return self.text

    def figure(self) -> Any:
        drawn = graphs().Figure(graphs().Heatmap(z=self.values.numpy(), name=self.label))
        return drawn.update_layout(title=self.label, width=3000, height=444)


def figures(page: Page) -> list[dict[str, Any]]:
    scripts = zip(page.all("script"), page.texts("script"), strict=True)
    return [json.loads(text) for own, text in scripts if own.get("type")]


def seen(tokens: Sequence[str] = ("a", "b")) -> Inspection:
    torch.manual_seed(0)
    return look(Recurrent("gru", 2, 3), torch.zeros(len(tokens), 2), tokens)


def page_of(*views: View, **how: Any) -> Page:
    return Page(report([(seen(), views)], **({"title": "t", "intro": "i"} | how)))


def test_the_page_is_whole_and_its_contents_lead_to_every_view() -> None:
    small = StandIn(torch.eye(2))
    found = model_of("generate").inspect("a warm film")
    text = report([(found, [small, small]), (seen(), [])], title="눈길", intro="하나\n\n둘")
    page = Page(text)
    assert text.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": "en"}]
    assert page.texts("h1") == ["눈길"]
    assert page.texts("h2") == ["Input 1: a warm film", "Input 2"]
    assert page.texts("h3") == ["A <b>map</b>"] * 2
    assert page.texts("p")[:2] == ["하나", "둘"]
    assert "11 steps; layers 1; gates and states forget, input, candidate, output, h, c." in text
    ids = [own["id"] for _, own in page.tags if "id" in own]
    assert len(ids) == len(set(ids))
    leads = [str(own["href"]).removeprefix("#") for own in page.all("a")]
    assert leads == ["input-1", "input-1-1", "input-1-2", "input-2"]
    assert set(leads) < set(ids)
    assert {own["aria-labelledby"] for own in page.all("section")} <= set(ids)
    assert all(own.get("tabindex") == "0" for own in page.all("div") if own.get("role") == "region")


def test_a_view_is_its_figure_its_sentences_and_its_text() -> None:
    page = page_of(StandIn(torch.tensor([[0.25, 0.5], [0.75, 1.0]])))
    [figure] = figures(page)
    assert figure["data"][0]["type"] == "heatmap"
    assert figure["layout"]["height"] == 444
    assert page.texts("p")[-1] == "The greatest value is <1> here, and that is all."
    assert page.texts("pre") == [StandIn(torch.eye(1)).text]
    assert page.texts("summary") == ["The same as plain text"]


def test_nothing_is_fetched_from_anywhere() -> None:
    page = page_of(StandIn(torch.eye(2)))
    for _, own in page.tags:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            assert not re.search("//|javascript", own.get(name) or "", re.IGNORECASE)
    assert not page.all("link")
    assert not page.all("img")
    assert not page.all("iframe")
    [policy] = [own["content"] for own in page.all("meta") if "http-equiv" in own]
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "@import" not in page.texts("style")[0]
    assert "url(" not in page.texts("style")[0]
    # plotly's own button sends a figure to its makers
    assert "showSendToCloud: false" in page.texts("script")[-1]
    libraries = [text for text in page.texts("script") if "plotly.js v" in text[:200]]
    assert len(libraries) == 1


def test_what_users_write_stays_text() -> None:
    view = StandIn(torch.eye(2), label=EVIL + "<a href='http://x.y'>z</A>", text=EVIL)
    found = seen(["<script>", EVIL])
    text = report([(found, [view])], title=EVIL, intro=EVIL)
    page = Page(text)
    assert not page.all("b")
    assert len(page.all("script")) == 3
    for kind in ("title", "h1", "pre"):
        assert "</script><b onclick='x()'>&amp; 영화 ␀␛[31m" in page.texts(kind)[0]
    [figure] = figures(page)
    label = figure["data"][0]["name"]
    assert label.startswith(EVIL)
    assert label.endswith("&lt;a href='http://x.y'>z&lt;/A>")
    assert "\x00" not in text
    assert "\x1b" not in text
    assert text.encode("utf-8").decode("utf-8") == text


def test_a_page_is_never_larger_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    small = report([(seen(), [])], title="t", intro="i")
    most = len(small.encode()) + 150_000
    monkeypatch.setattr(module, "MOST_BYTES", most)
    wide = StandIn(torch.randn(100, 2000, generator=torch.Generator().manual_seed(1)))
    stuck = StandIn(torch.eye(3), label="x" * 160_000)
    text = report([(seen(), [wide, StandIn(torch.eye(2)), stuck])], title="t", intro="i")
    assert most - 80_000 < len(text.encode()) <= most
    page = Page(text)
    assert len(figures(page)) == 2
    said = [words for words in page.texts("p") if "figure" in words and "page" in words]
    assert said == [
        "So that the page stays small, 16 neighbours of the figure are drawn as one, with their "
        "mean.",
        "The figure is left out of this page, which would be too large with it.",
    ]
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match="a page of 1 views would be larger than 1,000 bytes"):
        report([(seen(), [wide])], title="t", intro="i")


def test_a_coarser_map_has_the_means_of_its_neighbours() -> None:
    values = np.random.default_rng(1).normal(size=(3, 513)).astype(np.float32)
    names = [f"step {n}" for n in range(513)]
    drawn = Drawn(
        graphs().Figure([graphs().Heatmap(z=values), graphs().Heatmap(z=values, x=names)])
    )
    drawn.shrink()
    drawn.shrink()
    bare, named = drawn.figure.data
    wanted = [values[:, start : start + 4].mean(1) for start in range(0, 512, 4)]
    np.testing.assert_allclose(bare.z[:, :128], np.stack(wanted, 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(bare.z[:, 128], values[:, 512])
    assert list(bare.x[:3]) == [1.5, 5.5, 9.5]
    assert bare.x[-1] == 512
    assert list(named.x[:2]) == ["step 0", "step 4"]
    assert drawn.note.startswith("So that the page stays small, 4 neighbours")
    drawn.shrink()  # 129 columns become 65, which is the least
    assert drawn.figure.data[0].z.shape == (3, 65)
    drawn.shrink()
    assert drawn.text == ""
    assert "left out" in drawn.note


def test_a_coarser_line_has_half_the_points_and_the_largest_figure_goes_first() -> None:
    line = Drawn(graphs().Figure(graphs().Scatter(y=np.arange(1000.0), text=["a"] * 1000)))
    tall = Drawn(graphs().Figure(graphs().Heatmap(z=np.ones((4000, 2)))))
    before = len(line.text), len(tall.text)
    assert before[1] > before[0]
    fit([line, tall], before[0] + before[1] - 1)
    assert (line.halved, tall.halved) == (0, 1)
    line.shrink()
    [trace] = line.figure.data
    assert list(trace.y[:2]) == [0.5, 2.5]
    assert list(trace.x[:2]) == [0.5, 2.5]
    assert trace.text is None
    fit([line, tall], 0)
    assert line.text == tall.text == ""


def test_a_long_text_is_cut_and_an_empty_figure_is_left_out() -> None:
    long = StandIn(torch.eye(2), text="\n".join(f"{n}  line" for n in range(4000)))
    [text] = page_of(long).texts("pre")
    assert len(text) < 20_100
    assert text.endswith("characters more are left out of this page.")

    class Bare(StandIn):
        def figure(self) -> Any:
            return graphs().Figure()

    assert figures(page_of(Bare(torch.eye(2)))) == []


def test_sentences_are_found_between_pictures() -> None:
    text = "a b\n▓▓▓▓\n\nOf all units the median\nis 3 steps.\n\ngate  open\nforget  0.5.\n\nx.\n\n"
    assert sentences(text) == ["Of all units the median is 3 steps."]
    assert sentences("What is held where, and why not?") == ["What is held where, and why not?"]


def test_without_an_input_the_page_says_so() -> None:
    assert "There is no input to show." in report([], title="t", intro="")


def test_real_views_stand_in_it() -> None:
    found = model_of("translate").inspect("no. 123")
    views = [found.alignment(), found.what_if("forget=1"), found.what_if("h=0", place=1)]
    page = Page(report([(found, views)], title="t", intro="i"))
    assert len(figures(page)) == 3
    assert page.texts("h3") == ["Attention", "What if forget=1?", "What if h=0? Answer 1"]
    assert any(words.startswith("The entropy of a target token") for words in page.texts("p"))
    assert any("answers change by more than 0.01" in words for words in page.texts("p"))
