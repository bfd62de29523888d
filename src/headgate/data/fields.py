"""Text to ids and back, saved as one JSON file; labels have theirs in ``labels``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from tokenizers import Tokenizer

from headgate.data.growth import grown
from headgate.data.labels import LabelField
from headgate.data.ragged import Ragged
from headgate.data.spill import IN_MEMORY
from headgate.data.text_stream import Document
from headgate.data.vocabularies import (
    BYTES,
    MOST_LEARNED,
    SPECIALS,
    Recipe,
    Unit,
    even_sample,
    learn_tokenizer,
    one_thread,
    unit_of,
)
from headgate.errors import DataError, ModelDirectoryError

__all__ = ["LabelField", "TextField"]

_AT_ONCE = 4096  # texts, and …
_LETTERS_AT_ONCE = 1 << 20  # … characters that are turned to ids together
_BYTE_OF = {name: bytes([byte]) for byte, name in enumerate(BYTES)}


class TextField:
    """Text to ids and back, by one tokenizer, saved as a ``tokenizer.json`` that others read.

    Ids 0 to 3 are ``<pad>``, ``<unk>``, ``<bos>`` and ``<eos>``; in a user's text these names
    are letters like any others. Text is brought to NFC, and to nothing else unless asked.

    Args:
        tokenizer: as ``learn`` or ``from_json`` makes it.

    Attributes:
        unit: what an id stands for.
        note: what there is to say of how it was learned, or nothing.
    """

    pad = SPECIALS.index("<pad>")
    unk = SPECIALS.index("<unk>")
    bos = SPECIALS.index("<bos>")
    eos = SPECIALS.index("<eos>")

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.encode_special_tokens = True  # "<eos>" in a user's text ends nothing
        added = tokenizer.get_added_tokens_decoder()
        self._tokenizer = tokenizer
        self._special = {token.content: index for index, token in added.items()}
        self._names = [tokenizer.id_to_token(i) or "" for i in range(tokenizer.get_vocab_size())]
        self.unit: Unit = unit_of(tokenizer)
        self.note = ""

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        *,
        unit: str = "auto",
        vocabulary_size: int = 8000,
        min_frequency: int | None = None,
        lowercase: bool = False,
        specials: Sequence[str] = (),
    ) -> TextField:
        """Learn a vocabulary; the same texts give the same bytes of JSON.

        Of more than 50 million characters a sample is read that is even over all texts; then
        ``note`` says so.

        Args:
            texts: the training texts; they are read twice.
            unit: what an id stands for: "subword", "word" (what stands between white space),
                "character" or "byte". "auto" is characters where the median text is one word
                (names), or where texts are short and have few distinct characters (dates,
                sums), else subwords.
            vocabulary_size: the most ids, all special ones and 256 bytes included; "byte" has
                just those.
            min_frequency: how often a word, a character or a merged pair must occur to get an
                id; None is 1 for characters, else 2.
            lowercase: whether case is given up.
            specials: further special pieces, with ids from 4 on.

        Returns:
            The field.

        Raises:
            DataError: there is no text, a special piece stands twice, or the vocabulary is too
                small for the unit.
            UnknownNameError: the unit is unknown.

        Example:
            >>> field = TextField.learn(["anna", "nina"])
            >>> field.unit, field.encode("nan"), field.decode(field.encode("nan"))
            ('character', [4, 5, 4], 'nan')
        """
        recipe = Recipe(unit, vocabulary_size, min_frequency, lowercase, tuple(specials))
        characters = sum(map(len, texts))
        share = MOST_LEARNED / max(characters, 1)
        field = cls(learn_tokenizer(even_sample(texts, share), recipe))
        if share < 1:
            field.note = (
                f"the vocabulary is of {share:.1%} of the training text, {MOST_LEARNED:,} "
                "characters from all over it"
            )
        return field

    @classmethod
    def from_json(cls, text: str) -> TextField:
        """Read what ``to_json`` wrote.

        Args:
            text: the content of a tokenizer.json.

        Returns:
            The field.

        Raises:
            ModelDirectoryError: the JSON is damaged, or is another program's tokenizer.
        """
        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the library raises nothing narrower
            raise ModelDirectoryError(f"tokenizer.json is damaged: {error}") from error
        found = [tokenizer.id_to_token(index) for index in range(len(SPECIALS))]
        if found != list(SPECIALS):
            wanted = ", ".join(SPECIALS)
            raise ModelDirectoryError(
                f"tokenizer.json is not headgate's: ids 0 to 3 are {found}, not {wanted}"
            )
        return cls(tokenizer)

    def __len__(self) -> int:
        return len(self._names)

    def __reduce__(self) -> tuple[Callable[[str], TextField], tuple[str]]:
        """Pickle as JSON: the tokenizer's own pickle forgets how specials are read."""
        return TextField.from_json, (self.to_json(),)

    def to_json(self) -> str:
        """Write the tokenizer.

        Returns:
            The content of a tokenizer.json.
        """
        return self._tokenizer.to_str()

    def extended(
        self, texts: Sequence[str] | Sequence[Document], *, min_frequency: int | None = None
    ) -> tuple[TextField, int]:
        """Learn what further texts have and the vocabulary lacks; every old id keeps its number.

        Subwords and bytes spell any text, so such a field stays as it is.

        Args:
            texts: further training texts, or one document; there may be none.
            min_frequency: how often a new word or character must occur to get an id; None is 2
                for words, 1 for characters.

        Returns:
            The field, whose new ids follow the old ones, and how many are new.

        Example:
            >>> field, count = TextField.learn(["anna", "nina"]).extended(["ian", "ann"])
            >>> count, TextField.learn(["abc"]).extended(["cde"])[0].encode("abcde")
            (0, [4, 5, 6, 7, 8])
        """
        document = texts[0] if len(texts) == 1 else None
        pieces = document if isinstance(document, Document) else texts
        tokenizer, count = grown(
            self._tokenizer,
            pieces,  # type: ignore[arg-type]
            min_frequency=min_frequency,
        )
        return (TextField(tokenizer), count) if count else (self, 0)

    def special(self, name: str) -> int:
        """Look up the id of a special piece.

        Args:
            name: one of the four fixed ones, or of those given to ``learn``.

        Returns:
            The id.

        Raises:
            DataError: there is no such piece.
        """
        if name == SPECIALS[self.unk]:
            return self.unk
        if name not in self._special:
            known = ", ".join([*SPECIALS, *sorted(set(self._special) - set(SPECIALS))])
            raise DataError(f"no special piece {name!r}; known: {known}")
        return self._special[name]

    def encode(self, text: str) -> list[int]:
        """Turn a text to ids; no special one is added.

        Args:
            text: any text.

        Returns:
            One id a piece; none for the empty text.

        Raises:
            DataError: the text has half of a surrogate pair, which is no character.
        """
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Turn texts to ids; no special one is added.

        Args:
            texts: any texts.

        Returns:
            For each text one id a piece.

        Raises:
            DataError: a text has half of a surrogate pair, which is no character; or is no text.
        """
        try:
            if not all(isinstance(text, str) for text in texts):
                raise TypeError  # the library takes a tuple of two for a pair of texts
            with one_thread():
                encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        except TypeError as error:
            bad = next((text for text in texts if not _is_text(text)), texts)
            raise DataError(f"text was wanted, and {bad!a} came") from error
        if self.unit != "word":
            return [encoding.ids for encoding in encodings]
        return [self._without_special(encoding.ids) for encoding in encodings]

    def encode_rows(
        self, texts: Iterable[str], *, longest: int | None = None, least: Sequence[int] = ()
    ) -> Ragged:
        """Turn any number of texts to ids, in bounded memory; no special one is added.

        Args:
            texts: any texts.
            longest: ids of a text that are kept; all where None.
            least: what stands for a text without ids.

        Returns:
            A row of ids for each text; of many texts they lie in a temporary file.

        Raises:
            DataError: a text has half of a surrogate pair, which is no character.
            OutputError: the temporary folder is full.
        """
        rows = self.encode_each(texts)
        return Ragged.of(((row[:longest] or least) for row in rows), limit=IN_MEMORY)

    def encode_each(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """Turn texts to ids as they come; no special one is added.

        Args:
            texts: any texts.

        Yields:
            For each text one id a piece.

        Raises:
            DataError: a text has half of a surrogate pair, which is no character.
        """
        for some in _chunks(texts):
            yield from self.encode_batch(some)

    def _without_special(self, ids: list[int]) -> list[int]:
        """A word of a text that is spelt like a special piece is an unknown word."""
        special = set(self._special.values())
        return [self.unk if index in special else index for index in ids]

    def decode(self, ids: Sequence[int]) -> str:
        """Turn ids to text; special ones are skipped, ``<unk>`` is shown.

        For subwords and bytes, and for characters that are all known, this is the exact inverse
        of ``encode`` on NFC text. Words are joined by single spaces.

        Args:
            ids: as ``encode`` gives, or a model.

        Returns:
            The text; bytes that are no UTF-8 become U+FFFD.

        Raises:
            DataError: an id that the vocabulary does not have.
        """
        for index in ids:
            if not 0 <= index < len(self):
                raise DataError(f"id {index} is not in the vocabulary, which has {len(self)}")
        special = set(self._special.values())
        names = [self._names[index] for index in ids if index not in special]
        if self.unit in ("word", "character"):
            return (" " if self.unit == "word" else "").join(names)
        # Not the library's decoder: for one bad byte it gives up the whole run of bytes.
        return b"".join(_BYTE_OF.get(name) or name.encode() for name in names).decode(
            errors="replace"
        )

    def tokens(self, text: str | Sequence[int]) -> list[str]:
        """Show a text's pieces, one for each id, as a reader knows them.

        Args:
            text: any text, or its ids.

        Returns:
            The pieces with their spaces; the bytes of one character as ``é[1/2]``, ``é[2/2]``, and
            bytes that are of no character as ``<0xC3>``.

        Raises:
            DataError: the text has half of a surrogate pair, which is no character.

        Example:
            >>> TextField.learn(["a"], unit="byte").tokens("aé")
            ['a', 'é[1/2]', 'é[2/2]']
        """
        ids = self.encode(text) if isinstance(text, str) else text
        names = [self._names[index] for index in ids]
        if self.unit in ("word", "character"):
            return names
        runs = groupby(names, key=_BYTE_OF.__contains__)
        return [name for spelt, run in runs for name in (_byte_names(run) if spelt else run)]

    def vocabulary(self) -> tuple[str, ...]:
        """Name every id by itself.

        Returns:
            V different names: a byte among subwords goes by its number, since a letter of the same
            name may stand beside it.
        """
        if self.unit == "byte":
            return tuple(self.tokens([index])[0] for index in range(len(self)))
        return tuple(self._names)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Gather texts until they are many or long."""
    some: list[str] = []
    size = 0
    for text in texts:
        some.append(text)
        size += len(text)
        if len(some) == _AT_ONCE or size >= _LETTERS_AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some


def _byte_names(names: Iterable[str]) -> list[str]:
    """Name the bytes of whole characters: a letter's one byte is the letter."""
    text = b"".join(_BYTE_OF[name] for name in names).decode(errors="surrogateescape")
    return [name for character in text for name in _parts(character)]


def _parts(character: str) -> list[str]:
    """Name the bytes of a character; one that is of none goes by its number."""
    spelt = character.encode(errors="surrogateescape")
    if len(spelt) == 1:
        return [character if character.isascii() else BYTES[spelt[0]]]
    return [f"{character}[{part}/{len(spelt)}]" for part in range(1, len(spelt) + 1)]


def _is_text(text: object) -> bool:
    if not isinstance(text, str):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
