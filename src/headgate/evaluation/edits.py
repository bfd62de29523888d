"""How far a text is from the one that was wanted: edits of characters or of words."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch

from headgate.errors import DataError, ShapeError
from headgate.evaluation.intervals import bootstrap, wilson
from headgate.evaluation.scores import Score


def edit_distance(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Count the insertions, deletions and substitutions from one sequence to another.

    Levenshtein's distance, a column of the table at a time: its steps up and down are bits of two
    whole numbers, so that a column costs a few operations on numbers of as many bits as ``one`` is
    long.

    Source: Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances",
    2003, after Myers 1999.

    Args:
        one: a text, or a sequence of words.
        other: what it is compared with.

    Returns:
        The least number of edits.

    Example:
        >>> edit_distance("kitten", "sitting"), edit_distance(["a", "b"], [])
        (3, 2)
    """
    if not one:
        return len(other)
    places: dict[Hashable, int] = {}
    for place, symbol in enumerate(one):
        places[symbol] = places.get(symbol, 0) | 1 << place
    every, end = (1 << len(one)) - 1, 1 << len(one) - 1
    up, down, distance = every, 0, len(one)  # where the column rises from row to row, and falls
    for symbol in other:
        equal = places.get(symbol, 0)
        level = (((equal & up) + up) ^ up) | equal | down
        right_up, right_down = down | ~(level | up) & every, up & level
        distance += bool(right_up & end) - bool(right_down & end)
        right_up, right_down = right_up << 1 | 1, right_down << 1
        crossed = equal | down
        up, down = (right_down | ~(crossed | right_up)) & every, right_up & crossed & every
    return distance


def character_error_rate(found: Sequence[str], wanted: Sequence[str], *, seed: int = 0) -> Score:
    """Give the edits of characters, blanks among them, for each character that was wanted.

    Args:
        found: the text of each row.
        wanted: what it should be.
        seed: of the bootstrap, which is over rows.

    Returns:
        The score, of which less is better; 0 is without error, and more than 1 is possible.

    Example:
        >>> character_error_rate(["abd"], ["abc"]).value
        0.333...
    """
    return _error_rate(found, wanted, seed)


def word_error_rate(found: Sequence[str], wanted: Sequence[str], *, seed: int = 0) -> Score:
    """Give the edits of words, split at white space, for each word that was wanted.

    Args:
        found: the text of each row.
        wanted: what it should be.
        seed: of the bootstrap, which is over rows.

    Returns:
        The score, of which less is better.
    """
    said, should = ([text.split() for text in texts] for texts in (found, wanted))
    return _error_rate(said, should, seed)


def matches(found: Sequence[str], wanted: Sequence[str]) -> Score:
    """Give the share of rows without an error.

    Args:
        found: the text of each row.
        wanted: what it should be.

    Returns:
        The score.
    """
    _check(found, wanted)
    same = sum(one == other for one, other in zip(found, wanted, strict=True))
    return Score(same / len(wanted), *wilson(same, len(wanted)))


def _error_rate(
    found: Sequence[Sequence[Hashable]], wanted: Sequence[Sequence[Hashable]], seed: int
) -> Score:
    _check(found, wanted)
    pairs = zip(found, wanted, strict=True)
    edits = torch.tensor([edit_distance(*pair) for pair in pairs], dtype=torch.float64)
    sizes = torch.tensor([len(each) for each in wanted], dtype=torch.float64)
    if not sizes.sum():
        raise DataError("an error rate is a share of what was wanted, and all of that is empty")
    if not edits.sum():
        # no resample would have one either: the end is as if a row with an error were all wrong
        return Score(0.0, *wilson(0, len(edits)))
    interval = bootstrap(lambda rows: (rows @ edits) / (rows @ sizes), len(edits), seed=seed)
    return Score(float(edits.sum() / sizes.sum()), *interval)


def _check(found: Sequence[object], wanted: Sequence[object]) -> None:
    if len(found) != len(wanted):
        raise ShapeError(f"a text a row is wanted: {len(found)} for {len(wanted)} rows came")
    if not wanted:
        raise DataError("a score needs at least one row, got none")
