"""An adaptive softmax: a distribution over all ids, beside a twin of the definitions."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from tests.tolerances import assert_equal
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from headgate.errors import ShapeError
from headgate.models.adaptive import AdaptiveSoftmax, places_by_frequency

V, M = 12, 16
PLACES = torch.tensor([11, 0, 5, 1, 10, 2, 9, 3, 8, 4, 7, 6])


def head() -> AdaptiveSoftmax:
    return AdaptiveSoftmax(M, PLACES, [3, 7])


def twin(model: AdaptiveSoftmax, y: Tensor, token: int) -> Tensor:
    """One token of one row: its group's share times its share of the group."""
    place, ends, softmax = int(model.places[token]), [3, 7, V], model.softmax
    first = softmax.head(y).log_softmax(-1)
    if place < ends[0]:
        return first[place]
    group = next(g for g in (0, 1) if ends[g] <= place < ends[g + 1])
    own = softmax.tail[group](y).log_softmax(-1)
    return first[ends[0] + group] + own[place - ends[group]]


def test_it_is_the_distribution_of_the_definitions() -> None:
    model, y = head(), torch.randn(2, 5, M)
    found = model(y)
    assert found.shape == (2, 5, V)
    assert_equal(found.exp().sum(-1), torch.ones(2, 5), "output")
    for token in range(V):
        assert_equal(found[1, 3, token], twin(model, y[1, 3], token), "output")


@pytest.mark.parametrize("rows", [1, 5])
def test_the_nats_of_a_token_are_those_of_the_distribution(rows: int) -> None:
    model, y = head(), torch.randn(rows, 4, M)
    targets = torch.randint(V, (rows, 4))
    wanted = -model(y).gather(2, targets[..., None])[..., 0]
    assert_equal(model.nats(y, targets), wanted, "output")


def test_what_is_rare_has_few_weights() -> None:
    tails: Any = head().softmax.tail
    shapes = [tuple(part[1].weight.shape) for part in tails]
    assert shapes == [(4, M // 4), (5, M // 16)]


def test_places_fall_with_frequency() -> None:
    counts = torch.tensor([0, 7, 3, 9, 3])
    assert places_by_frequency(counts).tolist() == [4, 1, 2, 0, 3]


def test_a_running_mean_of_the_weights_leaves_the_places_alone() -> None:
    model, y = head(), torch.randn(3, M)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    for _ in range(5):
        average.update_parameters(model)
    assert_equal(average(y), model(y), "output")


def test_it_is_saved_copied_and_pickled() -> None:
    model, y, again = head(), torch.randn(3, M), head()
    again.load_state_dict(load(save(model.state_dict())))
    for other in (again, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_equal(other(y), model(y), "bits")


def test_new_ids_at_the_last_places_leave_the_old_ones_in_their_order() -> None:
    model, y = head(), torch.randn(3, M)
    places = torch.cat([PLACES, torch.tensor([12, 13])])
    larger = AdaptiveSoftmax(M, places, [3, 7])
    for name, old in model.state_dict().items():
        larger.state_dict()[name][tuple(map(slice, old.shape))] = old
    unchanged = torch.nonzero(PLACES < 7)[:, 0]  # whose groups have not grown
    assert_equal(larger(y)[:, unchanged], model(y)[:, unchanged], "output")


@pytest.mark.parametrize("cutoffs", [[], [0], [V], [5, 5], [7, 3]])
def test_cutoffs_must_rise_inside_the_vocabulary(cutoffs: list[int]) -> None:
    with pytest.raises(ShapeError, match=r"cutoffs rise from 1 at least to 11 at most"):
        AdaptiveSoftmax(M, PLACES, cutoffs)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match=r"2 cutoffs need 16 features at least.*reads 15"):
        AdaptiveSoftmax(15, PLACES, [3, 7])
    with pytest.raises(ShapeError, match="each of 0 to 11 once"):
        AdaptiveSoftmax(M, torch.zeros(V, dtype=torch.int64), [3])
