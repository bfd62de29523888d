"""The conditional random field beside a list of every path, its gradient, and its rows."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.errors import DataError
from headgate.layers import CRF
from headgate.layers.tag_schemes import Constraints, constraints

T, B, L = 4, 3, 3
LENGTHS = [2, 4, 1]
INF = math.inf
DTYPES = [torch.float64, torch.float32]
# O, B, I: what BIO allows
BIO = constraints(["O", "B", "I"], "BIO")
# outside at both ends, and chunks of two steps or more: at some steps no tag leads to a tag
STRICT = Constraints(
    torch.tensor([True, False, False]),
    torch.tensor([[True, True, False], [False, False, True], [True, False, True]]),
    torch.tensor([True, False, False]),
)
every_constraint = pytest.mark.parametrize(
    "allowed", [None, BIO, STRICT], ids=["free", "BIO", "strict"]
)


def _crf(tags: int = L, allowed: Constraints | None = None, **options: Any) -> CRF:
    """A layer in float64 with scores that are far from small."""
    layer = CRF(tags, constraints=allowed, **options).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=2.0)
    return layer


def _emissions(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return 2 * torch.randn(*(shape or (T, B, L)), dtype=dtype)


def _padded(emissions: Tensor, lengths: list[int], value: float) -> Tensor:
    emissions = emissions.clone()
    for row, length in enumerate(lengths):
        emissions[length:, row] = value
    return emissions


# The oracle: every path of one row, with its score as a sum of Python floats.


class Path(NamedTuple):
    tags: tuple[int, ...]
    score: float


def _score(layer: CRF, e: list[list[float]], tags: tuple[int, ...]) -> float:
    steps = [e[step][tag] for step, tag in enumerate(tags)]
    joins = [layer.transitions[i, j].item() for i, j in itertools.pairwise(tags)]
    return math.fsum([layer.start[tags[0]].item(), *steps, *joins, layer.end[tags[-1]].item()])


def _allows(allowed: Constraints | None, tags: tuple[int, ...]) -> bool:
    if allowed is None:
        return True
    joins = [bool(allowed.transitions[i, j]) for i, j in itertools.pairwise(tags)]
    return all([bool(allowed.starts[tags[0]]), *joins, bool(allowed.ends[tags[-1]])])


def _paths(layer: CRF, emissions: Tensor, allowed: Constraints | None) -> list[Path]:
    """Every allowed path of one row, [T, L]."""
    e = emissions.tolist()
    every = itertools.product(range(layer.tags), repeat=len(e))
    return [Path(tags, _score(layer, e, tags)) for tags in every if _allows(allowed, tags)]


def _log_total(paths: list[Path]) -> float:
    top = max(path.score for path in paths)
    return top + math.log(math.fsum(math.exp(path.score - top) for path in paths))


def _marginals(paths: list[Path], steps: int, tags: int) -> Tensor:
    total, found = _log_total(paths), torch.zeros(steps, tags, dtype=torch.float64)
    for path in paths:
        for step, tag in enumerate(path.tags):
            found[step, tag] += math.exp(path.score - total)
    return found


@every_constraint
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_first", [False, True])
def test_every_answer_is_that_of_all_paths(
    allowed: Constraints | None, dtype: torch.dtype, batch_first: bool
) -> None:
    layer = _crf(allowed=allowed, batch_first=batch_first).to(dtype)
    emissions, y = _emissions(dtype=dtype), torch.zeros(T, B, dtype=torch.long)
    expected = torch.zeros(B, dtype=torch.float64)
    marginals, best, scores = torch.zeros(T, B, L, dtype=torch.float64), [], expected.clone()
    for row, length in enumerate(LENGTHS):
        paths = _paths(layer, emissions[:length, row], allowed)
        chosen = paths[7 * (row + 1) % len(paths)]
        y[:length, row] = torch.tensor(chosen.tags)
        expected[row] = chosen.score - _log_total(paths)
        marginals[:length, row] = _marginals(paths, length, L)
        best.append(list(max(paths, key=lambda path: path.score).tags))
        scores[row] = max(path.score for path in paths)
    e, y, expected_marginals = (
        x.transpose(0, 1) if batch_first else x for x in (emissions, y, marginals)
    )
    assert_equal(layer(e, y, LENGTHS), expected.to(dtype), "output")
    assert_equal(layer.marginals(e, LENGTHS), expected_marginals.to(dtype), "output")
    found, found_scores = layer.decode(e, torch.tensor(LENGTHS))
    assert found == best
    assert_equal(found_scores, scores.to(dtype), "output")


@given(st.data())
def test_any_size_any_constraint_is_all_paths(data: st.DataObject) -> None:
    tags, steps = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    torch.manual_seed(data.draw(st.integers(0, 2**31)))
    allowed = Constraints(
        torch.rand(tags) < 0.7, torch.rand(tags, tags) < 0.7, torch.rand(tags) < 0.7
    )
    try:
        layer = _crf(tags, allowed)
    except DataError:  # no path of any length
        assert not any(
            _allows(allowed, path)
            for length in range(1, tags + 1)
            for path in itertools.product(range(tags), repeat=length)
        )
        return
    emissions = _emissions(steps, 1, tags)
    paths = _paths(layer, emissions[:, 0], allowed)
    if not paths:
        for answer in (layer.decode, layer.marginals):
            with pytest.raises(DataError, match=f"row 0: no sequence of {steps} tags has a prob"):
                answer(emissions)
        return
    best = max(paths, key=lambda path: path.score)
    assert layer.decode(emissions)[0] == [list(best.tags)]
    assert_equal(layer.marginals(emissions)[:, 0], _marginals(paths, steps, tags), "output")
    likelihood = layer(emissions, torch.tensor(best.tags)[:, None])
    assert_equal(
        likelihood, torch.tensor([best.score - _log_total(paths)], dtype=torch.float64), "output"
    )


@every_constraint
def test_probabilities_of_all_paths_sum_to_one_and_forbidden_ones_have_none(
    allowed: Constraints | None,
) -> None:
    layer, e = _crf(allowed=allowed), _emissions(T, 1, L)
    every = list(itertools.product(range(L), repeat=T))
    kept = [path for path in every if _allows(allowed, path)]
    y = torch.tensor(kept).t()
    total = layer(e.expand(T, len(kept), L), y).exp().sum()
    assert_equal(total, torch.ones_like(total), "output")
    for path in set(every) - set(kept):
        with pytest.raises(DataError, match="under the constraints"):
            layer(e, torch.tensor(path)[:, None])
    impossible = layer.marginals(e)[0, 0][~BIO.starts]
    assert bool((impossible == 0).all()) == (allowed is not None)


@every_constraint
def test_the_gradient_is_that_of_finite_differences(allowed: Constraints | None) -> None:
    layer, y = _crf(allowed=allowed), torch.tensor([[0, 0, 0], [0, 1, 9], [9, 2, 9], [9, 0, 9]])
    names = [name for name, _ in layer.named_parameters()]

    def likelihood(e: Tensor, *scores: Tensor) -> Any:
        parameters = dict(zip(names, scores, strict=True))
        return torch.func.functional_call(layer, parameters, (e, y, LENGTHS))

    class Marginals(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, e: Tensor) -> Tensor:
            return self.layer.marginals(e, LENGTHS)

    def marginals(e: Tensor, *scores: Tensor) -> Any:
        parameters = {f"layer.{n}": score for n, score in zip(names, scores, strict=True)}
        return torch.func.functional_call(Marginals(), parameters, (e,))

    leaves = [_emissions().requires_grad_()]
    leaves += [p.detach().clone().requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(likelihood, leaves)
    assert torch.autograd.gradgradcheck(likelihood, leaves)
    assert torch.autograd.gradcheck(marginals, leaves)


@every_constraint
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_of_the_emissions_is_the_tag_less_its_probability(
    allowed: Constraints | None, dtype: torch.dtype
) -> None:
    layer = _crf(allowed=allowed).to(dtype)
    e, y = _emissions(dtype=dtype).requires_grad_(), torch.zeros(T, B, dtype=torch.long)
    layer(e, y, LENGTHS).sum().backward()
    live = torch.arange(T)[:, None] < torch.tensor(LENGTHS)
    tags = torch.nn.functional.one_hot(y, L).to(dtype) * live[..., None]
    assert_equal(e.grad, tags - layer.marginals(e, LENGTHS).detach(), "gradient")
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None
        mask = None if allowed is None else getattr(layer, f"allowed_{name}", None)
        assert parameter.grad.isfinite().all()
        assert mask is None or not parameter.grad[~mask].any()


@every_constraint
def test_a_row_alone_is_the_row_in_its_batch_whatever_fills_the_padding(
    allowed: Constraints | None,
) -> None:
    layer, e = _crf(allowed=allowed), _emissions()
    y = torch.tensor([[0, 0, 0], [0, 1, -100], [99, 2, 7], [-1, 0, 5]])
    for value in (0.0, math.nan, INF, -INF):
        padded = _padded(e, LENGTHS, value).requires_grad_()
        likelihoods, marginals = layer(padded, y, LENGTHS), layer.marginals(padded, LENGTHS)
        paths, scores = layer.decode(padded, LENGTHS)
        likelihoods.sum().backward()
        assert padded.grad is not None
        assert padded.grad.isfinite().all()
        for row, length in enumerate(LENGTHS):
            alone = e[:length, row : row + 1]
            assert_equal(likelihoods[row], layer(alone, y[:length, row : row + 1])[0], "output")
            assert_equal(marginals[:length, row], layer.marginals(alone)[:, 0], "output")
            assert not marginals[length:, row].any()
            assert not padded.grad[length:, row].any()
            (path,), score = layer.decode(alone)
            assert paths[row] == path
            assert_equal(scores[row], score[0], "bits")


@every_constraint
def test_a_nan_stays_in_its_row(allowed: Constraints | None) -> None:
    layer, e, y = _crf(allowed=allowed), _emissions(), torch.zeros(T, B, dtype=torch.long)
    spoilt = e.clone()
    spoilt[1, 1, 2] = math.nan
    others = [0, 2]
    assert_equal(layer(spoilt, y)[others], layer(e, y)[others], "bits")
    assert layer(spoilt, y)[1].isnan()
    assert_equal(layer.marginals(spoilt)[:, others], layer.marginals(e)[:, others], "bits")
    assert layer.marginals(spoilt)[:, 1].isnan().all()
    (paths, scores), (expected, expected_scores) = layer.decode(spoilt), layer.decode(e)
    assert [paths[row] for row in others] == [expected[row] for row in others]
    assert_equal(scores[others], expected_scores[others], "bits")
    assert scores[1].isnan()
    for step, tag in itertools.product(range(T), range(L)):
        elsewhere = e.clone()
        elsewhere[step, 1, tag] = math.nan
        assert _allows(allowed, tuple(layer.decode(elsewhere)[0][1]))
    leaf = spoilt.requires_grad_()
    layer(leaf, y).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad[:, others].isfinite().all()


def test_equal_choices_go_to_the_lower_tag() -> None:
    layer = CRF(L)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    assert layer.decode(torch.zeros(T, 2, L), [4, 2])[0] == [[0] * 4, [0] * 2]
    e = torch.zeros(T, 1, L)
    e[1, 0] = torch.tensor([0.0, 1.0, 1.0])
    assert layer.decode(e)[0] == [[0, 1, 0, 0]]
    with torch.no_grad():  # 0 → 2 and 1 → 1 are equal: the lower last tag has it
        layer.transitions[0, 2] = layer.transitions[1, 1] = 1.0
    assert layer.decode(torch.zeros(2, 1, L))[0] == [[1, 1]]


def test_a_likelihood_by_hand() -> None:
    # two tags, two steps; e^score: (0,0): 2·1·1 = 2, (0,1): 2·3 = 6, (1,0): 1, (1,1): 1; sum 10
    layer = CRF(2).double()
    with torch.no_grad():
        layer.start[0], layer.start[1] = math.log(2), 0.0
        layer.transitions.zero_()[0, 1] = math.log(3)
        layer.end.zero_()
    e = torch.zeros(2, 1, 2, dtype=torch.float64)
    found = layer(e, torch.tensor([[0], [1]])).exp()
    assert_equal(found, torch.tensor([0.6], dtype=torch.float64), "output")
    expected = torch.tensor([[0.8, 0.2], [0.3, 0.7]], dtype=torch.float64)
    assert_equal(layer.marginals(e)[:, 0], expected, "output")


def test_a_long_row_keeps_its_digits_in_float32() -> None:
    layer, e = _crf(5), _emissions(2000, 2, 5)
    layer, e = layer.float(), e.float()
    y = torch.tensor(layer.decode(e)[0]).t()
    exact = copy.deepcopy(layer).double()  # of the same parameters
    assert_equal(layer(e, y), exact(e.double(), y).float(), "output")
    assert_equal(layer.marginals(e), exact.marginals(e.double()).float(), "output")


def test_huge_scores_do_not_overflow() -> None:
    layer, e = _crf(allowed=BIO).float(), _emissions(dtype=torch.float32) * 1e4
    y = torch.tensor(layer.decode(e)[0]).t()
    assert_equal(layer(e, y), torch.zeros(B), "bits")
    assert layer.marginals(e).isfinite().all()


def test_half_precision_is_summed_in_float32() -> None:
    layer, y = CRF(L).bfloat16(), torch.zeros(T, B, dtype=torch.long)
    e = _emissions().bfloat16()
    full = copy.deepcopy(layer).float()
    assert_equal(layer(e, y), full(e.float(), y), "bits")
    assert_equal(layer.decode(e)[1], full.decode(e.float())[1], "bits")
    assert CRF(L).double()(e, y).dtype == torch.float64


def test_an_emission_of_minus_infinity_forbids_a_tag() -> None:
    layer, e = _crf(), _emissions()
    e[2, 0, 1] = e[0, 1, 0] = -INF
    e.requires_grad_()
    y = torch.tensor(layer.decode(e)[0]).t()
    assert y[2, 0] != 1
    assert y[0, 1] != 0
    marginals = layer.marginals(e)
    assert marginals[2, 0, 1] == 0
    assert_equal(marginals.sum(2), torch.ones(T, B, dtype=torch.float64), "output")
    paths = [p for p in _paths(layer, e[:, 0], None) if p.score > -INF]
    assert_equal(marginals[:, 0], _marginals(paths, T, L), "output")
    y[2, 0] = 1
    likelihoods = layer(e, y)
    assert likelihoods.isneginf().tolist() == [True, False, False]
    likelihoods[1:].sum().backward()
    assert e.grad is not None
    assert e.grad.isfinite().all()
    with pytest.raises(DataError, match="row 2: no sequence of 4 tags"):
        layer.decode(e.detach().index_fill(1, torch.tensor([2]), -INF))


@pytest.mark.parametrize("steps", [1, 3])
def test_one_tag_is_certain(steps: int) -> None:
    layer, e = _crf(1), _emissions(steps, 2, 1)
    assert_equal(layer(e, torch.zeros(steps, 2).long()), torch.zeros(2).double(), "output")
    assert_equal(layer.marginals(e), torch.ones_like(e), "bits")
    paths, scores = layer.decode(e)
    assert paths == [[0] * steps] * 2
    constant = layer.start + layer.end + (steps - 1) * layer.transitions[0]
    assert_equal(scores, (e.sum((0, 2)) + constant).detach(), "output")


def test_one_step_is_a_softmax() -> None:
    layer, e = _crf(), _emissions(1, B, L)
    expected = (e + layer.start + layer.end).log_softmax(2)
    assert_equal(layer.marginals(e), expected.exp(), "output")
    assert_equal(layer(e, torch.tensor([[0, 1, 2]])), expected[0].diagonal(), "output")


def test_no_rows_are_no_answers() -> None:
    layer, e = _crf(allowed=BIO), _emissions(T, 0, L)
    assert layer(e, torch.zeros(T, 0).long(), []).shape == (0,)
    assert layer.marginals(e).shape == (T, 0, L)
    paths, scores = layer.decode(e, [])
    assert (paths, scores.shape) == ([], (0,))


def test_scores_of_minus_infinity_are_constraints() -> None:
    layer, e, kept = _crf(allowed=BIO), _emissions(), torch.tensor([[0, 0, 1, 2]] * B).t()
    bare = CRF(L).double()
    bare.load_state_dict(layer.state_dict())
    with torch.no_grad():
        bare.start[~BIO.starts] = bare.transitions[~BIO.transitions] = -INF
    assert_equal(bare(e, kept), layer(e, kept), "bits")
    assert_equal(bare.marginals(e), layer.marginals(e), "bits")
    assert bare.decode(e)[0] == layer.decode(e)[0]
    broken = torch.tensor([[0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 2, 1]]).t()
    assert bare(e, broken).isneginf().tolist() == [False, True, True]


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_likelihood_is_positive(dtype: torch.dtype) -> None:
    layer = _crf().to(dtype)
    for scale in (1.0, 10.0, 1e5):  # to where the best path is all but certain
        e = scale * _emissions(9, 300, L, dtype=dtype)
        y = torch.tensor(layer.decode(e)[0]).t()
        assert layer(e, y).max() <= 0
