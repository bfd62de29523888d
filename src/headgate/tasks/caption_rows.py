"""Captions by picture: a picture is seen once, however many captions it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from headgate.data.batches import Batches
from headgate.data.examples import Examples, key_of
from headgate.data.fields import TextField
from headgate.data.frames import Frames
from headgate.data.ragged import Ragged
from headgate.models import Captioner
from headgate.tasks.caption_sight import Sight
from headgate.tasks.pair_learner import expected_of

_AT_ONCE = 32  # pictures that are judged together


@dataclass(frozen=True)
class Grouped:
    """Rows of a manifest by their pictures.

    Args:
        inputs: each picture once.
        captions: the rows of each picture.
    """

    inputs: list[Any]
    captions: list[list[int]]

    @classmethod
    def of(cls, examples: Examples) -> Grouped:
        """Group rows.

        Args:
            examples: pictures, or features, and captions.

        Returns:
            The groups, in the order in which their first rows come.
        """
        found: dict[str, list[int]] = {}
        for row, each in enumerate(examples.inputs):
            found.setdefault(key_of(each), []).append(row)
        return cls([examples.inputs[rows[0]] for rows in found.values()], list(found.values()))


@dataclass(frozen=True)
class CaptionRows:
    """Pictures with the ids of their captions.

    Args:
        sources: what is seen of each picture.
        captions: the numbers of each picture's captions.
        ids: of each caption, without marks.
    """

    sources: Frames
    captions: list[list[int]]
    ids: Ragged

    @classmethod
    def of(
        cls, examples: Examples, sight: Sight, field: TextField, *, longest: int | None = None
    ) -> CaptionRows:
        """Read examples.

        Args:
            examples: pictures, or features, and captions.
            sight: how pictures are read.
            field: captions to ids.
            longest: ids of a caption that are kept; all where None.

        Returns:
            The rows.
        """
        grouped = Grouped.of(examples)
        ids = field.encode_rows(examples.targets, longest=longest)
        return cls(sight.rows(grouped.inputs), grouped.captions, ids)

    def __len__(self) -> int:
        return len(self.captions)

    def targets(self, pictures: Sequence[int]) -> tuple[Tensor, list[Sequence[int]]]:
        """Give the captions of some pictures.

        Args:
            pictures: their numbers.

        Returns:
            For each caption the place of its picture among them, [K]; its ids.
        """
        counts = torch.tensor([len(self.captions[picture]) for picture in pictures])
        rows = [row for picture in pictures for row in self.captions[picture]]
        return torch.arange(len(pictures)).repeat_interleave(counts), [self.ids[r] for r in rows]


def caption_logits(
    network: Captioner, source: tuple[Tensor, Tensor | None], of: Tensor, ids: list[Sequence[int]]
) -> tuple[Float[Tensor, "K V"], Int[Tensor, "K"], Int[Tensor, "K"]]:
    """Run the decoder over captions, each word given the true ones before it.

    Args:
        network: the network.
        source: pictures, and the places of each where they differ.
        of: the picture of each caption, a place in ``source``.
        ids: of each caption.

    Returns:
        The logits of every word, the end marks among them, [K, V]; the words, [K]; and the caption
        that each is of, [K].
    """
    device = next(network.parameters()).device
    memory = network.encode(source[0].to(device), source[1])
    return expected_of(network, network.select(memory, of.to(device)), ids)


@torch.no_grad()
def picture_nats(
    network: Captioner, sight: Sight, rows: CaptionRows, *, shown: Sequence[int] | None = None
) -> tuple[Float[Tensor, "B"], Int[Tensor, "B"]]:
    """Give the negative log-likelihood of the captions of each picture, all together.

    Args:
        network: the network, in evaluation mode.
        sight: how pictures are laid out.
        rows: pictures and captions.
        shown: the picture that is shown in place of each; itself where None.

    Returns:
        Nats in float64, [B]; and how many words these are of, the end marks counted, [B].
    """
    nats = torch.zeros(len(rows), dtype=torch.float64)
    tokens = torch.zeros(len(rows), dtype=torch.int64)
    for pictures in Batches(rows.sources.lengths, batch_size=_AT_ONCE).in_order():
        seen = pictures if shown is None else [shown[picture] for picture in pictures]
        of, ids = rows.targets(pictures)
        source = sight.batch([rows.sources[picture] for picture in seen])
        logits, wanted, caption = caption_logits(network, source, of, ids)
        each = functional.cross_entropy(logits, wanted, reduction="none").double().cpu()
        number = torch.tensor(pictures)[of[caption.cpu()]]
        nats.index_add_(0, number, each)
        tokens.index_add_(0, number, torch.ones_like(number))
    return nats, tokens
