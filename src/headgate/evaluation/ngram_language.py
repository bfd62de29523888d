"""What a language model has to beat: the few tokens before, counted.

Interpolated Kneser-Ney with one discount for each order. A lower order counts not how often its
n-gram occurs, but after how many different tokens; the lowest is mixed with the uniform
distribution, so that nothing is impossible.

    p_n(w | h) = max(c(hw) - D, 0) / c(h·) + D N(h·) / c(h·) · p_{n-1}(w | h')

N(h·) is the number of different w after h, h' is h without its first token, and D is n₁ / (n₁ +
2 n₂), of how many n-grams of the order have the count 1 and 2.

Sources: Kneser & Ney, "Improved backing-off for m-gram language modeling", 1995; Chen & Goodman,
"An empirical study of smoothing techniques for language modeling", 1999.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError

MOST_TOKENS = 5_000_000  # that a model is fitted on; more take many seconds and gigabytes
_USUAL_DISCOUNT = 0.5  # where an order has no n-gram of one count or of two


@dataclass(frozen=True)
class _Order:
    """The n-grams of one order.

    Args:
        keys: the number of the n-gram without its last token, times V, plus that token; sorted,
            and an n-gram's place among them is its number.
        counts: c(hw) of each n-gram.
        totals: c(h·) of each n-gram of the order below.
        kinds: N(h·) of each n-gram of the order below.
        discount: D.
    """

    keys: Int[Tensor, "J"]
    counts: Float[Tensor, "J"]
    totals: Float[Tensor, "K"]
    kinds: Float[Tensor, "K"]
    discount: float


@dataclass(frozen=True)
class KneserNey:
    """An n-gram language model; ``fit`` builds it.

    Args:
        vocabulary: V, the number of tokens.
        orders: the n-grams of order 1, 2, …
    """

    vocabulary: int
    orders: Sequence[_Order]

    @classmethod
    def fit(cls, ids: Int[Tensor, "T"], *, vocabulary: int, order: int) -> KneserNey:
        """Count a text.

        Args:
            ids: the text; of a long one the last ``MOST_TOKENS`` tokens are taken.
            vocabulary: V, the number of tokens.
            order: of the longest n-grams, 1 at least.

        Returns:
            The model.

        Raises:
            DataError: there are no tokens, or the order is below 1.

        Example:
            >>> model = KneserNey.fit(torch.tensor([0, 1, 0, 1, 0, 2]), vocabulary=4, order=2)
            >>> bool(model.nats(torch.tensor([0, 1]))[1] < model.nats(torch.tensor([0, 3]))[1])
            True
        """
        if not len(ids) or order < 1:
            raise DataError(
                f"an n-gram model is of one token and of order 1 at least; {len(ids)} tokens and "
                f"order {order} came"
            )
        ids = ids[-MOST_TOKENS:]
        tables = _numbered(ids, vocabulary, min(order, len(ids)))
        orders = []
        for n, (keys, numbers, _) in enumerate(tables):
            if n + 1 < len(tables):
                counts = _kinds_before(tables[n + 1], tables[n])
            else:
                counts = torch.bincount(numbers, minlength=len(keys))
            below = len(tables[n - 1][0]) if n else 1
            orders.append(_order(keys, counts, vocabulary=vocabulary, below=below))
        return cls(vocabulary, orders)

    def nats(self, ids: Int[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Foretell each token of a text from those before it in the text.

        Args:
            ids: the text.

        Returns:
            The negative log-probability of each token in float64, [T].
        """
        length = len(ids)
        found = torch.full((length,), 1 / self.vocabulary, dtype=torch.float64)
        history = torch.zeros(length, dtype=torch.int64)  # the number of h, -1 if it is unknown
        for n, order in enumerate(self.orders, start=1):
            place = _look_up(order.keys, history, ids, self.vocabulary)
            found = _mixed(order, history, place, found)
            # the next order's h ends with the token before, and begins n tokens before
            history = torch.cat([place.new_full((1,), -1), place[:-1]])[:length]
            history[:n] = -1
        return -found.log()


Table = tuple[Tensor, Tensor, Tensor]


def _numbered(ids: Tensor, vocabulary: int, order: int) -> list[Table]:
    """Number the n-grams of each order.

    For each order the sorted keys; the number of the n-gram that ends at each position, from the
    first position on where one does; and for each n-gram a position of that list.
    """
    tables: list[Table] = []
    history = torch.zeros(len(ids), dtype=torch.int64)
    for n in range(1, order + 1):
        keys, numbers = torch.unique(history * vocabulary + ids[n - 1 :], return_inverse=True)
        some = torch.empty(len(keys), dtype=torch.int64)
        some[numbers] = torch.arange(len(numbers))
        tables.append((keys, numbers, some))
        history = numbers[:-1]
    return tables


def _kinds_before(longer: Table, table: Table) -> Tensor:
    """Count for each n-gram the different tokens before it: the longer ones that end in it."""
    endings = table[1][longer[2] + 1]  # the longer lists begin a position later
    return torch.bincount(endings, minlength=len(table[0]))


def _order(keys: Tensor, counts: Tensor, *, vocabulary: int, below: int) -> _Order:
    history = keys // vocabulary
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    totals = torch.zeros(below, dtype=torch.float64).index_add_(0, history, counts.double())
    kinds = torch.zeros(below, dtype=torch.float64).index_add_(0, history, (counts > 0).double())
    discount = once / (once + 2 * twice) if once and twice else _USUAL_DISCOUNT
    return _Order(keys, counts.double(), totals, kinds, discount)


def _look_up(keys: Tensor, history: Tensor, ids: Tensor, vocabulary: int) -> Tensor:
    """Find the numbers of n-grams, -1 for those that did not occur."""
    wanted = history * vocabulary + ids
    places = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where((history >= 0) & (keys[places] == wanted), places, -1)


def _mixed(order: _Order, history: Tensor, place: Tensor, lower: Tensor) -> Tensor:
    """Mix an order's share with that of the order below, where the history occurred."""
    counts = torch.where(place >= 0, order.counts[place.clamp(min=0)], 0.0)
    known = history.clamp(min=0)
    totals, kinds = order.totals[known], order.kinds[known]
    above = (counts - order.discount).clamp(min=0) + order.discount * kinds * lower
    return torch.where((history >= 0) & (totals > 0), above / totals, lower)
