"""Rows to learn from or to be judged on, each with the place in a file that it came from."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from headgate.data.columns import Cell, Table, shown
from headgate.data.store import StoredColumn
from headgate.data.text_stream import Document, DocumentRows
from headgate.errors import DataError

Side = Literal["input", "target"]


@dataclass(frozen=True)
class Examples:
    """Rows to learn from or to be judged on.

    Args:
        inputs: what is read, one a row: texts, sequences of words, or a document.
        targets: what is wanted for each; empty where a task has no targets.
        table: where the rows came from, or None.
        rows: the rows of the table, counted from 0; as they come where empty.
        columns: of the table, those of the inputs and of the targets.
        kind: of the inputs: "text", or what else the task reads.
    """

    inputs: Sequence[Any]
    targets: Sequence[Any] = ()
    table: Table | None = None
    rows: Sequence[int] = ()
    columns: tuple[str, str | None] = ("1", None)
    kind: str = "text"

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: Sequence[int]) -> Examples:
        """Keep some rows.

        Args:
            rows: which, counted from 0.

        Returns:
            The examples of these rows.
        """
        targets = _taken(self.targets, rows) if len(self.targets) else ()
        numbers = array("q", (self.rows[row] for row in rows) if len(self.rows) else rows)
        return replace(self, inputs=_taken(self.inputs, rows), targets=targets, rows=numbers)

    def error(self, message: str, row: int, *, of: Side = "input") -> DataError:
        """Build an error that names the place in the file of a row.

        Args:
            message: what was wanted, what came, what to do.
            row: of the examples, counted from 0.
            of: which of its sides is meant.

        Returns:
            The error, to be raised.
        """
        if self.table is None:
            return DataError(message, row=row + 1)
        number = self.rows[row] if len(self.rows) else row
        return self.table.error(message, row=number, column=self.columns[of == "target"])


def key_of(input: Any) -> str:
    """Give what equal inputs have in common, and others not.

    Args:
        input: a text, a sequence of words, a path, a series, or what has a ``key``.

    Returns:
        A text; of a series a digest.
    """
    if hasattr(input, "key"):
        return input.key
    if isinstance(input, str | os.PathLike):
        return str(input)
    if isinstance(input, Tensor):
        found = hashlib.sha256(repr(tuple(input.shape)).encode())
        found.update(input.reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
        return found.hexdigest()
    return " ".join(input)


def is_empty(input: Any) -> bool:
    """Tell whether there is nothing to be read.

    Args:
        input: as for ``key_of``.

    Returns:
        Whether a text has only blanks, or a series no steps.
    """
    if isinstance(input, Tensor):
        return not input.numel()
    return not key_of(input).strip()


def _taken(values: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    """Keep some values; those on a disk stay there."""
    return values.take(rows) if isinstance(values, StoredColumn) else [values[row] for row in rows]


def read_texts(table: Table, input: str, target: str | None) -> Examples:
    """Take one or two columns of texts, and refuse a row that lacks one.

    A table whose rows are the pieces of one text gives that, as a ``Document``.

    Args:
        table: the rows.
        input: the column of the inputs, by name or number.
        target: the column of the targets, or None.

    Returns:
        The examples.

    Raises:
        DataError: there is no such column; a cell is empty, or is a sequence; the message has the
            row.
    """
    texts = {side: read_column(table, name, side) for side, name in _named(input, target)}
    return Examples(texts["input"], texts.get("target", ()), table, columns=(input, target))


def _named(input: str, target: str | None) -> list[tuple[Side, str]]:
    return [("input", input), *([] if target is None else [("target", target)])]


def read_column(table: Table, name: str, side: Side) -> Sequence[str | Document]:
    """Take one column of texts, and refuse a row that lacks one.

    Args:
        table: the rows.
        name: the column, by name or number.
        side: what the texts are.

    Returns:
        A text for each row; of the pieces of one text that, as a ``Document``.

    Raises:
        DataError: as for ``read_texts``.
    """
    cells = table.column(name)
    if isinstance(table.rows, DocumentRows):
        return [Document.of(cells)]  # type: ignore[arg-type]
    for row, cell in enumerate(cells):
        problem = _problem(cell, side)
        if problem:
            raise table.error(problem, row=row, column=name)
    return cells  # type: ignore[return-value]


def read_sequences(table: Table, name: str) -> list[tuple[str, ...]]:
    """Take one column of sequences; a text is one, with blanks between its items.

    Args:
        table: the rows.
        name: the column, by name or number.

    Returns:
        The items of each row.

    Raises:
        DataError: there is no such column; a sequence is empty, an item of it is, or a series of
            numbers came; the message has the row.
    """
    found = []
    for row, cell in enumerate(table.column(name)):
        if isinstance(cell, Tensor):
            message = f"a sequence of words was wanted, and a series came: {tuple(cell.shape)}"
            raise table.error(message, row=row, column=name)
        items = tuple(cell.split()) if isinstance(cell, str) else cell
        if not items or not all(item.strip() for item in items):
            message = "the sequence is empty, or an item of it is: fill it in, or take the row out"
            raise table.error(message, row=row, column=name)
        found.append(items)
    return found


def _problem(cell: Cell, side: Side) -> str:
    if isinstance(cell, Tensor):
        return f"a text was wanted as the {side}, and a series came: {tuple(cell.shape)}"
    if not isinstance(cell, str):
        return f"a text was wanted as the {side}, and a sequence of {len(cell)} came: {_some(cell)}"
    return "" if cell.strip() else f"the {side} is empty: fill it in, or take the row out"


def _some(cell: Sequence[str]) -> str:
    return shown(" ".join(cell))
