"""An input to a number: a price, a temperature, a dose, a sum."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from headgate.data.columns import Table
from headgate.data.examples import Examples
from headgate.evaluation.comparison import beside, losses
from headgate.evaluation.neighbours import nearest
from headgate.evaluation.regression import regression_scores
from headgate.export.parts import Exported
from headgate.inspection.trace import NUMBERS, Outcome
from headgate.tasks.many_to_one import ManyToOne, ManyToOneLearner
from headgate.tasks.protocol import Evaluation
from headgate.tasks.reading import Reading
from headgate.tasks.regress_settings import RegressSettings
from headgate.training import Plan, Validation


@dataclass(frozen=True)
class Regression:
    """A number that the model gives.

    Args:
        value: the number, in the targets' unit.
    """

    value: float

    def row(self) -> dict[str, str]:
        """Give the number as a column."""
        return {"prediction": f"{self.value:.6g}"}

    def plain(self) -> dict[str, Any]:
        """Give the number as what JSON holds."""
        return {"value": self.value}

    def __str__(self) -> str:
        return f"{self.value:.6g}"


class Regress(ManyToOne):
    """The task: targets are standardised, and the squared error is the loss.

    Args:
        settings: what the network is made of.
        reading: the kind of inputs, with what was learned of them.
        mean: of the targets in training.
        scale: their standard deviation; 1 where they are all equal.
    """

    name: ClassVar[str] = "regress"
    summary: ClassVar[str] = "a number for an input"
    made_of: ClassVar[type] = RegressSettings
    without_target = "a regression learns from numbers: name their column (--target COL)"

    def __init__(self, settings: Any, reading: Reading, mean: float, scale: float) -> None:
        self.mean, self.scale = mean, scale
        super().__init__(settings, reading, 1)

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take inputs and numbers; refuse a row that lacks one, or whose target is no number."""
        found = super().read(table, input, target)
        for row, text in enumerate(found.targets):
            if number_in(text) is None:
                raise table.error(
                    f"a number was wanted, and {text!r:.60} came", row=row, column=target
                )
        return found

    @classmethod
    def learn(
        cls, train: Examples, settings: dict[str, Any], base: Regress | None = None
    ) -> Regress:
        """Learn inputs and the targets' scale, and build the network; a base keeps its scale."""
        chosen, reading = cls.built(train, settings, base)
        if base is not None:
            return cls(chosen, reading, base.mean, base.scale)
        numbers = _numbers(train.targets)
        scale = float(numbers.std(correction=0))
        mean = float(numbers.mean())
        return cls(chosen, reading, mean, scale if scale > 1e-12 * abs(mean) else 1.0)

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Regress:
        """Rebuild a saved task."""
        kept = dict(settings)
        mean, scale = kept.pop("mean"), kept.pop("scale")
        return cls(*cls.rebuilt(kept, files), mean, scale)

    def saved_settings(self) -> dict[str, Any]:
        """Give what ``restore`` needs."""
        return super().saved_settings() | {"mean": self.mean, "scale": self.scale}

    def files(self) -> dict[str, str]:
        """Give what was learned of the inputs as files."""
        return self.reading.files()

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        return [
            f"targets of mean {self.mean:.6g}, deviation {self.scale:.6g}",
            *self.reading.notes(),
        ]

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> _Learner:
        """Give what the loop trains."""
        return _Learner(self, train, valid, plan)

    def finish(self, valid: Examples) -> None:
        """Choose nothing: all is learned."""

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the model beside the mean of training and, where it is known, the neighbours."""
        targets, inputs = _numbers(examples.targets), examples.inputs
        scores = regression_scores(self.values(inputs), targets)
        notes = self.reading.cut(inputs)
        if quantize is not None:
            plain, streamed = scores, self._unscaled(self.streamed(inputs, quantize))
            scores = regression_scores(streamed, targets)
            notes = [*notes, *losses(quantize, scores, plain)]
        rivals = {"mean": torch.full_like(targets, self.mean)}
        if train is not None and self.reading.kind != "text":
            near = nearest(self.reading.features(train.inputs), self.reading.features(inputs))
            rivals["nearest neighbour"] = _numbers(train.targets)[near]
        compared = {name: regression_scores(given, targets) for name, given in rivals.items()}
        return Evaluation(*beside(scores, compared), notes)

    def answers(self, out: Tensor) -> list[Regression]:
        """Turn what the network gives to numbers in the targets' unit."""
        return [Regression(value) for value in self._unscaled(out).tolist()]

    def exported(self) -> Exported:
        """Give the regression as files."""
        return self.exported_by("run_regress.py", {"mean": self.mean, "scale": self.scale})

    def outcome(self, told: Callable[..., Tensor], out: Tensor) -> Outcome:
        """Give the number in the targets' unit."""

        def number(*given: Any) -> Tensor:
            return told(*given) * self.scale + self.mean

        return Outcome(number, NUMBERS, ("number",))

    @torch.inference_mode()
    def values(self, inputs: Sequence[Any]) -> Tensor:
        """Predict numbers.

        Args:
            inputs: the inputs.

        Returns:
            Numbers in the targets' unit, float64 [B].
        """
        return self._unscaled(self.outputs(self.network, self.encode_rows(inputs)))

    def _unscaled(self, out: Tensor) -> Tensor:
        return out[:, 0].double() * self.scale + self.mean

    def check(self, examples: Examples) -> None:
        """Refuse inputs of another kind."""
        self.check_kind(examples)

    def encode_targets(self, targets: Sequence[str]) -> Tensor:
        """Standardise numbers.

        Args:
            targets: texts of numbers.

        Returns:
            Numbers at the scale of the network, [B].
        """
        return ((_numbers(targets) - self.mean) / self.scale).float()


def number_in(cell: Any) -> float | None:
    """Read a finite number.

    Args:
        cell: what stands there.

    Returns:
        The number, or None where it is none.
    """
    try:
        value = float(cell) if isinstance(cell, str) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _numbers(texts: Sequence[str]) -> Tensor:
    return torch.tensor([float(text) for text in texts], dtype=torch.float64)


class _Learner(ManyToOneLearner):
    """A regression on its way."""

    def loss(self, rows: list[int]) -> Tensor:
        given, targets = self.given(rows)
        return functional.mse_loss(given[:, 0], targets)

    def validate(self, network: nn.Module) -> Validation:
        task = self.task
        with torch.no_grad():
            out = task.outputs(network, self.valid_rows)
        loss = float(functional.mse_loss(out[:, 0], self.valid_targets))
        scores = regression_scores(
            out[:, 0].double() * task.scale + task.mean, _numbers(self.valid.targets)
        )
        values = {"valid_loss": loss} | {f"valid_{k}": s.value for k, s in scores.items()}
        samples = [
            f"{answer} ({target})  {task.reading.shown(each)}"
            for answer, target, each in zip(
                task.answers(out[:3]), self.valid.targets, self.valid.inputs, strict=False
            )
        ]
        return Validation(-loss, values, samples)
