"""A linear-chain conditional random field: the tags of a sequence, chosen together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, nan

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from headgate.errors import DataError, ShapeError
from headgate.layers.checks import check_lengths, check_positive

# Where the parameters start: small, so that the emissions alone decide at first.
SPREAD = 0.1


class CRF(nn.Module):
    """A linear-chain conditional random field (Lafferty, McCallum & Pereira 2001).

        s(e, y) = start[y₁] + Σ_t e_t[y_t] + Σ_t transitions[y_t, y_t₊₁] + end[y_T]
        p(y | e) = exp s(e, y) / Σ_y' exp s(e, y')

    The sum over all L^T sequences y' is taken exactly, in log space, in T steps of L² terms. What
    constraints forbid has probability zero and is no part of that sum.

    Each row stands for itself: neither its batch-mates nor what fills the steps past its end change
    it, and a NaN spreads to its own row alone. An emission of -inf forbids a tag at a step. The
    sums are taken, and given, in float32 at least, so half-precision emissions lose nothing here.
    In a graph that a compiler makes, tags and lengths are not checked; tags that break the
    constraints then have the log-likelihood -inf.

    Args:
        tags: the number L of tags.
        constraints: booleans for what is allowed: starts [L], transitions [L, L] from the tag of
            the row to that of the column, ends [L]; `tag_schemes.constraints` makes them from
            label names. They are no part of the state_dict.
        batch_first: emissions, tags and marginals are [B, T, …] in place of [T, B, …].

    Attributes:
        transitions: the score of tag j after tag i, [L, L].
        start: the score of a first tag, [L].
        end: the score of a last tag, [L].

    Raises:
        ShapeError: the number of tags is not positive, or the constraints do not fit it.
        DataError: the constraints allow no sequence of any length.

    Example:
        >>> crf = CRF(3)
        >>> emissions, tags = torch.zeros(4, 2, 3), torch.tensor([[0, 1], [2, 1], [0, 0], [1, 0]])
        >>> loss = -crf(emissions, tags, lengths=[4, 2]).mean()
        >>> paths, scores = crf.decode(emissions, lengths=[4, 2])
        >>> [len(path) for path in paths], scores.shape
        ([4, 2], torch.Size([2]))
        >>> crf.marginals(emissions, lengths=[4, 2]).shape
        torch.Size([4, 2, 3])
    """

    allowed_starts: Tensor | None
    allowed_transitions: Tensor | None
    allowed_ends: Tensor | None

    def __init__(
        self,
        tags: int,
        *,
        constraints: tuple[Tensor, Tensor, Tensor] | None = None,
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        check_positive(tags=tags)
        self.tags, self.batch_first = tags, batch_first
        self.transitions = nn.Parameter(torch.empty(tags, tags))
        self.start = nn.Parameter(torch.empty(tags))
        self.end = nn.Parameter(torch.empty(tags))
        allowed = (None,) * 3 if constraints is None else _check_constraints(constraints, tags)
        for name, mask in zip(("starts", "transitions", "ends"), allowed, strict=True):
            self.register_buffer(f"allowed_{name}", mask, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every score anew, evenly from -0.1 to 0.1."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -SPREAD, SPREAD)

    def extra_repr(self) -> str:
        """Describe the layer as print shows it.

        Returns:
            The arguments.
        """
        constrained = ", constrained" if self.allowed_starts is not None else ""
        return f"{self.tags}{constrained}, batch_first={self.batch_first}"

    def forward(
        self,
        emissions: Float[Tensor, "_ _ L"],
        tags: Int[Tensor, "_ _"],
        lengths: Tensor | Sequence[int] | None = None,
    ) -> Float[Tensor, "B"]:
        """Compute ln p(y | e) of each row.

        Args:
            emissions: a score for each tag at each step, [T, B, L].
            tags: the tags y, [T, B]; past a row's end they may be anything.
            lengths: the steps of each row, [B], in any order, at least 1; T where None.

        Returns:
            The log-likelihood of each row, [B], in nats, differentiable; -inf where the emission of
            a row's own tag is -inf.

        Raises:
            ShapeError: a shape or a length does not fit.
            DataError: a tag is out of range or breaks the constraints; the row and the step are
                named, counted from 0.
        """
        e, live = self._read(emissions, lengths)
        y = self._read_tags(tags, live)
        start, transitions, end = self._scores(e.dtype)
        last = y.gather(0, live.sum(0, keepdim=True) - 1)[0]
        gold = e.gather(2, y[..., None])[..., 0]
        joins = torch.cat([start[y[:1]], transitions[y[:-1], y[1:]]]).masked_fill(~live, 0.0)
        final = end[last]
        impossible = ((gold == -inf) | (joins == -inf)).any(0) | (final == -inf)
        gold, joins, final = (x.masked_fill(x == -inf, 0.0) for x in (gold, joins, final))
        # -ln Σ exp(s(y') - s(y)), with s(y) taken off step by step: two sums that grow with T and
        # are nearly equal would lose their digits. The path y itself then adds exactly 0 at every
        # step, so no rounding makes a likelihood positive.
        relative, begin = e - gold[..., None], start - joins[0][:, None]
        *_, alpha = _forwards(relative, live, begin, transitions, joins[1:])
        likelihood = -_logsumexp(alpha + (end - final[:, None]), 1)
        return likelihood.masked_fill(impossible, -inf)

    @torch.no_grad()
    def decode(
        self,
        emissions: Float[Tensor, "_ _ L"],
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[list[list[int]], Float[Tensor, "B"]]:
        """Find the best sequence of each row (Viterbi 1967).

            δ₁[j] = start[j] + e₁[j],  δ_t[j] = max_i (δ_t₋₁[i] + transitions[i, j]) + e_t[j]

        Of equal choices the lower tag is taken, from the last step back to the first.

        Args:
            emissions: a score for each tag at each step, [T, B, L].
            lengths: the steps of each row, [B], in any order, at least 1; T where None.

        Returns:
            The tags of each row, as long as the row; the scores s(e, y) of these tags, [B]. The
            score of a row that holds a NaN or +inf is NaN, and its tags mean nothing.

        Raises:
            ShapeError: a shape or a length does not fit.
            DataError: a row has no allowed sequence of its length.
        """
        e, live = self._read(emissions, lengths)
        start, transitions, end = self._scores(e.dtype)
        # either would win every comparison, against what is forbidden, too
        spoilt = e.isnan() | (e == inf)
        e = e.masked_fill(spoilt, 0.0)
        best, pointers = start + e[0], []
        stay = torch.arange(self.tags, device=e.device)
        for emission, alive in zip(e[1:], live[1:, :, None], strict=True):
            value, pointer = (best[:, :, None] + transitions).max(1)
            best = torch.where(alive, value + emission, best)
            pointers.append(torch.where(alive, pointer, stay))
        scores, last = (best + end).max(1)
        _check_possible(scores, live)
        path = [last[:, None]]
        for pointer in reversed(pointers):
            path.append(pointer.gather(1, path[-1]))
        rows = torch.cat(path[::-1], 1).tolist()
        cut = live.sum(0).tolist()
        paths = [row[:length] for row, length in zip(rows, cut, strict=True)]
        return paths, scores.masked_fill(spoilt.any(2).any(0), nan)

    def marginals(
        self,
        emissions: Float[Tensor, "_ _ L"],
        lengths: Tensor | Sequence[int] | None = None,
    ) -> Float[Tensor, "_ _ L"]:
        """Compute p(y_t = j | e), the probability of each tag at each step, forwards and backwards.

            α₁[j] = start[j] + e₁[j],  α_t[j] = ln Σ_i exp(α_t₋₁[i] + transitions[i, j]) + e_t[j]
            β_T[i] = end[i],  β_t[i] = ln Σ_j exp(transitions[i, j] + e_t₊₁[j] + β_t₊₁[j])
            p(y_t = j | e) = softmax_j (α_t[j] + β_t[j])

        Args:
            emissions: a score for each tag at each step, [T, B, L].
            lengths: the steps of each row, [B], in any order, at least 1; T where None.

        Returns:
            Probabilities, [T, B, L], which sum to 1 over the tags, and are 0 past a row's end.

        Raises:
            ShapeError: a shape or a length does not fit.
            DataError: a row has no allowed sequence of its length.
        """
        e, live = self._read(emissions, lengths)
        start, transitions, end = self._scores(e.dtype)
        alphas = torch.stack(list(_forwards(e, live, start, transitions)))
        betas = torch.stack(list(_backwards(e, live, end, transitions))[::-1])
        both = alphas + betas
        _check_possible(both[0].amax(1), live)
        found = both.softmax(2).masked_fill(~live[..., None], 0.0)
        return found.transpose(0, 1) if self.batch_first else found

    def _read(
        self, emissions: Tensor, lengths: Tensor | Sequence[int] | None
    ) -> tuple[Tensor, Tensor]:
        """Return emissions, [T, B, L], zero past each row's end; True where a row has a step."""
        if not emissions.is_floating_point():
            raise ShapeError(f"emissions are floating-point scores, not {emissions.dtype}")
        if emissions.dim() != 3 or emissions.shape[2] != self.tags:
            raise ShapeError(
                f"the emissions have three axes, the last of {self.tags} tags, "
                f"not {tuple(emissions.shape)}"
            )
        e = emissions.transpose(0, 1) if self.batch_first else emissions
        steps, rows = e.shape[:2]
        if steps == 0:
            raise ShapeError(
                f"a sequence has at least one step, but the emissions are {tuple(emissions.shape)}"
            )
        found = check_lengths(lengths, rows=rows, steps=steps)
        if found is None:
            found = torch.full((rows,), steps)
        if not torch.compiler.is_compiling() and bool((found < 1).any()):
            row = int((found < 1).nonzero()[0])
            raise ShapeError(f"row {row}: a sequence has at least one step, but its length is 0")
        live = torch.arange(steps, device=e.device)[:, None] < found.to(e.device)
        dtype = torch.promote_types(e.dtype, self.transitions.dtype)
        e = e.to(torch.promote_types(dtype, torch.float32))
        return e.masked_fill(~live[..., None], 0.0), live

    def _scores(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Return the start, transition and end scores, -inf where they are forbidden."""
        scores = (self.start.to(dtype), self.transitions.to(dtype), self.end.to(dtype))
        allowed = (self.allowed_starts, self.allowed_transitions, self.allowed_ends)
        start, transitions, end = (
            score if mask is None else score.masked_fill(~mask, -inf)
            for score, mask in zip(scores, allowed, strict=True)
        )
        return start, transitions, end

    def _read_tags(self, tags: Tensor, live: Tensor) -> Tensor:
        """Return the tags, [T, B], zero past each row's end, after checking them."""
        if tags.is_floating_point() or tags.is_complex() or tags.dtype == torch.bool:
            raise ShapeError(f"tags are integers, not {tags.dtype}")
        wanted = tuple(live.shape[::-1] if self.batch_first else live.shape)
        if tags.shape != wanted:
            axes = "[B, T]" if self.batch_first else "[T, B]"
            raise ShapeError(
                f"there is a tag for each step of the emissions, {axes} = {wanted}, "
                f"not {tuple(tags.shape)}"
            )
        y = (tags.t() if self.batch_first else tags).long().masked_fill(~live, 0)
        if torch.compiler.is_compiling():  # there are no values to look at
            return y
        strange = (y < 0) | (y >= self.tags)
        if bool(strange.any()):
            row, step = _first(strange)
            raise DataError(
                f"row {row}, step {step}: a tag is from 0 to {self.tags - 1}, "
                f"not {int(y[step, row])}"
            )
        self._check_allowed(y, live)
        return y

    def _check_allowed(self, y: Tensor, live: Tensor) -> None:
        """Raise for the first tag that breaks the constraints."""
        starts, transitions, ends = (
            self.allowed_starts,
            self.allowed_transitions,
            self.allowed_ends,
        )
        if starts is None or transitions is None or ends is None:
            return
        entered = torch.cat([starts[y[:1]], transitions[y[:-1], y[1:]]])
        after = torch.cat([live[1:], torch.zeros_like(live[:1])])
        broken = live & ~(entered & (ends[y] | after))
        if not bool(broken.any()):
            return
        row, step = _first(broken)
        tag = int(y[step, row])
        if bool(entered[step, row]):
            breach = f"a sequence may not end with tag {tag}"
        elif step == 0:
            breach = f"a sequence may not begin with tag {tag}"
        else:
            breach = f"tag {tag} may not follow tag {int(y[step - 1, row])}"
        raise DataError(
            f"row {row}, step {step}: {breach} under the constraints, so its probability is zero; "
            "mend the tags, or build the CRF with constraints that they keep"
        )


def _forwards(
    e: Tensor, live: Tensor, start: Tensor, transitions: Tensor, joins: Tensor | None = None
) -> Iterator[Tensor]:
    """Yield α of every step, [B, L]; a row that has ended keeps its last.

    Before each step α loses that step's ``joins``, [T - 1, B]; where None its maximum, so that it
    has the same digits after any number of steps.
    """
    alpha = start + e[0]
    yield alpha
    losses = [None] * (len(e) - 1) if joins is None else joins[:, :, None]
    for emission, alive, loss in zip(e[1:], live[1:, :, None], losses, strict=True):
        before = alpha - (_peak(alpha, 1) if loss is None else loss)
        after = _logsumexp(before[:, :, None] + transitions, 1) + emission
        alpha = torch.where(alive, after, alpha)
        yield alpha


def _backwards(e: Tensor, live: Tensor, end: Tensor, transitions: Tensor) -> Iterator[Tensor]:
    """Yield β from the last step to the first, [B, L], up to a constant for each row and step."""
    beta = end.expand_as(e[0])
    yield beta
    for emission, alive in zip(e[1:].flip(0), live[1:, :, None].flip(0), strict=True):
        after = emission + beta
        after = after - _peak(after, 1)
        beta = torch.where(alive, _logsumexp(transitions + after[:, None, :], 2), end)
        yield beta


def _logsumexp(x: Tensor, dim: int) -> Tensor:
    """Compute ln Σ exp x; of nothing but -inf it is -inf with a gradient of zero, not of NaN."""
    peak = _peak(x, dim)
    total = (x - peak).exp().sum(dim)
    empty = total == 0
    logs = total.masked_fill(empty, 1.0).log() + peak.squeeze(dim)
    return logs.masked_fill(empty, -inf)


def _peak(x: Tensor, dim: int) -> Tensor:
    """Return the maximum, or 0 where that is infinite, as a constant."""
    peak = x.detach().amax(dim, keepdim=True)
    return peak.masked_fill(peak.isinf(), 0.0)


def _first(found: Tensor) -> tuple[int, int]:
    """Return the row and step of the first True of the first row that has one."""
    row, step = found.t().nonzero()[0].tolist()
    return row, step


def _check_possible(best: Tensor, live: Tensor) -> None:
    """Raise for a row whose best sequence has the score -inf."""
    if torch.compiler.is_compiling() or not bool((best == -inf).any()):
        return
    row = int((best == -inf).nonzero()[0])
    raise DataError(
        f"row {row}: no sequence of {int(live[:, row].sum())} tags has a probability above zero: "
        "the constraints or emissions of -inf forbid every one"
    )


def _check_constraints(
    constraints: tuple[Tensor, Tensor, Tensor], tags: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return copies of masks that fit, and allow a sequence of some length."""
    wanted = ((tags,), (tags, tags), (tags,))
    for name, mask, shape in zip(
        ("starts", "transitions", "ends"), constraints, wanted, strict=True
    ):
        if mask.dtype != torch.bool or mask.shape != shape:
            raise ShapeError(
                f"the allowed {name} are booleans {shape} for {tags} tags, "
                f"not {tuple(mask.shape)} of {mask.dtype}"
            )
    starts, transitions, ends = (mask.clone() for mask in constraints)
    reached = starts
    for _ in range(tags):
        reached = reached | (transitions & reached[:, None]).any(0)
    if not bool((reached & ends).any()):
        raise DataError("the constraints allow no sequence: no allowed end is reached from a start")
    return starts, transitions, ends
