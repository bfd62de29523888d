"""A language model kept running: what comes next, a token at a time."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from headgate.decoding.sampling import Sampling
from headgate.errors import DataError, StreamError
from headgate.models import LanguageModel
from headgate.streaming import Stream
from headgate.tasks.continuation import Chooser, Row
from headgate.tasks.likeliest import LIKELIEST, likeliest_tokens
from headgate.tasks.running_text import RunningText
from headgate.tasks.stream_tokens import shown
from headgate.tasks.token_stream import TokenStream

_LONGEST = 200  # tokens of a line that is answered with
_AT_ONCE = 4096  # tokens of a text
_ANSWERS = Sampling(temperature=0.7, seed=0)


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedToken:
    """What a language model expects next.

    Args:
        log_probabilities: of every token of the vocabulary, in nats, [V].
        text: the names of the tokens.
    """

    log_probabilities: Tensor
    text: RunningText

    @property
    def id(self) -> int:
        """The likeliest token."""
        return int(self.log_probabilities.argmax())

    def likeliest(self, count: int = LIKELIEST) -> list[tuple[str, float]]:
        """Give the likeliest tokens.

        Args:
            count: how many.

        Returns:
            Each token as a reader knows it, and its log-probability in nats, the likeliest first.
        """
        found = likeliest_tokens(self.log_probabilities, self.text.name, count)
        return [(each["token"], each["log_probability"]) for each in found]

    def row(self) -> dict[str, str]:
        """Give the likeliest token as columns of a table.

        Returns:
            The token and its log-probability.
        """
        name, value = self.likeliest(1)[0]
        return {"prediction": name, "log_probability": f"{value:.4f}"}

    def plain(self) -> dict[str, Any]:
        """Give the likeliest tokens as what JSON holds.

        Returns:
            The likeliest: its id, the token, and its log-probability in nats; and five such.
        """
        found = likeliest_tokens(self.log_probabilities, self.text.name)
        return {**found[0], "likeliest": found}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name!r} {math.exp(value):.3f}" for name, value in self.likeliest())
        return f"ExpectedToken({shown})"


class TextStream(TokenStream[ExpectedToken]):
    """A language model that reads tokens and says after each what it expects next.

    Where it begins, the mark that stands before every text was read already. The network is
    copied: what training does to it later changes nothing.

    Args:
        stream: the network's parts.
        network: the network, for its head.
        text: its ids.
    """

    def __init__(self, stream: Stream, network: LanguageModel, text: RunningText) -> None:
        super().__init__(stream, text.field, self._expected)
        self.network, self.running = network, text

    @classmethod
    def of(
        cls,
        network: LanguageModel,
        text: RunningText,
        *,
        rows: int | None,
        rewind: int,
        quantize: str | None,
    ) -> TextStream:
        """Begin a text.

        Args:
            network: the network.
            text: its ids.
            rows: streams that step together; None for one by itself.
            rewind: how many tokens can be taken back.
            quantize: "int8" keeps the matrices as bytes, those of an adaptive softmax excepted.

        Returns:
            The stream.
        """
        network = copy.deepcopy(network).eval()
        stream = Stream(*network.parts, rows=rows, rewind=rewind, quantize=quantize)
        begun = cls(stream, network, text)
        begun.reset()
        return begun

    def _expected(self, out: Tensor) -> list[ExpectedToken]:
        # memory of its own: a product of torch may have other bits where its rows begin elsewhere
        found = self.network.log_probabilities(out.clone())
        return [ExpectedToken(each, self.running) for each in found]

    @property
    def position(self) -> int | list[int]:
        """The tokens read since the beginning; of each row where there are rows."""
        taken = self.stream.position
        return taken - 1 if isinstance(taken, int) else [each - 1 for each in taken]

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Begin a new text.

        Args:
            rows: these rows only; all where None.
        """
        if rows is None:
            self.stream.reset()
            start = self.running.start
            self.stream.step(start if self.rows is None else [start] * self.rows)
            self.stream.state = self.stream.state  # the mark is not to be taken back
            return
        self.stream.reset(rows)
        parts = self.split()
        for row in rows:
            parts[row].reset()
        self.stream = self.join(parts).stream

    def read(self, text: str) -> Tensor:
        """Read a text.

        Args:
            text: the text, of a token at least.

        Returns:
            What the network's parts give after it.

        Raises:
            DataError: it has no token, or characters that are unknown.
            StreamError: there are rows.
        """
        return self._read(self._prompt(text))

    def begin(self, source: Any) -> None:
        """Begin a new text with one that is read first.

        Args:
            source: the text, of a token at least.

        Raises:
            DataError: it is no text, has no token, or characters that are unknown.
            StreamError: there are rows. In both cases the stream is as it was.
        """
        ids = self._prompt(source)
        self.reset()
        self._read(ids)

    def _prompt(self, text: Any) -> list[int]:
        if self.rows is not None:
            raise StreamError(
                f"a text is read by one stream, and this one has {self.rows} rows: give each row "
                "its tokens, in steps"
            )
        if not isinstance(text, str):
            raise DataError(f"a text was wanted, and {shown(text)} came")
        ids = self.running.prompt(text)
        if not ids:
            raise DataError(f"{text!r:.80} has no token, so there is nothing to read")
        return ids

    def _read(self, ids: list[int]) -> Tensor:
        pieces = [ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE)]
        return [self.stream.steps(torch.tensor(piece))[-1] for piece in pieces][-1]

    @torch.inference_mode()
    def answer(self, line: str, sampling: Sampling = _ANSWERS) -> Iterator[str]:
        """Read a line and go on to its end; an empty one begins anew.

        Args:
            line: the beginning of the line.
            sampling: how each token is chosen.

        Yields:
            How the line goes on, in pieces.
        """
        if not line.strip():
            self.reset()
            return
        out, text = self.read(line), self.running
        chooser = Chooser(self.network, text, sampling)
        row, token = Row(text, text.prompt(line), stop=["\n"], length=_LONGEST), text.start
        while row.open:
            [token] = chooser.choose(out[None], [row.seen], [0])
            said = row.take(token)
            if said:
                yield said
            if token != text.end:
                out = self.stream.step(token)
        if token == text.end:
            self.reset()
        elif not row.left:
            self.stream.step(text.start)  # too long a line ends here

    def _over(self, stream: Stream) -> TextStream:
        return TextStream(stream, self.network, self.running)
