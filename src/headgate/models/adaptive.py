"""A softmax over a large vocabulary that spends little on what is rare."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from headgate.errors import ShapeError

_SHRINK = 4  # each group of rarer tokens has a fourth of the features of the group before


class AdaptiveSoftmax(nn.Module):
    """torch.nn.AdaptiveLogSoftmaxWithLoss (Grave et al. 2017) for ids in any order.

    The most frequent tokens have a softmax of their own, which also holds one entry for each
    group of rarer ones; a group is looked into only where a token of it is meant.

    Args:
        features: features M that it reads.
        places: the place of each id in the order of falling frequency, [V].
        cutoffs: where one group ends and the next begins, in that order.

    Raises:
        ShapeError: the cutoffs do not rise from 1 to below V, the places are no order, or M is
            too small for so many groups.

    Example:
        >>> head, y = AdaptiveSoftmax(16, torch.arange(100), [10, 40]), torch.zeros(3, 16)
        >>> head(y).shape, head.nats(y, torch.tensor([0, 50, 99])).shape
        (torch.Size([3, 100]), torch.Size([3]))
    """

    def __init__(self, features: int, places: Int[Tensor, "V"], cutoffs: Sequence[int]) -> None:
        super().__init__()
        vocabulary, ends = len(places), [int(end) for end in cutoffs]
        rising = bool(ends) and all(a < b for a, b in pairwise([0, *ends, vocabulary]))
        if not rising:
            raise ShapeError(
                f"cutoffs rise from 1 at least to {vocabulary - 1} at most, below the vocabulary "
                f"of {vocabulary}; {list(cutoffs)} came"
            )
        if features < _SHRINK ** len(ends):
            raise ShapeError(
                f"{len(ends)} cutoffs need {_SHRINK ** len(ends)} features at least, and the head "
                f"reads {features}: give fewer cutoffs, or more units"
            )
        if places.sort().values.tolist() != list(range(vocabulary)):
            raise ShapeError(f"the places are each of 0 to {vocabulary - 1} once, in any order")
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(
            features, vocabulary, ends, div_value=float(_SHRINK), head_bias=True
        )
        # no buffer: a running mean of weights would take means of buffers, too, and round them
        self.places = places.clone()

    def forward(self, y: Float[Tensor, "*rows M"]) -> Float[Tensor, "*rows V"]:
        """Give the log-probability of every token.

        Args:
            y: features, [..., M].

        Returns:
            Log-probabilities in the order of the ids, [..., V].
        """
        rows = y.reshape(-1, y.shape[-1])
        head, frequent = self.softmax.head(rows).log_softmax(1), self.softmax.shortlist_size
        # torch's own log_prob writes into slices, which no exporter follows
        parts = [head[:, :frequent]]
        for group, tail in enumerate(self.softmax.tail):
            place = frequent + group
            parts.append(tail(rows).log_softmax(1) + head[:, place : place + 1])
        found = torch.cat(parts, 1)[:, self.places.to(y.device)]
        return found.view(*y.shape[:-1], -1)

    def nats(
        self, y: Float[Tensor, "*rows M"], targets: Int[Tensor, "*rows"]
    ) -> Float[Tensor, "*rows"]:
        """Give the surprise of one token a row, without those that it is not.

        Args:
            y: features, [..., M].
            targets: ids, [...].

        Returns:
            The negative log-probabilities, [...].
        """
        places = self.places.to(y.device)[targets.reshape(-1)]
        found = self.softmax(y.reshape(-1, y.shape[-1]), places)
        return -found.output.view(targets.shape)


def places_by_frequency(counts: Int[Tensor, "V"]) -> Int[Tensor, "V"]:
    """Order ids by falling frequency; of equals the lower id comes first.

    Args:
        counts: how often each id occurs, [V].

    Returns:
        The place of each id, from 0, [V].

    Example:
        >>> places_by_frequency(torch.tensor([3, 9, 3])).tolist()
        [1, 0, 2]
    """
    order = counts.argsort(descending=True, stable=True)
    return torch.empty_like(order).scatter_(0, order, torch.arange(len(counts)))
