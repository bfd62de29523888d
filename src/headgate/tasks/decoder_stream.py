"""A decoder kept running over one source: what comes next, a token at a time."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from headgate.data.fields import TextField
from headgate.errors import DataError, StreamError
from headgate.models.memory import Memory
from headgate.streaming import Stream
from headgate.tasks.kept_stream import KeptStream
from headgate.tasks.likeliest import likeliest_tokens
from headgate.tasks.pair_search import with_copies, words_of
from headgate.tasks.stream_tokens import listed
from headgate.tasks.token_stream import Token, token_id

if TYPE_CHECKING:
    from headgate.tasks.pairs import Pairs


@dataclass(frozen=True, eq=False, repr=False)
class NextToken:
    """What a decoder expects next.

    Args:
        log_probabilities: of every token of the vocabulary, [V].
        attention: how it looked at each token of the source, [S]; None without attention.
        text: ids to tokens.
    """

    log_probabilities: Tensor
    attention: Tensor | None
    text: TextField

    @property
    def id(self) -> int:
        """The likeliest token."""
        return int(self.log_probabilities.argmax())

    def plain(self) -> dict[str, Any]:
        """Give the likeliest tokens as what JSON holds.

        Returns:
            The likeliest: its id, the token, and its log-probability in nats; five such; and the
            attention, a number for each token of the source, None without attention.
        """
        found = likeliest_tokens(self.log_probabilities, lambda index: self.text.tokens([index])[0])
        looked = None if self.attention is None else self.attention.tolist()
        return {**found[0], "likeliest": found, "attention": looked}

    def __repr__(self) -> str:
        return f"NextToken(id={self.id}, log_probability={self.log_probabilities.max():.4f})"


class DecoderStream(KeptStream):
    """The decoder of a model over one source, which is read whole before the first step.

    The network is copied: what training does to it later changes nothing.

    Args:
        task: the translator, or another task from text to text.
        rewind: how many steps can be taken back.

    Raises:
        StreamError: what the decoder saw at one step goes into the next.
    """

    def __init__(self, task: Pairs, *, rewind: int = 0) -> None:
        order = task.settings.order
        if order != "luong":
            raise StreamError(
                f"a decoder in the order {order!r} takes what it looked at into its layers, which "
                "makes it no chain of layers: train with order=luong to stream, or use predict"
            )
        self.task, self.network = task, copy.deepcopy(task.network).eval()
        self.stream = Stream(self.network.target, self.network.decoder, rewind=rewind)
        self._own = f"{self.stream.identity} {_digest(self.network)}"
        self._memory: Memory | None = None

    @torch.inference_mode()
    def begin(self, source: Any) -> None:
        """Read a source; what was before is forgotten.

        Args:
            source: the text.

        Raises:
            DataError: it is empty.
        """
        if not isinstance(source, str) or not source.strip():
            raise DataError("the source is empty, so there is nothing to begin with")
        ids = self.task.encode([source])
        self._memory = self.network.encode(torch.tensor(ids), torch.tensor([len(ids[0])]))
        # a state goes on over its own source alone
        self.stream.identity = hashlib.sha256(f"{self._own} {ids[0]}".encode()).hexdigest()
        self.reset()

    def reset(self) -> None:
        """Begin anew with the same source."""
        memory = self._begun()
        layers = range(memory.states[0].shape[0])
        states = [state[layer] for layer in layers for state in memory.states]
        self.stream.reset()
        self.stream.place(torch.cat(states, -1))

    def _begun(self) -> Memory:
        if self._memory is None:
            raise StreamError(
                "a translator reads its source before its first step: model.stream(source=…), or "
                "stream.begin(…)"
            )
        return self._memory

    def step(self, token: Token | None = None) -> NextToken:
        """Give one token of the target.

        Args:
            token: a text of one token, or an id; None is the beginning mark, which comes first.

        Returns:
            What is expected after it.

        Raises:
            DataError: it is no token.
            StreamError: there is no source yet.
        """
        return super().step(token)

    def given(self, token: Any) -> int:
        """Look one token of the target up.

        Args:
            token: a text of one token, or an id; None is the beginning mark, which comes first.

        Returns:
            Its id.

        Raises:
            DataError: it is no token.
            StreamError: there is no source yet.
        """
        self._begun()
        return self.task.target.bos if token is None else token_id(self.task.target, token)

    @torch.inference_mode()
    def said(self, out: Tensor) -> NextToken:
        """Give what is expected after a token."""
        # memory of its own: a product of torch may have other bits where its rows begin elsewhere
        features, weights = self.network.look(out.clone()[None, None], self._begun())
        expected = self.network.logits(features[0, 0]).log_softmax(-1)
        looked = None if weights is None else weights[0, 0]
        return NextToken(expected, looked, self.task.target)

    def steps(self, chunk: Any) -> list[NextToken]:
        """Give several tokens of the target.

        Args:
            chunk: a text; or texts of one token each, ids, and None for the beginning mark.

        Returns:
            What is expected after each.

        Raises:
            DataError: one is no token.
            StreamError: there is no source yet.
        """
        self._begun()
        ids = torch.tensor([self.given(each) for each in self.tokens(chunk)], dtype=torch.int64)
        # one after the other, so that a cut changes no bit
        return [self.said(out) for out in self.stream.steps(ids)]

    def tokens(self, chunk: Any) -> list[Any]:
        """Part a text of the target into ids."""
        text = isinstance(chunk, str)
        return self.task.target.encode(chunk) if text else listed(chunk, "a text, or tokens")

    def answer(self, line: str) -> Iterator[str]:
        """Translate a line by the likeliest tokens.

        Args:
            line: the source; an empty one has no answer.

        Yields:
            The translation, in pieces, each as soon as it is known.
        """
        if not line.strip():
            return
        self.begin(line)
        target, ids, said = self.task.target, list[int](), ""
        places, words = list[int](), words_of(line)
        following = self.step()
        most = max(self.task.kept.length, self.task.settings.min_length) + 1
        while len(ids) < most:
            token = self._likeliest(following, len(ids))
            if token == target.eos:
                break
            ids.append(token)
            looked = following.attention
            places.append(0 if looked is None else int(looked.argmax()))
            copies = self.task.copies and len(words) > max(places)
            whole = with_copies(target, ids, words, places) if copies else target.decode(ids)
            # of a character in bytes the last ones are still to come
            if whole.startswith(said) and not whole.endswith("\N{REPLACEMENT CHARACTER}"):
                yield whole[len(said) :]
                said = whole
            following = self.step(token)

    def _likeliest(self, following: NextToken, count: int) -> int:
        """The token that greedy search takes after so many."""
        expected, target = following.log_probabilities.clone(), self.task.target
        expected[[target.pad, target.bos]] = -math.inf
        if count < self.task.settings.min_length:
            expected[target.eos] = -math.inf
        return int(expected.argmax())

    def fork(self) -> DecoderStream:
        """Give a stream that goes on from here by itself, over the same source.

        Returns:
            The other stream.
        """
        other = object.__new__(DecoderStream)
        other.task, other.network = self.task, self.network
        other.stream, other._own, other._memory = self.stream.fork(), self._own, self._memory
        return other


def _digest(network: nn.Module) -> str:
    found = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        found.update(name.encode())
        found.update(tensor.cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
