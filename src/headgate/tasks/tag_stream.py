"""A tagger kept running: a word at a time, with its tag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from headgate.errors import DataError
from headgate.models.tagger import Tagger
from headgate.streaming import Stream
from headgate.tasks.kept_stream import RowStream
from headgate.tasks.stream_tokens import listed, shown
from headgate.tasks.tag_encoding import Reader
from headgate.tasks.tagging import split_words


class TagStream(RowStream):
    """A tagger of one direction that reads words and tags each when it comes.

    It equals the tags of the whole text; what is longer than the model's ``longest`` is read in
    pieces by ``predict``, but not by a stream.

    Args:
        stream: the layers after the words' features.
        network: the tagger, for those features.
        reader: the vocabularies.
        tags: the tags' names.
    """

    def __init__(
        self, stream: Stream, network: Tagger, reader: Reader, tags: Sequence[str]
    ) -> None:
        self.stream, self.network, self.reader, self.tags = stream, network, reader, tags

    def given(self, token: Any) -> Tensor:
        """Look one word up.

        Args:
            token: a word; where there are rows one for each.

        Returns:
            Its features, [M]; where there are rows [B, M].

        Raises:
            DataError: it is no word, or there are not as many as rows.
        """
        return self._features([self._row(token)])[0]

    def said(self, out: Tensor) -> Any:
        """Give the tag of the word; where there are rows a list of them."""
        found = self._said(out)
        return found[0] if self.rows is None else found

    def steps(self, chunk: Any) -> list[Any]:
        """Read several words.

        Args:
            chunk: a text, or words; where there are rows, for each step a word for each row.

        Returns:
            The tag of each.

        Raises:
            DataError: something in it is no word.
        """
        words = self.tokens(chunk)
        if not words:
            return []
        out = self.stream.steps(self._features([self._row(word) for word in words]))
        return self._said(out) if self.rows is None else [self._said(each) for each in out]

    def tokens(self, chunk: Any) -> list[Any]:
        """Part a text into words."""
        return split_words(chunk) if isinstance(chunk, str) else listed(chunk, "a text, or words")

    def answer(self, line: str) -> Iterator[str]:
        """Tag a line of text, which goes on with the last; an empty one begins anew.

        Args:
            line: the text.

        Yields:
            Each word with its tag, a blank after all but the last.
        """
        words = split_words(line)
        if not words:
            self.reset()
            return
        for place, word in enumerate(words, start=1):
            yield f"{word}/{self.step(word)}{' ' * (place < len(words))}"

    def _row(self, words: Any) -> list[str]:
        """Give the words of one step, one for each row."""
        wanted = "a word" if self.rows is None else f"a word for each of {self.rows} rows"
        row = [words] if self.rows is None else listed(words, wanted)
        if len(row) != (self.rows or 1) or not all(_is_word(w) for w in row):
            raise DataError(f"a step takes {wanted}, not {shown(words)}")
        return row

    @torch.inference_mode()
    def _features(self, steps: list[list[str]]) -> Tensor:
        """Give what the layers read: [T, M], or [T, K, M] where there are rows."""
        encoded = self.reader.encode([list(row) for row in zip(*steps, strict=True)])
        device = next(self.network.parameters()).device
        batch = encoded.batch(range(len(encoded.ids)), device)
        found = self.network.features(batch)
        return found[:, 0] if self.rows is None else found

    def _said(self, scores: Tensor) -> list[str]:
        best: list[int] = scores.reshape(-1, len(self.tags)).argmax(1).tolist()
        return [self.tags[number] for number in best]

    def _over(self, stream: Stream) -> TagStream:
        return TagStream(stream, self.network, self.reader, self.tags)


def _is_word(word: object) -> bool:
    return isinstance(word, str) and bool(word.strip())
