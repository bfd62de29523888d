"""What each step adds to an answer's score, beside sums that have to hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import golden
from tests.test_inspection_trace import TASKS, model_of
from tests.tolerances import assert_equal

import headgate as hg
from headgate.errors import ShapeError, UnknownNameError
from headgate.inspection.trace import Inspection, look


def seen(task: str, folder: Path, number: int = 0) -> Inspection:
    first: Any = golden.ASKED[task][min(number, len(golden.ASKED[task]) - 1)]
    if task == "transcribe":
        first = golden.write_tones(folder, first)
    elif task == "caption":
        first = golden.write_bar(folder, first)
    elif task in ("regress", "forecast"):
        first = torch.tensor(first)
    return model_of(task).inspect(first)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("number", [0, 1])
def test_the_steps_add_up_to_the_difference(task: str, number: int, tmp_path: Path) -> None:
    found = seen(task, tmp_path, number)
    for place in range(len(found.outcome.places))[:3]:
        view = found.attribution(place=place)
        both = torch.stack([found.inputs, torch.zeros_like(found.inputs)], 1)
        score, empty = found.scores(found.answers(both).detach(), place).tolist()
        assert float(view.steps.sum()) == pytest.approx(score - empty, rel=0.01, abs=1e-5)
        assert view.complete
        assert view.features.shape == found.inputs.shape


def linear() -> Inspection:
    torch.manual_seed(6)
    layers = hg.Recurrent("rnn", 3, 4, num_layers=2, activation="linear").double()
    return look(layers, torch.randn(7, 3, dtype=torch.float64))


def test_of_a_linear_model_both_methods_are_the_same_and_exact() -> None:
    found = linear()
    one, other = found.attribution(), found.attribution(method="gradient_x_input")
    assert_equal(one.features, other.features, "gradient")
    assert (one.points, other.points) == (8, 1)
    # by hand: without one step the answer loses what that step gave
    for step in range(7):
        x = found.inputs.clone()
        x[step] = 0
        lost = found.answer[-1].sum() - found.answers(x[:, None])[0, -1].sum().detach()
        assert_equal(other.steps[step], lost, "gradient")
    assert float(other.completeness[2]) == pytest.approx(0.0, abs=1e-12)


def test_a_path_is_integrated_over() -> None:
    """Beside ten thousand points of the plain midpoint rule."""
    torch.manual_seed(8)
    layers = hg.Recurrent("lstm", 2, 3).double()
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.mul_(2)
    found = look(layers, 2 * torch.randn(4, 2, dtype=torch.float64))
    start = torch.full((2,), -0.5, dtype=torch.float64)
    view = found.attribution(place=2, baseline=start)
    shares = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    way = found.inputs - start
    x = (start + shares[:, None, None] * way).transpose(0, 1).clone().requires_grad_()
    h = layers(x)[0][2]
    wanted = torch.autograd.grad(h.sum(), x)[0].mean(1) * way
    assert float((view.features - wanted).abs().max()) < 0.01 * float(wanted.abs().max())
    assert not view.features[3].any()


def test_points_are_doubled_where_the_path_is_rough() -> None:
    layers = hg.Recurrent("rnn", 1, 1).double()
    with torch.no_grad():
        for name, parameter in layers.named_parameters():
            parameter.fill_({"weight_ih_l0": 1000.0, "bias_l0": -333.0}.get(name, 0.0))
    view = look(layers, torch.ones(1, 1, dtype=torch.float64)).attribution()
    assert view.points > 64
    assert view.complete or view.points == 512
    rough = look(layers, torch.ones(1, 1, dtype=torch.float64))
    plain = rough.attribution(method="gradient_x_input")
    assert not plain.complete
    assert "so the shares are no whole account" in plain.as_text(width=300)


def test_nothing_of_the_model_is_touched(tmp_path: Path) -> None:
    found = seen("classify", tmp_path)
    network: Any = model_of("classify").task.network  # pyright: ignore
    before = {name: value.clone() for name, value in network.state_dict().items()}
    chance = torch.get_rng_state()
    with torch.no_grad():
        found.attribution()
    assert torch.equal(torch.get_rng_state(), chance)
    assert_equal(dict(network.state_dict()), before, "bits")
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not found.inputs.requires_grad


def test_it_is_drawn_and_written(tmp_path: Path) -> None:
    found = seen("generate", tmp_path)
    view = found.attribution()
    text = view.as_text(width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert "\x1b" not in text
    assert "\x1b[" in view.as_text(width=60, colour=True)
    assert len(view.figure().data[0].y) == len(found.tokens)
    plain = json.loads(json.dumps(view.to_dict()))
    total, wanted, gap = plain["arrays"]["completeness"]
    assert total - wanted == pytest.approx(gap)
    assert plain["labels"]["completeness"] == ["sum", "difference", "gap"]


def test_errors_say_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'saliency'; known: gradient_x_in"):
        linear().attribution(method="saliency")
    with pytest.raises(ShapeError, match=r"is \(7, 3\) as the input, or \(3,\) .* and \(4,\) came"):
        linear().attribution(baseline=torch.zeros(4))
