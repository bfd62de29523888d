"""What a task is: the one thing that the public model, the loop and the command line know of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import (
    Any,
    ClassVar,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

from headgate.errors import HeadgateError, UnknownNameError
from headgate.evaluation.scores import Score
from headgate.inspection.trace import Inspection
from headgate.training import Learner, Plan

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Examples:
    """Rows to learn from or to be judged on.

    Args:
        inputs: the texts.
        targets: what is wanted for each.
    """

    inputs: list[str]
    targets: list[str]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on some rows.

    Args:
        scores: each score with its interval and the best baseline beside it.
        baselines: what each baseline reaches, by its name.
        notes: what a reader of the scores has to know, such as a signature.
    """

    scores: dict[str, Score]
    baselines: dict[str, dict[str, float]]
    notes: list[str] = field(default_factory=list)


@runtime_checkable
class Prediction(Protocol):
    """What a model says of one input."""

    def row(self) -> dict[str, str]:
        """Give the answer as columns of a table."""
        ...


@runtime_checkable
class TaskStream(Protocol):
    """A model kept running; what a step takes and gives depends on the task."""

    state: bytes

    def step(self, token: Any) -> Any:
        """Take one step."""
        ...

    def steps(self, chunk: Any) -> list[Any]:
        """Take several steps."""
        ...

    def answer(self, line: str) -> Iterator[str]:
        """Answer a line of input, in pieces."""
        ...

    def rewind(self, steps: int = 1) -> None:
        """Take back the last steps."""
        ...

    def reset(self) -> None:
        """Begin anew."""
        ...

    def fork(self) -> TaskStream:
        """Give a stream that goes on from here by itself."""
        ...


@runtime_checkable
class Task(Protocol):
    """A kind of data with its model, loss, scores and baselines.

    ``learn`` reads the training part and builds an untrained network; ``restore`` rebuilds it
    from what ``saved_settings`` and ``files`` gave. ``stratified`` says whether a split keeps the
    targets' shares.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    stratified: ClassVar[bool]

    @property
    def settings(self) -> Any:
        """What the network is made of; every task's has a ``cell``."""
        ...

    @property
    def network(self) -> Any:
        """The network, a ``torch.nn.Module``."""
        ...

    @classmethod
    def learn(cls, train: Examples, settings: dict[str, Any]) -> Task:
        """Learn the vocabularies and build the network."""
        ...

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Task:
        """Rebuild what was saved, with weights still to load."""
        ...

    def plan(self, train: Examples) -> Plan:
        """Give sound limits for a training part."""
        ...

    def saved_settings(self) -> dict[str, Any]:
        """Give the settings that ``restore`` takes."""
        ...

    def files(self) -> dict[str, str]:
        """Give the vocabularies as files of a model directory."""
        ...

    def notes(self) -> list[str]:
        """Say what was decided from the data, in sentences."""
        ...

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> Learner:
        """Give what the loop trains."""
        ...

    def finish(self, valid: Examples) -> None:
        """Choose what is chosen after training, on the validation part."""
        ...

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the model; with the training part also the baselines that have to be fitted.

        Quantized, the model runs as a stream, and the notes say what that loses.
        """
        ...

    def predict(self, inputs: Sequence[str]) -> list[Any]:
        """Answer inputs."""
        ...

    def stream(
        self, source: str | None, *, rows: int | None, rewind: int, quantize: str | None
    ) -> TaskStream:
        """Keep the model running."""
        ...

    def inspect(self, text: str) -> Inspection:
        """Show the gates, and where the model looked if it looks."""
        ...

    def check(self, target: str) -> None:
        """Refuse a target that the model cannot be judged by, such as an unseen label."""
        ...


def build_settings(kind: type[Settings], given: dict[str, Any]) -> Settings:
    """Build a task's settings from what a user named.

    Args:
        kind: the task's dataclass of settings.
        given: values by name.

    Returns:
        The settings.

    Raises:
        UnknownNameError: the task has no such setting.
        HeadgateError: a value is of the wrong kind.
    """
    check_settings(kind, given)
    return kind(**given)


def check_settings(kind: type[Any], given: dict[str, Any]) -> None:
    """Check the names and kinds of settings.

    Args:
        kind: a dataclass of settings.
        given: values by name.

    Raises:
        UnknownNameError: there is no such setting.
        HeadgateError: a value is of the wrong kind.
    """
    hints = get_type_hints(kind)
    for name, value in given.items():
        if name not in hints:
            raise UnknownNameError("setting", name, {*hints, *get_type_hints(Plan)})
        if not _fits(value, hints[name]):
            wanted = getattr(hints[name], "__name__", None) or str(hints[name])
            raise HeadgateError(f"{name} is of the kind {wanted}, not {value!r}")


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    hint = get_origin(hint) or hint
    if hint is Any:
        return True
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)
