"""Cells side by side: the law of an RNN and an LSTM, and norms beside plain autograd."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch
from benchmarks.gradients import BEGINNINGS, BETTER, VANISHED, draw, main, measure
from tests.tolerances import assert_equal
from torch import Tensor

import headgate as hg
from headgate.errors import DataError, ShapeError
from headgate.inspection.cell_gradients import compare_gradients


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_an_rnn_forgets_and_an_lstm_keeps_far_more(beginning: str, seed: int) -> None:
    """At a hundred steps: the RNN's is under a thousandth, the LSTM's a hundred times as large."""
    rnn, _, lstm = measure(beginning, 16, 32, back=100, seed=seed).ratios[:, 0].tolist()
    assert rnn < VANISHED
    assert lstm > BETTER * rnn


def test_the_norms_are_those_of_torch() -> None:
    """An RNN of torch.nn whose outputs hold the graph, one step at a time."""
    torch.manual_seed(1)
    rnn = hg.RNN(2, 3)
    found = compare_gradients({"rnn": rnn}, length=6, rows=4, seed=9)
    chance = torch.Generator().manual_seed(9)
    x = torch.randn(6, 4, 2, generator=chance, dtype=torch.float64)
    weight = torch.randn(3, generator=chance).double()
    cell = torch.nn.RNNCell(2, 3).double()
    cell.load_state_dict({n.removesuffix("_l0"): v.double() for n, v in rnn.state_dict().items()})
    states = [torch.zeros(4, 3, dtype=torch.float64)]
    for step in x:
        states.append(cell(step, states[-1]))
    wanted = torch.autograd.grad((states[-1] @ weight).sum(), states[1:])
    norms = torch.stack([each.norm(dim=1).mean() for each in wanted]).flip(0)
    assert_equal(found.first[0], norms, "gradient")
    assert_equal(found.whole, found.first, "bits")


def test_all_states_together_are_more_than_the_first() -> None:
    torch.manual_seed(2)
    layers = {cell: hg.Recurrent(cell, 2, 4) for cell in ("gru", "lstm")}
    found = compare_gradients(layers, length=9)
    assert_equal(found.whole[0], found.first[0], "bits")
    assert bool((found.whole[1] > found.first[1]).all())


def test_layers_and_chance_are_left_alone() -> None:
    layers = {"gru": hg.Recurrent("gru", 2, 4).train()}
    before: dict[str, Tensor] = {n: v.clone() for n, v in layers["gru"].state_dict().items()}
    chance = torch.get_rng_state()
    one, same, other = (compare_gradients(layers, length=5, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), chance)
    assert_equal(dict(layers["gru"].state_dict()), before, "bits")
    assert layers["gru"].training
    assert all(parameter.grad is None for parameter in layers["gru"].parameters())
    assert_equal(one.first, same.first, "bits")
    assert not torch.equal(one.first, other.first)


def test_it_is_drawn_and_written() -> None:
    found = compare_gradients({c: hg.Recurrent(c, 2, 4) for c in ("rnn", "lstm")}, length=40)
    text = found.as_text(width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert "first ÷ last step" in text
    assert len(found.figure().data) == 2
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["labels"]["cells"] == ["rnn", "lstm"]
    assert plain["arrays"]["ratio"][0][0] == found.first[0, -1] / found.first[0, 0]


def test_sizes_that_differ_are_an_error() -> None:
    gru = hg.Recurrent("gru", 2, 4)
    with pytest.raises(ShapeError, match=r"read one input, but these read \[2, 3\]"):
        compare_gradients({"a": gru, "b": hg.Recurrent("gru", 3, 4)})
    with pytest.raises(ShapeError, match="outputs of one size, not 5 and 4"):
        compare_gradients({"a": gru, "b": hg.Recurrent("gru", 2, 5)}, length=3)
    with pytest.raises(DataError, match="not 0 cells, 100 steps, 8 rows"):
        compare_gradients({})


def test_the_drawing_has_a_line_a_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = ET.fromstring(draw(measure("hg.Recurrent", 2, 4, back=12, seed=0), 2, 4))
    lines = [each for each in drawn.iter() if each.tag.endswith("polyline")]
    assert [line[0].text for line in lines] == ["rnn", "gru", "lstm"]
    assert all(len(line.get("points", "").split()) == 13 for line in lines)
    place = tmp_path / "g.svg"
    words = ["--back", "6", "--features", "2", "--size", "4", "--figure", str(place)]
    main(words)
    assert "4 units, 2 random inputs" in place.read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        main(words)
    assert "is there already" in capsys.readouterr().err
