"""The training loop: plain torch, one file."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from headgate.errors import TrainingError
from headgate.training import checkpoints
from headgate.training.checkpoints import Keeper
from headgate.training.interrupts import interrupts
from headgate.training.plan import Plan
from headgate.training.protocol import (
    Doctor,
    Learner,
    Moment,
    Note,
    Reporter,
    Validation,
)
from headgate.training.watch import Watch

INTERRUPTED = "interrupted"
_SAVING = 0.02  # of the time at most goes to checkpoints
_FEWEST = 20  # steps between validations: on a tiny data set an epoch is too short to judge by


@dataclass
class History:
    """What happened in a training.

    Args:
        rows: one for each validation: epoch, step, seconds, loss, and the values.
        best: the place of the kept one among the rows.
        reason: why the training ended.
        notes: what a doctor found, and what else went wrong, one sentence each.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    best: int = -1
    reason: str = ""
    notes: list[str] = field(default_factory=list)


def fit(
    learner: Learner,
    plan: Plan,
    reporters: Sequence[Reporter] = (),
    keeper: Keeper | None = None,
    doctor: Doctor | None = None,
) -> History:
    """Train a network and leave in it the weights of the best validation.

    An interrupt (Ctrl-C) ends the training after the step it falls into, like any other limit: the
    best weights are kept. A second one does not wait for that step.

    Where a checkpoint is kept, the training goes on from it, and ends with the weights, to the bit,
    with which it would have ended undisturbed: its limits may be epochs, the machine and the
    number of threads the same. The learner's chance comes from torch's default generators. A doctor
    changes no weight.

    Args:
        learner: the task; its network is trained in place.
        plan: the limits and rates.
        reporters: who hears of every step.
        keeper: where checkpoints are kept; none are where None.
        doctor: who looks at the network now and then; nobody where None.

    Returns:
        What happened.

    Raises:
        TrainingError: the loss was not finite, or diverged, before the first validation, or no
            validation was finite.
    """
    return _Run(learner, plan, reporters, keeper, Watch(plan, doctor)).go()


class _Run:
    def __init__(
        self,
        learner: Learner,
        plan: Plan,
        reporters: Sequence[Reporter],
        keeper: Keeper | None,
        watch: Watch,
    ) -> None:
        self.learner, self.plan, self.reporters = learner, plan, reporters
        self.keeper, self.watch = keeper, watch
        self.network = learner.network
        matrices = [p for p in self.network.parameters() if p.dim() > 1]
        vectors = [p for p in self.network.parameters() if p.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}],
            lr=plan.learning_rate,
            weight_decay=plan.weight_decay,
        )
        self.average = AveragedModel(
            self.network, multi_avg_fn=get_ema_multi_avg_fn(plan.average), use_buffers=True
        )
        self.history = History()
        self.kept: tuple[float, dict[str, Any]] | None = None
        self.step, self.epoch, self.steps = 0, 1, 1
        self.place = 0  # of the next batch in its epoch
        self.carried: tuple[torch.Tensor, ...] | None = None  # of a checkpoint
        self.saved, self.costs = 0.0, 0.0  # seconds: when, and how long it took
        self.loss, self.validated, self.improved = math.nan, 0, 0
        self.start = time.monotonic()

    def go(self) -> History:
        self.resume()
        try:
            with interrupts() as self.interrupted:
                if not self.history.reason:
                    self.history.reason = self.run()
                    self.save()
        except KeyboardInterrupt:
            self.history.reason = INTERRUPTED
        if self.kept is None:
            self.validate()
        assert self.kept is not None
        if self.kept[0] == -math.inf:
            raise TrainingError(
                "no validation had finite scores: a smaller learning_rate than "
                f"{self.plan.learning_rate} may help, or look for NaN in the data"
            )
        self.network.load_state_dict(self.kept[1])
        self.network.eval()
        for reporter in self.reporters:
            reporter.end(self.history.reason)
        return self.history

    def run(self) -> str:
        """Train until something ends it, and say what."""
        self.network.train()
        for batch in self.stream():
            loss = self.update(batch)
            if not math.isfinite(loss):
                return self.diverged(loss)
            self.loss = loss if self.step == 1 else 0.95 * self.loss + 0.05 * loss
            moment = self.moment()
            for reporter in self.reporters:
                reporter.step(moment)
            self.tell(self.watch.notes(self.step))
            if self.watch.course.follow(loss, self.loss):
                return self.diverged(self.loss)
            over = moment.fraction >= 1
            if over or self.step - self.validated >= self.interval:
                self.validate()
                if self.since_best() >= self.plan.patience:
                    return f"no better score in {self.plan.patience} validations"
            if self.interrupted.is_set():
                return INTERRUPTED
            if over:
                break
            self.save_at_times()
        ended = self.plan.minutes and self.seconds() >= 60 * self.plan.minutes
        return f"{self.plan.minutes:g} minutes" if ended else f"{self.plan.epochs} epochs"

    def stream(self) -> Iterator[Any]:
        for epoch in range(self.epoch, self.plan.epochs + 1):
            self.epoch = epoch
            batches = self.learner.batches(self.epoch)
            self.take_up()
            self.steps = max(1, len(batches))
            self.interval = min(max(self.steps, _FEWEST), self.plan.validate_every)
            for place in range(self.place, len(batches)):
                self.step, self.place = self.step + 1, place + 1
                yield batches[place]
            self.place = 0

    def update(self, batch: Any) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * self.rate()
        with self.watch.listening(self.network, self.seconds()):
            loss = self.learner.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self.watch.clips(norm)
        value = float(loss.detach())
        if math.isfinite(value):
            self.optimizer.step()
            self.average.update_parameters(self.network)
        return value

    def rate(self) -> float:
        """The share of the highest rate: up through the warm-up, then down to zero."""
        warmup = min(self.plan.warmup, self.steps * self.plan.epochs // 10)
        return min(1.0, self.step / max(1, warmup)) * (1 - self.fraction(self.step - 1))

    def fraction(self, step: int) -> float:
        done = step / (self.steps * self.plan.epochs)
        if self.plan.minutes is not None:
            done = max(done, self.seconds() / (60 * self.plan.minutes))
        return min(1.0, done)

    def seconds(self) -> float:
        return time.monotonic() - self.start

    def moment(self) -> Moment:
        return Moment(self.epoch, self.step, self.fraction(self.step), self.seconds(), self.loss)

    @torch.no_grad()
    def validate(self) -> None:
        network = self.average.module if self.plan.average and self.step else self.network
        network.eval()
        found = self.learner.validate(network)
        self.network.train()
        self.validated = self.step
        moment = self.moment()
        self.history.rows.append(_row(moment, found))
        # weights that cannot be judged lose against all others
        sound = all(map(math.isfinite, (found.score, *found.values.values())))
        score = found.score if sound else -math.inf
        if self.kept is None or score > self.kept[0]:
            self.improved = len(self.history.rows)
        # of equally good weights the later ones are kept: they are a mean over more steps
        best = self.kept is None or score >= self.kept[0]
        if best:
            self.kept = (score, deepcopy(network.state_dict()))
            self.history.best = len(self.history.rows) - 1
        for reporter in self.reporters:
            reporter.validation(moment, found, best=best)

    def save_at_times(self) -> None:
        """Keep a checkpoint, rarely enough that it costs next to nothing."""
        every = self.plan.save_every and max(self.plan.save_every, self.costs / _SAVING)
        if self.seconds() - self.saved >= every:
            self.save()

    def save(self) -> None:
        if self.keeper is None:
            return
        began = self.seconds()
        score, best = self.kept or (None, {})
        tensors = {
            **checkpoints.under("network", self.network.state_dict()),
            **checkpoints.under("average", self.average.state_dict()),
            **checkpoints.under("optimizer", checkpoints.optimizer_tensors(self.optimizer)),
            **checkpoints.under("best", best),
            **checkpoints.under("chance", checkpoints.chance()),
            **checkpoints.under("carried", checkpoints.carried_tensors(self.learner.carried)),
        }
        reason = "" if self.history.reason == INTERRUPTED else self.history.reason
        numbers = {name: getattr(self, name) for name in _NUMBERS} | {
            "score": score,
            "elapsed": began,
            "history": {**asdict(self.history), "reason": reason},
            "watch": self.watch.numbers(),
        }
        self.keeper.keep(tensors, numbers)
        self.saved = self.seconds()
        self.costs = self.saved - began

    def resume(self) -> None:
        """Go on from a checkpoint, where there is one."""
        found = None if self.keeper is None else self.keeper.kept()
        if found is None:
            return
        tensors, numbers = found
        self.network.load_state_dict(checkpoints.of("network", tensors))
        self.average.load_state_dict(checkpoints.of("average", tensors))
        checkpoints.restore_optimizer(self.optimizer, checkpoints.of("optimizer", tensors))
        if numbers["score"] is not None:
            self.kept = (numbers["score"], checkpoints.of("best", tensors))
        for name in _NUMBERS:
            setattr(self, name, numbers[name])
        self.history = History(**numbers["history"])
        self.watch.restore(numbers.get("watch", {}))  # an older checkpoint has none
        self.start -= numbers["elapsed"]
        self.saved = numbers["elapsed"]
        self.chance = checkpoints.of("chance", tensors)
        carried = checkpoints.of("carried", tensors)
        self.carried = checkpoints.restore_carried(carried, self.network)
        for reporter in self.reporters:
            reporter.resumed(self.moment())

    def take_up(self) -> None:
        """Once the first epoch is dealt: what goes from batch to batch, and the state of chance."""
        if self.carried is not None:
            self.learner.carried, self.carried = self.carried, None
            checkpoints.restore_chance(self.chance)

    def since_best(self) -> int:
        return len(self.history.rows) - self.improved

    def tell(self, notes: Sequence[Note]) -> None:
        for note in notes:
            self.history.notes.append(note.sentence)
            for reporter in self.reporters:
                reporter.note(self.moment(), note)

    def diverged(self, loss: float) -> str:
        where = f"the loss is {loss:.4g} at step {self.step}"
        if self.kept is None:
            raise TrainingError(
                f"{where}, before anything was learned: a smaller learning_rate than "
                f"{self.plan.learning_rate} may help, or look for NaN in the data"
            )
        self.tell([self.watch.diverged(self.step, loss)])
        return f"{where}: the best weights before it are kept"


# what a checkpoint has of a run beside its tensors
_NUMBERS = ("step", "epoch", "place", "steps", "loss", "validated", "improved")


def _row(moment: Moment, validation: Validation) -> dict[str, float]:
    own = {"epoch": moment.epoch, "step": moment.step, "seconds": round(moment.seconds, 1)}
    return own | {"train_loss": moment.loss} | validation.values
