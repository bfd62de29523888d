"""Inputs that come twice, and those that come with different targets; 16 bytes a row."""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from headgate.data.columns import Cell

_HASH = "q"
_LISTED = 5


@dataclass(frozen=True)
class Repeats:
    """How often inputs come again.

    Args:
        rows: rows whose input stood in an earlier row.
        contradictions: inputs that come with more than one target.
        examples: of those, two rows each with different targets, counted from 0; the first few.
    """

    rows: int
    contradictions: int
    examples: list[tuple[int, int]]


def find_repeats(pairs: Iterable[tuple[Cell | list[Cell], Cell | None]]) -> Repeats:
    """Look for equal inputs, and for different targets of one.

    Inputs and targets are equal if they are so in NFC and without white space at the ends; series
    if all their values are.

    Args:
        pairs: an input, which may be several cells, and its target, or None, one pair a row.

    Returns:
        What was found. Two inputs count as equal by chance once in a hundred thousand files of
        twenty million rows: they are compared by 64 bits each.

    Example:
        >>> found = find_repeats([("a", "x"), ("b", "x"), ("a ", "y"), ("b", "x")])
        >>> found.rows, found.contradictions, found.examples
        (2, 1, [(0, 2)])
    """
    inputs, targets = array(_HASH), array(_HASH)
    for input, target in pairs:
        inputs.append(_key(input))
        targets.append(_key(target))
    if not inputs:
        return Repeats(0, 0, [])
    return _compare(
        torch.frombuffer(inputs, dtype=torch.int64), torch.frombuffer(targets, dtype=torch.int64)
    )


def _compare(inputs: Tensor, targets: Tensor) -> Repeats:
    """Sort the inputs, so that equal ones are neighbours, and compare neighbours."""
    ordered, order = inputs.sort(stable=True)
    again = ordered[1:] == ordered[:-1]
    differ = again & (targets[order][1:] != targets[order][:-1])
    places = differ.nonzero().flatten()
    clashing = ordered[places]
    first = torch.ones_like(clashing, dtype=torch.bool)
    first[1:] = clashing[1:] != clashing[:-1]
    pairs = [(int(order[place]), int(order[place + 1])) for place in places[first].tolist()]
    return Repeats(int(again.sum()), len(pairs), sorted(pairs)[:_LISTED])


def _key(cell: Cell | list[Cell] | None) -> int:
    if isinstance(cell, str):
        return hash(unicodedata.normalize("NFC", cell).strip())
    if cell is None:
        return hash(None)
    if isinstance(cell, Tensor):
        return hash((tuple(cell.shape), cell.contiguous().view(torch.uint8).numpy().tobytes()))
    if isinstance(cell, list):
        return hash(tuple(map(_key, cell)))
    return hash(tuple(unicodedata.normalize("NFC", each) for each in cell))
