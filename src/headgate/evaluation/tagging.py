"""How well tags are given: chunks found whole, and the share of right tags.

A chunk counts where its type and both its ends are right. What is a chunk is read strictly, as
seqeval's ``mode="strict"`` reads it: a run of tags that breaks the scheme is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import eq
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import DataError, ShapeError, UnknownNameError
from headgate.evaluation.baselines import majority
from headgate.evaluation.intervals import Interval, bootstrap, wilson
from headgate.evaluation.scores import Score

Tags = Sequence[str]


class Chunk(NamedTuple):
    """A run of tokens that tags mark as one.

    Args:
        kind: its type, "" where the tags have none.
        start: its first token, counted from 0.
        end: the token after its last.
    """

    kind: str
    start: int
    end: int


class _Mark(NamedTuple):
    mark: str
    kind: str


_OUTSIDE = _Mark("O", "")


def _starts_bio(before: _Mark, tag: _Mark) -> bool:
    return tag.mark == "B"


def _starts_iob1(before: _Mark, tag: _Mark) -> bool:
    inside = before.mark != "O" and before.kind == tag.kind
    return inside if tag.mark == "B" else tag.mark == "I" and (before.mark == "B" or not inside)


def _starts_bioes(before: _Mark, tag: _Mark) -> bool:
    return tag.mark in ("B", "S")


def _ends_always(last: _Mark, after: _Mark) -> bool:
    return True


def _ends_iob1(last: _Mark, after: _Mark) -> bool:
    # a B parts chunks of one type only, so of two types one of two neighbours is out of place
    return not (last.mark == after.mark == "B" and last.kind != after.kind)


def _ends_bioes(last: _Mark, after: _Mark) -> bool:
    return last.mark in ("E", "S")


_Rule = Callable[[_Mark, _Mark], bool]
# For each scheme: whether a chunk starts at a tag, given the tag before; the marks that it goes on
# with; whether it is whole, given its last tag and the one after.
_RULES: dict[str, tuple[_Rule, str, _Rule]] = {
    "BIO": (_starts_bio, "I", _ends_always),
    "BIOES": (_starts_bioes, "IE", _ends_bioes),
    "IOB1": (_starts_iob1, "I", _ends_iob1),
}


def chunks(tags: Tags, scheme: str) -> list[Chunk]:
    """Read the chunks that tags mark.

    Args:
        tags: the tags of one sentence: "O", or a mark and a type, "B-PER".
        scheme: "BIO" (IOB2), "IOB1" or "BIOES".

    Returns:
        The chunks in order; what breaks the scheme is none.

    Raises:
        UnknownNameError: no scheme has that name.

    Example:
        >>> chunks(["B-PER", "I-PER", "O", "I-LOC"], "BIO")
        [Chunk(kind='PER', start=0, end=2)]
    """
    if scheme not in _RULES:
        raise UnknownNameError("tag scheme", scheme, _RULES)
    starts, inside, ends = _RULES[scheme]
    marks = [*map(_mark, tags), _OUTSIDE]
    found, place, before = [], 0, _OUTSIDE
    while place < len(tags):
        first = place
        place += 1
        if starts(before, marks[first]):
            while _goes_on(marks[place - 1], marks[place], inside):
                place += 1
            if ends(marks[place - 1], marks[place]):
                found.append(Chunk(marks[first].kind, first, place))
        before = marks[place - 1]
    return found


def _goes_on(last: _Mark, tag: _Mark, inside: str) -> bool:
    """Whether a chunk whose last tag so far is known takes in one more; E and S close it."""
    return last.mark in "BI" and tag.mark in inside and last.kind == tag.kind


def _mark(tag: str) -> _Mark:
    mark, _, kind = tag.partition("-")
    return _Mark(mark, kind)


def chunk_scores(
    predictions: Sequence[Tags], targets: Sequence[Tags], *, scheme: str, seed: int = 0
) -> dict[str, Score]:
    """Give precision, recall and F1 of chunks, over all types.

    The intervals are the bootstrap's over sentences, whose tokens depend on each other. If one has
    no width, as when every chunk is right, it is Wilson's, as of chunks that are independent.

    Args:
        predictions: the tags that each sentence was given.
        targets: the tags that each has.
        scheme: "BIO" (IOB2), "IOB1" or "BIOES".
        seed: the seed of the bootstrap.

    Returns:
        "f1", "precision" and "recall"; one with nothing to divide by is 0.

    Raises:
        ShapeError: there is not one tag for each token.
        DataError: there are no sentences.
    """
    counts, _ = _counts(predictions, targets, scheme)
    return {name: _score(counts, name, seed) for name in _DIVISORS}


def chunk_values(
    predictions: Sequence[Tags], targets: Sequence[Tags], *, scheme: str
) -> dict[str, float]:
    """Give what ``chunk_scores`` gives, without intervals.

    Args:
        predictions: the tags that each sentence was given.
        targets: the tags that each has.
        scheme: "BIO" (IOB2), "IOB1" or "BIOES".

    Returns:
        "f1", "precision" and "recall"; one with nothing to divide by is 0.

    Raises:
        ShapeError: there is not one tag for each token.
        DataError: there are no tokens.
    """
    counts, _ = _counts(predictions, targets, scheme)
    return {name: _value(counts, columns) for name, columns in _DIVISORS.items()}


def chunk_f1_by_kind(
    predictions: Sequence[Tags], targets: Sequence[Tags], *, scheme: str, seed: int = 0
) -> dict[str, tuple[Score, int]]:
    """Give the F1 of each type of chunk.

    Args:
        predictions: the tags that each sentence was given.
        targets: the tags that each has.
        scheme: "BIO" (IOB2), "IOB1" or "BIOES".
        seed: the seed of the bootstrap.

    Returns:
        For each type, the most frequent first, its F1 and how many chunks of it there are.
    """
    _, kinds = _counts(predictions, targets, scheme)
    found = {
        kind: (_score(counts, "f1", seed), int(counts[:, 2].sum()))
        for kind, counts in kinds.items()
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1][1], item[0])))


def tag_accuracy(predictions: Sequence[Tags], targets: Sequence[Tags]) -> Score:
    """Give the share of tokens whose tag is right, with Wilson's interval.

    Args:
        predictions: the tags that each sentence was given.
        targets: the tags that each has.

    Returns:
        The score.

    Raises:
        ShapeError: there is not one tag for each token.
        DataError: there are no tokens.
    """
    _check(predictions, targets)
    given, wanted = (list(chain.from_iterable(tags)) for tags in (predictions, targets))
    right = sum(map(eq, given, wanted))
    return Score(right / len(wanted), *wilson(right, len(wanted)))


class WordTags(NamedTuple):
    """The baseline that knows each word's most frequent tag, and looks at no other word.

    Args:
        tags: the most frequent tag of each word.
        other: the tag of every other word: the most frequent of all.
    """

    tags: dict[str, str]
    other: str

    @staticmethod
    def fit(sentences: Iterable[Tags], tags: Iterable[Tags]) -> WordTags:
        """Count the tags of each word; of equally frequent ones the first that came is taken.

        Args:
            sentences: the words of each sentence.
            tags: the tags of each.

        Returns:
            The baseline.
        """
        words: dict[str, Counter[str]] = {}
        every = list(chain.from_iterable(tags))
        for word, tag in zip(chain.from_iterable(sentences), every, strict=True):
            words.setdefault(word, Counter())[tag] += 1
        best = {word: counts.most_common(1)[0][0] for word, counts in words.items()}
        return WordTags(best, majority(every))

    def predict(self, sentences: Iterable[Tags]) -> list[list[str]]:
        """Give every word its tag.

        Args:
            sentences: the words of each sentence.

        Returns:
            The tags of each sentence.
        """
        return [[self.tags.get(word, self.other) for word in words] for words in sentences]


def _check(predictions: Sequence[Tags], targets: Sequence[Tags]) -> None:
    sizes = ([*map(len, predictions)], [*map(len, targets)])
    if sizes[0] != sizes[1]:
        raise ShapeError(
            f"a tag for each token is wanted; got {sum(sizes[0])} in {len(sizes[0])} sentences for "
            f"{sum(sizes[1])} in {len(sizes[1])}, or other lengths of sentences"
        )
    if not sum(sizes[1]):
        raise DataError("a score needs at least one token, got none")


def _counts(
    predictions: Sequence[Tags], targets: Sequence[Tags], scheme: str
) -> tuple[Tensor, dict[str, Tensor]]:
    """Count hits, predicted and wanted chunks of each sentence, [B, 3]: of all types, of each."""
    _check(predictions, targets)
    total = torch.zeros(len(targets), 3, dtype=torch.float64)
    kinds: dict[str, Tensor] = {}
    for row, (given, wanted) in enumerate(zip(predictions, targets, strict=True)):
        found, real = set(chunks(given, scheme)), set(chunks(wanted, scheme))
        for column, some in enumerate((found & real, found, real)):
            for chunk in some:
                total[row, column] += 1
                kinds.setdefault(chunk.kind, torch.zeros_like(total))[row, column] += 1
    return total, kinds


# What hits are divided by: the mean of these columns of the counts.
_DIVISORS = {"f1": (1, 2), "precision": (1,), "recall": (2,)}


def _score(counts: Tensor, name: str, seed: int) -> Score:
    """Turn counts of each sentence, [B, 3], to a score."""
    divisors = counts[:, list(_DIVISORS[name])].mean(1)

    def metric(weights: Float[Tensor, "R B"]) -> Float[Tensor, "R"]:
        return weights @ counts[:, 0] / (weights @ divisors)

    interval = bootstrap(metric, len(counts), seed=seed)
    if not interval.low < interval.high:
        interval = _exact(counts, name)
    return Score(_value(counts, _DIVISORS[name]), *interval)


def _value(counts: Tensor, columns: tuple[int, ...]) -> float:
    whole = float(counts[:, list(columns)].sum()) / len(columns)
    return float(counts[:, 0].sum()) / whole if whole else 0.0


def _exact(counts: Tensor, name: str) -> Interval:
    """Give Wilson's interval of a score; that of F1 = 2J / (1 + J) follows from the share J."""
    hits, given, wanted = counts.sum(0).tolist()
    if name != "f1":
        return wilson(hits, given if name == "precision" else wanted)
    return Interval(*(2 * end / (1 + end) for end in wilson(hits, given + wanted - hits)))
