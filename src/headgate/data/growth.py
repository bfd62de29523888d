"""Let a vocabulary grow: what further texts have and it lacks gets the ids after the old ones.

A model that goes on learning on other data keeps its rows of weights by number, so no old id may
move. Only words and characters can be unknown; a byte fallback spells all else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer

from headgate.data.vocabularies import Unit, unit_of

_LEAST: dict[Unit, int] = {"word": 2, "character": 1}


def grown(
    tokenizer: Tokenizer, texts: Sequence[str], *, min_frequency: int | None
) -> tuple[Tokenizer, int]:
    """Add the words or the characters that texts have and a tokenizer lacks.

    Args:
        tokenizer: as ``learn_tokenizer`` makes it; it stays as it is.
        texts: further texts.
        min_frequency: how often a piece must occur; None is 2 for words, 1 for characters.

    Returns:
        A tokenizer with the new pieces, the most frequent first, and how many they are.
    """
    unit = unit_of(tokenizer)
    if unit not in _LEAST:
        return tokenizer, 0
    least = _LEAST[unit] if min_frequency is None else min_frequency
    counts = Counter(_pieces(tokenizer, texts, unit))
    written = json.loads(tokenizer.to_str())
    vocabulary: dict[str, int] = written["model"]["vocab"]
    new = [piece for piece in counts if counts[piece] >= least and piece not in vocabulary]
    new.sort(key=lambda piece: (-counts[piece], piece))
    first = max(vocabulary.values()) + 1
    vocabulary |= {piece: first + place for place, piece in enumerate(new)}
    return Tokenizer.from_str(json.dumps(written)), len(new)


def _pieces(tokenizer: Tokenizer, texts: Sequence[str], unit: Unit) -> Iterable[str]:
    """Take texts apart as the tokenizer would, brought to its normal form first."""
    normalizer = tokenizer.normalizer
    for text in texts:
        clean = normalizer.normalize_str(text) if normalizer else text
        yield from clean.split() if unit == "word" else clean
