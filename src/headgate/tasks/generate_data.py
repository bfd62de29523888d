"""What a language model learns from: its parts, its units, and how much of it in ten minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from headgate.data.examples import Examples
from headgate.data.fields import TextField
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
        examples: one text.
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
    [text] = examples.inputs
    first = _line_end(text, round(len(text) * (1 - valid - test))) if valid + test else len(text)
    second = _line_end(text, round(len(text) * (1 - test))) if test else len(text)
    wanted = {"train": (0, first, 1.0), "valid": (first, second, valid)}
    wanted["test"] = (second, len(text), test)
    parts = {}
    for name, (begin, end, share) in wanted.items():
        part = text[begin:end]
        if share and not part.strip():
            raise DataError(
                f"a text of {len(text)} characters is too short: its {name} part would be empty; "
                f"bring more text, or raise the share of {name}"
            )
        parts[name] = replace(examples, inputs=[part] if share else [], rows=[0] if share else [])
    return parts


def _line_end(text: str, place: int) -> int:
    """Find the end of the line that a place falls into; the place where the text has no lines."""
    found = text.find("\n", max(0, place - 1)) + 1
    return found if 0 < found < len(text) else place


def learn_field(texts: Sequence[str], settings: GenerateSettings) -> TextField:
    """Learn the vocabulary of a language model.

    Args:
        texts: a document, or several texts.
        settings: the unit and its size, or "auto" and None.

    Returns:
        Text to ids.
    """
    unit = settings.unit
    if unit == "auto":
        unit = "character" if len(set().union(*texts)) <= _ALPHABET else "subword"
    size = settings.vocabulary_size
    if size is None:
        pieces = sum(map(len, texts)) // _CHARACTERS_A_PIECE
        size = max(_FEWEST, min(_MOST, pieces)) if unit == "subword" else _WORDS
    lines = [line for text in texts for line in lines_of(text)]
    return TextField.learn(
        lines,
        unit=unit,
        vocabulary_size=size,
        min_frequency=settings.min_frequency,
        lowercase=settings.lowercase,
    )


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
