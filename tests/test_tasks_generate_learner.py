"""The text in columns: every token once, the state carried, chance of its own."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny import verses
from tests.tolerances import assert_equal

from headgate.data.examples import Examples
from headgate.tasks.generate import Generate
from headgate.tasks.generate_learner import Window, resets_of, windows
from headgate.training import Learner, Plan, fit

SMALL: dict[str, Any] = {"hidden_size": 16, "embedding_size": 8, "bptt": 10}


def learner(*texts: str, **changed: Any) -> Any:
    torch.manual_seed(0)
    train = Examples(list(texts) or [verses()])
    task = Generate.learn(train, SMALL | {"dropout": 0.0})
    plan = replace(task.plan(train), batch_size=4, epochs=1, **changed)
    return task.learner(train, train, plan)


@given(length=st.integers(1, 60), columns=st.integers(1, 7), steps=st.integers(1, 9))
def test_windows_hold_the_text_in_its_order(length: int, columns: int, steps: int) -> None:
    ids = torch.arange(10, 10 + length)
    found = windows(ids, 3, columns=columns, steps=steps)
    full = columns * (length // columns)
    if not full:
        assert found == []
        return
    targets = torch.cat([window.targets for window in found], 1)
    read = torch.cat([window.ids for window in found], 1)
    assert targets.flatten().tolist() == list(range(10, 10 + full))
    assert read.flatten().tolist() == [3, *range(10, 9 + full)]
    assert all(window.ids.shape[1] == steps for window in found[:-1])


def test_a_step_begins_anew_at_a_mark_or_where_its_column_does() -> None:
    ids = torch.tensor([[5, 3, 6], [7, 8, 3]])
    assert resets_of(Window(ids, ids), None) is None
    found = resets_of(Window(ids, ids), 3)
    assert found is not None
    assert found.int().tolist() == [[0, 0], [1, 0], [0, 1]]
    found = resets_of(Window(ids, ids, torch.tensor([False, True])), None)
    assert found is not None
    assert found.int().tolist() == [[0, 1], [0, 0], [0, 0]]


def test_an_epoch_has_every_token_but_fewer_than_a_step_of_the_columns() -> None:
    found = learner()
    text = found.train[0]
    seen = torch.cat([window.targets.flatten() for window in found.batches(1)])
    missing = torch.bincount(text) - torch.bincount(seen, minlength=int(text.max()) + 1)
    assert found.columns == 4
    assert int(missing.min()) >= 0
    assert int(missing.sum()) == len(text) % 4
    pairs = {(int(a), int(b)) for a, b in itertools.pairwise(text)}
    for window in found.batches(2):
        for column in torch.stack([window.ids.flatten(), window.targets.flatten()], 1).tolist():
            assert tuple(column) in pairs or column[1] == text[0]


def test_epochs_hang_on_nothing_but_their_number() -> None:
    found, other = learner(), learner()
    before = torch.random.get_rng_state()
    first = [found.batches(epoch) for epoch in (1, 2, 1)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert_equal(first[0][0].ids, first[2][0].ids, "bits")
    assert_equal(first[1][3].ids, other.batches(2)[3].ids, "bits")
    assert not torch.equal(first[0][0].ids, first[1][0].ids)
    assert not torch.equal(first[0][0].ids, learner(seed=7).batches(1)[0].ids)


def test_several_texts_come_in_another_order_each_epoch_and_whole() -> None:
    texts = [f"{letter}{letter.upper()}." for letter in "abcdefgh"] * 3
    found = learner(*texts)
    eos = found.task.text.end
    orders = []
    for epoch in (1, 2):
        rows = torch.cat([window.targets for window in found.batches(epoch)], 1).flatten()
        orders.append(rows.tolist())
        assert all(window.anew is None for window in found.batches(epoch))
    assert orders[0] != orders[1]
    assert orders[0].count(eos) == len(texts)


def test_the_state_is_carried_from_window_to_window() -> None:
    found = learner()
    found.network.eval()
    first, second = (replace(window, anew=None) for window in found.batches(1)[:2])
    assert found.carried == ()
    losses = [found.loss(first), found.loss(second)]
    whole, state = found.network.nats(
        torch.cat([first.ids, second.ids], 1), torch.cat([first.targets, second.targets], 1)
    )
    assert_equal(torch.stack(losses).mean(), whole.mean(), "output")
    assert_equal(found.carried, state, "output")
    assert not any(each.requires_grad for each in found.carried)
    found.batches(2)
    assert found.carried == ()


def test_a_column_that_begins_anew_forgets_what_was_carried() -> None:
    found = learner()
    found.network.eval()
    first, second = found.batches(1)[:2]
    found.loss(first)
    anew = replace(second, anew=torch.ones(4, dtype=torch.bool))
    wanted = found.network.nats(second.ids, second.targets)[0].mean()
    assert_equal(found.loss(anew), wanted, "output")


def test_now_and_then_a_column_begins_anew() -> None:
    found = learner(verses(600))
    shares = torch.stack([w.anew for w in found.batches(1) if w.anew is not None]).float()
    assert 0.02 < shares.mean() < 0.1


def test_validation_leaves_chance_alone_and_gives_nats_a_token() -> None:
    found = learner()
    found.network.eval()
    before = torch.random.get_rng_state()
    seen = found.validate(found.network)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert seen.score == -seen.values["valid_loss"]
    assert 0 < seen.values["valid_loss"] < 10
    assert seen.samples == found.validate(found.network).samples
    assert found.carried == ()


def test_a_tiny_text_has_fewer_columns() -> None:
    found = learner("ab\n" * 5)
    assert found.columns == 1
    assert len(found.batches(1)) == 2


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_it_keeps_the_protocol_and_trains(cell: str) -> None:
    torch.manual_seed(0)
    train = Examples([verses()])
    task = Generate.learn(train, SMALL | {"cell": cell})
    plan = Plan(epochs=2, batch_size=4, learning_rate=0.02, average=0.5)
    found = task.learner(train, train, plan)
    assert isinstance(found, Learner)
    history = fit(found, plan)
    assert history.rows[-1]["valid_loss"] < history.rows[0]["train_loss"]


class Kept:
    """A keeper in memory, which ends the training once it has kept some checkpoints."""

    def __init__(self, count: int) -> None:
        self.left, self.found = count, None

    def keep(self, tensors: Any, numbers: dict[str, Any]) -> None:
        self.found = ({name: each.clone() for name, each in tensors.items()}, numbers)
        self.left -= 1
        if not self.left:
            raise StoppedError

    def kept(self) -> Any:
        return self.found


class StoppedError(Exception):
    """In place of a kill."""


@pytest.mark.parametrize("texts", [[verses(20)], verses(40).splitlines()])
@pytest.mark.parametrize("stop", [5, 16])  # inside an epoch: of the first, of a later one
def test_a_training_that_was_stopped_goes_on_to_the_bit(texts: list[str], stop: int) -> None:
    def run(keeper: Kept) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        train = Examples(texts)
        task = Generate.learn(train, SMALL | {"dropout": 0.3})
        plan = Plan(epochs=4, batch_size=4, save_every=0.0, seed=3)
        fit(task.learner(train, train, plan), plan, (), keeper)
        return task.network.state_dict()

    undisturbed, keeper = run(Kept(10_000)), Kept(stop)
    with pytest.raises(StoppedError):
        run(keeper)
    assert_equal(run(keeper), undisturbed, "bits")
