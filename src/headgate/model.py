"""The public model: what ``train`` and ``load`` return."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from headgate.artifacts import directory
from headgate.artifacts.card import write_card
from headgate.artifacts.checkpoint import FILE as CHECKPOINT
from headgate.artifacts.claim import claim
from headgate.artifacts.figures import history_csv, history_rows, metrics_json
from headgate.artifacts.rescue import write_or_rescue
from headgate.data.columns import Table
from headgate.data.examples import is_empty
from headgate.data.origin import Source, overridden, read_parts
from headgate.decoding import Sampling
from headgate.errors import CellError, DataError, ModelDirectoryError, OutputError
from headgate.inspection.trace import Inspection
from headgate.tasks import Evaluation, Task, exporting, task_named
from headgate.tasks.cells import by_name
from headgate.tasks.exporting import Heard
from headgate.tasks.generate import Generate
from headgate.tasks.generate_frames import GenerateFrames
from headgate.tasks.protocol import TaskStream, build_settings
from headgate.trainer import Say, Trainer, read_examples, refuse_other
from headgate.training.loop import INTERRUPTED
from headgate.training.threads import threads_for

_COLUMNS = ("input", "target", "series", "time")


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

    def predict(self, inputs: Any) -> Any:
        """Answer one input, or several.

        Args:
            inputs: a text, a path of a sound or a picture, or a series as a tensor or an array,
                [T, C]; or a list of such. For a tagger a text may be a tuple of words.

        Returns:
            For a text one answer, for several a list of them; what an answer holds depends on
            the task: a class with probabilities, tags, a text.

        Raises:
            DataError: a text is empty; the message has its row.
        """
        several = isinstance(inputs, Sequence) and not isinstance(inputs, str)
        asked = list(inputs) if several else [inputs]
        for row, each in enumerate(asked, start=1):
            if isinstance(each, str | tuple) and is_empty(each):
                raise DataError("the text is empty, so there is nothing to answer", row=row)
        with threads_for(self.task.network):
            answers = self.task.predict(asked)
        return answers if several else answers[0]

    def questions(self, table: Table, input: str | None, target: str | None) -> Sequence[Any]:
        """Take from a table what ``predict`` takes, one a row.

        Args:
            table: the rows.
            input: the column of the inputs, by name or number.
            target: what is forecast, where there is no input.

        Returns:
            Texts, series, paths: what the task reads.

        Raises:
            DataError: a row cannot be read; the message has it.
        """
        return self.task.questions(table, input, target)  # type: ignore[arg-type]

    def stream(
        self,
        source: Any = None,
        *,
        rows: int | None = None,
        rewind: int = 0,
        quantize: str | None = None,
    ) -> TaskStream:
        """Keep the model running: a step needs only a state of constant size.

        A classifier reads a token a step and gives the class of the text so far; a translator's
        decoder takes a token of the target and gives what comes next. The weights are copied.

        Args:
            source: of a translator the text to translate, of a language model the beginning of a
                text, of a forecaster a series' name or values before it; ``begin`` takes one too.
            rows: streams that step together, as one batch; None for one by itself.
            rewind: how many steps can be taken back.
            quantize: "int8" keeps the matrices as bytes; ``evaluate`` says what that loses.

        Returns:
            The stream: step, steps, begin, state, fork, rewind, reset.

        Raises:
            StreamError: the model reads its input whole, as a bidirectional one does.
            UnknownNameError: there is no such quantization.
        """
        self.task.network.eval()
        found = self.task.stream(rows=rows, rewind=rewind, quantize=quantize)
        if source is not None:
            found.begin(source)
        return found

    def generate(self, prompt: Any = "", **how: Any) -> Any:
        """Go on from a text, with a language model; or from a piece of music.

        Args:
            prompt: the beginning; it may be empty. Of music a ``Piece``, or a MIDI file.
            **how: ``length``, tokens at most; ``stop``, strings that end it; and how each token is
                drawn: ``temperature``, ``top_k``, ``top_p``, ``repetition_penalty``, ``seed``, and
                ``first``, the number of a text among several of one seed.

        Returns:
            Pieces of text, each as soon as it is sure; of music a ``Piece``, and what it takes is
            ``steps``, ``temperature`` and ``seed``.

        Raises:
            DataError: the model is of another task, or the prompt has unknown characters.
            UnknownNameError: there is no such word for how.
        """
        if isinstance(self.task, GenerateFrames):
            return self.task.generate(prompt, **how)
        if not isinstance(self.task, Generate):
            raise DataError(f"a model of the task {self.task.name} does not go on with texts")
        limits = {name: how.pop(name) for name in ("length", "stop", "first") if name in how}
        return self.task.generate(prompt, sampling=build_settings(Sampling, how), **limits)

    def evaluate(
        self,
        data: str | os.PathLike[str] | Table,
        *,
        input: str | int | None = None,
        target: str | int | None = None,
        quantize: str | None = None,
    ) -> Evaluation:
        """Judge the model on rows that it has not learned from.

        Args:
            data: a file like the one it was trained on.
            input: the column of the inputs, by name or number; as in training where None.
            target: the column of the targets, likewise.
            quantize: "int8" judges the model as a quantized stream; the notes say what it loses.

        Returns:
            Each score with its interval and a baseline.

        Raises:
            DataError: the file cannot be read or lacks a column, a text is empty, a label was
                unseen in training.
        """
        how = overridden(self.config["data"], input=input, target=target)
        table = data if isinstance(data, Table) else read_parts(data, how, one="test")["test"]
        examples = read_examples(self.task, table, how)
        with threads_for(self.task.network):
            return self.task.evaluate(examples, None, quantize=quantize)

    def inspect(self, text: Any) -> Inspection:
        """Look at what the model does with an input.

        Args:
            text: one input, as ``predict`` takes it.

        Returns:
            Every gate and state at every step as ``trace``, and the views: ``gates``,
            ``gradients``, ``memory``, ``attribution``, ``alignment``, ``what_if``, ``query``.

        Raises:
            DataError: the text is empty.
        """
        if isinstance(text, str) and not text.strip():
            raise DataError("the text is empty, so there is nothing to see")
        return self.task.inspect(text)

    def export(
        self,
        out: str | os.PathLike[str],
        *,
        stream: bool = False,
        source: str | os.PathLike[str] | None = None,
    ) -> None:
        """Write the model as ONNX, with a script that runs it without torch and headgate.

        Args:
            out: a directory that does not exist yet, or is empty.
            stream: as one step with its states in and out, where the model streams.
            source: the model's own directory, which is then written down for ``headgate verify``.

        Raises:
            StreamError: the model cannot be run step by step.
            OutputExistsError: something is there already.
            MissingExtraError: onnx is not installed.
        """
        exporting.export(self.task, out, stream=stream, source=source)

    def verify(self, folder: str | os.PathLike[str], say: Heard = lambda _: None) -> float:
        """Compare an exported model with this one, at sizes it was not exported with.

        Args:
            folder: what ``export`` wrote.
            say: hears of every comparison.

        Returns:
            The largest difference of a value, as a part of it where it is over 1.

        Raises:
            ModelDirectoryError: it is no exported model, or one of other weights.
            DataError: a difference is over 1e-5.
        """
        return exporting.verify(self.task, folder, say)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as a directory of safetensors, JSON and CSV; no pickle.

        Args:
            path: a directory that does not exist yet, or is empty.

        Raises:
            OutputExistsError: something is there already; it is left as it is.
            OutputError: the disk is full, or the place cannot be written.
        """
        with claim(path) as place:
            self.write(place)

    def write(self, place: Path) -> None:
        """Write the model into a directory that was claimed for it.

        Args:
            place: the directory.
        """
        tensors = {k: v.contiguous() for k, v in self.task.network.state_dict().items()}
        parts = {name: text.encode() for name, text in self.task.files().items()}
        parts["model.safetensors"] = save_tensors(tensors)
        parts["metrics.json"] = metrics_json(self.metrics).encode()
        parts["history.csv"] = history_csv(self.history).encode()
        config = self.config | {"settings": self.task.saved_settings()}
        card = write_card(config, self.metrics)
        directory.write(place, config, parts, card)

    def __repr__(self) -> str:
        data = self.config["data"]
        target = "" if data["target"] is None else f" → {data['target']}"
        return f"Model({self.task.name}: {data['input']}{target})"


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
        history = history_rows(parts["history.csv"].decode())
        origin = {name: config[name] for name in ("headgate", "task", "plan", "data")}
    except (CellError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelDirectoryError(f"{path}: {directory.CONFIG} does not fit: {error}") from error
    task.network.eval()
    return Model(task, origin, metrics, history)


def train(
    data: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    base: str | os.PathLike[str] | Model | None = None,
    say: Say | None = None,
    **options: Any,
) -> Model:
    """Train a model on a file.

    Args:
        data: CSV, TSV, JSONL, CoNLL, Parquet or plain text, each but Parquet also gzip'd; or a
            folder, one file a class.
        out: a directory for the model, which must not exist; where None, ``save`` is yours.
        resume: whether to go on with a training that was stopped or killed in ``out``; it begins
            where there is none yet, and where it had ended its model is loaded. All else has to be
            what it was; the weights are then those of an undisturbed training, to the bit.
        base: a model, or its directory, to go on from with other data; its settings and columns
            are the defaults. New words and labels are added at the end of its own.
        say: who hears what is decided and how it goes; the terminal where None.
        **options: ``task``, a key of ``TASKS``, from the columns where it is left out; fields of
            ``Source`` (input and target, the columns by name or, counted from 1, by number; valid,
            test, encoding, quoting), of ``Plan`` (epochs, minutes, seed, learning_rate, …) and the
            task's settings (cell, hidden_size, …).

    Returns:
        The model with the best weights on the validation part, its scores in ``metrics``.

    Raises:
        DataError: the data cannot be read or learned from; the message names file and row.
        OutputExistsError: something is at ``out`` already.
        ModelDirectoryError: what ``out`` holds is of another training than this one.
        UnknownNameError: there is no such task, cell or option.

    Example:
        >>> model = train("reviews.csv", input="review", target="label")  # doctest: +SKIP
    """
    say = say or _print
    if resume and out is None:
        raise OutputError("resume goes on in a directory: name it with out")
    if resume and _is_over(Path(str(out))):
        finished = load(str(out))
        refuse_other(finished.config, finished.task.saved_settings(), data, options)
        say(f"{out} is a finished model: there is nothing to go on with")
        return finished
    source, task, options, started = understand(data, options, base)
    with nullcontext() if out is None else claim(out, resume=resume) as place:
        if resume and place is not None and not (place / CHECKPOINT).exists():
            say(f"{place} has no checkpoint yet: the training begins")
        found = Trainer(source, task, options, say=say, base=started and started.task).run(place)
        model = Model(found.task, found.config, found.metrics, found.history)
        if place is not None:
            write_or_rescue(model.write, place)
            interrupted = found.metrics["training"]["reason"] == INTERRUPTED
            if not interrupted:
                (place / CHECKPOINT).unlink(missing_ok=True)
            say(f"saved: {place}{'; --resume goes on' * interrupted}")
        return model


def _is_over(place: Path) -> bool:
    """Whether a directory is a model, and no training that was stopped."""
    return (place / directory.CONFIG).exists() and not (place / CHECKPOINT).exists()


def understand(
    data: str | os.PathLike[str],
    options: dict[str, Any],
    base: str | os.PathLike[str] | Model | None,
) -> tuple[Source, str | None, dict[str, Any], Model | None]:
    """Part what ``train`` takes; a saved model gives the defaults.

    Args:
        data: as ``train`` takes it.
        options: likewise.
        base: likewise.

    Returns:
        The source, the task's name if there is one, all other options, the model to go on from.
    """
    started = base if base is None or isinstance(base, Model) else load(base)
    options = dict(options)
    if started is not None:
        _check_task(started, options.get("task"))
        kept = started.config["data"]
        named = {} if kept["document"] else {name: kept.get(name) for name in _COLUMNS}
        options = named | options | {"task": started.task.name}
    task = options.pop("task", None)
    names = {each.name for each in fields(Source)}
    given = {name: options.pop(name) for name in list(options) if name in names}
    given |= {name: str(given[name]) for name in _COLUMNS if given.get(name) is not None}
    return Source(data, **given), task, by_name(options), started


def _check_task(started: Model, task: str | None) -> None:
    if task not in (None, started.task.name):
        raise DataError(
            f"the saved model's task is {started.task.name}, not {task}: leave the task out, or "
            "train anew"
        )


def _print(line: str) -> None:
    print(line, flush=True)
