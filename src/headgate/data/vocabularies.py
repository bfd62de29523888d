"""Learn a tokenizer from texts: which pieces get an id.

Three of the four units are one model, BPE over characters: "subword" has merges and a byte
fallback, "byte" the fallback alone, "character" neither.

Why not byte-level BPE: a Hangul syllable is three bytes, and merges over bytes give pieces that
start in one syllable and end in the next, which nobody can read beside a gate. Over characters a
piece is whole syllables; a character that the vocabulary lacks becomes its UTF-8 bytes, so that
nothing is unknown and decoding is exact. A space stays itself, at the head of the word after it:
no stand-in for it can be mistaken for a letter of the text.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from headgate.errors import DataError, UnknownNameError

Unit = Literal["subword", "word", "character", "byte"]

UNITS: tuple[Unit, ...] = ("byte", "character", "subword", "word")
SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))  # the names that the fallback looks up

_UNK = "<unk>"
# A word with the space before it; a digit alone, so that numbers share their pieces; a run of
# signs; white space that no word takes.
_PIECES = r" ?[\p{L}\p{M}]+| ?\p{N}| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+"
_MIN_FREQUENCY: dict[Unit, int] = {"subword": 2, "word": 2, "character": 1, "byte": 1}
_SHORT_TEXT = 40  # characters, and …
_SMALL_ALPHABET = 64  # … distinct ones, up to which texts are codes, not prose: dates, sums
MOST_LEARNED = 50_000_000  # characters that a vocabulary is learned from
_MOST_CHARACTERS = 0.5  # of a subword vocabulary are characters; the rest is for merges


@dataclass(frozen=True)
class Recipe:
    """How a vocabulary is learned.

    Args:
        unit: what an id stands for, of ``UNITS``; "auto" chooses by the texts.
        vocabulary_size: the most ids, all special ones and bytes included.
        min_frequency: how often a piece must occur; None is 1 for characters, else 2.
        lowercase: whether case is given up.
        specials: special pieces after the four fixed ones.
    """

    unit: str = "auto"
    vocabulary_size: int = 8000
    min_frequency: int | None = None
    lowercase: bool = False
    specials: tuple[str, ...] = ()


def even_sample(texts: Iterable[str], share: float) -> Iterator[str]:
    """Take texts from all places of a data set alike.

    Args:
        texts: all of them.
        share: of their characters, how many are wanted.

    Yields:
        All texts where the share is 1 or more, else one whenever what was taken lags behind.

    Example:
        >>> list(even_sample(["aa", "bb", "cc", "dd", "ee"], 0.4))
        ['aa', 'dd']
    """
    seen = taken = 0
    for text in texts:
        if share >= 1 or taken <= share * seen:
            taken += len(text)
            yield text
        seen += len(text)


def learn_tokenizer(texts: Iterable[str], recipe: Recipe) -> Tokenizer:
    """Learn a tokenizer; the same texts and recipe give the same bytes of JSON.

    Args:
        texts: the training texts.
        recipe: how to learn.

    Returns:
        The tokenizer.

    Raises:
        DataError: there is no text, a special piece stands twice, or the vocabulary is too small.
        UnknownNameError: the unit is unknown.
    """
    normalizer = _normalizer(lowercase=recipe.lowercase)
    clean = [normalizer.normalize_str(text) for text in texts]
    if not any(text.strip() for text in clean):
        raise DataError(f"a vocabulary is learned from text, and {len(clean)} empty texts came")
    unit = _unit_for(clean) if recipe.unit == "auto" else _known_unit(recipe.unit)
    least = _MIN_FREQUENCY[unit] if recipe.min_frequency is None else recipe.min_frequency
    fixed = _fixed_pieces(recipe, unit)
    room = recipe.vocabulary_size - len(fixed)
    if unit == "subword":
        tokenizer = _subwords(clean, fixed, room=room, least=least)
    elif unit == "word":
        tokenizer = _words(clean, fixed, room=room, least=least)
    else:
        tokenizer = _characters(clean, fixed, room=room if unit == "character" else 0, least=least)
    tokenizer.normalizer = normalizer
    # <unk> is no added token, so that a decoded text shows where a piece is missing.
    special = [name for name in (*SPECIALS, *recipe.specials) if name != _UNK]
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in special])
    return tokenizer


def unit_of(tokenizer: Tokenizer) -> Unit:
    """Tell a tokenizer's unit from how it is built.

    Args:
        tokenizer: as ``learn_tokenizer`` makes it.

    Returns:
        The unit.
    """
    if isinstance(tokenizer.model, models.WordLevel):
        return "word"
    if not tokenizer.model.byte_fallback:
        return "character"
    return "byte" if tokenizer.pre_tokenizer is None else "subword"


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep the tokenizers library on one thread, unless the user has set how it runs.

    A process that forks after the library's threads have run gets a warning, or a deadlock.

    Yields:
        Nothing.
    """
    if "TOKENIZERS_PARALLELISM" in os.environ:
        yield
        return
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        yield
    finally:
        os.environ.pop("TOKENIZERS_PARALLELISM", None)


def _normalizer(*, lowercase: bool) -> normalizers.Normalizer:
    """NFC, so that Hangul and accents typed on any system are the same letters."""
    steps: list[normalizers.Normalizer] = [normalizers.NFC()]
    return normalizers.Sequence([*steps, normalizers.Lowercase()] if lowercase else steps)


def _known_unit(name: str) -> Unit:
    for unit in UNITS:
        if name == unit:
            return unit
    raise UnknownNameError("unit", name, ["auto", *UNITS])


def _unit_for(texts: list[str]) -> Unit:
    """Choose characters for names and codes, which have too few words to learn from."""
    full = [text for text in texts if text.strip()]
    if statistics.median(len(text.split()) for text in full) < 2:
        return "character"
    short = statistics.median(map(len, full)) <= _SHORT_TEXT
    return "character" if short and len(set().union(*full)) <= _SMALL_ALPHABET else "subword"


def _fixed_pieces(recipe: Recipe, unit: Unit) -> list[str]:
    """List the pieces that every text gives: specials, then bytes where the unit has them."""
    fixed = [*SPECIALS, *recipe.specials, *(BYTES if unit in ("subword", "byte") else ())]
    twice = [name for name, count in Counter(fixed).items() if count > 1]
    if twice:
        raise DataError(f"the special piece {twice[0]!r} stands twice")
    least = len(fixed) + (0 if unit == "byte" else 1)
    if recipe.vocabulary_size < least:
        raise DataError(
            f"a vocabulary of {unit}s has at least {least} ids, and vocabulary_size "
            f"{recipe.vocabulary_size} came: raise it"
        )
    return fixed


def _frequent(counts: Counter[str], *, room: int, least: int) -> list[str]:
    """Take the most frequent pieces; of equals the first in code point order."""
    ordered = sorted(counts, key=lambda piece: (-counts[piece], piece))
    return [piece for piece in ordered[: max(room, 0)] if counts[piece] >= least]


def _numbered(pieces: Sequence[str]) -> dict[str, int]:
    return {piece: index for index, piece in enumerate(pieces)}


def _words(texts: list[str], fixed: list[str], *, room: int, least: int) -> Tokenizer:
    counts = Counter(word for text in texts for word in text.split())
    for name in fixed:  # a corpus may write its unknown words <unk>
        counts.pop(name, None)
    vocabulary = _numbered([*fixed, *_frequent(counts, room=room, least=least)])
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=_UNK))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def _characters(texts: list[str], fixed: list[str], *, room: int, least: int) -> Tokenizer:
    """Build the units that merge nothing: characters, or bytes where there is no room for more."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    vocabulary = _numbered([*fixed, *_frequent(counts, room=room, least=least)])
    return _pieces_tokenizer(vocabulary, [])


def _subwords(texts: list[str], fixed: list[str], *, room: int, least: int) -> Tokenizer:
    tokenizer = _pieces_tokenizer(_numbered(fixed), [])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=room + len(fixed),
        min_frequency=least,
        special_tokens=list(fixed),
        limit_alphabet=_alphabet_size(texts, room=room, least=least),
        show_progress=False,
    )
    with one_thread():
        tokenizer.train_from_iterator(texts, trainer=trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    merges = [(left, right) for left, right in learned["merges"]]
    built = _pieces_tokenizer(learned["vocab"], merges)  # without the trainer's added tokens
    built.pre_tokenizer = tokenizer.pre_tokenizer
    return built


def _alphabet_size(texts: list[str], *, room: int, least: int) -> int:
    """Count the characters that get an id of their own; the others are spelt in bytes.

    The trainer drops the rarest in no fixed order among equals. So the cut falls between two
    frequencies, never among equals, and learning stays deterministic.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    frequencies = sorted(counts.values(), reverse=True)
    most = max(1, int(room * _MOST_CHARACTERS))
    first_out = frequencies[most] if len(frequencies) > most else 0
    return sum(count >= least and count > first_out for count in frequencies)


def _pieces_tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """Join characters by merges; what the vocabulary lacks is bytes where it has those."""
    has_bytes = BYTES[0] in vocabulary
    model = models.BPE(vocabulary, merges, unk_token=_UNK, byte_fallback=has_bytes)
    tokenizer = Tokenizer(model)
    steps = [decoders.ByteFallback(), decoders.Fuse()] if has_bytes else [decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps)
    return tokenizer
