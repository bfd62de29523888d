"""Many to many, aligned: each token of a sentence to its tag."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from headgate.errors import UnknownNameError
from headgate.layers import CRF, Linear, Recurrent
from headgate.models.embedding import TokenEmbedding

READERS = ("convolution", "recurrent")
_LEAST = 1e-30  # a probability that has a logarithm
_WIDTH = 3  # letters that a convolution sees at once


class Sentences(NamedTuple):
    """A batch of sentences.

    A word is spelt once, however often it comes: ``letters`` has each distinct word, and
    ``places`` says which of them stands where.

    Args:
        ids: the words' ids, [B, T].
        lengths: words of each sentence, [B], each at least 1.
        letters: the letters' ids of each distinct word, by distinct word and place in it.
        sizes: letters of each distinct word, each at least 1.
        places: the row in ``letters`` of each word, [B, T].
    """

    ids: Int[Tensor, "B T"]
    lengths: Int[Tensor, "B"]
    letters: Int[Tensor, "J _"]
    sizes: Int[Tensor, "J"]
    places: Int[Tensor, "B T"]


class Spelling(nn.Module):
    """The letters of a word to a vector of the word.

    Args:
        letters: number of distinct letters V.
        letter_size: features of a letter.
        size: features E of a word.
        reader: "recurrent", the last states of a GRU in both directions (Ling 2015); or
            "convolution", the greatest value of each filter over the word (dos Santos 2014).

    Raises:
        UnknownNameError: no reader has that name.
    """

    def __init__(
        self,
        letters: int,
        letter_size: int,
        size: int,
        *,
        reader: str = "recurrent",
    ) -> None:
        super().__init__()
        if reader not in READERS:
            raise UnknownNameError("reader of letters", reader, READERS)
        self.embedding = TokenEmbedding(letters, letter_size)
        self.recurrent = self.convolution = None
        if reader == "recurrent":
            self.recurrent = Recurrent("gru", letter_size, -(-size // 2), bidirectional=True)
            self.output_size = self.recurrent.output_size
        else:
            self.convolution = nn.Conv1d(letter_size, size, _WIDTH, padding=_WIDTH // 2)
            self.output_size = size

    def forward(self, letters: Int[Tensor, "J _"], sizes: Int[Tensor, "J"]) -> Float[Tensor, "J E"]:
        """Read words.

        Args:
            letters: the letters' ids of each word, padded with 0.
            sizes: letters of each word.

        Returns:
            A vector of E features a word.
        """
        x = self.embedding(letters)
        if self.recurrent is not None:
            _, last = self.recurrent(x, lengths=sizes)[:2]
            assert isinstance(last, Tensor)
            return torch.cat([last[0], last[1]], 1)
        assert self.convolution is not None
        found = self.convolution(x.permute(1, 2, 0))  # the padding's vector is zero
        past = torch.arange(found.shape[2], device=x.device) >= sizes.to(x.device)[:, None, None]
        return found.masked_fill(past, -torch.inf).amax(2).relu()


class Tagger(nn.Module):
    """Words and their letters, recurrent layers, and a linear layer over the tags; perhaps a CRF.

    What stands past a sentence's end, and its neighbours in the batch, change no tag of it.

    Args:
        embedding: from words to vectors.
        spelling: from letters to vectors, which stand beside the words' own; or None.
        recurrent: any cell, time first.
        tags: number of tags L.
        crf: chooses the tags of a sentence together; where None each is chosen by itself.
        dropout: the probability that a unit is dropped, of what the layers read and of what they
            give.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        spelling: Spelling | None,
        recurrent: Recurrent,
        *,
        tags: int,
        crf: CRF | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding, self.spelling, self.recurrent = embedding, spelling, recurrent
        self.crf, self.dropout = crf, nn.Dropout(dropout)
        self.head = nn.Sequential(nn.Dropout(dropout), Linear(recurrent.output_size, tags))

    def features(self, batch: Sentences) -> Float[Tensor, "T B M"]:
        """Give what the recurrent layers read.

        Args:
            batch: the sentences.

        Returns:
            Features of each word, [T, B, M].
        """
        x = self.embedding(batch.ids)
        if self.spelling is not None:
            spelt = self.spelling(batch.letters, batch.sizes)
            x = torch.cat([x, functional.embedding(batch.places.T, spelt)], 2)
        return self.dropout(x)

    def forward(self, batch: Sentences) -> Float[Tensor, "T B L"]:
        """Score the tags of every word.

        Args:
            batch: the sentences.

        Returns:
            A score of each tag, [T, B, L]; past a sentence's end it means nothing.
        """
        y = self.recurrent(self.features(batch), lengths=batch.lengths)[0]
        return self.head(y)

    def loss(
        self, scores: Float[Tensor, "T B L"], tags: Int[Tensor, "B T"], lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, ""]:
        """Give the mean negative log-likelihood of a token's tag.

        Args:
            scores: what ``forward`` gives, [T, B, L].
            tags: the tags that are wanted, [B, T].
            lengths: words of each sentence, [B].

        Returns:
            The loss in nats a token, a scalar.
        """
        if self.crf is not None:
            return -self.crf(scores, tags.T, lengths).sum() / lengths.sum()
        real = torch.arange(scores.shape[0], device=scores.device)[:, None] < lengths.to(
            tags.device
        )
        return functional.cross_entropy(scores[real], tags.T[real])

    def log_probabilities(self, scores: Float[Tensor, "T B L"]) -> Float[Tensor, "T B L"]:
        """Give the log-probability of each tag of each word, whatever the other words' tags are.

        Args:
            scores: what ``forward`` gives, of sentences of T words.

        Returns:
            Log-probabilities, [T, B, L]; of a tag that cannot be, a very small one.
        """
        if self.crf is None:
            return scores.log_softmax(2)
        return self.crf.marginals(scores).clamp_min(_LEAST).log()

    def decode(self, scores: Float[Tensor, "T B L"], lengths: Int[Tensor, "B"]) -> list[list[int]]:
        """Choose tags.

        Args:
            scores: what ``forward`` gives, [T, B, L].
            lengths: words of each sentence, [B].

        Returns:
            The tags of each sentence.
        """
        if self.crf is not None:
            return self.crf.decode(scores, lengths)[0]
        best = scores.argmax(2).T.tolist()
        return [row[:size] for row, size in zip(best, lengths.tolist(), strict=True)]
