"""The public model: what ``train`` and ``load`` return."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from headgate.artifacts import directory
from headgate.artifacts.card import write_card
from headgate.data.columns import Table
from headgate.data.sources import read_table
from headgate.errors import CellError, DataError, ModelDirectoryError, OutputError
from headgate.inspection.trace import Inspection
from headgate.tasks import Evaluation, Task, task_named
from headgate.tasks.cells import by_name
from headgate.tasks.protocol import TaskStream
from headgate.trainer import Say, Source, Trainer, read_examples
from headgate.training.threads import threads_for


@dataclass
class Model:
    """A trained model with all that it needs: vocabularies, weights, scores.

    Args:
        task: what it does.
        config: what rebuilds it, and where it comes from.
        metrics: its scores, as in ``metrics.json``.
        history: what happened in its training, one row a validation.
    """

    task: Task
    config: dict[str, Any]
    metrics: dict[str, Any]
    history: list[dict[str, float]]

    def predict(self, inputs: str | Sequence[str]) -> Any:
        """Answer one input, or several.

        Args:
            inputs: a text, or texts.

        Returns:
            For a text one answer, for several a list of them; what an answer holds depends on
            the task: a class with probabilities, a text.

        Raises:
            DataError: a text is empty; the message has its row.
        """
        texts = [inputs] if isinstance(inputs, str) else list(inputs)
        for row, text in enumerate(texts, start=1):
            if not text.strip():
                raise DataError("the text is empty, so there is nothing to answer", row=row)
        with threads_for(self.task.network):
            answers = self.task.predict(texts)
        return answers[0] if isinstance(inputs, str) else answers

    def stream(
        self,
        source: str | None = None,
        *,
        rows: int | None = None,
        rewind: int = 0,
        quantize: str | None = None,
    ) -> TaskStream:
        """Keep the model running: a step needs only a state of constant size.

        A classifier reads a token a step and gives the class of the text so far; a translator's
        decoder takes a token of the target and gives what comes next. The weights are copied.

        Args:
            source: of a translator, the text to translate.
            rows: streams that step together, as one batch; None for one by itself.
            rewind: how many steps can be taken back.
            quantize: "int8" keeps the matrices as bytes; ``evaluate`` says what that loses.

        Returns:
            The stream: step, steps, state, fork, rewind, reset.

        Raises:
            StreamError: the model reads its input whole, as a bidirectional one does.
            UnknownNameError: there is no such quantization.
        """
        self.task.network.eval()
        return self.task.stream(source, rows=rows, rewind=rewind, quantize=quantize)

    def evaluate(
        self, data: str | os.PathLike[str] | Table, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the model on rows that it has not learned from.

        Args:
            data: a file like the one it was trained on, with the same columns.
            quantize: "int8" judges the model as a quantized stream; the notes say what it loses.

        Returns:
            Each score with its interval and a baseline.

        Raises:
            DataError: the file cannot be read, a text is empty, a label was unseen in training.
        """
        examples = read_examples(self._table(data), self.config["data"], self.task)
        with threads_for(self.task.network):
            return self.task.evaluate(examples, None, quantize=quantize)

    def inspect(self, text: str) -> Inspection:
        """Show what the model does with a text.

        Args:
            text: the input.

        Returns:
            Every gate and state at every token; and the attention, of a model that attends.

        Raises:
            DataError: the text is empty.
        """
        if not text.strip():
            raise DataError("the text is empty, so there is nothing to see")
        return self.task.inspect(text)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as a directory of safetensors, JSON and CSV; no pickle.

        Args:
            path: a directory that does not exist yet, or is empty.

        Raises:
            OutputExistsError: something is there already; it is left as it is.
            OutputError: the disk is full, or the place cannot be written.
        """
        with directory.claim(path) as place:
            self.write(place)

    def write(self, place: Path) -> None:
        """Write the model into a directory that was claimed for it.

        Args:
            place: the directory.
        """
        tensors = {k: v.contiguous() for k, v in self.task.network.state_dict().items()}
        parts = {name: text.encode() for name, text in self.task.files().items()}
        parts["model.safetensors"] = save_tensors(tensors)
        metrics = json.dumps(_strict(self.metrics), indent=2, ensure_ascii=False, allow_nan=False)
        parts["metrics.json"] = metrics.encode()
        parts["history.csv"] = _as_csv(self.history).encode()
        config = self.config | {"settings": self.task.saved_settings()}
        card = write_card(config, self.metrics)
        directory.write(place, config, parts, card)

    def _table(self, data: str | os.PathLike[str] | Table) -> Table:
        if isinstance(data, Table):
            return data
        source = self.config["data"]
        return read_table(
            data,
            columns=(source["input"], source["target"]),
            encoding=source["encoding"],
            quoting=source["quoting"],
        )

    def __repr__(self) -> str:
        data = self.config["data"]
        return f"Model({self.task.name}: {data['input']} → {data['target']})"


def load(path: str | os.PathLike[str]) -> Model:
    """Load a model directory; every part is checked against its SHA-256 first.

    Args:
        path: the directory.

    Returns:
        The model, on the CPU.

    Raises:
        ModelDirectoryError: a part is missing, truncated, changed or of another model.
    """
    config, parts = directory.read(path)
    try:
        files = {n: d.decode() for n, d in parts.items() if n.endswith(".json")}
        task = task_named(config["task"]).restore(config["settings"], files)
        task.network.load_state_dict(load_tensors(parts["model.safetensors"]))
        metrics = json.loads(files["metrics.json"])
        history = _from_csv(parts["history.csv"].decode())
        origin = {name: config[name] for name in ("headgate", "task", "plan", "data")}
    except (CellError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelDirectoryError(f"{path}: {directory.CONFIG} does not fit: {error}") from error
    task.network.eval()
    return Model(task, origin, metrics, history)


def train(
    data: str | os.PathLike[str],
    *,
    input: str | int,
    target: str | int,
    task: str | None = None,
    out: str | os.PathLike[str] | None = None,
    say: Say | None = None,
    **options: Any,
) -> Model:
    """Train a model on a file.

    Args:
        data: CSV, TSV, JSONL or plain text, each also gzip'd; or a folder, one file a class.
        input: the column of the inputs, by name or, counted from 1, by number.
        target: the column of the targets.
        task: a key of ``TASKS``; from the targets where None.
        out: a directory for the model, which must not exist; where None, ``save`` is yours.
        say: who hears what is decided and how it goes; the terminal where None.
        **options: fields of ``Source`` (valid, test, encoding, quoting), of ``Plan`` (epochs,
            minutes, seed, learning_rate, …) and the task's settings (cell, hidden_size, …).

    Returns:
        The model with the best weights on the validation part, its scores in ``metrics``.

    Raises:
        DataError: the data cannot be read or learned from; the message names file and row.
        OutputExistsError: something is at ``out`` already.
        UnknownNameError: there is no such task, cell or option.

    Example:
        >>> model = train("reviews.csv", input="review", target="label")  # doctest: +SKIP
    """
    names = {each.name for each in fields(Source)}
    given = {name: options.pop(name) for name in list(options) if name in names}
    options = by_name(options)
    source = Source(data, str(input), str(target), **given)
    with nullcontext() if out is None else directory.claim(out) as place:
        say = say or _print
        found = Trainer(source, task, options, say=say, out=place).run()
        model = Model(found.task, found.config, found.metrics, found.history)
        if place is not None:
            _write_or_rescue(model, place)
            say(f"saved: {place}")
        return model


def _write_or_rescue(model: Model, place: Path) -> None:
    """Write a fresh model; where its place is full, elsewhere, since training was the cost."""
    try:
        model.write(place)
    except OutputError as error:
        try:
            rescue = Path(tempfile.mkdtemp(prefix="headgate-"))
            model.write(rescue)
        except (OSError, OutputError):
            raise error from None
        raise OutputError(f"{error}. The trained model is safe in {rescue}: move it") from error


def _strict(value: Any) -> Any:
    """Put null for what JSON has no word for: a loss before the first step."""
    if isinstance(value, dict):
        return {key: _strict(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_csv(rows: list[dict[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _from_csv(text: str) -> list[dict[str, float]]:
    rows = csv.DictReader(io.StringIO(text))
    return [{name: _number(cell) for name, cell in row.items()} for row in rows]


def _number(text: str) -> float:
    """Read a number, a whole one as it was written."""
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _print(line: str) -> None:
    print(line, flush=True)
