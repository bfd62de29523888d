"""Each cell against the equations of its paper, worked out row by row without a graph."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import pytest
import torch
from tests.cases import (
    ALL,
    CASES,
    EVERY_CELL,
    OPTIONS,
    Case,
    as_tuple,
    draw,
    draw_states,
    every_case,
)
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.equations import CELLS
from headgate.errors import CellError
from headgate.kernels import using
from headgate.layers import Recurrent

Values = dict[str, Tensor]
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda a: a,
    "relu": lambda a: a * (a > 0),
    "sigmoid": lambda a: 1 / (1 + (-a).exp()),
    "silu": lambda a: a / (1 + (-a).exp()),
    "softsign": lambda a: a / (1 + a.abs()),
    "tanh": lambda a: (a.exp() - (-a).exp()) / (a.exp() + (-a).exp()),
}
σ = FUNCTIONS["sigmoid"]


class Sums:
    """W_x x + W_h h + b of each gate, from the stacked weights in the order of the paper's code."""

    def __init__(self, layer: Recurrent, order: list[str]) -> None:
        weights = {name.removesuffix("_l0"): value for name, value in layer.named_parameters()}
        self.extra = weights
        self.x = dict(zip(order, weights["weight_ih"].chunk(len(order)), strict=True))
        self.h = dict(zip(order, weights["weight_hh"].chunk(len(order)), strict=True))
        zeros = weights["weight_ih"].new_zeros(len(weights["weight_ih"]))
        bias = weights.get("bias", zeros).chunk(len(order))
        self.b = dict(zip(order, bias, strict=True))

    def __call__(self, gate: str, x: Tensor, h: Tensor) -> Tensor:
        return self.x[gate] @ x + self.h[gate] @ h + self.b[gate]

    def bias(self, name: str) -> Tensor | float:
        return self.extra.get(name, 0.0)


def rnn(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    h = FUNCTIONS[o["activation"]](Sums(layer, ["hidden"])("hidden", x, s["h"]))
    return {"hidden": h, "h": h}


def jordan(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    f, sums = FUNCTIONS[o["activation"]], Sums(layer, ["hidden"])
    own = sums.extra.get("weight_output")  # an output as wide as h is stacked under W_h
    hidden, out = sums.h["hidden"].chunk(2) if own is None else (sums.h["hidden"], own)
    h = f(sums.x["hidden"] @ x + hidden @ s["y"] + sums.b["hidden"])
    y = f(out @ h + sums.bias("bias_output"))
    return {"hidden": h, "output": y, "y": y}


def mgu(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    sums, h = Sums(layer, ["forget", "candidate"]), s["h"]
    f = σ(sums("forget", x, h))
    g = FUNCTIONS[o["activation"]](sums("candidate", x, f * h))
    return {"forget": f, "candidate": g, "h": (1 - f) * h + f * g}


def gru(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    sums, h = Sums(layer, ["reset", "update", "candidate"]), s["h"]
    r, u = σ(sums("reset", x, h)), σ(sums("update", x, h))
    if o["reset"] == "before":
        a = sums("candidate", x, r * h)
    else:
        past = sums.h["candidate"] @ h + sums.bias("bias_candidate")
        a = sums.x["candidate"] @ x + r * past + sums.b["candidate"]
    g = FUNCTIONS[o["activation"]](a)
    new = u * h + (1 - u) * g if o["update"] == "keep" else (1 - u) * h + u * g
    return {"reset": r, "update": u, "candidate": g, "h": new}


def lstm(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    absent = {"input": o["coupled"], "forget": not o["forget"]}
    order = [g for g in ("input", "forget", "candidate", "output") if not absent.get(g)]
    sums, (h, c) = Sums(layer, order), (s["h"], s["c"])

    def gate(name: str, cell: Tensor) -> Tensor:
        seen = sums.extra[f"vector_{name}"] * cell if o["peephole"] else 0.0
        return σ(sums(name, x, h) + seen)

    found: Values = {}
    f = torch.ones_like(c)
    if o["forget"]:
        f = found["forget"] = gate("forget", c)
    i = found["input"] = 1 - f if o["coupled"] else gate("input", c)
    g = found["candidate"] = FUNCTIONS[o["candidate"]](sums("candidate", x, h))
    new = f * c + i * g
    out = found["output"] = gate("output", new)
    leaving = out * FUNCTIONS[o["activation"]](new)
    leaving = sums.extra["weight_project"] @ leaving if o["projection"] else leaving
    return found | {"h": leaving, "c": new}


ORACLES = {"gru": gru, "jordan": jordan, "lstm": lstm, "mgu": mgu, "rnn": rnn}


def worked(case: Case, layer: Recurrent, x: Tensor, states: tuple[Tensor, ...]) -> Values:
    """Run the oracle for each row and step; every value is [T, B, N]."""
    options = {name: values[0] for name, values in OPTIONS[case.cell].items()} | case.options
    rows = []
    for row in range(x.shape[1]):
        now = {n: s[0, row] for n, s in zip(layer.program.states, states, strict=True)}
        steps = []
        for step in x[:, row]:
            now = ORACLES[case.cell](layer, options, step, now)
            steps.append(now)
        rows.append({name: torch.stack([s[name] for s in steps]) for name in steps[0]})
    return {name: torch.stack([row[name] for row in rows], 1) for name in rows[0]}


@every_case
@torch.no_grad()
def test_outputs_states_and_gates_are_the_papers(case: Case) -> None:
    layer = case.layer()
    x, states = draw(4, 3, layer.input_size), draw_states(layer, 3)
    expected = worked(case, layer, x, states)
    outputs, last, trace = layer(x, states, trace=True)
    assert set(trace) == set(expected)
    names = layer.program.states
    assert_equal({name: trace[name][0] for name in expected}, expected, "output")
    assert_equal(outputs, expected[names[0]], "output")
    assert_equal([s[0] for s in as_tuple(last)], [expected[n][-1] for n in names], "output")
    untraced, last = layer(x, states)  # by torch's own layer where it serves
    assert_equal(untraced, expected[names[0]], "output")
    assert_equal([s[0] for s in as_tuple(last)], [expected[n][-1] for n in names], "output")


def test_the_table_of_cases_has_every_cell_and_option() -> None:
    assert OPTIONS.keys() == CELLS.keys() == ORACLES.keys()
    for cell, builder in CELLS.items():
        defaults = builder.__kwdefaults__ or {}
        assert OPTIONS[cell].keys() == defaults.keys()
        assert {name: values[0] for name, values in OPTIONS[cell].items()} == defaults


SWITCHES = [
    (cell, option, value)
    for cell, own in OPTIONS.items()
    for option, values in (own | EVERY_CELL).items()
    for value in values[1:]
]


@pytest.mark.parametrize(("cell", "option", "value"), SWITCHES)
@torch.no_grad()
def test_every_option_changes_the_result(cell: str, option: str, value: Any) -> None:
    def run(case: Case) -> Tensor:
        layer = case.layer()
        for parameter in layer.parameters():
            parameter.fill_(0.5)
        x = torch.full((4, 1, layer.input_size), 0.3, dtype=torch.float64)
        return layer(x)[0]

    off, on = run(Case(cell)), run(Case(cell, {option: value}))
    assert off.shape != on.shape or (off - on).abs().max() > 1e-4


@pytest.mark.parametrize("case", [c for c in ALL if c not in CASES], ids=lambda case: case.id)
def test_impossible_options_are_refused(case: Case) -> None:
    with pytest.raises(CellError, match=r"coupled=True.*forget=True"):
        case.layer()


# Worked by hand: one unit, one feature, numbers that come out even.
#   σ(ln 3) = 3/4   σ(ln 4) = 4/5   σ(0) = 1/2   tanh(ln 2) = 3/5   tanh(ln 3) = 4/5
HAND: list[tuple[str, dict[str, Any], dict[str, list[Any]], list[float], list[float]]] = [
    # h = tanh(2·x + 3·1 - 3), x = ln(3)/2: tanh(ln 3) = 0.8
    (
        "rnn",
        {},
        {"weight_ih": [[2.0]], "weight_hh": [[3.0]], "bias": [-3.0], "x": [log(3) / 2]},
        [1.0],
        [0.8],
    ),
    # h = tanh(ln 2 · 1 + 3·1 - 3) = 0.6; y = tanh(1·0.6 + ln 3 - 0.6) = 0.8
    (
        "jordan",
        {},
        {
            "weight_ih": [[log(2)]],
            "weight_hh": [[3.0], [1.0]],
            "bias": [-3.0],
            "bias_output": [log(3) - 0.6],
            "x": [1.0],
        },
        [1.0],
        [0.8],
    ),
    # f = σ(ln 3) = 0.75; g = tanh(ln 2 - 1 + 4/3·(0.75·1)) = 0.6; h = 0.25·1 + 0.75·0.6 = 0.7
    (
        "mgu",
        {},
        {
            "weight_ih": [[log(3)], [log(2) - 1]],
            "weight_hh": [[1.0], [4 / 3]],
            "bias": [-1.0, 0.0],
            "x": [1.0],
        },
        [1.0],
        [0.7],
    ),
    # r = σ(ln 3) = 0.75; u = σ(0) = 0.5; g = tanh(ln 3 - 3 + 0.75·(2·1 + 1) + 0.75) = 0.8
    # h = 0.5·1 + 0.5·0.8 = 0.9
    (
        "gru",
        {},
        {
            "weight_ih": [[log(3)], [1.0], [log(3) - 3]],
            "weight_hh": [[1.0], [-2.0], [2.0]],
            "bias": [-1.0, 1.0, 0.75],
            "bias_candidate": [1.0],
            "x": [1.0],
        },
        [1.0],
        [0.9],
    ),
    # the same gates; g = tanh(ln 3 - 3 + 2·(0.75·1) + 1.5) = 0.8; u = 0.8 writes:
    # u = σ(ln 4) = 0.8; h = 0.2·1 + 0.8·0.8 = 0.84
    (
        "gru",
        {"reset": "before", "update": "write"},
        {
            "weight_ih": [[log(3)], [log(4)], [log(3) - 3]],
            "weight_hh": [[1.0], [-2.0], [2.0]],
            "bias": [-1.0, 2.0, 1.5],
            "x": [1.0],
        },
        [1.0],
        [0.84],
    ),
    # i = σ(0) = 0.5; f = σ(ln 3) = 0.75; g = tanh(ln 2) = 0.6; o = σ(ln 4) = 0.8
    # c = 0.75·(ln 3 - 0.3)/0.75 + 0.5·0.6 = ln 3; h = 0.8·tanh(ln 3) = 0.64
    (
        "lstm",
        {},
        {
            "weight_ih": [[1.0], [log(3) + 1], [log(2)], [log(4)]],
            "weight_hh": [[-2.0], [-2.0], [1.0], [3.0]],
            "bias": [1.0, 1.0, -1.0, -3.0],
            "x": [1.0],
        },
        [1.0, (log(3) - 0.3) / 0.75],
        [0.64, log(3)],
    ),
    # f = σ(ln 3 - 2 + 2·1) = 0.75, i = 1 - f = 0.25; g = 0.6; c = 0.75·1 + 0.25·0.6 = 0.9
    # o = σ(ln 4 - 0.9 + 1·0.9) = 0.8; h = 3·(0.8·0.9) = 2.16, with a linear activation
    (
        "lstm",
        {"coupled": True, "peephole": True, "projection": 1, "activation": "linear"},
        {
            "weight_ih": [[log(3)], [log(2)], [log(4)]],
            "weight_hh": [[-2.0], [1.0], [-0.9]],
            "bias": [0.0, -1.0, 0.0],
            "weight_project": [[3.0]],
            "vector_forget": [2.0],
            "vector_output": [1.0],
            "x": [1.0],
        },
        [1.0, 1.0],
        [2.16, 0.9],
    ),
    # without a forget gate: c = 0.4 + σ(0)·σ(ln 4) = 0.4 + 0.5·0.8 = 0.8; h = σ(ln 3)·0.8 = 0.6
    (
        "lstm",
        {"forget": False, "candidate": "sigmoid", "activation": "linear"},
        {
            "weight_ih": [[0.0], [log(4)], [log(3)]],
            "weight_hh": [[1.0], [1.0], [1.0]],
            "bias": [-1.0, -1.0, -1.0],
            "x": [1.0],
        },
        [1.0, 0.4],
        [0.6, 0.8],
    ),
]


@pytest.mark.parametrize("kernel", ["aten", "eager", "reference"])
@pytest.mark.parametrize(("cell", "options", "given", "before", "after"), HAND)
@torch.no_grad()
def test_one_step_worked_by_hand(
    cell: str,
    options: dict[str, Any],
    given: dict[str, list[Any]],
    before: list[float],
    after: list[float],
    kernel: str,
) -> None:
    layer = Recurrent(cell, 1, 1, **options).double()
    layer.load_state_dict(
        {f"{k}_l0": torch.tensor(v, dtype=torch.float64) for k, v in given.items() if k != "x"}
    )
    x = torch.tensor(given["x"], dtype=torch.float64).reshape(1, 1, 1)
    states = tuple(torch.full((1, 1, 1), value, dtype=torch.float64) for value in before)
    with using(kernel):
        outputs, last = layer(x, states)
    expected = [torch.full((1, 1, 1), value, dtype=torch.float64) for value in after]
    assert_equal(as_tuple(last), expected, "output")
    assert_equal(outputs, expected[0], "output")
