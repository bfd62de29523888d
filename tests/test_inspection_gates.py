"""Gates: beside loops written from the equations, in float64."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
import torch
from tests import golden
from tests.tolerances import assert_equal
from torch import Tensor, sigmoid, tanh

import headgate as hg
from headgate import CELLS, Recurrent
from headgate.errors import UnknownNameError
from headgate.inspection.gates import gate_names, gates
from headgate.inspection.gates_figure import MOST_UNITS
from headgate.inspection.labels import display_width
from headgate.inspection.trace import Inspection, look
from headgate.model import load


@hg.cell(name="leaky")
def leaky(x, W, h):
    keep = sigmoid(x.keep + W.keep(h))
    return keep * h + (1 - keep) * tanh(x.candidate + W.candidate(keep * h))


del CELLS["leaky"]  # the laws of other files run over the cells that come with headgate


def layers_of(cell: object, **how: object) -> Recurrent:
    torch.manual_seed(2)
    return Recurrent(cell, 4, 5, **how).double().eval()  # type: ignore[arg-type]


def seen(cell: object, **how: object) -> Inspection:
    layers = layers_of(cell, **how)
    chance = torch.Generator().manual_seed(4)
    return look(layers, torch.randn(9, 4, generator=chance, dtype=torch.float64) * 3)


def summed(found: Inspection, blocks: list[str], x: Tensor) -> dict[str, Tensor]:
    """The projections of the input, with their biases."""
    held = found.layers.state_dict()
    weights, biases = (held[name].chunk(len(blocks)) for name in ("weight_ih_l0", "bias_l0"))
    parts = zip(blocks, weights, biases, strict=True)
    return {block: w @ x + b for block, w, b in parts}


def recurrent(found: Inspection, blocks: list[str]) -> dict[str, Tensor]:
    return dict(
        zip(blocks, found.layers.state_dict()["weight_hh_l0"].chunk(len(blocks)), strict=True)
    )


def lstm_loop(found: Inspection) -> dict[str, list[Tensor]]:
    blocks = ["input", "forget", "candidate", "output"]
    W, h, c = recurrent(found, blocks), torch.zeros(5).double(), torch.zeros(5).double()
    seen: dict[str, list[Tensor]] = {name: [] for name in (*blocks, "h", "c")}
    for x in found.inputs:
        a = {block: each + W[block] @ h for block, each in summed(found, blocks, x).items()}
        i, f, o = (1 / (1 + torch.exp(-a[name])) for name in ("input", "forget", "output"))
        g = a["candidate"].tanh()
        c = f * c + i * g
        h = o * c.tanh()
        for name, value in zip(seen, (i, f, g, o, h, c), strict=True):
            seen[name].append(value)
    return seen


def gru_loop(found: Inspection) -> dict[str, list[Tensor]]:
    blocks = ["reset", "update", "candidate"]
    W, h = recurrent(found, blocks), torch.zeros(5).double()
    seen: dict[str, list[Tensor]] = {name: [] for name in (*blocks, "h")}
    for x in found.inputs:
        a = summed(found, blocks, x)
        r, u = (1 / (1 + torch.exp(-a[name] - W[name] @ h)) for name in ("reset", "update"))
        n = (a["candidate"] + W["candidate"] @ (r * h)).tanh()
        h = u * h + (1 - u) * n
        for name, value in zip(seen, (r, u, n, h), strict=True):
            seen[name].append(value)
    return seen


def leaky_loop(found: Inspection) -> dict[str, list[Tensor]]:
    blocks = ["keep", "candidate"]
    W, h = recurrent(found, blocks), torch.zeros(5).double()
    seen: dict[str, list[Tensor]] = {name: [] for name in (*blocks, "h")}
    for x in found.inputs:
        a = summed(found, blocks, x)
        k = 1 / (1 + torch.exp(-a["keep"] - W["keep"] @ h))
        n = (a["candidate"] + W["candidate"] @ (k * h)).tanh()
        h = k * h + (1 - k) * n
        for name, value in zip(seen, (k, n, h), strict=True):
            seen[name].append(value)
    return seen


LOOPS: list[tuple[object, dict[str, object], Callable[..., dict[str, list[Tensor]]], str, str]] = [
    ("lstm", {}, lstm_loop, "c", "forget"),
    ("gru", {"reset": "before"}, gru_loop, "h", "update"),
    (leaky, {}, leaky_loop, "h", "keep"),
]


@pytest.mark.parametrize(("cell", "how", "loop", "state", "factor"), LOOPS)
def test_all_is_as_the_equations_say(
    cell: object,
    how: dict[str, object],
    loop: Callable[..., dict[str, list[Tensor]]],
    state: str,
    factor: str,
) -> None:
    found = seen(cell, **how)
    view, wanted = gates(found), {name: torch.stack(each) for name, each in loop(found).items()}
    assert set(view.values) == set(wanted)
    for name, value in wanted.items():
        assert_equal(view.values[name][0], value, "output")
    assert set(view.bounded) == set(wanted) - {"candidate", "h", "c"}
    for name in view.bounded:
        shut = [sum(v < 0.1 for v in unit) / 9 for unit in wanted[name].T.tolist()]
        opened = [sum(v > 0.9 for v in unit) / 9 for unit in wanted[name].T.tolist()]
        assert view.shut[name][0].tolist() == pytest.approx(shut)
        assert view.open[name][0].tolist() == pytest.approx(opened)
        assert sum(shut) + sum(opened) > 0
    [(kept, survived)] = view.survival.items()
    assert kept == state
    two = (wanted[factor][1:] * wanted[factor][:-1]).mean(0)
    assert survived.steps.tolist() == [1, 2, 4, 8, 9]
    assert_equal(survived.share[0, 1], two, "output")
    assert_equal(survived.share[0, -1], wanted[factor].prod(0), "output")


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_cell_has_its_view(cell: str) -> None:
    found = look(Recurrent(cell, 4, 4, num_layers=2, bidirectional=True), torch.randn(6, 4))
    view = gates(found)
    assert set(view.values) == set(found.names)
    assert set(view.survival) == set(found.kept)
    for name in view.bounded:
        assert 0 <= float(view.values[name].min()) <= float(view.values[name].max()) <= 1
    text = view.as_text(width=60)
    assert [line for line in text.splitlines() if line.startswith("layer ")] == [
        "layer 1",
        "layer 1 reverse",
        "layer 2",
        "layer 2 reverse",
    ]
    json.dumps(view.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("cell", "how", "bounded"),
    [
        ("lstm", {"coupled": True}, {"forget", "input", "output"}),
        ("lstm", {"candidate": "sigmoid"}, {"forget", "input", "output", "candidate"}),
        ("lstm", {"forget": False}, {"input", "output"}),
        ("lem", {"dt": 0.5}, {"step_z", "step_y"}),
        ("janet", {}, {"forget", "input"}),
        ("rnn", {"activation": "sigmoid"}, {"hidden"}),
        ("mlstm", {}, {"forget", "input", "output"}),
    ],
)
def test_gates_are_what_the_equation_bounds(
    cell: str, how: dict[str, object], bounded: set[str]
) -> None:
    assert set(gate_names(layers_of(cell, **how).program)) == bounded


def test_a_layer_and_names_are_taken_from_the_whole() -> None:
    found = seen("lstm", num_layers=2, bidirectional=True)
    whole, part = gates(found), gates(found, layer="2 reverse", names=("forget", "c"))
    assert (part.layers, tuple(part.values)) == (("2 reverse",), ("forget", "c"))
    assert_equal(part.values["c"][0], whole.values["c"][3], "bits")
    assert_equal(part.survival["c"].half_life[0], whole.survival["c"].half_life[3], "bits")
    assert part.bounded == gates(found, names="forget").bounded == ("forget",)
    assert gates(found, layer=1).layers == ("1",)


def test_what_is_not_there_is_named() -> None:
    found = seen("lstm", num_layers=2)
    with pytest.raises(UnknownNameError, match="known: 1, 2"):
        gates(found, layer="3")
    with pytest.raises(UnknownNameError, match=r"did you mean 'forget'.*candidate, forget"):
        gates(found, names=["forgot"])


def test_nothing_is_changed() -> None:
    found = seen("gru")
    before = {name: value.clone() for name, value in found.layers.state_dict().items()}
    state, training = torch.get_rng_state(), found.layers.training
    view = gates(found)
    view.as_text(width=40)
    assert_equal(dict(found.layers.state_dict()), before, "bits")
    assert torch.equal(torch.get_rng_state(), state)
    assert found.layers.training == training
    assert all(parameter.grad is None for parameter in found.layers.parameters())
    assert not any(value.requires_grad for value in view.arrays().values())


def test_the_text_fits_and_says_what_is_seen() -> None:
    layers = layers_of("lstm")
    with torch.no_grad():
        for name, parameter in layers.named_parameters():
            parameter.zero_()
            if name == "bias_l0":
                parameter[:5] = -9.0  # the input gates are shut, …
                parameter[5:10] = 1.5  # … the forget gates keep 0.82
    found = look(layers, torch.zeros(6, 4).double(), tokens=list("a b비\nc"))
    text = gates(found).as_text(width=44)
    assert all(display_width(line) <= 44 for line in text.splitlines())
    assert "a␣b비␊c" in text
    rows = {line.split()[0]: line.split() for line in text.splitlines() if "%" in line}
    assert rows["forget"] == ["forget", "0.82", "0%", "0%"]
    assert rows["input"] == ["input", "0.00", "100%", "0%"]
    said = " ".join(text.splitlines()[-3:])
    assert "less than half is left after 4 steps in the median unit" in said
    coloured = gates(found).as_text(width=44, colour=True)
    assert "\x1b[48;5;" in coloured
    assert len(re.sub("\x1b\\[[0-9;]*m", "", coloured).splitlines()) == len(text.splitlines())


def test_a_state_made_anew_has_no_half_life() -> None:
    text = gates(seen("rnn")).as_text(width=60)
    assert "No state keeps its old value by a factor" in text
    keeps = gates(seen("lstm", forget=False)).as_text(width=90)
    assert "every unit has half or more left after all 9 steps" in keeps


@pytest.mark.parametrize("task", ["classify", "generate", "translate", "tag"])
def test_a_saved_model_has_its_view(task: str) -> None:
    view = load(golden.HERE / task).inspect(golden.ASKED[task][0]).gates()
    assert "layer 1" in str(view)
    assert len(view.tokens) == next(iter(view.values.values())).shape[1]


def test_the_figure_shows_one_gate_and_the_memory_of_its_layer() -> None:
    pytest.importorskip("plotly")
    view = gates(seen("lstm", num_layers=2))
    figure = view.figure()
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    assert [trace.name for trace in maps] == list(view.values) * 2
    assert sum(trace.visible for trace in maps) == 1
    buttons = figure.layout.updatemenus[0].buttons
    assert len(buttons) == len(maps)
    for choice, button in enumerate(buttons):
        shown = [n for n, seen in enumerate(button.args[0]["visible"]) if seen]
        assert shown[0] == choice
        assert len(shown) == 4  # a map and three lines, those of its layer
        medians = view.survival["c"].share[choice // 6].median(1).values
        assert figure.data[shown[2]].y.tolist() == pytest.approx(medians.tolist())
        wanted = view.values[maps[choice].name][choice // 6].T
        assert maps[choice].z == pytest.approx(wanted.float().numpy())


def test_the_figure_of_much_stays_small() -> None:
    pytest.importorskip("plotly")
    layers = Recurrent("lstm", 4, 150, num_layers=2)
    figure = gates(look(layers, torch.randn(3000, 4))).figure()
    assert len(figure.data[0].z) == MOST_UNITS
    assert len(figure.to_json()) < 6e6
    assert "128 of 150 units that move most" in figure.layout.title.text
    assert re.search("means of up to \\d+ steps", figure.layout.title.text)
