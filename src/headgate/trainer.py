"""One run, from a user's file to a trained task with its scores."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from headgate import __version__
from headgate.data.columns import Table
from headgate.data.sources import read_table
from headgate.data.splits import repeats, split
from headgate.errors import DataError
from headgate.tasks import Examples, Task, infer, task_named
from headgate.tasks.protocol import check_settings
from headgate.training import Console, History, Plan, Reporter, fit
from headgate.training.tensorboard import tensorboard
from headgate.training.threads import threads_for

Say = Callable[[str], None]
_MOST_HELD_OUT = 5000
_PLAN = {each.name for each in fields(Plan)}


@dataclass(frozen=True)
class Source:
    """Where the data comes from.

    Args:
        path: a file or a folder.
        input: the column of the inputs, by name or number.
        target: the column of the targets.
        valid: the share of rows for validation, or a file; where None a tenth, but no more than
            5,000 rows.
        test: the share of rows for the test, or a file, likewise; 0 leaves it out.
        encoding: of the files; UTF-8 where None.
        quoting: of CSV and TSV.
    """

    path: str | os.PathLike[str]
    input: str
    target: str
    valid: float | str | os.PathLike[str] | None = None
    test: float | str | os.PathLike[str] | None = None
    encoding: str | None = None
    quoting: Any = None

    def read(self, path: str | os.PathLike[str]) -> Table:
        """Read one of its files.

        Args:
            path: the file.

        Returns:
            The table.
        """
        return read_table(
            path,
            columns=(self.input, self.target),
            encoding=self.encoding,
            quoting=self.quoting,
        )


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
        task: a key of ``TASKS``; from the targets where None.
        options: fields of ``Plan`` and the task's settings, by name.
        say: who hears what is decided.
        out: where TensorBoard's files go, or None.
    """

    def __init__(
        self,
        source: Source,
        task: str | None,
        options: dict[str, Any],
        *,
        say: Say,
        out: Path | None,
    ) -> None:
        self.source, self.say, self.out = source, say, out
        self.limits = {name: options.pop(name) for name in list(options) if name in _PLAN}
        check_settings(Plan, self.limits)
        Plan(**self.limits)  # refuses a wrong limit before anything is read
        self.settings = options
        self.table = source.read(source.path)
        for note in self.table.notes:
            say(note)
        examples = read_examples(self.table, asdict(source), None)
        name, why = (task, "as asked") if task else infer(examples.targets)
        self.kind = task_named(name)
        say(f"task: {self.kind.name} ({self.kind.summary}); {why}")
        self.seed = self.limits.get("seed", Plan.seed)
        self.parts = self.divide(examples)

    def divide(self, examples: Examples) -> dict[str, Examples]:
        """Split the rows, or read the parts that come as files of their own."""
        tenth = min(0.1, _MOST_HELD_OUT / len(examples))
        given = {"valid": self.source.valid, "test": self.source.test}
        shares = {name: tenth if share is None else share for name, share in given.items()}
        numbers = {k: float(v) for k, v in shares.items() if isinstance(v, float | int)}
        files = {k: v for k, v in shares.items() if not isinstance(v, float | int)}
        labels = examples.targets if self.kind.stratified else None
        try:
            sizes = dict.fromkeys(files, 0.0) | numbers
            found = split(examples.inputs, labels, seed=self.seed, **sizes)
        except DataError as error:
            raise DataError(str(error), path=self.source.path) from error
        parts = {name: _rows(examples, getattr(found, name)) for name in ("train", "valid", "test")}
        self.files = {name: self.source.read(path) for name, path in files.items()}
        for name, table in self.files.items():
            parts[name] = read_examples(table, asdict(self.source), None)
        if not len(parts["valid"]):
            raise DataError("a validation part is needed, to choose the best weights by: valid > 0")
        self.say_sizes(examples, parts)
        return parts

    def say_sizes(self, examples: Examples, parts: dict[str, Examples]) -> None:
        """Say how many rows are for what."""
        twice = repeats(examples.inputs)
        again = f"; {twice} repeats of an input stay on one side" if twice else ""
        sizes = ", ".join(f"{name} {len(part)}" for name, part in parts.items())
        self.say(f"{len(examples)} rows: {sizes}; seed {self.seed}{again}")

    def run(self) -> Trained:
        """Train, choose on the validation part, then look at the test part once.

        Returns:
            The trained task.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            task = self.learn()
            plan = replace(task.plan(self.parts["train"]), **self.limits)
            with threads_for(task.network, plan.threads) as threads:
                self.say(f"at most {plan.epochs} epochs; threads: {threads}")
                learner = task.learner(self.parts["train"], self.parts["valid"], plan)
                history = fit(learner, plan, self.reporters())
                task.finish(self.parts["valid"])
                metrics = self.judge(task, history)
        return Trained(task, self.config(plan), metrics, history.rows)

    def learn(self) -> Task:
        """Build the task from the training part."""
        try:
            task = self.kind.learn(self.parts["train"], self.settings)
        except DataError as error:
            raise DataError(str(error), path=self.source.path) from error
        for table in self.files.values():
            read_examples(table, asdict(self.source), task)
        for note in task.notes():
            self.say(note)
        count = sum(p.numel() for p in task.network.parameters())
        self.say(f"{task.settings.cell}, {count:,} parameters")
        return task

    def reporters(self) -> list[Reporter]:
        """Give who follows the training."""
        return [Console(), *tensorboard(self.out)]

    def judge(self, task: Task, history: History) -> dict[str, Any]:
        """Look at the test part, once."""
        last = history.rows[-1]
        training = {
            "seconds": last["seconds"],
            "steps": last["step"],
            "epochs": last["epoch"],
            "reason": history.reason,
            "parameters": sum(p.numel() for p in task.network.parameters()),
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

    def config(self, plan: Plan) -> dict[str, Any]:
        """Give what the model remembers of its origin."""
        source = asdict(self.source)
        sizes = {name: len(part) for name, part in self.parts.items()}
        data = {
            "source": Path(self.source.path).name,
            "sha256": _digest(Path(self.source.path)),
            "rows": len(self.table),
            **{key: source[key] for key in ("input", "target", "encoding", "quoting")},
            **sizes,
        }
        return {
            "headgate": __version__,
            "task": self.kind.name,
            "plan": asdict(plan),
            "data": data,
        }


def read_examples(table: Table, source: dict[str, Any], task: Task | None) -> Examples:
    """Take the two columns, and refuse a row that lacks a text or has an unseen label.

    Args:
        table: the rows.
        source: the columns' names, under "input" and "target".
        task: whose targets are checked, or None.

    Returns:
        The examples.

    Raises:
        DataError: a cell is empty, or a label was unseen in training; the message has the row.
    """
    columns = {name: table.column(source[name]) for name in ("input", "target")}
    for name, cells in columns.items():
        for row, cell in enumerate(cells):
            if not cell.strip():
                message = f"the {name} is empty: fill it in, or take the row out"
                raise table.error(message, row=row, column=source[name])
    for row, target in enumerate(columns["target"] if task else ()):
        try:
            task.check(target)  # type: ignore[union-attr]
        except DataError as error:
            raise table.error(str(error), row=row, column=source["target"]) from error
    return Examples(columns["input"], columns["target"])


def _rows(examples: Examples, rows: list[int]) -> Examples:
    return Examples([examples.inputs[r] for r in rows], [examples.targets[r] for r in rows])


def _digest(path: Path) -> str:
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes())
    return found.hexdigest()
