"""Text that goes on: token by token, given out in pieces as soon as they are sure."""

from __future__ import annotations

import codecs
import math
import unicodedata
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from headgate.decoding.sampling import Sampling, draw
from headgate.errors import DataError, ShapeError
from headgate.models import LanguageModel
from headgate.models.adaptive import AdaptiveSoftmax
from headgate.streaming import Stream
from headgate.tasks.running_text import RunningText


class Speller:
    """Ids to text, a piece at a time, never half a character.

    Args:
        text: how ids are spelt.
        before: the text that the pieces go on from.
    """

    def __init__(self, text: RunningText, before: str = "") -> None:
        self.text = text
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._inside = bool(before) and not before.endswith(("\n", " "))  # of a line, for words

    def give(self, token: int) -> str:
        """Take a token.

        Args:
            token: its id.

        Returns:
            What is sure by now, perhaps nothing.
        """
        if not self.text.words:
            return self._utf8.decode(self.text.spellings[token])
        if token == self.text.field.eos:
            self._inside = False
            return "\n"
        space, self._inside = " " * self._inside, True
        return space + self.text.spellings[token].decode()

    def close(self) -> str:
        """End the text.

        Returns:
            What of a character has come, as U+FFFD; mostly nothing.
        """
        return self._utf8.decode(b"", final=True)


class Stops:
    """Hold text back as long as it may become a stop string.

    Args:
        stops: the strings that end a text and are not given out; none is empty. They are brought
            to NFC, as the texts are that a model learns from.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.stops = tuple(unicodedata.normalize("NFC", stop) for stop in stops)
        self.held, self.met = "", False

    def give(self, piece: str) -> str:
        """Take a piece of text.

        Args:
            piece: what comes next.

        Returns:
            What can be given out by now; ``met`` says whether a stop string has come.
        """
        self.held += piece
        places = [(self.held.find(stop), len(stop)) for stop in self.stops]
        found = [(place + size, place) for place, size in places if place >= 0]
        if found:  # the one that is whole first, however the text is cut into pieces
            sure, self.held, self.met = self.held[: min(found)[1]], "", True
            return sure
        kept = max((_overlap(self.held, stop) for stop in self.stops), default=0)
        sure, self.held = self.held[: len(self.held) - kept], self.held[len(self.held) - kept :]
        return sure


def _overlap(text: str, stop: str) -> int:
    """Count the characters at a text's end that a stop string begins with."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)


class Row:
    """One text on its way.

    Args:
        text: how ids are spelt.
        before: the ids that were read.
        stop: the strings that end the text.
        length: tokens at most.
    """

    def __init__(
        self, text: RunningText, before: Sequence[int], *, stop: Sequence[str], length: int
    ) -> None:
        self.end, self.left, self.open = text.end, length, length > 0
        self.seen = list(before)
        self._speller = Speller(text, _last_spelt(text, before))
        self._stops = Stops(stop)

    def take(self, token: int) -> str:
        """Go on by a token.

        Args:
            token: its id.

        Returns:
            What can be given out by now.
        """
        self.left -= 1
        self.seen.append(token)
        if token == self.end:
            return self._close("")
        said = self._stops.give(self._speller.give(token))
        self.open = self.left > 0 and not self._stops.met
        return said if self.open or self._stops.met else self._close(said)

    def _close(self, said: str) -> str:
        """End the text: what might have become a stop string did not."""
        self.open = False
        said += self._stops.give(self._speller.close())
        return said if self._stops.met else said + self._stops.held


def _last_spelt(text: RunningText, before: Sequence[int]) -> str:
    """Give the text of the last id, so that a word knows whether a space comes before it."""
    if not text.words or not before:
        return ""
    return "\n" if before[-1] == text.field.eos else "a word"


def check_length(length: int, stop: Sequence[str]) -> None:
    """Refuse what no text can end by.

    Args:
        length: tokens at most.
        stop: strings that end a text.

    Raises:
        ShapeError: the length is no number of tokens.
        DataError: the strings came as one, or one of them is empty.
    """
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise ShapeError(f"length is a number of tokens, 0 or more, not {length!r}")
    if isinstance(stop, str):
        raise DataError(f"stop strings come as a list: [{stop!r}], not {stop!r}")
    if "" in stop:
        raise DataError("a stop string is empty, and would end every text before it begins")


class Chooser:
    """Choose the next token of each row.

    Args:
        network: the language model, for its head.
        text: its ids.
        sampling: how to choose.
        numbers: of the rows: row r draws with the seed of the sampling + its number.
    """

    def __init__(
        self,
        network: LanguageModel,
        text: RunningText,
        sampling: Sampling,
        *,
        numbers: Sequence[int] = (0,),
    ) -> None:
        self.network, self.sampling = network, sampling
        self.never = torch.tensor(text.never)
        self.chance = [sampling.generator(number) for number in numbers]

    def choose(self, out: Tensor, seen: Sequence[Sequence[int]], rows: Sequence[int]) -> list[int]:
        """Choose a token for some rows.

        Args:
            out: what the network's parts gave, [K, V] or [K, N].
            seen: the tokens of each of these rows.
            rows: which of the rows they are.

        Returns:
            One token a row.
        """
        adaptive = isinstance(self.network.output, AdaptiveSoftmax)
        logits = self.network.log_probabilities(out) if adaptive else out.clone()
        logits[:, self.never] = -math.inf
        shares = self.sampling.probabilities(logits, seen)
        return draw(shares, [self.chance[row] for row in rows]).tolist()


@torch.inference_mode()
def continue_text(
    network: LanguageModel,
    text: RunningText,
    prompt: Sequence[int],
    *,
    length: int,
    sampling: Sampling,
    stop: Sequence[str] = (),
) -> Iterator[str]:
    """Go on from a beginning.

    Args:
        network: the language model, in evaluation mode.
        text: its ids.
        prompt: the beginning's ids; there may be none.
        length: tokens at most.
        sampling: how each is chosen.
        stop: strings that end the text, and are not given out.

    Yields:
        Pieces of text, each as soon as it is sure; none is empty.
    """
    row = Row(text, prompt, stop=stop, length=length)
    chooser = Chooser(network, text, sampling)
    stream = Stream(*network.parts)
    out = stream.steps(torch.tensor([text.start, *prompt]))[-1]
    while row.open:
        [token] = chooser.choose(out[None], [row.seen], [0])
        said = row.take(token)
        if said:
            yield said
        if row.open:
            out = stream.step(token)


@torch.inference_mode()
def complete_texts(
    chooser: Chooser,
    text: RunningText,
    prompts: Sequence[Sequence[int]],
    *,
    length: int,
    stop: Sequence[str] = (),
) -> list[str]:
    """Go on from several beginnings, side by side; each as it would alone.

    Args:
        chooser: chooses the tokens of as many rows; its network is in evaluation mode.
        text: its ids.
        prompts: the ids of the beginnings.
        length: tokens of each at most.
        stop: strings that end a text, and are not given out.

    Returns:
        What comes after each.
    """
    rows = [Row(text, ids, stop=stop, length=length) for ids in prompts]
    said = [""] * len(rows)
    alive = [r for r, row in enumerate(rows) if row.open]
    if not alive:
        return said
    blank = Stream(*chooser.network.parts)
    streams = [blank.fork() for _ in alive]
    read = [torch.tensor([text.start, *prompts[r]]) for r in alive]
    out = torch.stack([each.steps(ids)[-1] for each, ids in zip(streams, read, strict=True)])
    stream = Stream.join(streams)
    while alive:
        tokens = chooser.choose(out, [rows[r].seen for r in alive], alive)
        for r, token in zip(alive, tokens, strict=True):
            said[r] += rows[r].take(token)
        going = [k for k, r in enumerate(alive) if rows[r].open]
        if 0 < len(going) < len(alive):
            parts = stream.split()
            stream = Stream.join([parts[k] for k in going])
        alive = [alive[k] for k in going]
        if alive:
            out = stream.step(torch.tensor([tokens[k] for k in going]))
    return said
