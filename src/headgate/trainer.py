"""One run, from a user's file to a trained task with its scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from headgate import __version__
from headgate.artifacts.checkpoint import Checkpoint
from headgate.data.columns import Table
from headgate.data.examples import Examples, key_of
from headgate.data.origin import Source, columns_of, digest
from headgate.data.splits import repeats
from headgate.data.text_stream import Document, DocumentRows
from headgate.errors import DataError, ModelDirectoryError
from headgate.inspection.doctor import Doctor
from headgate.models.inherit import inherit
from headgate.tasks import Task, infer, keys, task_named
from headgate.tasks.forecast_data import Series
from headgate.tasks.protocol import check_settings
from headgate.training import Console, History, Plan, Reporter, fit
from headgate.training.tensorboard import tensorboard
from headgate.training.threads import threads_for

Say = Callable[[str], None]
_MOST_HELD_OUT, _MOST_CHARACTERS = 5000, 2_000_000  # rows; and of one text
_PLAN = {each.name for each in fields(Plan)}
_FREE = ("save_every",)  # of the plan, what changes no result


@dataclass(frozen=True)
class Trained:
    """What a run leaves.

    Args:
        task: the task with its trained network.
        config: where it comes from.
        metrics: its scores.
        history: one row for each validation.
    """

    task: Task
    config: dict[str, Any]
    metrics: dict[str, Any]
    history: list[dict[str, float]]


class Trainer:
    """One run.

    Args:
        source: where the data comes from.
        task: a key of ``TASKS``; from the columns where None.
        options: fields of ``Plan`` and the task's settings, by name.
        say: who hears what is decided.
        base: the task of a saved model to go on from, or None.
    """

    def __init__(
        self,
        source: Source,
        task: str | None,
        options: dict[str, Any],
        *,
        say: Say,
        base: Task | None = None,
    ) -> None:
        self.source, self.say, self.base = source, say, base
        self.limits = {name: options.pop(name) for name in list(options) if name in _PLAN}
        check_settings(Plan, self.limits)
        Plan(**self.limits)  # refuses a wrong limit before anything is read
        self.settings = options
        self.tables = source.read()
        self.table = self.tables["train"]
        for note in self.table.notes:
            say(note)
        self.columns = source.columns(self.table)
        name, why = (task, "as asked") if task else infer(self.table, *self.columns)
        self.kind = task_named(name)
        say(f"task: {self.kind.name} ({self.kind.summary}); {why}")
        self.seed = self.limits.get("seed", Plan.seed)
        self.parts = self.divide(self.kind.read(self.table, *self.columns))

    def divide(self, examples: Examples) -> dict[str, Examples]:
        """Split the rows, or read the parts that come as files of their own."""
        tenth = min(0.1, _most_held_out(examples))
        try:
            shares = self.source.shares(self.tables, tenth)
            parts = self.kind.divide(examples, seed=self.seed, **shares, **self.settings)
        except DataError as error:
            raise DataError(str(error), path=self.source.path) from error
        for name in self.tables.keys() & {"valid", "test"}:
            parts[name] = self.kind.read(self.tables[name], *self.columns)
        if not len(parts["valid"]):
            raise DataError("a validation part is needed, to choose the best weights by: valid > 0")
        self.say_sizes(examples, parts)
        return parts

    def say_sizes(self, examples: Examples, parts: dict[str, Examples]) -> None:
        """Say how many rows are for what."""
        twice = repeats(map(key_of, examples.inputs)) if len(examples) > 1 else 0
        again = f"; {twice} repeats of an input stay on one side" if twice else ""
        sizes = ", ".join(f"{name} {_size(part)}" for name, part in parts.items())
        rows = "1 text" if _is_one_text(examples) else f"{len(examples)} rows"
        rows = f"{len(examples)} series" if _are_spans(examples) else rows
        self.say(f"{rows}: {sizes}; seed {self.seed}{again}")

    def described(self) -> dict[str, tuple[Any, str]]:
        """Give all that decides this run, every default spelled out.

        Returns:
            For each name its value and what it means: the task, then what ``Source``, the task's
            settings and ``Plan`` have.
        """
        with torch.random.fork_rng(devices=[]):
            task = self.learn()
            plan = replace(task.plan(self.parts["train"]), **self.limits)
        input, target = self.columns
        named = {} if self.source.document else {"input": input, "target": target}
        source = keys.described(replace(self.source, **named))
        settings, limits = keys.described(task.settings), keys.described(plan)
        return {"task": (self.kind.name, self.kind.summary), **source, **settings, **limits}

    def run(self, out: Path | None = None) -> Trained:
        """Train, choose on the validation part, then look at the test part once.

        Args:
            out: where checkpoints and TensorBoard's files go, or None; the training goes on from a
                checkpoint that is there.

        Returns:
            The trained task.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            task = self.learn()
            plan = replace(task.plan(self.parts["train"]), **self.limits)
            keeper = None if out is None else Checkpoint(out, self.identity(task, plan))
            with threads_for(task.network, plan.threads) as threads:
                self.say(f"at most {plan.epochs} epochs; threads: {threads}")
                learner = task.learner(self.parts["train"], self.parts["valid"], plan)
                history = fit(learner, plan, self.reporters(out), keeper, Doctor())
                task.finish(self.parts["valid"])
                metrics = self.judge(task, history)
        return Trained(task, self.config(plan), metrics, history.rows)

    def learn(self) -> Task:
        """Build the task from the training part."""
        try:
            task = self.kind.learn(self.parts["train"], self.settings, self.base)
        except DataError as error:
            raise DataError(str(error), path=self.source.path) from error
        for name in ("valid", "test"):
            task.check(self.parts[name])
        for note in task.notes():
            self.say(note)
        if self.base is not None:
            self.inherit(task, self.base)
        count = sum(p.numel() for p in task.network.parameters())
        self.say(f"{task.settings.cell}, {count:,} parameters")
        return task

    def inherit(self, task: Task, base: Task) -> None:
        """Take the weights of the saved model over, and say what is new."""
        grown, fresh = inherit(task.network, base.network.state_dict())
        own = dict(task.network.state_dict())
        old = base.network.state_dict()
        for name in grown:
            self.say(f"{name} has grown: {tuple(old[name].shape)} to {tuple(own[name].shape)}")
        for name in fresh:
            self.say(f"{name} is new, so it begins untrained")

    def reporters(self, out: Path | None) -> list[Reporter]:
        """Give who follows the training."""
        return [Console(), *tensorboard(out)]

    def identity(self, task: Task, plan: Plan) -> dict[str, Any]:
        """Say what this training is of; one that goes on from a checkpoint is of the same."""
        limits = {name: value for name, value in asdict(plan).items() if name not in _FREE}
        return {
            "task": self.kind.name,
            "settings": task.saved_settings(),
            "plan": limits,
            "data": self.origin(),
        }

    def judge(self, task: Task, history: History) -> dict[str, Any]:
        """Look at the test part, once."""
        last = history.rows[-1]
        training = {
            "seconds": last["seconds"],
            "steps": last["step"],
            "epochs": last["epoch"],
            "reason": history.reason,
            "parameters": sum(p.numel() for p in task.network.parameters()),
            "doctor": history.notes,
        }
        metrics: dict[str, Any] = {"valid": history.rows[history.best], "training": training}
        if not len(self.parts["test"]):
            return {"test": {}, **metrics}
        found = task.evaluate(self.parts["test"], self.parts["train"])
        for name, score in found.scores.items():
            self.say(f"test {name}: {score}")
        for name, values in found.baselines.items():
            each = ", ".join(f"{key} {value:.3f}" for key, value in values.items())
            self.say(f"baseline {name}: {each}")
        for note in found.notes:
            self.say(note)
        test = {name: score.to_dict() for name, score in found.scores.items()}
        return {"test": test, "baselines": found.baselines, "notes": found.notes, **metrics}

    def origin(self) -> dict[str, Any]:
        """Say which data it is."""
        input, target = self.columns
        tables = sorted(self.tables.items())
        sums = {name: digest(table.path, table.rows) for name, table in tables}
        return {
            "source": Path(self.source.path).name,
            "sha256": sums.pop("train"),
            **{f"{name}_sha256": each for name, each in sums.items()},
            "rows": 1 if isinstance(self.table.rows, DocumentRows) else len(self.table),
            "input": input,
            "target": target,
            "series": self.source.series,
            "time": self.source.time,
            "document": self.source.document,
            "encoding": self.source.encoding,
            "quoting": self.source.quoting,
            **{name: len(part) for name, part in self.parts.items()},
        }

    def config(self, plan: Plan) -> dict[str, Any]:
        """Give what the model remembers of its origin."""
        return {
            "headgate": __version__,
            "task": self.kind.name,
            "plan": asdict(plan),
            "data": self.origin(),
        }


def read_examples(task: Task, table: Table, data: dict[str, Any]) -> Examples:
    """Take the columns that a model was trained on, and refuse a row that it cannot be judged by.

    Args:
        task: the model's.
        table: the rows.
        data: where the model comes from, with the columns' names.

    Returns:
        The examples.

    Raises:
        DataError: a cell is empty, or a label was unseen in training; the message has the row.
    """
    examples = task.read(table, *columns_of(table, data))  # type: ignore[arg-type]
    task.check(examples)
    return examples


def refuse_other(
    config: dict[str, Any], settings: dict[str, Any], data: Any, given: dict[str, Any]
) -> None:
    """Refuse to take a finished training for another one.

    Args:
        config: where the finished model comes from.
        settings: what it is made of.
        data: the file that is asked for now.
        given: the options that are given now.

    Raises:
        ModelDirectoryError: an option, or the data, is not what it was; the message has both.
    """
    before = {**settings, **config["plan"], "task": config["task"]}
    names = [name for name in given if name in before and before[name] != given[name]]
    found = [f"{name}: {before[name]!r} then, {given[name]!r} now" for name in names]
    if Path(data).exists():
        now, then = digest(data), config["data"]["sha256"]
        found += [] if now == then else [f"the data: {config['data']['source']} was another"]
    if found:
        raise ModelDirectoryError(
            f"the training there is finished, and was another than this one: {'; '.join(found)}. "
            "Name another place, or go on from its model with other data (--from)"
        )


def _most_held_out(examples: Examples) -> float:
    """Give the share that a held-out part has at most where nothing is said of it."""
    if _is_one_text(examples):
        return _MOST_CHARACTERS / max(1, _characters(examples))
    return _MOST_HELD_OUT / len(examples)


def _size(part: Examples) -> str:
    """Count the rows; of one text its characters, of series that are cut by time their steps."""
    if _are_spans(part):
        return f"{sum(map(len, part.inputs)):,} steps"
    return f"{_characters(part):,} characters" if _is_one_text(part) else str(len(part))


def _are_spans(part: Examples) -> bool:
    return len(part) > 0 and isinstance(part.inputs[0], Series)


def _characters(part: Examples) -> int:
    [text] = part.inputs
    return text.characters if isinstance(text, Document) else len(text)


def _is_one_text(examples: Examples) -> bool:
    return len(examples) == 1 and isinstance(examples.inputs[0], str | Document)
