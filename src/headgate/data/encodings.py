"""Bytes to text, strictly: a byte that does not fit is an error that names its place.

Replacing bad bytes would train a model on damage that nobody sees. So the file's encoding is
never guessed in silence: a guess is only ever the advice in an error.
"""

from __future__ import annotations

import codecs
import functools
from collections.abc import Callable

from headgate.errors import DataError

_SAMPLE = 1 << 16  # bytes that a guess looks at: enough letters to tell, and quick
_PLAUSIBLE = 0.15  # share of telling letters below which a guess would mislead
_UTF16_PARITY = 0.7  # share of a UTF-16 text's NUL bytes that stand on one side of the pairs
_MIN_NUL_SHARE = 0.02  # spaces and line ends alone give UTF-16 text more NUL bytes than this

# The letters that running text has most of. Korean bytes read as GB 18030 are all valid Chinese,
# and short French ones valid Japanese, so that decoding alone tells nothing: frequent letters do.
_FREQUENT_HANGUL = frozenset(
    "이다는에의을가한고지하로은를서기도리인사어시자나라대해그일과수게아스정있으안들것보제만여"
    "전부장구원상주트니면요거세성조소마우오네습까않할무드더저내야했렇좋었러말때안녕"
)
_FREQUENT_HANZI = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自"
    "之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些"
    "主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业"
)
_TYPOGRAPHY = frozenset("‘’“”–—…«»€°§£¿¡ºª©®\u00a0")


def decode(data: bytes, *, path: object = None, encoding: str | None = None) -> str:
    """Decode a file's bytes, as UTF-8 unless another encoding is named.

    A byte order mark at the start is dropped.

    Args:
        data: the bytes.
        path: the file, for the error.
        encoding: a Python codec's name, such as ``cp949``; None is UTF-8.

    Returns:
        The text.

    Raises:
        DataError: an unknown encoding; a byte that the encoding does not have, with its row
            and the encoding that the file looks like; a NUL byte.
    """
    name = _known(encoding) if encoding else "utf-8"
    try:
        text = data.decode(name)
    except UnicodeDecodeError as error:
        raise _bad_byte(data, error, path=path, encoding=name) from error
    _refuse_nul(data, text, path=path)
    return text.removeprefix("\ufeff")


def looks_like(data: bytes) -> str | None:
    """Guess the encoding of bytes that are not UTF-8, for the advice in an error.

    A candidate must decode a sample of the lines that are not ASCII; among those that do, the
    one whose result has the most telling letters wins (frequent syllables for cp949, kana for
    shift_jis, frequent characters for gb18030, lone accented letters for cp1252 and latin-1).

    Args:
        data: the bytes.

    Returns:
        A codec's name, or None where no candidate gives plausible text.
    """
    utf16 = _looks_like_utf16(data)
    if utf16:
        return utf16
    sample = _non_ascii_lines(data)
    scores = {name: _score(sample, name, tell) for name, tell in _CANDIDATES.items()}
    best = max(scores, key=scores.__getitem__)  # of equals, the first of the table
    return best if scores[best] >= _PLAUSIBLE else None


def _known(encoding: str) -> str:
    """Return the name if Python can decode text with it."""
    try:
        b" ".decode(encoding)
    except UnicodeDecodeError:
        pass  # one byte is no UTF-16, but the name is known
    except (LookupError, ValueError):
        known = ", ".join(["utf-8", "utf-16", *_CANDIDATES])
        raise DataError(f"unknown encoding {encoding!r}; often used: {known}") from None
    return encoding


def _bad_byte(data: bytes, error: UnicodeDecodeError, *, path: object, encoding: str) -> DataError:
    """Say where the first bad byte stands and what to try."""
    start = error.start
    row = data.count(b"\n", 0, start) + 1
    place = start - data.rfind(b"\n", 0, start)
    what = f"byte 0x{data[start]:02x} (byte {place} of the row) is not {encoding}"
    if data.startswith(b"\x1f\x8b"):
        return DataError(f"{what}; the file is gzip'd: end its name in .gz", path=path, row=row)
    return DataError(f"{what}; {_advice(data, encoding)}", path=path, row=row)


def _advice(data: bytes, encoding: str) -> str:
    guess = looks_like(data)
    if guess is None or guess == encoding:
        return "name the file's encoding with --encoding, or save the file as UTF-8"
    return f"the file looks like {guess}: read it with --encoding {guess}"


def _refuse_nul(data: bytes, text: str, *, path: object) -> None:
    """No text has NUL characters: they mean UTF-16 read as bytes, or no text at all."""
    place = text.find("\0")
    if place < 0:
        return
    row = text.count("\n", 0, place) + 1
    guess = _looks_like_utf16(data)
    if guess:
        message = f"the file looks like {guess}: read it with --encoding {guess}"
        raise DataError(message, path=path, row=row)
    raise DataError("a NUL byte (0x00): this is not a text file", path=path, row=row)


def _looks_like_utf16(data: bytes) -> str | None:
    """Tell UTF-16 by its mark, or by NUL bytes that stand on one side of the pairs."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if len(data) % 2 or even + odd < max(2, _MIN_NUL_SHARE * len(sample)):
        return None
    if max(even, odd) < _UTF16_PARITY * (even + odd):
        return None
    name = "utf-16-le" if odd > even else "utf-16-be"
    return name if _decoded(sample, name) else None


def _non_ascii_lines(data: bytes) -> bytes:
    """Take whole lines that are not ASCII from the whole file: its start may be all English."""
    lines: list[bytes] = []
    size = 0
    for line in data.splitlines(keepends=True):
        if not line.isascii():
            lines.append(line)
            size += len(line)
        if size > _SAMPLE:
            break
    return b"".join(lines)


def _score(sample: bytes, encoding: str, telling: Callable[[str], int]) -> float:
    """Share of the letters outside ASCII that tell for the encoding; 0 where it cannot be."""
    text = _decoded(sample, encoding)
    letters = sum(not character.isascii() for character in text)
    return telling(text) / letters if letters else 0.0


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _count_in(letters: frozenset[str], text: str) -> int:
    return sum(character in letters for character in text)


def _kana(text: str) -> int:
    """Count full-width kana; half-width ones are what other encodings' bytes turn into."""
    return sum("\u3041" <= character <= "\u30ff" for character in text)


def _lone_accents(text: str) -> int:
    """Count accented Latin letters beside ASCII: in other encodings high bytes come in runs."""
    neighbours = zip(f" {text}", text, f"{text[1:]} ", strict=False)
    return sum(
        (_is_accented(here) and before.isascii() and after.isascii())
        or (here in _TYPOGRAPHY and (before.isascii() or after.isascii()))
        for before, here, after in neighbours
    )


def _is_accented(character: str) -> bool:
    return "\u00c0" <= character <= "\u017e" and character.isalpha()


_CANDIDATES: dict[str, Callable[[str], int]] = {
    "cp949": functools.partial(_count_in, _FREQUENT_HANGUL),
    "shift_jis": _kana,
    "gb18030": functools.partial(_count_in, _FREQUENT_HANZI),
    "cp1252": _lone_accents,
    "latin-1": _lone_accents,
}
