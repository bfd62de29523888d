"""Which tokens stand inside the matches of a pattern, and how far in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from headgate.errors import DataError

EVERYWHERE = 0.95  # from this share on, the tokens outside say nothing of those inside


@dataclass(frozen=True, eq=False)
class Matches:
    """A pattern's matches over tokens.

    Args:
        number: the match that a token stands in, from 0; −1 outside, [T].
        place: how many tokens of its match stand before it; 0 outside, [T].
    """

    number: Int[Tensor, "T"]
    place: Int[Tensor, "T"]

    @property
    def inside(self) -> Bool[Tensor, "T"]:
        """Whether a token stands inside a match, [T]."""
        return self.number >= 0

    def part(self, start: int, end: int) -> Matches:
        """Give those of some tokens.

        Args:
            start: the first token.
            end: the token after the last.

        Returns:
            The matches; the numbers and places are those of the whole.
        """
        return Matches(self.number[start:end], self.place[start:end])

    @property
    def tells_inside(self) -> bool:
        """Whether tokens outside are enough to tell those inside by."""
        return bool(self.inside.any()) and float(self.inside.float().mean()) < EVERYWHERE

    @property
    def tells_place(self) -> bool:
        """Whether there are several matches, one of more than one token."""
        places = self.place[self.inside]
        several = len(self.number[self.inside].unique()) > 1
        return several and len(places.unique()) > 1

    @property
    def depths(self) -> Float[Tensor, "_ _"]:
        """The places of the tokens inside, as numbers."""
        return self.place[self.inside].double()[:, None]


def compiled(pattern: str) -> re.Pattern[str]:
    """Read a regular expression.

    Args:
        pattern: as ``re`` reads it.

    Returns:
        The pattern.

    Raises:
        DataError: it is none; the message has the place.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        raise DataError(
            f"{pattern!r} is no regular expression: {error.msg}{where}; before a sign that is "
            "meant as itself write \\"
        ) from error
    except (OverflowError, RecursionError) as error:
        raise DataError(
            f"{pattern!r} is no regular expression that can be read: {error}"
        ) from error


def matches(pattern: re.Pattern[str], text: str, spans: Sequence[tuple[int, int]]) -> Matches:
    """Find the tokens inside the matches of a pattern; an empty match has none.

    Args:
        pattern: what is looked for.
        text: the text.
        spans: where its tokens stand, T of them in their order.

    Returns:
        The match of each token; of two that share a token the later one.

    Example:
        >>> found = matches(re.compile("b+"), "abbab", [(i, i + 1) for i in range(5)])
        >>> found.number.tolist(), found.place.tolist()
        ([-1, 0, 0, -1, 1], [0, 0, 1, 0, 0])
    """
    number, place = [-1] * len(spans), [0] * len(spans)
    token = 0
    found = (match.span() for match in pattern.finditer(text) if match.end() > match.start())
    for count, (start, end) in enumerate(found):
        while token > 0 and spans[token - 1][1] > start:
            token -= 1  # a token that the match before has had, too
        while token < len(spans) and _before(spans[token], start):
            token += 1
        first = token
        while token < len(spans) and spans[token][0] < end:
            number[token], place[token] = count, token - first
            token += 1
    return Matches(torch.tensor(number), torch.tensor(place))


def _before(span: tuple[int, int], start: int) -> bool:
    """Whether a token ends before a match; one of no width, where it stands before it."""
    return span[1] <= start if span[1] > span[0] else span[0] < start
