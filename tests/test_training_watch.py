"""A training under watch: what it tells, when it stops, and that it is no other training for it."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny
from torch import Tensor, nn

from headgate.artifacts.checkpoint import Checkpoint
from headgate.errors import TrainingError
from headgate.inspection.doctor import Doctor as Real
from headgate.layers import Recurrent
from headgate.model import Model, load
from headgate.tasks.many_to_one import ManyToOneLearner
from headgate.training import Console, Doctor, Moment, Note, Plan, Reporter, Validation, fit, watch
from headgate.training.watch import Course, Seen, Watch

PLAN: dict[str, Any] = {"warmup": 0, "average": 0.0, "validate_every": 20, "patience": 999}


class Learns:
    """Layers with dropout that carry their state from batch to batch."""

    carried: tuple[Tensor, ...] = ()

    def __init__(self) -> None:
        torch.manual_seed(1)
        layers = Recurrent("lstm", 3, 8, num_layers=2, dropout=0.4)
        self.network: nn.Module = nn.ModuleDict({"layers": layers})

    def batches(self, epoch: int) -> list[Tensor]:
        chance = torch.Generator().manual_seed(epoch)
        self.carried = ()
        return list(torch.randn(10, 12, 4, 3, generator=chance))

    def loss(self, batch: Tensor) -> Tensor:
        y, last = self.network["layers"](batch, self.carried or None)  # type: ignore[index]
        self.carried = tuple(state.detach() for state in last)
        return (y[..., 0] - batch[..., 0]).square().mean()

    def validate(self, network: nn.Module) -> Validation:
        y = network["layers"](torch.ones(5, 2, 3))[0]  # type: ignore[index]
        score = -float((y[..., 0] - 1).square().mean())
        return Validation(score, {"valid_score": score})


class Goes:
    """A network of one number whose loss goes as a function of the step says."""

    carried: tuple[Tensor, ...] = ()

    def __init__(self, loss: Callable[[int], float], *, scale: float = 1.0) -> None:
        self.weight = nn.Parameter(torch.zeros(1, 1))
        self.network: nn.Module = nn.ParameterDict({"weight": self.weight})
        self.goes, self.scale, self.step = loss, scale, 0

    def batches(self, epoch: int) -> list[int]:
        return list(range(10))

    def loss(self, batch: int) -> Tensor:
        self.step += 1
        own = self.scale * self.weight.sum()
        return own - own.detach() + self.goes(self.step)

    def validate(self, network: nn.Module) -> Validation:
        return Validation(-self.goes(self.step), {"valid_score": -self.goes(self.step)})


class Notes:
    """A reporter that hears of defects."""

    def __init__(self, stop: float = math.inf) -> None:
        self.stop, self.heard = stop, list[tuple[int, str, str]]()

    def resumed(self, moment: Moment) -> None:
        pass

    def step(self, moment: Moment) -> None:
        if moment.step == self.stop:
            raise InterruptedError

    def validation(self, moment: Moment, validation: Validation, *, best: bool) -> None:
        pass

    def note(self, moment: Moment, note: Note) -> None:
        self.heard.append((moment.step, note.kind, note.sentence))

    def end(self, reason: str) -> None:
        pass


class Finds:
    """A doctor that finds the same at each visit."""

    def __init__(self, *found: Seen) -> None:
        self.found, self.visits = found, list[int]()

    @contextmanager
    def listening(self, network: nn.Module) -> Iterator[None]:
        yield

    def visit(self, step: int) -> list[Seen]:
        self.visits.append(step)
        return list(self.found)


@pytest.fixture
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visit at every step, whatever it costs."""
    monkeypatch.setattr(watch, "SHARE", math.inf)
    monkeypatch.setattr(watch, "FIRST", -math.inf)


def state(learner: Learns) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in learner.network.state_dict().items()}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_protocols_are_kept() -> None:
    assert isinstance(Real(), Doctor)
    assert isinstance(Finds(), Doctor)
    assert isinstance(Notes(), Reporter)
    assert isinstance(Console(), Reporter)


@pytest.mark.usefixtures("_always")
def test_a_doctor_changes_no_weight() -> None:
    plan, seen = Plan(epochs=1, **PLAN), Visits()
    watched = Learns()
    fit(watched, plan, doctor=seen)
    chance = torch.get_rng_state()
    alone = Learns()
    fit(alone, plan)
    assert seen.count == 10
    assert_same(state(watched), state(alone))
    assert torch.equal(chance, torch.get_rng_state())


class Visits(Real):
    """The doctor, counted."""

    count = 0

    def visit(self, step: int) -> Any:
        self.count += 1
        return super().visit(step)


TRAININGS: dict[str, Callable[[Path], Model]] = {
    "classify": lambda place: tiny.train_classifier(tiny.write_reviews(place)),
    "generate": lambda place: tiny.train_generator(tiny.write_verses(place)),
    "tag": lambda place: tiny.train_tagger(tiny.write_people(place)),
    "translate": lambda place: tiny.train_translator(tiny.write_norms(place)),
}


@pytest.mark.parametrize("task", TRAININGS)
def test_a_task_trains_the_same_with_a_doctor(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Visits()
    monkeypatch.setattr("headgate.trainer.Doctor", lambda: seen)
    monkeypatch.setattr(watch, "SHARE", 0.0)
    plain = TRAININGS[task](tmp_path).task.network.state_dict()
    assert seen.count == 0
    monkeypatch.setattr(watch, "SHARE", math.inf)
    monkeypatch.setattr(watch, "FIRST", -math.inf)
    watched = TRAININGS[task](tmp_path)
    assert seen.count == watched.metrics["training"]["steps"]
    assert_same(plain, watched.task.network.state_dict())


@pytest.mark.usefixtures("_always")
@pytest.mark.parametrize("step", [2, 11, 29])
def test_a_run_that_goes_on_is_the_same_and_says_nothing_twice(step: int, tmp_path: Path) -> None:
    plan, found = Plan(epochs=3, save_every=0.0, **PLAN), Seen("dead", "layers", "all are dead")
    whole = Learns()
    fit(whole, plan)
    keeper, first = Checkpoint(tmp_path, {}), Notes(step)
    with pytest.raises(InterruptedError):
        fit(Learns(), plan, [first], keeper, Finds(found))
    second, again = Notes(), Learns()
    history = fit(again, plan, [second], keeper, Finds(found))
    assert first.heard == [(1, "dead", "all are dead")]
    assert second.heard == []
    assert history.notes == ["all are dead"]
    assert_same(state(whole), state(again))


@pytest.mark.usefixtures("_always")
def test_each_kind_is_said_once_for_each_layer() -> None:
    found = [Seen("dead", "a", "one"), Seen("dead", "b", "two"), Seen("growing", "a", "three")]
    history = fit(Learns(), Plan(epochs=2, **PLAN), doctor=Finds(*found, *found))
    assert history.notes == ["one", "two", "three"]


@pytest.mark.usefixtures("_always")
def test_a_doctor_that_fails_ends_no_training() -> None:
    class Fails(Finds):
        def visit(self, step: int) -> list[Seen]:
            super().visit(step)
            raise RuntimeError("no such cell")

    doctor = Fails()
    history = fit(Learns(), Plan(epochs=2, **PLAN), doctor=doctor)
    assert doctor.visits == [1]
    assert history.reason == "2 epochs"
    assert history.notes == ["the layers could not be looked at (RuntimeError: no such cell)"]


def test_visits_take_a_fiftieth_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visit of half a second is paid for by 25 seconds of steps."""
    clock = [0.0]

    class Slow(Finds):
        def visit(self, step: int) -> list[Seen]:
            clock[0] += 0.5
            return super().visit(step)

    class Steps(Notes):
        def step(self, moment: Moment) -> None:
            clock[0] += 1.0

    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    doctor = Slow()
    fit(Learns(), Plan(epochs=12, **PLAN), [Steps()], doctor=doctor)
    # at 3 seconds the first; each further one when two and more of it are paid for
    assert doctor.visits == [4, 51, 75, 100]
    assert 0.5 * len(doctor.visits) <= 0.02 * clock[0]


def test_a_loss_that_diverges_stops_and_the_best_is_kept() -> None:
    def goes(step: int) -> float:
        return 3.0 - 0.02 * step if step <= 100 else 1.0 + 0.01 * (step - 100) ** 2

    learner, notes = Goes(goes), Notes()
    history = fit(learner, Plan(epochs=50, **PLAN), [notes])
    step = learner.step
    assert 100 + 25 + 50 < step < 200  # over twice the first loss for 50 steps
    assert history.reason.endswith(f"at step {step}: the best weights before it are kept")
    ((at, kind, sentence),) = notes.heard
    assert (at, kind) == (step, "diverged")
    assert history.notes == [sentence]
    assert f"at step {step}, after a best of 1." in sentence
    assert "a smaller learning_rate than 0.003" in sentence
    assert history.rows[history.best]["step"] == 100
    # AdamW moves it by the rate at each step, up to the hundredth
    rates = sum(0.003 * (1 - n / 500) for n in range(100))
    assert learner.weight.item() == pytest.approx(-rates, rel=0.05)


def test_a_divergence_is_counted_on_after_a_resume(tmp_path: Path) -> None:
    def goes(step: int) -> float:
        return 1.0 if step <= 60 else 9.0

    plan = Plan(epochs=30, save_every=0.0, **PLAN)
    whole = fit(Goes(goes), plan)
    with pytest.raises(InterruptedError):
        fit(Goes(goes), plan, [Notes(100)], Checkpoint(tmp_path, {}))
    again = fit(Goes(lambda step: goes(step + 99)), plan, [], Checkpoint(tmp_path, {}))
    assert again.reason == whole.reason
    assert again.notes == whole.notes
    assert "the best weights before it are kept" in again.reason


def test_a_loss_that_diverges_before_a_validation_is_an_error() -> None:
    plan = Plan(**PLAN | {"epochs": 50})
    learner = Goes(float)
    learner.batches = lambda epoch: list(range(1000))  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"before anything was learned: a smaller learning"):
        fit(learner, Plan(**PLAN | {"validate_every": 10**6}))
    assert fit(Goes(float), plan).reason.endswith("the best weights before it are kept")


@pytest.mark.parametrize(
    "goes",
    [
        lambda step: 1.0 + math.sin(step),
        lambda step: 1e6 if step == 40 else 1.0,  # one wild batch
        lambda step: 50.0 if 40 <= step < 80 else 1.0,  # it comes back
        lambda step: 2.0 if step > 100 else 1.0,  # no worse than twice the first
        lambda step: -3.0 - step / 50,  # a likelihood of densities, below zero
    ],
)
def test_a_loss_that_is_only_restless_does_not_stop(goes: Callable[[int], float]) -> None:
    history = fit(Goes(goes), Plan(epochs=30, **PLAN))
    assert history.reason == "30 epochs"
    assert history.notes == []


def test_divergence_needs_both_the_loss_and_its_mean() -> None:
    course = Course()
    assert not any(course.follow(1.0, 1.0) for _ in range(10))
    assert not any(course.follow(9.0, 1.9) for _ in range(60))
    assert not any(course.follow(1.0, 9.0) for _ in range(60))
    assert [course.follow(9.0, 9.0) for _ in range(50)] == [False] * 49 + [True]


@pytest.mark.parametrize(("scale", "told"), [(9.0, False), (11.0, True)])
def test_a_clip_that_always_bites_is_said(scale: float, told: bool) -> None:
    history = fit(Goes(lambda step: 1.0, scale=scale), Plan(epochs=26, clip=1.0, **PLAN))
    assert bool(history.notes) == told
    assert all("over 10 times clip (1) at 90% of the steps" in note for note in history.notes)


def test_a_clip_that_bites_at_half_of_the_steps_is_none() -> None:
    followed = Watch(Plan())
    for step in range(1000):
        followed.clips(torch.tensor(100.0 if step % 2 else 0.1))
    assert followed.notes(1000) == []


@pytest.mark.parametrize("broken", [math.nan, 100.0])
def test_a_run_directory_keeps_the_model_before_a_divergence(
    broken: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training breaks at step 61; its model is that of the validations before."""
    given, steps = ManyToOneLearner.given, [0]

    def breaks(learner: Any, rows: list[int]) -> tuple[Tensor, Tensor]:
        out, wanted = given(learner, rows)
        steps[0] += 1
        if steps[0] <= 60:
            return out, wanted
        wrong = torch.zeros_like(out).scatter(1, wanted[:, None], -broken)
        return 0 * out + wrong, wanted

    monkeypatch.setattr(ManyToOneLearner, "given", breaks)
    data, limits = tiny.write_reviews(tmp_path), {"epochs": 100, "validate_every": 20}
    tiny.train_classifier(data, out=tmp_path / "model", patience=999, **limits)
    model = load(tmp_path / "model")
    training = model.metrics["training"]
    assert "the best weights before it are kept" in training["reason"]
    assert "a smaller learning_rate than 0.003" in training["doctor"][-1]
    assert f"- doctor: {training['doctor'][-1]}" in (tmp_path / "model/README.md").read_text()
    assert model.history
    assert all(bool(value.isfinite().all()) for value in model.task.network.state_dict().values())
    monkeypatch.undo()
    found = model.evaluate(data)
    assert math.isfinite(found.scores["accuracy"].value)


@pytest.mark.parametrize("columns", [None, "40"])
def test_a_console_writes_what_was_found(
    columns: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return columns is not None

    monkeypatch.setenv("COLUMNS", columns or "80")
    file = Terminal()
    monkeypatch.setattr("sys.stderr", file)
    moment = Moment(1, 2, 0.5, 1.0, 0.3)
    Console().note(moment, Seen("dead", "a", "layer 1: 7 of 8 units of the state h never change"))
    lines = file.getvalue().replace("\r\x1b[K", "").splitlines()
    whole = "doctor: layer 1: 7 of 8 units of the state h never change"
    assert lines == (
        [whole]
        if columns is None
        else ["doctor: layer 1: 7 of 8 units of the", "    state h never change"]
    )
