"""The gradient through time of every task, beside whole runs and numbers worked by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.test_inspection_trace import TASKS, asked, model_of
from tests.tolerances import assert_equal
from torch import Tensor

import headgate as hg
from headgate.equations import CELLS
from headgate.errors import DataError
from headgate.inspection.clamp import Clamp
from headgate.inspection.spectra import spectral_radius, step_jacobian
from headgate.inspection.stepwise import run_stepwise
from headgate.inspection.trace import Inspection, look


def seen(task: str, folder: Path) -> Inspection:
    return model_of(task).inspect(asked(task, folder))


def line(weight: float, steps: int, **how: Any) -> Inspection:
    """One unit h ← weight · h + x, without an activation: its gradient is weight to the power."""
    layers = hg.Recurrent("rnn", 1, 1, activation="linear", **how)
    with torch.no_grad():
        for name, parameter in layers.named_parameters():
            parameter.fill_(weight if "hh" in name else "ih" in name)
    return look(layers, torch.ones(steps, 1))


@hg.cell(name="gradients_own")
def own(x, W, h, s):
    g = torch.sigmoid(x.g + W.g(h))
    kept = g * s - (1 - g) * torch.tanh(x.k + W.k(s))
    return 0.5 * kept + 0.5 * h, kept


del CELLS["gradients_own"]  # the laws of other files run over the cells that come with headgate


@pytest.mark.parametrize(
    ("cell", "how"),
    [
        ("lstm", {"num_layers": 2, "bidirectional": True, "zoneout": 0.3}),
        ("gru", {"num_layers": 2, "residual": True, "layer_norm": True, "batch_first": True}),
        (own, {"num_layers": 2, "zoneout": {"s": 0.4}, "initial_state": "learned"}),
    ],
)
def test_a_states_gradient_is_how_an_answer_moves_where_it_is_held(
    cell: Any, how: dict[str, Any]
) -> None:
    """By differences, of runs in which a state is held a little above and below what it was."""
    torch.manual_seed(4)
    layers = hg.Recurrent(cell, 3, 3, **how).double()
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.normal_(std=0.7)
    found = look(layers, torch.randn(4, 3).double())
    view = found.gradients(place=-3)
    for name, norms in view.norms.items():
        for side, layer in enumerate(found.passes):
            for step in range(4):
                at = found.trace[name][side, step]
                slopes = []
                for nudge in 1e-5 * torch.eye(3).double():
                    more, less = (
                        found.what_if(Clamp(name, each, layer=layer, steps=step + 1)).after[1].sum()
                        for each in (at + nudge, at - nudge)
                    )
                    slopes.append(float(more - less) / 2e-5)
                wanted = math.hypot(*slopes)
                assert float(norms[side, step]) == pytest.approx(wanted, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("task", TASKS)
def test_the_gradients_are_those_of_the_whole_model(task: str, tmp_path: Path) -> None:
    """The inputs' and the parameters' by one run of the model, without steps."""
    found = seen(task, tmp_path)
    model = model_of(task)
    view = found.gradients(clip=0.5)
    x = found.inputs[:, None].clone().requires_grad_()
    loss = -found.scores(found.answers(x), len(found.outcome.places) - 1)
    parameters = list(model.task.network.parameters())  # pyright: ignore
    read, *rest = torch.autograd.grad(loss, [x, *parameters], allow_unused=True)
    assert_equal(view.inputs.float(), read[:, 0].norm(dim=-1), "gradient")
    norm = math.sqrt(sum(float(each.double().square().sum()) for each in rest if each is not None))
    assert view.parameters == pytest.approx(norm, rel=1e-4)
    assert view.clip_factor == pytest.approx(min(1.0, 0.5 / norm), rel=1e-4)
    for name, norms in view.norms.items():
        assert norms.shape == found.trace[name].shape[:2]
        assert float(norms.max()) > 0
    assert all(parameter.grad is None for parameter in parameters)


def test_a_gradient_that_vanishes_is_found_where_it_does() -> None:
    view = line(0.5, 30).gradients()
    powers = 0.5 ** torch.arange(30, dtype=torch.float64)
    assert_equal(view.relative("h", 0), powers, "gradient")
    assert view.vanishes("h", 0) == 10  # 2 ** -10 is the first under a thousandth
    assert view.explodes("h", 0) is None
    assert_equal(view.step_radii, torch.tensor([0.5], dtype=torch.float64), "output")
    assert [list(each.values()) for each in view.weight_radii] == [[0.5]]
    text = view.as_text(width=80)
    assert "In 1 h it vanishes: from 10 steps back on it is under a thousandth" in text


def test_a_gradient_that_explodes_is_found_where_it_does() -> None:
    view = line(2.0, 30).gradients(place=20)
    assert view.explodes("h", 0) == 10
    assert view.vanishes("h", 0) is None
    assert len(view.curve("h", 0)) == 21
    assert not view.norms["h"][0, 21:].any()
    assert "In 1 h it explodes: 10 steps back it is over a thousand times" in view.as_text(width=80)


def test_a_direction_backwards_counts_its_own_distance() -> None:
    view = line(0.5, 30, bidirectional=True).gradients(place=4)
    assert view.origins == (4, 4)
    assert_equal(view.relative("h", 1), 0.5 ** torch.arange(26, dtype=torch.float64), "gradient")
    assert view.vanishes("h", 0) is None
    assert view.vanishes("h", 1) == 10


def test_what_is_below_the_squares_of_float32_is_seen() -> None:
    view = line(0.1, 32).gradients()
    assert float(view.norms["h"][0, 0]) == pytest.approx(1e-31, rel=1e-3)


def test_the_jacobian_of_a_step_is_that_of_torch() -> None:
    torch.manual_seed(2)
    layers = hg.Recurrent("lstm", 3, 4).double()
    found = run_stepwise(layers, torch.randn(6, 1, 3, dtype=torch.float64)).passes[0]

    def step(states: Tensor) -> Tensor:
        h, c = states.split(4)
        _, (after, cell) = layers(found.inputs[3:4], (h[None, None], c[None, None]))
        return torch.cat([after[0, 0], cell[0, 0]])

    old = torch.cat([state[0] for state in found.before(3)]).detach()
    wanted = torch.autograd.functional.jacobian(step, old)
    assert isinstance(wanted, Tensor)
    assert_equal(step_jacobian(found, 3), wanted.detach(), "gradient")


def test_a_large_matrix_has_about_the_radius_of_its_eigenvalues() -> None:
    chance = torch.Generator().manual_seed(3)
    matrix = torch.randn(600, 600, generator=chance, dtype=torch.float64) / 600**0.5
    wanted = float(torch.linalg.eigvals(matrix).abs().max())
    assert spectral_radius(matrix) == pytest.approx(wanted, rel=0.02)
    assert spectral_radius(torch.zeros(600, 600)) == 0.0
    assert math.isnan(spectral_radius(torch.full((2, 2), math.inf)))


def test_nothing_of_the_model_is_touched() -> None:
    torch.manual_seed(0)
    layers = hg.LSTM(3, 4, num_layers=2, dropout=0.5)
    found = look(layers, torch.randn(9, 3))
    before = {name: value.clone() for name, value in layers.state_dict().items()}
    chance = torch.get_rng_state()
    with torch.no_grad():
        view = found.gradients()
    assert torch.equal(torch.get_rng_state(), chance)
    assert_equal(dict(layers.state_dict()), before, "bits")
    assert all(p.grad is None and p.requires_grad for p in layers.parameters())
    assert layers.training
    assert view.parameters > 0


def test_it_is_drawn_and_written(tmp_path: Path) -> None:
    found = seen("translate", tmp_path)
    view = found.gradients()
    for width in (40, 100):
        text = view.as_text(width=width)
        assert all(len(each) <= max(width, 72) for each in text.splitlines())
    assert "\x1b" not in text
    assert "\x1b[" in view.as_text(width=80, colour=True)
    assert len(view.figure().data) == 5  # two states in two directions, and the input
    plain = json.loads(json.dumps(view.to_dict()))
    assert plain["labels"]["tokens"] == list(found.tokens)
    assert plain["arrays"]["vanishes.h"] == [None, None]


def test_a_long_figure_is_gathered() -> None:
    drawn = line(1.0, 2100).gradients().figure()
    assert max(len(each.x) for each in drawn.data) <= 2000


def test_an_answer_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DataError, match="there is no answer 7: the model gives 3"):
        line(0.5, 3).gradients(place=7)


def test_bars_end_where_nothing_is_left_to_see() -> None:
    """Halved, a gradient falls by twelve powers of ten in forty steps; the rest is left out."""
    rows = line(0.5, 300).gradients().as_text(width=200).splitlines()
    [bars] = [row for row in rows if row.startswith("1 h ") and "▁" in row]
    assert 38 < len(bars) - len("1 h ") < 50
