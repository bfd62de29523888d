"""The pool that learns which steps matter, beside plain sums."""

from __future__ import annotations

from math import exp

import pytest
import torch
from tests.streams import draw_input, drawn_pool, equal, in_pieces, whole
from tests.tolerances import assert_equal
from torch import Tensor, nn

from headgate.errors import ShapeError, StreamError, UnknownNameError
from headgate.kernels import native
from headgate.layers import GRU, Linear
from headgate.models.pooling import POOLS, Pool
from headgate.streaming import Stream


def rows(
    *lengths: int, units: int = 3, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Outputs [T, B, N], zero past each row's end, and where they are."""
    valid = torch.arange(max(lengths))[:, None] < torch.tensor(lengths)
    y = torch.randn(*valid.shape, units, dtype=dtype)
    return y * valid[..., None], valid


def by_hand(y: Tensor, score: Tensor, length: int, row: int) -> list[float]:
    """Sums of products, one number at a time, over the steps of one row."""
    steps = [[float(v) for v in y[t, row]] for t in range(length)]
    weights = [exp(sum(w * v for w, v in zip(score.tolist(), step, strict=True))) for step in steps]
    units = range(len(steps[0]))
    return [
        sum(weight * step[unit] for weight, step in zip(weights, steps, strict=True)) / sum(weights)
        for unit in units
    ]


@pytest.mark.parametrize("learns", [True, False])
def test_attention_is_the_sum_that_its_equation_says(learns: bool) -> None:
    lengths = (5, 1, 3)
    y, valid = rows(*lengths)
    pool = drawn_pool("attention", 3).double()
    with torch.set_grad_enabled(learns):
        found = pool(y, valid)
    assert found.requires_grad == learns
    assert pool.score is not None
    expected = [by_hand(y, pool.score, length, row) for row, length in enumerate(lengths)]
    assert_equal(found.detach(), torch.tensor(expected, dtype=torch.float64), "output")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e-3, 1.0, 300.0])
def test_with_and_without_a_gradient_it_is_the_same(size: float, dtype: torch.dtype) -> None:
    y, valid = rows(40, 7, 1, units=9, dtype=dtype)
    pool = drawn_pool("attention", 9).to(dtype)
    with torch.no_grad():
        y *= size
        found = pool(y, valid)
        assert found.isfinite().all()
        assert_equal(found / size, (pool(y.clone().requires_grad_(), valid) / size), "output")
    assert_equal(pool(y, valid).detach() / size, found / size, "output")


def test_it_begins_as_the_mean() -> None:
    y, valid = rows(6, 2, units=4)
    pool = Pool("attention", 4).double()
    assert_equal(pool(y, valid).detach(), Pool("mean")(y, valid), "output")


def test_what_stands_past_an_end_changes_nothing() -> None:
    y, valid = rows(6, 2, units=4)
    pool = drawn_pool("attention", 4).double()
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            alone = pool(y[:2, 1:], valid[:2, 1:])[0]
            assert_equal(pool(y, valid)[1].detach(), alone.detach(), "output")


def test_steps_that_are_not_first_may_be_the_valid_ones() -> None:
    y = torch.randn(4, 1, 3)
    valid = torch.tensor([[False], [True], [False], [True]])
    pool = drawn_pool("attention", 3)
    with torch.no_grad():
        found = pool(y * valid[..., None], valid)
        expected = pool(y[[1, 3]], torch.ones(2, 1, dtype=torch.bool))
    assert_equal(found, expected, "output")


def test_its_gradient_is_that_of_finite_differences() -> None:
    y, valid = rows(4, 2, units=2)
    pool = drawn_pool("attention", 2).double()
    assert pool.score is not None

    def pooled(y: Tensor, score: Tensor) -> Tensor:
        return POOLS["attention"].whole(y, valid, score)

    score = pool.score.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(pooled, (y.requires_grad_(), score))


def test_it_learns_which_step_matters() -> None:
    """The first unit marks the step whose second unit is the answer."""
    torch.manual_seed(0)
    y = torch.randn(12, 64, 2)
    marked = torch.randint(12, (64,))
    y[..., 0] = 0.0
    y[marked, torch.arange(64), 0] = 1.0
    answers = y[marked, torch.arange(64), 1]
    pool, valid = Pool("attention", 2), torch.ones(12, 64, dtype=torch.bool)
    learner = torch.optim.Adam(pool.parameters(), lr=0.3)

    def loss() -> Tensor:
        return (pool(y, valid)[:, 1] - answers).square().mean()

    before = loss().item()
    for _ in range(60):
        learner.zero_grad()
        loss().backward()
        learner.step()
    assert loss().item() < 0.1 * before


def test_a_stream_holds_for_scores_far_apart() -> None:
    modules = [nn.Embedding(4, 3), drawn_pool("attention", 3), Linear(3, 2)]
    with torch.no_grad():
        modules[0].weight.mul_(500.0)
    x = draw_input(modules, 50, 2)
    stream = Stream(*modules, rows=2)
    expected = whole(modules, x)
    equal(in_pieces(stream, x), expected)
    assert expected.isfinite().all()


def test_a_stream_of_bytes_is_near() -> None:
    if not native.available:
        pytest.skip("int8 needs the native part")
    torch.manual_seed(0)
    modules = [GRU(3, 16), drawn_pool("attention", 16), Linear(16, 4)]
    x = torch.randn(30, 3)
    exact, small = Stream(*modules).steps(x), Stream(*modules, quantize="int8").steps(x)
    assert (exact - small).abs().max() < 0.05 * exact.abs().max()


def test_a_pool_of_another_size_is_no_part_of_a_stream() -> None:
    with pytest.raises(ShapeError, match="takes 4 features, but the one before gives 5"):
        Stream(GRU(3, 5), Pool("attention", 4))
    with pytest.raises(StreamError, match="does not stand first"):
        Stream(Pool("attention", 4))


@pytest.mark.parametrize("size", [None, 0, -1])
def test_what_has_parameters_asks_for_its_size(size: int | None) -> None:
    with pytest.raises(ShapeError, match=rf"Pool\('attention', size\), not size={size}"):
        Pool("attention", size)


def test_only_what_is_scored_has_parameters() -> None:
    for name, pooling in POOLS.items():
        pool = Pool(name, 7)
        assert [n for n, _ in pool.named_parameters()] == ["score"] * pooling.scored
        assert list(pool.state_dict()) == ["score"] * pooling.scored
        assert list(pool.weights()) == ["weight_ih"] * pooling.scored
        assert repr(pool) == f"Pool({name!r})"
    with pytest.raises(UnknownNameError, match="unknown pool 'attend'"):
        Pool("attend", 3)


@pytest.mark.parametrize("name", [name for name in POOLS if not POOLS[name].scored])
def test_the_others_need_no_size(name: str) -> None:
    y, valid = rows(3, 2)
    assert_equal(Pool(name)(y, valid), Pool(name, 3)(y, valid), "bits")
