"""A model of texts kept running: a token at a time, with its answer after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import index
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from headgate.data.fields import TextField
from headgate.errors import DataError, ShapeError
from headgate.streaming import Stream
from headgate.tasks.kept_stream import RowStream
from headgate.tasks.stream_tokens import listed, shown

Answer = TypeVar("Answer")
Token = str | int
_AT_ONCE = 4096  # tokens of a line
_SHOWN = 10  # tokens that a message names


def token_id(text: TextField, token: Any) -> int:
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
            pieces = [repr(piece) for piece in text.tokens(ids[:_SHOWN])] or ["none"]
            few = ", ".join(pieces) + ", …" * (len(ids) > _SHOWN)
            raise DataError(f"a step takes one token, but {shown(token)} is {len(ids)}: {few}")
        return ids[0]
    try:
        found = -1 if isinstance(token, bool) else index(token)
    except TypeError:
        found = -1
    if not 0 <= found < len(text):
        raise DataError(
            f"a token is a text, or an id from 0 to {len(text) - 1}, not {shown(token)}"
        )
    return found


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

    def given(self, token: Any) -> int | list[int]:
        """Look one token up.

        Args:
            token: a text of one token, or an id; where there are rows one for each.

        Returns:
            Its id; where there are rows a list of them.

        Raises:
            DataError: it is no token.
            ShapeError: there are not as many as rows.
        """
        return self._row(token) if self.rows is not None else token_id(self.text, token)  # type: ignore[arg-type]

    def said(self, out: Tensor) -> Any:
        """Give the answer to all that was read."""
        return self._said(out[None])[0] if self.rows is None else self._said(out)

    def steps(self, chunk: Any) -> list[Any]:
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
            rows = [*map(self._row, listed(chunk, "steps, each of them a token for each row"))]
            return [self._said(each) for each in self.stream.steps(rows)] if rows else []
        ids = self.tokens(chunk)
        return self._said(self.stream.steps(torch.tensor(ids))) if ids else []

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
        ids = self.tokens(f" {line}" if self.position else line)
        if not ids:
            raise DataError(f"{line!r:.80} has no token, so there is nothing to answer")
        pieces = [ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE)]
        *before, last = map(torch.tensor, pieces)
        for piece in before:
            self.stream.steps(piece)
        said: Any = self._said(self.stream.steps(last)[-1:])[0]
        yield "\t".join([*said.row().values()][:2])

    def tokens(self, chunk: Any) -> list[int]:
        """Part a text, or tokens, into ids."""
        if isinstance(chunk, str):
            return self.text.encode(chunk)
        return [token_id(self.text, token) for token in listed(chunk, "a text, or tokens")]

    def _row(self, tokens: Any) -> list[int]:
        wanted = f"there are {self.rows} rows: give a token for each"
        found = [token_id(self.text, token) for token in listed(tokens, wanted)]
        if len(found) != self.rows:
            raise ShapeError(f"{wanted}, not {len(found)}")
        return found

    @torch.inference_mode()
    def _said(self, out: Tensor) -> list[Answer]:
        return self._answers(out)

    def _over(self, stream: Stream) -> TokenStream[Answer]:
        return TokenStream(stream, self.text, self._answers)
