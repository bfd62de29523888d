"""The loop with a learner whose scores are known beforehand."""

from __future__ import annotations

import itertools
import math
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headgate.errors import TrainingError
from headgate.training import Learner, Moment, Note, Plan, Reporter, Validation, fit, loop

QUICK: dict[str, Any] = {"warmup": 0, "average": 0.0, "weight_decay": 0.0, "validate_every": 1}


class Fake:
    """A network of one number that each step moves; the scores come from a list."""

    carried: tuple[Tensor, ...] = ()

    def __init__(self, scores: Iterable[float], *, per_epoch: int = 1, nan_at: int = 0) -> None:
        self.weight = nn.Parameter(torch.zeros(1, 1))
        self.network: nn.Module = nn.ParameterDict({"weight": self.weight})
        self.scores, self.per_epoch, self.nan_at = iter(scores), per_epoch, nan_at
        self.epochs: list[int] = []
        self.modes: list[tuple[bool, bool]] = []
        self.judged: list[float] = []
        self.seen = 0

    def batches(self, epoch: int) -> list[int]:
        self.epochs.append(epoch)
        return list(range(self.per_epoch))

    def loss(self, batch: int) -> Tensor:
        self.seen += 1
        self.modes.append((self.network.training, torch.is_grad_enabled()))
        value = -self.weight.sum()
        return value * math.nan if self.seen == self.nan_at else value

    def validate(self, network: nn.Module) -> Validation:
        assert not network.training
        assert not torch.is_grad_enabled()
        self.judged.append(next(network.parameters()).item())
        score = next(self.scores)
        return Validation(score, {"valid_score": score})


class Notes:
    """A reporter that keeps what it hears."""

    def __init__(self, at_step: Callable[[Moment], None] | None = None) -> None:
        self.at_step = at_step
        self.steps: list[Moment] = []
        self.validations: list[tuple[Moment, bool]] = []
        self.ended: list[str] = []
        self.taken_up: list[Moment] = []

    def resumed(self, moment: Moment) -> None:
        self.taken_up.append(moment)

    def step(self, moment: Moment) -> None:
        self.steps.append(moment)
        if self.at_step is not None:
            self.at_step(moment)

    def validation(self, moment: Moment, validation: Validation, *, best: bool) -> None:
        self.validations.append((moment, best))

    def note(self, moment: Moment, note: Note) -> None:
        pass

    def end(self, reason: str) -> None:
        self.ended.append(reason)


def test_the_fakes_keep_the_protocols() -> None:
    assert isinstance(Fake([]), Learner)
    assert isinstance(Notes(), Reporter)


def test_the_weights_of_the_best_validation_are_kept() -> None:
    learner, notes = Fake([1, 2, 5, 3, 2]), Notes()
    history = fit(learner, Plan(epochs=5, **QUICK), [notes])
    assert history.best == 2
    assert learner.weight.item() == learner.judged[2]
    assert [best for _, best in notes.validations] == [True, True, True, False, False]
    assert [row["valid_score"] for row in history.rows] == [1, 2, 5, 3, 2]
    assert [row["step"] for row in history.rows] == [1, 2, 3, 4, 5]
    assert history.reason == "5 epochs"
    assert notes.ended == ["5 epochs"]
    assert not learner.network.training


def test_of_equal_scores_the_later_weights_are_kept() -> None:
    learner = Fake([1, 4, 4, 2])
    assert fit(learner, Plan(epochs=4, **QUICK)).best == 2
    assert learner.weight.item() == learner.judged[2]


@pytest.mark.parametrize("patience", [1, 3])
def test_patience_ends_a_training(patience: int) -> None:
    learner = Fake([1, 5, *[4] * 50])
    history = fit(learner, Plan(epochs=50, patience=patience, **QUICK))
    assert len(history.rows) == 2 + patience
    assert history.reason == f"no better score in {patience} validations"


def test_an_equal_score_does_not_feed_patience() -> None:
    history = fit(Fake([5] * 50), Plan(epochs=50, patience=3, **QUICK))
    assert len(history.rows) == 4
    assert history.best == 3


def test_training_is_in_training_mode_with_gradients() -> None:
    learner = Fake([1, 2, 3])
    fit(learner, Plan(epochs=3, **QUICK))
    assert learner.modes == [(True, True)] * 3


def test_every_epoch_is_asked_for_by_its_number() -> None:
    learner, notes = Fake(itertools.repeat(1), per_epoch=4), Notes()
    fit(learner, Plan(epochs=3, patience=99, **QUICK), [notes])
    assert learner.epochs == [1, 2, 3]
    assert [moment.epoch for moment in notes.steps] == [1] * 4 + [2] * 4 + [3] * 4
    assert [moment.step for moment in notes.steps] == list(range(1, 13))
    assert notes.steps[-1].fraction == 1
    assert notes.steps[5].fraction == pytest.approx(0.5)


def test_a_short_epoch_is_not_judged_alone() -> None:
    """Validations are 20 steps apart at least; the last step always has one."""
    history = fit(Fake(itertools.repeat(1), per_epoch=3), Plan(epochs=15, average=0.0))
    assert [row["step"] for row in history.rows] == [20, 40, 45]


def test_a_long_epoch_is_judged_on_the_way() -> None:
    plan = Plan(epochs=1, validate_every=30, average=0.0, patience=99)
    history = fit(Fake(itertools.repeat(1), per_epoch=100), plan)
    assert [row["step"] for row in history.rows] == [30, 60, 90, 100]


def test_time_ends_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that a step moves by one second: half a minute is thirty steps."""
    learner = Fake(itertools.repeat(1))
    monkeypatch.setattr(loop.time, "monotonic", lambda: 100.0 + learner.seen)
    notes = Notes()
    history = fit(learner, Plan(epochs=10**6, minutes=0.5, patience=10**6, **QUICK), [notes])
    assert learner.seen == 30
    assert history.reason == "0.5 minutes"
    assert notes.steps[14].fraction == pytest.approx(0.5)
    assert notes.steps[14].left == pytest.approx(15)


def rates(monkeypatch: pytest.MonkeyPatch, plan: Plan, per_epoch: int) -> list[float]:
    """The learning rate of each step, as the optimizer has it."""
    found: list[float] = []
    step = torch.optim.AdamW.step

    def noted(optimizer: torch.optim.AdamW, closure: Any = None) -> Any:
        found.append(optimizer.param_groups[0]["lr"])
        assert {group["lr"] for group in optimizer.param_groups} == {found[-1]}
        return step(optimizer, closure)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    fit(Fake(itertools.repeat(1), per_epoch=per_epoch), plan)
    return found


def test_the_rate_rises_and_then_falls_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(epochs=2, learning_rate=0.1, warmup=10, patience=99)
    found = rates(monkeypatch, plan, per_epoch=100)
    wanted = [0.1 * min(1, (n + 1) / 10) * (1 - n / 200) for n in range(200)]
    assert found == pytest.approx(wanted)
    assert max(found) == found[9]


def test_a_warm_up_is_a_tenth_of_the_run_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(epochs=1, learning_rate=1.0, warmup=1000, patience=99)
    assert rates(monkeypatch, plan, per_epoch=50)[:5] == pytest.approx(
        [(n + 1) / 5 * (1 - n / 50) for n in range(5)]
    )


def test_without_a_warm_up_the_first_step_has_the_whole_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = Plan(epochs=1, learning_rate=1.0, warmup=0)
    assert rates(monkeypatch, plan, per_epoch=4) == [1.0, 0.75, 0.5, 0.25]


def test_the_mean_of_the_weights_is_what_is_judged_and_kept() -> None:
    plan = replace(Plan(epochs=3, **QUICK), average=0.5)
    plain, averaged = Fake([1, 2, 3]), Fake([1, 2, 3])
    fit(plain, Plan(epochs=3, **QUICK))
    fit(averaged, plan)
    first, second, third = plain.judged
    wanted = [first, (first + second) / 2, (first + second) / 4 + third / 2]
    assert averaged.judged == pytest.approx(wanted)
    assert averaged.weight.item() == pytest.approx(wanted[2])


def _interrupt_at(step: int, times: int = 1) -> Callable[[Moment], None]:
    def interrupt(moment: Moment) -> None:
        for _ in range(times if moment.step == step else 0):
            signal.raise_signal(signal.SIGINT)

    return interrupt


@pytest.fixture
def _ctrl_c() -> Iterator[None]:
    """Take SIGINT as a program in a terminal does; pytest-xdist's workers ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


@pytest.mark.usefixtures("_ctrl_c")
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_waits_for_its_step_and_the_second_does_not(times: int) -> None:
    first, second = Notes(_interrupt_at(2, times)), Notes()
    history = fit(Fake([5], per_epoch=100), Plan(epochs=1, average=0.0), [first, second])
    assert history.reason == "interrupted"
    assert len(second.steps) == (2 if times == 1 else 1)
    assert first.ended == second.ended == ["interrupted"]


@pytest.mark.usefixtures("_ctrl_c")
def test_another_handler_is_left_in_its_place() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    history = fit(Fake([5], per_epoch=3), Plan(epochs=1), [Notes(_interrupt_at(2))])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert heard == [signal.SIGINT]
    assert history.reason == "1 epochs"


@pytest.mark.usefixtures("_ctrl_c")
def test_an_interrupt_keeps_the_best() -> None:
    learner, notes = Fake([3, 9, 4, 1]), Notes(_interrupt_at(4))
    history = fit(learner, Plan(epochs=100, **QUICK), [notes])
    assert history.reason == "interrupted"
    assert notes.ended == ["interrupted"]
    assert history.best == 1
    assert learner.weight.item() == learner.judged[1]


@pytest.mark.usefixtures("_ctrl_c")
def test_an_interrupt_before_the_first_validation_judges_what_there_is() -> None:
    learner, notes = Fake([7], per_epoch=100), Notes(_interrupt_at(3))
    history = fit(learner, Plan(epochs=1, average=0.0), [notes])
    assert [row["step"] for row in history.rows] == [3]
    assert learner.weight.item() == learner.judged[0] > 0
    assert not learner.network.training


def test_a_loss_that_is_nan_before_all_else_is_an_error() -> None:
    with pytest.raises(TrainingError, match=r"loss is nan at step 2, before.*than 0\.003 may"):
        fit(Fake([1], per_epoch=100, nan_at=2), Plan(epochs=1))


def test_a_loss_that_is_nan_later_keeps_the_best_before_it() -> None:
    learner = Fake([1, 2, 3], nan_at=4)
    history = fit(learner, Plan(epochs=9, **QUICK))
    assert history.reason == "the loss is nan at step 4: the best weights before it are kept"
    assert learner.weight.item() == learner.judged[2]
    assert math.isfinite(learner.judged[2])


def test_weights_that_cannot_be_judged_are_not_kept() -> None:
    learner = Fake([math.nan, 2, math.nan])
    history = fit(learner, Plan(epochs=3, **QUICK))
    assert history.best == 1
    assert learner.weight.item() == learner.judged[1]
    with pytest.raises(TrainingError, match=r"no validation had finite scores.*than 0\.003 may"):
        fit(Fake([math.nan]), Plan(epochs=1, **QUICK))


def test_a_seed_is_one_that_torch_holds() -> None:
    with pytest.raises(TrainingError, match=f"64 bits, not {2**70}"):
        Plan(seed=2**70)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience", "validate_every"])
def test_a_limit_is_at_least_one(name: str) -> None:
    with pytest.raises(TrainingError, match=f"{name} is at least 1, not 0"):
        Plan(**{name: 0})


@pytest.mark.parametrize("value", [0, -1.0, math.nan])
def test_time_and_rate_are_more_than_nothing(value: float) -> None:
    with pytest.raises(TrainingError, match=f"minutes is more than 0, not {value}"):
        Plan(minutes=value)
    with pytest.raises(TrainingError, match=f"learning_rate is more than 0, not {value}"):
        Plan(learning_rate=value)
