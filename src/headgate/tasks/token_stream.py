"""A model of texts kept running: a token at a time, with its answer after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import index
from typing import Any, Generic, SupportsIndex, TypeVar

import torch
from torch import Tensor

from headgate.data.fields import TextField
from headgate.errors import DataError
from headgate.streaming import Stream
from headgate.tasks.kept_stream import RowStream

Answer = TypeVar("Answer")
Token = str | int
_AT_ONCE = 4096  # tokens of a line


def token_id(text: TextField, token: Token) -> int:
    """Look a token up.

    Args:
        text: text to ids.
        token: its id, or a text of one token.

    Returns:
        The id.

    Raises:
        DataError: the text is no token, or several; the id is not in the vocabulary.
    """
    if isinstance(token, str):
        ids = text.encode(token)
        if len(ids) != 1:
            shown = ", ".join(map(repr, text.tokens(ids))) or "none"
            raise DataError(f"a step takes one token, but {token!r} is {len(ids)}: {shown}")
        return ids[0]
    whole = isinstance(token, SupportsIndex) and not isinstance(token, bool)
    if not whole or not 0 <= index(token) < len(text):
        raise DataError(f"a token is a text, or an id from 0 to {len(text) - 1}, not {token!r}")
    return index(token)


class TokenStream(RowStream, Generic[Answer]):
    """A model that reads tokens and answers after each of them, as of the text so far.

    It equals the model's answer to the whole text, however that is cut between tokens. A text that
    is cut inside a word may have other tokens than the whole has; and what is longer than the
    model's ``longest`` is cut off by ``predict``, but not by a stream.

    Args:
        stream: the network.
        text: text to ids.
        answers: from what comes out, [K, V], to K answers.
    """

    def __init__(
        self, stream: Stream, text: TextField, answers: Callable[[Tensor], list[Answer]]
    ) -> None:
        self.stream, self.text, self._answers = stream, text, answers

    def step(self, token: Token | Sequence[Token]) -> Any:
        """Read one token.

        Args:
            token: a text of one token, or an id; where there are rows one for each.

        Returns:
            The answer after it; where there are rows a list of them.

        Raises:
            DataError: it is no token.
            ShapeError: there are not as many as rows.
        """
        if self.rows is None:
            ids = token_id(self.text, token)  # type: ignore[arg-type]
            return self._said(self.stream.step(ids)[None])[0]
        return self._said(self.stream.step(self._row(token)))

    def steps(self, chunk: str | Sequence[Any]) -> list[Any]:
        """Read several tokens.

        Args:
            chunk: a text, or tokens; where there are rows, for each step a token for each row.

        Returns:
            The answer after each.

        Raises:
            DataError: something in it is no token.
            ShapeError: a step has not as many tokens as there are rows.
        """
        if self.rows is not None:
            return [self._said(each) for each in self.stream.steps([*map(self._row, chunk)])]
        ids = self._ids(chunk)
        return self._said(self.stream.steps(torch.tensor(ids, dtype=torch.int64)))

    def answer(self, line: str) -> Iterator[str]:
        """Go on with a line of text, a space between it and the last; an empty one begins anew.

        Args:
            line: the text.

        Yields:
            What is said of all that was read, in pieces.
        """
        if not line.strip():
            self.reset()
            return
        ids = self._ids(f" {line}" if self.position else line)
        if not ids:
            raise DataError(f"{line!r:.80} has no token, so there is nothing to answer")
        pieces = [ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE)]
        *before, last = map(torch.tensor, pieces)
        for piece in before:
            self.stream.steps(piece)
        said: Any = self._said(self.stream.steps(last)[-1:])[0]
        yield "\t".join([*said.row().values()][:2])

    def _ids(self, chunk: str | Sequence[Token]) -> list[int]:
        if isinstance(chunk, str):
            return self.text.encode(chunk)
        return [token_id(self.text, token) for token in chunk]

    def _row(self, tokens: Any) -> list[int]:
        if isinstance(tokens, (str, int)):
            raise DataError(f"there are {self.rows} rows: give a token for each, not {tokens!r}")
        return [token_id(self.text, token) for token in tokens]

    @torch.inference_mode()
    def _said(self, out: Tensor) -> list[Answer]:
        return self._answers(out)

    def _over(self, stream: Stream) -> TokenStream[Answer]:
        return TokenStream(stream, self.text, self._answers)
