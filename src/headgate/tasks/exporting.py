"""A model as ONNX with what runs it, and the comparison of both.

In the directory stand ``model.json`` (the task, its graphs, and what the script has to know), each
graph as ``NAME.onnx`` ("step.onnx" for a stream), ``run.py`` and its helpers, which need ONNX
Runtime and numpy alone, and what the model directory has of files such as tokenizer.json.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from safetensors.torch import save

from headgate.artifacts.directory import write_file
from headgate.errors import (
    DataError,
    HeadgateError,
    ModelDirectoryError,
    OutputError,
    OutputExistsError,
    StreamError,
)
from headgate.export.comparison import TOLERANCE, Compared, compare, compare_steps, session
from headgate.export.facts import FACTS, FORMAT, read_facts
from headgate.export.parts import Exported
from headgate.export.stream import stream_to_onnx
from headgate.streaming.parts import links_of

Heard = Callable[[Compared], None]
STEP = "step"


def export(
    task: Any,
    out: str | os.PathLike[str],
    *,
    stream: bool,
    source: str | os.PathLike[str] | None,
) -> None:
    """Write a model as ONNX.

    Args:
        task: a trained task.
        out: a directory that does not exist yet, or is empty.
        stream: as one step with its states in and out.
        source: where the model lies, for ``verify``; it is written down as seen from ``out``.

    Raises:
        StreamError: it cannot be run step by step.
        CellError: it does what ONNX cannot say.
        OutputExistsError: something is there already.
        OutputError: it cannot be written; nothing is left.
        MissingExtraError: onnx is not installed.
    """
    place = Path(os.path.abspath(out))
    refuse_existing(place)
    seen = None if source is None else os.path.relpath(source, place)
    files = dict(_files(task, stream=stream, source=seen))
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}.partial")
    try:
        beside.mkdir()
        try:
            for name, data in files.items():
                write_file(beside / name, data)
            os.rename(beside, place)  # whole or not at all, and never over what has something in it
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        refuse_existing(place)
        raise OutputError(f"{place} could not be written: {error.strerror}") from error


def refuse_existing(place: Path) -> None:
    """Refuse a place where something is.

    Args:
        place: a directory to come.

    Raises:
        OutputExistsError: it is there, and is not an empty directory.
    """
    empty = place.is_dir() and not place.is_symlink() and not any(place.iterdir())
    if (place.exists() or place.is_symlink()) and not empty:
        raise OutputExistsError(
            f"{place} is there already and was not touched: name another place, or move it away"
        )


def _files(task: Any, *, stream: bool, source: str | None) -> Iterator[tuple[str, bytes]]:
    found: Exported = task.exported()
    if stream:
        graphs, own = _step(task, found)
    else:
        graphs, own = {part.name: part.to_onnx() for part in found.parts}, {}
    yield from ((f"{name}.onnx", graph.SerializeToString()) for name, graph in graphs.items())
    yield from ((name, text.encode()) for name, text in found.files.items())
    scripts = resources.files("headgate.export.scripts")
    for name, origin in {**found.scripts, "graphs.py": "graphs.py"}.items():
        yield name, (scripts / origin).read_bytes()
    facts = {"format": FORMAT, "task": task.name, "graphs": list(graphs), "stream": stream}
    whole = {**facts, **found.facts, **own, "model": source, "weights": weights_of(task)}
    yield FACTS, (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def _step(task: Any, found: Exported) -> tuple[dict[str, Any], dict[str, Any]]:
    if found.chain is None:
        raise StreamError(
            f"this model ({task.name}) is no chain that takes one step of its input at a time: it "
            "reads a whole, or several steps together; export it without stream"
        )
    made = stream_to_onnx(links_of(found.chain))
    beside = {part.name: part.to_onnx() for part in found.beside}
    return {STEP: made.model, **beside}, {
        "initial": {k: v.tolist() for k, v in made.initial.items()}
    }


def weights_of(task: Any) -> str:
    """Give the SHA-256 of a network's weights.

    Args:
        task: the task.

    Returns:
        Hexadecimal digits, those of a saved model's file of weights.
    """
    tensors = {name: value.contiguous() for name, value in task.network.state_dict().items()}
    return hashlib.sha256(save(tensors)).hexdigest()


def verify(task: Any, folder: str | os.PathLike[str], say: Heard = lambda _: None) -> float:
    """Compare an exported model with the model itself, at sizes it was not exported with.

    Args:
        task: the model's task.
        folder: the directory.
        say: hears of every comparison.

    Returns:
        The largest difference.

    Raises:
        ModelDirectoryError: it is no exported model, a graph is missing, or it is of other weights.
        DataError: a difference is over ``TOLERANCE``.
    """
    facts, worst = read_facts(folder), Compared("", {}, 0.0, "")
    if facts["weights"] != weights_of(task):
        raise ModelDirectoryError(
            f"{folder} was exported from another model: its weights are "
            f"{facts['weights'][:12]}…, this model's {weights_of(task)[:12]}…; export it again"
        )
    try:
        for found in _compared(task.exported(), facts, Path(folder)):
            say(found)
            worst = max(worst, found, key=lambda each: each.difference)
    except HeadgateError:
        raise
    except Exception as error:  # the runtime raises nothing narrower
        raise ModelDirectoryError(
            f"{folder} has a graph that is not of this model: {str(error).splitlines()[0]}"
        ) from error
    if not worst.difference <= TOLERANCE:
        raise DataError(
            f"{folder} differs from the model: {worst.where} of {worst.graph}.onnx by "
            f"{worst.difference:.1e} at {worst.sizes}, and {TOLERANCE:g} is allowed"
        )
    return worst.difference


def _compared(found: Exported, facts: dict[str, Any], folder: Path) -> Iterator[Compared]:
    parts = found.beside if facts["stream"] else found.parts
    wanted = [*([STEP] if facts["stream"] else []), *(part.name for part in parts)]
    if facts["graphs"] != wanted or (facts["stream"] and found.chain is None):
        raise ModelDirectoryError(
            f"{folder / FACTS} was changed: its graphs are {facts['graphs']}, and {wanted} were "
            "written; export the model again"
        )
    if facts["stream"]:
        assert found.chain is not None
        yield compare_steps(found.chain, _opened(folder, STEP), facts["initial"])
    for part in parts:
        yield from compare(part, _opened(folder, part.name))


def _opened(folder: Path, name: str) -> Any:
    path = folder / f"{name}.onnx"
    if not path.is_file():
        raise ModelDirectoryError(f"{folder} lacks its graph {path.name}: copy the directory whole")
    try:
        return session(path)
    except Exception as error:  # the runtime raises nothing narrower
        if isinstance(error, ImportError):
            raise
        raise ModelDirectoryError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
