"""Each cell against the equations of its paper, worked out row by row without a graph."""

from __future__ import annotations

from math import log, tanh
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
    every_unmodified_case,
)
from tests.oracles import ORACLES, Values
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.equations import CELLS
from headgate.errors import CellError
from headgate.kernels import using
from headgate.layers import Recurrent


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


@every_unmodified_case  # modifiers have their papers in tests/test_layers_modifiers.py
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
    # h = relu(2·1 + 0.5·3 - 1) = 2.5
    (
        "indrnn",
        {},
        {"weight_ih": [[2.0]], "bias": [-1.0], "vector_hidden": [0.5], "x": [1.0]},
        [3.0],
        [2.5],
    ),
    # s = ln 3 - 1 + 1; f = σ(ln 3) = 0.75; i = 1 - σ(ln 3 - ln 3) = 0.5; g = tanh(ln 2) = 0.6
    # h = 0.75·1 + 0.5·0.6 = 1.05
    (
        "janet",
        {"beta": log(3)},
        {
            "weight_ih": [[log(3)], [log(2)]],
            "weight_hh": [[1.0], [2.0]],
            "bias": [-1.0, -2.0],
            "x": [1.0],
        },
        [1.0],
        [1.05],
    ),
    # u = σ(ln 3) = 0.75; g = relu(2 + 3·1 - 1) = 4; h = 0.75·1 + 0.25·4 = 1.75
    (
        "ligru",
        {},
        {
            "weight_ih": [[log(3)], [2.0]],
            "weight_hh": [[1.0], [3.0]],
            "bias": [-1.0, -1.0],
            "x": [1.0],
        },
        [1.0],
        [1.75],
    ),
    # m = (2·1 + 1)·(2·0.5) = 3; i = σ(ln 3 - 3 + 1·3) = 0.75; f = σ(6 - 2·3) = 0.5
    # g = tanh(ln 2 + 3 - 1·3) = 0.6; o = σ(ln 4 + 6 - 2·3) = 0.8
    # c = 0.5·2·(ln 3 - 0.45) + 0.75·0.6 = ln 3; h = 0.8·tanh(ln 3) = 0.64
    (
        "mlstm",
        {},
        {
            "weight_ih": [[2.0], [log(3)], [6.0], [log(2)], [log(4)]],
            "weight_hh": [[2.0], [1.0], [-2.0], [-1.0], [-2.0]],
            "bias": [1.0, -3.0, 0.0, 3.0, 6.0],
            "x": [1.0],
        },
        [0.5, 2 * (log(3) - 0.45)],
        [0.64, log(3)],
    ),
    # t₁ = σ(ln 3 + 1 - 1) = 0.75; g₁ = tanh(ln 2 + 2 - 2) = 0.6; h₁ = 0.75·0.6 + 0.25·1 = 0.7
    # t₂ = σ(10·0.7 - 7) = 0.5; g₂ = tanh(0.7 + ln 3 - 0.7) = 0.8; h = 0.5·0.8 + 0.5·0.7 = 0.75
    (
        "rhn",
        {},
        {
            "weight_ih": [[log(2)], [log(3)]],
            "weight_hh": [[2.0], [1.0], [1.0], [10.0]],
            "bias": [-2.0, -1.0],
            "bias_candidate_2": [log(3) - 0.7],
            "bias_transform_2": [-7.0],
            "x": [1.0],
        },
        [1.0],
        [0.75],
    ),
    # a carry gate of its own: t = 0.75, g = 0.6, c = σ(ln 4 + 3 - 3) = 0.8; h = 0.45 + 0.8·1
    (
        "rhn",
        {"depth": 1, "coupled": False},
        {
            "weight_ih": [[log(2)], [log(3)], [log(4)]],
            "weight_hh": [[2.0], [1.0], [3.0]],
            "bias": [-2.0, -1.0, -3.0],
            "x": [1.0],
        },
        [1.0],
        [1.25],
    ),
    # f = σ(ln 3 + 0.5·2 - 1) = 0.75; c = 0.75·2 + 0.25·(5 + 1) = 3; r = σ(ln 4 + 2·2 - 4) = 0.8
    # h = 0.8·3 + 0.2·(7 + 3) = 4.4, whatever h was
    (
        "sru",
        {},
        {
            "weight_ih": [[5.0], [log(3)], [log(4)], [7.0]],
            "bias": [1.0, -1.0, -4.0, 3.0],
            "vector_forget": [0.5],
            "vector_reset": [2.0],
            "x": [1.0],
        },
        [9.0, 2.0],
        [4.4, 3.0],
    ),
    # every gate of the first cell: σ(ln 3) = 0.75, g = 0.8: c₁ = 0.75·c + 0.75·0.8 = ln 3, so that
    # h₁ = 0.75·0.8 = 0.6. The slow cell: f = i = σ(10·0.6 - 3·2) = 0.5, g = tanh(ln 2) = 0.6,
    # o = σ(ln 4) = 0.8: c = 0.5·c + 0.3 = ln 3, h = 0.64. The second: f = 0.5, i = 0.75, g = 0.8:
    # c = 0.5·ln 3 + 0.6; o = 0.75
    (
        "fslstm",
        {},
        {
            "weight_ih": [[log(3)], [log(3)], [log(3)], [log(3)]],
            "weight_hh": [
                *([1.0], [1.0], [2.0], [1.0]),
                *([10.0], [10.0], [5.0], [0.0]),
                *([-3.0], [-3.0], [-1.0], [0.5]),
                *([1.0], [1.0], [0.0], [25.0]),
                *([0.0], [5.0], [1.0], [-20.0]),
            ],
            "bias": [-1.0, -1.0, -2.0, -1.0],
            "bias_input_slow": [0.0],
            "bias_forget_slow": [0.0],
            "bias_candidate_slow": [log(2) - 1],
            "bias_output_slow": [log(4) - 1],
            "bias_input_2": [log(3) - 0.64],
            "bias_forget_2": [-3.64],
            "bias_candidate_2": [log(3) - 0.6],
            "bias_output_2": [log(3) - 4.0],
            "x": [1.0],
        },
        [1.0, (log(3) - 0.6) / 0.75, 2.0, 2 * (log(3) - 0.3)],
        [0.75 * tanh(0.5 * log(3) + 0.6), 0.5 * log(3) + 0.6, 0.64, log(3)],
    ),
    # dt = 0.5: Δᶻ = 0.5·σ(ln 3) = 0.375, Δʸ = 0.5·σ(ln 4) = 0.4; z = 0.625·2 + 0.375·0.8 = 1.55
    # y = 0.6·1 + 0.4·tanh(ln 2 + 2·1.55 - 3.1) = 0.84
    (
        "lem",
        {"dt": 0.5},
        {
            "weight_ih": [[log(3)], [log(4)], [log(3)], [log(2)]],
            "weight_hh": [[1.0], [2.0], [3.0], [2.0]],
            "bias": [-1.0, -2.0, -3.0, -3.1],
            "x": [1.0],
        },
        [1.0, 2.0],
        [0.84, 1.55],
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


def test_a_highway_has_at_least_one_layer() -> None:
    with pytest.raises(CellError, match=r"depth counts the highway layers.*not 0"):
        Recurrent("rhn", 1, 1, depth=0)
