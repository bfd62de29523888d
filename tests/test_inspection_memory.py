"""How far back an answer depends on the input, beside whole models run one input at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from tests import golden
from tests.test_inspection_trace import model_of
from tests.tolerances import assert_equal
from torch import Tensor

import headgate as hg
from headgate.errors import DataError
from headgate.inspection import side_by_side
from headgate.inspection.memory import Memory
from headgate.inspection.trace import Inspection, look


def seen(task: str) -> Inspection:
    return model_of(task).inspect(golden.ASKED[task][0])


def probabilities(task: str, found: Inspection, x: Tensor) -> Tensor:
    """The whole network on one embedded input, without what an inspection runs; [S, V]."""
    network: Any = model_of(task).task.network  # pyright: ignore
    with torch.no_grad():
        if task == "generate":
            start = found.start
            assert start is not None
            outputs = network.recurrent(x[:, None], start)[0]
            return network.output(network.projection(outputs[:, 0])).softmax(-1)
        if task == "classify":
            outputs = network.recurrent(x[:, None])[0]
            valid = torch.ones(len(x), 1, dtype=torch.bool)
            return network.head(network.pool(outputs, valid)).softmax(-1)
        outputs, last = network.encoder(x[:, None])[:2]
        memory = network.after_reading(outputs, last, torch.ones(1, len(x), dtype=torch.bool))
        said = network.decode(torch.tensor([_written(found)]), memory)[0]
        return network.logits(said)[0].softmax(-1)


def _written(found: Inspection) -> list[int]:
    """What the decoder reads: the mark of the beginning, then the answer without its end."""
    assert found.outcome.targets is not None
    text: Any = model_of("translate").task.target  # pyright: ignore
    return [text.bos, *found.outcome.targets.tolist()[:-1]]


@pytest.mark.parametrize("task", ["classify", "generate", "translate"])
def test_every_change_is_that_of_a_whole_run(task: str) -> None:
    """Each replacement is told from what it did: one of the other steps does exactly that."""
    found = seen(task)
    place = len(found.outcome.places) - 2 if task == "translate" else None
    view = found.memory(place=place, samples=3, seed=5)
    at = found.place_of(place)
    base = probabilities(task, found, found.inputs)[at].double()
    assert view.steps.tolist() == list(
        range(at if task == "generate" else len(found.tokens) - 1, -1, -1)
    )
    for k, step in enumerate(view.steps.tolist()):
        every = []
        for other in range(len(found.tokens)):
            if torch.equal(found.inputs[other], found.inputs[step]):
                continue
            x = found.inputs.clone()
            x[step] = found.inputs[other]
            every.append((probabilities(task, found, x)[at].double() - base).abs().sum() / 2)
        for change in view.change[k]:
            assert float((torch.stack(every) - change).abs().min()) < 1e-6


@pytest.mark.parametrize("both", [False, True])
def test_a_run_from_the_changed_step_on_is_a_whole_run(
    both: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "rows_at_once", lambda _: 3)
    torch.manual_seed(2)
    how: dict[str, Any] = {"residual": not both, "zoneout": 0.2, "initial_state": "learned"}
    layers = hg.Recurrent("lstm", 4, 4, num_layers=2, bidirectional=both, **how).double()
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.normal_(std=0.6)
    found = look(layers, torch.randn(9, 4).double())
    steps, values = torch.tensor([8, 7, 3, 5, 6, 0, 1]), torch.randn(7, 4).double()
    x = found.inputs[:, None].repeat(1, 7, 1)
    x[steps, torch.arange(7)] = values
    wanted = layers.eval()(x)[0].transpose(0, 1).detach()
    assert_equal(torch.cat(list(side_by_side.changed(found, steps, values))), wanted, "output")


def test_the_gradient_guesses_a_small_change() -> None:
    """Of a linear model the guess is the change itself."""
    layers = hg.Recurrent("rnn", 2, 3, activation="linear").double()
    chance = torch.Generator().manual_seed(1)
    found = look(layers, torch.randn(6, 2, generator=chance, dtype=torch.float64))
    view = found.memory(samples=5)
    assert_equal(view.gradient, view.score_change.mean(1), "gradient")
    assert view.distances.tolist() == [0, 1, 2, 3, 4, 5]


def test_what_comes_later_changes_nothing_in_one_direction() -> None:
    torch.manual_seed(3)
    for both in (False, True):
        layers = hg.Recurrent("gru", 3, 5, num_layers=2, bidirectional=both)
        view = look(layers, torch.randn(12, 3)).memory(place=4)
        later = view.change[view.distances < 0]
        assert len(later) == 7
        assert bool((later > 1e-5).any()) == both
        assert (view.reach_ahead is not None) == both
        assert float(view.change[view.distances >= 0].min()) > 0


def planted(reach: int, steps: int) -> Memory:
    """Units in a line that hand on what came: the last one says what came ``reach`` steps ago."""
    layers = hg.Recurrent("rnn", 1, reach + 1, activation="linear")
    with torch.no_grad():
        named = dict(layers.named_parameters())
        for parameter in named.values():
            parameter.zero_()
        named["weight_ih_l0"][0, 0] = 1.0
        named["weight_hh_l0"].copy_(torch.eye(reach + 1).roll(1, 0))
        named["weight_hh_l0"][0] = 0.0
    found = look(layers, torch.arange(float(steps))[:, None])
    return found.memory(most=5)


@pytest.mark.parametrize("reach", [0, 3, 5])
def test_a_planted_reach_is_found(reach: int) -> None:
    assert planted(reach, 40).reach == reach


def test_far_distances_are_spaced_and_end_at_the_beginning() -> None:
    distances = planted(2, 400).distances.tolist()
    assert distances[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert distances[-1] == 399
    assert len(distances) < 40
    assert distances == sorted(set(distances))


def test_draws_are_the_seeds_alone_and_nothing_is_touched() -> None:
    found = seen("classify")
    network: Any = model_of("classify").task.network  # pyright: ignore
    before = {name: value.clone() for name, value in network.state_dict().items()}
    chance = torch.get_rng_state()
    one, same, other = (found.memory(seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), chance)
    assert_equal(dict(network.state_dict()), before, "bits")
    assert all(parameter.grad is None for parameter in network.parameters())
    assert_equal(one.change, same.change, "bits")
    assert not torch.equal(one.change, other.change)


def test_steps_that_are_all_alike_give_way_to_zeros() -> None:
    layers = hg.Recurrent("gru", 2, 3)
    view = look(layers, torch.ones(1, 2)).memory()
    assert view.zeros
    assert float(view.change.min()) > 0
    assert "replaced by zeros" in view.as_text(width=200)
    assert not look(layers, torch.eye(2)).memory().zeros


def test_it_is_drawn_and_written() -> None:
    view = seen("generate").memory()
    for width in (50, 100):
        text = view.as_text(width=width)
        assert max(map(len, text.splitlines())) <= width
        assert "The answer depends on the input from its beginning, 5 steps back." in " ".join(
            text.split()
        )
    assert "\x1b" not in view.as_text(width=80)
    assert len(view.figure().data) == 5
    plain = json.loads(json.dumps(view.to_dict()))
    assert plain["labels"]["tokens"] == list("mraw a")
    assert len(plain["arrays"]["change"]) == 6


def test_errors_say_what_is_wanted() -> None:
    with pytest.raises(DataError, match="samples and most are 1 or more, not 0 and 64"):
        seen("generate").memory(samples=0)
    with pytest.raises(DataError, match="there is no answer 9"):
        seen("generate").memory(place=9)
