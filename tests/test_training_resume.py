"""A training that was stopped anywhere ends with the weights of an undisturbed one, to the bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headgate.artifacts.checkpoint import FILE, Checkpoint
from headgate.errors import ModelDirectoryError, OutputError
from headgate.training import History, Moment, Note, Plan, Validation, fit

STEPS = 7  # of an epoch
PLAN: dict[str, Any] = {"epochs": 3, "validate_every": 5, "save_every": 0.0, "warmup": 4}


class StoppedError(Exception):
    """In place of a kill, which only another process could look at."""


class Reader:
    """A small network with dropout that carries a state through each epoch."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.network: nn.Module = nn.Sequential(
            nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 3)
        )
        self.carried: tuple[Tensor, ...] = ()

    def batches(self, epoch: int) -> list[Tensor]:
        self.carried = ()
        chance = torch.Generator().manual_seed(epoch)
        return list(torch.randn(STEPS, 5, 3, generator=chance))

    def loss(self, batch: Tensor) -> Tensor:
        before = self.carried[0] if self.carried else torch.zeros(5, 3)
        after = self.network(batch + before)
        self.carried = (after.detach(),)
        return (after - batch.sin()).square().mean()

    def validate(self, network: nn.Module) -> Validation:
        score = -float(network(torch.ones(2, 3)).square().mean())
        return Validation(score, {"valid_score": score})


class Until:
    """A reporter that stops the training at a step."""

    def __init__(self, step: float = math.inf) -> None:
        self.last, self.taken_up = step, 0

    def resumed(self, moment: Moment) -> None:
        self.taken_up = moment.step

    def step(self, moment: Moment) -> None:
        if moment.step == self.last:
            raise StoppedError

    def validation(self, moment: Moment, validation: Validation, *, best: bool) -> None:
        pass

    def note(self, moment: Moment, note: Note) -> None:
        pass

    def end(self, reason: str) -> None:
        pass


def run(place: Path, until: Until, **changed: Any) -> tuple[History, dict[str, Tensor]]:
    learner = Reader()
    keeper = Checkpoint(place, {"task": "reader"})
    history = fit(learner, Plan(**PLAN | changed), [until], keeper)
    return history, learner.network.state_dict()


def timeless(history: History) -> list[dict[str, float]]:
    return [{**row, "seconds": 0.0} for row in history.rows]


def assert_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("step", [1, 2, 5, 7, 8, 14, 15, 20, 21])
def test_stopped_anywhere_and_resumed_is_undisturbed(step: int, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    history, weights = run(tmp_path / "one", Until())
    with pytest.raises(StoppedError):
        run(tmp_path / "two", Until(step))
    assert (tmp_path / "two" / FILE).exists() == (step > 1)
    torch.rand(step)  # where chance stands by now is of no account
    until = Until()
    again, others = run(tmp_path / "two", until)
    assert until.taken_up == step - 1
    assert_equal(weights, others)
    assert timeless(again) == timeless(history)
    assert (again.best, again.reason) == (history.best, history.reason)


def test_stopped_again_and_again(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    weights = run(tmp_path, Until())[1]
    for step in (2, 3, 9, 16, 21):
        with pytest.raises(StoppedError):
            run(tmp_path / "two", Until(step))
    assert_equal(weights, run(tmp_path / "two", Until())[1])


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("patience", [1, 5])
def test_what_ends_a_training_early_does_so_after_a_resume(
    average: float, patience: int, tmp_path: Path
) -> None:
    changed = {"average": average, "patience": patience, "learning_rate": 0.5}
    (tmp_path / "two").mkdir()
    history, weights = run(tmp_path, Until(), **changed)
    with pytest.raises(StoppedError):
        run(tmp_path / "two", Until(4), **changed)
    again, others = run(tmp_path / "two", Until(), **changed)
    assert again.reason == history.reason
    assert_equal(weights, others)


def test_a_training_that_had_ended_is_not_begun_anew(tmp_path: Path) -> None:
    history, weights = run(tmp_path, Until())
    again, others = run(tmp_path, Until(1))  # a step would raise
    assert timeless(again) == timeless(history)
    assert_equal(weights, others)


def test_checkpoints_cost_a_fiftieth_of_the_time_at_most(tmp_path: Path) -> None:
    """A step takes a second and a checkpoint a fifth of one: ten seconds part two of them."""
    kept, clock = [], [0.0]

    class Slow(Checkpoint):
        def keep(self, tensors: Mapping[str, Tensor], numbers: dict[str, Any]) -> None:
            kept.append(numbers["step"])
            clock[0] += 0.2

    class Steps(Until):
        def step(self, moment: Moment) -> None:
            clock[0] += 1.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headgate.training.loop.time.monotonic", lambda: clock[0])
        fit(Reader(), Plan(**{**PLAN, "save_every": 1.0}), [Steps()], Slow(tmp_path, {}))
    assert kept == [1, 11, 21]


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    tensors = {"a": torch.ones(2)}
    Checkpoint(tmp_path, {"plan": {"epochs": 3, "seed": 1}}).keep(tensors, {"step": 1})
    with pytest.raises(
        ModelDirectoryError, match=r"another training.*epochs: 3 then, 4 now\. Give"
    ):
        Checkpoint(tmp_path, {"plan": {"epochs": 4, "seed": 1}}).kept()


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_a_damaged_checkpoint_is_said(damage: bytes | None, tmp_path: Path) -> None:
    keeper = Checkpoint(tmp_path, {})
    keeper.keep({"a": torch.ones(2)}, {"step": 1})
    data = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(data[:-1] if damage is None else damage)
    with pytest.raises(ModelDirectoryError, match="is damaged"):
        keeper.kept()


def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Checkpoint(tmp_path, {})
    keeper.keep({"a": torch.ones(2)}, {"step": 1})
    monkeypatch.setattr("os.fsync", _full)
    with pytest.raises(OutputError, match=r"No space left.*The checkpoint before it"):
        keeper.keep({"a": torch.zeros(2)}, {"step": 2})
    found = keeper.kept()
    assert found is not None
    assert (found[0]["a"].tolist(), found[1]) == ([1, 1], {"step": 1})
    assert [entry.name for entry in tmp_path.iterdir()] == [FILE]


def _full(handle: int) -> None:
    raise OSError(28, "No space left on device")
