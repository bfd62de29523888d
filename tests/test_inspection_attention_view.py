"""Attention as a view: the numbers of the map, and a text and a figure of any size."""

from __future__ import annotations

import json
import math

import pytest
import torch
from tests.test_inspection_trace import model_of
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.errors import DataError
from headgate.inspection.attention import attention_map
from headgate.inspection.attention_view import Attention, attention
from headgate.inspection.labels import display_width


def drawn_map(rows: int, columns: int) -> Attention:
    weights = torch.rand(rows, columns, generator=torch.Generator().manual_seed(1)) ** 3
    weights = weights / weights.sum(1, keepdim=True)
    source = [f"s{number}" for number in range(columns)]
    return Attention(
        attention_map(weights, source=source, target="년 <b>x"[:rows].ljust(rows, "y"))
    )


def entropy_by_hand(weights: Tensor) -> list[float]:
    rows = [[w / sum(row) for w in row] for row in weights.tolist()]
    return [-sum(p * math.log2(p) for p in row if p) for row in rows]


def test_a_translator_shows_where_it_looked() -> None:
    found = model_of("translate").inspect("no. 123")
    view = attention(found)
    assert found.attention is not None
    arrays = found.alignment().arrays()
    assert_equal(arrays["weights"], found.attention.weights, "bits")
    assert arrays["entropy"].tolist() == pytest.approx(entropy_by_hand(arrays["weights"]))
    rows = arrays["weights"].tolist()
    assert arrays["strongest"].tolist() == [row.index(max(row)) for row in rows]
    assert view.labels() == {"source": tuple("no. 123"), "target": ("1", "1", "⏎")}
    assert json.loads(json.dumps(view.to_dict(), allow_nan=False))["title"] == "Attention"


def test_the_text_has_the_map_the_links_and_a_sentence() -> None:
    view = Attention(attention_map([[0.9, 0.1], [0.5, 0.5]], source="ab", target="xy"))
    assert view.as_text(width=300).split("\n\n") == [
        "  a b\nx ██░░\ny ▓▓▓▓",
        "░ 0.05  ▒ 0.23  ▓ 0.45  █ 0.68 to 0.90",
        "Strongest: a→x a→y",
        "The entropy of a target token is 0.73 bits on average, least for x (0.47) and greatest "
        "for y (1.00); of 2 source tokens it is 1.00 at most.",
    ]
    for width in (24, 80):
        for line in drawn_map(5, 40).as_text(width=width).split("\n"):
            assert display_width(line) <= max(width, 41)  # the legend is one line


def test_an_empty_map_says_so() -> None:
    view = Attention(attention_map(torch.zeros(0, 2), source="ab", target=""))
    assert "nothing that could look" in view.as_text(width=80)
    assert view.arrays()["entropy"].shape == (0,)
    nobody = Attention(attention_map([[0.0, 0.0]], source="ab", target="x"))
    assert nobody.arrays()["strongest"].tolist() == [-1]


def test_the_figure_has_the_weights_and_stays_small() -> None:
    pytest.importorskip("plotly")
    view = drawn_map(5, 40)
    figure = view.figure()
    [trace] = figure.data
    assert_equal(torch.tensor(trace.z), view.map.weights.float(), "output")
    assert figure.layout.yaxis.ticktext == ("년", "␣", "&lt;", "b", "&gt;")
    assert len(figure.layout.xaxis.ticktext) == 40
    large = drawn_map(700, 4001)
    [trace] = large.figure().data
    assert trace.z.shape == (200, 2000)
    assert trace.z.mean() == pytest.approx(float(large.map.weights.mean()), rel=1e-2)
    assert len(large.figure().layout.xaxis.ticktext) <= 80


def test_a_model_without_attention_is_named_those_that_have_it() -> None:
    with pytest.raises(DataError, match="no attention: those of translate, chat and caption have"):
        model_of("generate").inspect("a warm").alignment()
