"""Attention: each score by hand, the mask, the gradient, the errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.equations.attention import SCORES
from headgate.errors import CellError, HeadgateError, ShapeError, UnknownNameError
from headgate.layers import Attention

B, L, S, N = 2, 3, 4, 3
EXTRA: dict[str, dict[str, int]] = {
    "location": {"max_source": 6},
    "additive": {"attention_size": 5},
}
every_score = pytest.mark.parametrize("score", SCORES)
MASK = torch.tensor([[True, True, False, False], [True, True, True, True]])


def _build(score: str) -> tuple[Attention, Tensor, Tensor]:
    layer = Attention(score, N, N, **EXTRA.get(score, {})).double()
    queries, keys = torch.randn(2, B, max(L, S), N, dtype=torch.float64)
    return layer, queries[:, :L], keys[:, :S]


def _score(layer: Attention, score: str, d: Tensor, e: Tensor, place: int) -> Tensor:
    """One score of one pair, as the paper writes it."""
    weights = dict(layer.named_parameters())
    if score == "dot":
        return (d * e).sum()
    if score == "scaled":
        return (d * e).sum() / 3**0.5
    if score == "general":
        return (d * (weights["key.weight"] @ e)).sum()
    if score == "location":
        return (weights["query.weight"] @ d)[place]
    hidden = weights["query.weight"] @ d + weights["key.weight"] @ e
    return (weights["v"] * hidden.tanh()).sum()


@pytest.mark.parametrize("masked", [False, True])
@every_score
def test_weights_and_contexts_are_the_papers(score: str, masked: bool) -> None:
    layer, queries, keys = _build(score)
    contexts, weights = layer(queries, keys, MASK if masked else None)
    for b in range(B):
        here = [s for s in range(S) if MASK[b, s] or not masked]
        for t in range(L):
            scores = [_score(layer, score, queries[b, t], keys[b, s], s).exp() for s in here]
            a = torch.zeros(S, dtype=torch.float64)
            a[here] = torch.stack(scores) / sum(scores)
            assert_equal(weights[b, t], a, "output")
            mean = sum((a[s] * keys[b, s] for s in here), torch.zeros(N, dtype=torch.float64))
            assert_equal(contexts[b, t], mean, "output")


@every_score
def test_weights_sum_to_one_and_padding_has_none_of_it(score: str) -> None:
    layer, queries, keys = _build(score)
    expected = layer(queries, keys, MASK)
    assert_equal(expected[1].sum(-1), torch.ones(B, L, dtype=torch.float64), "output")
    assert not expected[1][0, :, 2:].any()
    keys = keys.clone()
    keys[0, 2:] = float("nan")
    leaves = [queries.clone().requires_grad_(), keys.requires_grad_()]
    contexts, weights = layer(*leaves, MASK)
    assert_equal((contexts, weights), expected, "bits")
    for gradient in torch.autograd.grad(
        contexts.sum(), leaves, materialize_grads=True, allow_unused=True
    ):
        assert gradient.isfinite().all()


@every_score
def test_the_gradient_is_that_of_finite_differences(score: str) -> None:
    layer, queries, keys = _build(score)
    names = [name for name, _ in layer.named_parameters()]

    def run(d: Tensor, e: Tensor, *weights: Tensor) -> Any:
        parameters = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(layer, parameters, (d, e, MASK))

    leaves = [leaf.detach().clone().requires_grad_() for leaf in (queries, keys)]
    leaves += [p.detach().clone().requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(run, leaves)


def test_a_dot_score_by_hand() -> None:
    # d = (ln 2, 0); e = (1, 0), (0, 1), (2, 0): scores ln 2, 0, ln 4: weights 2/7, 1/7, 4/7
    # context: 2/7·(1, 0) + 1/7·(0, 1) + 4/7·(2, 0) = (10/7, 1/7)
    d = torch.tensor([[[2.0, 1.0]]], dtype=torch.float64).log()
    e = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]]], dtype=torch.float64)
    context, weights = Attention("dot", 2, 2)(d, e)
    assert_equal(weights[0, 0] * 7, torch.tensor([2.0, 1.0, 4.0], dtype=torch.float64), "output")
    assert_equal(context[0, 0] * 7, torch.tensor([10.0, 1.0], dtype=torch.float64), "output")


def test_sizes_may_differ_where_a_matrix_stands_between() -> None:
    for score in ("additive", "general", "location"):
        layer = Attention(score, 3, 5, **EXTRA.get(score, {}))
        context, weights = layer(torch.randn(B, L, 3), torch.randn(B, S, 5))
        assert (context.shape, weights.shape) == ((B, L, 5), (B, L, S))


WRONG: list[tuple[tuple[str, int, int], dict[str, Any], type[HeadgateError], str]] = [
    (("bahdanau", 3, 3), {}, UnknownNameError, "attention score 'bahdanau'; known: additive, dot"),
    (("dot", 3, 4), {}, ShapeError, "they have 3 and 4 units; 'general'"),
    (("scaled", 3, 4), {}, ShapeError, "scaled multiplies"),
    (("location", 3, 3), {}, CellError, "location score, and no other, needs max_source"),
    (("dot", 3, 3), {"max_source": 4}, CellError, "location score, and no other"),
    (("location", 3, 3), {"max_source": 0}, ShapeError, "max_source is a positive integer, not 0"),
    (
        ("additive", 3, 3),
        {"attention_size": 0},
        ShapeError,
        "attention_size is a positive integer, not 0",
    ),
    (("general", 3, 3), {"attention_size": 4}, CellError, "not that of 'general'"),
    (("general", 0, 3), {}, ShapeError, "query_size is a positive integer, not 0"),
]


@pytest.mark.parametrize(("sizes", "options", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    sizes: tuple[str, int, int], options: dict[str, Any], error: type[HeadgateError], message: str
) -> None:
    with pytest.raises(error, match=message):
        Attention(*sizes, **options)


def test_location_has_an_end_and_a_row_has_a_source() -> None:
    layer = Attention("location", N, N, max_source=3)
    layer(torch.randn(B, L, N), torch.randn(B, 3, N))
    with pytest.raises(ShapeError, match="reaches 3 source steps, not 4"):
        layer(torch.randn(B, L, N), torch.randn(B, 4, N))
    with pytest.raises(ShapeError, match="hides its whole source"):
        layer(torch.randn(B, L, N), torch.randn(B, 3, N), torch.zeros(B, 3, dtype=torch.bool))


@every_score
def test_what_was_prepared_once_serves_every_step(score: str) -> None:
    layer, queries, keys = _build(score)
    prepared = layer.prepare(keys, MASK)
    whole = layer(queries, keys, MASK)
    for step in range(L):
        found = layer.attend(queries[:, step : step + 1], prepared)
        assert_equal(found, tuple(each[:, step : step + 1] for each in whole), "output")
    rows = torch.tensor([1, 1, 0])
    assert_equal(
        layer.attend(queries[rows], prepared.select(rows)), [w[rows] for w in whole], "output"
    )
    assert (prepared.projected is prepared.values) == (not SCORES[score].key)
    assert layer.prepare(keys).select(rows).mask is None
