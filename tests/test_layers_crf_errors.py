"""What a conditional random field carries with it, compiles to, and refuses."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from tests import plain
from tests.tolerances import assert_equal
from torch import Tensor

import headgate
from headgate.errors import DataError, HeadgateError, ShapeError
from headgate.layers import CRF
from headgate.layers.tag_schemes import Constraints, constraints

T, B, L = 4, 3, 3
LENGTHS = [2, 4, 1]
BIO = constraints(["O", "B", "I"], "BIO")
E = torch.zeros(T, 2, L)
Y = torch.zeros(T, 2, dtype=torch.long)


def _crf(allowed: Constraints | None = None) -> CRF:
    layer = CRF(L, constraints=allowed).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=2.0)
    return layer


def _emissions() -> Tensor:
    return 2 * torch.randn(T, B, L, dtype=torch.float64)


def _tags(*rows: list[int]) -> Tensor:
    return torch.tensor(rows).t()


def test_constraints_follow_copies_but_are_no_weights() -> None:
    layer, e, y = _crf(BIO), _emissions(), torch.zeros(T, B).long()
    assert sorted(layer.state_dict()) == ["end", "start", "transitions"]
    fresh = CRF(L, constraints=BIO).double()
    fresh.load_state_dict(layer.state_dict())
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), fresh):
        assert_equal(twin(e, y), layer(e, y), "bits")
        assert twin.decode(e)[0] == layer.decode(e)[0]
        with pytest.raises(DataError, match="row 0, step 0"):
            twin(e, y + 2)
    assert not torch.equal(_crf()(e, y), layer(e, y))
    masks = Constraints(*(mask.clone() for mask in BIO))
    kept = CRF(L, constraints=masks)
    masks.starts.fill_(True)  # the layer has its own
    with pytest.raises(DataError, match="row 0, step 0"):
        kept(e, y + 2)
    assert repr(layer) == "CRF(3, constrained, batch_first=False)"
    assert headgate.CRF is CRF


def test_scores_start_small_and_differ() -> None:
    layer = CRF(20)
    for parameter in layer.parameters():
        assert 0.05 < parameter.abs().max() <= 0.1
    before = layer.transitions.clone()
    layer.reset_parameters()
    assert not torch.equal(layer.transitions, before)


def test_a_compiler_makes_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    plain.take_off_the_checks(monkeypatch)
    layer, e, y = _crf(BIO), _emissions(), torch.zeros(T, B).long()
    lengths = torch.tensor(LENGTHS)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    assert_equal(compiled(e, y, lengths), layer(e, y, lengths), "output")
    broken = y.index_fill(0, torch.tensor([0]), 2)
    assert compiled(e, broken, lengths).isneginf().all()
    marginals = torch.compile(layer.marginals, backend="eager", fullgraph=True)
    assert_equal(marginals(e, lengths), layer.marginals(e, lengths), "output")


WRONG: list[tuple[tuple[Any, ...], type[HeadgateError], str]] = [
    ((E[..., :2], Y), ShapeError, r"three axes, the last of 3 tags, not \(4, 2, 2\)"),
    ((E[0], Y), ShapeError, r"not \(2, 3\)"),
    ((E.long(), Y), ShapeError, r"floating-point scores, not torch.int64"),
    ((E[:0], Y[:0]), ShapeError, r"at least one step, but the emissions are \(0, 2, 3\)"),
    ((E, Y[:3]), ShapeError, r"\[T, B\] = \(4, 2\), not \(3, 2\)"),
    ((E, Y.t()), ShapeError, r"\[T, B\] = \(4, 2\), not \(2, 4\)"),
    ((E, Y.float()), ShapeError, "tags are integers, not torch.float32"),
    ((E, Y.bool()), ShapeError, "tags are integers, not torch.bool"),
    ((E, Y, [4]), ShapeError, "lengths are 2 integers"),
    ((E, Y, [4, 5]), ShapeError, "from 0 to the 4 steps of the input, not 5"),
    ((E, Y, [4, 0]), ShapeError, "row 1: a sequence has at least one step, but its length is 0"),
    ((E, _tags([0] * 4, [0, 0, 3, 0])), DataError, "row 1, step 2: a tag is from 0 to 2, not 3"),
    ((E, _tags([0] * 4, [0, -1, 3, 0])), DataError, "row 1, step 1: a tag is from 0 to 2, not -1"),
    ((E, _tags([0, 0, 0, 4], [5, 0, 0, 0])), DataError, "row 0, step 3: .*, not 4"),
    ((E, _tags([0] * 4, [2, 0, 0, 0])), DataError, "row 1, step 0: .* not begin with tag 2 under"),
    (
        (E, _tags([0, 1, 2, 0], [0, 1, 0, 2])),
        DataError,
        "row 1, step 3: tag 2 may not follow tag 0",
    ),
    ((E, _tags([0] * 4, [0, 1, 0, 0]), [4, 2]), DataError, "row 1, step 1: .* not end with tag 1"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
@pytest.mark.usefixtures("unchecked")
def test_wrong_arguments_are_named(
    arguments: tuple[Any, ...], error: type[HeadgateError], message: str
) -> None:
    allowed = BIO._replace(ends=torch.tensor([True, False, True]))
    with pytest.raises(error, match=message):
        CRF(L, constraints=allowed)(*arguments)
    swapped = tuple(a.transpose(0, 1) if isinstance(a, Tensor) else a for a in arguments)
    with pytest.raises(error):
        CRF(L, constraints=allowed, batch_first=True)(*swapped)


@pytest.mark.usefixtures("unchecked")
def test_wrong_sizes_and_constraints_are_named() -> None:
    with pytest.raises(ShapeError, match="tags is a positive integer, not 0"):
        CRF(0)
    with pytest.raises(ShapeError, match=r"allowed starts are booleans \(2,\) for 2 tags, not \(3"):
        CRF(2, constraints=BIO)
    with pytest.raises(ShapeError, match=r"allowed ends are .* not \(3,\) of torch.float32"):
        CRF(L, constraints=BIO._replace(ends=torch.ones(L)))
    with pytest.raises(DataError, match="the constraints allow no sequence"):
        CRF(L, constraints=BIO._replace(ends=torch.zeros(L, dtype=torch.bool)))
    with pytest.raises(ShapeError, match="the last of 3 tags"):
        CRF(L).decode(torch.zeros(T, 2, 4))
    with pytest.raises(ShapeError, match="row 0: a sequence has at least one step"):
        CRF(L).marginals(torch.zeros(T, 2, L), [0, 1])
