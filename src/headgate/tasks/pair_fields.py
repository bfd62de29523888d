"""The vocabularies of sources and targets: two, or one for both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import overload

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.examples import Examples
from headgate.data.fields import TextField
from headgate.data.ragged import Ragged
from headgate.data.splits import most_frequent_row
from headgate.evaluation.language import unigram_nats
from headgate.tasks.pair_settings import PairSettings

Pair = tuple[Sequence[int], Sequence[int]]  # the ids of a source and of its target, without marks

_ALIKE = 0.9  # of the characters of each side, for one vocabulary to serve both


@dataclass(frozen=True)
class PairFields:
    """Text to ids on both sides.

    Args:
        source: source text to ids.
        target: target text to ids; the very same object where both sides share it.
    """

    source: TextField
    target: TextField

    @property
    def shared(self) -> bool:
        """Whether both sides have one vocabulary."""
        return self.source is self.target

    @classmethod
    def learn(cls, train: Examples, settings: PairSettings) -> PairFields:
        """Learn from the training part.

        Args:
            train: the pairs.
            settings: unit and size; ``shared`` is true or false here.

        Returns:
            The vocabularies.
        """
        learn = partial(TextField.learn, vocabulary_size=settings.vocabulary_size)
        if settings.shared:
            both = learn(_Both(train), unit=settings.unit)
            return cls(both, both)
        target = learn(train.targets, unit=settings.unit)
        # what is written letter by letter, such as a number or a date, is read so too
        spelt = settings.unit == "auto" and target.unit == "character"
        source = learn(train.inputs, unit="character" if spelt else settings.unit)
        return cls(source, target)

    def extended(self, train: Examples) -> PairFields:
        """Learn what further pairs have and these vocabularies lack.

        Args:
            train: further pairs.

        Returns:
            The vocabularies, in which every old id keeps its number.
        """
        if self.shared:
            both = self.source.extended(_Both(train))[0]
            return PairFields(both, both)
        source = self.source.extended(train.inputs)[0]
        return PairFields(source, self.target.extended(train.targets)[0])

    @classmethod
    def from_files(cls, files: dict[str, str]) -> PairFields:
        """Read what ``files`` gave.

        Args:
            files: the content of the files by name.

        Returns:
            The vocabularies.
        """
        source = TextField.from_json(files["tokenizer.json"])
        target = files.get("target.json")
        return cls(source, source if target is None else TextField.from_json(target))

    def files(self) -> dict[str, str]:
        """Give the vocabularies as files of a model directory.

        Returns:
            The content of the files by name: one for each vocabulary.
        """
        files = {"tokenizer.json": self.source.to_json()}
        return files if self.shared else files | {"target.json": self.target.to_json()}

    def read(self, inputs: Sequence[str], longest: int) -> list[list[int]]:
        """Turn source texts to ids.

        Args:
            inputs: the texts.
            longest: tokens of a text that are read; the rest is cut off.

        Returns:
            Ids, at least one for each text.
        """
        return self.read_rows(inputs, longest)[:]

    def read_rows(self, inputs: Sequence[str], longest: int) -> Ragged:
        """Do the same with any number of texts: the ids of many lie in a temporary file.

        Args:
            inputs: the texts.
            longest: tokens of a text that are read; the rest is cut off.

        Returns:
            Ids, at least one for each text.
        """
        return self.source.encode_rows(inputs, longest=longest, least=[self.source.unk])

    def note(self) -> str:
        """Say in a sentence what a token is on each side.

        Returns:
            The sentence.
        """
        notes = [each for each in dict.fromkeys((self.source.note, self.target.note)) if each]
        if self.shared:
            size = len(self.source)
            said = f"both sides as {self.source.unit}s, with one vocabulary of {size}"
        else:
            said = (
                f"source as {self.source.unit}s, a vocabulary of {len(self.source)}; target as "
                f"{self.target.unit}s, a vocabulary of {len(self.target)}"
            )
        return "; ".join([said, *notes])


@dataclass(frozen=True)
class _Both(Sequence[str]):
    """All texts of both sides, the sources first."""

    examples: Examples

    def __len__(self) -> int:
        return len(self.examples.inputs) + len(self.examples.targets)

    def __iter__(self) -> Iterator[str]:
        yield from self.examples.inputs
        yield from self.examples.targets

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        row, first = range(len(self))[index], len(self.examples.inputs)
        return self.examples.inputs[row] if row < first else self.examples.targets[row - first]


@dataclass(frozen=True)
class PairIds(Sequence[Pair]):
    """The ids of pairs of texts, none of which has to be in memory.

    Args:
        sources: a row for each source.
        targets: a row for each target.
    """

    sources: Ragged
    targets: Ragged

    def __len__(self) -> int:
        return len(self.sources)

    @overload
    def __getitem__(self, index: int) -> Pair: ...

    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...

    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        return self.sources[index], self.targets[index]

    def __iter__(self) -> Iterator[Pair]:
        return zip(self.sources, self.targets, strict=True)


@dataclass(frozen=True)
class Kept:
    """What is kept of the training targets, for limits and baselines.

    Args:
        frequent: the most frequent target.
        length: tokens of the longest target, which bounds an answer.
        counts: how often each token came, the end mark among them, [V].
    """

    frequent: str
    length: int
    counts: Tensor

    @classmethod
    def of(cls, train: Examples, field: TextField, longest: int) -> Kept:
        """Look at the training part.

        Args:
            train: the pairs.
            field: target text to ids.
            longest: tokens of a target that are learned.

        Returns:
            What is kept of it.
        """
        targets = field.encode_rows(train.targets)
        counts = torch.bincount(targets.flat, minlength=len(field))
        counts[field.eos] += len(targets)
        frequent = train.targets[most_frequent_row(train.targets)]
        return cls(frequent, min(longest, max(targets.lengths)), counts)

    def nats(self, pairs: Sequence[Pair]) -> Float[Tensor, "B"]:
        """Foretell targets by how often each of their tokens came.

        Args:
            pairs: the ids of B pairs, without marks.

        Returns:
            The negative log-probability of each target, its end mark counted, [B].
        """
        rows = (torch.tensor([*target, TextField.eos]) for _, target in pairs)
        return torch.stack([unigram_nats(row, self.counts).sum() for row in rows])


def alike(sources: Sequence[str], targets: Sequence[str]) -> bool:
    """Tell whether both sides are written with nearly the same characters.

    Args:
        sources: texts of one side.
        targets: texts of the other.

    Returns:
        Whether nine tenths of the characters of each side, as often as they come, stand on the
        other; white space does not count.

    Example:
        >>> alike(["where is it?"], ["is it where?"]), alike(["where is it?"], ["어디 있어?"])
        (True, False)
    """
    one, other = _characters(sources), _characters(targets)
    return _share(one, other) >= _ALIKE and _share(other, one) >= _ALIKE


def _characters(texts: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update("".join(text.split()))
    return counts


def _share(one: Counter[str], other: Counter[str]) -> float:
    whole = sum(one.values())
    return sum(count for each, count in one.items() if each in other) / whole if whole else 0.0
