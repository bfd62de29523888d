"""What a language model learns from: its parts, its units, and how much of it in ten minutes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from torch import nn

from headgate.data.examples import Examples
from headgate.data.fields import TextField
from headgate.data.text_stream import Document, pieces_of
from headgate.errors import DataError
from headgate.models import LanguageModel
from headgate.tasks.generate_settings import GenerateSettings
from headgate.tasks.running_text import lines_of

_ALPHABET = 512  # distinct characters up to which a text is read by them
_FEWEST, _MOST, _CHARACTERS_A_PIECE = 500, 8000, 200  # subwords
_WORDS = 50_000
_OPERATIONS = 3.3e13  # of a training, multiplications and additions: ten minutes of one core
_PASSES = 6  # operations of a weight for a token, forward and backward


def cut_document(examples: Examples, *, valid: float, test: float) -> dict[str, Examples]:
    r"""Cut a document in its order: training, validation, test; at line ends where it has some.

    Args:
        examples: one text, or one document, whose parts are documents, too.
        valid: the share of its characters for validation; 0 wants none.
        test: the share for the test; 0 wants none.

    Returns:
        The parts by name; one that was not wanted has no text.

    Raises:
        DataError: the shares leave nothing for training, or a part that was wanted is empty.

    Example:
        >>> parts = cut_document(Examples(["one\ntwo\nthree\nfour\n"]), valid=0.2, test=0.2)
        >>> [parts[name].inputs for name in ("train", "valid", "test")]
        [['one\ntwo\n'], ['three\n'], ['four\n']]
    """
    if min(valid, test) < 0 or not valid + test < 1:
        raise DataError(f"shares of 0 or more, below 1 in all, were wanted: {valid=}, {test=} came")
    [given] = examples.inputs
    text = given if isinstance(given, Document) else Document.of([given])
    slack = round(text.characters * min(share for share in (valid, test, 1.0) if share))
    first = _line_end(text, round(text.characters * (1 - valid - test)), slack=slack)
    second = _line_end(text, round(text.characters * (1 - test)), slack=slack)
    wanted = {"train": (0, first, 1.0), "valid": (first, second, valid)}
    wanted["test"] = (second, text.characters, test)
    parts = {}
    for name, (begin, end, share) in wanted.items():
        part = text.part(begin, end)
        if share and not any(piece.strip() for piece in part):
            raise DataError(
                f"a text of {text.characters} characters is too short: its {name} part would be "
                f"empty; bring more text, or raise the share of {name}"
            )
        own = part if text is given else "".join(part)
        parts[name] = replace(examples, inputs=[own] if share else [], rows=[0] if share else [])
    return parts


def _line_end(text: Document, place: int, *, slack: int) -> int:
    """Find the line end next to a place, of equals the earlier; the place where none is near."""
    if place == text.characters:
        return place
    piece, start = text.around(place)  # which begins and ends where lines do
    before, after = piece.rfind("\n", 0, place - start), piece.find("\n", place - start)
    ends = [start + before + 1, *([start + after + 1] if after >= 0 else [])]
    near = [end for end in ends if 0 < end < text.characters and abs(end - place) <= slack]
    return min(near, key=lambda end: abs(end - place), default=place)


def learn_field(texts: Sequence[str | Document], settings: GenerateSettings) -> TextField:
    """Learn the vocabulary of a language model.

    Args:
        texts: a document, or several texts.
        settings: the unit and its size, or "auto" and None.

    Returns:
        Text to ids.
    """
    unit = settings.unit
    if unit == "auto":
        unit = "subword" if _has_many_characters(texts) else "character"
    size = settings.vocabulary_size
    if size is None:
        pieces = sum(map(len, pieces_of(texts))) // _CHARACTERS_A_PIECE
        size = max(_FEWEST, min(_MOST, pieces)) if unit == "subword" else _WORDS
    return TextField.learn(
        _Lines(texts),
        unit=unit,
        vocabulary_size=size,
        min_frequency=settings.min_frequency,
        lowercase=settings.lowercase,
    )


@dataclass(frozen=True)
class _Lines:
    """The lines of texts, which can be read again and again."""

    texts: Iterable[str | Document]

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(map(lines_of, pieces_of(self.texts)))


def _has_many_characters(texts: Iterable[str | Document]) -> bool:
    seen: set[str] = set()
    for piece in pieces_of(texts):
        seen.update(piece)
        if len(seen) > _ALPHABET:
            return True
    return False


def tokens_for(network: LanguageModel) -> float:
    """Say how many tokens a network can learn from in about ten minutes of one slow core.

    Args:
        network: the language model.

    Returns:
        Tokens.
    """
    return _OPERATIONS / (_PASSES * _weights(network.recurrent, network.projection, network.output))


def _weights(*modules: nn.Module) -> int:
    return sum(weight.numel() for module in modules for weight in module.parameters())
