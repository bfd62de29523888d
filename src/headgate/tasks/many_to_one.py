"""Many to one: what classify and regress have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from headgate.data.batches import Batches, restore
from headgate.data.columns import Table
from headgate.data.examples import Examples, key_of, read_column
from headgate.data.series import Gathered, constants_of
from headgate.errors import DataError
from headgate.export.parts import Exported, Input, Part
from headgate.inspection.trace import Inspection, Outcome
from headgate.layers import Recurrent
from headgate.models import Classifier
from headgate.streaming import Stream
from headgate.tasks import cells
from headgate.tasks.protocol import build_settings, divide_rows, fine_tuned
from headgate.tasks.reading import Reading, joined
from headgate.tasks.readings import READINGS, reading_of
from headgate.training import Plan

_EVALUATED_AT_ONCE = 128
_LENGTHS = Input("lengths", ("B",), "lengths")
_RUNS = "many_to_one.py"  # of the export's scripts


@dataclass
class ManyToOneSettings:
    """What a network from many steps to one answer is made of.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of each direction.
        num_layers: recurrent layers.
        bidirectional: read from both ends.
        pool: how the steps become one vector.
        dropout: of the pooled vector, and between layers.
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "gru"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 64
    num_layers: int = 1
    bidirectional: bool = True
    pool: str = "mean+max"
    dropout: float = 0.5
    program: str | None = None


class ManyToOne(ABC):
    """A network over the steps of an input, and what it reads.

    Args:
        settings: what the network is made of.
        reading: the kind of inputs, with what was learned of them.
        outputs: numbers that the network gives.
    """

    made_of: ClassVar[type] = ManyToOneSettings

    def __init__(self, settings: Any, reading: Reading, outputs: int) -> None:
        self.settings, self.reading = settings, reading
        self.network = Classifier(
            reading.embedding,
            Recurrent(
                input_size=reading.embedding.output_size,  # type: ignore[arg-type]
                hidden_size=settings.hidden_size,
                bidirectional=settings.bidirectional,
                **cells.layer_arguments(settings),
            ),
            classes=outputs,
            pool=settings.pool,
            dropout=settings.dropout,
        )
        cells.keep(settings, self.network.recurrent)

    @property
    def reads(self) -> str:
        """What an input is: the kind of the reading."""
        return self.reading.kind

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take inputs and targets; refuse a row that lacks one."""
        if target is None:
            raise DataError(cls.without_target, path=table.path)
        kind = reading_of(table, input)
        inputs, targets = kind.read(table, input), _targets(table, target)
        return Examples(inputs, targets, table, columns=(input, target), kind=kind.kind)

    without_target: ClassVar[str] = "targets are wanted: name their column (--target COL)"

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int, **settings: Any
    ) -> dict[str, Examples]:
        """Divide the rows; equal inputs stay together."""
        shares = {"valid": valid, "test": test}
        keys, classes = [key_of(each) for each in examples.inputs], cls.strata(examples)
        return divide_rows(examples, keys, classes, shares=shares, seed=seed)

    @classmethod
    def strata(cls, examples: Examples) -> Sequence[str] | None:
        """Give the classes whose shares a division keeps, one a row; None where there are none."""
        return None

    @classmethod
    def built(cls, train: Examples, given: dict[str, Any], base: Any = None) -> tuple[Any, Reading]:
        """Choose the settings, and learn from the inputs.

        Args:
            train: the training part.
            given: settings by name.
            base: a task to go on from, or None.

        Returns:
            The settings and the reading.
        """
        if base is not None:
            base.check_kind(train)
            chosen = build_settings(type(base.settings), fine_tuned(base.settings, given))
            return chosen, type(base.reading).learn(train.inputs, chosen, base.reading)
        kind = READINGS[train.kind]
        made = joined(cls.made_of, kind)
        chosen = build_settings(made, kind.defaults | given)
        reading = kind.learn(train.inputs, chosen)
        if reading.defaults != kind.defaults:
            chosen = build_settings(made, reading.defaults | given)
            reading = kind.restore(chosen, reading.files())
        return chosen, reading

    @classmethod
    def rebuilt(cls, settings: dict[str, Any], files: dict[str, str]) -> tuple[Any, Reading]:
        """Rebuild settings and reading from what was saved; what names no kind reads texts."""
        kept = dict(settings)
        kind = READINGS[kept.pop("kind", "text")]
        chosen = build_settings(joined(cls.made_of, kind), kept)
        return chosen, kind.restore(chosen, files)

    def saved_settings(self) -> dict[str, Any]:
        """Give what ``restore`` needs."""
        return asdict(self.settings) | {"kind": self.reading.kind}

    def plan(self, train: Examples) -> Plan:
        """Give sound limits for inputs of these lengths."""
        return self.reading.limits(self.encode_rows(train.inputs).lengths)

    def check_kind(self, examples: Examples) -> None:
        """Refuse inputs of another kind than the model's."""
        if examples.kind != self.reading.kind:
            came = READINGS[examples.kind].summary
            raise examples.error(f"the model reads {self.reading.summary}, and {came} came", 0)

    def stream(self, *, rows: int | None, rewind: int, quantize: str | None) -> Any:
        """Keep the model running over steps, with an answer after each."""
        parts = self.network.parts
        stream = Stream(*parts, rows=rows, rewind=rewind, quantize=quantize)
        return self.reading.stream(stream, self.answers)

    def exported_by(self, script: str, facts: dict[str, Any]) -> Exported:
        """Give the network as a graph, with its reader.

        Args:
            script: the file of the export's scripts that runs it.
            facts: what that has to know.

        Returns:
            The model as files.
        """
        reading = self.reading.exported()
        whole = self.network if reading.first is None else _After(reading.first, self.network)
        part = Part("model", whole, (reading.given, _LENGTHS), ("scores",))
        return Exported(
            (part,),
            {"run.py": script, "reading.py": f"read_{self.reading.kind}.py"}
            | {name: name for name in (_RUNS, *reading.helpers)},
            {"reading": reading.facts, **facts},
            self.files(),
            self.network.parts if reading.streams else None,
        )

    @abstractmethod
    def files(self) -> dict[str, str]:
        """Give what was learned as files of a model directory."""

    @abstractmethod
    def answers(self, out: Tensor) -> list[Any]:
        """Turn what the network gives to answers, [B, V] to B of them."""

    def questions(self, table: Table, input: str, target: str | None) -> Sequence[Any]:
        """Take what is asked of the model, one a row."""
        return self.reading.read(table, input)

    def predict(self, inputs: Sequence[Any]) -> list[Any]:
        """Answer inputs."""
        with torch.inference_mode():
            return self.answers(self.outputs(self.network, self.encode_rows(inputs)))

    def outputs(self, network: nn.Module, rows: Sequence[Any]) -> Tensor:
        """Run a network over inputs in batches of like length.

        Args:
            network: the network.
            rows: the encoded inputs, with ``lengths``.

        Returns:
            What it gives, on the CPU in the order of the rows, [B, V].
        """
        network.eval()
        if not len(rows):
            return torch.zeros(0, network.head[-1].out_features)  # type: ignore[index,union-attr]
        lengths = rows.lengths  # type: ignore[attr-defined]
        batches = Batches(lengths, batch_size=_EVALUATED_AT_ONCE).in_order()
        device = next(network.parameters()).device
        parts = []
        for batch in batches:
            steps, sizes = self.reading.pad([rows[row] for row in batch])
            parts.append(network(steps.to(device), sizes).cpu())
        return torch.stack(restore(batches, parts))

    def streamed(self, inputs: Sequence[Any], quantize: str) -> Tensor:
        """Give what a quantized stream gives at the end of each input, [B, V]."""
        stream, found = Stream(*self.network.parts, quantize=quantize), []
        for row in self.encode_rows(inputs):
            stream.reset()
            found.append(stream.steps(self.reading.steps(row))[-1])
        return torch.stack(found)

    def encode_rows(self, inputs: Sequence[Any]) -> Any:
        """Turn inputs to what the network reads, with ``lengths``."""
        return self.reading.encode_rows(inputs)

    @torch.no_grad()
    def inspect(self, text: Any) -> Inspection:
        """Show what the layers that read an input do, and what they make of it."""
        network = self.network.eval()
        steps, lengths = self.reading.pad([self.encode_rows([text])[0]])
        steps = steps.to(next(network.parameters()).device)

        def told(y: Tensor, last: Any, x: Tensor) -> Tensor:
            valid = torch.ones(y.shape[:2], dtype=torch.bool, device=y.device)
            return network.head(network.pool(y, valid))[:, None]

        return Inspection(
            self.reading.labels(text),
            network.recurrent,
            network.embedding(steps)[:, 0],
            self.outcome(told, network(steps, lengths)),
            text=text if self.reading.kind == "text" else None,
        )

    @abstractmethod
    def outcome(self, told: Callable[..., Tensor], out: Tensor) -> Outcome:
        """Say what the network's numbers mean: how to get them, [B, 1, V], and one input's."""


def _targets(table: Table, column: str) -> Sequence[Any]:
    """Take a text for each row; of a gathered series the one that all its steps have."""
    if isinstance(table, Gathered):
        return constants_of(table, column)
    return read_column(table, column, "target")


class _After(nn.Module):
    """A network after what its input goes through first.

    Args:
        first: what the input goes through.
        network: the network.
    """

    def __init__(self, first: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.first, self.network = first, network

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.network(self.first(x), lengths)


class ManyToOneLearner:
    """A network on its way to one answer for each input.

    Args:
        task: the task.
        train: the rows to learn from.
        valid: the rows to choose by.
        plan: the limits.
    """

    carried: tuple[Tensor, ...] = ()

    def __init__(self, task: Any, train: Examples, valid: Examples, plan: Plan) -> None:
        self.task, self.network, self.valid = task, task.network, valid
        self.rows, self.targets = task.encode_rows(train.inputs), task.encode_targets(train.targets)
        self.valid_rows = task.encode_rows(valid.inputs)
        self.valid_targets = task.encode_targets(valid.targets)
        self.dealer = Batches(self.rows.lengths, batch_size=plan.batch_size, seed=plan.seed)

    def batches(self, epoch: int) -> list[list[int]]:
        """Deal the rows of an epoch."""
        return self.dealer.epoch(epoch)

    def given(self, rows: list[int]) -> tuple[Tensor, Tensor]:
        """Run the network over some rows.

        Args:
            rows: their numbers, longest first.

        Returns:
            What it gives, [B, V], and what was wanted, [B].
        """
        device = next(self.network.parameters()).device
        steps, lengths = self.task.reading.pad([self.rows[row] for row in rows])
        return self.network(steps.to(device), lengths), self.targets[rows].to(device)
