"""Tag schemes: how tags mark chunks of a sequence, and which tag may follow which.

A tag is "O", outside every chunk, or a mark and a type, "B-PER"; where all chunks are of one type,
the mark may stand alone.

    BIO    B begins every chunk, I goes on with it; also called IOB2
    IOB1   I is in a chunk, B only parts it from a chunk of the same type just before it
    BIOES  B begins a chunk of two steps or more, E ends it, I stands between, S is a chunk of one
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from headgate.errors import DataError, UnknownNameError


class Constraints(NamedTuple):
    """What sequences of tags are allowed, as booleans.

    Args:
        starts: True where a sequence may begin with the tag, [L].
        transitions: True where the tag of the column may follow that of the row, [L, L].
        ends: True where a sequence may end with the tag, [L].
    """

    starts: Tensor
    transitions: Tensor
    ends: Tensor


class Tag(NamedTuple):
    """A label in its two parts: ("B", "PER"); "O" has no kind."""

    mark: str
    kind: str


OUTSIDE = Tag("O", "")


def _bio(before: Tag, after: Tag) -> bool:
    return after.mark != "I" or (before.mark in ("B", "I") and before.kind == after.kind)


def _iob1(before: Tag, after: Tag) -> bool:
    return after.mark != "B" or (before.mark in ("B", "I") and before.kind == after.kind)


def _bioes(before: Tag, after: Tag) -> bool:
    if before.mark in ("B", "I"):  # the chunk is open
        return after.mark in ("I", "E") and before.kind == after.kind
    return after.mark in ("O", "B", "S")


# For each scheme its marks, and whether one tag may follow another. What stands before and after a
# sequence is outside, so these rules say which tags may begin and end one, too.
SCHEMES: dict[str, tuple[str, Callable[[Tag, Tag], bool]]] = {
    "BIO": ("BI", _bio),
    "BIOES": ("BIES", _bioes),
    "IOB1": ("BI", _iob1),
}


def constraints(labels: Sequence[str], scheme: str) -> Constraints:
    """Say which sequences of labels a scheme allows.

    Args:
        labels: the L labels, in the order of the tags' numbers.
        scheme: "BIO" (IOB2), "IOB1" or "BIOES".

    Returns:
        The allowed starts, transitions and ends, as `CRF` takes them.

    Raises:
        UnknownNameError: no scheme has that name.
        DataError: a label is none of the scheme's, or stands there twice, or there is none.

    Example:
        >>> starts, transitions, ends = constraints(["O", "B-PER", "I-PER"], "BIO")
        >>> starts.tolist()
        [True, True, False]
        >>> transitions[0].tolist()  # what may follow O
        [True, True, False]
    """
    marks, may_follow = _scheme(scheme)
    if not labels:
        raise DataError("a scheme needs at least one label, but there is none")
    twice = next((label for n, label in enumerate(labels) if label in labels[:n]), None)
    if twice is not None:
        raise DataError(f"each label stands for one tag, but {twice!r} is there twice")
    tags = [_parse(label, marks, scheme) for label in labels]
    return Constraints(
        torch.tensor([may_follow(OUTSIDE, tag) for tag in tags]),
        torch.tensor([[may_follow(before, after) for after in tags] for before in tags]),
        torch.tensor([may_follow(tag, OUTSIDE) for tag in tags]),
    )


def check_scheme(sequences: Iterable[Sequence[str]], scheme: str) -> None:
    """Check that every sequence keeps a scheme.

    Args:
        sequences: the labels of each sequence.
        scheme: "BIO" (IOB2), "IOB1" or "BIOES".

    Raises:
        UnknownNameError: no scheme has that name.
        DataError: a sequence breaks the scheme, or a label is none of its own; the sequence and
            the step are named, from 0.

    Example:
        >>> check_scheme([["O", "B-PER"], ["O", "I-PER"]], "BIO")
        Traceback (most recent call last):
        headgate.errors.DataError: sequence 1, step 1: 'I-PER' may not follow 'O' in BIO
    """
    marks, may_follow = _scheme(scheme)
    for number, tags in enumerate(_parse_all(sequences, marks, scheme)):
        for step, (before, after) in enumerate(pairwise([OUTSIDE, *tags, OUTSIDE])):
            if not may_follow(before, after):
                breach = _breach(before, after, start=step == 0, end=step == len(tags))
                place = min(step, len(tags) - 1)
                raise DataError(f"sequence {number}, step {place}: {breach} in {scheme}")


def infer_scheme(sequences: Iterable[Sequence[str]]) -> str:
    """Find the scheme of a corpus from the marks that it uses.

    It is BIOES if an E or S stands in it. It is IOB1 if an I begins a chunk (it stands at a start,
    or after a tag that is not in a chunk of its type) and a B stands nowhere but behind a chunk of
    its type. Else it is BIO. A corpus may still break the scheme that is most like it:
    `check_scheme` says where.

    Args:
        sequences: the labels of each sequence.

    Returns:
        A key of ``SCHEMES``.

    Raises:
        DataError: a label is of no scheme; its sequence and step are named, from 0.

    Example:
        >>> infer_scheme([["O", "B-PER", "E-PER"], ["S-LOC"]])
        'BIOES'
        >>> infer_scheme([["I-PER", "I-PER", "B-PER", "O"]])
        'IOB1'
    """
    by_bioes = by_iob1 = by_bio = False
    for tags in _parse_all(sequences, "BIES", "any scheme"):
        for before, after in pairwise([OUTSIDE, *tags]):
            by_bioes |= after.mark in ("E", "S")
            by_iob1 |= not _bio(before, after)  # an I that begins a chunk
            by_bio |= not _iob1(before, after)  # a B that parts nothing
    if by_bioes:
        return "BIOES"
    return "IOB1" if by_iob1 and not by_bio else "BIO"


def _parse_all(sequences: Iterable[Sequence[str]], marks: str, scheme: str) -> Iterator[list[Tag]]:
    """Yield the tags of each sequence; an error says where it is."""
    for number, sequence in enumerate(sequences):
        tags: list[Tag] = []
        for step, label in enumerate(sequence):
            try:
                tags.append(_parse(label, marks, scheme))
            except DataError as error:
                raise DataError(f"sequence {number}, step {step}: {error}") from None
        yield tags


def _scheme(name: str) -> tuple[str, Callable[[Tag, Tag], bool]]:
    if name not in SCHEMES:
        raise UnknownNameError("tag scheme", name, SCHEMES)
    return SCHEMES[name]


def _parse(label: str, marks: str, scheme: str) -> Tag:
    """Split a label in two; its type may hold hyphens of its own."""
    if label == "O":
        return OUTSIDE
    mark, hyphen, kind = label.partition("-")
    if len(mark) == 1 and mark in marks and bool(hyphen) == bool(kind):
        return Tag(mark, kind)
    kinds = ", ".join(f"{mark}-TYPE" for mark in marks)
    hint = "; L and U of BILOU are E and S in BIOES" if mark in ("L", "U") else ""
    raise DataError(f"a label of {scheme} is O or one of {kinds}, not {label!r}{hint}")


def _breach(before: Tag, after: Tag, *, start: bool, end: bool) -> str:
    """Say in words which rule two neighbours break."""
    if end:
        return f"a sequence may not end with {_label(before)!r}"
    if start:
        return f"a sequence may not begin with {_label(after)!r}"
    return f"{_label(after)!r} may not follow {_label(before)!r}"


def _label(tag: Tag) -> str:
    return "-".join(part for part in tag if part)
