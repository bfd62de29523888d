"""What a task is: the one thing that the public model, the loop and the command line know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
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

from torch import Tensor

from headgate.data.columns import Table
from headgate.data.examples import Examples
from headgate.data.splits import split
from headgate.errors import HeadgateError, UnknownNameError
from headgate.evaluation.scores import Score
from headgate.export.parts import Exported
from headgate.inspection.trace import Inspection
from headgate.streaming import Stream
from headgate.training import Learner, Plan

Settings = TypeVar("Settings")
_SMALLEST_BATCH, _STEPS = 8, 600


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
    """What a model says of one input; with ``rows`` several rows, one for each step to come."""

    def row(self) -> Mapping[str, str | tuple[str, ...]]:
        """Give the answer as columns of a table; a sequence is a tuple."""
        ...

    def plain(self) -> dict[str, Any]:
        """Give the answer as what JSON holds: texts, numbers as they are, lists, dicts."""
        ...


@runtime_checkable
class TaskStream(Protocol):
    """A model kept running; what a step takes and gives depends on the task.

    ``step`` is ``said(stream.step(given(token)))``, so that ``Stream.step_together`` can take the
    steps of several at once.
    """

    @property
    def stream(self) -> Stream:
        """The network inside."""
        ...

    @property
    def position(self) -> int | list[int]:
        """The steps taken since the beginning; of each row where there are rows."""
        ...

    @property
    def state(self) -> bytes:
        """The state, which may be set to one of before."""
        ...

    @state.setter
    def state(self, data: bytes, /) -> None: ...

    def begin(self, source: Any, /) -> None:
        """Begin anew with a source, which is read before the first step."""
        ...

    def given(self, token: Any, /) -> Any:
        """Give what the network reads at the next step; refuse what is no token."""
        ...

    def said(self, out: Tensor, /) -> Any:
        """Give the answer after a step, from what came out of the network."""
        ...

    def step(self, token: Any, /) -> Any:
        """Take one step."""
        ...

    def steps(self, chunk: Any, /) -> list[Any]:
        """Take several steps, or none where one of them is refused."""
        ...

    def answer(self, line: str, /) -> Iterator[str]:
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
    from what ``saved_settings`` and ``files`` gave. ``made_of`` is the dataclass of its settings.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    made_of: ClassVar[type]

    @property
    def reads(self) -> str:
        """What an input is.

        "text"; "words", a text or its words; "series", steps of numbers; "forecast", a series that
        goes on; "audio", "image", "video" or "music"; "places", features of a picture's places.
        """
        ...

    @property
    def settings(self) -> Any:
        """What the network is made of; every task's has a ``cell``."""
        ...

    @property
    def network(self) -> Any:
        """The network, a ``torch.nn.Module``."""
        ...

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take the columns, and refuse a row that the task cannot use."""
        ...

    def questions(self, table: Table, input: str, target: str | None) -> Sequence[Any]:
        """Take what ``predict`` answers, one a row; no target need be there."""
        ...

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int, **settings: Any
    ) -> dict[str, Examples]:
        """Divide rows into "train", "valid" and "test", with nothing of one side on another.

        The settings that were given are at hand, for a division that depends on one.
        """
        ...

    @classmethod
    def learn(cls, train: Examples, settings: dict[str, Any], base: Any = None) -> Task:
        """Learn the vocabularies and build the network.

        With a task to go on from, its settings are the defaults and its vocabularies are
        extended: every id keeps its number, and new ones follow.
        """
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

    def predict(self, inputs: Sequence[Any]) -> list[Any]:
        """Answer inputs."""
        ...

    def stream(self, *, rows: int | None, rewind: int, quantize: str | None) -> TaskStream:
        """Keep the model running; where there is a source, it is yet to begin."""
        ...

    def inspect(self, text: str) -> Inspection:
        """Show the gates, and where the model looked if it looks."""
        ...

    def exported(self) -> Exported:
        """Give the model as graphs, and what runs them elsewhere."""
        ...

    def check(self, examples: Examples) -> None:
        """Refuse a row that the model cannot be judged by, such as one of an unseen label."""
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


def divide_rows(
    examples: Examples,
    keys: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    shares: dict[str, float],
    seed: int,
) -> dict[str, Examples]:
    """Divide rows by chance, with rows of equal keys on one side.

    Args:
        examples: the rows.
        keys: what must not stand on two sides, one a row.
        labels: the classes whose shares are kept, one a row; None where there are none.
        shares: of the rows for "valid" and "test".
        seed: the seed of the shuffle.

    Returns:
        The parts by name.
    """
    found = split(keys, labels, seed=seed, **shares)
    return {name: examples.take(getattr(found, name)) for name in ("train", "valid", "test")}


def batch_for(rows: int, *, epochs: int, most: int) -> int:
    """Give a size of batches by which a small data set, too, has some hundred steps.

    Args:
        rows: of the training part.
        epochs: passes over it.
        most: rows of a batch where there are rows enough.

    Returns:
        Rows of a batch.

    Example:
        >>> batch_for(5000, epochs=10, most=64), batch_for(80, epochs=40, most=64)
        (64, 8)
    """
    size = most
    while size > _SMALLEST_BATCH and rows * epochs < _STEPS * size:
        size //= 2
    return size


# What fixes the shapes and the reading of a saved model, so that its weights still fit.
_FIXED = ("cell", "options", "program", "unit", "lowercase", "vocabulary_size", "bidirectional")


def fine_tuned(base: Any, given: dict[str, Any], *, fixed: Sequence[str] = ()) -> dict[str, Any]:
    """Give the settings of a model that goes on from a saved one.

    Args:
        base: the settings of the saved model.
        given: values by name; of what is fixed "auto" stands for what the saved one has.
        fixed: further names that the saved weights are of, besides sizes, layers and the cell.

    Returns:
        Every setting; what was given comes first.

    Raises:
        UnknownNameError: the task has no such setting.
        HeadgateError: a setting was given that fixes what the saved weights are of.
    """
    check_settings(type(base), given)
    own, left = asdict(base), {}
    for name, value in given.items():
        is_fixed = name in (*_FIXED, *fixed) or name.endswith(("_size", "_layers"))
        if is_fixed and value not in (own[name], "auto"):
            raise HeadgateError(
                f"{name} is {own[name]!r} in the saved model, whose weights are of that, and "
                f"{value!r} came: leave it out, or train anew"
            )
        left |= {} if is_fixed else {name: value}
    return own | left
